"""Every measure beside measured transfer."""

import time

import numpy as np

from keras_vipa.transferability.model_space import ModelSpace
from keras_vipa.transferability.ranking import permutation_test
from keras_vipa.transferability.ranking import precision_at_k
from keras_vipa.transferability.ranking import rank_correlations
from keras_vipa.transferability.scores import h_score
from keras_vipa.transferability.scores import log_me

OTHERS = ("graph", "edges", "curves", "rsa", "cka")


def affinities(encoders, probes, methods, others=OTHERS, pool=None):
    """Affinities by every measure that needs no labels, each on its own.

    Args:
        encoders: dict, name -> Keras model.
        probes: array, of `ModelSpace`.
        methods: list of strings, attribution methods for the measure `maps`.
        others: list of strings, further measures, by the first method.
        pool: integer, of `ModelSpace`.

    Returns:
        A dict, name of method or measure -> affinity matrix and seconds; and
        the `ModelSpace` of the first method's maps.
    """
    jobs = [(method, method, "maps") for method in methods]
    jobs += [(kind, methods[0], kind) for kind in others]
    found, spaces = {}, []
    for label, method, kind in jobs:
        start = time.perf_counter()
        space = ModelSpace(probes, method, [kind], pool=pool)
        for name, encoder in encoders.items():
            space.add(name, encoder)
        found[label] = space.affinity(kind), time.perf_counter() - start
        spaces.append(space)
    return found, spaces[0]


def label_scores(problems, labels, classified):
    """Scores that read labels of the target.

    Args:
        problems: dict, task -> a dict of source -> features `(n, size)`, and
            targets `(n, values)`; a class as 0 and 1.
        labels: integer. How many of the images, the first ones, have labels.
        classified: list of strings, the tasks whose targets are classes.

    Returns:
        A dict, name -> scores `(sources, targets)`, NaN where a score says
        nothing of a target, and seconds.
    """
    start, columns = time.perf_counter(), []
    for features, targets in problems.values():
        scaled = targets[:labels] - targets[:labels].mean(axis=0)
        scaled = scaled[:, scaled.std(axis=0) > 0]
        columns.append([log_me(x[:labels], scaled) for x in features.values()])
    found = {"LogME": (np.array(columns).T, time.perf_counter() - start)}
    start, columns = time.perf_counter(), []
    for task, (features, targets) in problems.items():
        classes = targets[:labels].argmax(axis=1)
        columns.append(
            [
                h_score(x[:labels], classes) if task in classified else np.nan
                for x in features.values()
            ]
        )
    found["H-score"] = np.array(columns).T, time.perf_counter() - start
    return found


def judge(scores, errors, predictable=0.85, relevant=3, seed=0):
    """How good scores are, against measured errors of transfer.

    Args:
        scores: array `(networks, networks)`, source and target; targets with a
            NaN are left out.
        errors: array of the same shape, 1 being no better than nothing.
        predictable: float. Targets for which no other source has a smaller
            error are left out of all but `rho, all`.
        relevant: integer. How many of the truly best sources count.
        seed: integer. Seed of the permutations.

    Returns:
        A dict of `rho` and `rho, all`, mean rank correlations; `P@1` and `P@K`
        for `relevant` K; and `p`, of 500 permutations, NaN if a target is left
        out of the scores. All are NaN if no target is left.
    """
    truth = -np.array(errors, "float64")
    np.fill_diagonal(truth, np.nan)
    has_scores = ~np.isnan(scores).any(axis=0)
    truth[:, ~has_scores] = np.nan
    good = truth.copy()
    reached = np.where(np.isnan(truth), -np.inf, truth).max(axis=0)
    good[:, reached < -predictable] = np.nan
    if np.isnan(good).all():
        keys = ("rho", "rho, all", "P@1", f"P@{relevant}", "p")
        return dict.fromkeys(keys, np.nan)
    is_whole = has_scores.all()
    return {
        "rho": float(np.nanmean(rank_correlations(scores, good))),
        "rho, all": float(np.nanmean(rank_correlations(scores, truth))),
        "P@1": precision_at_k(scores, good, 1, relevant),
        f"P@{relevant}": precision_at_k(scores, good, relevant, relevant),
        # Exchanging networks exchanges sources and targets.
        "p": permutation_test(scores, good, 500, seed) if is_whole else np.nan,
    }
