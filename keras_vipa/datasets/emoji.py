"""Emoji in two designs, 32 x 32 pixels, embedded in the package."""

import csv
from importlib import resources

import numpy as np

from keras_vipa.datasets.image_set import ImageSet
from keras_vipa.datasets.sheets import read_sheet
from keras_vipa.utils import checks

SIZE = 32
DESIGNS = ("noto", "twemoji")
SPLITS = ("train", "validation", "test")
SKIN_TONES = (
    "none",
    "light",
    "medium-light",
    "medium",
    "medium-dark",
    "dark",
)
GENDERS = ("none", "woman", "man")


def emoji(split="train", label="category"):
    """Return pictures of emoji in two designs, Noto and Twemoji.

    About 7,000 pictures of 32 x 32 pixels on white, each emoji once in either
    design, with six labels:

    - `"category"`: 9 classes, such as `"Food & Drink"`;
    - `"subcategory"`: its finer division, such as `"food-fruit"`;
    - `"skin_tone"`: 0 for none, 1 (light) to 5 (dark);
    - `"gender"`: 0 for none, neutral or several, 1 for woman, 2 for man;
    - `"design"`: 0 for Noto, 1 for Twemoji;
    - `"keywords"`: multi-hot, the keywords that several emoji share.

    All variants of one emoji (skin tone, gender, direction, design) lie on
    one side of the split, about 70 % train, 10 % validation and 20 % test.
    Sources, licences and counts: `README.md` beside this file.

    Args:
        split: str. `"train"`, `"validation"`, `"test"` or `"all"`.
        label: str. The default label of the set.

    Returns:
        An `ImageSet` of uint8 images `(n, 32, 32, 3)`, first all in the Noto
        design, then all in Twemoji. `info` holds `"name"`, the emoji's code
        points as `"hexcode"`, and `"family"`, which its variants share.

    Raises:
        ValueError: If `split` or `label` is unknown.

    Example:

    >>> test = emoji("test")
    >>> test.images.shape[1:], test.num_classes("category")
    ((32, 32, 3), 9)
    >>> fruit = test.of_classes(["food-fruit"], label="subcategory")
    >>> bool((fruit.y("design") == 0).sum() == len(fruit) // 2)
    True
    """
    checks.choice("split", split, (*SPLITS, "all"))
    place = resources.files("keras_vipa.datasets")
    with (place / "emoji.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    rows_of = {key: [row[key] for row in rows] for key in rows[0]}
    images = [
        read_sheet(f"emoji_{design}.webp", SIZE, len(rows))
        for design in DESIGNS
    ]
    labels, class_names = _labels(rows_of)
    pictures = ImageSet(
        np.concatenate(images),
        labels=labels,
        class_names=class_names,
        label=label,
        name="emoji",
        info={
            key: rows_of[key] * len(DESIGNS)
            for key in ("name", "hexcode", "family")
        },
    )
    if split == "all":
        return pictures
    chosen = np.array(rows_of["split"] * len(DESIGNS)) == split
    return pictures.select(chosen)


def _labels(rows_of):
    labels = {"skin_tone": np.array(rows_of["skin_tone"], "int32")}
    class_names = {"skin_tone": SKIN_TONES, "gender": GENDERS}
    labels["gender"] = np.array(rows_of["gender"], "int32")
    for key in ("category", "subcategory"):
        # Dictionaries keep the order of the table, which is Unicode's.
        class_names[key] = list(dict.fromkeys(rows_of[key]))
        place = {name: index for index, name in enumerate(class_names[key])}
        labels[key] = np.array([place[name] for name in rows_of[key]])
    words = [set(text.split("|")) - {""} for text in rows_of["keywords"]]
    class_names["keywords"] = sorted(set().union(*words))
    labels["keywords"] = np.array(
        [[word in own for word in class_names["keywords"]] for own in words]
    )
    labels = {
        key: np.concatenate([value] * len(DESIGNS))
        for key, value in labels.items()
    }
    class_names["design"] = DESIGNS
    labels["design"] = np.repeat(
        np.arange(len(DESIGNS)), len(rows_of["category"])
    )
    return labels, class_names
