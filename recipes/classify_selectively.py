"""Classify what was never seen, and keep silent where it is unsure.

    python recipes/classify_selectively.py --images pictures \
        --signatures animals.csv --unseen zebra okapi

takes pictures of yours in a folder for each class, of which those after
`--unseen` are not trained on, and attributes of all classes: a CSV file whose
first line is `class` and names of attributes, and each other line a class and
numbers. `--features` takes a folder of the usual benchmarks instead, as
`keras_vipa.datasets.gbu` reads it, with the proposed split, or with `--unseen`
another.

    python recipes/classify_selectively.py

compares zero-shot classifiers on critters, drawn creatures (in the package): of
160 classes there are pictures, of 20 others only attributes, and of these only
a third has been defined (`--defined`), another third for each seed. Unseen
classes that these do not tell apart count as one. `--data synthetic` takes
features of classes with a few factors in common instead.

Predictors, all on the same features, of a small network that has learnt to tell
seen classes apart, or of the benchmark: `dap`, `eszsl` and `sae`, in closed
form; `cosine`, the defined attributes of `SelectiveZeroShot` alone;
`augmented`, with residual attributes, which decides by the defined ones; and,
as a control, `both_decide`, whose residual attributes decide, too. Confidences:
the softmax `maximum`, `margin` and negative `entropy` of each, and `scaled`,
the maximum with a temperature that was fitted; of `augmented` also `both`, of
defined and residual attributes.

All settings are chosen where each fifth seen class passes for an unseen one.
Rows of `results`: `accuracy`, also as a mean over classes, the areas under
curves of risk and coverage (`aurc`, `e_aurc`, `augrc`), `coverage_at_5` and
`coverage_at_10`, the largest part that can be answered with at most 5 or 10 %
of errors; and with a threshold from a half of the test pictures that promises a
risk of at most `--risk` (with a probability of 95 %), the risk and coverage of
the other half, or what could have been promised.

Written to `--output`: `report.json`, `report.png`, curves of the first seed,
and, of pictures, `answers.png`, what was answered and what was not.
"""

from keras_vipa.utils import recipe

# isort: split

from shared import risk_pictures
from shared import selective
from shared import zero_shot

from keras_vipa import metrics
from keras_vipa.utils import scoreboard
from keras_vipa.utils import types

COLUMNS = {
    "accuracy": 100,
    "class_accuracy": 100,
    "aurc": 100,
    "e_aurc": 100,
    "augrc": 100,
    "coverage_at_5": 100,
    "coverage_at_10": 100,
    "kept_risk": 100,
    "kept_coverage": 100,
}
SMOKE = {"epochs": 2, "steps": 2}
WRITES = ["report.png", "answers.png"]


def options(add):
    """The options."""
    add("--data", choices=["critters", "synthetic"], default="critters")
    add("--features", metavar="FOLDER", help="of a benchmark")
    add("--images", metavar="FOLDER", help="with a folder for each class")
    add("--signatures", metavar="FILE", help="CSV, attributes of --images")
    add("--unseen", nargs="+", metavar="CLASS", help="of your data")
    add("--defined", type=types.positive, help="share of the attributes")
    add("--residual", type=int, nargs="+", default=[16], help="to choose from")
    add("--epochs", type=types.whole(1), default=40)
    add("--steps", type=types.whole(1), default=600, help="of the features")
    add("--risk", type=types.share, default=0.2, help="that is promised")


def check(args):
    """Options that belong together.

    Raises:
        ValueError: If one of them is missing.
    """
    if args.features and args.images:
        raise ValueError("Either --features or --images can be given.")
    if bool(args.images) != bool(args.signatures):
        raise ValueError("--images and --signatures belong together.")
    if args.images and len(args.unseen or ()) < 2:
        raise ValueError("--images needs --unseen, two classes or more.")
    if args.unseen and not (args.images or args.features):
        raise ValueError("--unseen is for --images or --features.")
    if args.defined and args.defined > 1:
        raise ValueError(f"--defined is at most 1. Received: {args.defined:g}")


def predictors(args, task, seed):
    """Name -> scores of unseen classes and their temperature; our outputs."""
    found, right = {}, task.pretended.new_y
    for name in zero_shot.CLOSED:
        scores, of_held, settings = zero_shot.chosen(name, task)
        found[name] = scores, metrics.fit_temperature(of_held, right)
        print(f"Seed {seed}: {name}, settings {settings}", flush=True)
    grids = {
        "cosine": {"weights": [selective.ALONE]},
        "augmented": {"residual": args.residual},
    }
    for name, grid in grids.items():
        settings, _ = selective.tuned(task, grid, seed, args.epochs)
        print(f"Seed {seed}: {name}, settings {settings}", flush=True)
        ours = selective.predicted(task, settings, seed, args.epochs)
        found[name] = ours["scores"], settings["calibration"][0]
    found["both_decide"] = ours["defined"] + ours["residual"], None
    return found, ours, settings


def run_seed(args, seed):
    """Rows, and for figures the confidence of each, who was right, the task."""
    task = zero_shot.task_of(args, seed)
    found, ours, settings = predictors(args, task, seed)
    right, rows, kept = task.data.new_y, [], {}
    for name, (scores, temperature) in found.items():
        correct = scores.argmax(axis=1) == right
        sure = selective.confidences(scores, temperature)
        if name == "augmented":
            sure["both"] = ours["confidence"]
        for kind, values in sure.items():
            row = {"model": f"{name}, {kind}", "predictor": name}
            row |= {"confidence": kind, "seed": seed, "mix": settings["mix"]}
            row |= selective.scores_of(values, correct, right, args.risk, seed)
            rows.append(row)
            kept[row["model"]] = values, correct
    return rows, kept, task


def main(args):
    """Run all seeds, then write what came out."""
    check(args)
    rows = []
    for seed in args.seeds:
        found, kept, task = run_seed(args, seed)
        rows += found
        if seed == args.seeds[0]:
            figures = {"report.png": risk_pictures.draw_curves(kept)}
            if task.images is not None:
                sheet = risk_pictures.draw_images(
                    *kept["augmented, both"], task.images
                )
                figures["answers.png"] = sheet
    summary = scoreboard.summarize(rows, "model", COLUMNS)
    print(scoreboard.format_summary(summary))
    paired = selective.paired(rows)
    print(selective.format_paired(paired))
    with recipe.results(args) as folder:
        for name, figure in figures.items():
            figure.savefig(folder / name, dpi=120)
        more = {"summary": summary, "paired": paired}
        recipe.write_report(args, rows, folder, **more)
    print(f"Written to {args.output}")


if __name__ == "__main__":
    recipe.run(main, options, smoke=SMOKE, writes=WRITES)
