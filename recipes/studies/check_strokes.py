"""Check the two extra functions of DIN: strokes that follow the content.

    python recipes/studies/check_strokes.py --content photographs \
        --style paintings

Starts from a trained network (`--weights`).

- deformable: only the offsets are trained. Do positions in flat surroundings
  get larger ones, for coarser strokes? Reported is, for each level, Spearman's
  correlation of the offsets' size with the flatness around (the negative
  deviation of the mean of red, green and blue) over photographs that the
  offsets were not trained on; the sheet of the method asks for more than 0.2.
- spherical: a panorama that looks the same in all directions is drawn with the
  regular and with the spherical taps, and cut into cube faces. Reported are the
  sizes of the strokes (half-width of the autocorrelation, in pixels of a face)
  on the faces around the equator and at the poles; they should be the same.

Written to `--output`: `report.json`, and `report.png` with the faces front and
up of the panorama itself and of both drawings, a row a style.
"""

from keras_vipa.utils import recipe

# isort: split

import keras
import numpy as np
import panorama

from keras_vipa.applications import DIN
from keras_vipa.applications import DINTrainer
from keras_vipa.applications import StylePairs
from keras_vipa.applications import VGGFeatures
from keras_vipa.datasets import random_crops
from keras_vipa.datasets import read_pictures
from keras_vipa.utils import reports
from keras_vipa.utils.images import fit_picture
from keras_vipa.utils.images import save_picture

SMOKE = {"steps": 1, "size": 32, "crops": 4, "height": 64, "styles": 1}


def options(add):
    """The options."""
    add("--content", metavar="FOLDER", help="of photographs")
    add("--style", metavar="FOLDER", help="of paintings")
    add("--weights", metavar="WEIGHTS", default="din_mobile")
    add("--variant", default="mobile")
    add("--steps", type=int, default=150, help="of the offsets")
    add("--size", type=int, default=96)
    add("--crops", type=int, default=150)
    add("--height", type=int, default=512, help="of the panorama")
    add("--styles", type=int, default=6, help="on the panorama")


def deformable(args, regular):
    """The trained network with offsets, the only thing to train."""
    model = DIN(args.variant, features=regular.features, sampling="deformable")
    given = [w for w in model.network().weights if "offsets" not in w.path]
    for weight, value in zip(given, regular.network().get_weights()):
        weight.assign(value)
    return model


def check_deformable(args, regular, photographs, paintings):
    """Correlation of offsets with flatness, for each level."""
    model = deformable(args, regular)
    trainer = DINTrainer(model, phase="stylize")
    for part in (model.encoder, model.middle, model.decoder, model.style_net):
        part.trainable = False
    count = max(1, len(photographs) // 4)
    crops = args.crops, args.size, args.seeds[0]
    contents = {"content": random_crops(photographs[count:], *crops)}
    styles = {"style": random_crops(paintings, *crops, widen=True)}
    pairs = StylePairs(contents, styles, 4, args.steps)
    pairs = trainer.phase_batches(pairs, None, 4, trainer.cache_bytes, None)
    rate = keras.optimizers.schedules.CosineDecay(1e-3, args.steps)
    trainer.compile(keras.optimizers.Adam(rate, clipnorm=1.0))
    trainer.fit(pairs, verbose=0, shuffle=False)
    held = [fit_picture(p, 2 * args.size) for p in photographs[:count]]
    images = np.stack(held).astype("float32") / 255.0
    code = model.style_code(fit_picture(paintings[0], 2 * args.size))
    code = np.repeat(code[None], len(images), axis=0)
    rows, x = [], model.encoder(images)
    for number, level in enumerate(model.levels[:2]):
        offsets = level.find_offsets(normalize(x))
        sizes = np.abs(keras.ops.convert_to_numpy(offsets)).mean(axis=-1)
        cell = images.shape[1] // sizes.shape[1]
        flatness = -panorama.deviation(images.mean(axis=-1), cell)
        correlation = rank_correlation(sizes.ravel(), flatness.ravel())
        row = {"check": "deformable", "level": number + 1}
        row |= {"mean": float(sizes.mean()), "largest": float(sizes.max())}
        rows.append({**row, "spearman": correlation})
        if number == 0:
            x = model.middle(model.level(number, x, code))
    return rows


def normalize(x):
    """Each sample and channel normalized over height and width."""
    mean, variance = keras.ops.moments(x, axes=(1, 2), keepdims=True)
    return (x - mean) * keras.ops.rsqrt(variance + 1e-5)


def rank_correlation(one, other):
    """Spearman's correlation; equal values share the mean of their ranks."""
    ranks = []
    for values in (one, other):
        _, places, counts = np.unique(
            values, return_inverse=True, return_counts=True
        )
        ranks.append((np.cumsum(counts) - (counts - 1) / 2)[places])
    return float(np.corrcoef(*ranks)[0, 1])


def check_spherical(args, regular, paintings):
    """Stroke sizes on the cube faces, regular and spherical."""
    world = panorama.random_panorama(args.height, seed=args.seeds[0])
    spherical = DIN(
        args.variant,
        args.weights,
        features=regular.features,
        sampling="spherical",
    )
    models = {"regular": regular, "spherical": spherical}
    rows, sheet = [], []
    for number, style in enumerate(paintings[: args.styles]):
        code = regular.style_code(fit_picture(style, 256))
        drawings = {"none": world}
        drawings |= {k: m.transfer(world, code) for k, m in models.items()}
        line = []
        for name, drawing in drawings.items():
            faces = panorama.cube_faces(drawing, args.height // 2)
            line += [faces["front"], faces["up"]]
            sizes = {k: panorama.stroke_size(f) for k, f in faces.items()}
            pole = float(np.mean([sizes.pop("up"), sizes.pop("down")]))
            equator = float(np.mean(list(sizes.values())))
            row = {"check": "spherical", "taps": name, "style": number}
            row |= {"equator": equator, "pole": pole}
            rows.append({**row, "ratio": pole / equator})
        sheet.append(np.concatenate(line, axis=1))
    save_picture(args.output / "report.png", np.concatenate(sheet))
    return rows


def main(args):
    """Run both checks."""
    keras.utils.set_random_seed(args.seeds[0])
    photographs = list(read_pictures(args.content, "photographs").values())
    paintings = list(read_pictures(args.style, "paintings").values())
    regular = DIN(args.variant, args.weights, features=VGGFeatures())
    rows = check_deformable(args, regular, photographs, paintings)
    print(reports.format_table(rows), flush=True)
    rows_of_spheres = check_spherical(args, regular, paintings)
    for name in ("none", "regular", "spherical"):
        ratios = [r["ratio"] for r in rows_of_spheres if r["taps"] == name]
        mean, low, high = reports.mean_interval(ratios)
        print(f"{name}: pole / equator {mean:.3f} ({low:.3f} to {high:.3f})")
    recipe.write_report(args, rows + rows_of_spheres)


if __name__ == "__main__":
    recipe.run(main, options, smoke=SMOKE)
