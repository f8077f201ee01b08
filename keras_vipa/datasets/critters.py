"""Drawn creatures of classes known by their attributes, embedded."""

from importlib import resources

import numpy as np

from keras_vipa.datasets.image_set import ImageSet
from keras_vipa.datasets.sheets import read_sheet
from keras_vipa.utils import checks

SIZE = 32
SEEN, UNSEEN = 160, 20
# Pictures of each class.
COUNTS = {"train": 24, "validation": 6, "unseen": 60}
# What all creatures of a class have in common, as the style names it.
PARTS = {
    "body": (
        "dome block tower chimney squat blob round tilt lean peak bell wedge "
        "wedgeInv steps"
    ).split(),
    "eyes": (
        "round dots bigPupils sideeye inward mono uneven trio threeRow four "
        "happy closedLine wink squint wide sleepy angry monoSleepy close"
    ).split(),
    "mouth": (
        "smile tinySmile grin laugh teeth ooh line smirk wavy catMouth zigzag "
        "frown sad slant dot open tooth tongue blep"
    ).split(),
    "top": (
        "none horns hornsIn hornsSmall spike antenna antennae earsRound "
        "earsPointy earsDroop spikes fin crown sprout nub bobble"
    ).split(),
    "color": (
        "sky indigo violet pink rose red orange yellow lime mint teal white"
    ).split(),
}
# What is true of a class whose part is one of some.
ATTRIBUTES = {
    "tall": ("body", "tower chimney tilt lean peak"),
    "wide": ("body", "block squat round bell wedgeInv"),
    "edgy": ("body", "block tower chimney wedge wedgeInv steps"),
    "leaning": ("body", "tilt lean"),
    "wide at the foot": ("body", "squat bell wedge steps"),
    "one eye": ("eyes", "mono monoSleepy"),
    "many eyes": ("eyes", "trio threeRow four"),
    "closed eyes": ("eyes", "happy closedLine squint"),
    "tired eyes": ("eyes", "closedLine sleepy monoSleepy"),
    "dark eyes": ("eyes", "dots bigPupils close"),
    "unequal eyes": ("eyes", "uneven wink sideeye"),
    "smiles": ("mouth", "smile tinySmile grin laugh catMouth tongue"),
    "open mouth": ("mouth", "grin laugh teeth ooh open"),
    "teeth": ("mouth", "grin teeth zigzag tooth"),
    "sad": ("mouth", "frown sad"),
    "tongue": ("mouth", "tongue blep"),
    "small mouth": ("mouth", "tinySmile ooh dot catMouth"),
    "crooked mouth": ("mouth", "smirk wavy slant zigzag"),
    "bare head": ("top", "none"),
    "horns": ("top", "horns hornsIn hornsSmall"),
    "antennae": ("top", "antenna antennae bobble"),
    "ears": ("top", "earsRound earsPointy earsDroop"),
    "spines": ("top", "spike spikes fin crown"),
    "plant": ("top", "sprout nub"),
    "blue": ("color", "sky indigo"),
    "purple": ("color", "violet pink"),
    "red": ("color", "rose red"),
    "yellow": ("color", "orange yellow"),
    "green": ("color", "lime mint teal"),
    "white": ("color", "white"),
}


def critters(split="train", difficulty=1.0):
    """Return drawn creatures of 160 seen and 20 unseen classes.

    Pictures of 32 x 32 pixels on white in the style "critters" of DiceBear.
    A class has a body, eyes, a mouth, something on its head and a colour; its
    creatures differ in patterns, cheeks, the colour of what is on the head, and
    in how they are turned, how large and where. As among animals, what classes
    have is related: all parts depend on four factors of kinship, so that some
    attributes tell something of the others. Source, licence, counts and how
    much that is: `README.md` beside this file.

    Args:
        split: str. `"train"` and `"validation"` are of the seen classes, the
            latter to choose settings; `"unseen"` of the others.
        difficulty: float. How much noise there is, and how much is hidden,
            from 0 on; different for each picture, and the same whenever it is
            asked for.

    Returns:
        An `ImageSet` of uint8 images `(n, 32, 32, 3)`; the label `"class"` is 0
        to 159, or 160 to 179. `info["hardness"]`, in [0, 1], is how much of the
        difficulty a picture has.

    Raises:
        ValueError: If an argument is not as above.

    Example:

    >>> unseen = critters("unseen")
    >>> unseen.images.shape, sorted(set(unseen.y().tolist()))[:2]
    ((1200, 32, 32, 3), [160, 161])
    """
    checks.choice("split", split, tuple(COUNTS))
    checks.number("difficulty", difficulty)
    parts = _classes()
    counts = [COUNTS["train"] + COUNTS["validation"]] * SEEN
    classes = np.repeat(
        range(SEEN + UNSEEN), counts + [COUNTS["unseen"]] * UNSEEN
    )
    place = np.arange(len(classes))
    place = place - np.searchsorted(classes, classes)
    chosen = {
        "train": (classes < SEEN) & (place < COUNTS["train"]),
        "validation": (classes < SEEN) & (place >= COUNTS["train"]),
        "unseen": classes >= SEEN,
    }[split]
    numbers = np.flatnonzero(chosen)
    images = read_sheet("critters.webp", SIZE, len(classes))[numbers]
    found = [spoilt(*pair, difficulty) for pair in zip(images, numbers)]
    names = [
        " ".join(PARTS[part][parts[part][number]] for part in PARTS)
        for number in range(SEEN + UNSEEN)
    ]
    return ImageSet(
        np.stack([image for image, _ in found]),
        labels={"class": classes[numbers]},
        class_names={"class": names},
        name="critters",
        info={"hardness": [hardness for _, hardness in found]},
    )


def critter_signatures(names=None):
    """Return what is true of each class of `critters`.

    Args:
        names: list of str. Which attributes. Defaults to all 30.

    Returns:
        A float32 array `(180, attributes)` of zeros and ones, and the list of
        names; the last 20 classes are the unseen ones.

    Raises:
        ValueError: If there is no such attribute.

    Example:

    >>> signatures, _ = critter_signatures(["tall", "one eye"])
    >>> signatures.shape
    (180, 2)
    """
    names = [*ATTRIBUTES] if names is None else names
    if not isinstance(names, list | tuple) or not len(names):
        checks.fail("`names` must be a list of attributes", "names", names)
    for name in names:
        checks.choice("names", name, tuple(ATTRIBUTES))
    true = attributes_of(_classes())
    chosen = [[*ATTRIBUTES].index(name) for name in names]
    return true[:, chosen].astype("float32"), list(names)


def attributes_of(parts):
    """Which of all attributes are true, boolean `(n, 30)`.

    Args:
        parts: dict, part -> integer array `(n,)`, as `PARTS` counts them.
    """
    columns = []
    for part, wanted in ATTRIBUTES.values():
        wanted = [PARTS[part].index(variant) for variant in wanted.split()]
        columns.append(np.isin(parts[part], wanted))
    return np.stack(columns, axis=1)


def _classes():
    """Part of each class, dict of integer arrays `(180,)`."""
    path = resources.files("keras_vipa.datasets") / "critters.npz"
    with path.open("rb") as file, np.load(file) as stored:
        return {part: stored[part].astype("int32") for part in PARTS}


def spoilt(image, number, difficulty):
    """A picture with noise and a bar in front of it, and how hard that is.

    Args:
        image: uint8 array `(32, 32, 3)`.
        number: integer. Its seed.
        difficulty: float.

    Returns:
        A uint8 array of the same shape, and a float in [0, 1].
    """
    generator = np.random.default_rng(number)
    hardness = generator.random()
    strength = difficulty * hardness
    # At most 3 of 32 lines, of any colour.
    width = round(min(SIZE, 3 * strength))
    start = generator.integers(0, SIZE - width + 1)
    color = generator.integers(0, 256, 3)
    found = image.astype("float32")
    bar = (slice(start, start + width), slice(None))
    found[bar if generator.random() < 0.5 else bar[::-1]] = color
    noise = generator.normal(0.0, 1.0, found.shape)
    found = found + 20.0 * strength * noise
    return found.round().clip(0, 255).astype("uint8"), float(hardness)
