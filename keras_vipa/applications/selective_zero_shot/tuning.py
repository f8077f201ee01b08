"""Settings that are best where seen classes pass for unseen ones."""

import itertools

import keras

from keras_vipa import metrics
from keras_vipa.applications.selective_zero_shot.attributes import confidence
from keras_vipa.applications.selective_zero_shot.attributes import log_softmax
from keras_vipa.utils import checks

MIXES = [number / 10 for number in range(11)]


def search(predicted, labels, grid=None):
    """The combination of a grid with the least area of risk and coverage.

    Args:
        predicted: function of a combination, a dict, to what
            `SelectiveZeroShot.predict` returns.
        labels: integer array `(n,)`, what is right.
        grid: dict, name -> list of values.

    Returns:
        Dict, the combination with `"mix"` and `"calibration"`; and the rows of
        all, with `"accuracy"` and `"aurc"`.
    """
    grid = {} if grid is None else grid
    if not isinstance(grid, dict):
        checks.fail("`grid` must be a dict of lists", "grid", grid)
    for name, values in grid.items():
        if not isinstance(values, list | tuple) or not values:
            checks.fail(
                "`grid` must be a dict of lists", f"grid[{name!r}]", values
            )
    rows = []
    for values in itertools.product(*grid.values()):
        chosen = dict(zip(grid, values))
        rows.append({**chosen, **settled(predicted(chosen), labels)})
    best = min(rows, key=lambda row: row["aurc"])
    return {name: best[name] for name in (*grid, "mix", "calibration")}, rows


def settled(outputs, labels):
    """Temperatures, the best mix, and what these achieve.

    Args:
        outputs: what `SelectiveZeroShot.predict` returns.
        labels: integer array `(n,)`, what is right.

    Returns:
        Dict of `"mix"`, `"calibration"`, `"accuracy"` and `"aurc"`.
    """
    logs = outputs["defined"], outputs["residual"]
    calibration = tuple(metrics.fit_temperature(x, labels) for x in logs)
    logs = [log_softmax(x / t) for x, t in zip(logs, calibration)]
    answers = outputs["labels"]
    rows = []
    for mix in MIXES:
        sure = confidence(*logs, answers, mix)
        found = metrics.selective_scores(sure, answers == labels)
        rows.append({"mix": mix, "calibration": calibration, **found})
    best = min(rows, key=lambda row: row["aurc"])
    names = ("mix", "calibration", "accuracy", "aurc")
    return {name: best[name] for name in names}


def copy_of(model):
    """A copy of a network with weights of its own."""
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    return copy
