"""Check what the paper says of DIN, at small scale and equal steps.

    python recipes/studies/ablate_din.py --content photographs --style paintings

Every variant is the mobile network, trained from scratch on the same crops for
the same number of steps, and judged on held-back pictures:

- `adain, shared encoder`: the statistics of the style's features in the light
  encoder itself are kernel and bias, as adaptive instance normalization has it;
- `din depthwise 1x1`, `din depthwise 3x3`, `din dense 1x1`, and the depthwise
  3x3 kernels with their taps on a grid, as `WeightNet` explains.

`wrong style` is the style term with the code of another style: its ratio to
`style` says whether a code is worth anything. Printed are means and standard
deviations over `--seeds`; `report.json` in `--output` has every run, and
`report.png` shows them.

The deformable and spherical kinds are checked by `check_strokes.py`.
"""

from keras_vipa.utils import recipe

# isort: split

import keras
import matplotlib
import matplotlib.pyplot as plt
import numpy as np

from keras_vipa.applications import DIN
from keras_vipa.applications import DINTrainer
from keras_vipa.applications import StylePairs
from keras_vipa.applications import VGGFeatures
from keras_vipa.datasets import random_crops
from keras_vipa.datasets import read_pictures
from keras_vipa.utils import scoreboard
from keras_vipa.utils import types

matplotlib.use("Agg")
MEASURES = ("style", "content", "wrong style")
SMOKE = {"steps": (0, 1), "size": 16, "crops": 4, "batch": 4}
SMOKE["variants"] = ["adain, shared encoder"]


class SharedEncoderAdaIN(DIN):
    """AdaIN: kernel and bias are statistics in the content network."""

    def encode_style(self, style):
        parts, x = [], self.encoder(style)
        for number in (0, 1):
            mean, variance = keras.ops.moments(x, axes=(1, 2))
            keep = keras.ops.zeros_like(mean[:, :1])
            parts += [keras.ops.sqrt(variance + 1e-5), mean, keep]
            # The style drawn in its own style stays as it is.
            x = self.middle(x) if number == 0 else x
        parts += [self.color_code(style), keep]
        return keras.ops.concatenate(parts, axis=-1)


class AdaINTrainer(DINTrainer):
    """Its codes come from the style picture itself."""

    def encode_styles(self, inputs):
        return self.model.encode_style(inputs["style"])


VARIANTS = {
    "adain, shared encoder": (SharedEncoderAdaIN, {"kernel_size": 1}),
    "din depthwise 1x1": (DIN, {"kernel_size": 1}),
    "din depthwise 3x3": (DIN, {}),
    "din depthwise 3x3, grid": (DIN, {"taps": "grid"}),
    "din dense 1x1": (DIN, {"kernel_size": 1, "kind": "dense"}),
}


def options(add):
    """The options."""
    add("--content", metavar="FOLDER", help="of photographs")
    add("--style", metavar="FOLDER", help="of paintings")
    add(
        "--held-back",
        type=types.share,
        default=0.25,
        help="part of the pictures",
    )
    add("--steps", type=types.whole(0), nargs=2, default=(200, 600))
    add("--size", type=int, default=96)
    add("--crops", type=int, default=300)
    add("--batch", type=int, default=4)
    add("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    add("--bfloat16", action="store_true", help="VGG in it: fast on some CPUs")


def read(folder, kind, args, seed):
    """Crops to train on, and crops of pictures that are held back.

    The latter are 40, or as many as the former if those are fewer; those of a
    picture are one after the other.
    """
    pictures = list(read_pictures(folder, kind).values())
    order = np.random.default_rng(seed).permutation(len(pictures))
    pictures = [pictures[i] for i in order]
    count = max(2, round(args.held_back * len(pictures)))
    if len(pictures) <= count:
        raise ValueError(f"More {kind} are needed. Received: {len(pictures)}")
    crops, size = random_crops, args.size
    widen = kind == "paintings"
    train_on = crops(pictures[count:], args.crops, size, seed, widen=widen)
    most = min(40, args.crops)
    each = -(-most // count)
    held = [crops([p], each, size, seed) for p in pictures[:count]]
    return train_on, np.concatenate(held)[:most]


def train(trainer, phase, steps, batches, rate):
    """Adam whose rate falls to 0."""
    rate = keras.optimizers.schedules.CosineDecay(rate, steps)
    trainer.set_phase(phase)
    if isinstance(trainer.model, SharedEncoderAdaIN):
        trainer.model.style_net.trainable = False
    optimizer = keras.optimizers.Adam(rate, clipnorm=1.0)
    # On a CPU, TensorFlow's own operations are quicker than XLA's.
    is_compiled = keras.config.backend() == "jax"
    trainer.compile(optimizer, jit_compile=is_compiled)
    trainer.fit(batches, verbose=0, shuffle=False)


def compare_variants(args, seed, features, train_on, held_back):
    """Rows of losses on held-back pictures, one a variant."""
    rows = []
    for name in args.variants:
        cls, settings = VARIANTS[name]
        keras.utils.set_random_seed(seed)
        is_adain = cls is SharedEncoderAdaIN
        trainer_cls = AdaINTrainer if is_adain else DINTrainer
        model = cls("mobile", features=features, **settings)
        trainer = trainer_cls(model)
        for phase, steps in zip(("reconstruct", "stylize"), args.steps):
            if steps:
                pairs = StylePairs(*train_on, args.batch, steps, seed)
                train(trainer, phase, steps, pairs, 2e-3)
        contents, styles = held_back
        losses = evaluate(trainer, contents, styles)
        turned = {
            key: values
            if key.startswith("statistics")
            else np.roll(values, len(values) // 2, axis=0)
            for key, values in styles.items()
        }
        wrong = evaluate(trainer, contents, turned)["style"]
        row = {"variant": name, "seed": seed}
        rows.append({**row, **losses, "wrong style": wrong})
        print(rows[-1], flush=True)
    return rows


def with_features(trainer, contents, styles):
    """Crops and what the VGG says of them, which no training changes."""
    pairs = StylePairs({"content": contents}, {"style": styles}, 1, 1)
    pairs = trainer.phase_batches(pairs, None, 1, trainer.cache_bytes, None)
    contents, features = pairs.parts
    return contents, {"style": styles, **features}


def evaluate(trainer, contents, styles):
    """Losses on held-back pairs."""
    count = len(contents["content"])
    pairs = StylePairs(contents, styles, 4, count // 4, seed=1)
    return trainer.evaluate(pairs, verbose=0, return_dict=True)


def plot(path, rows):
    """Style losses with the right and the wrong code, a dot a run."""
    figure, axes = plt.subplots(figsize=(8, 3), layout="constrained")
    for key, color in (("style", "tab:blue"), ("wrong style", "tab:gray")):
        values = [row[key] for row in rows]
        names = [row["variant"] for row in rows]
        axes.scatter(values, names, color=color, label=key)
    axes.invert_yaxis()
    axes.set(xlabel="style loss on held-back pictures", xlim=(0, None))
    axes.legend()
    figure.savefig(path)
    plt.close(figure)


def main(args):
    """Train and judge all variants."""
    features = VGGFeatures(dtype="mixed_bfloat16" if args.bfloat16 else None)
    trainer = DINTrainer(DIN("mobile", features=features), phase="stylize")
    rows = []
    for seed in args.seeds:
        contents = read(args.content, "photographs", args, seed)
        styles = read(args.style, "paintings", args, seed)
        parts = [
            with_features(trainer, *part) for part in zip(contents, styles)
        ]
        rows += compare_variants(args, seed, features, *parts)
    summary = scoreboard.summarize(rows, "variant", MEASURES)
    print(scoreboard.format_summary(summary, 3))
    with recipe.results(args) as folder:
        plot(folder / "report.png", rows)
        recipe.write_report(args, rows, folder)


if __name__ == "__main__":
    recipe.run(main, options, smoke=SMOKE)
