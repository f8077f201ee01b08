"""Amalgamate trained classifiers into one student, layer by layer.

Checks, at small scale, what "Amalgamating Knowledge towards Comprehensive
Classification" (Shen et al., AAAI 2019) claims in its abstract: without
labels, one student learns the classes of all teachers, and in most parts is
better than the teacher of that part.

    python recipes/amalgamate_layerwise.py

takes two classifiers of handwritten digits (0-4 and 5-9, trained on 60 labels
each, inside the package) and 1,200 unlabelled images. With classifiers and
pictures of your own, of any number and without labels:

    python recipes/amalgamate_layerwise.py --teachers a.keras b.keras \
        --images folder

The student is compared with the teachers side by side (`concatenated`), with
the same network trained for as many epochs on the logits alone
(`logits_only`), and with itself before the joint phase (not with
`--incremental`). A part is scored
within the classes of its teacher, `joint` among all classes. Without labels
the scores are agreement with the teachers' own decisions.

Written to `--output`: `report.json`, `report.png`, and `student.keras`,
`student.tflite` and, if they were trained, the teachers of the first seed.

Differences from the authors' first release: small networks and data sets
instead of AlexNet and fine-grained photographs, Adam instead of SGD, and images
that the student sees shifted at random in the joint phase (`--shift 0` turns
that off). See `LayerwiseAmalgamator` for the method itself.
"""

import argparse
import os
import pathlib
import shutil
import time
import zlib

import keras
import numpy as np

from keras_vipa import datasets
from keras_vipa import export
from keras_vipa.amalgamation import LayerwiseAmalgamator
from keras_vipa.amalgamation import amalgamate_incrementally
from keras_vipa.amalgamation import comparison
from keras_vipa.applications import load_model
from keras_vipa.applications import train_on_few
from keras_vipa.training import STRATEGIES
from keras_vipa.training import strategy_scope
from keras_vipa.utils import reports
from keras_vipa.utils.files import read_model

PHASES = ("autoencoders", "layers", "joint")
PRESETS = {
    "digits": ("digits_0_4", "digits_5_9"),
    "emoji": ("emoji_0_4", "emoji_5_8"),
}
LABELS_PER_CLASS = {"digits": 12, "emoji": 30}


def parse():
    """The options."""
    parser = argparse.ArgumentParser(
        prog="amalgamate_layerwise.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--dataset", default="digits", help="or emoji, folder:PATH, tfds:NAME")
    add("--teachers", nargs="+", metavar="KERAS_FILE")
    add("--images", metavar="FOLDER", help="pictures for --teachers")
    add("--white", type=float, default=1.0, help="white for --teachers: 1, 255")
    add("--train-teachers", action="store_true", help="anew for each seed")
    add("--size", type=int, default=32, help="pixels, of folder: and tfds:")
    add("--widths", type=float, nargs="+", help="a ratio, or one a layer")
    add("--incremental", action="store_true", help="one teacher after another")
    add("--epochs", type=int, nargs=3, default=(100, 100, 100), help="a phase")
    add("--shift", type=float, default=0.125, help="part of the image's side")
    add("--seeds", type=int, nargs="+", default=[0])
    add("--strategy", choices=STRATEGIES, default="none")
    add("--jit", action="store_true", help="compile with XLA")
    add("--output", default="results/amalgamate_layerwise", metavar="FOLDER")
    add("--smoke", action="store_true", help="two epochs of everything")
    return parser


def load_task(args):
    """Teachers if they are the user's, images, and each teacher's classes."""
    if args.teachers:
        models = [read_model(path) for path in args.teachers]
        size = models[0].input_shape[1:3]
        name = f"folder:{args.images}" if args.images else args.dataset
        train, test = datasets.named(name, None if None in size else size)
        others = np.array(train.info.get("original_size", [size])) != size
        if None not in size and others.any():
            print(f"Pictures of another size are resized to {size}.")
        return models, train, test, None
    train, test = datasets.named(args.dataset, args.size)
    groups = datasets.class_groups(train.num_classes(), 2)
    return None, train, test, groups


def teachers_of(args, train, groups, seed):
    """The trained classifiers of the data set, or new ones."""
    if args.dataset in PRESETS and not args.train_teachers:
        return [load_model(name) for name in PRESETS[args.dataset]]
    parts = [train.of_classes(group, relabel=True) for group in groups]
    labels = LABELS_PER_CLASS.get(args.dataset, 30)
    epochs = 2 if args.smoke else 100
    teachers = [train_on_few(part, labels, seed, epochs) for part in parts]
    if seed == args.seeds[0]:
        for number, teacher in enumerate(teachers, 1):
            teacher.save(pathlib.Path(args.output, f"teacher_{number}.keras"))
    return teachers


def run_seed(args, seed, task, backup):
    """Compare everything for one seed; returns rows, amalgamator, images."""
    models, train, test, groups = task
    models = models or teachers_of(args, train, groups, seed)
    x, x_test = train.array() * args.white, test.array() * args.white
    epochs = dict(zip(PHASES, (2, 2, 2) if args.smoke else args.epochs))
    widths = args.widths or [None]
    common = {"widths": widths if len(widths) > 1 else widths[0], "seed": seed}
    if args.shift:
        common["augmentation"] = keras.layers.RandomTranslation(
            args.shift, args.shift, fill_mode="nearest"
        )
    fit = {
        "jit_compile": args.jit,
    }
    fit["backup_dir"] = backup / "layerwise"

    baseline = LayerwiseAmalgamator(models, **common)
    # Place of each class among the logits, which are ordered by teacher.
    labels = groups and np.argsort(np.concatenate(groups))[test.y()]
    board = comparison.Scoreboard.of(baseline, x_test, labels, seed=seed)

    def add(name, student, start):
        size, seconds = student.count_params(), time.time() - start
        logits = student.predict(x_test, verbose=0)
        board.add(name, logits, parameters=size, seconds=seconds)

    print(f"Seed {seed}: a student from the logits alone")
    start = time.time()
    times = len(models) - 1 if args.incremental else 1
    total = {"joint": times * sum(epochs.values())}
    baseline.fit_stages(x, total, **{**fit, "backup_dir": backup / "logits"})
    add("logits_only", baseline.student, start)

    print(f"Seed {seed}: a student layer by layer")
    start = time.time()
    if args.incremental:
        last = amalgamate_incrementally(models, x, epochs, **common, **fit)
    else:
        last = LayerwiseAmalgamator(models, **common)
        joint = {"joint": epochs.pop("joint")}
        last.fit_stages(x, epochs, **fit)
        add("before_joint", last.student, start)
        last.fit_stages(x, joint, **fit)
    add("student", last.student, start)
    return board.rows, last, x


def main(args):
    """Run all seeds, then write what came out."""
    task = load_task(args)
    output = pathlib.Path(args.output)
    output.mkdir(parents=True, exist_ok=True)
    tag = zlib.crc32(repr(sorted(vars(args).items())).encode())
    results = []
    for seed in args.seeds:
        keras.utils.set_random_seed(seed)
        backup = output / f"backup_{tag:08x}" / str(seed)
        with strategy_scope(args.strategy):
            try:
                rows, last, x = run_seed(args, seed, task, backup)
            except FloatingPointError as error:
                error.model.student.save(output / "last_good_student.keras")
                raise
        results += rows
        if seed == args.seeds[0]:
            last.student.save(output / "student.keras")
            if keras.config.backend() == "tensorflow":
                export.to_litert(last.student, output / "student.tflite")
            curves = comparison.width_curves(last, x[:1000])
    summary = comparison.summary(results)
    measures = "agreement with the teachers" if task[3] is None else "accuracy"
    comparison.plot(output / "report.png", curves, summary, measures)
    more = {"measures": measures, "summary": summary, "reconstruction": curves}
    path = output / "report.json"
    reports.write_report(path, vars(args), args.seeds, results, **more)
    shutil.rmtree(output / f"backup_{tag:08x}", ignore_errors=True)
    print(f"{measures.capitalize()}, mean and standard deviation over seeds")
    print(comparison.table(summary))
    print(f"Written to {output}: {', '.join(sorted(os.listdir(output)))}")


if __name__ == "__main__":
    reports.run_recipe(main, parse())
