"""What attribution maps and their comparison cost.

    python recipes/benchmark_transferability.py

- maps: milliseconds an image for each method, on a scene encoder (32 pixels)
  and on MobileNetV2 (96 pixels, random weights), with XLA and without, as a
  ratio to the floor of the same run: one forward and one backward pass of the
  plain network in a compiled function, to the images.
- memory: the largest resident size that maps of `--images` images add, in a
  process of its own for each batch size.
- zoo: seconds to add the thirteen scene encoders to a `ModelSpace`, one by one,
  and for the readouts that they stand for.
- space: bytes a network, seconds of a query among 13 to 10,000 networks
  (columns; beyond the thirteen they are random vectors), and by what power of
  the number it grows; and how well compressed maps keep the order of affinities
  (Spearman's correlation with those of pixels).

Medians of `--rounds`. Written to `--output`: `report.json`.
"""

import argparse
import functools
import itertools
import pathlib
import time

import keras
import numpy as np

from keras_vipa import datasets
from keras_vipa.applications import SceneEncoders
from keras_vipa.applications import scene_encoders
from keras_vipa.datasets.scene_tasks import TASKS
from keras_vipa.layers import AttributionGradient
from keras_vipa.layers.attribution_gradient import METHODS
from keras_vipa.layers.input_gradient import input_gradient
from keras_vipa.transferability import ModelSpace
from keras_vipa.transferability import attribution_maps
from keras_vipa.transferability.attribution import batches_of
from keras_vipa.transferability.attribution import map_runner
from keras_vipa.transferability.measures import average_ranks
from keras_vipa.utils import reports
from keras_vipa.utils.latency import added_memory
from keras_vipa.utils.latency import in_new_process
from keras_vipa.utils.latency import take_turns

COUNTS = (13, 100, 1000, 10000)
STORES = ({}, {"pool": 8}, {"pool": 4}, {"projection": 64}, {"projection": 16})


def parse():
    """The options."""
    parser = argparse.ArgumentParser(
        prog="benchmark_transferability.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--images", type=int, default=32)
    add("--rounds", type=int, default=3)
    add("--batches", type=int, nargs="+", default=(4, 8, 16, 32))
    add("--largest", type=int, default=10000, help="networks in a space")
    add("--output", default="results/benchmark_transferability")
    return parser


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

    return tf.function(
        lambda x: input_gradient(lambda y: model(y, training=False), x)
    )


def time_maps(args):
    """Milliseconds an image, and their ratio to the floor."""
    rows = []
    for name, (model, size) in networks().items():
        images = datasets.scenes(args.images, size=size).array()
        batches = [images[part] for part in batches_of(len(images), 32)]
        # Made once: what is timed is the work, not the compilation.
        functions = {"floor": floor(model)}
        for method, xla in itertools.product(METHODS[1:], (False, True)):
            layer = AttributionGradient(model, method)
            run = map_runner(layer, images, None, xla)
            label = f"{method}{', XLA' if xla else ''}"
            functions[label] = functools.partial(run, classes=None)
        runners = {
            label: lambda f=f: [np.asarray(f(batch)) for batch in batches]
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
    """Maps of a zoo, one network after the other, and what they stand for."""
    model = SceneEncoders("scene_encoders")
    encoders = {task: model.get_layer(task) for task in TASKS}
    probes = datasets.scenes(args.images, seed=1).images
    space, took = ModelSpace(probes, measures=["maps"]), []
    for name, encoder in encoders.items():
        start = time.perf_counter()
        space.add(name, encoder)
        took.append(time.perf_counter() - start)
    start = time.perf_counter()
    world = datasets.scenes(1300, seed=2)
    problems = scene_encoders.features_and_targets(encoders, world)
    scene_encoders.readout_errors(problems)
    row = {"first network": took[0], "last network": took[-1]}
    row |= {"all": sum(took), "readouts": time.perf_counter() - start}
    return rounded(row)


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
        for task in TASKS:
            space.add(task, model.get_layer(task))
        affinity = space.affinity()
        ranks = average_ranks(affinity[np.triu_indices(len(TASKS), 1)])
        exact = ranks if exact is None else exact
        kept = space.bytes_per_model()["maps"]
        row = {"kept": name or "pixels", "bytes": kept}
        row["order"] = float(np.corrcoef(ranks, exact)[0, 1])
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
    seconds = take_turns({"query": lambda: space.rank(TASKS[0])}, rounds)
    return seconds["query"]


def main(args):
    """Measure, print, write."""
    output = pathlib.Path(args.output)
    output.mkdir(parents=True, exist_ok=True)
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
    reports.write_report(output / "report.json", vars(args), [0], results)


if __name__ == "__main__":
    reports.run_recipe(main, parse())
