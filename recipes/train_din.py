"""Train DIN, arbitrary style transfer, on folders of pictures.

    python recipes/train_din.py --content photographs --style paintings

First encoder and decoder learn to draw photographs, then everything learns
to draw them in the styles, with the losses of `DINTrainer`. Crops are cut at
random places and scales, and styles are widened by exchanged and inverted
channels, turns and mixtures, since a few hundred are few for arbitrary
transfer. A folder that is named twice counts twice; photographs as further
styles do good. `tfds:NAME` takes pictures of TensorFlow Datasets. Contents get
noise (`--grain`) before they are drawn, and a tenth of them is without any
detail then, so that even places become strokes and not lines.

Each folder gives as many pictures as there are `--crops` of that kind, and some
more to hold back, chosen by the first of `--seeds` (a set of TensorFlow
Datasets its first ones), and the crops are drawn once: a large set needs many
crops, about 3 MB of memory a pair. The first quarter of the photographs and
styles, at most 4 and 6, is never trained on; `grid.png` shows them, and
`report.json` has their losses (and those of training since the last start). A
run that is interrupted goes on where it was if it is started again with the
same options. Runs on TensorFlow, and with KERAS_BACKEND=jax on JAX, where
TensorFlow need not be installed.

`--minutes` ends the training in time, whatever the machine: the rate falls with
the clock. On a GPU, batches are larger then, crops are more and larger, and the
VGG computes in bfloat16. The last evaluation comes after that, about a minute.

How `din_mobile` was trained is in `saved_models/README.md`; the paper trained
on MS-COCO and WikiArt for what we recall as 160,000 steps.
"""

import time

from keras_vipa.utils import recipe

# isort: split

import keras
import numpy as np

from keras_vipa.applications import DIN
from keras_vipa.applications import DINTrainer
from keras_vipa.applications import StylePairs
from keras_vipa.applications import VGGFeatures
from keras_vipa.applications import din
from keras_vipa.applications import save_float16
from keras_vipa.datasets import random_crops
from keras_vipa.datasets import read_pictures
from keras_vipa.datasets import smooth_pictures
from keras_vipa.utils import types
from keras_vipa.utils.images import fit_picture
from keras_vipa.utils.images import save_picture

RATE = 2e-3
ZOOM = (1.0, 2.5)
HELD_BACK = (4, 6)
# Of the contents, where there is grain.
WITHOUT_DETAIL = 0.1
SMOKE = {"steps": (1, 1), "size": (16, 16), "crops": (8, 8), "batch": 8}
WRITES = ["grid.png", "din.weights.h5"]
ON_A_CPU = {"size": (128, 192), "crops": (1200, 1200), "batch": 4}
ON_A_GPU = {"size": (256, 256), "crops": (16000, 16000), "batch": 16}


def options(add):
    """The options."""
    add("--content", type=types.folder_or_tfds, nargs="+", help="or tfds:NAME")
    add("--style", type=types.folder_or_tfds, nargs="+", help="or tfds:NAME")
    add("--start", metavar="WEIGHTS", help="preset or file to go on from")
    add("--steps", type=types.whole(0), nargs=2, default=(500, 4000))
    add("--minutes", type=types.positive, help="--steps are limits then")
    add("--batch", type=int)
    add("--size", type=int, nargs=2, help="content, style")
    add("--crops", type=int, nargs=2, metavar=("CONTENT", "STYLE"))
    add("--weight", type=types.named, nargs="*", default=[], metavar="TERM=1.0")
    add("--grain", type=float, default=0.0, help="noise, of 255 levels")


def choose(args):
    """Batch and crops for the machine, where not given; the VGG's type."""
    devices = keras.distribution.list_devices()
    has_gpu = any(not device.startswith("cpu") for device in devices)
    on_a_gpu = has_gpu and args.minutes
    for name, value in (ON_A_GPU if on_a_gpu else ON_A_CPU).items():
        setattr(args, name, getattr(args, name) or value)
    return "mixed_bfloat16" if on_a_gpu else None


def read(folders, kind, limit, size, seed):
    """Pictures of all folders, or of the package, as large as crops need."""
    pictures, longest = [], round(ZOOM[1] * size)
    for folder in folders or [None]:
        found = read_pictures(folder, kind, limit, longest, seed)
        pictures += found.values()
    return pictures


def split(photographs, paintings):
    """Both kinds to train on, and both that are held back.

    What is held back is dropped wherever it comes again.
    """
    kinds = photographs, paintings
    held = [
        part[: min(most, len(part) // 4)]
        for part, most in zip(kinds, HELD_BACK)
    ]
    hidden = {picture.tobytes() for part in held for picture in part}
    parts = [
        [picture for picture in part if picture.tobytes() not in hidden]
        for part in kinds
    ]
    if not all([*held, *parts]):
        raise ValueError(
            "Four photographs and styles are needed at least, since a quarter "
            f"is held back. Received: {len(photographs)} photographs, "
            f"{len(paintings)} styles"
        )
    return parts, held


def draw_contents(photographs, args, size, seed):
    """Crops of photographs; where there is grain, some without any detail."""
    contents = random_crops(photographs, args.crops[0], size, seed, ZOOM)
    if args.grain:
        count = round(WITHOUT_DETAIL * len(contents))
        contents[:count] = smooth_pictures(count, size, seed)
    return contents


class Snapshots(keras.callbacks.Callback):
    """Writes weights and a picture of held-back pairs as training goes on."""

    def __init__(self, output, contents, styles, grain):
        super().__init__()
        self.output = output
        self.contents, self.styles, self.grain = contents, styles, grain
        self.last = 0.0

    def on_epoch_end(self, epoch, logs=None):
        losses = " ".join(f"{k} {v:.4f}" for k, v in logs.items() if v)
        steps = self.params["steps"] * (epoch + 1)
        print(f"{self.model.phase} {steps}: {losses}", flush=True)
        if time.monotonic() - self.last < 30:
            return
        model = self.model.model
        pictures = self.contents, self.styles
        grid = din.style_grid(model, *pictures, grain=self.grain)
        save_picture(self.output / "grid.png", grid)
        save_float16(model.network(), self.output / "din.weights.h5")
        self.last = time.monotonic()


def main(args):
    """Train, and say how it went."""
    start, seed, vgg_type = time.monotonic(), args.seeds[0], choose(args)
    keras.utils.set_random_seed(seed)
    size, style_size = args.size
    limits = np.add(args.crops, HELD_BACK)
    (photographs, paintings), held = split(
        read(args.content, "photographs", limits[0], size, seed),
        read(args.style, "paintings", limits[1], style_size, seed),
    )
    model = DIN("mobile", args.start, features=VGGFeatures(dtype=vgg_type))
    trainer = DINTrainer(model, dict(args.weight), RATE)
    shown = [[fit_picture(p, style_size) for p in part] for part in held]
    # As it is on the average of training.
    shots = Snapshots(args.output, *shown, args.grain / 510.0)
    counts = f"{len(photographs)} photographs, {len(paintings)} styles"
    print(counts, flush=True)
    contents = draw_contents(photographs, args, size, seed)
    count = args.crops[1]
    styles = random_crops(paintings, count, style_size, seed, ZOOM, True)
    minutes = args.minutes and args.minutes - (time.monotonic() - start) / 60
    every = min(100, max(1, *args.steps))
    pairs = StylePairs(
        {"content": contents},
        {"style": styles},
        args.batch,
        every,
        seed,
        args.grain / 255.0,
        workers=8 if minutes else 1,
    )
    epochs = [steps // every for steps in args.steps]
    with recipe.backup_folder(args) as backup:
        histories = trainer.fit_stages(
            pairs,
            dict(zip(("reconstruct", "stylize"), epochs)),
            # Crops of a GPU are more and larger than what is worth keeping.
            cache_bytes=0 if minutes else None,
            minutes=minutes,
            # The clock does not stop while a run is interrupted.
            backup_dir=None if minutes else backup,
            jit_compile="auto",
            callbacks=[shots],
            verbose=0,
        )
        losses = evaluate(trainer, held, args)
        with recipe.results(args) as folder:
            save_float16(model.network(), folder / "din.weights.h5")
            rows = [{"held back": losses, "histories": histories}]
            recipe.write_report(args, rows, folder)
    print("Held-back pictures:", losses)


def evaluate(trainer, held, args):
    """Losses on forty pairs of crops of held-back pictures."""
    seed = args.seeds[0] + 1
    batch = {
        name: random_crops(pictures, 40, size, seed, ZOOM) / np.float32(255)
        for name, pictures, size in zip(("content", "style"), held, args.size)
    }
    trainer.set_phase("stylize")
    trainer.compile()
    return trainer.evaluate(
        batch, batch_size=args.batch, verbose=0, return_dict=True
    )


if __name__ == "__main__":
    recipe.run(main, options, smoke=SMOKE, writes=WRITES)
