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


def parsing_scores(labels, logits, ignored=255):
    """How well the classes of pixels are told.

    Args:
        labels: integer array `(n, height, width)`.
        logits: float array `(n, height, width, num_classes)`.
        ignored: integer. The label of pixels that are not counted.

    Returns:
        Dict: `miou`, the mean over the classes that occur, in labels or
        decisions, of intersection by union; `pixel_accuracy`.

    Raises:
        ValueError: If the arrays do not fit together, a label is not one of the
            classes, or no pixel is counted.

    Example:

    >>> logits = np.eye(2)[None, None, [0, 1, 1]]
    >>> keras_vipa.metrics.parsing_scores(np.array([[[0, 1, 0]]]), logits)
    {'miou': 0.5, 'pixel_accuracy': 0.6666666666666666}
    """
    rule = "`logits` must be an array (n, height, width, classes) of numbers"
    logits = checks.array("logits", logits, rule, 4)
    rule = (
        "`labels` must be whole numbers, one for each pixel of "
        f"{logits.shape[:3]}, of {logits.shape[3]} classes or `ignored`"
    )
    labels = checks.array("labels", labels, rule, 3, "iu")
    if labels.shape != logits.shape[:3]:
        checks.fail(rule, "labels", labels)
    known = labels != ignored
    classes, decided = labels[known], logits.argmax(axis=-1)[known]
    count = logits.shape[3]
    if not classes.size or not 0 <= classes.min() <= classes.max() < count:
        checks.fail(rule, "labels", labels)
    pairs = np.bincount(
        count * classes.astype("int64") + decided, None, count**2
    )
    pairs = pairs.reshape(count, count)
    both = np.diag(pairs)
    either = pairs.sum(axis=0) + pairs.sum(axis=1) - both
    occurs = either > 0
    return {
        "miou": float((both[occurs] / either[occurs]).mean()),
        "pixel_accuracy": float(both.sum() / pairs.sum()),
    }


def depth_scores(target, output):
    """How well distances are told, over the pixels where they are known.

    Args:
        target: float array `(n, height, width)` or `(..., 1)`, in metres;
            0 or less, or not finite, where nothing is known.
        output: float array of the same shape.

    Returns:
        Dict: `abs_rel`, the mean of the error relative to the target; `rmse`,
        in the unit of the target; `delta_1`, the part of the pixels whose
        ratio to the target, or its inverse, is below 1.25.

    Raises:
        ValueError: If the arrays do not fit together, or no pixel is known.

    Example:

    >>> target, output = np.full((1, 1, 2), 2.0), np.array([[[2.0, 3.0]]])
    >>> scores = keras_vipa.metrics.depth_scores(target, output)
    >>> scores["abs_rel"], scores["delta_1"]
    (0.25, 0.5)
    """
    target, output = _maps(target, output)
    known = np.isfinite(target) & (target > 0)
    if not known.any():
        raise ValueError("`target` must be known somewhere. Received: nowhere")
    target, output = target[known], output[known]
    error = output - target
    ratio = np.maximum(output, 1e-6) / target
    return {
        "abs_rel": float(np.mean(np.abs(error) / target)),
        "rmse": float(np.sqrt(np.mean(error**2))),
        "delta_1": float(np.mean(np.maximum(ratio, 1 / ratio) < 1.25)),
    }


def normal_scores(target, output):
    """How well directions are told.

    Args:
        target: float array `(n, height, width, 3)`, of any lengths but 0.
        output: float array of the same shape.

    Returns:
        Dict: `mean_angle`, in degrees; `within_11` and `within_30`, the part of
        the pixels whose angle is below 11.25 and 30 degrees.

    Raises:
        ValueError: If the arrays do not fit together.

    Example:

    >>> up, mixed = np.eye(3)[[1, 1]], np.eye(3)[[1, 0]]
    >>> scores = keras_vipa.metrics.normal_scores(
    ...     up[None, None], mixed[None, None])
    >>> round(scores["mean_angle"]), scores["within_30"]
    (45, 0.5)
    """
    target, output = _maps(target, output)
    lengths = [np.linalg.norm(x, axis=-1) for x in (target, output)]
    cosine = (target * output).sum(axis=-1) / np.maximum(
        lengths[0] * lengths[1], 1e-12
    )
    angle = np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0)))
    return {
        "mean_angle": float(angle.mean()),
        "within_11": float(np.mean(angle < 11.25)),
        "within_30": float(np.mean(angle < 30.0)),
    }


def mean_average_precision(labels, scores, by="class"):
    """How well scores put what is present before what is not.

    The average precision of a list is the mean, over what is present, of the
    part that is present among all that have at least its score; equal scores
    count as one place.

    Args:
        labels: array `(n, num_labels)` of 0, 1, or -1 for what is not counted.
        scores: float array `(n, num_labels)`, larger for what is likelier.
        by: string. `"class"`: a list a label, of the images; or `"example"`: a
            list an image, of the labels.

    Returns:
        Float in [0, 1], the mean over the lists in which something is present.

    Raises:
        ValueError: If an argument is not as above, or nothing is present.

    Example:

    >>> labels, scores = [[1], [0], [0], [1]], [[0.9], [0.6], [0.4], [0.3]]
    >>> keras_vipa.metrics.mean_average_precision(labels, scores)
    0.75
    """
    checks.choice("by", by, ("class", "example"))
    scores = _logits("scores", scores)
    rule = f"`labels` must be 0, 1 or -1, an array {scores.shape}"
    labels = checks.array("labels", labels, rule, 2, "iufb", allow_empty=True)
    if labels.shape != scores.shape or not np.isin(labels, (0, 1, -1)).all():
        checks.fail(rule, "labels", labels)
    if by == "class":
        labels, scores = labels.T, scores.T
    found = [
        _average_precision(scores[i][labels[i] >= 0], right[right >= 0] == 1)
        for i, right in enumerate(labels)
        if (right == 1).any()
    ]
    if not found:
        raise ValueError("Something must be present. Received: only absent")
    return float(np.mean(found))


def error_rates(targets, outputs):
    """How far what was read is from what was said, by edits.

    An edit puts one token in the place of another (substitution), leaves one
    out (deletion) or adds one (insertion); of all ways to make an output of
    its target one with the fewest edits is taken. Tokens are characters,
    syllables or tones: the same function gives the error rate of each.

    Args:
        targets: list of n sequences of tokens, strings or lists, of which not
            all are empty.
        outputs: list of n sequences, what was read.

    Returns:
        Dict of floats: `"rate"`, edits of all sequences by tokens of all
        targets, which may be above 1; `"sentence_rate"`, the mean over
        sequences of this, leaving out empty targets; and the parts of
        `"rate"`: `"substitutions"`, `"deletions"` and `"insertions"`.

    Raises:
        ValueError: If an argument is not as above.

    Example:

    >>> rates = keras_vipa.metrics.error_rates(["abcd", "ab"], ["abxd", "a"])
    >>> {key: round(rate, 3) for key, rate in rates.items()}
    {'rate': 0.333, 'sentence_rate': 0.375, 'substitutions': 0.167, \
'deletions': 0.167, 'insertions': 0.0}
    """
    for name, value in (("targets", targets), ("outputs", outputs)):
        if not isinstance(value, list) or not all(map(_is_sequence, value)):
            rule = f"`{name}` must be a list of strings or lists"
            checks.fail(rule, name, value)
    if len(targets) != len(outputs):
        rule = f"`outputs` must be as many as the targets, {len(targets)}"
        checks.fail(rule, "len(outputs)", len(outputs))
    lengths = np.array([len(target) for target in targets])
    if not lengths.sum():
        checks.fail("`targets` must have tokens", "targets", targets)
    edits = np.array([_edits(*pair) for pair in zip(targets, outputs)])
    each = edits.sum(axis=1)[lengths > 0] / lengths[lengths > 0]
    parts = (edits.sum(axis=0) / lengths.sum()).tolist()
    names = "substitutions", "deletions", "insertions"
    rates = {"rate": sum(parts), "sentence_rate": float(each.mean())}
    return {**rates, **dict(zip(names, parts))}


def _edits(target, output):
    """Fewest substitutions, deletions and insertions."""
    # Of the beginning of the target, for each length of that of the output:
    # all edits, and of each kind.
    row = [(n, 0, 0, n) for n in range(len(output) + 1)]
    for place, token in enumerate(target, 1):
        above, row = row, [(place, 0, place, 0)]
        for number, other in enumerate(output):
            differs = token != other
            options = (
                (above[number], (differs, differs, 0, 0)),
                (above[number + 1], (1, 0, 1, 0)),
                (row[number], (1, 0, 0, 1)),
            )
            row.append(min(tuple(map(sum, zip(*option))) for option in options))
    return row[-1][1:]


def _is_sequence(value):
    return isinstance(value, str | list | tuple)


def _average_precision(scores, is_present):
    """Of one list."""
    all_scores, present = np.sort(scores), np.sort(scores[is_present])
    reached = [
        len(x) - np.searchsorted(x, present) for x in (present, all_scores)
    ]
    return np.mean(reached[0] / reached[1])


def _maps(target, output):
    """Two maps of one shape, in float64."""
    rule = "`{}` must be an array (n, height, width, ...) of numbers"
    pair = [
        checks.array(name, values, rule.format(name)).astype("float64")
        for name, values in (("target", target), ("output", output))
    ]
    if pair[0].shape != pair[1].shape or pair[0].ndim < 3:
        raise ValueError(
            "`target` and `output` must be maps of one shape. Received: "
            f"{pair[0].shape} and {pair[1].shape}"
        )
    return pair


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
