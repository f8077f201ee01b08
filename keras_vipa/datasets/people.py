"""Drawn people with known parts, 32 x 32 pixels, embedded in the package."""

from importlib import resources

import numpy as np

from keras_vipa.datasets.image_set import ImageSet
from keras_vipa.datasets.sheets import read_sheet
from keras_vipa.utils import checks

SIZE = 32
COUNTS = {"train": 5600, "validation": 800, "test": 1600}
# The parts, as the style of drawing names them; colours from light to dark, or
# in its order.
PARTS = {
    "hat": (
        "none short spiky bowl sideSwept curly mohawk buns ponytail bob "
        "shoulderLength longStraight longWavy partedLong braids twinTails cap "
        "beanie animalEars bunnyEars afro halfShaved"
    ).split(),
    "outfit": (
        "plain stripes jacket checker overalls hoodie tie coat dress suit"
    ).split(),
    "mouth": (
        "smile bigSmile flat ooh tongue smirk laugh wideSmile frown grin"
    ).split(),
    "glasses": "none round square shades cat visor".split(),
    "eyes": "open soft happy sleepy side closed wide star".split(),
    "skin": [f"tone {number}" for number in range(1, 9)],
    "hair": (
        "black espresso brown chestnut copper honey sand blond auburn crimson "
        "violet green"
    ).split(),
    "trousers": "denim navy slate brown charcoal steel".split(),
    "shoes": "white black pink blue orange purple".split(),
}
# What is true of a person whose part is one of some.
ATTRIBUTES = {
    "headgear": ("hat", "cap beanie animalEars bunnyEars"),
    "animal ears": ("hat", "animalEars bunnyEars"),
    "long hair": (
        "hat",
        "shoulderLength longStraight longWavy partedLong braids twinTails",
    ),
    "tied hair": ("hat", "buns ponytail braids twinTails"),
    "short hair": ("hat", "short spiky bowl sideSwept curly mohawk halfShaved"),
    "fair hair": ("hair", "honey sand blond"),
    "dark hair": ("hair", "black espresso brown"),
    "bright hair": ("hair", "crimson violet green"),
    "glasses": ("glasses", "round square shades cat visor"),
    "dark glasses": ("glasses", "shades visor"),
    "closed eyes": ("eyes", "happy sleepy closed"),
    "starry eyes": ("eyes", "star"),
    "smile": ("mouth", "smile smirk wideSmile"),
    "teeth": ("mouth", "bigSmile laugh grin"),
    "serious": ("mouth", "flat frown"),
    "light skin": ("skin", ("tone 1", "tone 2")),
    "dark skin": ("skin", ("tone 6", "tone 7", "tone 8")),
    "open jacket": ("outfit", "jacket checker suit"),
    "long coat": ("outfit", "coat dress"),
    "pattern": ("outfit", "stripes checker"),
    "overalls": ("outfit", "overalls"),
    "blue trousers": ("trousers", "denim navy"),
    "brown trousers": ("trousers", "brown"),
    "white shoes": ("shoes", "white"),
}


def people(split="train", label="hat"):
    """Return 8,000 drawn people, all different, with the parts they are of.

    Pictures of 32 x 32 pixels on white in the style "voxel art" of DiceBear,
    which combines its parts at random and independently. Source, licence,
    counts, and how well a small network reads each part: `README.md` beside
    this file. The labels are

    - `"hat"`: 22 hair styles and hats; `"outfit"`, `"mouth"`: 10 each;
      `"glasses"`: 6; `"eyes"`: 8;
    - `"skin"`: 8 tones from light to dark; `"trousers"`, `"shoes"`: 6 colours
      each; `"hair"`: 12 colours, -1 under hats and where there is none;
    - `"attributes"`: multi-hot, 24 that follow from these, such as `"long
      hair"`, each true of 5 to 60 % of the people.

    Args:
        split: str. `"train"`, `"validation"`, `"test"` or `"all"` (in this
            order).
        label: str. The default label of the set.

    Returns:
        An `ImageSet` of uint8 images `(n, 32, 32, 3)`. `info["seed"]` is what
        the drawing was made of.

    Raises:
        ValueError: If `split` or `label` is unknown.

    Example:

    >>> test = people("test", label="outfit")
    >>> test.images.shape, test.class_names["outfit"][test.y()[0]]
    ((1600, 32, 32, 3), 'checker')
    """
    checks.choice("split", split, (*COUNTS, "all"))
    path = resources.files("keras_vipa.datasets") / "people.npz"
    with path.open("rb") as file, np.load(file) as stored:
        labels = {part: stored[part].astype("int32") for part in PARTS}
        seed = stored["seed"]
    names = {**PARTS, "attributes": [*ATTRIBUTES]}
    labels["attributes"] = attributes_of(labels)
    whole = ImageSet(
        read_sheet("people.webp", SIZE, len(seed)),
        labels=labels,
        class_names=names,
        label=label,
        name="people",
        info={"seed": seed},
    )
    splits = np.repeat([*COUNTS], [*COUNTS.values()])
    return whole if split == "all" else whole.select(splits == split)


def attributes_of(labels):
    """Multi-hot uint8 `(n, 24)` of the parts, a dict of arrays `(n,)`."""
    columns = []
    for part, names in ATTRIBUTES.values():
        names = names.split() if isinstance(names, str) else names
        wanted = [PARTS[part].index(name) for name in names]
        columns.append(np.isin(labels[part], wanted))
    return np.stack(columns, axis=-1).astype("uint8")
