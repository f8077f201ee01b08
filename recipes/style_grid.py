"""Show photographs in styles, all on one picture.

    python recipes/style_grid.py
    python recipes/style_grid.py --content photographs --style paintings

The styles are the first row and the photographs the first column, all cropped
to squares of `--size`. Without folders the pictures of the package are shown.
For one photograph in its proportions there is `stylize.py --sheet`.
"""

import argparse
import pathlib

from keras_vipa.applications import DIN
from keras_vipa.datasets.style_samples import pictures_of
from keras_vipa.utils import reports
from keras_vipa.utils.images import fit_picture
from keras_vipa.utils.images import save_picture
from keras_vipa.utils.style_grid import style_grid


def parse():
    """The options."""
    parser = argparse.ArgumentParser(
        prog="style_grid.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--content", metavar="FOLDER", help="of photographs")
    add("--style", metavar="FOLDER", help="of paintings")
    add("--limit", type=int, default=8, help="of each, chosen by --seed")
    add("--seed", type=int, default=0)
    add("--weights", default="din_mobile", help="preset or file")
    add("--variant", default="mobile")
    add("--size", type=int, default=384, help="of the photographs, pixels")
    add("--style-size", type=int, default=256)
    add("--cell", type=int, default=240, help="of each on the picture")
    add("-o", "--output", default="results/style_grid.jpg", metavar="FILE")
    return parser


def main(args):
    """Read, draw, write."""
    pictures = []
    for folder, kind, size in (
        (args.content, "photographs", args.size),
        (args.style, "paintings", args.style_size),
    ):
        found = pictures_of(folder, kind, args.limit, seed=args.seed)
        pictures.append([fit_picture(p, size) for p in found.values()])
    model = DIN(args.variant, args.weights)
    output = pathlib.Path(args.output)
    output.parent.mkdir(parents=True, exist_ok=True)
    save_picture(output, style_grid(model, *pictures, args.cell))
    print(f"Written: {output}")


if __name__ == "__main__":
    reports.run_recipe(main, parse())
