"""What a recipe leaves behind: a report, a text, a table."""

import importlib.metadata
import json
import sys

import numpy as np

from keras_vipa.utils.files import written_beside

_PACKAGES = (
    "keras",
    "tensorflow",
    "jax",
    "numpy",
    "ai-edge-litert",
    "onnxruntime",
)


def versions():
    """Versions of Python and of the packages that results depend on.

    Returns:
        Dict, name -> string.
    """
    found = {"python": sys.version.split()[0]}
    for name in _PACKAGES:
        for distribution in (name, f"{name}_cpu"):
            try:
                found[name] = importlib.metadata.version(distribution)
            except importlib.metadata.PackageNotFoundError:
                continue
    return found


def write_report(path, arguments, seeds, results, **more):
    """Write what a recipe measured as JSON, whole or not at all.

    Args:
        path: string or path of the file.
        arguments: dict. The options of the run.
        seeds: list of integers.
        results: list of dicts.
        **more: further entries.
    """
    report = {
        "arguments": arguments,
        "seeds": seeds,
        "versions": versions(),
        "results": results,
        **more,
    }
    write_text(path, json.dumps(report, indent=2, default=str) + "\n")


def write_text(path, text):
    """Write a text file, whole or not at all.

    Args:
        path: string or path of the file.
        text: string.
    """
    with written_beside(path) as part:
        part.write_text(text, encoding="utf-8")


def mean_interval(values, groups=None, seed=0, samples=2000):
    """Mean of values and its 95 % interval, by the bootstrap.

    Args:
        values: list of numbers.
        groups: list of lists of labels as long as `values`, where values share
            something, such as a photograph: labels are drawn instead of
            values, those of each list by themselves. Defaults to none shared.
        seed: integer. Seed of the samples.
        samples: integer. How often they are drawn, with repetition.

    Returns:
        List of three floats: mean, lower and upper end.

    Example:

    >>> mean_interval([2, 2, 2])
    [2.0, 2.0, 2.0]
    """
    values = np.asarray(values, "float64")
    generator = np.random.default_rng(seed)
    weights = np.ones((samples, len(values)))
    for labels in groups or [range(len(values))]:
        names, places = np.unique(labels, return_inverse=True)
        even = np.full(len(names), 1 / len(names))
        drawn = generator.multinomial(len(names), even, size=samples)
        weights *= drawn[:, places]
    weights = weights[weights.sum(axis=1) > 0]
    ends = np.quantile(weights @ values / weights.sum(axis=1), (0.025, 0.975))
    return [float(values.mean()), *map(float, ends)]


def format_table(rows):
    """Rows as an aligned Markdown table.

    Args:
        rows: list of dicts with the same keys, which head the columns.
            Numbers are aligned to the right.

    Returns:
        String.

    Example:

    >>> print(format_table([{"model": "student", "joint": "85.1"}]))
    | model   | joint |
    | ------- | ----- |
    | student |  85.1 |
    """
    cells = [[str(value) for value in row.values()] for row in rows]
    widths = [
        max(3, *map(len, column)) for column in zip(list(rows[0]), *cells)
    ]
    lines = [list(rows[0]), ["-" * width for width in widths], *cells]
    return "\n".join(
        f"| {' | '.join(_aligned(c, w) for c, w in zip(line, widths))} |"
        for line in lines
    )


def _aligned(cell, width):
    is_number = cell[:1].isdigit() or cell[:1] in "+-"
    return cell.rjust(width) if is_number else cell.ljust(width)
