"""Label-based scores of a source network for a target: the peers' baselines.

All take what the source network says of labelled images of the target, and are
higher for a better source; but `readout_error`, which is what they estimate.
The measures of `ModelSpace` need no labels.
"""

import numpy as np

from keras_vipa.transferability.affinities import STILL
from keras_vipa.transferability.affinities import centred
from keras_vipa.utils import checks

# A feature that varies by so little is constant up to rounding, in 64 bits.
STILL_IN_64_BITS = 1e-13


def nce(source_classes, labels):
    """Negative conditional entropy of the labels, given the source's classes.

    `sum p(z, y) log p(y | z)` in the empirical distribution, in nats: 0 if the
    source's class tells the label, and less otherwise.

    Args:
        source_classes: integer array `(n,)`, the class that the source network
            gives to each image.
        labels: integer array `(n,)`, the target's class of each image.

    Returns:
        A float, at most 0.

    Raises:
        ValueError: If the arrays do not fit together.

    Example:

    >>> nce([0, 0, 1, 1], [1, 1, 0, 0])
    0.0
    >>> round(nce([0, 0, 0, 0], [1, 1, 0, 0]), 4)
    -0.6931

    Reference:

    - Tran et al., "Transferability and Hardness of Supervised Classification
      Tasks", ICCV 2019
    """
    source_classes = _read_classes("source_classes", source_classes)
    labels = _read_classes("labels", labels)
    if len(source_classes) != len(labels):
        raise ValueError(
            "Each image must have a class and a label. Received: "
            f"{len(source_classes)} and {len(labels)}"
        )
    joint = np.zeros((source_classes.max() + 1, labels.max() + 1))
    np.add.at(joint, (source_classes, labels), 1.0 / len(labels))
    of_source = joint.sum(axis=1, keepdims=True)
    there = joint > 0
    conditional = np.divide(joint, of_source, where=there, out=joint.copy())
    return float(np.sum(joint[there] * np.log(conditional[there])))


def leep(probabilities, labels):
    """Log expected empirical prediction.

    Mean log likelihood of the labels by `sum_z p(y | z) theta(x)_z`, with
    `theta` what the source network says and `p(y | z)` from the joint
    distribution of that and the labels.

    Args:
        probabilities: array `(n, source_classes)`, the source's softmax for
            each image.
        labels: integer array `(n,)`.

    Returns:
        A float, at most 0.

    Raises:
        ValueError: If the arrays do not fit together, or the rows are no
            probabilities.

    Example:

    >>> leep([[1.0, 0.0], [0.0, 1.0]], [1, 0])
    0.0

    Reference:

    - Nguyen et al., "LEEP: A New Measure to Evaluate Transferability of Learned
      Representations", ICML 2020, https://arxiv.org/abs/2002.12462
    """
    theta, labels = _pair("probabilities", probabilities, labels)
    if (theta < 0).any() or not np.allclose(theta.sum(axis=1), 1.0, atol=1e-3):
        raise ValueError(
            "`probabilities` must be rows that sum to 1. Received: sums from "
            f"{theta.sum(axis=1).min():.4g} to {theta.sum(axis=1).max():.4g}"
        )
    joint = np.eye(labels.max() + 1)[labels].T @ theta / len(labels)
    of_source = joint.sum(axis=0)
    conditional = np.divide(
        joint, of_source, where=of_source > 0, out=np.zeros_like(joint)
    )
    expected = (theta @ conditional.T)[np.arange(len(labels)), labels]
    return float(np.mean(np.log(expected)))


def h_score(features, labels):
    """Share of the features' variance that is between the classes.

    `tr(cov(f)^-1 cov(E[f | y]))`, with the pseudo-inverse.

    Args:
        features: array `(n, size)` of the source network.
        labels: integer array `(n,)`.

    Returns:
        A float, at least 0 and at most the rank of the features.

    Raises:
        ValueError: If the arrays do not fit together.

    Example:

    >>> features = np.array([[1.0], [1.0], [-1.0], [-1.0]])
    >>> round(h_score(features, [0, 0, 1, 1]), 6)
    1.0

    Reference:

    - Bao et al., "An Information-Theoretic Approach to Transferability in Task
      Transfer Learning", ICIP 2019
    """
    is_short = getattr(features, "dtype", "float64") in ("float16", "float32")
    features, labels = _pair("features", features, labels)
    rows = centred(features, STILL if is_short else STILL_IN_64_BITS)
    # By a power of 2: no digit changes, and squares stay in range.
    rows = np.ldexp(rows, -np.frexp(np.abs(rows).max())[1])
    means = np.zeros_like(rows)
    for label in np.unique(labels):
        means[labels == label] = rows[labels == label].mean(axis=0)
    # Of cov(f) and cov(E[f | y]) the divisor n is the same.
    inverse = np.linalg.pinv(rows.T @ rows, rcond=1e-10, hermitian=True)
    return float(np.trace(inverse @ (means.T @ means)))


def log_me(features, labels, steps=100, tolerance=1e-5):
    """Log maximum evidence of a linear model on the features, per image.

    For each class, with targets 1 for its images and 0 for the others, the
    evidence `p(y | F)` of Bayesian linear regression with weights
    `N(0, I / alpha)` and noise `N(0, 1 / beta)` is maximized over alpha and
    beta by the fixed point

    ```
    gamma = sum_i beta s_i^2 / (alpha + beta s_i^2)
    alpha = gamma / |m|^2,   beta = (n - gamma) / |F m - y|^2
    ```

    with `s` the singular values of the features and `m` the mean of the
    weights. The score is the mean over classes of the log evidence over n.

    Args:
        features: array `(n, size)` of the source network.
        labels: integer array `(n,)`, or float array `(n, targets)` to score a
            regression.
        steps: integer. Steps of the fixed point at most.
        tolerance: float. It ends when `alpha / beta` changes by less than this
            part of itself.

    Returns:
        A float.

    Raises:
        ValueError: If the arrays do not fit together.

    Example:

    >>> generator = np.random.default_rng(0)
    >>> labels = np.arange(60) % 2
    >>> useless = generator.normal(size=(60, 4))
    >>> useful = useless + labels[:, None]
    >>> log_me(useful, labels) > log_me(useless, labels)
    True

    Reference:

    - You et al., "LogME: Practical Assessment of Pre-trained Models for
      Transfer Learning", ICML 2021, https://arxiv.org/abs/2102.11005
    """
    checks.integer("steps", steps)
    checks.number("tolerance", tolerance, allow_infinite=True)
    targets = _targets(labels)
    features, _ = _pair("features", features, np.zeros(len(targets), int))
    u, s, _ = np.linalg.svd(features, full_matrices=False)
    if s.max() > 0:
        # To a mean square of 1 of the features. The largest evidence stays what
        # it was, as the weights may have any size; the way to it would end too
        # early, or nowhere.
        s = s / s.max()
        s = s * np.sqrt(features.size / np.sum(s**2))
    evidences = [
        _evidence(u, s, y, features.shape[1], steps, tolerance)
        for y in targets.T
    ]
    return float(np.mean(evidences))


def _targets(labels):
    """Indicators of the classes, or what is regressed: `(n, targets)`."""
    rule = (
        "Labels must be whole numbers (n,), or finite float targets "
        "(n, targets)"
    )
    targets = checks.array("labels", labels, rule)
    if targets.ndim != 2:
        labels = _read_classes("labels", targets)
        return np.eye(labels.max() + 1)[labels]
    targets = checks.array("labels", targets, rule, kinds="f")
    if not np.isfinite(targets).all():
        raise ValueError(
            f"{rule}. Received: {np.sum(~np.isfinite(targets))} "
            "that are not finite"
        )
    return targets.astype("float64")


def _evidence(u, s, y, size, steps, tolerance):
    """Log evidence over n of one target, at its maximum."""
    count, power = len(y), y @ y
    # Nothing is taken for less than this part of the target.
    least = 1e-12 * min(power, 1.0) if power > 0 else 1e-12
    if not s.any():
        # Features that say nothing: all is noise.
        return 0.5 * (np.log(count / (2 * np.pi * max(power, least))) - 1)
    square = s**2
    along = u.T @ y
    # What of the target no weights can reach.
    rest = max(float(power - along @ along), 0.0)
    alpha = beta = 1.0
    for _ in range(steps):
        ratio = alpha / beta
        gamma = np.sum(square / (square + ratio))
        norm = np.sum((s * along / (square + ratio)) ** 2)
        error = np.sum((ratio * along / (square + ratio)) ** 2) + rest
        # What remains of n is no difference, which could become 0.
        others = count - len(s) + np.sum(ratio / (square + ratio))
        alpha = gamma / max(norm, least)
        beta = others / max(error, least)
        if abs(alpha / beta - ratio) <= tolerance * ratio:
            break
    ratio = alpha / beta
    norm = np.sum((s * along / (square + ratio)) ** 2)
    error = np.sum((ratio * along / (square + ratio)) ** 2) + rest
    determinant = np.sum(np.log(alpha + beta * square))
    determinant += (size - len(s)) * np.log(alpha)
    evidence = size * np.log(alpha) + count * np.log(beta / (2 * np.pi))
    return (evidence - determinant - beta * error - alpha * norm) / (2 * count)


def readout_error(features, targets, labels):
    """Measure transfer: the error of a linear readout of frozen features.

    Ridge regression from the features to the targets is fitted on few labels.
    Its strength is the one of 0.1, 1, ... 10,000 that is best on a fifth of
    these.

    Args:
        features: array `(n, size)` of the source network.
        targets: float array `(n, values)`; a class as 0 and 1.
        labels: integer. How many of the images, the first ones, to learn from;
            the rest is to test on.

    Returns:
        A float: mean square error on the test images, over the targets'
        variance. 1 is no better than their mean.

    Raises:
        ValueError: If the arrays do not fit together, or there are fewer than
            five labels or nothing to test on.

    Example:

    >>> features = np.random.default_rng(0).normal(size=(90, 2))
    >>> readout_error(features, features @ [[1.0], [2.0]], 60) < 0.01
    True
    """
    rule = "There must be a row of features and one of targets for each image"
    features = checks.array("features", features, rule, 2).astype("float64")
    targets = checks.array("targets", targets, rule, 2).astype("float64")
    if len(features) != len(targets):
        checks.fail(rule, "shapes", [features.shape, targets.shape])
    if not (np.isfinite(features).all() and np.isfinite(targets).all()):
        raise ValueError(
            "Features and targets must be finite. Received: NaN or infinity"
        )
    if len(targets) < 6:
        raise ValueError(
            "Six images are the least, five of them to learn from. "
            f"Received: {len(targets)}"
        )
    checks.integer("labels", labels, least=5, most=len(targets) - 1)
    variance = targets[labels:].var(axis=0).sum()
    if not variance > 0:
        raise ValueError(
            "The targets of the images to test on must vary. Received: "
            f"{len(targets) - labels} images of equal targets"
        )
    mean, deviation = features[:labels].mean(0), features[:labels].std(0)
    x = (features - mean) / (deviation + 1e-3)
    fit, everything = slice(labels - labels // 5), slice(labels)
    check, test = slice(fit.stop, labels), slice(labels, None)
    strengths = 10.0 ** np.arange(-1, 5)
    tried = [_ridge_error(x, targets, fit, check, s) for s in strengths]
    best = strengths[int(np.argmin(tried))]
    error = _ridge_error(x, targets, everything, test, best)
    return float(error / variance)


def _ridge_error(features, targets, train, test, strength):
    """Mean square error of a ridge regression."""
    x, center = features[train], targets[train].mean(axis=0)
    kernel = x @ x.T + strength * np.eye(len(x))
    weights = x.T @ np.linalg.solve(kernel, targets[train] - center)
    difference = features[test] @ weights + center - targets[test]
    return np.mean(np.sum(difference**2, axis=1))


def _read_classes(name, values):
    """Classes as their places `0..k-1` among those that occur."""
    rule = f"Classes, `{name}`, must be a whole number for each image, (n,)"
    array = checks.array(name, values, rule, ndim=1, kinds="iu")
    if array.min() < 0:
        checks.fail(
            f"`{name}` must be at least 0", "smallest", int(array.min())
        )
    return np.unique(array, return_inverse=True)[1]


def _pair(name, features, labels):
    """A row of numbers and a class of each image."""
    rule = "There must be a row of features and a label for each image"
    features = checks.array(name, features, rule, 2).astype("float64")
    labels = _read_classes("labels", labels)
    if len(features) != len(labels):
        checks.fail(rule, "shapes", [features.shape, labels.shape])
    if not np.isfinite(features).all():
        raise ValueError(
            f"Features, `{name}`, must be finite. Received: "
            f"{np.sum(~np.isfinite(features))} numbers that are not"
        )
    return features, labels
