"""How good an output is: numbers that more than one method reports."""

import numpy as np


def accuracy(labels, logits, classes=None):
    """Part of the images whose class has the largest logit.

    Args:
        labels: integer array `(n,)`, class among all classes.
        logits: float array `(n, num_classes)`, of all classes.
        classes: `slice`. One part of the classes, to count the images of these
            classes only, and to decide by their logits only. Defaults to all.

    Returns:
        Float in [0, 1], or `None` if there is no image to count.

    Example:

    >>> labels = np.array([0, 1, 2])
    >>> logits = np.array([[2.0, 1.0, 9.0], [0.0, 1.0, 0.0], [0.0, 1.0, 3.0]])
    >>> keras_vipa.metrics.accuracy(labels, logits, slice(0, 2))
    1.0
    >>> keras_vipa.metrics.accuracy(labels, logits)
    0.6666666666666666
    """
    if classes is None:
        classes = slice(0, logits.shape[1])
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

    Example:

    >>> keras_vipa.metrics.agreement(np.eye(2), np.array([[3, 1], [2, 1]]))
    0.5
    """
    classes = slice(None) if classes is None else classes
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

    Example:

    >>> score = keras_vipa.metrics.by_part(
    ...     keras_vipa.metrics.accuracy, np.array([0, 1]),
    ...     [slice(0, 1), slice(1, 2)])
    >>> score(np.array([[3.0, 1.0], [2.0, 1.0]]))
    {'parts': [1.0, 1.0], 'joint': 0.5}
    """
    return lambda logits: {
        "parts": [measure(target, logits, part) for part in slices],
        "joint": measure(target, logits),
    }
