"""Selective zero-shot classifiers, trained, judged and compared over seeds."""

import math

import numpy as np

from keras_vipa import metrics
from keras_vipa.applications import SelectiveZeroShot
from keras_vipa.utils import reports

# Without residual attributes.
ALONE = {"residual": 0.0, "overlap": 0.0, "transfer": 0.0}
KINDS = ("maximum", "margin", "entropy")
MEASURES = ("aurc", "e_aurc", "augrc")
BATCH, DELTA = 128, 0.05


def tuned(task, grid, seed, epochs):
    """Settings that are best where some seen classes pass for unseen ones.

    Args:
        task: `zero_shot.Task`.
        grid: dict, as of `SelectiveZeroShot.tune`.
        seed: integer.
        epochs: integer.

    Returns:
        What `SelectiveZeroShot.tune` returns.
    """
    data = task.data
    return SelectiveZeroShot.tune(
        data.x,
        data.y,
        data.signatures,
        grid,
        task.held,
        epochs=epochs,
        batch_size=BATCH,
        seed=seed,
    )


def predicted(task, settings, seed, epochs):
    """What a model that is trained on all seen classes says of unseen ones.

    Args:
        task: `zero_shot.Task`.
        settings: dict, as `tuned` returns it.
        seed: integer.
        epochs: integer.

    Returns:
        What `SelectiveZeroShot.predict` returns, and `"scores"`, those of the
        defined attributes before temperatures were fitted.
    """
    data = task.data
    channels = data.x.shape[1]
    model = SelectiveZeroShot(
        data.signatures, channels=channels, seed=seed, **settings
    )
    model.adapt(data.x)
    stages = {"attributes": epochs}
    model.fit_stages(data.x, stages, BATCH, labels=data.y, verbose=0)
    # With so few attributes, an unseen class may look as a seen one.
    found = model.predict(
        data.new_x, data.new_signatures, like_seen=True, verbose=0
    )
    temperature, _ = settings["calibration"]
    return {**found, "scores": temperature * found["defined"]}


def confidences(scores, temperature=None):
    """Name -> confidence `(n,)`.

    Args:
        scores: float array `(n, classes)`.
        temperature: float, for `"scaled"`.
    """
    found = {
        kind: np.asarray(metrics.confidence_of(scores, kind, from_logits=True))
        for kind in KINDS
    }
    if temperature:
        scaled = metrics.confidence_of(scores / temperature, "maximum", True)
        found["scaled"] = np.asarray(scaled)
    return found


def scores_of(confidence, correct, labels, risk, seed):
    """A row of the table.

    Args:
        confidence: float array `(n,)`.
        correct: boolean array `(n,)`.
        labels: integer array `(n,)`, for the mean over classes.
        risk: float, what is promised from a random half.
        seed: integer, of the half.

    Returns:
        A dict.
    """
    found = metrics.selective_scores(confidence, correct)
    classes = [correct[labels == c].mean() for c in np.unique(labels)]
    found["class_accuracy"] = float(np.mean(classes))
    half = np.random.default_rng(seed).permutation(len(correct)) % 2 == 0
    found |= {"promised_risk": risk, "kept_risk": None, "kept_coverage": 0.0}
    try:
        threshold = metrics.threshold_for_risk(
            confidence[half], correct[half], risk, DELTA
        )["threshold"]
    except ValueError as error:
        # Nothing can be promised, so nothing is answered.
        return {**found, "refused": str(error)}
    answered = confidence[~half] >= threshold
    found["kept_coverage"] = float(answered.mean())
    if answered.any():
        found["kept_risk"] = float(1 - correct[~half][answered].mean())
    return found


def paired(rows, of="augmented", kind="both"):
    """Areas of a confidence minus those of others, for the same answers.

    Args:
        rows: list of dicts with `predictor`, `confidence`, `seed`, and areas.
        of: string. The predictor.
        kind: string. Its confidence.

    Returns:
        List of dicts, one for each other confidence: for each area the mean
        difference in percent and its 95 % interval over seeds, in how many
        seeds it is smaller, and the probability of the sign test.
    """
    own = [row for row in rows if row["predictor"] == of]
    table = {(row["confidence"], row["seed"]): row for row in own}
    seeds = sorted({row["seed"] for row in own})
    found = []
    for other in dict.fromkeys(row["confidence"] for row in own):
        if other == kind:
            continue
        line = {"against": other, "seeds": len(seeds)}
        for measure in MEASURES:
            change = [
                100 * (table[kind, s][measure] - table[other, s][measure])
                for s in seeds
            ]
            line[measure] = reports.mean_interval(change)
            line[f"{measure}_smaller"] = sum(c < 0 for c in change)
            line[f"{measure}_p"] = sign_test(change)
        found.append(line)
    return found


def sign_test(changes):
    """Probability of signs as uneven as these, or more, by chance.

    Of the exact binomial distribution, two-sided; zeros do not count.

    Example:

    >>> sign_test([-1, -2, -3, -1, -2])
    0.0625
    """
    signs = [c < 0 for c in changes if c]
    count, few = len(signs), min(sum(signs), len(signs) - sum(signs))
    tail = sum(math.comb(count, k) for k in range(few + 1)) / 2**count
    return min(1.0, 2 * tail)


def format_paired(lines):
    """The table of `paired`, as text."""
    table = []
    for line in lines:
        names = [key for key in line if isinstance(line[key], str)]
        table.append({name: line[name] for name in names})
        for measure in MEASURES:
            mean, low, high = line[measure]
            table[-1][measure] = f"{mean:+.2f} ({low:+.2f} to {high:+.2f})"
            table[-1][f"{measure} smaller in"] = (
                f"{line[f'{measure}_smaller']} of {line['seeds']}, "
                f"p {line[f'{measure}_p']:.3f}"
            )
    return reports.format_table(table)
