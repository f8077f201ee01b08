"""What layer-wise amalgamation costs, measured against its floor.

    python recipes/benchmark_amalgamation.py

The networks have random weights and the images are noise, which changes
nothing about the cost. Times belong to the machine: the results are ratios of
two things that were timed within one run, the fastest of each. Steps are
timed in turns.

Rows of the table, `value` against `base`, with `ratio = value / base`:

- "<phase>, uncached" and "<phase>, cached", each also with XLA: milliseconds
  of a training step. The base is the floor, what a step cannot do without,
  each part compiled and timed alone: the teachers' forward (unless cached),
  plus plain Keras training (`compile("adam", "mse")`) of the same layers on
  ready inputs and fixed targets. These layers are all auto-encoders, or the
  student's layers one by one, or the student; in phase "joint" that is the
  student's forward, backward and update. Every part pays for a call of its
  own, a few tenths of a millisecond, and parts in one step can share both
  cores, so a ratio can be below 1.
- "Distiller": a step of `keras.distillation.Distiller` for the same student
  against its floor, with "one teacher" of all classes, and with our teachers
  side by side as its one teacher: the "same work" as in "joint, uncached".
- "epoch": seconds of one epoch of every phase by `fit_stages`, with its input
  pipeline, cached against uncached and the other way round.
- "filling the cache": seconds, once, with compilation, against what the cache
  saves in one epoch of every phase. The ratio is the number of such epochs
  after which the cache has paid; never, if it is negative.
- "peak": megabytes that a process of `fit_stages` uses at most, for the
  largest number of images, against one that only imports and builds.

`growth` compares with the fewest teachers or images, whose students are
narrower too; `exponent` is the slope of a straight line through the
logarithms, 0 where nothing grows.

Written to `--output`: `benchmark.csv`, `report.json` and `benchmark.png`.
"""

import argparse
import csv
import logging
import pathlib
import resource
import timeit
from concurrent import futures

import keras
import numpy as np
from matplotlib import pyplot

from keras_vipa.amalgamation import LayerwiseAmalgamator
from keras_vipa.applications import SmallConvNet
from keras_vipa.utils import reports

SMOKE = dict(teachers=[2], images=[8], filters=[4], batch=8, rounds=1)
FIELDS = "what against unit teachers images value base ratio growth exponent"


def parse():
    """The options."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    add = parser.add_argument
    add("--teachers", type=int, nargs="+", default=[2, 4, 8])
    add("--images", type=int, nargs="+", default=[500, 1000, 2000, 4000])
    add("--filters", type=int, nargs="+", default=[32, 64, 64])
    add("--batch", type=int, default=64, help="images in a batch")
    add("--rounds", type=int, default=20, help="of all steps in turns")
    add("--output", default="results/benchmark_amalgamation", metavar="FOLDER")
    add("--smoke", action="store_true", help="one round of a tiny network")
    return parser


def network(args, classes):
    """A classifier with random weights."""
    return SmallConvNet((32, 32, 3), classes, args.filters, 128, strides=2)


def build(args, teachers, images, phase="joint"):
    """An amalgamator of classifiers with five classes each, and images."""
    models = [network(args, 5) for _ in range(teachers)]
    x = np.random.default_rng(0).random((images, 32, 32, 3), "float32")
    return LayerwiseAmalgamator(models, phase=phase), x


def compiled(kind, model, jit, *batch):
    """Function that runs one step of kind "train" or "predict" on a batch.

    It is what `fit` and `predict` compile, and gets tensors: `fit` itself
    adds its pipeline, `train_on_batch` a conversion of all results.
    """
    model.compile("adam", "mse", jit_compile=jit)
    getattr(model, f"make_{kind}_function")(force=True)
    step = getattr(model, f"{kind}_function")
    return lambda: step([batch])


def milliseconds(run):
    """The shortest of several calls, of which the first may compile."""

    def read():
        # Waits for the device.
        keras.ops.convert_to_numpy(keras.tree.flatten(run())[-1])

    return 1000 * min(timeit.repeat(read, number=1, repeat=6))


def variants(args, count, jit):
    """For each kind of step: the step, then the parts of its floor."""
    runs = {}
    for phase in LayerwiseAmalgamator.learning_rates:
        model, x = build(args, count, args.batch, phase)
        source, images = model.teacher_features, keras.ops.convert_to_tensor(x)
        outputs = {key: source.output[key] for key in model.needed_features()}
        teachers = keras.Model(source.input, outputs)
        ready = {"images": images, **teachers(images)}
        symbols = {k: keras.Input(v.shape[1:]) for k, v in ready.items()}
        outputs = {k: v[1] for k, v in model.call(symbols, True).items()}
        targets = {k: v[0] for k, v in model.call(ready).items()}
        plain = keras.Model(list(symbols.values()), outputs)
        plain = compiled("train", plain, jit, list(ready.values()), targets)
        teachers = compiled("predict", teachers, jit, images)
        step = compiled("train", model, jit, images)
        runs[f"{phase}, uncached"] = step, teachers, plain
        runs[f"{phase}, cached"] = compiled("train", model, jit, ready), plain
    one, student = network(args, 5 * count), model.student
    together = keras.Model(source.input, source.output["logits"])
    loss = keras.distillation.LogitsDistillation(1, "mean_squared_error")
    for name, teacher in (("one teacher", one), ("same work", together)):
        step = keras.distillation.Distiller(teacher, student, loss, None, 0)
        step = compiled("train", step, jit, images)
        teachers = compiled("predict", teacher, jit, images)
        plain = compiled("train", student, jit, images, teacher(images))
        runs[f"Distiller, {name}"] = step, teachers, plain
    return {(name + ", XLA" * jit, count): run for name, run in runs.items()}


def step_rows(args):
    """Training steps, against their floors."""
    runs = {} if args.smoke else variants(args, args.teachers[0], True)
    for count in args.teachers:
        runs.update(variants(args, count, False))
    best = dict.fromkeys(runs, np.inf)
    for _ in range(args.rounds):
        for key, parts in runs.items():
            best[key] = np.minimum(best[key], [milliseconds(p) for p in parts])
    for (what, count), (spent, *floor) in best.items():
        yield what, "floor", "ms", count, args.batch, spent, sum(floor)


def train(args, images, cached, jit=False):
    """Seconds of one epoch of every phase, without compilation."""
    model, x = build(args, args.teachers[0], images)
    times, epochs = [], 2 + args.rounds // 5
    watch = [lambda *_: times.append(timeit.default_timer())] * 2
    watch = keras.callbacks.LambdaCallback(*watch)  # begin, end of an epoch
    options = {"cache_bytes": 2**40 * cached, "jit_compile": jit, "verbose": 0}
    options.update(batch_size=args.batch, callbacks=[watch])
    model.fit_stages(x, dict.fromkeys(model.phases, epochs), **options)
    return np.diff(np.reshape(times, (-1, epochs, 2)))[:, 1:].min(1).sum()


def image_rows(args):
    """Epochs by `fit_stages`, cached against uncached."""
    for images in args.images:
        sizes = "s", args.teachers[0], images
        slow, fast = train(args, images, False), train(args, images, True)
        model, x = build(args, *sizes[1:])
        now = timeit.default_timer()
        model.teacher_features.predict(x, args.batch, verbose=0)
        now, saved = timeit.default_timer() - now, slow - fast
        yield "filling the cache", "saved", *sizes, now, saved
        yield "epoch, uncached", "cached", *sizes, slow, fast
        yield "epoch, cached", "uncached", *sizes, fast, slow


def peak_memory(args, kind):
    """Megabytes that this process has used at most, on Linux."""
    args.rounds = 1  # Few epochs: the second one uses no more than the others.
    build(args, args.teachers[0], max(args.images))
    if kind != "built":
        train(args, max(args.images), kind == "cached", kind.endswith("XLA"))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def memory_rows(args):
    """Peak memory of a process that trains, against one that only builds."""
    kinds = ("built", "uncached", "cached", "with XLA")[: 4 - 3 * args.smoke]
    # Each kind in a process of its own.
    with futures.ProcessPoolExecutor(1, max_tasks_per_child=1) as pool:
        peaks = list(pool.map(peak_memory, [args] * len(kinds), kinds))
    more = "built", "MB", args.teachers[0], max(args.images)
    return [(f"peak, {k}", *more, p, peaks[0]) for k, p in zip(kinds, peaks)]


def finished(rows):
    """Rows as dicts, with their ratios and the exponents of their growth."""
    results = []
    for row in rows:
        same = np.array([r[3:6] for r in rows if r[0] == row[0]]).T
        x, y = np.log(same[0] * same[1]), np.log(same[2])
        slope = (x - x.mean()) @ y / max(len(x) * x.var(), 1e-9)
        numbers = *row[3:], row[5] / row[6], row[5] / same[2, 0], slope
        row = *row[:3], *(round(number, 3) for number in numbers)
        results.append(dict(zip(FIELDS.split(), row)))
    return results


def plot(path, results):
    """Picture of the growth with teachers and with images."""
    results = [row for row in results if "XLA" not in row["what"]]
    figure, axes = pyplot.subplots(1, 2, figsize=(15, 5), layout="tight")
    for axis, unit, size in zip(axes, ("ms", "s"), ("teachers", "images")):
        for what in sorted({r["what"] for r in results if r["unit"] == unit}):
            own = [row for row in results if row["what"] == what]
            x, y = ([row[key] for row in own] for key in (size, "value"))
            axis.loglog(x, y, "o-", label=f"{what}: {own[0]['exponent']:.2f}")
        axis.set(xlabel=size, ylabel=unit)
        axis.legend(title="exponent", loc=(1.02, 0.0))
    figure.savefig(path, dpi=120, bbox_inches="tight")


def main(args):
    """Run all measurements, then write and print what came out."""
    vars(args).update(SMOKE if args.smoke else {})
    if min(*args.teachers, *args.images, args.batch, args.rounds) < 1:
        raise ValueError("All numbers must be positive")
    output = pathlib.Path(args.output)
    output.mkdir(parents=True, exist_ok=True)
    # TensorFlow warns of one function compiled many times; it is many models.
    logging.getLogger("tensorflow").setLevel("ERROR")
    # Memory first: a process starts with the peak of the one that starts it.
    rows = []
    for measure in (memory_rows, step_rows, image_rows):
        print(f"Measuring: {measure.__doc__}", flush=True)
        rows += measure(args)
    results = finished(sorted(rows))
    with open(output / "benchmark.csv", "w", newline="") as file:
        csv.writer(file).writerows([results[0], *map(dict.values, results)])
    plot(output / "benchmark.png", results)
    reports.write_report(output / "report.json", vars(args), [0], results)
    print(reports.format_table(results))


if __name__ == "__main__":
    reports.run_recipe(main, parse())
