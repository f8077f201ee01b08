"""What reading lips costs: on a phone, in Keras, and in training.

    python recipes/studies/benchmark_lip_reading.py

`cssmcm_lips` and generated clips of speakers it has not seen. Rows, `value` in
`unit`:

- `phone`, for LiteRT float32, float16 and int8 (of the decoders' steps; what
  has a loop is float16): `size` of all parts together; `equal`, clips that are
  read token by token as Keras reads them with width 1; errors in characters,
  `cer`; `real time`, seconds of computing for a second of video, one thread;
- `read`: clips a second in Keras, for several sizes of batches, and
  milliseconds a character for several widths;
- `step`: milliseconds of a training step of 64 clips, whose longest has eight
  characters, with XLA and without; `floor` is how long its products of
  matrices alone would take at the speed of a large one, forward and twice
  backward, and `ratio` the step against it.

All in turns, medians. Written to `--output`: `report.json` and `benchmark.png`.
"""

import pathlib
import tempfile
import time

from keras_vipa.utils import recipe

# isort: split

import keras
import matplotlib.pyplot as plt
import numpy as np
from latency import take_turns

from keras_vipa import datasets
from keras_vipa import export
from keras_vipa import metrics
from keras_vipa.applications import CSSMCM
from keras_vipa.applications import CSSMCMTrainer
from keras_vipa.utils import reports

PRECISIONS, RATE = ("float32", "float16", "int8"), 25
BATCH, LONGEST = 64, 8
SMOKE = {
    "clips": 2,
    "batches": [2],
    "widths": [1],
    "rounds": 1,
    "weights": None,
}


def options(add):
    """The options."""
    add("--clips", type=int, default=50, help="read on the phone")
    add("--batches", type=int, nargs="+", default=[1, 8, 32, 128])
    add("--widths", type=int, nargs="+", default=[1, 4, 10])
    add("--rounds", type=int, default=9)
    add("--weights", metavar="WEIGHTS", default="cssmcm_lips")


def network(args, clips):
    """The network of the package, or one with random weights."""
    if args.weights:
        return CSSMCM(weights=args.weights, length=LONGEST)
    words = clips.vocabularies()
    words.pop("syllables")
    return CSSMCM(words, length=LONGEST)


class Phone:
    """The parts of a network as LiteRT files, loaded once, one thread.

    Args:
        paths: dict, name -> path of a file.
    """

    def __init__(self, paths):
        from ai_edge_litert.interpreter import Interpreter

        self.runners = {
            name: Interpreter(str(path), num_threads=1).get_signature_runner()
            for name, path in paths.items()
        }

    def __call__(self, name, inputs):
        """What a part returns."""
        return self.runners[name](**inputs)


def met(model, clips):
    """Inputs that each part meets, name -> list of dicts of arrays."""
    parts, found = model.parts(), {}

    def run(name, inputs):
        found.setdefault(name, []).append(inputs)
        outputs = parts[name].predict_on_batch(inputs)
        return {key: np.asarray(value) for key, value in outputs.items()}

    for clip in clips:
        model.read_parts(run, clip)
    return found


def phone(args, model, clips, folder):
    """Rows of what LiteRT files read."""
    every = [clips.clip(number) for number in range(len(clips))]
    said = clips.said()["characters"]
    whole = [one.tokens for one in model.read(every, width=1)]
    seconds = sum(map(len, every)) / RATE
    for precision in PRECISIONS:
        paths = {}
        for name, part in model.parts().items():
            paths[name] = folder / f"{name}_{precision}.tflite"
            kind, samples = precision, None
            if precision == "int8" and name.startswith("step"):
                samples = of_one_size(met(model, every[:5])[name])
            elif precision == "int8":
                kind = "float16"
            export.to_litert(part, paths[name], kind, samples=samples)
        run = Phone(paths)
        start = time.perf_counter()
        found = [model.read_parts(run, clip) for clip in every]
        took = time.perf_counter() - start
        texts = [tokens["characters"] for tokens in found]
        size = sum(path.stat().st_size for path in paths.values())
        equal = sum(map(dict.__eq__, found, whole)) / len(whole)
        rate = metrics.error_rates(said, texts)["rate"]
        for what, value, unit in (
            ("size", size / 1e6, "MB"),
            ("equal", 100 * equal, "%"),
            ("cer", 100 * rate, "%"),
            ("real time", took / seconds, "s/s"),
        ):
            row = {"kind": "phone", "what": f"{precision}, {what}"}
            yield {**row, "value": value, "unit": unit}


def of_one_size(inputs):
    """Samples of equal shapes, stacked: those like the first one."""
    shapes = [{k: np.shape(v) for k, v in one.items()} for one in inputs]
    alike = [one for one, s in zip(inputs, shapes) if s == shapes[0]]
    return {
        key: np.concatenate([one[key] for one in alike]) for key in alike[0]
    }


def reading(args, model, clips):
    """Rows of what Keras reads."""
    runners = {}
    for width in args.widths:
        runners[f"width {width}"] = one_batch(model, clips, width, 32)
    for size in args.batches:
        runners[f"batch {size}"] = one_batch(model, clips, 4, size)
    times = take_turns(runners, args.rounds)
    characters = np.mean([len(text) for text in clips.texts[:32]])
    for width in args.widths:
        each = 1000 * times[f"width {width}"] / min(32, len(clips)) / characters
        row = {"kind": "read", "what": f"width {width}, batch 32"}
        yield {**row, "value": each, "unit": "ms/character"}
    for size in args.batches:
        rate = min(size, len(clips)) / times[f"batch {size}"]
        row = {"kind": "read", "what": f"width 4, batch {size}"}
        yield {**row, "value": rate, "unit": "clips/s"}


def one_batch(model, clips, width, size):
    """A function that reads so many clips at once."""
    reader = model.reader(width)
    inputs = model.examples(clips.select(slice(size)), with_text=False)
    return lambda: reader.predict_on_batch(inputs)


def products(model, windows, tokens):
    """Multiplications of the products of matrices of a clip, forward.

    Args:
        model: `CSSMCM`.
        windows: integer, and
        tokens: integer, of the clip.

    Returns:
        Dict of integers: of the encoder of the clip, and of what follows.
    """

    def sizes(layer):
        return sum(np.prod(w.shape) for w in layer.weights if w.ndim > 1)

    seen = sizes(model.video_encoder)
    for layer in model.front_end.layers:
        is_map = len(layer.output.shape) == 4
        places = np.prod(layer.output.shape[1:3]) if is_map else 1
        seen += sizes(layer) * places
    said = 0
    for stage, sources in model.sources.items():
        decoder, steps = model.decoders[stage], tokens + 1
        keys = [sizes(layer) for layer in decoder.keys]
        table = sizes(decoder.table)
        said += steps * (sizes(decoder) - sum(keys) - table)
        for source, size in zip(sources, keys):
            length = windows if source == "video" else tokens
            # Keys, then how well each fits, and the mean of the values.
            said += length * (size + steps * (model.units * 4))
        if stage in model.tables:
            both = model.tables[stage], model.token_encoders[stage]
            said += tokens * sum(map(sizes, both))
    return {"encoder": windows * seen, "joint": said}


def training(args, model, clips):
    """Rows of training steps."""
    examples, runners = model.examples(clips), {}
    # As decoders attend to them.
    windows = model.see(examples["clips"], examples["frames"]).values.shape[1]
    counts = products(model, windows, model.length)
    config, square = model.get_config(), keras.random.uniform((2048, 2048))
    for phase in ("encoder", "joint"):
        for jit in (False, True)[: 2 - args.smoke]:
            trainer = CSSMCMTrainer(CSSMCM.from_config(config), phase=phase)
            inputs = trainer.with_features(examples)
            trainer.compile(trainer.default_optimizer(100), jit_compile=jit)
            runners[phase + ", XLA" * jit] = one_step(trainer, inputs)
    product = keras.ops.matmul
    runners["square"] = lambda: np.asarray(product(square, square))
    times = take_turns(runners, args.rounds)
    speed = 2048**3 / times.pop("square")
    for name, value in times.items():
        floor = 3 * len(clips) * counts[name.split(",")[0]] / speed
        row = {"kind": "step", "what": name, "value": 1000 * value}
        yield {
            **row,
            "unit": "ms",
            "floor": 1000 * floor,
            "ratio": value / floor,
        }


def one_step(trainer, inputs):
    """A function that trains on a batch."""
    inputs = keras.tree.map_structure(keras.ops.convert_to_tensor, inputs)
    return lambda: trainer.train_on_batch(inputs)


def main(args):
    """Measure, print, write."""
    clips = datasets.lips("unseen", size=CSSMCM.sizes["small"])
    model, rows = network(args, clips), []
    with tempfile.TemporaryDirectory() as folder:
        chosen = clips.select(slice(args.clips))
        rows += phone(args, model, chosen, pathlib.Path(folder))
    rows += reading(args, model, clips)
    rows += training(args, model, clips.select(slice(BATCH)))
    with recipe.results(args) as folder:
        figure, axis = plt.subplots(figsize=(6, 3), layout="tight")
        steps = [row for row in rows if row["kind"] == "step"]
        axis.barh([row["what"] for row in steps], [r["ratio"] for r in steps])
        axis.set_xlabel("training step, against its floor")
        figure.savefig(folder / "benchmark.png", dpi=120)
        recipe.write_report(args, rows, folder)
    keys = "value", "floor", "ratio"
    shown = [{**row, **{k: short(row.get(k)) for k in keys}} for row in rows]
    print(reports.format_table(shown))


def short(value):
    """A number in three digits, or nothing."""
    return "" if value is None else f"{value:.3g}"


if __name__ == "__main__":
    writes = ["benchmark.png"]
    recipe.run(main, options, seeds=None, smoke=SMOKE, writes=writes)
