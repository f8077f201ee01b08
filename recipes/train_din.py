"""Train DIN, arbitrary style transfer, on folders of pictures.

    python recipes/train_din.py --content photographs --style paintings

First encoder and decoder learn to draw photographs, then everything learns
to draw them in the styles, with the losses of `DINTrainer`. Crops are cut at
random places and scales, and styles are widened by exchanged and inverted
channels, turns and mixtures, since a few hundred are few for arbitrary
transfer. A folder that is named twice counts twice; photographs as further
styles do good. `tfds:NAME` takes pictures of TensorFlow Datasets. Contents get
noise (`--grain`) before they are drawn, and pictures without any detail beside
them (`--smooth`), so that even places become strokes and not lines.

Each folder gives as many pictures as there are `--crops` and `--held-back`
ones of that kind, chosen by `--seed` (a set of TensorFlow Datasets its first
ones), and the crops are drawn once: a large set needs many crops, about 3 MB of
memory a pair. The first `--held-back` photographs and styles are never trained
on; `grid.png` shows them, and `report.json` has their losses (and those of
training since the last start). A run that is interrupted goes on where it was
if it is started again with the same options. Runs on TensorFlow, and with
KERAS_BACKEND=jax on JAX, where TensorFlow need not be installed. `--smoke`
takes two hundred steps at 32 pixels.

`--minutes` ends the training in time, whatever the machine: the rate falls with
the clock. On a GPU, batches are larger then, crops are more and larger, and the
VGG computes in bfloat16. The last evaluation comes after that, about a minute.

How `din_mobile` was trained is in `saved_models/README.md`; the paper trained
on MS-COCO and WikiArt for what we recall as 160,000 steps.
"""

import argparse
import concurrent.futures
import pathlib
import time
import zlib

import keras
import numpy as np

from keras_vipa import datasets
from keras_vipa.applications import DIN
from keras_vipa.applications import DINTrainer
from keras_vipa.applications import StylePairs
from keras_vipa.applications import VGGFeatures
from keras_vipa.applications.weights import save_float16
from keras_vipa.datasets.style_samples import pictures_of
from keras_vipa.utils import reports
from keras_vipa.utils.images import fit_picture
from keras_vipa.utils.images import save_picture
from keras_vipa.utils.style_grid import style_grid

ZOOM = (1.0, 2.5)
BLOCK = 2000
SMOKE = {
    "steps": (100, 100),
    "size": (32, 48),
    "crops": (12, 12),
    "batch": 2,
    "held_back": (1, 1),
}
ON_A_CPU = {"size": (128, 192), "crops": (1200, 1200), "batch": 4}
ON_A_GPU = {
    "size": (256, 256),
    "crops": (16000, 16000),
    "batch": 16,
    "bfloat16": True,
}


def parse():
    """The options."""
    parser = argparse.ArgumentParser(
        prog="train_din.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--content", nargs="+", metavar="FOLDER", help="or tfds:NAME")
    add("--style", nargs="+", metavar="FOLDER", help="or tfds:NAME")
    add("--held-back", type=int, nargs=2, default=(4, 6), help="of each kind")
    add("--variant", default="mobile", help="or base")
    add("--start", metavar="WEIGHTS", help="preset or file to go on from")
    add("--steps", type=int, nargs=2, default=(500, 4000), help="of each phase")
    add("--minutes", type=float, help="end after them; --steps are limits then")
    add("--batch", type=int)
    add("--size", type=int, nargs=2, help="content, style")
    add("--crops", type=int, nargs=2, metavar=("CONTENT", "STYLE"))
    add("--rate", type=float, default=2e-3)
    add("--weight", nargs="*", default=[], metavar="TERM=VALUE")
    add("--grain", type=float, default=0.0, help="noise, of 255 levels")
    add("--smooth", type=float, default=0.0, help="share without detail")
    add("--seed", type=int, default=0)
    add("--jit", action="store_true", help="compile with XLA")
    add("--bfloat16", action="store_true", help="VGG in it: fast on some CPUs")
    add("--tensorboard", action="store_true", help="needs tensorboard")
    add("--output", default="results/train_din", metavar="FOLDER")
    add("--smoke", action="store_true", help="a few steps on small pictures")
    return parser


def choose(args):
    """Batch, crops and the VGG's type for the machine, where not given."""
    if args.smoke:
        vars(args).update(SMOKE)
    devices = keras.distribution.list_devices()
    has_gpu = any(not device.startswith("cpu") for device in devices)
    choice = ON_A_GPU if has_gpu and args.minutes else ON_A_CPU
    for name, value in choice.items():
        setattr(args, name, getattr(args, name) or value)


def read(folders, kind, limit, size, seed):
    """Pictures of all folders, or of the package, as large as crops need."""
    pictures, longest = [], round(ZOOM[1] * size)
    for folder in folders or [None]:
        found = pictures_of(folder, kind, limit, longest, seed)
        pictures += found.values()
    return pictures


def split(photographs, paintings, counts):
    """Both kinds to train on, and both that are held back.

    What is held back is dropped wherever it comes again.
    """
    held = photographs[: counts[0]], paintings[: counts[1]]
    hidden = {picture.tobytes() for part in held for picture in part}
    parts = [
        [picture for picture in part if picture.tobytes() not in hidden]
        for part in (photographs, paintings)
    ]
    if not all([*held, *parts]):
        raise ValueError(
            "Photographs and styles are needed to train on and to hold back, "
            f"one at least. Received: {len(photographs)} photographs, "
            f"{len(paintings)} styles and --held-back {counts}"
        )
    return parts, held


def draw_crops(pictures, count, size, seed, widen=False):
    """Crops in blocks, by as many threads as there are processors."""
    starts = range(0, count, BLOCK)

    def block(start):
        number = min(BLOCK, count - start)
        own = [seed, start // BLOCK]
        return datasets.random_crops(pictures, number, size, own, ZOOM, widen)

    with concurrent.futures.ThreadPoolExecutor() as pool:
        return np.concatenate(list(pool.map(block, starts)))


class Snapshots(keras.callbacks.Callback):
    """Writes weights and a picture of held-back pairs as training goes on."""

    def __init__(self, output, contents, styles, grain, tensorboard):
        super().__init__()
        self.output, self.tensorboard = output, tensorboard
        self.contents, self.styles, self.grain = contents, styles, grain
        self.last = 0.0

    def on_train_begin(self, logs=None):
        if self.tensorboard:
            import tensorflow as tf

            folder = self.output / "tensorboard" / self.model.phase
            self.writer = tf.summary.create_file_writer(str(folder))

    def on_epoch_end(self, epoch, logs=None):
        losses = " ".join(f"{k} {v:.4f}" for k, v in logs.items() if v)
        steps = self.params["steps"] * (epoch + 1)
        print(f"{self.model.phase} {steps}: {losses}", flush=True)
        if time.monotonic() - self.last < 30:
            return
        model = self.model.model
        pictures = self.contents, self.styles
        grid = style_grid(model, *pictures, grain=self.grain)
        save_picture(self.output / "grid.png", grid)
        save_float16(model.network(), self.output / "din.weights.h5")
        self.last = time.monotonic()
        if self.tensorboard:
            import tensorflow as tf

            with self.writer.as_default(step=steps):
                tf.summary.image("held back", grid[None])
                for name, value in logs.items():
                    tf.summary.scalar(name, value)
                self.writer.flush()


def main(args):
    """Train, and say how it went."""
    start = time.monotonic()
    choose(args)
    keras.utils.set_random_seed(args.seed)
    output = pathlib.Path(args.output)
    output.mkdir(parents=True, exist_ok=True)
    tag = zlib.crc32(repr(sorted(vars(args).items())).encode())
    size, style_size = args.size
    counts = np.add(args.crops, args.held_back)
    (photographs, paintings), held = split(
        read(args.content, "photographs", counts[0], size, args.seed),
        read(args.style, "paintings", counts[1], style_size, args.seed),
        args.held_back,
    )
    weights = dict(pair.split("=", 1) for pair in args.weight)
    weights = {name: float(value) for name, value in weights.items()}
    vgg = VGGFeatures(dtype="mixed_bfloat16" if args.bfloat16 else None)
    model = DIN(args.variant, args.start, features=vgg)
    trainer = DINTrainer(model, weights, args.rate)
    crops = datasets.random_crops
    seed = args.seed
    shown = [[fit_picture(p, style_size) for p in part] for part in held]
    # As it is on the average of training.
    grain = args.grain / 510.0
    shots = Snapshots(output, *shown, grain, args.tensorboard)
    print(
        f"{len(photographs)} photographs, {len(paintings)} styles", flush=True
    )
    contents = draw_crops(photographs, args.crops[0], size, seed)
    number = round(args.smooth * len(contents))
    contents[:number] = datasets.smooth_pictures(number, size, seed)
    minutes = args.minutes
    minutes = minutes and minutes - (time.monotonic() - start) / 60
    pairs = StylePairs(
        {"content": contents},
        {"style": draw_crops(paintings, args.crops[1], style_size, seed, True)},
        args.batch,
        100,
        seed,
        args.grain / 255.0,
        workers=8 if minutes else 1,
    )
    phases = ("reconstruct", "stylize")
    epochs = [steps // 100 for steps in args.steps]
    histories = trainer.fit_stages(
        pairs,
        dict(zip(phases, epochs)),
        # Crops of a GPU are more and larger than what is worth keeping.
        cache_bytes=0 if minutes else None,
        minutes=minutes,
        # The clock does not stop while a run is interrupted.
        backup_dir=None if minutes else output / f"backup_{tag:08x}",
        jit_compile=args.jit or "auto",
        callbacks=[shots],
        verbose=0,
    )
    save_float16(model.network(), output / "din.weights.h5")
    batch = {
        "content": crops(held[0], 40, size, seed + 1, ZOOM) / np.float32(255),
        "style": crops(held[1], 40, style_size, seed + 1, ZOOM)
        / np.float32(255),
    }
    trainer.set_phase("stylize")
    trainer.compile()
    held_back = trainer.evaluate(
        batch, batch_size=args.batch, verbose=0, return_dict=True
    )
    results = [{"held back": held_back, "histories": histories}]
    reports.write_report(output / "report.json", vars(args), [seed], results)
    print("Held-back pictures:", held_back)


if __name__ == "__main__":
    reports.run_recipe(main, parse())
