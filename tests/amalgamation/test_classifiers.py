"""Features and logits of classifiers, found in their graphs."""

import keras
import numpy as np
import pytest
from keras import layers
from keras import ops
from test_case import TestCase

from keras_vipa.amalgamation.classifiers import fitted
from keras_vipa.amalgamation.classifiers import tapped


def images(size=8, channels=3, count=3):
    generator = np.random.default_rng(0)
    return generator.random((count, size, size, channels), "float32")


def body():
    x = keras.Input((8, 8, 3))
    y = layers.Conv2D(4, 3, activation="relu", name="first")(x)
    y = layers.Conv2D(6, 3, activation="relu", name="second")(y)
    return x, y


def classifier(*end):
    x, y = body()
    y = layers.GlobalAveragePooling2D(name="mean")(y)
    for layer in end:
        y = layer(y)
    return keras.Model(x, y)


ENDS = {
    "linear": lambda: [layers.Dense(5, name="scores")],
    "argument": lambda: [layers.Dense(5, activation="softmax", name="scores")],
    "activation": lambda: [
        layers.Dense(5, name="scores"),
        layers.Activation("softmax"),
    ],
    "layer": lambda: [layers.Dense(5, name="scores"), layers.Softmax()],
    "function": lambda: [
        layers.Dense(5, name="scores"),
        keras.activations.softmax,
    ],
    "operation": lambda: [
        layers.Dense(5, name="scores"),
        ops.sigmoid,
        layers.Activation("linear", dtype="float32"),
    ],
}


class TestLogits(TestCase):
    @pytest.mark.parametrize("end", ENDS)
    def test_what_makes_probabilities_is_left_out(self, end):
        model = classifier(*ENDS[end]())
        view = tapped(model)
        dense = model.get_layer("scores")
        features = keras.Model(model.input, model.get_layer("mean").output)
        kernel, bias = dense.get_weights()
        expected = ops.convert_to_numpy(features(images())) @ kernel + bias
        self.assert_all_close(view(images())["logits"], expected)
        # The classifier itself still has its end.
        after = ops.convert_to_numpy(model(images()))
        assert (end == "linear") or after.min() >= 0

    def test_probabilities_made_in_another_way(self):
        x, y = body()
        powers = ops.exp(layers.Dense(4)(layers.Flatten()(y)))
        model = keras.Model(x, powers / ops.sum(powers, axis=-1, keepdims=True))
        with pytest.raises(ValueError, match="teacher_2, which returns prob"):
            tapped(model, name="teacher_2")


class TestTap(TestCase):
    def test_last_map(self):
        model = classifier(*ENDS["argument"]())
        first = keras.Model(model.input, model.get_layer("second").output)
        self.assert_all_close(
            tapped(model)(images())["features"], first(images())
        )

    def test_maps_of_one_place_are_no_maps(self):
        x, y = body()
        y = layers.GlobalAveragePooling2D(keepdims=True)(y)
        y = layers.Reshape((5,))(layers.Conv2D(5, 1)(y))
        view = tapped(keras.Model(x, y))
        assert view.output["features"].shape == (None, 4, 4, 6)

    @pytest.mark.parametrize("end", ["linear", "argument", "activation"])
    def test_vectors_for_want_of_maps(self, end):
        flat = layers.Flatten()(keras.Input((4, 4, 3), name="pictures"))
        hidden = layers.Dense(7, activation="relu")(flat)
        y = hidden
        for layer in ENDS[end]():
            y = layer(y)
        model = keras.Model(flat._keras_history.operation.input, y)
        view = tapped(model)
        expected = keras.Model(model.input, hidden)(images(4))
        self.assert_all_close(view(images(4))["features"], expected)

    def test_named_and_nested(self):
        inner = keras.Model(*body(), name="encoder")
        x = keras.Input((8, 8, 3))
        y = layers.Dense(5)(layers.GlobalAveragePooling2D()(inner(x)))
        model = keras.Model(x, y)
        for tap in ("first", "encoder/first"):
            features = tapped(model, tap).output["features"]
            assert features.shape == (None, 6, 6, 4)
        assert tapped(model).output["features"].shape == (None, 4, 4, 6)

    @pytest.mark.parametrize("tap", ["third", "", 3])
    def test_no_such_layer(self, tap):
        with pytest.raises(ValueError, match=r"layers of model are .*'second'"):
            tapped(classifier(*ENDS["linear"]()), tap)

    def test_what_is_no_classifier(self):
        x, y = body()
        with pytest.raises(ValueError, match="must return class scores"):
            tapped(keras.Model(x, y))
        vector = keras.Input((4,))
        with pytest.raises(ValueError, match="must take one image"):
            tapped(keras.Model(vector, layers.Dense(2)(vector)))


class TestFitted(TestCase):
    def test_nothing_to_do(self):
        x = images()
        assert fitted(x, (8, 8, 3)) is x
        assert fitted(x, (None, None, 3)) is x

    def test_size(self):
        """Means of four, but for the border, that others weigh in."""
        plane = np.arange(64, dtype="float32").reshape(1, 8, 8, 1)
        half = ops.convert_to_numpy(fitted(plane, (4, 4, 1)))[0, ..., 0]
        expected = plane.reshape(4, 2, 4, 2).mean(axis=(1, 3))
        np.testing.assert_allclose(half[1:-1, 1:-1], expected[1:-1, 1:-1], 1e-5)

    @pytest.mark.parametrize("size", [(4, 12), (5, 5), (8, 3), (16, 7)])
    def test_sizes_as_by_keras(self, size):
        expected = ops.image.resize(images(), size, antialias=True)
        self.assert_all_close(fitted(images(), (*size, 3)), expected)

    @pytest.mark.tensorflow
    def test_gradients_and_xla(self):
        import tensorflow as tf

        @tf.function(jit_compile=True)
        def gradient(x):
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = tf.reduce_sum(fitted(x, (5, 11, 3)))
            return tape.gradient(y, x)

        # Each pixel of the small image weighs 1.
        total = tf.reduce_sum(gradient(tf.constant(images()[:1])))
        assert float(total) == pytest.approx(5 * 11 * 3, rel=1e-4)

    def test_channels(self):
        grey = ops.convert_to_numpy(fitted(images(), (8, 8, 1)))
        expected = images() @ np.array([[0.299], [0.587], [0.114]], "float32")
        np.testing.assert_allclose(grey, expected, atol=1e-6)
        three = ops.convert_to_numpy(fitted(grey, (8, 8, 3)))
        assert three.shape == (3, 8, 8, 3) and (three == grey).all()
