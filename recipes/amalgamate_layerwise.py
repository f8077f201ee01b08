"""Amalgamate trained classifiers into one student, layer by layer.

    python recipes/amalgamate_layerwise.py --teachers a.keras b.keras \
        --images folder

makes one student of classifiers of yours, of any number, from pictures without
labels, and writes it to `--output`. A phase is trained for about 1,000 steps,
though not for less than 5 epochs or more than 200 (`default_epochs`);
`--patience` ends it as soon as the loss on a tenth of the pictures, which are
held back, has not fallen for so many epochs.

    python recipes/amalgamate_layerwise.py

checks, at small scale, what "Amalgamating Knowledge towards Comprehensive
Classification" (Shen et al., AAAI 2019) claims in its abstract: without
labels, one student learns the classes of all teachers, and in most parts is
better than the teacher of that part. It takes two classifiers of handwritten
digits (0-4 and 5-9, trained on 60 labels each, inside the package) and 1,200
unlabelled images; `--dataset emoji` takes two of emoji, and `folder:PATH` or
`tfds:NAME` trains two on the halves of the classes there.

The student is scored beside the teachers and the teachers side by side
(`concatenated`); in this comparison, and with `--compare`, also beside the same
network trained for as many epochs on the logits alone (`logits_only`), and
itself before the joint phase. A part is scored within the classes of its
teacher, `joint` among all classes. Without labels the scores are agreement with
the teachers' own decisions, on a fifth of the pictures that is not trained on.

Written to `--output`: `report.json`, `report.png`, and `student.keras`,
`student.tflite` and, if they were trained, the teachers of the first seed.

Differences from the authors' first release: small networks and data sets
instead of AlexNet and fine-grained photographs, Adam instead of SGD, and images
that the student sees shifted at random in the joint phase (`--shift 0` turns
that off). See `LayerwiseAmalgamator` for the method itself, and
`amalgamate_incrementally` for one teacher after another.
"""

import time

from keras_vipa.utils import recipe

# isort: split

import keras
from shared import classifiers
from shared import seeds

from keras_vipa import applications
from keras_vipa import training
from keras_vipa.amalgamation import LayerwiseAmalgamator
from keras_vipa.amalgamation import draw_width_curves
from keras_vipa.amalgamation import width_curves
from keras_vipa.utils import types

PRESETS = {
    "digits": ("digits_0_4", "digits_5_9"),
    "emoji": ("emoji_0_4", "emoji_5_8"),
}
LABELS_PER_CLASS = {"digits": 12, "emoji": 30}


def options(add):
    """The options."""
    classifiers.options(add)
    add("--width", type=types.share, help="of layers, all teachers' are 1")
    add("--epochs", type=int, nargs=3, help="of each phase, at most")
    add("--patience", type=int, metavar="EPOCHS", help="without a lower loss")
    add("--shift", type=types.share, default=0.125, help="of the image's side")
    add("--strategy", choices=training.STRATEGIES, default="none")


def train_on_few(args, data, number, seed):
    """A classifier that has seen a few labels: an imperfect teacher."""
    few = data.few_per_class(LABELS_PER_CLASS.get(args.images, 30), seed)
    shape = few.images.shape[1:]
    size = ((32, 64, 64), 128, 2) if min(shape[:2]) >= 16 else ((16, 32), 64, 1)
    model = applications.SmallConvNet(shape, few.num_classes(), *size)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss)
    model.fit(few.array(), few.y(), 20, 2 if args.smoke else 100, verbose=0)
    # As it is to be saved: without the state of the optimizer.
    teacher = keras.models.clone_model(model)
    teacher.set_weights(model.get_weights())
    return teacher


def run_seed(args, seed, task, backup):
    """Train for one seed; returns rows, amalgamator, curves."""
    models = task.teachers(seed)
    x, x_test = (args.white * x for x in task.arrays(models))
    fit = {"backup_dir": backup / f"layerwise_{seed}"}
    if args.patience:
        x, more = training.hold_back(x, args.patience)
        fit |= more
    each = training.default_epochs(len(x)) if args.teachers else 100
    phases = LayerwiseAmalgamator.learning_rates
    epochs = dict(zip(phases, args.epochs or [each] * 3))
    total = sum(epochs.values()) * (args.compare or not args.teachers)

    def new():
        shift = args.shift and keras.layers.RandomTranslation(
            args.shift, args.shift, fill_mode="nearest"
        )
        more = {"seed": seed, "white": args.white}
        return LayerwiseAmalgamator(models, args.width, shift or None, **more)

    if seed == args.seeds[0]:
        work = epochs | {"joint": epochs["joint"] + total}
        training.announce(new(), x, work, len(args.seeds), **fit)
    last = new()
    logits = last.teacher_features.predict(x_test, verbose=0)["logits"]
    board = classifiers.board_of(task, last.slices, models, logits, seed)
    if total:
        print(f"Seed {seed}: a student from the logits alone", flush=True)
        start, other, folder = time.time(), new(), backup / f"logits_{seed}"
        other.fit_stages(x, {"joint": total}, **fit | {"backup_dir": folder})
        board.add_model("logits_only", other.student, x_test, start)
    print(f"Seed {seed}: a student layer by layer", flush=True)
    start, joint = time.time(), {"joint": epochs.pop("joint")}
    last.fit_stages(x, epochs, **fit)
    if total:
        board.add_model("before_joint", last.student, x_test, start)
    last.fit_stages(x, joint, **fit)
    board.add_model("student", last.student, x_test, start)
    is_first = seed == args.seeds[0]
    return board.rows, last, is_first and width_curves(last, x[:1000])


def main(args):
    """Run all seeds, then write what came out."""
    task = classifiers.Task(args, PRESETS, train_on_few)

    def within_strategy(*arguments):
        with training.strategy_scope(args.strategy):
            return run_seed(*arguments)

    classifiers.run(args, task, within_strategy, draw_width_curves)


if __name__ == "__main__":
    smoke, writes = {"epochs": [1, 1, 1]}, seeds.WRITES
    recipe.run(main, options, smoke=smoke, writes=writes)
