import keras
import numpy as np
import pytest
from test_case import TestCase

from keras_vipa.layers import DoubleSize2D


def images(height=4, width=5):
    return np.random.normal(size=(2, height, width, 3)).astype("float32")


class TestDoubleSize2D(TestCase):
    def test_nearest_repeats(self):
        x = images()
        y = keras.ops.convert_to_numpy(DoubleSize2D()(x))
        expected = np.repeat(np.repeat(x, 2, axis=1), 2, axis=2)
        np.testing.assert_array_equal(y, expected)

    def test_bilinear_by_hand(self):
        # The centres of the new cells lie a quarter of a cell beside the old
        # ones. Rows: 0, 0.25 * 4 = 1, 0.75 * 4 = 3, 4. Columns add
        # 0, 0.25 * 8 = 2, 0.75 * 8 = 6, 8.
        x = np.array([[0, 8], [4, 12]], "float32")
        expected = np.array(
            [[0, 2, 6, 8], [1, 3, 7, 9], [3, 5, 9, 11], [4, 6, 10, 12]],
            "float32",
        )
        y = DoubleSize2D("bilinear")(x[None, :, :, None])
        self.assert_all_close(y, expected[None, :, :, None])

    @pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
    @pytest.mark.parametrize("sides", [(4, 5), (1, 3), (1, 1), (7, 2)])
    def test_equals_the_layer_of_keras(self, interpolation, sides):
        x = images(*sides)
        expected = keras.layers.UpSampling2D(2, interpolation=interpolation)(x)
        self.assert_all_close(DoubleSize2D(interpolation)(x), expected)

    @pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
    def test_a_constant_stays(self, interpolation):
        x = np.full((1, 3, 3, 2), 7.0, "float32")
        y = DoubleSize2D(interpolation)(x)
        self.assert_all_close(y, np.full((1, 6, 6, 2), 7.0))

    @pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
    def test_open_sizes(self, interpolation):
        layer = DoubleSize2D(interpolation)
        inputs = keras.Input((None, None, 3))
        model = keras.Model(inputs, layer(inputs))
        assert model.output.shape == (None, None, None, 3)
        for sides in ((4, 5), (2, 3)):
            x = images(*sides)
            self.assert_all_close(model.predict(x, verbose=0), layer(x))

    def test_one_open_side(self):
        inputs = keras.Input((None, 4, 3))
        assert DoubleSize2D()(inputs).shape == (None, None, 8, 3)

    @pytest.mark.parametrize("interpolation", ["bicubic", None, 2, ["nearest"]])
    def test_unknown_interpolation(self, interpolation):
        with pytest.raises(ValueError, match="`interpolation` must be one of"):
            DoubleSize2D(interpolation)

    def test_inputs_of_another_rank(self):
        with pytest.raises(ValueError, match="expected ndim=4, found ndim=3"):
            DoubleSize2D()(images()[0])

    @pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
    def test_life_cycle(self, interpolation):
        self.run_layer_test(
            DoubleSize2D,
            init_kwargs={"interpolation": interpolation},
            input_shape=(2, 3, 4, 5),
            expected_output_shape=(2, 6, 8, 5),
            expected_num_trainable_weights=0,
            run_training=False,
        )
