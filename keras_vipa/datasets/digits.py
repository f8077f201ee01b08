"""Handwritten digits, 8 x 8 pixels, embedded in the package."""

from importlib import resources

import numpy as np

from keras_vipa.datasets.image_set import ImageSet
from keras_vipa.utils import checks

NUM_TRAIN = 1200


def digits(split="train"):
    """Return the 1,797 handwritten digits of scikit-learn.

    Grey pictures of 8 x 8 pixels, repeated into three channels. The split is
    fixed and stratified: 1,200 train and 597 test pictures, drawn once with
    seed 0 and stored in that order. Sources and licence: `README.md` beside
    this file.

    Args:
        split: str. `"train"`, `"test"` or `"all"` (train, then test).

    Returns:
        An `ImageSet` of uint8 images `(n, 8, 8, 3)` with the label `"digit"`,
        ten classes named `"0"` to `"9"`. `info["index"]` is each picture's
        place in `sklearn.datasets.load_digits()`.

    Raises:
        ValueError: If `split` is not one of the three.

    Example:

    >>> train, test = digits("train"), digits("test")
    >>> train.images.shape, test.images.shape, train.num_classes()
    ((1200, 8, 8, 3), (597, 8, 8, 3), 10)
    """
    rows = {
        "train": slice(NUM_TRAIN),
        "test": slice(NUM_TRAIN, None),
        "all": slice(None),
    }
    checks.choice("split", split, rows)
    path = resources.files("keras_vipa.datasets") / "digits.npz"
    with path.open("rb") as file, np.load(file) as stored:
        levels, digit, index = (
            stored[key][rows[split]] for key in ("levels", "digit", "index")
        )
    grey = np.round(levels * (255.0 / 16.0)).astype("uint8")
    return ImageSet(
        np.repeat(grey[..., np.newaxis], 3, axis=-1),
        labels={"digit": digit},
        class_names={"digit": [str(value) for value in range(10)]},
        name="digits",
        info={"index": index},
    )
