"""What attribution maps and their comparison cost.

    python recipes/studies/benchmark_transferability.py

- maps: milliseconds an image for each method, on a scene encoder (32 pixels)
  and on MobileNetV2 (96 pixels, random weights), with XLA and without, as a
  ratio to the floor of the same run: one forward and one backward pass of the
  plain network in a compiled function, to the images.
- memory: the largest resident size that maps of `--images` images add, in a
  process of its own for each batch size.
- zoo: seconds to add the thirteen scene encoders to a `ModelSpace`, one by one
  (`rank_transferability.py` prints those of the readouts that it stands for).
- space: bytes a network, seconds of a query among 13 to 10,000 networks
  (columns; beyond the thirteen they are random vectors), and by what power of
  the number it grows; and how well compressed maps keep the order of affinities
  (Spearman's correlation with those of pixels).

Medians of `--rounds`. Written to `--output`: `report.json`.
"""

import itertools
import time

from keras_vipa.utils import recipe

# isort: split
import keras
import numpy as np
from latency import added_memory
from latency import in_new_process
from latency import take_turns

from keras_vipa import datasets
from keras_vipa.applications import SceneEncoders
from keras_vipa.layers import AttributionGradient
from keras_vipa.transferability import ModelSpace
from keras_vipa.transferability import attribution_maps
from keras_vipa.transferability import rank_correlations
from keras_vipa.utils import reports

METHODS = (
    "saliency",
    "gradient_x_input",
    "epsilon_lrp",
    "integrated_gradients",
)
COUNTS = (13, 100, 1000, 10000)
STORES = ({}, {"pool": 8}, {"pool": 4}, {"projection": 64}, {"projection": 16})


def options(add):
    """The options."""
    add("--images", type=int, default=32)
    add("--rounds", type=int, default=3)
    add("--batches", type=int, nargs="+", default=(4, 8, 16, 32))
    add("--largest", type=int, default=10000, help="networks in a space")


def networks():
    """Name -> network and height of its images."""
    encoder = SceneEncoders("scene_encoders").get_layer("shape")
    mobile = keras.applications.MobileNetV2(
        (96, 96, 3), include_top=False, weights=None
    )
    return {"scene encoder": (encoder, 32), "MobileNetV2": (mobile, 96)}


def floor(model):
    """One forward and one backward pass of a batch, compiled."""
    import tensorflow as tf

    @tf.function
    def run(images):
        with tf.GradientTape() as tape:
            tape.watch(images)
            total = tf.reduce_sum(model(images, training=False))
        return tape.gradient(total, images)

    return lambda batch: run(tf.constant(batch)).numpy()


def map_runner(model, size, method, xla):
    """Maps of a batch, compiled."""
    images = keras.Input((size, size, 3))
    runner = keras.Model(images, AttributionGradient(model, method)(images))
    runner.compile(jit_compile=xla)
    return runner.predict_on_batch


def time_maps(args):
    """Milliseconds an image, and their ratio to the floor."""
    rows = []
    for name, (model, size) in networks().items():
        images = datasets.scenes(args.images, size=size).array()
        batches = np.split(images, range(32, len(images), 32))
        # Made once: what is timed is the work, not the compilation.
        functions = {"floor": floor(model)}
        for method, xla in itertools.product(METHODS, (False, True)):
            label = f"{method}{', XLA' if xla else ''}"
            functions[label] = map_runner(model, size, method, xla)
        runners = {
            label: lambda f=f: [f(batch) for batch in batches]
            for label, f in functions.items()
        }
        seconds = take_turns(runners, args.rounds)
        for method, value in seconds.items():
            each = 1000 * value / len(images)
            row = {"network": name, "maps": method, "ms an image": each}
            row["to the floor"] = value / seconds["floor"]
            rows.append(rounded(row))
    return rows


def memory_of_maps(images, batch_size):
    """Megabytes that maps of MobileNetV2 add to this process."""
    model, size = networks()["MobileNetV2"]
    pixels = datasets.scenes(images, size=size).images
    return added_memory(
        lambda: attribution_maps(model, pixels, batch_size=batch_size)
    )


def time_zoo(args):
    """Maps of a zoo, one network after the other."""
    model = SceneEncoders("scene_encoders")
    probes = datasets.scenes(args.images, seed=1).images
    space, took = ModelSpace(probes, measures=["maps"]), []
    for task in model.output:
        start = time.perf_counter()
        space.add(task, model.get_layer(task))
        took.append(time.perf_counter() - start)
    row = {"first network": took[0], "last network": took[-1]}
    return rounded(row | {"all": sum(took)})


def rounded(row):
    """A row with three digits that count."""
    return {
        key: float(f"{value:.3g}") if isinstance(value, float) else value
        for key, value in row.items()
    }


def time_queries(args):
    """Bytes and seconds of a query, and what compression does to the order."""
    model = SceneEncoders("scene_encoders")
    probes = datasets.scenes(args.images, seed=1).images
    rows, exact = [], None
    for options in STORES:
        name = " ".join(f"{k} {v}" for k, v in options.items())
        space = ModelSpace(probes, measures=["maps"], **options)
        for task in model.output:
            space.add(task, model.get_layer(task))
        pairs = np.triu_indices(len(space.names), 1)
        affinities = space.affinity()[pairs][:, None]
        exact = affinities if exact is None else exact
        kept = space.bytes_per_model()["maps"]
        row = {"kept": name or "pixels", "bytes": kept}
        row["order"] = float(rank_correlations(affinities, exact)[0])
        for count in COUNTS:
            # Pixels of so many would fill the memory of a small machine.
            fits = count <= args.largest and count * kept < 2e9
            row[count] = query(space, count, args.rounds) if fits else ""
        taken = np.log([row[n] for n in COUNTS if row[n]])
        power = (taken[-1] - taken[-2]) / np.log(COUNTS[-1] / COUNTS[-2])
        rows.append(rounded({**row, "grows with the power": float(power)}))
    return rows


def query(space, count, rounds):
    """Seconds of a ranking among so many networks; more are simulated."""
    generator = np.random.default_rng(0)
    vectors = space._vectors["maps"]
    while len(vectors) < count:
        vector = generator.normal(size=vectors[0].size)
        vectors.append(vector.astype("float16"))
        space.names.append(f"simulated {len(vectors)}")
    seconds = take_turns({"query": lambda: space.rank(space.names[0])}, rounds)
    return seconds["query"]


def main(args):
    """Measure, print, write."""
    maps = time_maps(args)
    print(reports.format_table(maps), flush=True)
    memory = [
        {"batch": size, "MB": in_new_process(memory_of_maps, args.images, size)}
        for size in args.batches
    ]
    print(reports.format_table(memory), flush=True)
    zoo = time_zoo(args)
    print(reports.format_table([zoo]), flush=True)
    queries = time_queries(args)
    print(reports.format_table(queries))
    results = {"maps": maps, "memory": memory, "zoo": zoo, "space": queries}
    recipe.write_report(args, results)


if __name__ == "__main__":
    recipe.run(main, options, seeds=None)
