"""Attribution maps of many images, and agreement with captum."""

import pathlib

import keras
import numpy as np
import pytest
from keras import layers
from keras import ops
from test_case import TestCase

from keras_vipa.layers import AttributionGradient
from keras_vipa.transferability import ModelSpace
from keras_vipa.transferability import attribution_maps
from keras_vipa.transferability import gradient_curves

FIXTURE = pathlib.Path(__file__).parent / "captum_fixture.npz"


@pytest.fixture(scope="module")
def captum():
    with np.load(FIXTURE) as file:
        return dict(file)


@pytest.fixture(scope="module")
def networks(captum):
    return {name: small_network(captum, name) for name in ("relu", "tanh")}


def small_network(arrays, activation):
    """The network of `captum_fixture.py`."""
    x = keras.Input((12, 12, 3))
    first = layers.Conv2D(5, 3, activation=activation, name="first")
    second = layers.Conv2D(6, 3, activation=activation, name="second")
    y = second(layers.AveragePooling2D(2)(first(x)))
    y = layers.Dense(4, name="last")(layers.GlobalAveragePooling2D()(y))
    model = keras.Model(x, y)
    for name in ("first", "second", "last"):
        weights = [
            arrays[f"{activation}/{name}/{w}"] for w in ("kernel", "bias")
        ]
        model.get_layer(name).set_weights(weights)
    return model


class TestCaptum(TestCase):
    @pytest.mark.parametrize("activation", ["relu", "tanh"])
    @pytest.mark.parametrize(
        "method, atol",
        [
            ("saliency", 1e-7),
            ("gradient_x_input", 1e-7),
            ("epsilon_lrp", 1e-7),
            ("integrated_gradients", 1e-6),
        ],
    )
    def test_agrees(self, captum, networks, activation, method, atol):
        model = networks[activation]
        images = captum[f"{activation}/images"]
        maps = attribution_maps(model, images, method, 1, epsilon=0.01)
        expected = captum[f"{activation}/{method}"]
        self.assert_all_close(maps, expected, atol=atol, rtol=1e-3)
        assert np.abs(expected).max() > 10 * atol


def network(shape=(None, None, 3)):
    x = keras.Input(shape)
    y = layers.Conv2D(4, 3, activation="relu")(x)
    return keras.Model(x, layers.GlobalAveragePooling2D()(y), name="small")


def pictures(count=7, size=8):
    generator = np.random.default_rng(0)
    return generator.integers(0, 256, (count, size, size, 3)).astype("uint8")


class TestMaps(TestCase):
    @pytest.fixture
    def model(self):
        return network()

    @pytest.mark.parametrize("batch_size", [3, 100])
    def test_batches(self, model, batch_size):
        """Of levels, as of images in [0, 1]."""
        maps = attribution_maps(model, pictures(), batch_size=batch_size)
        assert maps.dtype == "float32"
        images = pictures() / np.float32(255)
        expected = AttributionGradient(model, "gradient_x_input")(images)
        self.assert_all_close(maps, expected)

    @pytest.mark.tensorflow
    def test_reductions(self, model):
        maps = attribution_maps(model, pictures())
        for reduction, expected in (
            ("mean", maps.mean(axis=-1)),
            ("sum", maps.sum(axis=-1)),
            ("max", np.abs(maps).max(axis=-1)),
        ):
            actual = attribution_maps(model, pictures(), reduction=reduction)
            self.assert_all_close(actual, expected)

    def test_a_class_of_each_image(self, model):
        classes = np.array([0, 3, 0, -1, 0, 3, -4])
        maps = attribution_maps(model, pictures(), target=classes, batch_size=3)
        for unit in (0, 3):
            expected = attribution_maps(model, pictures(), target=unit)
            chosen = classes % 4 == unit
            self.assert_all_close(maps[chosen], expected[chosen])

    @pytest.mark.tensorflow
    def test_xla(self, model):
        self.assert_all_close(
            attribution_maps(model, pictures(), jit_compile=True),
            attribution_maps(model, pictures()),
        )

    @pytest.mark.tensorflow
    def test_progress_at_any_size(self, model, capsys):
        images = pictures(4, 11)
        assert attribution_maps(model, images).shape == (4, 11, 11, 3)
        assert capsys.readouterr().out == ""
        attribution_maps(model, images, batch_size=2, verbose=1)
        assert "4/4" in capsys.readouterr().out


@pytest.mark.tensorflow
class TestErrors:
    @pytest.mark.parametrize(
        "images, message",
        [
            (pictures()[0], r"`images` must be.*\(8, 8, 3\)"),
            (pictures()[:0], r"`images` must be.*\(0, 8, 8, 3\)"),
            (pictures().astype("int64"), "`images` must be.*int64"),
            (pictures(2, 9), r"must be \(8, 8, 3\) for 'small'.*\(2, 9, 9"),
            (pictures()[..., :1], r"must be \(8, 8, 3\) for.*\(7, 8, 8, 1\)"),
            (np.full((2, 8, 8, 3), np.nan), "maps of 'small' by .* not finite"),
        ],
    )
    def test_images(self, images, message):
        with pytest.raises(ValueError, match=message):
            attribution_maps(network((8, 8, 3)), images)

    @pytest.mark.parametrize(
        "options, message",
        [
            ({"reduction": "median"}, "`reduction` must be.*'median'"),
            ({"target": [0, 1]}, r"each of 7 images. .*shape \(2,"),
            ({"target": 7 * [0.5]}, "whole number for each.*float64"),
            ({"target": 6 * [0] + [4]}, "the 4 units.*0 to 4"),
            ({"target": 4}, "one of the 4 units.*target=4"),
            ({"batch_size": 0}, "`batch_size` must be.*0"),
            ({"method": "lime"}, "`method` must be one of"),
        ],
    )
    def test_options(self, options, message):
        with pytest.raises(ValueError, match=message) as error:
            attribution_maps(network(), pictures(), **options)
        assert "\n" not in str(error.value)

    def test_no_way_to_the_output(self):
        x = keras.Input((8, 8, 3))
        model = keras.Model(x, keras.ops.stop_gradient(x))
        message = "must depend on the input by"
        with pytest.raises(ValueError, match=message) as error:
            attribution_maps(model, pictures())
        assert "\n" not in str(error.value)


def softmax_by_hand(y):
    powers = ops.exp(y - ops.max(y, axis=-1, keepdims=True))
    return powers / ops.sum(powers, axis=-1, keepdims=True)


@pytest.mark.usefixtures("eager")
class TestSumsThatAreConstant:
    """Of their maps nothing is left but rounding."""

    @pytest.mark.parametrize(
        "end",
        [
            lambda y: layers.Softmax()(y),
            lambda y: layers.Activation("softmax")(y),
            lambda y: layers.Dense(5, activation="softmax")(y),
            lambda y: keras.activations.softmax(y),
            lambda y: layers.Lambda(softmax_by_hand)(y),
            lambda y: softmax_by_hand(y),
            lambda y: layers.Rescaling(3.0)(ops.softmax(y)),
            lambda y: layers.Softmax(dtype="float16")(y),
            lambda y: [layers.Softmax()(y), layers.LayerNormalization()(y)],
            lambda y: y - ops.mean(y, axis=-1, keepdims=True),
        ],
    )
    def test_ends(self, end):
        body = network((8, 8, 3))
        model = keras.Model(body.input, end(body.output), name="sums")
        message = "'sums' sum to the same for every image.*target=None"
        for function in (attribution_maps, gradient_curves):
            with pytest.raises(ValueError, match=message) as error:
                function(model, pictures())
        assert "\n" not in str(error.value)
        space = ModelSpace(pictures(), measures=["cka", "maps"])
        with pytest.raises(ValueError, match="Network 'a': .*'sums' sum"):
            space.add("a", model)
        assert space.names == []
        space = ModelSpace(pictures(), measures=["cka"])
        space.add("a", model)

    def test_targets(self):
        x = keras.Input((8, 8, 3))
        y = layers.GroupNormalization(4)(network().layers[1](x))
        model = keras.Model(x, y)
        for target in (1, lambda y: ops.sum(y, axis=(1, 2, 3))):
            with pytest.raises(ValueError, match="sum to the same"):
                attribution_maps(model, pictures(), target=target)
        y = layers.Softmax()(network()(x))
        for target in (0, 7 * [1], lambda y: ops.log(y)):
            maps = attribution_maps(
                keras.Model(x, y), pictures(), target=target
            )
            assert np.abs(maps).max() > 1e-6

    @pytest.mark.parametrize("activation", ["relu", "sigmoid", "tanh", "elu"])
    def test_others(self, activation):
        body = network((8, 8, 3))
        y = layers.Activation(activation)(body.output)
        maps = attribution_maps(keras.Model(body.input, y), pictures())
        assert np.abs(maps).max() > 1e-6


# Those of which epsilon-LRP was tried.
APPLICATIONS = [
    "VGG16",
    "ResNet50V2",
    "MobileNetV2",
    "MobileNetV3Small",
    "EfficientNetB0",
    "DenseNet121",
    "ConvNeXtTiny",
    "EfficientNetV2B0",
    "Xception",
    "InceptionV3",
]


@pytest.mark.slow
@pytest.mark.parametrize("name", APPLICATIONS)
def test_applications(name):
    """Finite maps of the networks of Keras, which compute what they did."""
    make = getattr(keras.applications, name)
    model = make(weights=None, include_top=False, input_shape=(96, 96, 3))
    if name == "ConvNeXtTiny":
        # Its last normalization, untrained, makes outputs that sum to 0.
        gamma = model.layers[-1].gamma
        gamma.assign(np.linspace(0.5, 1.5, gamma.shape[0]))
    images = pictures(2, 96) / np.float32(255)
    layer = AttributionGradient(model, "epsilon_lrp", epsilon=1e-9)
    expected = keras.ops.convert_to_numpy(model(images, training=False))
    actual = keras.ops.convert_to_numpy(layer._forward(images))
    np.testing.assert_allclose(actual, expected, atol=1e-5, rtol=1e-3)
    maps = attribution_maps(model, images, "epsilon_lrp", epsilon=1e-9)
    assert np.isfinite(maps).all() and np.abs(maps).max() > 0
