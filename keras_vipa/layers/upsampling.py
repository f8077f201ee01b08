"""Enlarging by two, in operations that every runtime has."""

import keras
from keras import ops

from keras_vipa.utils import checks

INTERPOLATIONS = ("nearest", "bilinear")


@keras.saving.register_keras_serializable(package="keras_vipa")
class DoubleSize2D(keras.layers.Layer):
    """Double height and width, also where they are not known beforehand.

    The values of `keras.layers.UpSampling2D(2)`, which, with open height and
    width, cannot be converted to built-in LiteRT operations.

    Args:
        interpolation: string. `"nearest"` or `"bilinear"`.
        **kwargs: arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: tensor `(batch, height, width, channels)`.

    Returns:
        A tensor `(batch, 2 * height, 2 * width, channels)`.

    Raises:
        ValueError: If `interpolation` is unknown, or the inputs have another
            rank.

    Example:

    >>> x = keras.ops.reshape(keras.ops.arange(2.0), (1, 1, 2, 1))
    >>> doubled = keras_vipa.layers.DoubleSize2D("bilinear")(x)
    >>> keras.ops.convert_to_numpy(doubled)[0, 0, :, 0].tolist()
    [0.0, 0.25, 0.75, 1.0]
    """

    is_linear = True

    def __init__(self, interpolation="nearest", **kwargs):
        super().__init__(**kwargs)
        checks.choice("interpolation", interpolation, INTERPOLATIONS)
        self.interpolation = interpolation
        self.input_spec = keras.layers.InputSpec(ndim=4)

    def call(self, inputs):
        if self.interpolation == "nearest":
            return _to_space([inputs] * 4)
        corners = [
            corner
            for row in _between(inputs, axis=1)
            for corner in _between(row, axis=2)
        ]
        return _to_space(corners)

    def compute_output_shape(self, input_shape):
        batch, height, width, channels = input_shape
        height = None if height is None else 2 * height
        width = None if width is None else 2 * width
        return (batch, height, width, channels)

    def get_config(self):
        return {**super().get_config(), "interpolation": self.interpolation}


def _to_space(corners):
    """The four values of each cell as a cell of 2 x 2."""
    return ops.depth_to_space(
        ops.concatenate(corners, axis=-1), 2, data_format="channels_last"
    )


def _between(x, axis):
    """Values a quarter of a cell before and after each cell's centre."""
    first, last = [slice(None)] * 4, [slice(None)] * 4
    first[axis], last[axis] = slice(0, 1), slice(-1, None)
    inner, outer = [slice(None)] * 4, [slice(None)] * 4
    inner[axis], outer[axis] = slice(0, -1), slice(1, None)
    before = ops.concatenate([x[tuple(first)], x[tuple(inner)]], axis=axis)
    after = ops.concatenate([x[tuple(outer)], x[tuple(last)]], axis=axis)
    return 0.75 * x + 0.25 * before, 0.75 * x + 0.25 * after
