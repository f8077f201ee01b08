"""Some of the classes held out, as if they had never been seen."""

import dataclasses

import numpy as np

from keras_vipa.utils import checks


@dataclasses.dataclass
class Part:
    """Samples of some of the classes.

    Args:
        chosen: boolean array, which of all samples.
        labels: integer array, rows of `signatures`.
        signatures: float array `(classes, attributes)`.
    """

    chosen: np.ndarray
    labels: np.ndarray
    signatures: np.ndarray


def draw_classes(count, share, seed):
    """Numbers of a random part of the classes, two or more, sorted.

    Example:

    >>> draw_classes(10, 0.2, 0).tolist()
    [4, 6]
    """
    chosen = np.random.default_rng(seed).permutation(count)
    return np.sort(chosen[: max(2, round(share * count))])


def hold_out(labels, signatures, held):
    """Part samples and signatures into those of kept and of held-out classes.

    Attributes that are constant among the kept classes are left out, since
    nothing can be learnt of them. Held-out classes that are equal are one,
    since nobody could tell them apart.

    Args:
        labels: integer array `(n,)`, rows of `signatures`.
        signatures: float array `(classes, attributes)`.
        held: integers, numbers of the classes to hold out.

    Returns:
        Pair of `Part`, of the kept and of the held-out classes.

    Raises:
        ValueError: If labels are no rows of `signatures`, fewer than two
            classes are kept, or fewer than two different ones held out.

    Example:

    >>> signatures = np.array([[0, 0], [0, 1], [1, 0], [1, 1.0]])
    >>> kept, held = hold_out(np.array([0, 1, 2, 3, 3]), signatures, [1, 2])
    >>> kept.labels.tolist(), held.labels.tolist()
    ([0, 1, 1], [0, 1])
    """
    signatures = np.asarray(signatures)
    count = len(signatures)
    rule = f"`labels` must be classes from 0 to {count - 1}"
    labels = checks.array("labels", labels, rule, 1, "iu")
    if labels.min() < 0 or labels.max() >= count:
        checks.fail(rule, "labels", labels)
    rule = f"`held` must be of {count} classes two that differ, and leave two, "
    rule += "or more"
    held = np.unique(checks.array("held", held, rule, 1, "iu"))
    kept = np.setdiff1d(np.arange(count), held)
    if len(kept) < 2 or len(kept) + len(held) != count:
        checks.fail(rule, "held", held.tolist())
    told = signatures[kept]
    differs = (told != told[0]).any(axis=0)
    told, new = told[:, differs], signatures[held][:, differs]
    new, back = np.unique(new, axis=0, return_inverse=True)
    if len(new) < 2 or not differs.any():
        checks.fail(rule, "held", held.tolist())
    is_held = np.isin(labels, held)
    place = np.searchsorted(kept, labels[~is_held])
    new_place = back.ravel()[np.searchsorted(held, labels[is_held])]
    return Part(~is_held, place, told), Part(is_held, new_place, new)


def first_equal(rows):
    """Numbers of the first pair of equal rows, or `None`.

    Example:

    >>> first_equal([[1, 2], [0, 0], [1, 2]])
    (0, 2)
    """
    _, first, back = np.unique(
        rows, axis=0, return_index=True, return_inverse=True
    )
    first = first[np.ravel(back)]
    same = np.flatnonzero(first != np.arange(len(rows)))
    return (int(first[same[0]]), int(same[0])) if len(same) else None
