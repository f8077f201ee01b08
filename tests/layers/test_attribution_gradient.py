import keras
import numpy as np
import pytest
from keras import layers
from keras import ops
from test_case import TestCase

from keras_vipa.layers import AttributionGradient
from keras_vipa.layers import DoubleSize2D
from keras_vipa.layers import ReflectionPadding2D

METHODS = [
    "saliency",
    "gradient_x_input",
    "epsilon_lrp",
    "integrated_gradients",
]


def array(x):
    return ops.convert_to_numpy(x)


def images(count=3, size=8):
    generator = np.random.default_rng(0)
    return generator.uniform(-1, 1, (count, size, size, 3)).astype("float32")


def linear(units=4):
    """A dense layer on all pixels, and its kernel in the images' shape."""
    x = keras.Input((8, 8, 3))
    model = keras.Model(x, layers.Dense(units)(layers.Flatten()(x)))
    kernel = array(model.layers[-1].kernel)
    return model, kernel.reshape(8, 8, 3, units)


def network(activation="relu", use_bias=False, size=8, **options):
    """Two convolutions and normalizations, a shortcut, pooling, classes."""
    x = keras.Input((size, size, 3))
    convolution = {"padding": "same", "use_bias": use_bias}
    y = layers.Conv2D(6, 3, activation=activation, **convolution)(x)
    z = layers.Conv2D(6, 3, **convolution)(y)
    z = layers.BatchNormalization(center=use_bias)(z)
    z = layers.Activation(activation)(z)
    z = layers.MaxPooling2D(2)(layers.Add()([y, z]))
    z = layers.Dropout(0.5)(layers.GlobalAveragePooling2D()(z))
    return keras.Model(x, layers.Dense(4, use_bias=use_bias)(z), **options)


def maps_of(
    model, x, method="gradient_x_input", classes=None, steps=3, **options
):
    layer = AttributionGradient(model, method, steps=steps, **options)
    return array(layer(x) if classes is None else layer(x, classes))


@pytest.fixture(scope="module")
def biased():
    """A network that no test changes."""
    return network("silu", use_bias=True)


class TestLinear(TestCase):
    """Where everything can be worked out by hand."""

    @pytest.mark.parametrize("target", [0, -1])
    def test_a_unit(self, target):
        model, kernel = linear()
        x, weights = images(), kernel[..., target]
        for method, expected in (
            ("gradient", weights),
            ("saliency", np.abs(weights)),
        ):
            self.assert_all_close(
                maps_of(model, x, method, target=target),
                np.repeat(expected[None], 3, axis=0),
            )
        for method in METHODS[1:]:
            self.assert_all_close(
                maps_of(model, x, method, target=target), weights * x
            )

    def test_sum_of_outputs(self):
        model, kernel = linear()
        self.assert_all_close(
            maps_of(model, images()), kernel.sum(axis=-1) * images(), atol=1e-4
        )

    def test_a_class_of_each_image(self):
        model, kernel = linear()
        classes = np.array([2, 0, 2])
        expected = np.moveaxis(kernel, -1, 0)[classes] * images()
        self.assert_all_close(
            maps_of(model, images(), classes=classes), expected
        )

    def test_callable(self):
        model, kernel = linear()
        actual = maps_of(
            model, images(), target=lambda y: y[:, 0] - 2 * y[:, 1]
        )
        expected = (kernel[..., 0] - 2 * kernel[..., 1]) * images()
        self.assert_all_close(actual, expected)

    def test_baseline(self):
        model, kernel = linear()
        maps = maps_of(
            model, images(), "integrated_gradients", target=0, baseline=0.5
        )
        self.assert_all_close(maps, kernel[..., 0] * (images() - 0.5))


class TestRules(TestCase):
    """Slopes of epsilon-LRP, one unit by hand."""

    def relevance(self, build, x, epsilon=0.1, shape=(1, 1, 1)):
        inputs = keras.Input(shape)
        model = keras.Model(inputs, build(inputs))
        x = np.reshape(np.array(x, "float32"), (-1, *shape))
        maps = maps_of(model, x, "epsilon_lrp", epsilon=epsilon)
        return maps.reshape(len(x), -1).squeeze()

    @pytest.mark.parametrize(
        "name, function",
        [
            ("relu", lambda z: np.maximum(z, 0)),
            ("tanh", np.tanh),
            ("sigmoid", lambda z: 1 / (1 + np.exp(-z))),
            ("silu", lambda z: z / (1 + np.exp(-z))),
            ("elu", lambda z: np.where(z > 0, z, np.exp(np.minimum(z, 0)) - 1)),
        ],
    )
    def test_elementwise(self, name, function):
        x = np.array([-2.0, -0.3, 0.0, 0.4, 3.0])
        # z = 2 x, and epsilon has the sign of z, that of 0 being positive.
        z = 2 * x
        expected = x * 2 * function(z) / (z + np.where(z >= 0, 0.1, -0.1))
        dense = layers.Conv2D(
            1,
            1,
            use_bias=False,
            kernel_initializer=keras.initializers.Constant(2),
        )
        activation = layers.Activation(name)
        actual = self.relevance(lambda x: activation(dense(x)), x)
        self.assert_all_close(actual, expected, atol=1e-5)
        dense.activation = keras.activations.get(name)
        self.assert_all_close(self.relevance(dense, x), expected, atol=1e-5)

    def test_learnt_slope(self):
        x = np.array([-2.0, 0.5])
        layer = layers.PReLU(
            alpha_initializer=keras.initializers.Constant(0.25)
        )
        expected = x * np.array([0.25 * -2.0 / -2.1, 0.5 / 0.6])
        self.assert_all_close(self.relevance(layer, x), expected)

    def test_layers_that_say_they_are_linear(self):
        class Tripled(layers.Layer):
            is_linear = True

            def call(self, x):
                return 3 * x

        x = np.array([-2.0, 0.5])
        actual = self.relevance(
            lambda x: Tripled()(DoubleSize2D()(ReflectionPadding2D(0)(x))), x
        )
        self.assert_all_close(actual, 12 * x)

    def test_gate_of_a_model_of_any_size(self):
        x = keras.Input((None, None, 3))
        gate = layers.GlobalAveragePooling2D(keepdims=True)(x)
        y = layers.multiply([x, layers.Activation("sigmoid")(gate)])
        open_size = maps_of(keras.Model(x, y), images(2, 4), "epsilon_lrp")
        z = keras.Input((4, 4, 3))
        gate = layers.GlobalAveragePooling2D(keepdims=True)(z)
        y = layers.multiply([z, layers.Activation("sigmoid")(gate)])
        fixed = maps_of(keras.Model(z, y), images(2, 4), "epsilon_lrp")
        self.assert_all_close(open_size, fixed)

    def test_product_of_equals(self):
        x = np.array([-2.0, 0.5, 3.0])
        # x * (3 x): each has half of the relevance, all of it in the end.
        actual = self.relevance(lambda x: layers.multiply([x, 3 * x]), x)
        self.assert_all_close(actual, 3 * x**2)

    def test_gate_gets_nothing(self):
        x = images(2, 4)

        def build(x):
            gate = layers.GlobalAveragePooling2D(keepdims=True)(x)
            return layers.multiply([x, layers.Activation("sigmoid")(gate)])

        actual = self.relevance(build, x, shape=(4, 4, 3))
        gate = 1 / (1 + np.exp(-x.mean(axis=(1, 2), keepdims=True)))
        self.assert_all_close(actual, (x * gate).reshape(2, -1))

    def test_layer_normalization(self):
        x = images(2, 4)
        layer = layers.LayerNormalization()
        layer.build((None, 4, 4, 3))
        gamma = np.array([1.0, -2.0, 0.5])
        layer.set_weights([gamma, np.array([0.1, 0.2, 0.3])])
        actual = self.relevance(layer, x, shape=(4, 4, 3))
        deviation = np.sqrt(x.var(axis=-1, keepdims=True) + 1e-3)
        # d(sum of gamma (x - mean) / deviation)/dx with that deviation fixed.
        slope = (gamma - gamma.mean()) / deviation
        self.assert_all_close(actual, (slope * x).reshape(2, -1), atol=1e-5)

    def test_epsilon_takes_relevance_away(self):
        model = network(use_bias=False)
        total = array(model(images())).sum(axis=-1)
        sums = []
        for epsilon in (1e-7, 1e-2, 1.0):
            maps = maps_of(model, images(), "epsilon_lrp", epsilon=epsilon)
            sums.append(maps.sum(axis=(1, 2, 3)))
        self.assert_all_close(sums[0], total, atol=1e-4, rtol=1e-3)
        assert np.abs(sums[2] - total).max() > np.abs(sums[1] - total).max()


class TestAllMethods(TestCase):
    @pytest.mark.parametrize("method", METHODS[1:])
    def test_images_do_not_meet(self, method, biased):
        x = images()
        together = maps_of(biased, x, method)
        alone = maps_of(biased, x[1:2], method)
        self.assert_all_close(alone[0], together[1], atol=1e-5)
        assert np.abs(together).max() > 1e-3

    @pytest.mark.parametrize(
        "method",
        [
            "epsilon_lrp",
            pytest.param("integrated_gradients", marks=pytest.mark.tensorflow),
        ],
    )
    def test_layer_in_a_model(self, method, tmp_path, biased):
        x = images()
        inputs = keras.Input((8, 8, 3))
        maps = AttributionGradient(biased, method, target=2, steps=3)(inputs)
        explainer = keras.Model(inputs, maps)
        assert explainer.output_shape == (None, 8, 8, 3)
        expected = maps_of(biased, x, method, target=2)
        self.assert_all_close(
            explainer.predict(x, verbose=0), expected, atol=1e-5
        )
        assert len(explainer.weights) == len(biased.weights)
        explainer.save(tmp_path / "explainer.keras")
        loaded = keras.saving.load_model(tmp_path / "explainer.keras")
        self.assert_all_close(loaded(x), expected, atol=1e-5)

    def test_model_is_left_as_it_is(self, biased):
        x = images()
        before, weights = array(biased(x)), biased.get_weights()
        for method in METHODS:
            layer = AttributionGradient(biased, method, steps=1)
            layer(x)
            assert {id(w) for w in layer.weights} == {
                id(w) for w in biased.weights
            }
        self.assert_all_close(array(biased(x)), before)
        for one, other in zip(weights, biased.get_weights()):
            np.testing.assert_array_equal(one, other)
        # A layer of it can still be told its place.
        assert all(layer.output is not None for layer in biased.layers)

    def test_new_weights_are_used(self):
        model, x = network(use_bias=True), images()
        layer = AttributionGradient(model, "epsilon_lrp")
        before = array(layer(x))
        model.set_weights([1.5 * weight for weight in model.get_weights()])
        after = array(layer(x))
        assert np.abs(after - before).max() > 1e-3
        self.assert_all_close(after, maps_of(model, x, "epsilon_lrp"))


class TestMethods(TestCase):
    def test_relevance_is_gradient_x_input_on_relu(self, biased):
        model, x = network(use_bias=True), images()
        gradient = maps_of(model, x)
        relevance = maps_of(model, x, "epsilon_lrp", epsilon=1e-7)
        self.assert_all_close(relevance, gradient, atol=1e-4, rtol=1e-3)
        relevance = maps_of(biased, x, "epsilon_lrp", epsilon=1e-7)
        assert np.abs(relevance - maps_of(biased, x)).max() > 1e-2

    @pytest.mark.parametrize("method", ["gradient_x_input", "epsilon_lrp"])
    def test_sums_to_the_output_without_biases(self, method):
        model, x = network(use_bias=False), images()
        maps = maps_of(model, x, method, target=1, epsilon=1e-7)
        self.assert_all_close(
            maps.sum(axis=(1, 2, 3)), array(model(x))[:, 1], atol=1e-4
        )

    @pytest.mark.parametrize("activation, steps", [("relu", 128), ("tanh", 16)])
    def test_integrated_gradients_are_complete(self, activation, steps):
        model, x = network(activation, use_bias=True), images()
        inputs = keras.Input((8, 8, 3))
        layer = AttributionGradient(
            model, "integrated_gradients", target=1, baseline=0.3, steps=steps
        )
        # Compiled, since many steps in eager mode take long.
        maps = keras.Model(inputs, layer(inputs)).predict(x, verbose=0)
        start = array(model(np.full((1, 8, 8, 3), 0.3, "float32")))
        difference = (array(model(x)) - start)[:, 1]
        self.assert_all_close(
            maps.sum(axis=(1, 2, 3)), difference, atol=5e-3, rtol=1e-2
        )

    def test_saliency_is_the_gradient_without_sign(self, biased):
        x = images()
        self.assert_all_close(
            maps_of(biased, x, "saliency") * np.abs(x),
            np.abs(maps_of(biased, x)),
        )

    def test_models_in_models(self, biased):
        before = keras.Sequential(
            [keras.Input((8, 8, 3)), layers.Rescaling(2.0)]
        )
        x = keras.Input((8, 8, 3))
        outer = keras.Model(x, biased(before(x)))
        self.assert_all_close(
            maps_of(outer, images(), "epsilon_lrp"),
            maps_of(biased, 2 * images(), "epsilon_lrp"),
            atol=1e-5,
        )


@pytest.mark.tensorflow
class TestErrors:
    @pytest.mark.parametrize(
        "options, message",
        [
            ({"method": "grad_cam"}, "`method` must be one of.*'grad_cam'"),
            ({"target": "cat"}, "`target` must be.*'cat'"),
            ({"target": True}, "`target` must be.*True"),
            ({"epsilon": 0.0}, "`epsilon` must be .* above 0.*=0.0"),
            ({"steps": 0}, "`steps` must be an integer from 1.*=0"),
            ({"model": layers.Dense(2)}, "`model` must be a.*Dense"),
        ],
    )
    def test_options(self, options, message):
        with pytest.raises(ValueError, match=message):
            AttributionGradient(**{"model": linear()[0], **options})

    def test_several_inputs(self):
        x, y = keras.Input((4, 4, 3)), keras.Input((4, 4, 3))
        model = keras.Model([x, y], x + y, name="pair")
        with pytest.raises(ValueError, match="'pair' with 2 inputs"):
            AttributionGradient(model)

    def test_no_rule(self):
        x = keras.Input((8, 8, 3))
        y = layers.Dense(2, activation="softmax", name="last")(x)
        with pytest.raises(ValueError, match="'last' .Dense with softmax"):
            AttributionGradient(keras.Model(x, y), "epsilon_lrp")
        softmax = layers.Dense(2, activation=layers.Softmax(), name="end")
        with pytest.raises(ValueError, match="'end' .Dense with Softmax"):
            AttributionGradient(keras.Model(x, softmax(x)), "epsilon_lrp")
        y = layers.GroupNormalization(3, name="groups")(x)
        with pytest.raises(ValueError, match="'groups' .GroupNormalization"):
            AttributionGradient(keras.Model(x, y), "epsilon_lrp")
        AttributionGradient(keras.Model(x, y), "saliency")

    def test_subclassed(self):
        class Subclassed(keras.Model):
            def call(self, x):
                return x

        with pytest.raises(ValueError, match="must be functional.*Subcl"):
            AttributionGradient(Subclassed(), "epsilon_lrp")

    def test_unit_that_is_not_there(self):
        with pytest.raises(ValueError, match="one of the 4 units.*target=4"):
            AttributionGradient(linear()[0], target=4)
        x = keras.Input((4, 4, 3))
        model = keras.Model(x, [x, 2 * x], name="two")
        with pytest.raises(ValueError, match="one output.*'two' with outputs"):
            AttributionGradient(model, target=0)
        AttributionGradient(linear()[0], target=np.int64(3))

    def test_no_way_to_the_output(self):
        x = keras.Input((4, 4, 3))
        model = keras.Model(x, ops.stop_gradient(x))
        with pytest.raises(ValueError, match="must depend on the input"):
            AttributionGradient(model).call(images(1, 4))
