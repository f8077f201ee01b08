import keras
import numpy as np
import pytest
from test_case import TestCase

from keras_vipa.layers import ReflectionPadding2D


def images(height=5, width=6):
    return np.random.normal(size=(2, height, width, 3)).astype("float32")


def padded(x, padding):
    sides = [(0, 0), (padding, padding), (padding, padding), (0, 0)]
    return np.pad(x, sides, mode="reflect")


class TestReflectionPadding2D(TestCase):
    @pytest.mark.parametrize("padding", [0, 1, 2, 3, 4])
    def test_formula(self, padding):
        x = images()
        y = keras.ops.convert_to_numpy(ReflectionPadding2D(padding)(x))
        np.testing.assert_array_equal(y, padded(x, padding))

    def test_by_hand(self):
        x = np.array([[1, 2, 3], [4, 5, 6], [7, 8, 9]], "float32")
        y = ReflectionPadding2D(2)(x[None, :, :, None])
        # Left of 1 come 2 and then 3; above the first row the second and then
        # the third.
        expected = np.array(
            [
                [9, 8, 7, 8, 9, 8, 7],
                [6, 5, 4, 5, 6, 5, 4],
                [3, 2, 1, 2, 3, 2, 1],
                [6, 5, 4, 5, 6, 5, 4],
                [9, 8, 7, 8, 9, 8, 7],
                [6, 5, 4, 5, 6, 5, 4],
                [3, 2, 1, 2, 3, 2, 1],
            ],
            "float32",
        )
        self.assert_all_close(y, expected[None, :, :, None])

    def test_open_sizes(self):
        inputs = keras.Input((None, None, 3))
        model = keras.Model(inputs, ReflectionPadding2D(2)(inputs))
        assert model.output.shape == (None, None, None, 3)
        for sides in ((3, 7), (6, 4)):
            x = images(*sides)
            self.assert_all_close(model.predict(x, verbose=0), padded(x, 2))

    def test_one_open_side(self):
        inputs = keras.Input((None, 4, 3))
        assert ReflectionPadding2D(3)(inputs).shape == (None, None, 10, 3)

    @pytest.mark.parametrize("padding", [-1, 1.0, "same", (1, 1), None, True])
    def test_padding_is_an_integer_of_at_least_0(self, padding):
        with pytest.raises(ValueError, match="`padding` must be an integer"):
            ReflectionPadding2D(padding)

    def test_inputs_of_another_rank(self):
        with pytest.raises(ValueError, match="expected ndim=4, found ndim=3"):
            ReflectionPadding2D(1)(images(6, 6)[0])

    @pytest.mark.parametrize("sides", [(3, 6), (6, 3), (2, 2)])
    def test_picture_must_be_larger_than_the_padding(self, sides):
        with pytest.raises(ValueError, match="must be larger than 3 on each"):
            ReflectionPadding2D(3)(images(*sides))

    @pytest.mark.parametrize("padding", [0, 2])
    def test_life_cycle(self, padding):
        self.run_layer_test(
            ReflectionPadding2D,
            init_kwargs={"padding": padding},
            input_shape=(2, 5, 4, 3),
            expected_output_shape=(2, 5 + 2 * padding, 4 + 2 * padding, 3),
            expected_num_trainable_weights=0,
            run_training=False,
        )
