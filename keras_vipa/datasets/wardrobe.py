"""Garments of known colour, shape and pattern, and outfits of them."""

import itertools

import numpy as np

from keras_vipa.datasets.bounds import check_drawing
from keras_vipa.datasets.garments import CLASSES
from keras_vipa.datasets.garments import garments
from keras_vipa.datasets.image_set import ImageSet
from keras_vipa.utils import checks

SIZE = 32
COUNTS = {"train": 4000, "validation": 2000, "test": 2000}
COLORS = {
    "black": (35, 35, 40),
    "grey": (140, 140, 145),
    "brown": (120, 72, 40),
    "red": (205, 40, 45),
    "yellow": (235, 195, 45),
    "green": (45, 140, 70),
    "blue": (45, 85, 190),
    "purple": (145, 60, 165),
}
SHAPES = {
    "T-shirt": "top",
    "pullover": "top",
    "trousers": "bottom",
    "dress": "dress",
    "sneaker": "shoes",
    "ankle boot": "shoes",
    "bag": "bag",
}
CATEGORIES = ("top", "bottom", "dress", "shoes", "bag")
# How much is ink, by the waves along rows and columns; more than 1 is 1.
INK = {
    "plain": lambda rows, columns: 0.0,
    "stripes": lambda rows, columns: 0.5 + 2 * rows,
    "checks": lambda rows, columns: 2 * np.maximum(rows, columns) - 0.4,
    "dots": lambda rows, columns: 2.5 * (rows + columns) - 2.0,
}
PATTERNS = tuple(INK)
# In the training part, each shape has one of these colours more often.
FAVOURITES = "red green blue purple grey brown yellow".split()


def wardrobe(split="train", count=None, correlation=None, seed=0):
    """Return garments of known colour, shape and pattern, drawn when asked.

    Silhouettes of photographs of `keras_vipa.datasets.garments`, of the same
    split, are cut from their background, mirrored and moved a little, dyed in
    one of eight colours with one of four patterns, and put on white. The
    labels are

    - `"color"`: 8; `"pattern"`: 4; `"shape"`: 7, the class of the photograph;
    - `"category"`: 5, which follows from the shape: what an outfit has one of.

    All shapes, colours and patterns are equally frequent. In the training part
    colour and shape are correlated; patterns are independent of both, and in
    the other parts all three are.

    Args:
        split: str. `"train"`, `"validation"` or `"test"`.
        count: int. How many. Defaults to 4,000 in training, else 2,000.
        correlation: float in [0, 1]. Part of the garments whose colour follows
            from their shape. Defaults to 0.5 in training, else 0.
        seed: int. The same seed gives the same garments.

    Returns:
        An `ImageSet` of uint8 images `(n, 32, 32, 3)`, labelled `"shape"` by
        default. `info["mask"]`, float32 `(n, 32, 32)` in [0, 1], is how much
        of each pixel is garment.

    Raises:
        ValueError: If an argument is not as above.

    Example:

    >>> items = wardrobe("test", count=5)
    >>> items.images.shape, items.class_names["pattern"]
    ((5, 32, 32, 3), ['plain', 'stripes', 'checks', 'dots'])
    """
    checks.choice("split", split, tuple(COUNTS))
    count = COUNTS[split] if count is None else count
    check_drawing(count, SIZE, seed)
    if correlation is None:
        correlation = 0.5 if split == "train" else 0.0
    checks.number("correlation", correlation, 0.0, 1.0)
    generator = np.random.default_rng([seed, [*COUNTS].index(split)])
    shape = generator.integers(len(SHAPES), size=count)
    color = generator.integers(len(COLORS), size=count)
    pattern = generator.integers(len(PATTERNS), size=count)
    favourite = np.array([[*COLORS].index(name) for name in FAVOURITES])
    follows = generator.random(count) < correlation
    color = np.where(follows, favourite[shape], color)
    levels = _photographs(split, shape, generator)
    images, mask = dyed(levels, color, pattern, generator)
    category = np.array([CATEGORIES.index(c) for c in SHAPES.values()])
    return ImageSet(
        images,
        labels={
            "color": color,
            "shape": shape,
            "pattern": pattern,
            "category": category[shape],
        },
        class_names={
            "color": [*COLORS],
            "shape": [*SHAPES],
            "pattern": PATTERNS,
            "category": CATEGORIES,
        },
        label="shape",
        name="wardrobe",
        info={"mask": mask},
    )


def _photographs(split, shape, generator):
    """Levels `(n, 32, 32)` in [0, 1] on black, mirrored and moved."""
    photographs = garments(split)
    classes = photographs.y()
    choice = generator.random(len(shape))
    number = np.zeros(len(shape), int)
    for index, name in enumerate(SHAPES):
        some = np.flatnonzero(classes == CLASSES.index(name))
        mine = shape == index
        number[mine] = some[(choice[mine] * len(some)).astype(int)]
    levels = photographs.images[number, :, :, 0].astype("float32") / 255.0
    is_mirrored = generator.random(len(shape)) < 0.5
    levels = np.where(is_mirrored[:, None, None], levels[:, :, ::-1], levels)
    room = SIZE - levels.shape[1]
    found = np.zeros((len(shape), SIZE, SIZE), "float32")
    place = generator.integers(room + 1, size=(len(shape), 2))
    for picture, level, (y, x) in zip(found, levels, place):
        picture[y : y + len(level), x : x + len(level)] = level
    return found


def dyed(levels, color, pattern, generator):
    """Garments in a colour with a pattern, on white.

    Args:
        levels: float array `(n, 32, 32)` in [0, 1], photographs on black.
        color: integer array `(n,)`, of `COLORS`.
        pattern: integer array `(n,)`, of `PATTERNS`.
        generator: `numpy.random.Generator`.

    Returns:
        A uint8 array `(n, 32, 32, 3)`, and the mask, float32 `(n, 32, 32)`.
    """
    count = len(levels)
    mask = silhouettes(levels)
    # No two dyes are quite the same.
    light = generator.uniform(0.88, 1.12, (count, 1))
    palette = np.array(list(COLORS.values()), "float32") / 255.0
    dye = palette[color] * light + generator.normal(0, 0.015, (count, 3))
    dye = dye.clip(0.0, 1.0)
    # Of the photographs only folds and seams are kept, not what is printed.
    area = np.maximum(mask.sum(axis=(1, 2), keepdims=True), 1.0)
    mean = (levels * mask).sum(axis=(1, 2), keepdims=True) / area
    folds = (_mean3(levels) / np.maximum(mean, 0.05)).clip(0.5, 1.5)
    shade = 0.75 + 0.25 * folds
    # On what is dark, patterns are light, and the other way round.
    is_dark = dye.mean(axis=1, keepdims=True) < 0.5
    ink = np.where(is_dark, 0.8 + 0.2 * dye, 0.25 * dye)
    part = patterns(pattern, generator)[..., None]
    cloth = (1 - part) * dye[:, None, None] + part * ink[:, None, None]
    cloth = cloth * shade[..., None]
    images = 1.0 + mask[..., None] * (cloth - 1.0)
    return (255 * images).round().clip(0, 255).astype("uint8"), mask


def silhouettes(levels):
    """What is garment in photographs on black: float32, 1 inside.

    Dark pixels amid a garment are part of it, gaps are not; edges are soft.
    """
    inside = levels > 0.03
    inside |= _mean3(inside) > 7.5 / 9
    soft = (1.5 * _mean3(inside) - 0.1).clip(0.0, 1.0)
    return (inside * soft).astype("float32")


def patterns(pattern, generator):
    """How much of each pixel is ink: float array `(n, 32, 32)` in [0, 1].

    Args:
        pattern: integer array `(n,)`, of `PATTERNS`.
        generator: `numpy.random.Generator`.
    """
    shape = (len(pattern), 1, 1)
    period = generator.uniform(4.0, 5.5, shape)
    y, x = generator.uniform(0.0, 2 * np.pi, (2, *shape))
    turns = 2 * np.pi * np.arange(SIZE) / period
    rows = np.cos(turns.swapaxes(1, 2) + y).astype("float32")
    columns = np.cos(turns + x).astype("float32")
    found = np.zeros((len(pattern), SIZE, SIZE), "float32")
    for number, (name, ink) in enumerate(INK.items()):
        mine = pattern == number
        found[mine] = ink(rows[mine], columns[mine])
    return found.clip(0.0, 1.0)


def _mean3(images):
    """Mean of the nine pixels around each, 0 beyond the edge."""
    around = np.pad(images.astype("float32"), [(0, 0), (1, 1), (1, 1)])
    height, width = images.shape[1:]
    every = itertools.product(range(3), range(3))
    shifted = [around[:, y : y + height, x : x + width] for y, x in every]
    return sum(shifted) / 9.0
