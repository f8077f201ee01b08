"""How studies that compare variants end: a table, a picture, the report."""

import matplotlib.pyplot as plt

from keras_vipa.utils import recipe
from keras_vipa.utils import scoreboard


def write(args, rows, by, columns, drawn=None, label="accuracy in %", **more):
    """Summarize rows over their seeds, print and draw that, and write all.

    Args:
        args: the parsed arguments.
        rows: list of dicts.
        by: string. The column that rows of one variant share.
        columns: dict, column -> factor, as of `scoreboard.summarize`.
        drawn: list of strings. Columns of the picture. Defaults to all.
        label: string. What they are.
        **more: what else the report has.
    """
    summary = scoreboard.summarize(rows, by, columns)
    figure, axis = plt.subplots(figsize=(11, 4.2), layout="tight")
    scoreboard.draw_bars(axis, summary, drawn or columns, label)
    print(scoreboard.format_summary(summary))
    with recipe.results(args) as folder:
        figure.savefig(folder / "report.png", dpi=120)
        recipe.write_report(args, rows, folder, summary=summary, **more)
