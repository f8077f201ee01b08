"""Terms of losses that more than one method uses."""

import math

from keras import ops

from keras_vipa.utils import checks

# Of the authors' program for common feature learning.
BANDWIDTHS = (0.001, 0.01, 0.05, 0.1, 0.2, 1.0, 2.0)
# Of the median of the squared distances, or the mean in the authors' program.
FACTORS = (0.25, 0.5, 1.0, 2.0, 4.0)
# Squared distances of unit vectors that are rounding errors of float32.
NO_DISTANCE = 1e-6


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
    target, output = _as_pair(target, output)
    return ops.mean(ops.square(target - output), axis=-1)


def soft_cross_entropy(target, output, temperature=1.0):
    """Cross-entropy of the classes that a teacher holds for likely.

    `-T^2 sum(softmax(target / T) log softmax(output / T))`, in float32; the
    factor keeps the gradients of one size at all temperatures.

    Args:
        target: tensor `(batch, ..., classes)`. Logits of the teacher.
        output: tensor of the same shape. Logits of the student.
        temperature: float. More than 1 for softer targets.

    Returns:
        A tensor `(batch, ...)`.

    Raises:
        ValueError: If the two are not tensors of numbers of one shape, or
            `temperature` is not positive.

    Example:

    >>> loss = keras_vipa.losses.soft_cross_entropy(
    ...     np.zeros((1, 2)), np.zeros((1, 2)))
    >>> round(float(loss[0]), 4)
    0.6931
    """
    temperature = checks.number("temperature", temperature, above=True)
    target, output = _as_pair(target, output)
    probabilities = ops.softmax(target / temperature, axis=-1)
    scores = ops.log_softmax(output / temperature, axis=-1)
    return -(temperature**2) * ops.sum(probabilities * scores, axis=-1)


def scale_invariant_error(target, output, balance=0.5):
    """Error of logarithms, of which a common factor counts less.

    With `d = log output - log target`, over the places where the target is
    positive and finite, in float32:

        mean(d^2) - balance * mean(d)^2

    Args:
        target: tensor `(batch, ...)`. Positive numbers, such as a depth; others
            say that nothing is known there.
        output: tensor of the same shape, of positive numbers, which are taken
            for at least 1e-6.
        balance: float in [0, 1]. 1 for an error that does not see the scale.

    Returns:
        A tensor `(batch,)`, 0 where nothing is known.

    Raises:
        ValueError: If the two are not tensors of numbers of one shape, or
            `balance` is not as above.

    Example:

    >>> depth = np.array([[1.0, 2.0, 4.0]])
    >>> error = keras_vipa.losses.scale_invariant_error(depth, 2 * depth)
    >>> round(float(error[0]), 4), round(0.5 * float(np.log(2)) ** 2, 4)
    (0.2402, 0.2402)

    Reference:
        Eigen, Puhrsch, Fergus. "Depth Map Prediction from a Single Image using
        a Multi-Scale Deep Network". NeurIPS 2014.
        https://arxiv.org/abs/1406.2283
    """
    balance = checks.number("balance", balance, most=1.0)
    target, output = _as_pair(target, output)
    known = ops.logical_and(target > 0.0, ops.isfinite(target))
    safe = ops.where(known, target, 1.0)
    difference = ops.log(ops.maximum(output, 1e-6)) - ops.log(safe)
    difference = ops.where(known, difference, 0.0)
    axes = tuple(range(1, len(target.shape)))
    count = ops.maximum(ops.sum(ops.cast(known, "float32"), axis=axes), 1.0)
    mean = ops.sum(difference, axis=axes) / count
    square = ops.sum(ops.square(difference), axis=axes) / count
    return square - balance * ops.square(mean)


def cosine_error(target, output):
    """One less the cosine of the angle between vectors, in float32.

    Args:
        target: tensor `(batch, ..., channels)`. Vectors, such as normals, of
            any length but 0.
        output: tensor of the same shape.

    Returns:
        A tensor `(batch, ...)` in [0, 2].

    Raises:
        ValueError: If the two are not tensors of numbers of one shape.

    Example:

    >>> error = keras_vipa.losses.cosine_error(
    ...     np.array([[3.0, 0.0]]), np.array([[0.0, 2.0]]))
    >>> float(error[0])
    1.0
    """
    one, other = map(_normalized, _as_pair(target, output))
    return 1.0 - ops.sum(one * other, axis=-1)


def maximum_mean_discrepancy(target, output, bandwidths=BANDWIDTHS):
    """How differently two sets of features are distributed.

    Each feature is one vector per sample, of length 1 (or 0). With a kernel
    that is a sum of Gaussians,

        k(a, b) = sum_s exp(-|a - b|^2 / (2 s^2))
        MMD^2   = mean k(x, x') + mean k(y, y') - 2 mean k(x, y)

    over all pairs, those of a sample with itself included. In float32, whatever
    the precision of the features: the narrowest kernels need it, and squares of
    distances under 1e-6 count as 0. It compares
    sets, not samples: their order does not matter. It also depends on the size
    of the batch, which should be 32 or more: a Gaussian that is too narrow for
    any two samples adds `2 / batch` and no gradient.

    Args:
        target: tensor `(batch, ...)`. One set of features.
        output: tensor `(batch, ...)`. The other; of each sample as many
            numbers.
        bandwidths: tuple of floats, the `s` of the Gaussians; or `"median"`:
            then `2 s^2` is 1/4, 1/2, 1, 2 and 4 times the median of the squared
            distances between the two sets.

    Returns:
        A scalar, from 0 on.

    Raises:
        ValueError: If the two are not tensors of numbers that fit together, or
            `bandwidths` is not as above.

    Example:

    >>> x = np.eye(3)
    >>> float(keras_vipa.losses.maximum_mean_discrepancy(x, x[::-1]))
    0.0
    """
    if bandwidths != "median":
        checks.positives("bandwidths", bandwidths)
    x, y = (_unit_vectors(features) for features in (target, output))
    if x.shape[1] != y.shape[1] or not x.shape[1]:
        raise ValueError(
            "`target` and `output` must have equally many numbers a sample. "
            f"Received: {x.shape[1]} and {y.shape[1]}"
        )
    between = _squared_distances(x, y)
    if bandwidths != "median":
        scales = [2.0 * width**2 for width in bandwidths]
    else:
        median = ops.maximum(ops.median(ops.stop_gradient(between)), 1e-6)
        scales = [factor * median for factor in FACTORS]

    def mean_kernel(squares):
        return ops.mean(sum(ops.exp(-squares / scale) for scale in scales))

    within = (mean_kernel(_squared_distances(z, z)) for z in (x, y))
    return ops.relu(sum(within) - 2.0 * mean_kernel(between))


def _unit_vectors(features):
    """Float32 `(batch, numbers)`, each row of length 1 or 0."""
    try:
        features = ops.cast(features, "float32")
    except Exception as error:
        raise ValueError(
            "`target` and `output` must be tensors of numbers. Received: "
            f"{type(features).__name__}"
        ) from error
    if len(features.shape) < 2:
        rule = "Features must be of shape (batch, ...)"
        checks.fail(rule, "shape", tuple(features.shape))
    flat = ops.reshape(features, (-1, math.prod(features.shape[1:])))
    return _normalized(flat)


def _normalized(x):
    """Vectors of length 1, and zeros, whose gradient is 0.

    By `ops.normalize` it is 1e12, or NaN under XLA.
    """
    squares = ops.sum(ops.square(x), axis=-1, keepdims=True)
    is_long = squares > 1e-24
    factors = ops.rsqrt(ops.where(is_long, squares, 1.0))
    return ops.where(is_long, x * factors, 0.0)


def _squared_distances(x, y):
    lengths = (ops.sum(ops.square(z), axis=-1) for z in (x, y))
    of_x, of_y = lengths
    products = ops.matmul(x, ops.transpose(y))
    squares = of_x[:, None] + of_y[None, :] - 2.0 * products
    return ops.where(squares < NO_DISTANCE, 0.0, squares)


def _as_pair(target, output):
    """Both in float32, if they are tensors of numbers of one shape."""
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
    return target, output


def _fit(one, other):
    """Whether two shapes, maybe not known yet, are of things to compare."""
    if len(one) != len(other) or not one or 0 in (one[-1], other[-1]):
        return False
    return all(a == b or None in (a, b) for a, b in zip(one, other))
