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

    Raises:
        ValueError: If the two are not tensors of numbers of one shape.

    Example:

    >>> error = keras_vipa.losses.squared_error(
    ...     np.array([[1.0, 2.0]]), np.array([[1.0, 4.0]]))
    >>> keras.ops.convert_to_numpy(error).tolist()
    [2.0]
    """
    try:
        target, output = (ops.cast(x, "float32") for x in (target, output))
    except Exception as error:
        raise ValueError(
            "`target` and `output` must be tensors of numbers. Received: "
            f"{type(target).__name__} and {type(output).__name__}"
        ) from error
    if not _fit(tuple(target.shape), tuple(output.shape)):
        raise ValueError(
            "`target` and `output` must be tensors (batch, ..., channels) of "
            f"one shape. Received: {target.shape} and {output.shape}"
        )
    return ops.mean(ops.square(target - output), axis=-1)


def _fit(one, other):
    """Whether two shapes, maybe not known yet, are of things to compare."""
    if len(one) != len(other) or not one or 0 in (one[-1], other[-1]):
        return False
    return all(a == b or None in (a, b) for a, b in zip(one, other))
