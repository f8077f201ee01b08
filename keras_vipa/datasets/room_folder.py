"""A folder of the user's own rooms, as NYUv2 is often kept."""

import os
import warnings

import numpy as np
from PIL import Image
from PIL import ImageOps

from keras_vipa.datasets.room_set import LENGTH_TOLERANCE
from keras_vipa.datasets.room_set import MAPS
from keras_vipa.datasets.room_set import UNKNOWN
from keras_vipa.datasets.room_set import RoomSet
from keras_vipa.utils import checks
from keras_vipa.utils.images import check_size
from keras_vipa.utils.images import find_pictures
from keras_vipa.utils.images import fit_picture
from keras_vipa.utils.images import read_picture

PICTURES = "rgb"
ENDINGS = (".npy", ".png")
# Levels of a normal in a PNG file are rounded, and those of JPEG made PNG off.
LEVEL_TOLERANCE = 0.1


def room_folder(
    path, size=None, maps=MAPS, class_names=None, depth_scale=0.001
):
    """Return the rooms of a folder, with what is known of their pixels.

    The folder has sub-folders with a file for each room, of one name but for
    the ending:

    - `rgb/`: pictures, see `utils.images.read_picture`;
    - `labels/`: PNG of grey levels or a palette, or `.npy` of integers
      `(height, width)`: classes from 0; 255, or -1, where not known;
    - `depth/`: PNG of 16 bits, in steps of `depth_scale`, or `.npy` `(height,
      width)`: floats in metres, integers in these steps; along the optical
      axis;
    - `normals/`: PNG, where the levels 0 to 255 are -1 to 1, or `.npy` of
      floats `(height, width, 3)`; x right, y up, z towards the viewer.

    Maps are as large as their picture. With `size` all keep their
    proportions: the centre is scaled and cropped as in `folder`, and a pixel
    of a map is one of the file's, not a mean.

    Args:
        path: str or path. The folder.
        size: int, or pair of ints `(height, width)`. In pixels. Defaults to
            `None`: as they are, all of one size.
        maps: sequence of str. Which of `"labels"`, `"depth"` and `"normals"`
            to read; `()` for pictures alone.
        class_names: list of str. Names of the classes. Defaults to "0", "1"
            and so on.
        depth_scale: float. Metres of a step of depth. Defaults to 0.001:
            millimetres.

    Returns:
        A `RoomSet`; `info["path"]` holds the names of the pictures.

    Raises:
        ValueError: If a folder, or a room's file in it, is missing or
            unreadable; if sizes differ; if a depth is 0, negative or not a
            number; if a normal has not length 1, or they look away from the
            viewer; if a label is negative or above 255, or has no name.

    Example:

    >>> import os, tempfile
    >>> import numpy as np
    >>> from keras_vipa.utils.images import save_picture
    >>> with tempfile.TemporaryDirectory() as home:
    ...     for name in ("rgb", "depth"):
    ...         os.mkdir(os.path.join(home, name))
    ...     save_picture(os.path.join(home, "rgb", "kitchen.png"),
    ...                  np.zeros((30, 40, 3)))
    ...     np.save(os.path.join(home, "depth", "kitchen.npy"),
    ...             np.full((30, 40), 2.5))
    ...     found = room_folder(home, size=16, maps=["depth"])
    >>> found.images.shape, found.depth[0, 0, :3]
    ((1, 16, 16, 3), array([2.5, 2.5, 2.5], dtype=float32))
    """
    path = checks.path("path", os.path.expanduser(checks.path("path", path)))
    if isinstance(maps, str) or not np.iterable(maps):
        checks.fail(f"`maps` must be some of {MAPS}", "maps", maps)
    maps = [checks.choice("maps", name, MAPS) for name in maps]
    checks.number("depth_scale", depth_scale, above=True)
    size = None if size is None else check_size(size)
    for name in (PICTURES, *maps):
        if not (path / name).is_dir():
            hint = "" if name == PICTURES else ", or `maps` be without it"
            rule = f"`path` must hold a folder {name!r}{hint}"
            checks.fail(rule, "path", str(path))
    files = find_pictures(path / PICTURES)
    found = [_read_room(file, maps, size, depth_scale) for file in files]
    names = [file.name for file in files]
    columns = {name: [room[name] for room in found] for name in found[0]}
    _check_sizes(names, columns[PICTURES])
    _check_directions(columns.get("normals", []))
    return RoomSet(
        np.stack(columns.pop(PICTURES)),
        **{name: np.stack(values) for name, values in columns.items()},
        class_names=class_names,
        name=os.path.basename(os.path.abspath(path)),
        info={"path": names},
    )


def _read_room(file, maps, size, depth_scale):
    """Picture and maps of a room, a dict."""
    picture = read_picture(file)
    room = {PICTURES: picture if size is None else fit_picture(picture, size)}
    for name in maps:
        place = _find(file, name)
        values = _read_values(place)
        shape = picture.shape[:2] + ((3,) if name == "normals" else ())
        if values.shape != shape:
            raise ValueError(
                f"A file of {name!r} must be as large as its picture, {shape}. "
                f"Received: {_shown(place)} of {values.shape}"
            )
        if name == "labels":
            values = _to_labels(place, values)
        elif name == "depth":
            values = _to_metres(place, values, depth_scale)
        else:
            values = _to_normals(place, values)
        room[name] = values if size is None else _fit_map(values, size)
    return room


def _find(file, name):
    """The file of a map of a room."""
    folder = file.parent.parent / name
    for ending in ENDINGS:
        place = folder / f"{file.stem}{ending}"
        if place.is_file():
            return place
    raise ValueError(
        f"Each picture must have a file in {name!r}, {file.stem}.png or "
        f"{file.stem}.npy. Received: none for {_shown(file)}"
    )


def _shown(place):
    return f"{place.parent.name}/{place.name}"


def _read_values(place):
    """What is in a file, as it is."""
    try:
        if place.suffix == ".npy":
            return np.load(place, allow_pickle=False)
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(place, formats=["PNG"]) as picture:
                return np.asarray(picture)
    # Damaged files raise a dozen kinds of error.
    except Exception as error:
        raise ValueError(
            f"A map must be a readable PNG or NumPy file "
            f"({type(error).__name__}). Received: {_shown(place)}"
        ) from error


def _check_kind(place, values, kinds, what):
    if values.dtype.kind not in kinds:
        raise ValueError(
            f"A file of {place.parent.name!r} must hold {what}. "
            f"Received: {_shown(place)} of type {values.dtype}"
        )


def _to_labels(place, values):
    _check_kind(place, values, "iu", "integers")
    values = np.where(values == -1, UNKNOWN, values)
    if values.min() < 0 or values.max() > UNKNOWN:
        raise ValueError(
            "Labels must lie between 0 and 254, or be 255 or -1 where not "
            f"known. Received: {_shown(place)} with {values.min()} to "
            f"{values.max()}"
        )
    return values.astype("uint8")


def _to_metres(place, values, scale):
    _check_kind(place, values, "iuf", "numbers")
    steps = scale if values.dtype.kind in "iu" else 1.0
    depth = (values * steps).astype("float32")
    bad = ~(np.isfinite(depth) & (depth > 0))
    if bad.any():
        raise ValueError(
            "Depth must be positive everywhere; fill its holes, or leave the "
            f"room out. Received: {_shown(place)}, with {bad.sum()} of "
            f"{bad.size} pixels 0, negative or not a number"
        )
    return depth


def _to_normals(place, values):
    _check_kind(place, values, ("u", "f"), "bytes or floats")
    normals, allowed = values.astype("float32"), LENGTH_TOLERANCE
    if values.dtype.kind == "u":
        normals = normals / np.float32(127.5) - 1
        allowed = LEVEL_TOLERANCE
    length = np.linalg.norm(normals, axis=-1, keepdims=True)
    bad = ~(np.abs(length - 1) <= allowed)
    if bad.any():
        raise ValueError(
            "Normals must have length 1 everywhere. "
            f"Received: {_shown(place)}, with {bad.sum()} of {bad.size} "
            "pixels of another"
        )
    return normals / length


def _fit_map(values, size):
    """Crop and scale as `fit_picture` does, to the nearest pixel."""
    layers = values if values.ndim == 3 else values[..., np.newaxis]
    fitted = [
        ImageOps.fit(
            Image.fromarray(np.ascontiguousarray(layer)),
            size[::-1],
            Image.Resampling.NEAREST,
        )
        for layer in np.moveaxis(layers, -1, 0)
    ]
    fitted = np.stack([np.asarray(layer) for layer in fitted], axis=-1)
    return fitted if values.ndim == 3 else fitted[..., 0]


def _check_sizes(names, pictures):
    for name, picture in zip(names, pictures):
        if picture.shape != pictures[0].shape:
            raise ValueError(
                "Pictures must share one size; pass `size` to resize them. "
                f"Received: {names[0]!r} has (height, width)="
                f"{pictures[0].shape[:2]}, {name!r} has {picture.shape[:2]}"
            )


def _check_directions(normals):
    """Refuse normals whose z points away from the viewer."""
    mean = np.mean([room[..., 2].mean() for room in normals] or [1.0])
    if mean < 0:
        raise ValueError(
            "Normals must point towards the viewer, z above 0 for most "
            "pixels; negate them, or their z. "
            f"Received: a mean z of {mean:.2f}"
        )
