"""How good an output is: numbers that more than one method reports."""

import numpy as np

from keras_vipa.utils import checks


def accuracy(labels, logits, classes=None):
    """Part of the images whose class has the largest logit.

    Args:
        labels: integer array `(n,)`, class among all classes.
        logits: float array `(n, num_classes)`, of all classes.
        classes: `slice`. One part of the classes, to count the images of these
            classes only, and to decide by their logits only. Defaults to all.

    Returns:
        Float in [0, 1], or `None` if there is no image to count.

    Raises:
        ValueError: If an argument is not as above, or the arrays do not fit
            together.

    Example:

    >>> labels = np.array([0, 1, 2])
    >>> logits = np.array([[2.0, 1.0, 9.0], [0.0, 1.0, 0.0], [0.0, 1.0, 3.0]])
    >>> keras_vipa.metrics.accuracy(labels, logits, slice(0, 2))
    1.0
    >>> keras_vipa.metrics.accuracy(labels, logits)
    0.6666666666666666
    """
    logits = _logits("logits", logits)
    classes = _part(classes, logits.shape[1])
    labels = _labels(labels, *logits.shape)
    inside = (labels >= classes.start) & (labels < classes.stop)
    if not inside.any():
        return None
    decisions = logits[inside, classes].argmax(axis=1) + classes.start
    return float(np.mean(decisions == labels[inside]))


def agreement(target, logits, classes=None):
    """Part of the images on which two networks decide for the same class.

    Args:
        target: float array `(n, num_classes)`, logits of one network, or of
            several side by side.
        logits: float array `(n, num_classes)`, those of the other.
        classes: `slice`. One part of the classes, to decide by their logits
            only. Defaults to all.

    Returns:
        Float in [0, 1].

    Raises:
        ValueError: If an argument is not as above, or the arrays do not fit
            together, or there is no image.

    Example:

    >>> keras_vipa.metrics.agreement(np.eye(2), np.array([[3, 1], [2, 1]]))
    0.5
    """
    target, logits = _logits("target", target), _logits("logits", logits)
    if target.shape != logits.shape or not len(logits):
        raise ValueError(
            "`target` and `logits` must be logits of the same images, one or "
            f"more. Received: shapes {target.shape} and {logits.shape}"
        )
    classes = _part(classes, logits.shape[1])
    one, other = (x[:, classes].argmax(axis=1) for x in (target, logits))
    return float(np.mean(one == other))


def by_part(measure, target, slices):
    """A measure within each part of the classes, and among all of them.

    Args:
        measure: `accuracy` or `agreement`.
        target: labels or logits, what `measure` takes first.
        slices: list of `slice`. The parts.

    Returns:
        A function of logits `(n, num_classes)`, which returns a dict of
        `parts`, a list of floats, and `joint`, a float.

    Raises:
        ValueError: If `measure` or `slices` is not as above.

    Example:

    >>> score = keras_vipa.metrics.by_part(
    ...     keras_vipa.metrics.accuracy, np.array([0, 1]),
    ...     [slice(0, 1), slice(1, 2)])
    >>> score(np.array([[3.0, 1.0], [2.0, 1.0]]))
    {'parts': [1.0, 1.0], 'joint': 0.5}
    """
    if not callable(measure):
        rule = "`measure` must be a function, such as `accuracy`"
        checks.fail(rule, "measure", measure)
    is_list = isinstance(slices, list | tuple)
    if not is_list or not all(isinstance(part, slice) for part in slices):
        checks.fail("`slices` must be a list of slices", "slices", slices)
    return lambda logits: {
        "parts": [measure(target, logits, part) for part in slices],
        "joint": measure(target, logits),
    }


def _logits(name, values):
    rule = f"`{name}` must be an array (n, num_classes) of numbers"
    array = checks.array(name, values, rule, 2, "fiu", allow_empty=True)
    if not array.shape[1]:
        checks.fail(rule, name, array)
    # Not a number is never the largest, and always decided for.
    missing = np.isnan(array.astype("float64")).sum()
    if missing:
        raise ValueError(
            f"`{name}` must be numbers. Received: {missing} that are NaN"
        )
    return array


def _labels(values, count, num_classes):
    rule = (
        f"`labels` must be whole numbers from 0 to {num_classes - 1}, one for "
        f"each of {count} images"
    )
    # None at all are of no kind.
    kinds = "iu" if count else "iuf"
    array = checks.array("labels", values, rule, 1, kinds, allow_empty=True)
    wrong = len(array) != count
    if wrong or (count and not 0 <= array.min() <= array.max() < num_classes):
        checks.fail(rule, "labels", array)
    return array


def _part(classes, num_classes):
    """The slice with both ends."""
    if classes is None:
        return slice(0, num_classes)
    if isinstance(classes, slice):
        try:
            start, stop, step = classes.indices(num_classes)
        except TypeError:
            # Ends that are no integers.
            start, stop, step = 0, 0, 0
        is_inside = classes.stop is None or classes.stop == stop
        if start < stop and step == 1 and is_inside:
            return slice(start, stop)
    rule = f"`classes` must be a slice of some of {num_classes} classes"
    checks.fail(rule, "classes", classes)
