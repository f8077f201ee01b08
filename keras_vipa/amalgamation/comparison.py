"""What a student kept of its teachers: scores, table and picture."""

import numpy as np
from keras import ops

from keras_vipa.utils import reports


def scores(logits, slices, labels):
    """Accuracy within each teacher's classes, and among all classes.

    Args:
        logits: float array `(n, classes)`, of all classes.
        slices: list of `slice`, the logits of each teacher.
        labels: integer array `(n,)`, class among all classes.

    Returns:
        Tuple of the list of accuracies of the parts and the joint accuracy,
        in [0, 1]. A part is scored on its own images and logits only, and is
        `None` if there is no such image.

    Example:

    >>> logits = np.array([[2.0, 1.0, 9.0], [0.0, 1.0, 0.0], [0.0, 1.0, 3.0]])
    >>> parts = [slice(0, 2), slice(2, 3)]
    >>> scores(logits, parts, np.array([0, 1, 2]))
    ([1.0, 1.0], 0.6666666666666666)
    """
    parts = []
    for part in slices:
        inside = (labels >= part.start) & (labels < part.stop)
        decisions = logits[inside, part].argmax(axis=1) + part.start
        is_known = len(decisions) > 0
        right = decisions == labels[inside]
        parts.append(float(np.mean(right)) if is_known else None)
    return parts, float(np.mean(logits.argmax(axis=1) == labels))


def agreement(logits, slices, teacher_logits):
    """How often a student decides as its teachers do, without labels.

    Args:
        logits: float array `(n, classes)` of the student.
        slices: list of `slice`, the logits of each teacher.
        teacher_logits: float array `(n, classes)`, those of the teachers side
            by side.

    Returns:
        Tuple of the list of agreements within the classes of each teacher and
        the agreement among all classes, in [0, 1].
    """
    parts = [(logits[:, part], teacher_logits[:, part]) for part in slices]
    rates = [
        float(np.mean(student.argmax(axis=1) == teacher.argmax(axis=1)))
        for student, teacher in [*parts, (logits, teacher_logits)]
    ]
    return rates[:-1], rates[-1]


class Scoreboard:
    """Rows of scores of several models on the same images.

    Args:
        slices: list of `slice`, the logits of each teacher.
        teacher_logits: float array `(n, classes)`, those of the teachers side
            by side.
        labels: integer array `(n,)`, class among all classes; or `None`, for
            scores that are agreement with the teachers.
        **common: entries of every row.

    Attributes:
        rows: list of dicts with the keys `model`, `parts` (a list with `None`
            for a part that the model does not know), `joint` (`None` if it
            knows one part), and what `add` is given.
    """

    def __init__(self, slices, teacher_logits, labels=None, **common):
        self.slices = slices
        self.teacher_logits = teacher_logits
        self.labels = labels
        self.common = common
        self.rows = []

    @classmethod
    def of(cls, amalgamator, images, labels=None, **common):
        """Scoreboard with rows for each teacher and for all side by side.

        Args:
            amalgamator: `LayerwiseAmalgamator`.
            images: float array of images to score on.
            labels: integer array or `None`, as above.
            **common: entries of every row.

        Returns:
            A `Scoreboard`, whose rows have `parameters` and `seconds`.
        """
        features = amalgamator.teacher_features.predict(images, verbose=0)
        board = cls(amalgamator.slices, features["logits"], labels, **common)
        sizes = [t.count_params() for t in amalgamator.teachers]
        logits = features["logits"]
        for part, size in enumerate(sizes):
            name = f"teacher_{part + 1}"
            board.add(name, logits, part, parameters=size, seconds=None)
        total = sum(sizes)
        board.add("concatenated", logits, parameters=total, seconds=None)
        return board

    def add(self, model, logits, only_part=None, **more):
        """Score the logits of a model, `(n, classes)`, as a new row."""
        if self.labels is None:
            parts, joint = agreement(logits, self.slices, self.teacher_logits)
        else:
            parts, joint = scores(logits, self.slices, self.labels)
        if only_part is not None:
            joint = None
            parts = [
                value if number == only_part else None
                for number, value in enumerate(parts)
            ]
        row = {"model": model, "parts": parts, "joint": joint}
        self.rows.append({**self.common, **row, **more})


def relative_error(target, output):
    """Squared error relative to the variance of the target.

    Args:
        target: float array `(..., channels)`.
        output: float array of the same shape.

    Returns:
        Float: 0 if they are equal, 1 if the output is the mean of the target.
    """
    target = np.reshape(target, (-1, np.shape(target)[-1]))
    output = np.reshape(output, target.shape)
    deviation = target - target.mean(axis=0)
    return float(np.sum((output - target) ** 2) / np.sum(deviation**2))


def principal_component_errors(features):
    """Least relative error of a linear code, for each of its widths.

    Args:
        features: float array `(..., channels)`.

    Returns:
        Float array `(channels,)`: item `k - 1` is the part of the variance
        outside the first `k` principal components, which no linear
        auto-encoder of width `k` can go below.
    """
    features = np.reshape(features, (-1, np.shape(features)[-1]))
    variances = np.linalg.eigvalsh(np.cov(features.T))[::-1]
    variances = np.maximum(variances, 0.0)
    return 1.0 - np.cumsum(variances) / np.sum(variances)


def width_curves(amalgamator, images):
    """Reconstruction error of a `LayerwiseAmalgamator` against width.

    Args:
        amalgamator: `LayerwiseAmalgamator` with trained auto-encoders.
        images: float array of images.

    Returns:
        Dict, layer name -> dict with `width`, `channels`, the relative `error`
        of the auto-encoder, and `optimum`, the least errors of a linear code
        of 1, 2, ... channels.
    """
    features = amalgamator.teacher_features.predict(images, verbose=0)
    curves = {}
    for name, encoder, decoder in zip(
        amalgamator.layer_names, amalgamator.encoders, amalgamator.decoders
    ):
        feature = features[name]
        decoded = ops.convert_to_numpy(decoder(encoder(feature)))
        curves[name] = {
            "width": encoder.units,
            "channels": feature.shape[-1],
            "error": relative_error(feature, decoded),
            "optimum": principal_component_errors(feature).tolist(),
        }
    return curves


def summary(rows):
    """Mean and standard deviation over seeds of the rows of scoreboards.

    Args:
        rows: list of rows, of any number of seeds.

    Returns:
        List of dicts, one for each model: `model`, `parts` and `joint` as
        pairs `[mean, standard deviation]` in percent or `None`, `parameters`,
        `ratio` to those of the teachers together, `seconds`.
    """
    total = next(r["parameters"] for r in rows if r["model"] == "concatenated")
    models = dict.fromkeys(row["model"] for row in rows)
    return [
        _summary_of([row for row in rows if row["model"] == model], total)
        for model in models
    ]


def _summary_of(rows, total):
    seconds = [row["seconds"] for row in rows]
    return {
        "model": rows[0]["model"],
        "parts": [_spread(part) for part in zip(*(r["parts"] for r in rows))],
        "joint": _spread([row["joint"] for row in rows]),
        "parameters": rows[0]["parameters"],
        "ratio": rows[0]["parameters"] / total,
        "seconds": None if None in seconds else float(np.mean(seconds)),
    }


def _spread(values):
    if None in values:
        return None
    values = 100 * np.array(values)
    deviation = values.std(ddof=1) if len(values) > 1 else 0.0
    return [float(values.mean()), float(deviation)]


def table(summary):
    """A summary as text, in percent.

    Args:
        summary: list of dicts, as `summary` returns it.

    Returns:
        String, a Markdown table.
    """

    def shown(spread):
        return "" if spread is None else "{:.2f} ± {:.2f}".format(*spread)

    return reports.format_table(
        [
            {
                "model": row["model"],
                **{
                    f"part {number}": shown(part)
                    for number, part in enumerate(row["parts"], 1)
                },
                "joint": shown(row["joint"]),
                "parameters": f"{row['parameters']:,}",
                "ratio": f"{row['ratio']:.2f}",
                "seconds": ""
                if row["seconds"] is None
                else f"{row['seconds']:.0f}",
            }
            for row in summary
        ]
    )


def plot(path, curves, summary, measures="accuracy"):
    """Picture of reconstruction error against width, and of the scores.

    Args:
        path: string or path of the PNG file.
        curves: dict, as `width_curves` returns it.
        summary: list of dicts, as `summary` returns it.
        measures: string. What the scores are.
    """
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(11, 4.2))
    for name, curve in curves.items():
        share = np.arange(1, curve["channels"]) / curve["channels"]
        line = left.semilogy(share, curve["optimum"][:-1], label=name)[0]
        own = curve["width"] / curve["channels"], max(curve["error"], 1e-12)
        left.plot(*own, "o", color=line.get_color())
    left.set_xlabel("width of the code / channels of all teachers")
    left.set_ylabel("reconstruction error / variance")
    left.set_title("Line: best linear code. Point: auto-encoder", fontsize=10)
    left.set_ylim(1e-6, 1)
    left.legend()
    count = len(summary[0]["parts"])
    for number in range(count + 1):
        values = [[*row["parts"], row["joint"]][number] for row in summary]
        places = [i for i, value in enumerate(values) if value]
        known = np.array([values[i] for i in places]).reshape(-1, 2)
        right.bar(
            np.array(places) + 0.8 * (number - count / 2) / (count + 1),
            known[:, 0],
            0.8 / (count + 1),
            yerr=known[:, 1],
            label=f"part {number + 1}" if number < count else "joint",
        )
    lowest = min(v[0] for r in summary for v in [*r["parts"], r["joint"]] if v)
    right.set_ylim(max(0.0, lowest - 10.0), 101.0)
    names = [row["model"].replace("_", "\n") for row in summary]
    right.set_xticks(range(len(summary)), names, fontsize=8)
    right.set_ylabel(f"{measures} in %")
    right.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncol=count + 1)
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    pyplot.close(figure)
