"""What layer-wise amalgamation costs, measured against its floor.

    python recipes/studies/benchmark_amalgamation.py

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

import csv
import multiprocessing
import resource
import timeit
from concurrent import futures

from keras_vipa.utils import recipe

# isort: split

import keras
import numpy as np
from matplotlib import pyplot

from keras_vipa.amalgamation import LayerwiseAmalgamator
from keras_vipa.applications import SmallConvNet
from keras_vipa.utils import reports

PHASES = list(LayerwiseAmalgamator.learning_rates)
SMOKE = dict(teachers=[2], images=[8], filters=[4], batch=8, rounds=1)
SMOKE["phases"] = PHASES[-1:]


def options(add):
    """The options."""
    add("--teachers", type=int, nargs="+", default=[2, 4, 8])
    add("--images", type=int, nargs="+", default=[500, 1000, 2000, 4000])
    add("--filters", type=int, nargs="+", default=[32, 64, 64])
    add("--batch", type=int, default=64, help="images in a batch")
    add("--phases", nargs="+", choices=PHASES, default=PHASES)
    add("--rounds", type=int, default=20, help="of all steps in turns")


def measurement(what, value, unit, against, base, teachers, images):
    """A row of the table, but for its growth."""
    return {
        "what": what,
        "against": against,
        "unit": unit,
        "teachers": teachers,
        "images": images,
        "value": value,
        "base": base,
    }


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
    for phase in args.phases:
        model, x = build(args, count, args.batch, phase)
        source, images = model.teacher_features, keras.ops.convert_to_tensor(x)
        outputs = {key: source.output[key] for key in model.feature_names()}
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
        numbers = spent, "ms", "floor", sum(floor)
        yield measurement(what, *numbers, count, args.batch)


def train(args, images, cached, jit=False):
    """Seconds of one epoch of every phase, without compilation."""
    model, x = build(args, args.teachers[0], images)
    times, epochs = [], 2 + args.rounds // 5
    watch = [lambda *_: times.append(timeit.default_timer())] * 2
    watch = keras.callbacks.LambdaCallback(*watch)  # begin, end of an epoch
    options = {"cache_bytes": 2**40 * cached, "jit_compile": jit, "verbose": 0}
    options.update(batch_size=args.batch, callbacks=[watch])
    model.fit_stages(x, dict.fromkeys(args.phases, epochs), **options)
    return np.diff(np.reshape(times, (-1, epochs, 2)))[:, 1:].min(1).sum()


def image_rows(args):
    """Epochs by `fit_stages`, cached against uncached."""
    for images in args.images:
        sizes = args.teachers[0], images
        slow, fast = train(args, images, False), train(args, images, True)
        model, x = build(args, *sizes)
        start = timeit.default_timer()
        model.teacher_features.predict(x, args.batch, verbose=0)
        filled = timeit.default_timer() - start
        for what, value, against, base in (
            ("filling the cache", filled, "saved", slow - fast),
            ("epoch, uncached", slow, "cached", fast),
            ("epoch, cached", fast, "uncached", slow),
        ):
            yield measurement(what, value, "s", against, base, *sizes)


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
    # Each kind in a process of its own, which has nothing of this one.
    spawn = multiprocessing.get_context("spawn")
    with futures.ProcessPoolExecutor(1, spawn, max_tasks_per_child=1) as pool:
        peaks = list(pool.map(peak_memory, [args] * len(kinds), kinds))
    more = "MB", "built", peaks[0], args.teachers[0], max(args.images)
    return [
        measurement(f"peak, {kind}", peak, *more)
        for kind, peak in zip(kinds, peaks)
    ]


def with_growth(rows):
    """Rows with their ratios, and the exponents of their growth."""
    results = []
    for row in rows:
        same = [other for other in rows if other["what"] == row["what"]]
        sizes = np.log([r["teachers"] * r["images"] for r in same])
        values = np.log([r["value"] for r in same])
        covariance = (sizes - sizes.mean()) @ values
        numbers = {
            "value": row["value"],
            "base": row["base"],
            "ratio": row["value"] / row["base"],
            "growth": row["value"] / same[0]["value"],
            "exponent": covariance / max(len(sizes) * sizes.var(), 1e-9),
        }
        numbers = {key: round(float(n), 3) for key, n in numbers.items()}
        results.append(row | numbers)
    return results


def plot(path, results):
    """Picture of the growth with teachers and with images."""
    results = [row for row in results if "XLA" not in row["what"]]
    figure, axes = pyplot.subplots(1, 2, figsize=(15, 5), layout="tight")
    for axis, unit, size in zip(axes, ("ms", "s"), ("teachers", "images")):
        for what in sorted({r["what"] for r in results if r["unit"] == unit}):
            line = [row for row in results if row["what"] == what]
            x, y = ([row[key] for row in line] for key in (size, "value"))
            axis.loglog(x, y, "o-", label=f"{what}: {line[0]['exponent']:.2f}")
        axis.set(xlabel=size, ylabel=unit)
        axis.legend(title="exponent", loc=(1.02, 0.0))
    figure.savefig(path, dpi=120, bbox_inches="tight")


def main(args):
    """Run all measurements, then write and print what came out."""
    rows = []
    for measure in (memory_rows, step_rows, image_rows):
        print(f"Measuring: {measure.__doc__}", flush=True)
        rows += measure(args)
    sizes = ("what", "teachers", "images")
    results = with_growth(sorted(rows, key=lambda r: [r[k] for k in sizes]))
    with recipe.results(args) as folder:
        with open(folder / "benchmark.csv", "w", newline="") as file:
            writer = csv.DictWriter(file, results[0])
            writer.writeheader()
            writer.writerows(results)
        plot(folder / "benchmark.png", results)
        recipe.write_report(args, results, folder)
    print(reports.format_table(results))


if __name__ == "__main__":
    recipe.run(main, options, seeds=None, smoke=SMOKE)
