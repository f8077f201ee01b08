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
- space: bytes a network, seconds of a query among 10 to 10,000 networks
  (simulated by random vectors beyond the thirteen), and by what power of the
  number it grows; and how well compressed maps keep the order of affinities
  (Spearman's correlation with those of pixels).

Medians of `--rounds`. Written to `--output`: `report.json`, and `report.png`
with the queries.
"""

import argparse
import pathlib
import resource
import time

import keras
import matplotlib
import matplotlib.pyplot as plt
import numpy as np

from keras_vipa import datasets
from keras_vipa.applications import SceneEncoders
from keras_vipa.applications import scene_encoders
from keras_vipa.datasets.scene_tasks import TASKS
from keras_vipa.transferability import ModelSpace
from keras_vipa.transferability import attribution_maps
from keras_vipa.transferability.measures import average_ranks
from keras_vipa.utils import reports
from keras_vipa.utils.gradients import input_gradient
from keras_vipa.utils.latency import in_new_process
from keras_vipa.utils.latency import take_turns

matplotlib.use("Agg")
METHODS = (
    "saliency",
    "gradient_x_input",
    "epsilon_lrp",
    "integrated_gradients",
)
COUNTS = (10, 100, 1000, 10000)
STORES = ({}, {"pool": 8}, {"pool": 4}, {"projection": 64}, {"projection": 16})
SMOKE = {"images": 8, "rounds": 1, "batches": (4, 8), "largest": 100}


def parse():
    """The options."""
    parser = argparse.ArgumentParser(
        prog="benchmark_transferability.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--images", type=int, default=128)
    add("--rounds", type=int, default=3)
    add("--batches", type=int, nargs="+", default=(8, 32, 128))
    add("--largest", type=int, default=10000, help="networks in a space")
    add("--output", default="results/benchmark_transferability")
    add("--smoke", action="store_true", help="few images and networks")
    return parser


def networks():
    """Name -> network and height of its images."""
    encoder = SceneEncoders("scene_encoders").get_layer("shape")
    mobile = keras.applications.MobileNetV2(
        (96, 96, 3), include_top=False, weights=None
    )
    return {"scene encoder": (encoder, 32), "MobileNetV2": (mobile, 96)}


def floor(model, images):
    """One forward and one backward pass, compiled, batches of 32."""
    import tensorflow as tf

    @tf.function
    def run(batch):
        return input_gradient(lambda x: model(x, training=False), batch)

    batches = [images[i : i + 32] for i in range(0, len(images), 32)]
    return lambda: [np.asarray(run(batch)) for batch in batches]


def time_maps(args):
    """Milliseconds an image, and their ratio to the floor."""
    rows = []
    for name, (model, size) in networks().items():
        images = datasets.scenes(args.images, size=size).array()
        # Made once: what is timed is the work, not the compilation.
        runners = {"floor": floor(model, images)}
        for method in METHODS:
            for xla in (False, True):
                runners[f"{method}{', XLA' if xla else ''}"] = runner(
                    model, images, method, xla
                )
        seconds = take_turns(runners, args.rounds)
        for method, value in seconds.items():
            each = 1000 * value / len(images)
            row = {"network": name, "maps": method, "ms an image": each}
            rows.append({**row, "to the floor": value / seconds["floor"]})
    return rows


def runner(model, images, method, xla):
    """Maps of all images, by a layer that is compiled once."""
    from keras_vipa.layers import AttributionGradient

    x = keras.Input(images.shape[1:])
    explainer = keras.Model(x, AttributionGradient(model, method)(x))
    explainer.compile(jit_compile=xla)
    batches = [images[i : i + 32] for i in range(0, len(images), 32)]
    return lambda: [explainer.predict_on_batch(batch) for batch in batches]


def added_memory(images, batch_size):
    """Megabytes that maps of MobileNetV2 add to this process."""
    model, size = networks()["MobileNetV2"]
    pixels = datasets.scenes(images, size=size).images
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    attribution_maps(model, pixels, batch_size=batch_size)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return (after - before) / 1024


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
    world = datasets.scenes(1300 if args.images > 8 else 310, seed=2)
    problems = scene_encoders.features_and_targets(encoders, world)
    scene_encoders.readout_errors(problems)
    row = {"first network": took[0], "last network": took[-1]}
    return {**row, "all": sum(took), "readouts": time.perf_counter() - start}


def time_queries(args):
    """Bytes and seconds of a query, and what compression does to the order."""
    model = SceneEncoders("scene_encoders")
    probes = datasets.scenes(args.images, seed=1).images
    rows, exact = [], None
    for options in STORES:
        space = ModelSpace(probes, measures=["maps"], **options)
        for task in TASKS:
            space.add(task, model.get_layer(task))
        affinity = space.affinity()
        ranks = average_ranks(affinity[np.triu_indices(len(TASKS), 1)])
        exact = ranks if exact is None else exact
        kept = space.bytes_per_model()["maps"]
        row = {"kept": " ".join(f"{k} {v}" for k, v in options.items())}
        row |= {"bytes": kept, "order": float(np.corrcoef(ranks, exact)[0, 1])}
        for count in COUNTS:
            # Pixels of so many would fill the memory of a small machine.
            fits = count <= args.largest and count * kept < 2e9
            key = f"{count} networks, s"
            row[key] = query(space, count, args.rounds) if fits else ""
        rows.append(row)
    return rows


def query(space, count, rounds):
    """Seconds of a ranking among so many networks."""
    generator = np.random.default_rng(0)
    size = space._vectors["maps"][0].size
    while len(space.names) < count:
        space.names.append(f"simulated {len(space.names)}")
        vector = generator.normal(size=size).astype("float16")
        space._vectors["maps"].append(vector)
    few = count < len(space.names)
    names, vectors = space.names, space._vectors["maps"]
    if few:
        space.names = names[:count]
        space._vectors["maps"] = vectors[:count]
    seconds = take_turns({"query": lambda: space.rank(TASKS[0])}, rounds)
    space.names, space._vectors["maps"] = names, vectors
    return seconds["query"]


def plot(path, rows):
    """Seconds of a query against the number of networks; and the exponents."""
    figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
    for row in rows:
        points = [
            (int(key.split()[0]), value)
            for key, value in row.items()
            if key.endswith("networks, s") and value
        ]
        counts, seconds = zip(*points)
        row["exponent"] = float(
            np.polyfit(np.log(counts[-2:]), np.log(seconds[-2:]), 1)[0]
        )
        axes.loglog(counts, seconds, "o-", label=row["kept"] or "pixels")
    axes.set(xlabel="networks", ylabel="seconds of a query")
    axes.legend()
    figure.savefig(path)
    plt.close(figure)


def main(args):
    """Measure, print, write."""
    if args.smoke:
        vars(args).update(SMOKE)
    output = pathlib.Path(args.output)
    output.mkdir(parents=True, exist_ok=True)
    maps = time_maps(args)
    print(reports.format_table(maps), flush=True)
    memory = [
        {
            "batch": batch,
            "MB": in_new_process(added_memory, args.images, batch),
        }
        for batch in args.batches
    ]
    print(reports.format_table(memory), flush=True)
    zoo = time_zoo(args)
    print(reports.format_table([zoo]), flush=True)
    queries = time_queries(args)
    plot(output / "report.png", queries)
    print(reports.format_table(queries))
    results = {"maps": maps, "memory": memory, "zoo": zoo, "space": queries}
    reports.write_report(output / "report.json", vars(args), [0], results)


if __name__ == "__main__":
    reports.run_recipe(main, parse())
