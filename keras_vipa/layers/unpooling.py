"""Pooling that remembers where its maxima were, and its reverse."""

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable(package="keras_vipa")
class MaxPoolingWithIndices2D(keras.layers.Layer):
    """Maximum of each window of 2 x 2, and its place in the window.

    In operations that every backend and LiteRT have; of equal values in a
    window the first one wins, as in TensorFlow. Where many are equal, as after
    a ReLU, that says little: pool before the activation, which does not change
    what comes out.

    Args:
        **kwargs: arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: tensor `(batch, height, width, channels)` of even height and
            width.

    Returns:
        A list `[pooled, indices]` of tensors `(batch, height / 2, width / 2,
        channels)`; the indices are int32: 0 and 1 for the upper row of a
        window, 2 and 3 for the lower one.

    Raises:
        ValueError: If the inputs have another rank, or an odd side.

    Example:

    >>> x = np.array([[1.0, 5.0], [3.0, 2.0]])[None, :, :, None]
    >>> pooled, indices = keras_vipa.layers.MaxPoolingWithIndices2D()(x)
    >>> float(pooled[0, 0, 0, 0]), int(indices[0, 0, 0, 0])
    (5.0, 1)
    """

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.input_spec = keras.layers.InputSpec(ndim=4)

    def call(self, inputs):
        _check_even(inputs.shape)
        pooled = ops.max_pool(
            inputs, 2, 2, padding="valid", data_format="channels_last"
        )
        # As pooling too, which is quicker than looking into the windows: of the
        # places that hold the maximum, the first one.
        is_largest = ops.stop_gradient(inputs) == _doubled(
            ops.stop_gradient(pooled)
        )
        places = ops.where(is_largest, 3.0 - _places(pooled), 0.0)
        first = ops.max_pool(
            places, 2, 2, padding="valid", data_format="channels_last"
        )
        indices = ops.cast(3.0 - first, "int32")
        return [pooled, indices]

    def compute_output_spec(self, inputs):
        _check_even(inputs.shape)
        batch, height, width, channels = inputs.shape
        shape = (batch, _half(height), _half(width), channels)
        return [
            keras.KerasTensor(shape, self.compute_dtype),
            keras.KerasTensor(shape, "int32"),
        ]


@keras.saving.register_keras_serializable(package="keras_vipa")
class MaxUnpooling2D(keras.layers.Layer):
    """Values back to the places that they were pooled from, zeros elsewhere.

    Args:
        **kwargs: arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: tensor `(batch, height, width, channels)`.
        indices: int32 tensor of the same shape, of a
            `MaxPoolingWithIndices2D`.

    Returns:
        A tensor `(batch, 2 * height, 2 * width, channels)`.

    Example:

    >>> x, indices = np.full((1, 1, 1, 1), 5.0), np.full((1, 1, 1, 1), 1)
    >>> y = keras_vipa.layers.MaxUnpooling2D()(x, indices)
    >>> keras.ops.convert_to_numpy(y)[0, :, :, 0].tolist()
    [[0.0, 5.0], [0.0, 0.0]]
    """

    def call(self, inputs, indices):
        here = _doubled(ops.cast(indices, "float32")) == _places(indices)
        return _doubled(inputs) * ops.cast(here, inputs.dtype)

    def compute_output_shape(self, inputs_shape, indices_shape):
        batch, height, width, channels = inputs_shape
        return (batch, _double(height), _double(width), channels)


def _doubled(x):
    """Each value in a window of 2 x 2."""
    return ops.repeat(ops.repeat(x, 2, axis=1), 2, axis=2)


def _places(pooled):
    """0 to 3, the place of each cell in its window, as float32."""
    height, width = ops.shape(pooled)[1:3]
    window = np.array([[0.0, 1.0], [2.0, 3.0]], "float32")
    return ops.tile(window, (height, width))[None, :, :, None]


def _half(side):
    return None if side is None else side // 2


def _double(side):
    return None if side is None else 2 * side


def _check_even(shape):
    if any(side is not None and side % 2 for side in shape[1:3]):
        raise ValueError(
            "Height and width must be even, for windows of 2 x 2. Received: "
            f"shape={tuple(shape)}"
        )
