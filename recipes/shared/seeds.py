"""All seeds of a recipe, and its results in one folder."""

import keras

from keras_vipa import export
from keras_vipa.utils import recipe
from keras_vipa.utils import scoreboard

LAST = "last_good_student.keras"
WRITES = ["report.png", "student.keras", "student.tflite", LAST]


def run(args, task, run_seed, draw):
    """Run all seeds, then write what came out.

    Args:
        args: the parsed arguments.
        task: what has `models` and `names`: teachers are written unless they
            are the user's or have a name; and `columns`, dict, score of a row
            -> factor, 100 for percent.
        run_seed: callable, `(args, seed, task, backup)` to the rows of a seed,
            its amalgamator, and a dict of curves for the report; `backup` is a
            folder.
        draw: callable, `(summary, amalgamator, curves)`, the latter of the
            first seed, to a dict, name of a PNG file -> figure.

    Returns:
        The summary.
    """
    results = []
    with recipe.backup_folder(args) as backup:
        for seed in args.seeds:
            keras.utils.set_random_seed(seed)
            try:
                rows, last, curves = run_seed(args, seed, task, backup)
            except FloatingPointError as error:
                with recipe.results(args) as folder:
                    error.model.student.save(folder / LAST)
                raise
            results += rows
            if seed == args.seeds[0]:
                first = last, curves
    summary = summarized(results, task.columns)
    last, curves = first
    figures = draw(summary, last, curves)
    with recipe.results(args) as folder:
        if not (task.models or task.names):
            for number, teacher in enumerate(last.teachers, 1):
                teacher.save(folder / f"teacher_{number}.keras")
        last.student.save(folder / "student.keras")
        if keras.config.backend() == "tensorflow":
            export.to_litert(last.student, folder / "student.tflite")
        for name, figure in figures.items():
            figure.savefig(folder / name, dpi=120)
        more = {"measures": task.measures, "summary": summary}
        recipe.write_report(args, results, folder, curves=curves, **more)
    return summary


def summarized(results, columns):
    """A summary of rows by model, whose size may differ from seed to seed.

    Args:
        results: list of dicts.
        columns: dict, score of a row -> factor.

    Returns:
        As `scoreboard.summarize`; sizes that do not differ are numbers.
    """
    sizes = {"parameters": 1, "ratio": 1}
    factors = columns | sizes | {"seconds": 1}
    summary = scoreboard.summarize(results, "model", factors)
    for row in summary:
        for key in sizes:
            known = {
                one[key] for one in results if one["model"] == row["model"]
            }
            if len(known) == 1:
                row[key] = known.pop()
    return summary
