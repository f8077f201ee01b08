"""How well a classifier knows when to keep silent: risk and coverage."""

import math

import numpy as np
from keras import ops

from keras_vipa.utils import checks

CONFIDENCES = ("maximum", "margin", "entropy", "energy")


def confidence_of(outputs, kind="maximum", from_logits=False):
    """How sure a classifier is of its most likely class.

    With `p_1 >= p_2 >= ...`:

    - `"maximum"`: `-log(1 - p_1)`, which ranks as the softmax maximum `p_1`
      does, but has no ties where that is 1 in float32;
    - `"margin"`: `-log(1 - (p_1 - p_2))`, which ranks as `p_1 - p_2`;
    - `"entropy"`: `sum_i p_i log p_i`;
    - `"energy"`: `log sum_i exp z_i` of logits `z` (Liu et al., 2020).

    Args:
        outputs: float tensor `(n, classes)`, at least two classes.
        kind: string. As above.
        from_logits: boolean. Whether outputs are logits, and not probabilities.

    Returns:
        A float32 tensor `(n,)`; only its order means something.

    Raises:
        ValueError: If an argument is not as above.

    Example:

    >>> p = np.array([[0.6, 0.3, 0.1], [0.55, 0.05, 0.4]])
    >>> maximum, margin = (
    ...     np.array(keras_vipa.metrics.confidence_of(p, kind))
    ...     for kind in ("maximum", "margin"))
    >>> bool(maximum[0] > maximum[1]), bool(margin[0] > margin[1])
    (True, True)
    """
    checks.choice("kind", kind, CONFIDENCES)
    if not isinstance(from_logits, bool):
        rule = "`from_logits` must be a boolean"
        checks.fail(rule, "from_logits", from_logits)
    if kind == "energy" and not from_logits:
        raise ValueError("`kind` must not be 'energy' without logits.")
    rule = "`outputs` must be (n, classes) of numbers, at least two classes"
    if not hasattr(outputs, "shape"):
        outputs = checks.array("outputs", outputs, rule, 2)
    outputs = ops.convert_to_tensor(outputs, "float32")
    if len(outputs.shape) != 2 or outputs.shape[1] < 2:
        checks.fail(rule, "outputs.shape", tuple(outputs.shape))
    if kind == "energy":
        return ops.logsumexp(outputs, axis=-1)
    if from_logits:
        likely = ops.log_softmax(outputs)
    else:
        likely = ops.log(ops.maximum(outputs, 1e-37))
    likely = ops.top_k(likely, likely.shape[1])[0]
    # All but the first: 1 - p_1 itself would be rounded.
    others = ops.exp(likely[:, 1:])
    rest = ops.sum(others, axis=-1)
    if kind == "margin":
        rest = rest + others[:, 0]
    if kind != "entropy":
        return -ops.log(ops.maximum(rest, 1e-37))
    first = (1.0 - rest) * ops.log1p(-ops.minimum(rest, 1.0 - 1e-7))
    return first + ops.sum(others * likely[:, 1:], axis=-1)


def fit_temperature(logits, labels):
    """The temperature at which probabilities are most truthful.

    Temperature scaling (Guo et al., 2017): of `softmax(logits / T)`, the `T`
    with the least cross-entropy on samples that were not trained on. In `1 / T`
    that is convex, and halving finds where its derivative is 0.

    Args:
        logits: float array `(n, classes)`, or logarithms of probabilities.
        labels: integer array `(n,)`.

    Returns:
        Float from 0.001 to 1000: above 1 for a classifier that is too sure.

    Raises:
        ValueError: If an argument is not as above.

    Example:

    >>> logits = np.log([[0.9, 0.1]] * 4)
    >>> found = keras_vipa.metrics.fit_temperature(logits, [0, 0, 0, 1])
    >>> float(np.round(1 / (1 + np.exp(-np.log(9) / found)), 3))
    0.75
    """
    rule = "`logits` must be finite numbers (n, classes), two classes or more"
    logits = checks.array("logits", logits, rule, 2).astype("float64")
    if not np.isfinite(logits).all() or logits.shape[1] < 2:
        checks.fail(rule, "logits", logits)
    rule = f"`labels` must be {len(logits)} classes, below {logits.shape[1]}"
    labels = checks.array("labels", labels, rule, 1, "iu")
    fits = len(labels) == len(logits) and labels.min() >= 0
    if not fits or labels.max() >= logits.shape[1]:
        checks.fail(rule, "labels", labels)
    right = logits[np.arange(len(labels)), labels]
    low, high = -math.log(1000.0), math.log(1000.0)
    for _ in range(60):
        scaled = math.exp((low + high) / 2) * logits
        likely = np.exp(scaled - scaled.max(axis=1, keepdims=True))
        likely /= likely.sum(axis=1, keepdims=True)
        too_sure = np.mean((likely * logits).sum(axis=1) - right) > 0
        middle = (low + high) / 2
        low, high = (low, middle) if too_sure else (middle, high)
    return math.exp(-(low + high) / 2)


def risk_coverage_curve(confidence, correct, sample_weight=None):
    """Risk and coverage at all thresholds of the confidence.

    What has at least the confidence of the threshold is answered. The risk is
    the part of the answers that is wrong, the coverage the part that is
    answered.

    Args:
        confidence: float array `(n,)`.
        correct: boolean array `(n,)`.
        sample_weight: float array `(n,)`, not negative. Defaults to ones.

    Returns:
        Dict of float arrays, an entry for each confidence that occurs, the
        largest first: `"threshold"`, `"coverage"`, `"risk"`.

    Raises:
        ValueError: If the arrays do not fit together or are not finite.

    Example:

    >>> curve = keras_vipa.metrics.risk_coverage_curve(
    ...     [0.9, 0.8, 0.8, 0.1], [True, True, False, False])
    >>> curve["coverage"].tolist(), curve["risk"].tolist()
    ([0.25, 0.75, 1.0], [0.0, 0.3333333333333333, 0.5])
    """
    confidence, errors, weights = _checked(confidence, correct, sample_weight)
    counts = weights > 0
    confidence, errors = confidence[counts], errors[counts]
    weights = weights[counts]
    order = np.argsort(-confidence, kind="stable")
    sure = confidence[order]
    last = np.append(np.flatnonzero(np.diff(sure)), len(sure) - 1)
    covered = np.cumsum(weights[order])
    wrong = np.cumsum((weights * errors)[order])
    return {
        "threshold": sure[last],
        "coverage": covered[last] / covered[-1],
        "risk": wrong[last] / covered[last],
    }


def selective_scores(
    confidence, correct, risks=(0.05, 0.1), coverages=(), sample_weight=None
):
    """Numbers of the risk-coverage curve.

    With risks `r_k` of the `k` surest of `n` samples, whose order among equals
    is random, on the average over these orders:

    - `aurc`: `1/n sum_k r_k`, the area under the curve, lower is better;
    - `e_aurc`: what it is above that of the best order of the same errors;
    - `augrc`: `1/n sum_k k/n r_k`, the mean risk of an undetected error (Traub
      et al., 2024), which does not depend so much on the few surest samples;
    - `accuracy`: `1 - r_n`;
    - `coverage_at_5` and so on: the largest coverage of a threshold with at
      most this risk, in percent; 0 if there is none;
    - `risk_at_80` and so on: the risk of the smallest part that has at least
      this coverage, in percent.

    With weights, sums over samples are weighted, and coverage is the part of
    all weight.

    Args:
        confidence: float array `(n,)`.
        correct: boolean array `(n,)`.
        risks: sequence of floats in [0, 1].
        coverages: sequence of floats in (0, 1].
        sample_weight: float array `(n,)`, not negative. Defaults to ones.

    Returns:
        Dict of floats.

    Raises:
        ValueError: If an argument is not as above.

    Differences from torch-uncertainty, whose areas are those of trapezoids from
    `1/n` to 1, divided by `1 - 1/n`: `(sum_k r_k - (r_1 + r_n) / 2) / (n - 1)`.

    Example:

    >>> scores = keras_vipa.metrics.selective_scores(
    ...     [0.9, 0.8, 0.6, 0.1], [True, True, False, True], risks=[0.3])
    >>> round(scores["aurc"], 4), round(scores["augrc"], 4)
    (0.1458, 0.125)
    >>> scores["coverage_at_30"]
    1.0
    """
    curve = risk_coverage_curve(confidence, correct, sample_weight)
    confidence, errors, weights = _checked(confidence, correct, sample_weight)
    for name, parts in (("risks", risks), ("coverages", coverages)):
        if not isinstance(parts, list | tuple):
            checks.fail(f"`{name}` must be a list of numbers", name, parts)
    found = {"accuracy": float(1.0 - curve["risk"][-1])}
    risks_of_k, covered = _smoothed(confidence, errors, weights)
    found |= _areas(risks_of_k, covered)
    best = _areas(*_smoothed(-errors, errors, weights))
    found["e_aurc"] = found["aurc"] - best["aurc"]
    for risk in risks:
        allowed = curve["risk"] <= checks.number("risks", risk, 0.0, 1.0)
        reached = curve["coverage"][allowed].max(initial=0.0)
        found[f"coverage_at_{_percent(risk)}"] = float(reached)
    for part in coverages:
        checks.number("coverages", part, 0.0, 1.0)
        first = np.searchsorted(covered, part - 1e-12)
        first = min(first, len(covered) - 1)
        found[f"risk_at_{_percent(part)}"] = float(risks_of_k[first])
    return found


def _percent(part):
    return f"{100 * part:g}"


def _smoothed(confidence, errors, weights):
    """Risk and coverage of the surest ones, errors the mean of all equals."""
    order = np.argsort(-confidence, kind="stable")
    _, group = np.unique(-confidence[order], return_inverse=True)
    weights = weights[order]
    totals = np.bincount(group, weights)
    wrong = np.bincount(group, weights * errors[order])
    mean = np.divide(wrong, totals, where=totals > 0, out=0.0 * wrong)
    covered = np.cumsum(weights)
    risk = np.cumsum(weights * mean[group])
    risk = np.divide(risk, covered, where=covered > 0, out=0.0 * risk)
    return risk, covered / covered[-1]


def _areas(risk, covered):
    step = np.diff(covered, prepend=0.0)
    return {
        "aurc": float(np.sum(step * risk)),
        "augrc": float(np.sum(step * covered * risk)),
    }


def _checked(confidence, correct, sample_weight):
    """Confidence, errors and weights, as float arrays."""
    rule = "`confidence` must be an array (n,) of finite numbers"
    confidence = checks.array("confidence", confidence, rule, 1)
    count = len(confidence)
    if not np.isfinite(confidence).all():
        checks.fail(rule, "confidence", confidence)
    rule = f"`correct` must be {count} booleans"
    correct = checks.array("correct", correct, rule, 1, "biuf")
    if len(correct) != count or not np.isin(correct, (0, 1)).all():
        checks.fail(rule, "correct", correct)
    if sample_weight is None:
        weights = np.ones(count)
    else:
        rule = f"`sample_weight` must be {count} numbers, not all 0, from 0 on"
        weights = checks.array("sample_weight", sample_weight, rule, 1)
        weights = weights.astype("float64")
        good = len(weights) == count and np.isfinite(weights).all()
        if not good or weights.min() < 0 or not weights.sum():
            checks.fail(rule, "sample_weight", sample_weight)
    return confidence.astype("float64"), 1.0 - correct, weights


def threshold_for_risk(confidence, correct, risk, delta=0.05):
    """A threshold of the confidence that keeps a promised risk.

    "Selection with guaranteed risk" of Geifman and El-Yaniv, 2017: with a
    probability of at least `1 - delta` over the samples, which must be drawn as
    what comes later and not have been trained on, the risk of the answers is at
    most `risk`. A search by halves asks `log2 n` thresholds for the upper bound
    of the risk by the exact binomial tail, each with `delta / log2 n`.

    Args:
        confidence: float array `(n,)`.
        correct: boolean array `(n,)`.
        risk: float in (0, 1). What is promised.
        delta: float in (0, 1). How likely the promise may be broken.

    Returns:
        Dict of floats: `"threshold"`, what has at least this confidence is to
        be answered; `"coverage"` and `"risk"` of these samples; `"bound"`, the
        upper bound of the risk, at most the promised one.

    Raises:
        ValueError: If an argument is not as above, or no threshold can promise
            the risk; the error says what could be.

    Example:

    >>> confidence = np.linspace(0, 1, 400)
    >>> found = keras_vipa.metrics.threshold_for_risk(
    ...     confidence, confidence > 0.3, risk=0.1)
    >>> found["bound"] <= 0.1, round(found["coverage"], 2)
    (True, 0.74)
    """
    for name, value in (("risk", risk), ("delta", delta)):
        checks.number(name, value, 1e-9, 1.0 - 1e-9)
    curve = risk_coverage_curve(confidence, correct)
    count = len(confidence)
    sizes = np.rint(curve["coverage"] * count).astype(int)
    wrong = np.rint(curve["risk"] * sizes).astype(int)
    asked = max(1, math.ceil(math.log2(max(2, len(sizes)))))
    # Of the thresholds, the largest first.
    low, high, best, least = 0, len(sizes) - 1, None, 1.0
    for _ in range(asked):
        middle = (low + high + (best is not None)) // 2
        bound = upper_bound(wrong[middle], sizes[middle], delta / asked)
        least = min(least, bound)
        if bound <= risk:
            best, low = (middle, bound), middle
        else:
            high = max(low, middle - 1)
    if best is None:
        raise ValueError(
            f"No threshold can promise a risk of {risk:g} with delta={delta:g} "
            f"from {count} samples. The least that could be promised was "
            f"{least:.3f}"
        )
    place, bound = best
    return {
        "threshold": float(curve["threshold"][place]),
        "coverage": float(curve["coverage"][place]),
        "risk": float(curve["risk"][place]),
        "bound": bound,
    }


def upper_bound(wrong, count, delta):
    """The risk at which so few errors would be as unlikely as delta.

    Args:
        wrong: integer, of
        count: integer.
        delta: float.

    Returns:
        Float `b` with `P(errors <= wrong) = delta` for `count` draws, each
        wrong with probability `b`.
    """
    if wrong >= count:
        return 1.0
    taken = np.arange(1, wrong + 1)
    ways = np.cumsum(np.log((count - taken + 1) / taken))
    ways = np.concatenate([[0.0], ways])
    errors = np.arange(wrong + 1)
    low, high = wrong / count, 1.0
    for _ in range(60):
        middle = min((low + high) / 2, 1.0 - 1e-12)
        logs = ways + errors * math.log(middle)
        logs += (count - errors) * math.log1p(-middle)
        most = logs.max()
        tail = math.exp(most) * np.exp(logs - most).sum()
        low, high = (middle, high) if tail > delta else (low, middle)
    return float(high)
