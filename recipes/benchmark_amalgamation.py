"""What layer-wise amalgamation costs, measured against its floor.

    python recipes/benchmark_amalgamation.py

The networks have random weights and the images are noise, which changes
nothing about the cost. Times belong to the machine; the results are ratios of
two things timed in turns within one run, the fastest of each.

The floor is what a step cannot do without, each part measured alone: the
teachers' forward, plus plain Keras training (`compile("adam", "mse")`) of the
same layers on ready inputs and fixed targets. These layers are all
auto-encoders, or the student's layers one by one, or the student; in phase
"joint" that is the student's forward, backward and update. With the teachers'
features cached the floor is the plain training alone. Each part pays for a
call of its own, a few tenths of a millisecond, so that a ratio can be below 1.

Measured are

1. the peak memory of `fit_stages`, in a process for each row;
2. a training step of each phase, uncached and cached, with and without XLA,
   and how it grows with the number of teachers (the student grows too);
   beside it a step of `keras.distillation.Distiller` for the same student:
   with one teacher of all classes, and with all our teachers side by side as
   its teacher, which is the work of phase "joint";
3. an epoch of every phase for growing numbers of images, by `fit_stages` with
   its input pipeline, what filling the cache costs (with its compilation),
   and after how many epochs of every phase that has paid.

Written to `--output`: `benchmark.csv`, `report.json` and `benchmark.png`.
"""

import argparse
import csv
import itertools
import logging
import math
import pathlib
import subprocess
import sys
import time

import keras
import numpy as np

from keras_vipa.amalgamation import LayerwiseAmalgamator
from keras_vipa.applications import SmallConvNet
from keras_vipa.utils import reports

PHASES = ("autoencoders", "layers", "joint")
SMOKE = {"teachers": [2], "images": [8, 16], "batch": 8, "rounds": 1}
MEMORY = ("built", "uncached", "cached", "uncached with XLA")


def parse():
    """The options."""
    parser = argparse.ArgumentParser(
        prog="benchmark_amalgamation.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--teachers", type=int, nargs="+", default=[2, 4, 8])
    add("--images", type=int, nargs="+", default=[500, 1000, 2000, 4000])
    add("--batch", type=int, default=64, help="images in a batch")
    add("--rounds", type=int, default=20, help="of all measurements in turns")
    add("--output", default="results/benchmark_amalgamation", metavar="FOLDER")
    add("--smoke", action="store_true", help="one round of tiny networks")
    add("--memory-of", choices=MEMORY, help=argparse.SUPPRESS)
    return parser


def network(args, classes):
    """A classifier with random weights."""
    filters = (4,) if args.smoke else (32, 64, 64)
    return SmallConvNet((32, 32, 3), classes, filters, units=128, strides=2)


def build(args, teachers, images, phase="joint"):
    """An amalgamator of classifiers with five classes each, and images."""
    models = [network(args, 5) for _ in range(teachers)]
    x = np.random.default_rng(0).random((images, 32, 32, 3), "float32")
    return LayerwiseAmalgamator(models, phase=phase), x


# Timed are the functions that `fit` and `predict` compile, called on a batch
# that is a tensor already: `fit` would add its pipeline and callbacks, and
# `train_on_batch` a conversion of all results.


def training(model, jit, batch, loss=None):
    """Function that runs one training step."""
    model.compile("adam", loss, jit_compile=jit)
    model.make_train_function(force=True)
    step, batches = model.train_function, itertools.repeat(batch)
    return lambda: step(batches)


def forward(model, jit, images):
    """Function that returns a model's outputs."""
    model.compile(jit_compile=jit)
    model.make_predict_function(force=True)
    step = model.predict_function
    return lambda: step([(images,)])


def milliseconds(run):
    """The shortest of five calls, after one that may have to compile."""
    spent = []
    for _ in range(6):
        start = time.perf_counter()
        # Reading a result waits for the device.
        keras.ops.convert_to_numpy(keras.tree.flatten(run())[-1])
        spent.append(1000 * (time.perf_counter() - start))
    return min(spent[1:])


def variants(args, count, jit):
    """For each kind of step: the step, and the parts of its floor."""
    runs = {}
    for phase in PHASES:
        model, x = build(args, count, args.batch, phase)
        source, images = model.teacher_features, keras.ops.convert_to_tensor(x)
        outputs = {key: source.output[key] for key in model.needed_features()}
        teachers = keras.Model(source.input, outputs)
        ready = {"images": images, **teachers(images)}
        inputs = {k: keras.Input(v.shape[1:]) for k, v in ready.items()}
        pairs = model.call(inputs, training=True)
        plain = keras.Model(
            list(inputs.values()), {k: v for k, (_, v) in pairs.items()}
        )
        targets = {k: target for k, (target, _) in model.call(ready).items()}
        plain = training(plain, jit, (list(ready.values()), targets), "mse")
        runs[phase, "uncached", jit, count] = (
            training(model, jit, (images,)),
            forward(teachers, jit, images),
            plain,
        )
        runs[phase, "cached", jit, count] = (
            training(model, jit, (ready,)),
            plain,
        )
    one = network(args, 5 * count)
    same = keras.Model(source.input, source.output["logits"])
    for name, teacher in (("one teacher", one), ("the same work", same)):
        loss = keras.losses.MeanSquaredError()
        loss = keras.distillation.LogitsDistillation(1.0, loss)
        distiller = keras.distillation.Distiller(
            teacher, model.student, loss, student_loss_weight=0.0
        )
        batch = images, teacher(images)
        runs[f"Distiller, {name}", "uncached", jit, count] = (
            training(distiller, jit, (images,), "mse"),
            forward(teacher, jit, images),
            training(model.student, jit, batch, "mse"),
        )
    return runs


def step_rows(args):
    """A row for each kind of step."""
    few = args.teachers[0]
    runs = variants(args, few, True)
    for count in args.teachers:
        runs.update(variants(args, count, False))
    best = dict.fromkeys(runs, np.inf)
    for _ in range(args.rounds):
        for key, parts in runs.items():
            spent = [milliseconds(part) for part in parts]
            best[key] = np.minimum(best[key], spent)
    best = {key: (spent[0], sum(spent[1:])) for key, spent in best.items()}
    return [
        {
            **dict(zip(("step", "features", "XLA", "teachers"), key)),
            "ms": float(best[key][0]),
            "floor ms": float(best[key][1]),
            "step / floor": float(best[key][0] / best[key][1]),
            "growth": float(best[key][0] / best[*key[:3], few][0]),
            "floor's growth": float(best[key][1] / best[*key[:3], few][1]),
        }
        for key in sorted(best)
    ]


def train(args, images, epochs, cached, **kwargs):
    """Train every phase; returns the amalgamator."""
    model, x = build(args, args.teachers[0], images)
    epochs, cache = dict.fromkeys(PHASES, epochs), 2**40 * cached
    kwargs.update(batch_size=args.batch, cache_bytes=cache, verbose=0)
    model.fit_stages(x, epochs, **kwargs)


def image_rows(args):
    """A row for each number of images."""
    epochs, rows = 2 + args.rounds // 5, []
    for images in args.images:
        row = {"images": images}
        for cached in (False, True):
            times = []
            watch = keras.callbacks.LambdaCallback(
                on_epoch_begin=lambda *_: times.append(time.perf_counter()),
                on_epoch_end=lambda *_: times.append(time.perf_counter()),
            )
            train(args, images, epochs, cached, callbacks=[watch])
            spent = np.reshape(times, (len(PHASES), epochs, 2))
            # The first epoch of a phase compiles.
            spent = (spent[..., 1] - spent[..., 0])[:, 1:].min(axis=1).sum()
            row["cached s" if cached else "uncached s"] = float(spent)
        model, x = build(args, args.teachers[0], images)
        start = time.perf_counter()
        model.teacher_features.predict(x, args.batch, verbose=0)
        row["filling s"] = time.perf_counter() - start
        saved = row["uncached s"] - row["cached s"]
        row["cached / uncached"] = row["cached s"] / row["uncached s"]
        paid = math.ceil(row["filling s"] / saved) if saved > 0 else "never"
        rows.append({**row, "paid after": paid})
    return rows


def peak_memory(args):
    """Print the megabytes that this process has used at most."""
    import resource

    if args.memory_of == "built":
        build(args, args.teachers[0], args.images[-1])
    else:
        jit, cached = "XLA" in args.memory_of, args.memory_of == "cached"
        train(args, args.images[-1], 1, cached, jit_compile=jit)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(peak / (2**20 if sys.platform == "darwin" else 2**10))


def memory_rows(args):
    """A row for each kind of training."""
    rows = []
    for kind in MEMORY[:: 3 if args.smoke else 1]:
        command = [sys.executable, __file__, *sys.argv[1:], "--memory-of", kind]
        child = subprocess.run(command, capture_output=True, text=True)
        if child.returncode:
            raise ChildProcessError(child.stderr[-500:])
        peak = float(child.stdout.split()[-1])
        above = peak - rows[0]["peak MB"] if rows else 0.0
        rows.append({"process": kind, "peak MB": peak, "above built": above})
    return rows


def curves(steps, images):
    """What grows with what: (name, with) -> list of points."""
    points = [
        ((f"{row['step']}, {row['features']}, {kind}", "teachers"), row, kind)
        for row in steps
        for kind in ("ms", "floor ms")
        if row["step"] in PHASES and not row["XLA"]
    ]
    kinds = ("uncached s", "cached s", "filling s")
    points += [
        ((kind, "images"), row, kind) for row in images for kind in kinds
    ]
    found = {}
    for key, row, kind in points:
        found.setdefault(key, []).append((row[key[1]], row[kind]))
    return found


def exponent_rows(found):
    """The exponent of each curve, by a straight line through logarithms."""
    return [
        {"what": name, "grows with": axis, "exponent": float(slope)}
        for (name, axis), points in found.items()
        if len(points) > 1
        for slope in [np.polyfit(*np.log(points).T, 1)[0]]
    ]


def plot(path, found):
    """Picture of all curves."""
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 2, figsize=(13, 5.5))
    names = [name.removesuffix(" ms").removesuffix(" s") for name, _ in found]
    for number, ((_, axis), points) in enumerate(found.items()):
        is_teachers = axis == "teachers"
        is_floor = is_teachers and number % 2
        options = {"color": f"C{number // 2 if is_teachers else number}"}
        options.update(label=names[number], marker="x" if is_floor else "o")
        options.update(linestyle=":" if is_floor else "-")
        axes[not is_teachers].loglog(*zip(*points), **options)
    axes[0].set(xlabel="teachers", ylabel="ms", title="One training step")
    axes[1].set(xlabel="images", ylabel="s", title="One epoch of every phase")
    for axis in axes:
        axis.legend(fontsize=8)
    figure.savefig(path, dpi=120, bbox_inches="tight")
    pyplot.close(figure)


def main(args):
    """Run all measurements, then write and print what came out."""
    vars(args).update(SMOKE if args.smoke else {})
    if min(*args.teachers, *args.images, args.batch, args.rounds) < 1:
        raise ValueError("All numbers must be positive")
    args.teachers.sort()
    args.images.sort()
    if args.memory_of:
        return peak_memory(args)
    output = pathlib.Path(args.output)
    output.mkdir(parents=True, exist_ok=True)
    # TensorFlow warns of one function compiled many times; it is many models.
    logging.getLogger("tensorflow").setLevel("ERROR")
    tables = {}
    # Memory first: a process starts with the peak of the one that starts it.
    for name, measure in (
        ("Memory", memory_rows),
        ("Steps", step_rows),
        ("Epochs of every phase", image_rows),
    ):
        print(f"Measuring: {name}")
        tables[name] = measure(args)
    found = curves(tables["Steps"], tables["Epochs of every phase"])
    tables["Exponents"] = exponent_rows(found)
    results = [{"table": k, **row} for k, v in tables.items() for row in v]
    with (output / "benchmark.csv").open("w", newline="") as file:
        fields = dict.fromkeys(key for row in results for key in row)
        writer = csv.DictWriter(file, fields)
        writer.writeheader()
        writer.writerows(results)
    plot(output / "benchmark.png", found)
    reports.write_report(output / "report.json", vars(args), [0], results)
    for name, rows in tables.items():
        ...


if __name__ == "__main__":
    reports.run_recipe(main, parse())
