"""Terms of losses that more than one method uses."""

from keras import ops


def squared_error(target, output):
    """Squared difference, a mean over the last axis.

    In float32, whatever the precision of the two.

    Args:
        target: tensor `(batch, ..., channels)`.
        output: tensor of the same shape.

    Returns:
        A tensor `(batch, ...)`.

    Example:

    >>> error = keras_vipa.losses.squared_error(
    ...     np.array([[1.0, 2.0]]), np.array([[1.0, 4.0]]))
    >>> keras.ops.convert_to_numpy(error).tolist()
    [2.0]
    """
    target, output = (ops.cast(x, "float32") for x in (target, output))
    return ops.mean(ops.square(target - output), axis=-1)
