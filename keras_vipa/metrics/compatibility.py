"""How well scores tell outfits that belong together from others."""

import numpy as np

from keras_vipa.utils import checks


def fill_in_accuracy(scores):
    """Return how often the first of some choices has the highest score.

    Args:
        scores: float array `(questions, choices)`; the first choice of each is
            the right one.

    Returns:
        Float in [0, 1]. Of several that are equally high, one is chosen by
        lot: two of them count as a half.

    Raises:
        ValueError: If `scores` is not as above.

    Example:

    >>> keras_vipa.metrics.fill_in_accuracy([[3, 1, 2], [1, 1, 0], [0, 1, 0]])
    0.5
    """
    rule = "`scores` must be numbers (questions, choices)"
    scores = checks.array("scores", scores, rule, ndim=2).astype("float64")
    if np.isnan(scores).any():
        checks.fail(rule, "scores", scores)
    is_best = scores == scores.max(axis=1, keepdims=True)
    return float(np.mean(is_best[:, 0] / is_best.sum(axis=1)))


def compatibility_auc(right, wrong):
    """Return how often what is right has a higher score than what is wrong.

    That is the area under the ROC curve, by all pairs; equal scores count as
    a half.

    Args:
        right: float array `(n,)`, scores of outfits that belong together.
        wrong: float array `(m,)`, scores of others.

    Returns:
        Float in [0, 1].

    Raises:
        ValueError: If an argument is not as above.

    Example:

    >>> keras_vipa.metrics.compatibility_auc([3.0, 2.0], [1.0, 2.0])
    0.875
    """
    rule = "`right` and `wrong` must be numbers (n,)"
    right = checks.array("right", right, rule, ndim=1).astype("float64")
    wrong = checks.array("wrong", wrong, rule, ndim=1).astype("float64")
    for name, scores in (("right", right), ("wrong", wrong)):
        if np.isnan(scores).any():
            checks.fail(rule, name, scores)
    ordered = np.sort(wrong)
    below = np.searchsorted(ordered, right, "left")
    equal = np.searchsorted(ordered, right, "right") - below
    return float(np.mean(below + 0.5 * equal) / len(wrong))
