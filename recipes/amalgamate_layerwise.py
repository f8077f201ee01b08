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
import matplotlib.pyplot as plt
import numpy as np

from keras_vipa import applications
from keras_vipa import datasets
from keras_vipa import export
from keras_vipa import metrics
from keras_vipa import training
from keras_vipa.amalgamation import LayerwiseAmalgamator
from keras_vipa.amalgamation import draw_width_curves
from keras_vipa.amalgamation import width_curves
from keras_vipa.utils import scoreboard
from keras_vipa.utils import types

PRESETS = {"digits": ("0_4", "5_9"), "emoji": ("0_4", "5_8")}
LAST = "last_good_student.keras"
WRITES = ["report.png", "student.keras", "student.tflite", LAST]
LABELS_PER_CLASS = {"digits": 12, "emoji": 30}


def options(add):
    """The options."""
    add("--teachers", nargs="+", metavar="KERAS_FILE", help="of yours")
    add("--images", "--dataset", metavar="SET", help="folder or a name")
    add("--white", type=types.positive, default=1.0, help="of --teachers")
    add("--compare", action="store_true", help="train the baseline, too")
    add("--train-teachers", action="store_true", help="anew for each seed")
    add("--width", type=types.share, help="of layers, all teachers' are 1")
    add("--epochs", type=int, nargs=3, help="of each phase, at most")
    add("--patience", type=int, metavar="EPOCHS", help="without a lower loss")
    add("--shift", type=types.share, default=0.125, help="of the image's side")
    add("--strategy", choices=training.STRATEGIES, default="none")


def load_task(args):
    """Teachers if they are the user's, images, and each teacher's classes."""
    args.images = name = args.images or ("" if args.teachers else "digits")
    if not name:
        raise ValueError("--teachers need --images, a folder of pictures.")
    is_known = name in PRESETS or name.startswith(("folder:", "tfds:"))
    name = name if is_known else f"folder:{name}"
    if not args.teachers:
        train, test = datasets.named(name)
        return None, train, test, datasets.class_groups(train.num_classes(), 2)
    models = [recipe.read_model(path) for path in args.teachers]
    size = models[0].input_shape[1:3]
    train, test = datasets.named(name, None if None in size else size)
    sizes = train.info.get("original_size", [size])
    if None not in size and np.any(np.array(sizes) != size):
        print(f"Pictures of another size are resized to {size}.")
    return models, train, test, None


def teachers_of(args, train, groups, seed):
    """The trained classifiers of the data set, or new ones."""
    if args.images in PRESETS and not args.train_teachers:
        names = [f"{args.images}_{classes}" for classes in PRESETS[args.images]]
        return [applications.load_model(name) for name in names]
    parts = [train.of_classes(group, relabel=True) for group in groups]
    return [train_on_few(args, part, seed) for part in parts]


def train_on_few(args, data, seed):
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


def scores_of_teachers(amalgamator, images, labels, seed):
    """Scoreboard with a row for each teacher, and for all side by side."""
    logits = amalgamator.teacher_features.predict(images, verbose=0)["logits"]
    if not np.isfinite(logits).all():
        raise ValueError("The scores of teachers must be finite on the images.")
    score = metrics.by_part(metrics.accuracy, labels, amalgamator.slices)
    if labels is None:
        score = metrics.by_part(metrics.agreement, logits, amalgamator.slices)
    board = scoreboard.Scoreboard(score, seed=seed)
    board.add_teachers(amalgamator.teachers, logits)
    return board


def run_seed(args, seed, task, backup):
    """Train for one seed; returns rows, amalgamator, images."""
    models, train, test, groups = task
    models = models or teachers_of(args, train, groups, seed)
    channels = models[0].input_shape[-1]
    x, x_test = (args.white * s.array(None, channels) for s in (train, test))
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
    # Place of each class among the logits, which are ordered by teacher.
    labels = groups and np.argsort(np.concatenate(groups))[test.y()]
    board = scores_of_teachers(last, x_test, labels, seed)
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
    return board.rows, last, x


def write(args, last, results, curves, measures):
    """Networks, summary as a table and a picture, and the report, together."""
    columns = {"parts": 100, "joint": 100, "seconds": 1}
    summary = scoreboard.summarize(results, scoreboard.OF_A_MODEL, columns)
    figure, axes = plt.subplots(1, 2, figsize=(11, 4.2), layout="tight")
    draw_width_curves(axes[0], curves)
    label = f"{measures} in %"
    scoreboard.draw_bars(axes[1], summary, ("parts", "joint"), label)
    more = {"measures": measures, "summary": summary, "reconstruction": curves}
    with recipe.results(args) as folder:
        if args.train_teachers or not (args.teachers or args.images in PRESETS):
            for number, teacher in enumerate(last.teachers, 1):
                teacher.save(folder / f"teacher_{number}.keras")
        last.student.save(folder / "student.keras")
        if keras.config.backend() == "tensorflow":
            export.to_litert(last.student, folder / "student.tflite")
        figure.savefig(folder / "report.png", dpi=120)
        recipe.write_report(args, results, folder, **more)
    print(f"{label}, mean and standard deviation over seeds")
    print(scoreboard.format_summary(summary, {"seconds": 0}))
    print(f"Written to {args.output}")


def main(args):
    """Run all seeds, then write what came out."""
    task, results = load_task(args), []
    with recipe.backup_folder(args) as backup:
        for seed in args.seeds:
            keras.utils.set_random_seed(seed)
            try:
                with training.strategy_scope(args.strategy):
                    rows, last, x = run_seed(args, seed, task, backup)
            except FloatingPointError as error:
                with recipe.results(args) as folder:
                    error.model.student.save(folder / LAST)
                raise
            results += rows
            if seed == args.seeds[0]:
                first, curves = last, width_curves(last, x[:1000])
        measures = "accuracy" if task[3] else "agreement with the teachers"
        write(args, first, results, curves, measures)


if __name__ == "__main__":
    recipe.run(main, options, smoke={"epochs": [1, 1, 1]}, writes=WRITES)
