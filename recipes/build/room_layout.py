"""Arranges rooms: walls, doors and windows, and furniture along the walls."""

from typing import NamedTuple

import numpy as np
import room_parts as parts
import room_surfaces as surfaces
from room_furniture import varied
from room_parts import moved
from room_parts import turned

from keras_vipa.datasets.rooms import CLASSES

# What is not made at the size of furniture for a room.
SCALES = {
    "augalas": 1.9,
    "cactus": 3.8,
    "decorativePlant": 1.2,
    "littlePlant": 3.6,
    "orchids": 2.0,
    "plant": 1.15,
}
DESKS = ("desk", "lbDesk", "technicalTable1", "technicalTable2")
DINING = ("oakTable", "table", "tableWithTablecloth")
COFFEE = ("lbDesk", "oakTable", "table", "technicalTable1")
COFFEE_SCALE = (0.6, 0.56, 0.6)
ARMCHAIRS = ("armchair2", "modernArmchair", "winchesterArmchair")
BEDSIDE = ("bedsideTable2", "glassDoorCabinet", "shelves")
RECOLORED = {"bed": 0.6, "chair": 0.3, "sofa": 0.6}
TRIES = 15


class Place(NamedTuple):
    """A corner of space: what is put there is described from its origin.

    Attributes:
        origin: float array `(3,)`.
        axes: float array `(3, 3)`. Its x, y and z, as rows.
        length: float. Of the wall along x, where it is one.
    """

    origin: np.ndarray
    axes: np.ndarray
    length: float = 0.0


class Camera(NamedTuple):
    """Where one stands, and looks to.

    Attributes:
        eye: float array `(3,)`. In metres.
        yaw: float. Degrees turned to the left.
        pitch: float. Degrees turned up.
        field_of_view: float. Degrees, in both directions.
    """

    eye: np.ndarray
    yaw: float
    pitch: float
    field_of_view: float


class Room:
    """A room being arranged.

    Its floor is `(0..width, 0, 0..depth)`; the camera stands near z = depth
    and looks along -z.

    Args:
        generator: `numpy.random.Generator`.
        library: dict of dicts. Class -> name -> `Shape`.
    """

    def __init__(self, generator, library):
        self.generator, self.library = generator, library
        self.width = generator.uniform(3.0, 4.8)
        self.depth = generator.uniform(3.2, 5.4)
        self.height = generator.uniform(2.4, 2.8)
        self.shapes, self.labels, self.names = [], [], set()
        # Of what is there: low and high corner.
        self.boxes = []
        # Number of a shape -> its box.
        self.outlined = {}
        self.windows = []
        self.walls = self._walls()
        self.camera = self._camera()
        self._build()
        self._open_walls()

    def _walls(self):
        w, d = self.width, self.depth
        at = [(0, 0, 0), (0, 0, d), (w, 0, 0), (w, 0, d)]
        along = [(1, 0, 0), (0, 0, -1), (0, 0, 1), (-1, 0, 0)]
        up = np.array((0, 1, 0))
        return [
            Place(
                np.array(o, float), np.stack([a, up, np.cross(a, up)]), length
            )
            for o, a, length in zip(at, along, (w, d, d, w))
        ]

    def _camera(self):
        draw = self.generator.uniform
        x, y = self.width * draw(0.15, 0.85), draw(1.2, 1.7)
        eye = np.array([x, y, self.depth - draw(0.15, 0.6)])
        aim = np.array([self.width * draw(0.2, 0.8), self.depth * draw(0, 0.3)])
        yaw = np.degrees(np.arctan2(eye[0] - aim[0], eye[2] - aim[1]))
        low, high = eye - (0.7, eye[1], 0.9), eye + (0.7, 1.0, 2.0)
        self.boxes.append((low, high))
        return Camera(eye, yaw, draw(-16, -5), draw(60, 72))

    def _build(self):
        """Planes, and boards along the walls."""
        w, d, h = self.width, self.depth, self.height
        draw = self.generator
        floor = surfaces.draw_floor(draw, d, w)
        self._add(
            moved(parts.plane((w, 0, 0), (0, 0, -d), floor), z=d), "floor"
        )
        white = np.array(
            [[draw.uniform(0.88, 0.97) - np.array([0, 0.01, 0.03])]]
        )
        above = moved(parts.plane((w, 0, 0), (0, 0, d), white), y=h)
        self._add(above, "ceiling")
        color = surfaces.muted(draw)
        board = np.array([[draw.choice([color * 0.8, np.full(3, 0.93)])]])
        accent = draw.integers(4) if draw.random() < 0.3 else -1
        state = draw.integers(2**32)
        for number, place in enumerate(self.walls):
            # The same pattern on all walls, and another on one of some rooms.
            own = np.random.default_rng(state + (number == accent))
            tone = color
            if number == accent:
                tone = surfaces.muted(own, (0.1, 0.4), (0.45, 0.8))
            paper = surfaces.draw_wall(own, h, place.length, tone)
            wall = parts.plane((place.length, 0, 0), (0, h, 0), paper)
            self._add(self._at(wall, place), "wall")
            skirting = parts.box(place.length, 0.08, 0.03, board)
            skirting = moved(skirting, x=place.length / 2)
            self._add(self._at(skirting, place), "wall")
        if draw.random() < 0.5:
            lamp = parts.box(0.4, 0.07, 0.4, np.full((1, 1, 3), 0.97), glow=0.9)
            self._add(moved(lamp, w / 2, h - 0.07, d / 2), "ceiling")

    def _open_walls(self):
        """Doors and windows; the last wall is behind the camera."""
        draw = self.generator
        order = draw.permutation(3)
        count = draw.choice([1, 2], p=[0.6, 0.4])
        for number in order[:count]:
            self._open_window(self.walls[number])
        if draw.random() < 0.75:
            self._open_door(self.walls[order[-1]])

    def _open_window(self, place):
        draw = self.generator
        wide = draw.uniform(0.9, min(2.3, place.length - 1.0))
        sill = draw.uniform(0.75, 1.0) if draw.random() < 0.8 else 0.15
        tall = self.height - draw.uniform(0.3, 0.45) - sill
        s = draw.uniform(wide / 2 + 0.4, place.length - wide / 2 - 0.4)
        s = self._in_sight(place, s)
        for shape in parts.window(draw, wide, tall, sill):
            self._add(self._at(moved(shape, x=s, y=sill), place), "window")
        self._keep(place, s, wide + 0.5, (sill - 0.05, sill + tall), 0.35)
        self.windows.append((place, s, sill + tall / 2, wide, tall))

    def _open_door(self, place):
        draw = self.generator
        wide, tall = draw.uniform(0.8, 0.95), draw.uniform(1.98, 2.12)
        s = draw.uniform(wide / 2 + 0.15, place.length - wide / 2 - 0.15)
        s = self._in_sight(place, s)
        for shape in parts.door(draw, wide, tall):
            self._add(self._at(moved(shape, x=s), place), "door")
        self._keep(place, s, wide + 0.15, (0, tall), 0.8)

    def _in_sight(self, place, s):
        """A place along a wall that is not beside the camera."""
        forward = place.axes[0, 2]
        limit = 0.6 * self.depth
        if forward > 0.5:
            return min(s, limit)
        return max(s, self.depth - limit) if forward < -0.5 else s

    def _keep(self, place, s, width, heights, deep):
        """Keep free what lies before a part of a wall."""
        tall = heights[1] - heights[0]
        shape = moved(parts.box(width, tall, 2 * deep), s, heights[0])
        self.boxes.append(_bounds(self._at(shape, place)))

    def _at(self, shape, place):
        return shape._replace(corners=shape.corners @ place.axes + place.origin)

    def _add(self, shape, label):
        self.shapes.append(shape)
        self.labels.append(CLASSES.index(label))

    def outlines(self):
        """All shapes, with boxes instead of what was put into the room."""
        shapes = list(self.shapes)
        for number, (low, high) in self.outlined.items():
            middle = (low + high) / 2
            shape = parts.box(*(high - low))
            shapes[number] = moved(shape, middle[0], low[1], middle[2])
        return shapes

    def pick(self, label, names=None):
        """A model of a class, a little varied: its name and its shape."""
        known = sorted(self.library[label])
        known = [n for n in known if names is None or n in names] or known
        name = known[self.generator.integers(len(known))]
        shape = self.library[label][name]
        shape = varied(shape, self.generator, RECOLORED.get(label, 0.0))
        scale = SCALES.get(name, 1.0)
        return name, shape._replace(corners=shape.corners * scale)

    def put(self, label, name, shape, place, under=()):
        """Put a shape into the room, unless something is there.

        Args:
            label: string. Its class.
            name: string. Which model it is.
            shape: `Shape`, described from `place`.
            place: `Place`, with axes along those of the room.
            under: sequence of boxes that it may reach into.

        Returns:
            Its box, or `None`.
        """
        box = self._free(_bounds(shape), place, under)
        if box is not None:
            self.outlined[len(self.shapes)] = box
            self._add(self._at(shape, place), label)
            self.names.add(name)
            self.boxes.append(box)
        return box

    def _free(self, bounds, place, under=()):
        """The box that something takes at a place, if nothing is there."""
        ends = np.stack(bounds) @ place.axes + place.origin
        low, high = ends.min(0), ends.max(0)
        inside = np.array([self.width, self.height, self.depth]) - 0.01
        if (low < (0.01, -0.01, 0.01)).any() or (high > inside).any():
            return None
        for other in self.boxes:
            if any(other is box for box in under):
                continue
            if ((low < other[1] + 0.02) & (high > other[0] - 0.02)).all():
                return None
        return low, high

    def along_wall(self, label, names=None, gap=0.04, corner=False):
        """Put furniture of a class against some wall.

        Returns:
            Its shape, box, and the `Place` of its middle; or `None`.
        """
        name, shape = self.pick(label, names)
        low, high = _bounds(shape)
        half, deep = (high[0] - low[0]) / 2, high[2] - low[2]
        for _ in range(TRIES):
            wall = self.walls[self.generator.choice(3, p=[0.5, 0.25, 0.25])]
            if wall.length < 2 * half + 0.1:
                continue
            s = self.generator.uniform(half, wall.length - half)
            s = np.clip(self._in_sight(wall, s), half, wall.length - half)
            if corner:
                ends = (half + 0.12, wall.length - half - 0.12)
                s = ends[self.generator.integers(2)]
            middle = np.array([s, 0, gap + deep / 2])
            place = Place(middle @ wall.axes + wall.origin, wall.axes)
            if self._free((low, high), place) is not None:
                return shape, self.put(label, name, shape, place), place
        return None

    def anywhere(self, label, names=None, scale=1.0, angle=None, middle=False):
        """Put furniture of a class somewhere; as `along_wall`."""
        name, shape = self.pick(label, names)
        shape = shape._replace(corners=shape.corners * scale)
        for _ in range(TRIES):
            degrees = angle
            if angle is None:
                degrees = self.generator.uniform(0, 360)
            edge = 0.28 if middle else 0.1
            share = self.generator.uniform(edge, 1 - edge, 2)
            share[1] *= 0.8
            at = np.array([share[0] * self.width, 0, share[1] * self.depth])
            place = Place(at, np.eye(3))
            box = self.put(label, name, turned(shape, degrees), place)
            if box is not None:
                return turned(shape, degrees), box, place
        return None

    def rug(self, at, width, height):
        """Lay a rug; its middle is at a point."""
        half = np.array([width, 0, height]) / 2
        low = np.maximum(at - half, 0.05)
        inside = np.array([self.width, 0, self.depth]) - 0.05
        high = np.minimum(at + half, inside)
        size = high - low
        cloth = surfaces.draw_rug(self.generator, size[2], size[0])
        quad = parts.plane((size[0], 0, 0), (0, 0, -size[2]), cloth)
        quad = moved(quad, low[0], 0.012, high[2])
        self._add(quad, "floor")

    def hang_pictures(self, count):
        """Hang pictures where the walls are free."""
        draw = self.generator
        for _ in range(count):
            wall = self.walls[draw.integers(3)]
            wide, tall = draw.uniform(0.35, 1.0), draw.uniform(0.35, 0.75)
            s = draw.uniform(wide / 2 + 0.1, wall.length - wide / 2 - 0.1)
            y = draw.uniform(1.35, 1.6) - tall / 3
            for shape in parts.painting(draw, wide, tall):
                shape = moved(shape, s, y, 0.03)
                self.put("wall", "", shape, wall)


def _bounds(shape):
    columns = [shape.corners[..., axis] for axis in range(3)]
    low, high = [c.min() for c in columns], [c.max() for c in columns]
    return np.array(low), np.array(high)
