"""Terms of losses against numpy."""

import numpy as np
from keras import ops

from keras_vipa import losses


def test_squared_error():
    generator = np.random.default_rng(0)
    target, output = generator.normal(size=(2, 3, 4, 5)).astype("float32")
    error = ops.convert_to_numpy(losses.squared_error(target, output))
    expected = ((target - output) ** 2).mean(axis=-1)
    np.testing.assert_allclose(error, expected, rtol=1e-5)


def test_squared_error_in_half_precision():
    """The square of 300 is not infinite."""
    target = np.full((1, 2), 300, "float16")
    error = ops.convert_to_numpy(losses.squared_error(target, 0 * target))
    np.testing.assert_allclose(error, [90000.0])
