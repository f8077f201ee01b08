"""Photographs and paintings that come with the package."""

import importlib.resources

import numpy as np

from keras_vipa.datasets.tfds import tfds
from keras_vipa.utils import checks
from keras_vipa.utils.images import check_size
from keras_vipa.utils.images import find_pictures
from keras_vipa.utils.images import read_picture
from keras_vipa.utils.images import scale_picture

KINDS = ("photographs", "paintings")


def style_samples():
    """Return a few photographs and paintings, to try style transfer with.

    In the public domain or under CC0; `keras_vipa/datasets/README.md` says
    where each comes from. The photographs are new to `din_mobile`; the
    paintings are among the styles that it was trained with.

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


def read_pictures(folder, kind, limit=None, size=None, seed=0):
    """Read a folder, TensorFlow Datasets, or the samples of the package.

    Args:
        folder: string or path of a folder of pictures; `"tfds:NAME"` for the
            training pictures of a set of TensorFlow Datasets; or `None` for
            all of `style_samples()[kind]`.
        kind: string. `"photographs"` or `"paintings"`.
        limit: integer. How many pictures to read at most: of a folder some
            chosen by `seed`, of TensorFlow Datasets the first. Defaults to
            all.
        size: integer. Pictures whose short side is longer are scaled down to it
            as they are read; those of TensorFlow Datasets become squares of
            this size. Defaults to `None`: as they are.
        seed: integer. Seed of the choice.

    Returns:
        Dict, name of the file or sample, or number -> uint8 array `(height,
        width, 3)`, in the order of the names.

    Raises:
        ValueError: If the folder has no picture or one that cannot be read,
            or if an argument is not what it should be.

    Example:

    >>> paintings = read_pictures(None, "paintings")
    >>> paintings["night_cafe"].dtype
    dtype('uint8')
    """
    checks.choice("kind", kind, KINDS)
    checks.integer("seed", seed, 0)
    if limit is not None:
        checks.integer("limit", limit)
    if size is not None:
        checks.integer("size", size)
        check_size(size)
    if folder is None:
        return style_samples()[kind]
    if str(folder).startswith("tfds:"):
        name = str(folder).removeprefix("tfds:")
        found = tfds(name, "train", size, label=None, limit=limit)
        return {str(n): picture for n, picture in enumerate(found.images)}
    paths = find_pictures(folder)
    if limit is not None and limit < len(paths):
        generator = np.random.default_rng(seed)
        chosen = generator.choice(len(paths), limit, replace=False)
        paths = [paths[index] for index in sorted(chosen)]
    pictures = {}
    for path in paths:
        picture = read_picture(path)
        if size is not None and min(picture.shape[:2]) > size:
            picture = scale_picture(picture, size, "short")
        pictures[path.name] = picture
    return pictures
