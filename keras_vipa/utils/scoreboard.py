"""Several models on the same task: rows of scores, over seeds, as a table."""

import time

import numpy as np

from keras_vipa.utils import reports


class Scoreboard:
    """Rows of scores of several models, for any method.

    Args:
        score: callable, what a model returns to a dict, name -> number; or
            -> list of numbers, one for each part of the task.
        reference: integer. Parameters of what the models are compared with;
            `add_teachers` sets it.
        **common: entries of every row, such as the seed.

    Attributes:
        rows: list of dicts: the common entries, `model`, what `score` returns,
            `parameters`, `ratio` (to `reference`) and `seconds`.

    Example:

    >>> board = Scoreboard(lambda x: {"parts": [x, 2 * x]}, 100, seed=0)
    >>> board.add("student", 0.25, parameters=80)
    >>> board.rows[0]["parts"], board.rows[0]["ratio"]
    ([0.25, 0.5], 0.8)
    """

    def __init__(self, score, reference=None, **common):
        self.score = score
        self.reference = reference
        self.common = common
        self.rows = []

    def add(self, model, outputs, parameters, seconds=None, part=None, **more):
        """Score what a model returns, as a new row.

        Args:
            model: string. Its name.
            outputs: what `score` takes.
            parameters: integer. Their number.
            seconds: float. What its training took.
            part: integer. The only part that the model knows: all other
                numbers become `None`.
            **more: further entries of this row.
        """
        scores = self.score(outputs)
        if part is not None:
            scores = {key: _only(part, value) for key, value in scores.items()}
        self.rows.append(
            {
                **self.common,
                "model": model,
                **scores,
                "parameters": parameters,
                "ratio": parameters / (self.reference or parameters),
                "seconds": seconds,
                **more,
            }
        )

    def add_teachers(self, teachers, outputs):
        """A row for each teacher, which knows one part, and one for all.

        Args:
            teachers: list of `keras.Model`.
            outputs: what `score` takes, of all teachers side by side.
        """
        sizes = [teacher.count_params() for teacher in teachers]
        self.reference = sum(sizes)
        for part, size in enumerate(sizes):
            self.add(f"teacher_{part + 1}", outputs, size, part=part)
        self.add("concatenated", outputs, self.reference)

    def add_model(self, name, model, inputs, start, **more):
        """Score a Keras model, as a new row.

        Args:
            name: string.
            model: `keras.Model`.
            inputs: what it takes.
            start: float. When its training began, as `time.time()`.
            **more: further entries of this row.
        """
        seconds = time.time() - start
        outputs = model.predict(inputs, verbose=0)
        self.add(name, outputs, model.count_params(), seconds, **more)


def _only(part, value):
    if not isinstance(value, list):
        return None
    return [x if number == part else None for number, x in enumerate(value)]


def summarize(rows, by, columns, intervals=False, groups=(), seed=0):
    """Mean and spread over the rows of each model, or whatever is compared.

    Args:
        rows: list of dicts.
        by: string, or list of strings. Columns that rows of one model share.
        columns: list of strings, or dict, string -> factor (100 for percent).
            Columns of numbers; or of lists or dicts of numbers, which are
            summarized one by one. A `None` or NaN in any row makes `None`.
        intervals: boolean. Whether the spread is a 95 % interval of the mean,
            by `reports.mean_interval`, instead of a standard deviation.
        groups: list of strings. For intervals: columns whose equal entries are
            drawn together.
        seed: integer. For intervals.

    Returns:
        List of dicts, one for each model, with `by` and `columns` in the order
        of the rows. A number becomes `[mean, standard deviation]`, or `[mean,
        lower, upper end]`; or `[mean]`, if there is one row.

    Example:

    >>> rows = [{"seed": s, "model": "a", "score": s / 4} for s in (1, 3)]
    >>> summarize(rows, "model", {"score": 100})
    [{'model': 'a', 'score': [50.0, 35.35533905932738]}]
    """
    by = [by] if isinstance(by, str) else list(by)
    factors = (
        columns if isinstance(columns, dict) else dict.fromkeys(columns, 1)
    )
    models = {}
    for row in rows:
        models.setdefault(tuple(row[key] for key in by), []).append(row)
    summary = []
    for same in models.values():
        spread = _standard_deviation
        if intervals:
            labels = [[row[key] for row in same] for key in groups]
            spread = _interval(labels, seed)
        summary.append(
            {
                key: value
                if key in by
                else _spreads([row[key] for row in same], factors[key], spread)
                for key, value in same[0].items()
                if key in by or key in factors
            }
        )
    return summary


def _spreads(values, factor, spread):
    """Spread of numbers, or a list or dict of the spread of each."""
    first = values[0]
    if isinstance(first, dict):
        return {
            key: _spreads([value[key] for value in values], factor, spread)
            for key in first
        }
    if isinstance(first, (list, tuple)):
        return [_spreads(list(part), factor, spread) for part in zip(*values)]
    if any(value is None or value != value for value in values):
        return None
    values = factor * np.array(values)
    return spread(values) if len(values) > 1 else [float(values[0])]


def _standard_deviation(values):
    return [float(values.mean()), float(values.std(ddof=1))]


def _interval(labels, seed):
    return lambda values: reports.mean_interval(values, labels or None, seed)


def format_summary(summary, digits=2):
    """A summary as text: a line a model, a column a number.

    Args:
        summary: list of dicts, as `summarize` returns it.
        digits: integer, or dict, column -> integer. Digits behind the point;
            2 where a dict has none.

    Returns:
        String, a Markdown table. Means are followed by ± and their standard
        deviation, or by their interval in brackets. The numbers of a dict are
        columns under their own names, those of a list are `part 1` and so on.

    Example:

    >>> summary = [{"model": "a", "parts": [[50.0, 0.5], None]}]
    >>> print(format_summary(summary, 1))
    | model | part 1     | part 2 |
    | ----- | ---------- | ------ |
    | a     | 50.0 ± 0.5 |        |
    """
    table = []
    for row in summary:
        table.append({})
        for key, value in row.items():
            places = digits
            if isinstance(digits, dict):
                places = digits.get(key, 2)
            for name, part in flatten(key, value):
                table[-1][name] = _shown(part, places)
    return reports.format_table(table)


def flatten(key, value):
    """Pairs of name and spread, of a column of a summary."""
    if isinstance(value, dict):
        return list(value.items())
    if isinstance(value, list) and not isinstance(value[0], float):
        singular = key.removesuffix("s")
        return [(f"{singular} {i}", part) for i, part in enumerate(value, 1)]
    return [(key, value)]


def _shown(value, digits):
    if value is None:
        return ""
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.2f}"
    if not isinstance(value, list):
        return str(value)
    mean, *spread = (f"{number:.{digits}f}" for number in value)
    if len(spread) == 2:
        return f"{mean} ({spread[0]} to {spread[1]})"
    return " ± ".join([mean, *spread])


def draw_bars(axis, summary, columns, label):
    """Draw a group of bars a model, with their spread.

    Args:
        axis: `matplotlib.axes.Axes`.
        summary: list of dicts, as `summarize` returns it.
        columns: list of strings. What to draw.
        label: string. What the numbers are, and their unit.
    """
    series = {}
    for place, row in enumerate(summary):
        for key in columns:
            for name, spread in flatten(key, row[key]):
                series.setdefault(name, [])
                if spread:
                    series[name].append((place, *_with_ends(spread)))
    width = 0.8 / len(series)
    lowest, highest = np.inf, -np.inf
    for number, (name, bars) in enumerate(series.items()):
        places, means, below, above = np.reshape(bars, (-1, 4)).T
        shift = width * (number - (len(series) - 1) / 2)
        axis.bar(places + shift, means, width, yerr=[below, above], label=name)
        lowest = min([lowest, *(means - below)])
        highest = max([highest, *(means + above)])
    room = 0.1 * max(highest - lowest, 0.1 * abs(highest), 1e-9)
    axis.set_ylim(min(lowest, max(0.0, lowest - room)), highest + room)
    first = next(iter(summary[0]))
    many = len(summary) > 6
    names = [
        str(row[first]).replace("_", " " if many else "\n") for row in summary
    ]
    turned = {"rotation": 45, "ha": "right"} if many else {}
    axis.set_xticks(range(len(summary)), names, fontsize=8, **turned)
    axis.set_ylabel(label)
    axis.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncol=len(series))


def _with_ends(spread):
    """Mean, and how far its spread goes below and above it."""
    mean, *ends = spread
    if len(ends) == 2:
        return mean, mean - ends[0], ends[1] - mean
    return mean, *2 * (ends or [0.0])
