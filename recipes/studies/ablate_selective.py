"""What each choice of the selective zero-shot classifier is worth.

    python recipes/studies/ablate_selective.py --seeds 0 1 2 3 4

Models that differ in one thing from the `default` of `classify_selectively.py`,
on its data:

- `no residual`, `no overlap`, `no transfer`: without this term of the loss;
  `attributes`: with the squared error of the attributes, too;
- `transfer 0.5`: the weight of a first trial on synthetic data;
- `residual 4` and so on: other numbers of residual attributes;
- `merged`: seen classes of equal signatures are one;
- `ensemble`, a control: instead of residual attributes, a second model of the
  defined ones alone says how much the answer is to be trusted;
- `defined 20 %` and so on: other shares of the attributes.

All with one mix and no temperatures, so that each is one training. Columns, in
percent: `accuracy`; `residual_accuracy` and `both_accuracy`, if the residual
attributes decided, alone or too, which is a control; `aurc` of the defined
attributes alone and `aurc_both` of both; and the `gain`, by how many percent
the area gets smaller. `sweep` has the area for each mix. Differences of the
gain are those of one seed to the same seed.

Written to `--output`: `report.json` and `report.png`.
"""

import pathlib
import sys

from keras_vipa.utils import recipe

# What recipes share.
sys.path.append(str(pathlib.Path(__file__).resolve().parents[1]))

# isort: split

import argparse

import bars
import numpy as np
from shared import selective
from shared import zero_shot

from keras_vipa import metrics
from keras_vipa.utils import reports
from keras_vipa.utils import types

MIXES = [number / 10 for number in range(11)]
OFF = {
    f"no {name}": {"weights": {name: 0.0}}
    for name in ("residual", "overlap", "transfer")
}
VARIANTS = {
    "default": {},
    **OFF,
    "transfer 0.5": {"weights": {"transfer": 0.5}},
    "attributes": {"weights": {"attributes": 0.1}},
    **{f"residual {n}": {"residual": n} for n in (4, 8, 32)},
    "merged": {},
    "ensemble": {"weights": selective.ALONE},
}
SHARES = (0.2, 0.5, 0.75, 1.0)
COLUMNS = {
    "accuracy": 100,
    "residual_accuracy": 100,
    "both_accuracy": 100,
    "aurc": 100,
    "aurc_both": 100,
    "gain": 100,
}
SMOKE = {"epochs": 1, "steps": 2, "variants": ["default", "ensemble"]}


def options(add):
    """The options."""
    add("--data", choices=["critters", "synthetic"], default="critters")
    add("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    add("--shares", nargs="*", type=types.share, default=list(SHARES))
    add("--mix", type=types.share, default=0.3)
    add("--epochs", type=types.whole(1), default=40)
    add("--steps", type=types.whole(1), default=600, help="of the features")


def task_of(args, share, seed):
    """The task of the recipe, with a share of the attributes."""
    own = {"features": None, "images": None, "unseen": None, "defined": share}
    return zero_shot.task_of(argparse.Namespace(**{**vars(args), **own}), seed)


def parts(task, options, epochs, seed):
    """Answers, and the logarithms of the probabilities of both parts."""
    settings = {"residual": 16, "calibration": (1.0, 1.0), **options}
    found = selective.predicted(task, settings, seed, epochs)
    return found["labels"], found["defined"], found["residual"]


def row_of(name, seed, right, answers, defined, other, mix):
    """A row of the table, of two parts of a confidence."""
    correct = answers == right
    own, more = (
        np.exp(x[np.arange(len(right)), answers]) for x in (defined, other)
    )
    areas = [
        metrics.selective_scores((1 - m) * own + m * more, correct)["aurc"]
        for m in [0.0, mix, *MIXES]
    ]
    return {
        "variant": name,
        "seed": seed,
        "accuracy": float(correct.mean()),
        "residual_accuracy": float((other.argmax(axis=1) == right).mean()),
        "both_accuracy": float(
            ((defined + other).argmax(axis=1) == right).mean()
        ),
        "aurc": areas[0],
        "aurc_both": areas[1],
        "gain": 1.0 - areas[1] / areas[0],
        "sweep": areas[2:],
    }


def rows_of(args, seed):
    """All rows of a seed."""
    task = task_of(args, None, seed)
    cases = {name: (task, VARIANTS[name]) for name in args.variants}
    if "merged" in cases:
        merged = zero_shot.merged(task)
        cases["merged"] = merged, {}
    for share in args.shares:
        cases[f"defined {share:.0%}"] = task_of(args, share, seed), {}
    for name, (task, more) in cases.items():
        answers, defined, other = parts(task, more, args.epochs, seed)
        if name == "ensemble":
            # Another seed of the same.
            _, other, _ = parts(task, more, args.epochs, seed + 1000)
        right = task.data.new_y
        yield row_of(name, seed, right, answers, defined, other, args.mix)


def compared(rows):
    """Gains, and how they differ from the default's, paired over seeds."""
    gains = {(row["variant"], row["seed"]): 100 * row["gain"] for row in rows}
    seeds = sorted({row["seed"] for row in rows})
    found = []
    for name in dict.fromkeys(row["variant"] for row in rows):
        own = [gains[name, seed] for seed in seeds]
        line = {"variant": name, "gain": reports.mean_interval(own)}
        line["better"] = sum(gain > 0 for gain in own)
        line["p"] = selective.sign_test([-gain for gain in own])
        if ("default", seeds[0]) in gains:
            change = [g - gains["default", s] for g, s in zip(own, seeds)]
            line["to_default"] = reports.mean_interval(change)
        found.append(line)
    return found


def main(args):
    """Train and score all variants."""
    rows = []
    for seed in args.seeds:
        for row in rows_of(args, seed):
            rows.append(row)
            shown = {key: row[key] for key in ("variant", "seed", *COLUMNS)}
            print(shown, flush=True)
    lines = compared(rows)
    for line in lines:
        print(line)
    bars.write(
        args, rows, "variant", COLUMNS, ["gain"], "gain in %", compared=lines
    )


if __name__ == "__main__":
    recipe.run(main, options, smoke=SMOKE, writes=["report.png"])
