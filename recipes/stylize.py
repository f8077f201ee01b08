"""Draw a photograph in the style of a painting, with a trained `DIN`.

    python recipes/stylize.py photo.jpg painting.jpg -o out.png

Without any pictures, a photograph and a painting of the package are taken.
Several paintings are mixed, in equal parts or as `--mix` says. `--strength`
lays the drawing over the photograph:

    python recipes/stylize.py photo.jpg a.jpg b.jpg --mix 2 1 --strength 0.7

The content may be a folder, such as the frames of a film: the style is
computed once, and the drawings go to a folder, under the names of the frames.
With `-` it comes from standard input, and `-o -` writes a PNG to standard
output:

    python recipes/stylize.py frames painting.jpg -o drawn
    python recipes/stylize.py - painting.jpg -o - <photo.jpg >out.png

A style may be a folder too, which stands for all of its pictures. `--sheet`
shows the photograph in each style on one picture:

    python recipes/stylize.py photo.jpg paintings --sheet --size 384

`--codes` keeps what was computed of the styles, and without styles takes it
from there:

    python recipes/stylize.py photo.jpg a.jpg b.jpg --codes styles.npz
    python recipes/stylize.py other.jpg --codes styles.npz --mix 1 3

All pictures are read before the first one is written. PNG, JPEG, WebP, BMP
and the first frame of GIF are read, and what `--output` says is written.
"""

import os
import pathlib
import sys

from keras_vipa.utils import recipe

# isort: split

import numpy as np
from PIL import Image

from keras_vipa.applications import DIN
from keras_vipa.applications import din
from keras_vipa.datasets import style_samples
from keras_vipa.utils import images
from keras_vipa.utils import types

# Larger pictures are drawn in pieces of this size.
TILE = 1024


def options(add):
    """The options."""
    add("pictures", nargs="*", help="content, then styles: files or folders")
    add("-o", "--output", help="default: results/stylize/CONTENT.png")
    add("--weights", metavar="WEIGHTS", default="din_mobile")
    add("--mix", type=float, nargs="+", help="parts, one for each style")
    add("--strength", type=types.share, nargs="+", default=[1.0])
    add("--preserve-color", action="store_true", help="of the photograph")
    add("--mask", metavar="FILE", help="white where the style is wanted")
    add("--size", type=int, help="longest side of the result, pixels")
    add("--style-size", type=types.whole(0), default=256, help="0: as it is")
    add("--codes", metavar="NPZ_FILE", help="keep codes, or take them")
    add("--sheet", action="store_true", help="each style, on one picture")


def find(place):
    """Names and sources, which are paths or arrays, of the pictures there."""
    if place == "-":
        return [("stdin.png", images.decode_picture(sys.stdin.buffer.read()))]
    return [(path.name, path) for path in images.find_pictures(place)]


def find_all(args):
    """Contents and styles: the user's, or those of the package."""
    if args.pictures:
        content, *places = args.pictures
        return find(content), [found for p in places for found in find(p)]
    samples = style_samples()
    contents = list(samples["photographs"].items())[:1]
    styles = list(samples["paintings"].items())[: None if args.sheet else 1]
    return contents, [] if args.codes else styles


def find_targets(args, contents, styles):
    """Where the results go: a list of paths, or of `-`."""
    place = pathlib.Path(args.pictures[0]) if args.pictures else None
    is_folder = place is not None and place.is_dir()
    if args.output == "-":
        if is_folder:
            raise ValueError("Standard output is for one picture alone.")
        return ["-"]
    single = pathlib.Path(contents[0][0]).stem + ".png"
    name = place.resolve().name if is_folder else single
    output = pathlib.Path(args.output or f"results/stylize/{name}")
    targets = [output / n for n, _ in contents] if is_folder else [output]
    for target in targets:
        images.check_ending(target)
    sources = [source for _, source in [*contents, *styles]]
    sources += [args.mask, args.codes]
    paths = [
        source for source in sources if isinstance(source, str | os.PathLike)
    ]
    for path in {pathlib.Path(path).resolve() for path in paths}:
        if path in [target.resolve() for target in targets]:
            raise ValueError(f"This would overwrite a source. Received: {path}")
    return targets


def read(source, size, side="long"):
    """A picture, scaled if there is a size."""
    is_array = isinstance(source, np.ndarray)
    picture = source if is_array else images.read_picture(source)
    scaled = images.scale_picture(picture, size, side) if size else picture
    if min(*picture.shape[:2], *scaled.shape[:2]) < din.SMALLEST:
        raise ValueError(
            f"A picture must be at least {din.SMALLEST} pixels high and wide. "
            f"Received: {scaled.shape[:2]}{'' if is_array else f', {source}'}"
        )
    return scaled


def read_content(args, source):
    """The content and, if there is one, its mask."""
    content = read(source, args.size)
    mask = args.mask and read(args.mask, args.size).mean(-1) / 255.0
    if mask is not None and mask.shape != content.shape[:2]:
        raise ValueError(
            "The mask must have the size of the content, "
            f"{content.shape[:2]}. Received: {mask.shape}"
        )
    return content, mask


def check(args, count):
    """Raise a `ValueError` if options do not fit the number of styles."""
    if not count:
        raise ValueError("A style is needed: a picture, or codes.")
    if args.sheet and args.mix:
        raise ValueError("--sheet does not mix styles: leave --mix out.")
    in_range = all(0 <= strength <= 1 for strength in args.strength)
    allowed = (1, count) if args.sheet else (1,)
    if len(args.strength) not in allowed or not in_range:
        raise ValueError(
            "--strength is one number from 0 to 1, or with --sheet one for "
            f"each of {count} style(s). Received: {args.strength}"
        )


def blend(args, model, codes):
    """Code and strength of each drawing; a single one without a sheet."""
    if args.sheet:
        return list(zip(codes, np.broadcast_to(args.strength, len(codes))))
    return [(model.mix(codes, args.mix), args.strength[0])]


def draw(args, model, source, blended, styles):
    """The drawing, or the sheet of all."""
    content, mask = read_content(args, source)
    more = {"preserve_color": args.preserve_color, "mask": mask, "tile": TILE}
    drawn = [model.transfer(content, *each, **more) for each in blended]
    if args.sheet:
        return images.contact_sheet([content, *drawn], [None, *styles])
    return drawn[0]


def save(target, picture):
    """Write a result."""
    if target == "-":
        Image.fromarray(picture).save(sys.stdout.buffer, "PNG")
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        images.save_picture(target, picture)


def main(args):
    """Read everything, then draw."""
    contents, styles = find_all(args)
    targets = find_targets(args, contents, styles)
    names = [name for name, _ in styles]
    styles = [read(source, args.style_size, "short") for _, source in styles]
    if args.codes and not styles:
        names, codes = din.read_codes(args.codes)
    check(args, len(names))
    for _, source in contents:
        read_content(args, source)
    model = DIN(weights=args.weights)
    if styles:
        codes = [model.style_code(style) for style in styles]
    blended = blend(args, model, codes)
    if args.codes and styles:
        din.save_codes(args.codes, names, codes)
    for (_, source), target in zip(contents, targets):
        save(target, draw(args, model, source, blended, styles))
    if args.output != "-":
        print(f"Written: {', '.join(map(str, targets))}")


if __name__ == "__main__":
    recipe.run(main, options, seeds=None, folder=False)
