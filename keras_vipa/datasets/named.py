"""Data sets by the names that recipes take on the command line."""

import numpy as np

from keras_vipa.datasets.digits import digits
from keras_vipa.datasets.emoji import emoji
from keras_vipa.datasets.folder import folder
from keras_vipa.datasets.garments import garments
from keras_vipa.datasets.image_set import ImageSet
from keras_vipa.datasets.people import people
from keras_vipa.datasets.tfds import tfds
from keras_vipa.utils import checks
from keras_vipa.utils.images import check_size
from keras_vipa.utils.images import fit_picture

EMBEDDED = {"digits": digits, "garments": garments, "people": people}


def named(name, size=32, seed=0):
    """Training and test images of a data set.

    Args:
        name: string. `"digits"`; `"garments"`; `"people"`; `"emoji"` (without
            the variants in other skin tones); `"folder:PATH"`, of which a fifth
            is for testing; or `"tfds:NAME"` with splits `train` and `test`. Or
            several of the first four, `"garments+emoji"`, as one set in the
            size of the largest images, with the label `"class"`.
        size: integer. Side in pixels of the images of the last two.
        seed: integer. Seed of the fifth.

    Returns:
        Tuple of two `ImageSet`, for training and for testing.

    Raises:
        ValueError: If there is no such data set, or no two pictures in it.

    Example:

    >>> [len(images) for images in named("digits")]
    [1200, 597]
    """
    kind, _, rest = str(name).partition(":")
    checks.integer("seed", seed, 0)
    check_size(size)
    if name in EMBEDDED:
        return EMBEDDED[name]("train"), EMBEDDED[name]("test")
    if name == "emoji":
        sets = emoji("train"), emoji("test")
        return tuple(s.select(s.y("skin_tone") == 0) for s in sets)
    parts = str(name).split("+")
    if len(parts) > 1 and set(parts) <= {*EMBEDDED, "emoji"}:
        pairs = [named(part) for part in parts]
        return tuple(_joined(name, sets) for sets in zip(*pairs))
    if kind == "folder" and rest:
        images = folder(rest, size=size)
        if len(images) < 2:
            raise ValueError(
                "A folder must hold at least two readable pictures, for "
                f"training and for testing. Received: {rest}"
            )
        order = np.random.default_rng(seed).permutation(len(images))
        cut = max(1, len(images) // 5)
        return images.select(order[cut:]), images.select(order[:cut])
    if kind == "tfds" and rest:
        return tfds(rest, "train", size), tfds(rest, "test", size)
    raise ValueError(
        "A data set is digits, emoji, garments, people, several of them with "
        "a plus between, folder:PATH or tfds:NAME. "
        f"Received: {name if isinstance(name, str) else checks.shown(name)}"
    )


def _joined(name, sets):
    """Images of several sets, the classes of one behind those of another."""
    size = max(images.images.shape[1:3] for images in sets)
    pictures, classes, names = [], [], []
    for images in sets:
        pictures += [fit_picture(picture, size) for picture in images.images]
        classes.append(images.y() + len(names))
        names += images.class_names[images.label]
    return ImageSet(
        np.stack(pictures),
        labels={"class": np.concatenate(classes)},
        class_names={"class": names},
        name=name,
    )
