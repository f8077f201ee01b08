import keras
import numpy as np
import pytest
from test_case import TestCase

from keras_vipa import export
from keras_vipa.layers import MaxPoolingWithIndices2D
from keras_vipa.layers import MaxUnpooling2D


def array(x):
    return keras.ops.convert_to_numpy(x)


def images(height=4, width=6, channels=3, seed=0):
    generator = np.random.default_rng(seed)
    return generator.normal(size=(2, height, width, channels)).astype("float32")


def loop(x):
    """Maxima and their places, window by window; the first of equal ones."""
    batch, height, width, channels = x.shape
    pooled = np.zeros((batch, height // 2, width // 2, channels), "float32")
    indices = np.zeros(pooled.shape, "int32")
    for b, i, j, c in np.ndindex(pooled.shape):
        window = x[b, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2, c].ravel()
        indices[b, i, j, c] = window.argmax()
        pooled[b, i, j, c] = window.max()
    return pooled, indices


class TestMaxPoolingWithIndices2D(TestCase):
    @pytest.mark.parametrize("sides", [(4, 6), (2, 2), (8, 2)])
    def test_against_a_loop(self, sides):
        x = images(*sides)
        for found, expected in zip(MaxPoolingWithIndices2D()(x), loop(x)):
            np.testing.assert_array_equal(array(found), expected)

    def test_the_first_of_equal_values(self):
        x = np.round(images(16, 16))
        pooled, indices = MaxPoolingWithIndices2D()(x)
        np.testing.assert_array_equal(array(indices), loop(x)[1])
        zeros = np.zeros((1, 4, 4, 1), "float32")
        assert not array(MaxPoolingWithIndices2D()(zeros)[1]).any()

    def test_odd_sides(self):
        with pytest.raises(ValueError, match="must be even"):
            MaxPoolingWithIndices2D()(images(5, 4))

    @pytest.mark.parametrize("sides", [(4, 6), (None, None), (None, 6)])
    def test_shapes(self, sides):
        inputs = keras.Input((*sides, 3))
        pooled, indices = MaxPoolingWithIndices2D()(inputs)
        halves = tuple(side and side // 2 for side in sides)
        assert pooled.shape == indices.shape == (None, *halves, 3)
        assert indices.dtype == "int32"
        model = keras.Model(inputs, [pooled, indices])
        for found, expected in zip(
            model.predict(images(), verbose=0), loop(images())
        ):
            np.testing.assert_array_equal(found, expected)

    def test_life_cycle(self):
        self.run_layer_test(
            MaxPoolingWithIndices2D,
            init_kwargs={},
            input_shape=(2, 4, 6, 3),
            expected_output_shape=[(2, 2, 3, 3), (2, 2, 3, 3)],
            expected_num_trainable_weights=0,
            run_training=False,
        )


class TestMaxUnpooling2D(TestCase):
    def test_maxima_stay_in_place(self):
        x = images()
        pooled, indices = MaxPoolingWithIndices2D()(x)
        y = array(MaxUnpooling2D()(pooled, indices))
        np.testing.assert_array_equal(y[y != 0], x[y != 0])
        again, _ = loop(np.where(y == 0, -np.inf, y))
        np.testing.assert_array_equal(again, array(pooled))
        # One value in each window.
        assert (y != 0).sum() == array(pooled).size

    @pytest.mark.tensorflow
    def test_gradients_are_those_of_a_scatter(self):
        import tensorflow as tf

        x = tf.constant(np.round(2 * images(8, 8)))

        def ours(x):
            pooled, indices = MaxPoolingWithIndices2D()(x)
            return MaxUnpooling2D()(pooled**2, indices)

        def scattered(x):
            pooled, places = tf.nn.max_pool_with_argmax(
                x, 2, 2, "VALID", include_batch_in_index=True
            )
            flat = tf.reshape(places, (-1, 1))
            values = tf.reshape(pooled**2, (-1,))
            y = tf.scatter_nd(flat, values, [tf.size(x, tf.int64)])
            return tf.reshape(y, x.shape)

        found = []
        for function in (ours, scattered):
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = function(x)
            found.append((y, tape.gradient(y, x)))
        self.assert_all_close(*found)

    @pytest.mark.tensorflow
    def test_in_litert(self, tmp_path):
        inputs = keras.Input((4, 6, 3))
        pooled, indices = MaxPoolingWithIndices2D()(inputs)
        outputs = MaxUnpooling2D()(pooled, indices)
        model = keras.Model(inputs, outputs)
        path = export.to_litert(model, tmp_path / "model.tflite")
        expected = model.predict(images(), verbose=0)
        np.testing.assert_array_equal(
            export.run_litert(path, images()), expected
        )

    def test_life_cycle(self):
        generator = np.random.default_rng(0)
        shape = (2, 2, 3, 4)
        self.run_layer_test(
            MaxUnpooling2D,
            init_kwargs={},
            input_shape={"inputs": shape, "indices": shape},
            input_data={
                "inputs": generator.random(shape, "float32"),
                "indices": generator.integers(0, 4, shape).astype("int32"),
            },
            expected_output_shape=(2, 4, 6, 4),
            expected_num_trainable_weights=0,
            run_training=False,
        )
