"""Photographs of garments, 28 x 28 pixels, embedded in the package."""

from importlib import resources

import numpy as np

from keras_vipa.datasets.image_set import ImageSet
from keras_vipa.datasets.sheets import read_sheet
from keras_vipa.utils import checks

SIZE = 28
COUNTS = {"train": 5800, "validation": 1000, "test": 2000}
CLASSES = (
    "T-shirt",
    "trousers",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle boot",
)


def garments(split="train"):
    """Return 8,800 of the garments of Fashion-MNIST.

    Grey pictures of 28 x 28 pixels on black, repeated into three channels: of
    each class 580 train and 100 validation pictures out of the original
    training part, and 200 test pictures out of the original test part, drawn
    once with seed 0. Levels are even, to save room. Source and licence:
    `README.md` beside this file.

    Args:
        split: str. `"train"`, `"validation"`, `"test"` or `"all"` (in this
            order).

    Returns:
        An `ImageSet` of uint8 images `(n, 28, 28, 3)` with the label
        `"garment"`, ten classes. `info["index"]` is each picture's place in
        the original part that it is from.

    Raises:
        ValueError: If `split` is not one of the four.

    Example:

    >>> train = garments("train")
    >>> train.images.shape, train.class_names["garment"][8]
    ((5800, 28, 28, 3), 'bag')
    """
    checks.choice("split", split, (*COUNTS, "all"))
    count = sum(COUNTS.values())
    path = resources.files("keras_vipa.datasets") / "garments.npz"
    with path.open("rb") as file, np.load(file) as stored:
        garment, index = stored["garment"], stored["index"]
    whole = ImageSet(
        read_sheet("garments.webp", SIZE, count),
        labels={"garment": garment},
        class_names={"garment": CLASSES},
        name="garments",
        info={"index": index},
    )
    splits = np.repeat([*COUNTS], [*COUNTS.values()])
    return whole if split == "all" else whole.select(splits == split)
