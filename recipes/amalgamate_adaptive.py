"""Make a student for the tasks you ask for, from teachers that overlap.

    python recipes/amalgamate_adaptive.py --teachers a.keras b.keras \
        --tasks hat mouth --images folder

makes one student for some of the tasks that classifiers of yours know, from
pictures without labels. A teacher has an output a task; where outputs have
other names, or one output is of several tasks, `--teachers` is a JSON file,

    [{"model": "a.keras"},
     {"model": "b.keras", "outputs": {"dense_3": "hat"}},
     {"model": "c.keras", "tasks": {"hat": [0, 22], "mouth": [22, 32]}}]

with paths beside it. Each phase takes about 1,000 steps.

    python recipes/amalgamate_adaptive.py

checks, at small scale, what "Customizing Student Networks From Heterogeneous
Teachers via Adaptive Knowledge Amalgamation" (Shen et al., ICCV 2019) claims:
without labels, one student does the tasks that are asked for, better than each
of the networks it is made of, of which for each picture the surest acts. It
takes six networks that read two or three parts each of drawn people, from 600
labels each, most of them of one half of the classes (inside the package), and
2,600 unlabelled pictures; wanted are hat, outfit and mouth.

Rows: each teacher (`teacher_1`, ...); the surest of them for each picture
(`least_entropy`) and the mean of their probabilities (`average`), without any
training; the components; in this comparison, and with `--compare`, the same
student from the mean of the teachers' logits (`soft_targets`) and, where labels
are known, from the labels of all pictures (`labelled`), for as many steps; and
the student. Without labels the scores are agreement with the surest teacher, on
a fifth of the pictures that is not trained on.

Written to `--output`: `report.json`, `report.png`, and `student.keras`,
`student.tflite` and, if they were trained, the teachers of the first seed.

Differences from the authors' program: small networks and pictures instead of
ResNets and photographs, and those of `AdaptiveAmalgamator`.
"""

import time

from keras_vipa.utils import recipe

# isort: split

import keras
import numpy as np
from shared import classifiers
from shared import people
from shared import seeds
from shared.labelled import fit

from keras_vipa import training
from keras_vipa.amalgamation import AdaptiveAmalgamator
from keras_vipa.amalgamation import least_entropy
from keras_vipa.utils import scoreboard

BATCH = 64


def options(add):
    """The options."""
    classifiers.options(add)
    add("--tasks", nargs="+", help="wanted ones")
    add("--epochs", type=int, nargs=2, help="of each phase")


def softmax(logits):
    """Probabilities of logits."""
    return keras.ops.convert_to_numpy(keras.ops.softmax(logits, axis=-1))


def surest(logits):
    """For each picture the logits of the teacher that is surest."""
    weights = keras.ops.convert_to_numpy(least_entropy([*logits]))
    return np.einsum("nt,tnc->nc", weights, logits)


def board_of(task_set, amalgamator, logits, seed):
    """Scoreboard with rows of the teachers, and of what needs no training."""
    tasks, pool = task_set.tasks, amalgamator.pool
    if task_set.labelled:
        right = {task: task_set.test.y(task) for task in tasks}
    else:
        right = {task: surest(logits[task]).argmax(-1) for task in tasks}

    def score(scores):
        found = {
            task: float((scores[task].argmax(-1) == right[task]).mean())
            if task in scores
            else None
            for task in tasks
        }
        return {"tasks": found}

    sizes = [model.count_params() for model in amalgamator.teachers]
    board = scoreboard.Scoreboard(score, sum(sizes), seed=seed)
    for number, size in enumerate(sizes, 1):
        known = {
            task: logits[task][pool.groups[task].index(number)]
            for task in tasks
            if number in pool.groups[task]
        }
        board.add(f"teacher_{number}", known, size)
    together = {task: surest(logits[task]) for task in tasks}
    board.add("least_entropy", together, sum(sizes))
    means = {task: softmax(logits[task]).mean(axis=0) for task in tasks}
    board.add("average", means, sum(sizes))
    return board


def run_seed(args, seed, task_set, backup):
    """Train for one seed; returns rows, amalgamator, curves."""
    models = task_set.teachers(seed)
    x, x_test = (
        args.white * s.array() for s in (task_set.train, task_set.test)
    )
    each = training.default_epochs(len(x), BATCH)
    phases = AdaptiveAmalgamator.learning_rates
    epochs = dict(zip(phases, args.epochs or [each] * 2))

    def new(phase):
        """An amalgamator whose networks have random weights."""
        more = {"phase": phase, "seed": seed, "white": args.white}
        return AdaptiveAmalgamator(models, task_set.tasks, **more)

    if seed == args.seeds[0]:
        training.announce(new("components"), x, epochs, len(args.seeds))
    last = new("components")
    logits = last.teacher_logits(x_test)
    board = board_of(task_set, last, logits, seed)
    seen = [last.fitted_images(images) for images in (x, x_test)]
    targets = {}
    if args.compare or not task_set.models:
        means = last.teacher_logits(x)
        means = {task: z.mean(axis=0) for task, z in means.items()}
        targets["soft_targets"] = {t: softmax(z) for t, z in means.items()}
    if task_set.labelled:
        labels = {task: task_set.train.y(task) for task in task_set.tasks}
        targets["labelled"] = labels
    for name, wanted in targets.items():
        print(f"Seed {seed}: {name}", flush=True)
        start, student = time.time(), new("target").student
        steps = epochs["target"] * (len(x) // BATCH)
        fit(student, seen[0], wanted, steps, BATCH)
        board.add_model(name, student, seen[1], start)
    print(f"Seed {seed}: components, then the student", flush=True)
    start, folder = time.time(), backup / f"adaptive_{seed}"
    history = last.fit_stages(x, epochs, BATCH, backup_dir=folder)
    for task, component in zip(task_set.tasks, last.components):
        found = component.predict(seen[1], verbose=0)
        size = component.count_params()
        board.add(f"component_{task}", found, size)
    board.add_model("student", last.student, seen[1], start)
    print(f"Shares of the teachers: {last.selection}")
    return board.rows, last, {"terms": history, "selection": last.selection}


def draw_shares(axis, curves):
    """How often each teacher is selected, a bar a task."""
    for place, shares in enumerate(curves["selection"].values()):
        start = 0.0
        for number, share in shares.items():
            color = f"C{(number - 1) % 10}"
            axis.barh(place, share, left=start, color=color)
            middle = start + share / 2
            axis.text(middle, place, number, ha="center", va="center")
            start += share
    axis.set_yticks(range(len(curves["selection"])), curves["selection"])
    axis.invert_yaxis()
    axis.set_xlabel("share of the pictures for which a teacher is the surest")


def main(args):
    """Run all seeds, then write what came out."""
    task = people.Task(args)
    classifiers.run(args, task, run_seed, draw_shares, ("tasks",))


if __name__ == "__main__":
    smoke, writes = {"epochs": [1, 1]}, seeds.WRITES
    recipe.run(main, options, smoke=smoke, writes=writes)
