"""How good an estimated ranking of sources is, against measured transfer.

Scores, affinities among them, are arrays `(sources, targets)`, higher for a
better source. Pairs that do not count, such as a network with itself, are NaN
in `truth`; a target all of whose pairs are is left out.
"""

import numpy as np

from keras_vipa.transferability.affinities import average_ranks
from keras_vipa.transferability.affinities import unit
from keras_vipa.utils import checks


def precision_at_k(scores, truth, k, relevant=5):
    """Share of the best `k` sources by `scores` that are truly among the best.

    Args:
        scores: array `(sources, targets)`.
        truth: array of the same shape, measured transfer.
        k: integer. How many sources are taken.
        relevant: integer. How many of the truly best ones count. 5 in the
            paper.

    Returns:
        A float, the mean over targets.

    Raises:
        ValueError: If the arrays do not fit together or `k` is larger than the
            number of sources.

    Example:

    >>> truth = np.array([[3.0], [2.0], [1.0]])
    >>> precision_at_k(np.array([[3.0], [1.0], [2.0]]), truth, 2, relevant=2)
    0.5
    """
    return _hits(scores, truth, k, relevant) / k


def recall_at_k(scores, truth, k, relevant=5):
    """Share of the truly best sources that are among the best `k` by `scores`.

    Args:
        scores: array `(sources, targets)`.
        truth: array of the same shape.
        k: integer.
        relevant: integer.

    Returns:
        A float, the mean over targets.

    Raises:
        ValueError: As `precision_at_k`.

    Example:

    >>> truth = np.array([[3.0], [2.0], [1.0]])
    >>> recall_at_k(truth, truth, 1, relevant=2)
    0.5
    """
    hits = _hits(scores, truth, k, relevant)
    return hits / relevant


def rank_correlations(scores, truth):
    """Spearman's correlation of scores and truth for each target.

    Args:
        scores: array `(sources, targets)`.
        truth: array of the same shape.

    Returns:
        An array `(targets,)`; NaN for targets that are left out.

    Example:

    >>> truth = np.array([[3.0], [2.0], [1.0]])
    >>> rank_correlations(-truth, truth).round(6).tolist()
    [-1.0]
    """
    scores, truth = _check(scores, truth)
    found = np.full(scores.shape[1], np.nan)
    for target, pair in _columns(scores, truth):
        ranks = [average_ranks(values) for values in pair]
        one, other = (unit(values - values.mean()) for values in ranks)
        found[target] = float(one.astype("float64") @ other)
    return found


def permutation_test(scores, truth, permutations=1000, seed=0):
    """Whether scores say more of the truth than those of exchanged networks.

    The networks of `scores` are exchanged at random, sources and targets alike
    (rows and columns, if it is square), and the mean rank correlation is
    computed again.

    Args:
        scores: array `(sources, targets)`.
        truth: array of the same shape; pairs without a truth need a score
            too.
        permutations: integer.
        seed: integer.

    Returns:
        A float, the share of permutations (the given order counted as one)
        whose mean correlation is at least that of `scores`.

    Example:

    >>> truth = np.random.default_rng(0).normal(size=(8, 8))
    >>> permutation_test(truth, truth, permutations=99)
    0.01
    """
    checks.integer("permutations", permutations)
    checks.integer("seed", seed, least=0)
    scores, truth = _check(scores, truth)
    generator = np.random.default_rng(seed)
    reached = np.nanmean(rank_correlations(scores, truth))
    if np.isnan(scores).any():
        raise ValueError(
            "Every pair must have a score, to be exchanged. "
            f"Received: {np.isnan(scores).sum()} scores that are NaN"
        )
    is_square = scores.shape[0] == scores.shape[1]
    count = 1
    for _ in range(permutations):
        order = generator.permutation(len(scores))
        other = scores[order][:, order] if is_square else scores[order]
        count += np.nanmean(rank_correlations(other, truth)) >= reached
    return float(count / (permutations + 1))


def evaluate_ranking(
    scores, truth, relevant=5, least=-np.inf, permutations=500, seed=0
):
    """All that is said of one ranking, as a line of a table.

    Args:
        scores: array `(sources, targets)`; targets with a NaN where there is a
            truth are left out.
        truth: array of the same shape.
        relevant: integer. How many of the truly best sources count.
        least: float. Targets of which no source has this truth are left out
            of all but `"rho, all"`. Defaults to minus infinity: none.
        permutations: integer.
        seed: integer. Seed of the permutations.

    Returns:
        A dict of `"rho"` and `"rho, all"`, means of `rank_correlations`;
        `"P@1"` and, for `relevant` K, `"P@K"`, of `precision_at_k`; and `"p"`,
        of `permutation_test`. Where there is no value it is `None`: `"p"` if a
        score is missing, all if no target is left.

    Raises:
        ValueError: As `precision_at_k`.

    Example:

    >>> truth = np.array([[np.nan, 0.2], [0.8, np.nan], [0.9, 0.6]])
    >>> scores = np.array([[1.0, 0.3], [0.1, 1.0], [0.7, 0.4]])
    >>> line = evaluate_ranking(scores, truth, relevant=1)
    >>> line["P@1"]
    1.0
    """
    checks.integer("relevant", relevant)
    checks.integer("permutations", permutations)
    checks.integer("seed", seed, least=0)
    checks.number("least", least, -np.inf, allow_infinite=True)
    scores, truth = _read(scores, truth)
    missing = np.isnan(scores)
    truth[:, (missing & ~np.isnan(truth)).any(axis=0)] = np.nan
    reached = np.fmax.reduce(truth, axis=0) >= least
    good = np.where(reached, truth, np.nan)
    if np.isnan(good).all():
        keys = ("rho", "rho, all", "P@1", f"P@{relevant}", "p")
        return dict.fromkeys(keys)
    p = None
    # Exchanging networks exchanges sources and targets.
    if not missing.any():
        p = permutation_test(scores, good, permutations, seed)
    return {
        "rho": float(np.nanmean(rank_correlations(scores, good))),
        "rho, all": float(np.nanmean(rank_correlations(scores, truth))),
        "P@1": precision_at_k(scores, good, 1, relevant),
        f"P@{relevant}": precision_at_k(scores, good, relevant, relevant),
        "p": p,
    }


def _read(scores, truth):
    rule = "Scores and truth must be arrays (sources, targets) of one shape"
    scores = checks.array("scores", scores, rule, 2).astype("float64")
    truth = checks.array("truth", truth, rule, 2).astype("float64")
    if scores.shape != truth.shape:
        checks.fail(rule, "shapes", [scores.shape, truth.shape])
    return scores, truth


def _check(scores, truth):
    scores, truth = _read(scores, truth)
    there = ~np.isnan(truth)
    if not there.any():
        raise ValueError(
            f"No pair has a truth. Received: {truth.size} that are NaN"
        )
    missing = np.isnan(scores[there]).sum()
    if missing:
        raise ValueError(
            "Every pair with a truth must have a score. "
            f"Received: {missing} scores that are NaN"
        )
    return scores, truth


def _columns(scores, truth):
    """Target -> scores and truth of its candidates."""
    for target in range(truth.shape[1]):
        there = ~np.isnan(truth[:, target])
        if there.any():
            yield target, (scores[there, target], truth[there, target])


def _hits(scores, truth, k, relevant):
    scores, truth = _check(scores, truth)
    pairs = [pair for _, pair in _columns(scores, truth)]
    fewest = min(len(true) for _, true in pairs)
    for name, value in (("k", k), ("relevant", relevant)):
        checks.integer(name, value, most=fewest)
    hits = []
    for estimated, true in pairs:
        best = [
            set(np.argsort(-x, kind="stable")[:n])
            for x, n in ((estimated, k), (true, relevant))
        ]
        hits.append(len(best[0] & best[1]))
    return float(np.mean(hits))
