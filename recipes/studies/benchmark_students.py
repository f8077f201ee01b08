"""What students cost: on a phone, and in training.

    python recipes/studies/benchmark_students.py

Rows, `value` against `base`, with `ratio = value / base`:

- `file` and `latency`: kilobytes of the LiteRT float16 file of a student, and
  milliseconds of a picture in LiteRT, one thread, against those of its
  teachers, run one after the other;
- `step`: milliseconds of a training step against the floor, which no training
  can do without: the teachers' forward, unless they are cached, plus plain
  Keras training (`compile("adam", "mse")`) of the student on fixed targets; for
  several numbers of teachers, with XLA and without, with the terms of features
  and without. `with block` is the ratio to a floor in which the layers that the
  terms of features need are trained plainly, too;
- `pooling`, with `branching`: milliseconds of `MaxPoolingWithIndices2D` and
  `MaxUnpooling2D`, forward and backward, against `tf.nn.max_pool_with_argmax`
  and `tf.scatter_nd`, which LiteRT has no built-in operations for;
- `memory`: megabytes that a process has used at most after a few steps, against
  one that only builds the networks.

`common` is `CommonFeatureAmalgamator`, with two, four and eight teachers of
garments (the two of the package, again and again); `adaptive`, `branching` and
`filtered` are the two phases each of `AdaptiveAmalgamator` with the six
teachers of people, `BranchingAmalgamator` with the three of rooms, and
`FilteredAmalgamator` with the two of attributes; the student of the first phase
of the latter two is as it branches at the end. Files, and steps, are timed in
turns; a ratio below 1 comes from parts that share both cores. Written to
`--output`: `report.json` and `benchmark.png`.
"""

import pathlib
import tempfile

from keras_vipa.utils import recipe

# isort: split

import keras
import matplotlib.pyplot as plt
import numpy as np
from latency import in_new_process
from latency import litert_runner
from latency import take_turns

from keras_vipa import applications
from keras_vipa import export
from keras_vipa import layers
from keras_vipa.amalgamation import AdaptiveAmalgamator
from keras_vipa.amalgamation import BranchingAmalgamator
from keras_vipa.amalgamation import CommonFeatureAmalgamator
from keras_vipa.amalgamation import FilteredAmalgamator
from keras_vipa.applications import presets
from keras_vipa.utils import reports

GARMENTS = ("garments_0_4", "garments_5_9")
PEOPLE = [f"people_{number}" for number in range(1, 7)]
WANTED, HIDDEN = ["hat", "outfit", "mouth"], 32
ROOMS = {"parsing": "classes", "depth": "depth", "normals": "normals"}
ATTRIBUTES = [
    tuple(presets.WEIGHTS[f"attributes_{number}"]["labels"].split(","))
    for number in (1, 2)
]
METHODS = ["common", "adaptive", "branching", "filtered"]
BATCH = {
    CommonFeatureAmalgamator: 64,
    AdaptiveAmalgamator: 64,
    BranchingAmalgamator: 8,
    FilteredAmalgamator: 16,
}
SMOKE = {"teachers": [2], "rounds": 1, "methods": ["common"]}


def options(add):
    """The options."""
    add("--teachers", type=int, nargs="+", default=[2, 4, 8])
    add("--rounds", type=int, default=30)
    add("--methods", nargs="+", choices=METHODS, default=METHODS)


def common(count=2, features=True, **more):
    """The amalgamator of garments, of so many teachers."""
    names = (GARMENTS * count)[:count]
    weights = None if features else {"common": 0.0, "reconstruction": 0.0}
    return CommonFeatureAmalgamator(
        [applications.load_model(name) for name in names],
        image_shape=(28, 28, 3),
        hidden=HIDDEN,
        weights=weights,
        **more,
    )


def adaptive(phase="components", features=True):
    """The amalgamator of people."""
    weights = None if features else {"features": 0.0}
    teachers = [applications.load_model(name) for name in PEOPLE]
    return AdaptiveAmalgamator(teachers, WANTED, phase=phase, weights=weights)


def branching(phase="target"):
    """The amalgamator of rooms, with the points that it mostly has."""
    return BranchingAmalgamator(
        {t: applications.load_model(f"rooms_{t}") for t in ROOMS},
        ROOMS,
        points={"parsing": 2, "depth": 2, "normals": 1},
        phase=phase,
    )


def filtered(phase="target"):
    """The amalgamator of attributes, with the points that it mostly has."""
    return FilteredAmalgamator(
        {
            labels: applications.load_model(f"attributes_{number}")
            for number, labels in enumerate(ATTRIBUTES, 1)
        },
        [*ATTRIBUTES[0][:4], *ATTRIBUTES[1][2:6]],
        points=dict(zip(ATTRIBUTES, (4, 5))),
        phase=phase,
    )


def files(name, teachers, student, rounds):
    """Sizes and latencies of LiteRT files."""
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for number, model in enumerate((student, *teachers)):
            paths.append(pathlib.Path(folder) / f"{number}.tflite")
            export.to_litert(model, paths[-1], "float16")
        sizes = [path.stat().st_size / 1000 for path in paths]
        runners = {path.name: litert_runner(path) for path in paths}
        times = [1000 * t for t in take_turns(runners, rounds).values()]
    more = {"what": name, "teachers": len(teachers)}
    yield {**more, "kind": "file", "unit": "kB", **against(sizes)}
    yield {**more, "kind": "latency", "unit": "ms", **against(times)}


def against(values):
    """The first of some numbers, and the sum of the others."""
    value, base = values[0], sum(values[1:])
    return {"value": value, "base": base, "ratio": value / base}


def compiled(kind, model, jit, *batch):
    """Function that runs one step of kind "train" or "predict" on a batch."""
    model.compile("adam", "mse", jit_compile=jit)
    getattr(model, f"make_{kind}_function")(force=True)
    step = getattr(model, f"{kind}_function")

    def run():
        # Waits for the device.
        keras.ops.convert_to_numpy(keras.tree.flatten(step([batch]))[-1])

    return run


class Teachers(keras.Model):
    """What the teachers of an amalgamator say, as a model."""

    def __init__(self, amalgamator):
        super().__init__()
        self.amalgamator, self.built = amalgamator, True

    def call(self, inputs):
        found = self.amalgamator.frozen_features(inputs)
        return [found[name] for name in self.amalgamator.feature_names()]


def step_of(name, amalgamator, students, jit, cached):
    """Runners of a step, and of the parts of its floor."""
    shape = amalgamator.student.input_shape[1:]
    batch_size = BATCH[type(amalgamator)]
    x = np.random.default_rng(0).random((batch_size, *shape), "float32")
    images = keras.ops.convert_to_tensor(x)
    inputs, runners = {"images": images}, {}
    if cached:
        inputs = amalgamator.with_features(inputs)
    else:
        teachers = Teachers(amalgamator)
        runners["teachers"] = compiled("predict", teachers, jit, inputs)
    runners = {"step": compiled("train", amalgamator, jit, inputs), **runners}
    for number, student in enumerate(students):
        plain = keras.models.clone_model(student)
        targets = plain(images)
        run = compiled("train", plain, jit, images, targets)
        runners[f"student {number}"] = run
    if amalgamator.feature_names() and has_block(amalgamator):
        runners["block"] = plain_step(amalgamator, images, jit)
    return {(name, jit, cached, part): run for part, run in runners.items()}


def has_block(amalgamator):
    """Whether there are terms of features."""
    return set(amalgamator.phases[amalgamator.phase]) > {"soft_targets"}


def plain_step(amalgamator, images, jit):
    """Runner of plain training of all that the amalgamator trains."""
    given = amalgamator.with_features({"images": images})
    symbols = {
        name: keras.Input(x.shape[1:], name=name) for name, x in given.items()
    }
    outputs = keras.tree.flatten(amalgamator(symbols))
    plain = keras.Model(symbols, outputs)
    targets = plain(given)
    return compiled("train", plain, jit, given, targets)


def steps(args):
    """Times of steps against their floors."""
    runners, counts = {}, {}
    cases = []
    if "common" in args.methods:
        for count in args.teachers:
            for features in (True, False):
                made = common(count, features)
                name = "common" if features else "common, no features"
                cases.append((f"{name}, {count}", made, [made.student]))
    if "adaptive" in args.methods:
        for phase in ("components", "target"):
            for features in (True, False):
                made = adaptive(phase, features)
                students = [made.student]
                if phase == "components":
                    students = made.components
                name = phase if features else f"{phase}, no features"
                cases.append((name, made, students))
    for make in (branching, filtered):
        if make.__name__ in args.methods:
            for phase in ("blocks", "target"):
                made = make(phase)
                name = f"{make.__name__}, {phase}"
                cases.append((name, made, [made.student]))
    for name, made, students in cases:
        counts[name] = len(made.teachers)
        for jit in (False, True)[: 2 - args.smoke]:
            for cached in (False, True):
                runners |= step_of(name, made, students, jit, cached)
    times = take_turns(runners, args.rounds)
    for key in dict.fromkeys(key[:3] for key in times):
        name, jit, cached = key
        parts = {k[3]: 1000 * t for k, t in times.items() if k[:3] == key}
        block = parts.pop("block", None)
        step, *floor = parts.values()
        if block:
            block = step / (block + parts.get("teachers", 0.0))
        kind = "step" + ", XLA" * jit + ", cached" * cached
        more = {"what": name, "teachers": counts[name], "kind": kind}
        row = {**more, "unit": "ms", **against([step, *floor])}
        yield row | {"with block": block}


def pooling(rounds):
    """Pooling with places and back, and the same by TensorFlow's operations."""
    import tensorflow as tf

    def ours(x):
        pooled, indices = layers.MaxPoolingWithIndices2D()(x)
        return layers.MaxUnpooling2D()(pooled, indices)

    def theirs(x):
        pooled, places = tf.nn.max_pool_with_argmax(
            x, 2, 2, "VALID", include_batch_in_index=True
        )
        places = tf.reshape(places, (-1, 1))
        flat = tf.scatter_nd(
            places, tf.reshape(pooled, (-1,)), [tf.size(x, places.dtype)]
        )
        return tf.reshape(flat, tf.shape(x))

    x, weights = (tf.random.normal((8, 64, 64, 32)) for _ in range(2))

    def runner(function):
        @tf.function
        def both(x):
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = function(x)
                loss = tf.reduce_sum(y * weights)
            return y, tape.gradient(loss, x)

        return lambda: [part.numpy() for part in both(x)]

    runners = {"ours": runner(ours), "theirs": runner(theirs)}
    for one, other in zip(*(run() for run in runners.values())):
        np.testing.assert_allclose(one, other)
    times = [1000 * t for t in take_turns(runners, rounds).values()]
    row = {"what": "8 x 64 x 64 x 32", "teachers": 0, "kind": "pooling"}
    yield {**row, "unit": "ms", **against(times)}


MAKERS = {
    "common": common,
    "adaptive": lambda _: adaptive(),
    "branching": lambda _: branching(),
    "filtered": lambda _: filtered(),
}


def peak(method, count, steps):
    """Megabytes that this process has used at most, on Linux."""
    made = MAKERS[method](count)
    batch_size = BATCH[type(made)]
    if steps:
        shape = made.student.input_shape[1:]
        images = np.zeros((steps * batch_size, *shape), "float32")
        made.compile(made.default_optimizer(steps))
        made.fit(images, batch_size=batch_size, verbose=0)
    # `ru_maxrss` would be that of the process this one was started from.
    status = pathlib.Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def memory(args):
    """Peaks of processes that train, against those that only build."""
    counts = {"common": args.teachers, "adaptive": [6], "branching": [3]}
    for method in args.methods:
        for count in counts.get(method, [2]):
            peaks = [in_new_process(peak, method, count, n) for n in (5, 0)]
            more = {"what": method, "teachers": count, "kind": "memory"}
            yield {**more, "unit": "MB", **against(peaks)}


def plot(path, rows):
    """Ratios of all rows."""
    figure, axis = plt.subplots(
        figsize=(9, 1 + 0.22 * len(rows)), layout="tight"
    )
    names = [f"{row['what']}: {row['kind']}" for row in rows]
    axis.barh(names, [row["ratio"] for row in rows])
    axis.axvline(1.0, color="black")
    axis.invert_yaxis()
    axis.set_xlabel("ratio to the floor, or to the teachers")
    figure.savefig(path, dpi=120)


def main(args):
    """Measure, print, write."""
    rows = []
    for method in args.methods:
        made = MAKERS[method](2)
        rows += files(method, made.teachers, made.student, args.rounds)
    if "branching" in args.methods:
        rows += pooling(args.rounds)
    rows += [*steps(args), *([] if args.smoke else memory(args))]
    with recipe.results(args) as folder:
        plot(folder / "benchmark.png", rows)
        recipe.write_report(args, rows, folder)
    numbers = "value", "base", "ratio", "with block"
    shown = [
        row | {k: f"{row[k]:.3g}" if row.get(k) else "" for k in numbers}
        for row in rows
    ]
    print(reports.format_table(shown))


if __name__ == "__main__":
    writes = ["benchmark.png"]
    recipe.run(main, options, seeds=None, smoke=SMOKE, writes=writes)
