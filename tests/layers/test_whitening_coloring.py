"""Whitening and colouring of the three colours of a picture."""

import keras
import numpy as np
import pytest
from keras import ops
from test_case import TestCase

from keras_vipa.layers import ColorCode
from keras_vipa.layers import WhiteningColoring
from keras_vipa.layers.whitening_coloring import color_moments


def pictures(count=2, size=(6, 7), seed=0):
    """Values in [0, 1] whose colours belong together."""
    generator = np.random.default_rng(seed)
    values = generator.random((count, *size, 3))
    mixed = values @ (0.2 * np.eye(3) + 0.8 / 3)
    return mixed.astype("float32")


def numpy_moments(picture):
    pixels = picture.reshape(-1, 3)
    return pixels.mean(axis=0), np.cov(pixels.T, bias=True)


def transformed(x, code, **options):
    kernel = ops.reshape(code[:, :9], (-1, 1, 1, 3, 3))
    y = WhiteningColoring(**options)(x, kernel, code[:, 9:])
    return ops.convert_to_numpy(y)


class TestWhiteningColoring(TestCase):
    @pytest.mark.tensorflow
    def test_life_cycle(self):
        self.run_layer_test(
            WhiteningColoring,
            {"epsilon": 1e-3},
            {
                "inputs": (2, 6, 7, 3),
                "kernel": (2, 1, 1, 3, 3),
                "bias": (2, 3),
            },
            (2, 6, 7, 3),
            expected_num_trainable_weights=0,
            run_training=False,
        )

    def test_float16_of_a_large_picture(self):
        """More pixels than float16 can count."""
        x = np.random.default_rng(0).random((1, 256, 260, 3))
        x = x.astype("float32")
        code = ColorCode()(x)
        low = ColorCode(dtype="mixed_float16")(x)
        self.assert_all_close(
            keras.ops.cast(low, "float32"), code, atol=2e-3, rtol=2e-3
        )
        kernel, bias = np.eye(3)[None, None, None], np.full((1, 3), 0.5)
        exact = WhiteningColoring()(x, kernel, bias)
        low = WhiteningColoring(dtype="mixed_float16")(x, kernel, bias)
        self.assert_all_close(
            keras.ops.cast(low, "float32"), exact, atol=1e-2, rtol=1e-2
        )

    @pytest.mark.tensorflow
    def test_life_cycle_of_code(self):
        self.run_layer_test(
            ColorCode,
            {"epsilon": 1e-3},
            (2, 6, 7, 3),
            (2, 12),
            expected_num_trainable_weights=0,
            run_training=False,
        )

    def test_against_numpy(self):
        x = pictures()
        generator = np.random.default_rng(1)
        kernel = generator.normal(size=(2, 1, 1, 3, 3)).astype("float32")
        bias = generator.normal(size=(2, 3)).astype("float32")
        actual = WhiteningColoring(epsilon=0.01)(x, kernel, bias)
        for row in range(2):
            mean, covariance = numpy_moments(x[row])
            factor = np.linalg.cholesky(covariance + 0.01 * np.eye(3))
            white = np.linalg.solve(factor, (x[row].reshape(-1, 3) - mean).T)
            expected = white.T @ kernel[row, 0, 0] + bias[row]
            np.testing.assert_allclose(
                actual[row], expected.reshape(6, 7, 3), atol=1e-4
            )

    def test_result_has_the_moments_of_the_style(self):
        x, style = pictures(), pictures(size=(5, 4), seed=1)
        code = ColorCode(epsilon=1e-7)(style)
        y = transformed(x, code, epsilon=1e-7)
        for actual, expected in zip(y, style):
            for one, other in zip(
                numpy_moments(actual), numpy_moments(expected)
            ):
                np.testing.assert_allclose(one, other, atol=1e-5)

    def test_no_tint_of_a_style_without_colors(self):
        grey = pictures(1)[..., :1].repeat(3, axis=-1)
        y = np.asarray(transformed(pictures(1, seed=1), ColorCode()(grey)))
        assert np.ptp(y, axis=-1).max() < 1.5 / 255
        assert np.ptp(y, axis=(1, 2)).min() > 0.3

    def test_own_colors_change_nothing(self):
        x = pictures()
        code = ColorCode(epsilon=1e-4)(x)
        np.testing.assert_allclose(transformed(x, code), x, atol=1e-4)

    def test_order_of_pixels_does_not_matter(self):
        x, code = pictures(), ColorCode()(pictures(seed=1))
        flipped = transformed(x[:, ::-1], code)
        np.testing.assert_allclose(
            flipped[:, ::-1], transformed(x, code), atol=1e-5
        )

    def test_given_moments(self):
        x, code = pictures(), ColorCode()(pictures(seed=1))
        part = x[:, :3]
        kernel = ops.reshape(code[:, :9], (-1, 1, 1, 3, 3))
        moments = color_moments(x)
        y = WhiteningColoring()(part, kernel, code[:, 9:], moments)
        whole = transformed(x, code)
        np.testing.assert_allclose(y, whole[:, :3], atol=1e-5)
        assert np.abs(transformed(part, code) - whole[:, :3]).max() > 0.01

    @pytest.mark.parametrize("value", [0.0, 1.0])
    def test_flat_pictures_stay_flat(self, value):
        x = np.full((1, 4, 4, 3), value, "float32")
        style = pictures(1)
        y = transformed(x, ColorCode()(style))
        mean = style.mean(axis=(1, 2), keepdims=True)
        np.testing.assert_allclose(y, np.broadcast_to(mean, y.shape), atol=1e-5)

    def test_grey_picture(self):
        """Nothing but the luminance is there to be blown up."""
        x = np.repeat(pictures()[..., :1], 3, axis=-1)
        y = transformed(x, ColorCode()(pictures(seed=1)))
        assert np.isfinite(y).all() and np.abs(y).max() < 2


def test_color_code_by_hand():
    # Red is 0 or 2, green half of it, blue 0.25: covariance of red and green
    # 1, 0.5 and 0.25, so that L has the rows (1, 0, 0), (0.5, 0, 0), 0.
    pixels = [[0.0, 0.0, 0.25], [2.0, 1.0, 0.25]]
    picture = np.array(pixels, "float32").reshape(1, 1, 2, 3)
    code = keras.ops.convert_to_numpy(ColorCode(epsilon=1e-8)(picture))[0]
    expected = [1.0, 0.5, 0, 0, 0, 0, 0, 0, 0, 1.0, 0.5, 0.25]
    np.testing.assert_allclose(code, expected, atol=1e-3)


@pytest.mark.parametrize("layer", [ColorCode, WhiteningColoring])
@pytest.mark.parametrize("epsilon", [None, "", -1, np.nan, np.inf, [1e-4]])
def test_wrong_epsilon(layer, epsilon):
    with pytest.raises(ValueError, match="`epsilon` must be.*Received: eps"):
        layer(epsilon=epsilon)


@pytest.mark.parametrize(
    "name, value, match",
    [
        # Three pictures of four channels are four of three to a reshape.
        ("inputs", np.ones((3, 4, 4, 4), "float32"), "axis -1 of input"),
        ("inputs", np.ones((4, 4, 3), "float32"), "expected ndim=4"),
        ("kernel", np.ones((3, 3, 3), "float32"), "`kernel` must be of shape"),
        ("kernel", None, "`kernel` must be a tensor"),
        ("bias", np.ones((3, 1), "float32"), "`bias` must be of shape"),
        ("moments", (1, 2), "`moments` must be a pair"),
    ],
)
def test_what_does_not_fit(name, value, match):
    given = {
        "inputs": pictures(3),
        "kernel": np.ones((3, 1, 1, 3, 3), "float32"),
        "bias": np.ones((3, 3), "float32"),
    }
    with pytest.raises(ValueError, match=match):
        WhiteningColoring()(**{**given, name: value})
    if name == "inputs":
        with pytest.raises(ValueError, match=match):
            ColorCode()(value)
