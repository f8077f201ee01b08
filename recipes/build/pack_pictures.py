"""Pack folders of pictures into one that travels: JPEG, at most so many bytes.

    python recipes/build/pack_pictures.py photographs paintings textures \
        --output build/gpu_din/pictures

Every folder becomes one of the same name, in which pictures are scaled to
`--size` pixels on their short side. If all together have more than
`--megabytes`, the quality goes down, and then the size.
"""

import io
import pathlib
import shutil

from keras_vipa.utils import recipe

# isort: split

from PIL import Image

from keras_vipa.utils import files
from keras_vipa.utils import types
from keras_vipa.utils.images import find_pictures
from keras_vipa.utils.images import read_picture
from keras_vipa.utils.images import scale_picture

STEPS = [(1.0, 90), (1.0, 85), (1.0, 80), (0.85, 80), (0.75, 80), (0.6, 80)]


def options(add):
    """The options."""
    add("folders", nargs="+", metavar="FOLDER")
    add("--size", type=int, default=512, help="short side, in pixels")
    add("--megabytes", type=float, default=24.0)
    add("--output", type=types.output_folder, required=True)


def encode(path, size, quality):
    """A picture as JPEG, no larger than `size` on its short side."""
    picture = read_picture(path)
    if min(picture.shape[:2]) > size:
        picture = scale_picture(picture, size, "short")
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=quality)
    return file.getvalue()


def main(args):
    """Encode until all fits, then write."""
    paths = {
        pathlib.Path(folder).name: find_pictures(folder)
        for folder in args.folders
    }
    for share, quality in STEPS:
        size = round(args.size * share)
        packed = {
            pathlib.Path(name, f"{path.stem}.jpg"): encode(path, size, quality)
            for name, found in paths.items()
            for path in found
        }
        total = sum(map(len, packed.values())) / 1e6
        print(f"{len(packed)} pictures, {size} pixels, quality {quality}: "
              f"{total:.1f} MB", flush=True)  # fmt: skip
        if total <= args.megabytes:
            break
    else:
        raise ValueError(f"The pictures do not fit. Received: {total:.1f} MB")
    output = args.output
    if output.exists():
        shutil.rmtree(output)
    for name, content in packed.items():
        (output / name).parent.mkdir(parents=True, exist_ok=True)
        with files.written_beside(output / name) as part:
            part.write_bytes(content)


if __name__ == "__main__":
    recipe.run(main, options, seeds=None, folder=False)
