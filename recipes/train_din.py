"""Train DIN, arbitrary style transfer, on folders of pictures.

    python recipes/train_din.py --content photographs --style paintings

First encoder and decoder learn to draw photographs, then everything learns
to draw them in the styles, with the losses of `DINTrainer`. Crops are cut at
random places and scales, and styles are widened by exchanged and inverted
channels, turns and mixtures, since a few hundred are few for arbitrary
transfer. A folder that is named twice counts twice; photographs as further
styles do good. `tfds:NAME` takes pictures of TensorFlow Datasets.

Each folder gives as many pictures as there are `--crops` and `--held-back`
ones of that kind, chosen by `--seed` (a set of TensorFlow Datasets its first
ones), and the crops are drawn once: a large set needs many crops, about 3 MB of
memory a pair. The first `--held-back` photographs and styles are never trained
on; `grid.png` shows them, and `report.json` has their losses (and those of
training since the last start). A run that is interrupted goes on where it was
if it is started again with the same options. Runs on TensorFlow, and with
KERAS_BACKEND=jax on JAX. `--smoke` takes two hundred steps at 32 pixels.

How `din_mobile` was trained is in `saved_models/README.md`; the paper trained
on MS-COCO and WikiArt for what we recall as 160,000 steps.
"""

import argparse
import pathlib
import zlib

import keras
import numpy as np

from keras_vipa import datasets
from keras_vipa.applications import DIN
from keras_vipa.applications import DINTrainer
from keras_vipa.applications import VGGFeatures
from keras_vipa.applications.din_trainer import in_blocks
from keras_vipa.applications.weights import save_float16
from keras_vipa.datasets.style_samples import pictures_of
from keras_vipa.utils import reports
from keras_vipa.utils.images import fit_picture
from keras_vipa.utils.images import save_picture
from keras_vipa.utils.style_grid import style_grid

ZOOM = (1.0, 2.5)
SMOKE = {
    "steps": (100, 100),
    "size": (32, 48),
    "crops": (12, 12),
    "batch": 2,
    "held_back": (1, 1),
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
    add("--batch", type=int, default=4)
    add("--size", type=int, nargs=2, default=(128, 192), help="content, style")
    add("--crops", type=int, nargs=2, default=(1200, 1200))
    add("--rate", type=float, default=2e-3)
    add("--weight", nargs="*", default=[], metavar="TERM=VALUE")
    add("--seed", type=int, default=0)
    add("--jit", action="store_true", help="compile with XLA")
    add("--bfloat16", action="store_true", help="VGG in it: fast on some CPUs")
    add("--tensorboard", action="store_true", help="needs tensorboard")
    add("--output", default="results/train_din", metavar="FOLDER")
    add("--smoke", action="store_true", help="a few steps on small pictures")
    return parser


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


class Snapshots(keras.callbacks.Callback):
    """Writes weights and a picture of held-back pairs as training goes on."""

    def __init__(self, output, contents, styles, tensorboard):
        super().__init__()
        self.output, self.tensorboard = output, tensorboard
        self.contents, self.styles = contents, styles

    def on_train_begin(self, logs=None):
        if self.tensorboard:
            import tensorflow as tf

            folder = self.output / "tensorboard" / self.model.phase
            self.writer = tf.summary.create_file_writer(str(folder))

    def on_epoch_end(self, epoch, logs=None):
        losses = " ".join(f"{k} {v:.4f}" for k, v in logs.items() if v)
        print(f"{self.model.phase} {100 * (epoch + 1)}: {losses}", flush=True)
        model = self.model.model
        grid = style_grid(model, self.contents, self.styles)
        save_picture(self.output / "grid.png", grid)
        save_float16(model.network(), self.output / "din.weights.h5")
        if self.tensorboard:
            import tensorflow as tf

            with self.writer.as_default(step=100 * (epoch + 1)):
                tf.summary.image("held back", grid[None])
                for name, value in logs.items():
                    tf.summary.scalar(name, value)
                self.writer.flush()


def main(args):
    """Train, and say how it went."""
    if args.smoke:
        vars(args).update(SMOKE)
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
    trainer = DINTrainer(model, weights)
    crops = datasets.random_crops
    seed = args.seed
    shown = [[fit_picture(p, style_size) for p in part] for part in held]
    shots = Snapshots(output, *shown, args.tensorboard)
    print(
        f"{len(photographs)} photographs, {len(paintings)} styles", flush=True
    )
    histories = trainer.fit_stages(
        crops(photographs, args.crops[0], size, seed, ZOOM),
        crops(paintings, args.crops[1], style_size, seed, ZOOM, True),
        dict(zip(("reconstruct", "stylize"), args.steps)),
        args.batch,
        args.rate,
        seed,
        output / f"backup_{tag:08x}",
        args.jit or "auto",
        [shots],
    )
    save_float16(model.network(), output / "din.weights.h5")
    contents = crops(held[0], 40, size, seed + 1, ZOOM)
    styles = crops(held[1], 40, style_size, seed + 1, ZOOM)
    batch = {"content": contents / np.float32(255)}
    batch |= in_blocks(trainer.style_targets, styles)
    held_back = trainer.evaluate(
        batch, batch_size=args.batch, verbose=0, return_dict=True
    )
    results = [{"held back": held_back, "histories": histories}]
    reports.write_report(output / "report.json", vars(args), [seed], results)
    print("Held-back pictures:", held_back)


if __name__ == "__main__":
    reports.run_recipe(main, parse())
