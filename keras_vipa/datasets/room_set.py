"""Pictures with a label, a depth and a normal for each pixel."""

import numpy as np

from keras_vipa.utils import checks

# What may be known of a pixel.
MAPS = ("labels", "depth", "normals")
# The label of a pixel of which nothing is known.
UNKNOWN = 255
# How far from 1 the length of a normal may be.
LENGTH_TOLERANCE = 0.01


class RoomSet:
    """Pictures in memory, with what is true of each of their pixels, or not.

    Normals have length 1 and are in coordinates of the camera: x to the
    right, y up, z towards the viewer. A wall that faces the camera is (0, 0,
    1), and the floor, for a camera that looks ahead, (0, 1, 0). Depth is in
    metres along the optical axis: that wall has one depth all over.

    Args:
        images: uint8 array `(n, height, width, 3)`. RGB in [0, 255].
        labels: integer array `(n, height, width)`. Classes; 255 where not
            known. Defaults to `None`: of no picture.
        depth: float array `(n, height, width)`. Metres, positive.
        normals: float array `(n, height, width, 3)`. Of length 1.
        class_names: list of str. Names of the classes. Defaults to "0", "1"
            and so on.
        name: str. A short name for reports.
        info: dict of str to sequence of length n. What else is known of each
            picture. Kept as arrays.

    Attributes:
        images: uint8 array `(n, height, width, 3)`.
        labels: uint8 array `(n, height, width)`, or `None`.
        depth: float32 array `(n, height, width)`, or `None`.
        normals: float32 array `(n, height, width, 3)`, or `None`.
        class_names: list of str.
        name: str.
        info: dict of str to array `(n, ...)`.

    Raises:
        ValueError: If these do not fit together, if a label has no name, if
            a depth is not positive, or a normal not of length 1.

    Example:

    >>> import numpy as np
    >>> images = np.zeros((4, 8, 8, 3), "uint8")
    >>> walls = RoomSet(images, depth=np.full((4, 8, 8), 2.5))
    >>> len(walls), walls.select([0, 2]).depth.shape, walls.normals is None
    (4, (2, 8, 8), True)
    """

    def __init__(
        self,
        images,
        labels=None,
        depth=None,
        normals=None,
        class_names=None,
        name="rooms",
        info=None,
    ):
        rule = "`images` must be a uint8 array (n, height, width, 3)"
        images = checks.array(
            "images", images, rule, 4, ("uint8",), allow_empty=True
        )
        if images.shape[3] != 3:
            checks.fail(rule, "images", images)
        self.images = images
        self.labels = labels if labels is None else self._labels(labels)
        self.depth = depth if depth is None else self._depth(depth)
        self.normals = normals if normals is None else self._normals(normals)
        self.class_names = self._names(class_names)
        self.name = name
        if info is not None and not isinstance(info, dict):
            checks.fail("`info` must be a dict of lists", "info", info)
        self.info = {key: self._entries(v) for key, v in (info or {}).items()}

    def _map(self, name, value, kinds, *channels):
        """A map, if it is one of numbers and as large as the pictures."""
        shape = (*self.images.shape[:3], *channels)
        rule = f"`{name}` must be numbers {shape}, as many as pixels"
        found = checks.array(
            name, value, rule, len(shape), kinds, allow_empty=True
        )
        if found.shape != shape:
            checks.fail(rule, name, found)
        return found

    def _labels(self, value):
        labels = self._map("labels", value, "iu")
        if labels.size and not 0 <= labels.min() <= labels.max() <= UNKNOWN:
            raise ValueError(
                "`labels` must lie between 0 and 254, or be 255 where not "
                f"known. Received: {labels.min()} to {labels.max()}"
            )
        return labels.astype("uint8")

    def _depth(self, value):
        depth = self._map("depth", value, "iuf").astype("float32")
        bad = ~(np.isfinite(depth) & (depth > 0))
        if bad.any():
            raise ValueError(
                "`depth` must be positive, in metres. "
                f"Received: {bad.sum()} pixels without a depth"
            )
        return depth

    def _normals(self, value):
        normals = self._map("normals", value, "iuf", 3).astype("float32")
        far = np.abs(np.linalg.norm(normals, axis=-1) - 1)
        bad = ~(far <= LENGTH_TOLERANCE)
        if bad.any():
            raise ValueError(
                "`normals` must have length 1. "
                f"Received: {bad.sum()} pixels with another"
            )
        return normals

    def _names(self, names):
        known = [] if self.labels is None else np.unique(self.labels)
        known = [label for label in known if label != UNKNOWN]
        most = max(known, default=-1)
        if names is None:
            names = range(int(most) + 1)
        elif isinstance(names, str) or not np.iterable(names):
            checks.fail("`class_names` must be a list", "class_names", names)
        names = [str(name) for name in names]
        if most >= len(names):
            rule = f"`class_names` must name the labels 0 to {most}"
            checks.fail(rule, "class_names", names)
        return names

    def _entries(self, values):
        found = np.asarray(values)
        if found.ndim == 0 or len(found) != len(self.images):
            rule = f"`info` must have entries for {len(self.images)} pictures"
            checks.fail(rule, "info", values)
        return found

    def __len__(self):
        """Return the number of pictures."""
        return len(self.images)

    def __repr__(self):
        """Return the name, the shape and what is known in one line."""
        known = [key for key in MAPS if getattr(self, key) is not None]
        return (
            f"RoomSet(name={self.name!r}, shape={self.images.shape}, "
            f"maps={known}, classes={len(self.class_names)})"
        )

    def array(self, index=None):
        """Return pictures as the networks of this package take them.

        Args:
            index: int, slice, index array or boolean mask. Which pictures.
                Defaults to all of them.

        Returns:
            A float32 array `(n, height, width, 3)` in [0, 1]; without the
            first axis if `index` is an int.

        Raises:
            ValueError: If `index` does not fit the number of pictures.
        """
        images = self.images if index is None else self.select(index).images
        images = images.astype("float32") / np.float32(255.0)
        return images[0] if checks.is_integer(index, -len(self)) else images

    def select(self, index):
        """Return some of the pictures, with all that is known of them.

        Args:
            index: slice, index array or boolean mask. Which pictures, in
                which order.

        Returns:
            A `RoomSet` (a view of this one for a slice, else a copy).

        Raises:
            ValueError: If `index` does not fit the number of pictures.
        """
        if not isinstance(index, slice):
            index = np.atleast_1d(np.asarray(index))
            # NumPy makes an empty list a float array, which indexes nothing.
            index = index.astype(int) if index.size == 0 else index
        try:
            # A string, or a list of them, would name a field.
            fits = self.images[index].ndim == 4
        except (IndexError, TypeError, ValueError):
            fits = False
        if not fits:
            rule = f"`index` must select among {len(self)} pictures"
            checks.fail(rule, "index", index)
        maps = {key: getattr(self, key) for key in MAPS}
        return RoomSet(
            self.images[index],
            **{k: v if v is None else v[index] for k, v in maps.items()},
            class_names=self.class_names,
            name=self.name,
            info={key: value[index] for key, value in self.info.items()},
        )
