"""Rendered rooms, 64 x 64 pixels, embedded in the package."""

from importlib import resources

import numpy as np

from keras_vipa.datasets.room_set import RoomSet
from keras_vipa.datasets.sheets import read_sheet
from keras_vipa.utils import checks

SIZE = 64
COUNTS = {"train": 300, "validation": 100, "test": 300, "unlabelled": 1600}
CLASSES = (
    "wall floor ceiling door window bed chair sofa table cabinet plant"
).split()
# Which of the two lists of models a split has furniture of.
SIDES = {"train": 0, "validation": 0, "test": 1, "unlabelled": 0}
# As they are called in the library; a class has models of its own for testing.
MODELS = {
    "bed": ("bed1 bed3 bedWithTexture", "bed2"),
    "chair": (
        "antiqueChair armchair chairWithCushion oakChair plasticChair "
        "sillaBlanca",
        "chair chair2 designChair osakaChair thonet",
    ),
    "sofa": (
        "L_shaped_sofa armchair2 couch modernArmchair sofa2",
        "couch2 sofa winchesterArmchair winchesterSofa",
    ),
    "table": (
        "desk oakTable tableWithTablecloth technicalTable1",
        "lbDesk table technicalTable2",
    ),
    "cabinet": (
        "bedsideTable2 bookcase drawersCabinet lowerCabinet shelves "
        "televisionCabinet wardrobeWithSlidingDoors",
        "cupboard glassDoorCabinet highCabinet verticalShelves",
    ),
    "plant": ("augalas orchids plant", "cactus decorativePlant littlePlant"),
}
MODEL_NAMES = " ".join(" ".join(pair) for pair in MODELS.values()).split()
CAMERA = ("field_of_view", "pitch", "eye_height")


def rooms(split="train"):
    """Return rendered rooms: pictures, labels, depth and normals.

    2,300 rooms that are different, with furniture of Sweet Home 3D. No model
    of the test rooms' furniture is in any other room. Source, licence, counts
    and limits: `README.md` beside this file.

    Depth is along the optical axis, in steps of a centimetre; normals are in
    coordinates of the camera (x right, y up, z towards the viewer), within
    one degree. They are those of the surface that most of a pixel shows; the
    class is that of most of it. See `RoomSet`.

    Args:
        split: str. `"train"` (300 rooms), `"validation"` (100), `"test"`
            (300), or `"unlabelled"`: 1,600 more, of which there are nothing
            but pictures.

    Returns:
        A `RoomSet` of uint8 images `(n, 64, 64, 3)` with eleven classes. In
        `info`: `"seed"` that the room was made of, `"models"` in it (names
        with spaces between, also of what is out of sight), and of the camera
        `"field_of_view"` (degrees, in both directions), `"pitch"` (degrees
        above the horizon) and `"eye_height"` (metres above the floor).

    Raises:
        ValueError: If `split` is not one of the four.

    Example:

    >>> test = rooms("test")
    >>> test.images.shape, test.class_names[:3]
    ((300, 64, 64, 3), ['wall', 'floor', 'ceiling'])
    >>> float(test.depth[0, 32, 32]).__round__(2)
    5.06
    """
    checks.choice("split", split, COUNTS)
    splits = np.repeat([*COUNTS], [*COUNTS.values()])
    chosen = splits == split
    path = resources.files("keras_vipa.datasets") / "rooms.npz"
    with path.open("rb") as file, np.load(file) as stored:
        models, camera = stored["models"][chosen], stored["camera"][chosen]
        info = {"seed": stored["seed"][chosen]}
    present = np.unpackbits(models, axis=1)[:, : len(MODEL_NAMES)].astype(bool)
    names = np.array(MODEL_NAMES)
    info["models"] = [" ".join(names[row]) for row in present]
    info.update(zip(CAMERA, camera.T))
    maps = {} if split == "unlabelled" else _maps(chosen)
    return RoomSet(
        read_sheet("rooms.webp", SIZE, len(splits))[chosen],
        **maps,
        class_names=CLASSES,
        name="rooms",
        info=info,
    )


def _maps(chosen):
    """Labels, depth and normals of some rooms, a dict."""
    count = len(chosen) - COUNTS["unlabelled"]
    chosen = chosen[:count]
    surfaces = read_sheet("rooms_surfaces.webp", SIZE, count)[chosen]
    levels = read_sheet("rooms_depth.webp", SIZE, count)[chosen]
    centimetres = levels[..., 0] * np.float32(256) + levels[..., 1]
    return {
        "labels": surfaces[..., 1],
        "depth": centimetres / np.float32(100),
        "normals": unfolded(surfaces[..., [0, 2]]),
    }


def unfolded(coded):
    """Normals `(..., 3)` of points of an octahedron, uint8 `(..., 2)`.

    Its half that looks to the viewer lies within |x| + |y| <= 1, and the
    other half around it, folded outwards.
    """
    x, y = np.moveaxis(coded.astype("float32") / np.float32(127.5) - 1, -1, 0)
    z = 1 - np.abs(x) - np.abs(y)
    beyond = np.maximum(-z, 0)
    x, y = x - np.copysign(beyond, x), y - np.copysign(beyond, y)
    normals = np.stack([x, y, z], axis=-1)
    return normals / np.linalg.norm(normals, axis=-1, keepdims=True)
