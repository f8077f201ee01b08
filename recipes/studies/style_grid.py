"""Show photographs in styles, all on one picture.

    python recipes/studies/style_grid.py
    python recipes/studies/style_grid.py --content photographs --style paintings

The styles are the first row and the photographs the first column, all cropped
to squares of `--size`. Without folders the pictures of the package are shown.
For one photograph in its proportions there is `stylize.py --sheet`.
"""

from keras_vipa.utils import recipe

# isort: split

from keras_vipa.applications import DIN
from keras_vipa.applications import din
from keras_vipa.datasets import read_pictures
from keras_vipa.utils import types
from keras_vipa.utils.images import fit_picture
from keras_vipa.utils.images import save_picture


def options(add):
    """The options."""
    add("--content", metavar="FOLDER", help="of photographs")
    add("--style", metavar="FOLDER", help="of paintings")
    add("--limit", type=int, default=8, help="of each, chosen by --seeds")
    add("--weights", metavar="WEIGHTS", default="din_mobile")
    add("--variant", default="mobile")
    add("--size", type=int, default=384, help="of the photographs, pixels")
    add("--style-size", type=int, default=256)
    add("--cell", type=int, default=240, help="of each on the picture")
    add(
        "-o",
        "--output",
        type=types.output_picture,
        default="results/style_grid.jpg",
    )


def main(args):
    """Read, draw, write."""
    pictures = []
    for folder, kind, size in (
        (args.content, "photographs", args.size),
        (args.style, "paintings", args.style_size),
    ):
        found = read_pictures(folder, kind, args.limit, seed=args.seeds[0])
        pictures.append([fit_picture(p, size) for p in found.values()])
    model = DIN(args.variant, args.weights)
    output = args.output
    output.parent.mkdir(parents=True, exist_ok=True)
    save_picture(output, din.style_grid(model, *pictures, args.cell))
    print(f"Written: {output}")


if __name__ == "__main__":
    recipe.run(main, options, folder=False)
