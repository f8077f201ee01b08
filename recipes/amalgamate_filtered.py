"""Make one network for just the labels you want, of several that know more.

    python recipes/amalgamate_filtered.py --teachers teachers.json \
        --wanted glasses hat --images folder

makes one network of residual networks of yours of equal units, as
`keras_vipa.applications.BottleneckNet` has them, each of which says of some
labels whether they are present. The JSON file says which,

    [{"model": "a.keras", "labels": ["hat", "glasses", "tie"]},
     {"model": "b.keras", "labels": ["glasses", "beard"]}]

with paths beside it. Pictures have no labels; networks are compared with the
teachers' decisions, on a fifth of the pictures that is not trained on.

    python recipes/amalgamate_filtered.py

checks, at small scale, what "Amalgamating Filtered Knowledge: Learning
Task-customized Student from Multi-task Teachers" (Ye et al., IJCAI 2019)
claims: without labels, one network learns a part of what multi-task teachers
know, and may be better at it than they are. It takes two networks that read
eleven attributes each of drawn people, two of which both know, from 300
labelled people each (inside the package), and 2,600 without labels; wanted are
eight attributes.

Rows: each teacher; their mean probabilities (`concatenated`); in this
comparison, and with `--compare`, a student of all labels (`all_tasks`), of
which the wanted are scored; the student; with `all_tasks`, a network of the
student's units with random weights that learns what the teachers say, and
nothing else (`soft_targets`), and, where labels are known, from the labels of
all pictures (`labelled`), for as many steps. Parts are the wanted labels of
each teacher.

Written to `--output`: `report.json`, `report.png`, and `student.keras`,
`student.tflite` and, if they were trained, the teachers of the first seed.

Differences from the authors' program: small networks and pictures instead of
ResNet-50 and photographs, and those of `FilteredAmalgamator`.
"""

import time

from keras_vipa.utils import recipe

# isort: split

import keras
import matplotlib.pyplot as plt
from shared import attributes
from shared import seeds
from shared.curves import draw_places
from shared.labelled import fit

from keras_vipa import training
from keras_vipa.amalgamation import FilteredAmalgamator
from keras_vipa.amalgamation import renewed
from keras_vipa.utils import scoreboard
from keras_vipa.utils import types

BATCH, STEPS = 16, {"blocks": 200, "target": 600}


def options(add):
    """The options."""
    add("--teachers", metavar="FILE", help="JSON, of yours")
    add("--wanted", nargs="+", metavar="LABEL", help="all of them by default")
    add("--images", "--dataset", metavar="SET", help="folder")
    add("--white", type=types.positive, default=1.0, help="of --teachers")
    add("--compare", action="store_true", help="train the baselines, too")
    add("--train-teachers", action="store_true", help="anew for each seed")
    add("--epochs", type=int, nargs=2, help="of blocks and fine-tuning")


def run_seed(args, seed, task, backup):
    """Train for one seed; returns rows, amalgamator, curves."""
    teachers = task.teachers(seed)
    x, x_test = (args.white * s.array() for s in (task.train, task.test))
    each = [
        training.default_epochs(len(x), BATCH, steps, fewest=1)
        for steps in STEPS.values()
    ]
    epochs = dict(zip(STEPS, args.epochs or each))
    compares = args.compare or not task.models

    def new(wanted=task.wanted):
        more = {"seed": seed, "white": args.white}
        return FilteredAmalgamator(teachers, wanted, **more)

    def train(made, name):
        print(f"Seed {seed}: {name}", flush=True)
        folder = backup / f"{name}_{seed}"
        return made.fit_stages(x, epochs, BATCH, backup_dir=folder)

    if seed == args.seeds[0]:
        times = len(args.seeds) * (1 + compares)
        training.announce(new(), x, epochs, times, batch_size=BATCH)
    made = new()
    board = task.board(made, x_test, seed)
    if compares:
        start, whole = time.time(), new(None)
        train(whole, "all_tasks")
        columns = [whole.wanted.index(label) for label in task.wanted]
        found = whole.student.predict(x_test, verbose=0)[:, columns]
        took, size = time.time() - start, whole.student.count_params()
        board.add("all_tasks", found, size, took)
    start = time.time()
    terms = train(made, "student")
    board.add_model("student", made.student, x_test, start)
    targets = {}
    if compares:
        targets["soft_targets"] = made.teacher_probabilities(x)
    if not task.models:
        right = attributes.labels_of(task.train, task.wanted)
        targets["labelled"] = right.astype("float32")
    steps = sum(epochs.values()) * (len(x) // BATCH)
    for name, wanted in targets.items():
        print(f"Seed {seed}: {name}", flush=True)
        start, model = time.time(), renewed(made.student, seed)
        loss = keras.losses.BinaryCrossentropy(from_logits=True)
        fit(model, x, wanted, steps, BATCH, loss=loss)
        board.add_model(name, model, x_test, start)
    points = list(made.points.values())
    curves = {"losses": made.curve, "points": points, "terms": terms}
    return board.rows, made, curves


def draw(task):
    """What draws the figure, as `seeds.run` asks for it."""

    def figures(summary, made, curves):
        figure, axes = plt.subplots(1, 2, figsize=(11, 4.2), layout="tight")
        draw_places(axes[0], made.plan.places, curves["losses"])
        axes[0].set(xlabel="units shared", ylabel="loss")
        columns = list(task.columns)
        scoreboard.draw_bars(axes[1], summary, columns, "precision in %")
        return {"report.png": figure}

    return figures


def main(args):
    """Run all seeds, then write what came out."""
    task = attributes.Task(args)
    summary = seeds.run(args, task, run_seed, draw(task))
    print(f"{task.measures} in %, mean and standard deviation over seeds")
    print(scoreboard.format_summary(summary, {"seconds": 0, "parameters": 0}))
    print(f"Written to {args.output}")


if __name__ == "__main__":
    smoke = {"epochs": [1, 1]}
    recipe.run(main, options, smoke=smoke, writes=seeds.WRITES)
