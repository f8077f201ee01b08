"""Photographs and paintings that come with the package."""

import importlib.resources

from keras_vipa.utils.images import find_pictures
from keras_vipa.utils.images import read_picture

KINDS = ("photographs", "paintings")


def style_samples():
    """Return a few photographs and paintings, to try style transfer with.

    In the public domain or under CC0; `keras_vipa/datasets/README.md` says
    where each comes from. No `DIN` that comes with the package was trained on
    them.

    Returns:
        A dict of `"photographs"` and `"paintings"`, each a dict of name to
        uint8 array `(height, width, 3)`, RGB, at most 512 pixels long.

    Example:

    >>> samples = style_samples()
    >>> samples["photographs"]["cat"].shape
    (300, 451, 3)
    """
    folder = importlib.resources.files("keras_vipa.datasets") / "samples"
    samples = {}
    for kind in KINDS:
        names = sorted(entry.name for entry in (folder / kind).iterdir())
        samples[kind] = {}
        for name in names:
            with importlib.resources.as_file(folder / kind / name) as path:
                picture = read_picture(path)
            samples[kind][name.removesuffix(".jpg")] = picture
    return samples


def pictures_of(folder, kind):
    """Pictures of a folder, or those of the package.

    Args:
        folder: string or path of a folder of pictures, or `None` for
            `style_samples()[kind]`.
        kind: string. `"photographs"` or `"paintings"`.

    Returns:
        Dict, name of the file or sample -> uint8 array `(height, width, 3)`.

    Raises:
        ValueError: If the folder has no picture or one that cannot be read.
    """
    if folder is None:
        return style_samples()[kind]
    return {path.name: read_picture(path) for path in find_pictures(folder)}
