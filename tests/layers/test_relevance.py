"""What epsilon-LRP takes layers for: what they are, and not their names."""

import functools

import keras
import numpy as np
import pytest
from keras import layers
from keras import ops
from test_case import TestCase

from keras_vipa.layers import AttributionGradient
from keras_vipa.layers.relevance import is_elementwise
from keras_vipa.layers.relevance import relevance_model

pytestmark = pytest.mark.usefixtures("eager")


def named(name):
    """A layer of one's own that couples units, under a name of Keras's."""
    members = {"call": lambda self, x: ops.softmax(x), "activation": None}
    return type(name, (layers.Layer,), members)()


def relu(x):
    return ops.softmax(x)


def model_of(build, size=6):
    x = keras.Input((size, size, 3))
    return keras.Model(x, build(x))


class TestRefused:
    @pytest.mark.parametrize(
        "name",
        ["Normalization", "Maximum", "Multiply", "Relu", "Dense", "RandomFlip"]
        + ["LayerNormalization", "Pipeline", "Divide"],
    )
    def test_layers_of_a_known_name(self, name):
        with pytest.raises(ValueError, match=f"no rule .*{name}"):
            relevance_model(model_of(named(name)))

    @pytest.mark.parametrize(
        "make, title",
        [
            (lambda: relu, "Dense with relu"),
            (lambda: lambda z: z / ops.sum(z), "Dense with <lambda>"),
            (lambda: functools.partial(ops.softmax), "Dense with partial"),
            (lambda: "sparsemax", "Dense with sparsemax"),
            (lambda: layers.Activation("softmax"), "Dense with Activation"),
        ],
    )
    def test_activations(self, make, title):
        with pytest.raises(ValueError, match=title):
            relevance_model(model_of(layers.Dense(4, make())))

    @pytest.mark.tensorflow
    def test_functions_of_a_backend(self):
        import tensorflow as tf

        for function in (tf.nn.softmax, tf.nn.l2_normalize):
            with pytest.raises(ValueError, match="no rule .*Dense with"):
                relevance_model(model_of(layers.Dense(4, function)))
        assert is_elementwise(tf.nn.relu) and is_elementwise(tf.nn.gelu)

    def test_classes_that_call_something_else(self):
        class Dense(layers.Dense):
            def call(self, x):
                return ops.softmax(super().call(x))

        with pytest.raises(ValueError, match="no rule .*Dense"):
            relevance_model(model_of(Dense(4)))

        class Own(keras.Model):
            def call(self, x, training=None):
                return ops.softmax(super().call(x))

        x = keras.Input((6, 6, 3))
        with pytest.raises(ValueError, match="must be functional.* Own"):
            relevance_model(Own(x, layers.Dense(2)(x)))

    def test_elementwise_is_known(self):
        partial = functools.partial(keras.activations.relu, negative_slope=0.1)
        for function in (ops.relu, partial, layers.LeakyReLU(0.1)):
            assert is_elementwise(function)
        assert is_elementwise(layers.Activation("mish"))


class TestInference(TestCase):
    """On ReLU epsilon-LRP is gradient x input: nothing more is done."""

    def check(self, build):
        keras.utils.set_random_seed(0)
        model = model_of(build)
        images = np.random.default_rng(0).uniform(size=(2, 6, 6, 3))
        gradient = AttributionGradient(model)(images)
        layer = AttributionGradient(model, "epsilon_lrp", epsilon=1e-9)
        assert np.abs(gradient).max() > 0
        self.assert_all_close(layer(images), gradient, atol=1e-3)

    @pytest.mark.parametrize(
        "kind, options",
        [
            ("RandomFlip", {}),
            ("RandomRotation", {"factor": 0.5}),
            ("RandAugment", {}),
            ("MixUp", {}),
            ("GaussianNoise", {"stddev": 1.0}),
            ("AlphaDropout", {"rate": 0.5}),
            ("SpatialDropout2D", {"rate": 0.5}),
            ("ActivityRegularization", {"l1": 0.1}),
        ],
    )
    def test_layers_that_do_nothing(self, kind, options):
        layer = getattr(layers, kind)(**options)
        last = layers.Conv2D(3, 3, activation="relu")
        self.check(lambda x: last(layer(x)))

    def test_pipeline(self):
        pipeline = layers.Pipeline([layers.RandomFlip(), layers.Rescaling(2.0)])
        self.check(lambda x: layers.ReLU()(pipeline(x)))

    def test_normalization_that_was_called_in_training(self):
        """As a model does that is called in inference."""
        layer = layers.BatchNormalization()
        self.check(lambda x: layers.ReLU()(layer(x, training=True)))

    def test_models_called_twice(self):
        def build(x):
            y = keras.Input((6, 6, 3))
            same = {"padding": "same", "activation": "relu"}
            inner = keras.Model(y, layers.Conv2D(3, 3, **same)(y), name="inner")
            z = keras.Input((6, 6, 3))
            outer = keras.Model(z, inner(inner(z)) + z, name="outer")
            return outer(inner(outer(x)))

        self.check(build)
