"""Make one network of several that each see something of every pixel.

    python recipes/amalgamate_branching.py --teachers p.keras d.keras n.keras \
        --tasks parsing depth normals --images folder

makes one network of encoder-decoders of yours of equal blocks, as
`keras_vipa.applications.SegNet` has them, from pictures without labels. A task
is `parsing` (logits of classes), `depth` (positive) or `normals` (of length 1).
In a folder with `rgb/` beside `labels/`, `depth/` or `normals/`
(`keras_vipa.datasets.room_folder`), networks are compared with these, on every
fifth picture, which is not trained on; otherwise with their teachers.

    python recipes/amalgamate_branching.py

checks, at small scale, what "Student Becoming the Master: Knowledge
Amalgamation for Joint Scene Parsing, Depth Estimation, and More" (Ye et al.,
CVPR 2019) claims: without labels, one network does what its teachers do, each
of its tasks at least as well, with fewer parameters than they have together.
It takes three networks that have seen 100 labelled rooms each (inside the
package), and 1,600 rendered rooms without labels.

Rows: each teacher (`teacher_parsing`, ...); `student`, whose branch points are
chosen by its losses; the same with all branches at the first and at the last
block of the decoder (`fixed_first`, `fixed_last`); `student_offline`, to which
the last task is added when it can do the others; in this comparison, and with
`--compare`, a network of the student's blocks with random weights that learns
what the teachers say, and nothing else (`soft_targets`), and, where labels are
known, from all 300 labelled rooms (`labelled`), for as many steps.

Written to `--output`: `report.json`; `report.png`, losses of the branch points
and scores; `rooms.png`, what teachers and student see; `student.keras`,
`student.tflite` and, if they were trained, the teachers of the first seed.

Differences from the authors' program: small networks and pictures instead of
VGG16 and NYUv2, and those of `BranchingAmalgamator`.
"""

import time

from keras_vipa.utils import recipe

# isort: split

import matplotlib.pyplot as plt
import numpy as np
from shared import room_pictures
from shared import scenes
from shared import seeds
from shared.curves import draw_places

from keras_vipa import training
from keras_vipa.amalgamation import BranchingAmalgamator
from keras_vipa.amalgamation import renewed
from keras_vipa.utils import scoreboard
from keras_vipa.utils import types

BATCH, STEPS = 8, {"blocks": 200, "target": 200}
SHOWN = ("miou", "abs_rel", "mean_angle")


def options(add):
    """The options."""
    add("--teachers", nargs="+", metavar="KERAS_FILE", help="of yours")
    add("--tasks", nargs="+", choices=scenes.KINDS, help="one a teacher")
    add("--images", "--dataset", metavar="SET", help="folder")
    add("--white", type=types.positive, default=1.0, help="of --teachers")
    add("--compare", action="store_true", help="train the baseline, too")
    add("--train-teachers", action="store_true", help="anew for each seed")
    add("--schedule", choices=["random", "stepwise"], default="random")
    add("--epochs", type=int, nargs=2, help="of blocks and fine-tuning")


def new_amalgamator(args, teachers, seed):
    """Of teachers by task, or by a tuple of tasks."""
    tasks = [
        task
        for key in teachers
        for task in (key if isinstance(key, tuple) else [key])
    ]
    return BranchingAmalgamator(
        teachers,
        {task: scenes.KINDS[task][0] for task in tasks},
        weights={task: scenes.KINDS[task][1] for task in tasks},
        schedule=args.schedule,
        seed=seed,
        white=args.white,
    )


def plan(args, amalgamator, count):
    """Epochs of each phase; those of the blocks share one number."""
    phases = list(amalgamator.phases)
    if args.epochs:
        each = dict(zip(STEPS, args.epochs))
    else:
        each = {
            name: training.default_epochs(count, BATCH, steps, fewest=1)
            for name, steps in STEPS.items()
        }
    blocks = max(1, each["blocks"] // (len(phases) - 1))
    return {p: each["target"] if p == "target" else blocks for p in phases}


def baselines(args, task, made, data, steps):
    """What networks of the student's blocks are trained by: name -> function.

    Args:
        args: the parsed arguments.
        task: `scenes.Task`.
        made: amalgamator.
        data: images as an array, or in a dict with what teachers say of them.
        steps: integer.
    """

    def soft_targets(model):
        known = made.cached(data, BATCH, 2**40)
        said = {task: known[task] for task in made.terms}
        scenes.fit_outputs(model, known["images"], said, steps)

    def labelled(model):
        sets = task.labelled, task.validation
        scenes.fit_labels(model, *sets, task.tasks, steps)

    found = {}
    if args.compare or not task.models:
        found["soft_targets"] = soft_targets
    if task.labelled:
        found["labelled"] = labelled
    return found


def run_seed(args, seed, task, backup):
    """Train for one seed; returns rows, amalgamator, curves."""
    teachers = task.teachers(seed)
    x, x_test = args.white * task.train, args.white * task.test.array()
    board = task.board(teachers, seed)
    made = new_amalgamator(args, teachers, seed)
    epochs = plan(args, made, len(x))
    data = made.cached(x, BATCH)
    if seed == args.seeds[0] and (args.epochs or task.models):
        trial = new_amalgamator(args, teachers, seed)
        times = len(args.seeds) * (3 + (len(teachers) > 2))
        training.announce(trial, x, epochs, times, batch_size=BATCH)

    def add(name, model, start):
        macs = scenes.macs_of(model, x)
        board.add_model(name, model, x_test, start, macs=macs)

    def train(made, name, phases, data=data):
        print(f"Seed {seed}: {name}", flush=True)
        folder = backup / f"{name}_{seed}"
        chosen = {phase: epochs[phase] for phase in phases}
        return made.fit_stages(data, chosen, BATCH, backup_dir=folder)

    *blocks, target = epochs
    start = time.time()
    train(made, "blocks", blocks)
    took, weights, chosen = time.time() - start, made.get_weights(), made.points
    curves = {"losses": made.curve, "points": chosen}
    for name, place in (("first", 0), ("last", made.plan.places[-1])):
        made.set_weights(weights)
        made.points = dict.fromkeys(chosen, place)
        start = time.time() - took
        train(made, f"fixed_{name}", [target])
        add(f"fixed_{name}", made.student, start)
    made.set_weights(weights)
    made.points = chosen
    start = time.time() - took
    curves["terms"] = train(made, "student", [target])
    add("student", made.student, start)
    if len(teachers) > 2:
        start, (*known, added) = time.time(), teachers
        pair = new_amalgamator(args, {k: teachers[k] for k in known}, seed)
        train(pair, "offline_known", epochs)
        both = {tuple(known): pair.student, added: teachers[added]}
        whole = new_amalgamator(args, both, seed)
        train(whole, "offline_added", epochs, x)
        add("student_offline", whole.student, start)
    steps = sum(epochs.values()) * (len(x) // BATCH)
    for name, fit in baselines(args, task, made, data, steps).items():
        print(f"Seed {seed}: {name}", flush=True)
        start, model = time.time(), renewed(made.student, seed)
        fit(model)
        add(name, model, start)
    return board.rows, made, curves


def draw(task):
    """What draws the figures, as `seeds.run` asks for it."""

    def figures(summary, made, curves):
        shown = [k for k in SHOWN if any(row[k] for row in summary)]
        figure, axes = plt.subplots(
            1,
            1 + len(shown),
            figsize=(3.6 * (1 + len(shown)), 4.4),
            layout="tight",
        )
        relative = {
            task: np.array(values) / min(values)
            for task, values in curves["losses"].items()
        }
        draw_places(axes[0], made.plan.places, relative)
        axes[0].set(
            xlabel="block of the decoder where the branch begins",
            ylabel="loss relative to the least",
        )
        for axis, key in zip(axes[1:], shown):
            rows = [row for row in summary if row[key]]
            scoreboard.draw_bars(axis, rows, [key], scenes.LABELS[key])
        sheet = room_pictures.sheet(task, made)
        return {"report.png": figure, "rooms.png": sheet}

    return figures


def main(args):
    """Run all seeds, then write what came out."""
    task = scenes.Task(args)
    summary = seeds.run(args, task, run_seed, draw(task))
    print("Mean and standard deviation over seeds")
    print(scoreboard.format_summary(summary, {"seconds": 0, "parameters": 0}))
    print(f"Written to {args.output}")


if __name__ == "__main__":
    smoke = {"epochs": [1, 1], "tasks": ["parsing", "depth"]}
    writes = [*seeds.WRITES, "rooms.png"]
    recipe.run(main, options, smoke=smoke, writes=writes)
