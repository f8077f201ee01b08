"""Renders a room: its picture, and what is true of each pixel.

Light is added up in linear colours: a lamp below the ceiling and a window,
both with soft edges, and what comes from everywhere, less of it in corners.
"""

from typing import NamedTuple

import numpy as np

from keras_vipa.datasets.rooms import SIZE

# Rays a pixel and direction: the middle one goes through the pixel's centre.
RAYS = 3
GAMMA = 2.2
# How far a corner is dark, in metres.
REACH = 0.9


class View(NamedTuple):
    """What a camera sees.

    Attributes:
        image: uint8 array `(64, 64, 3)`.
        labels: uint8 array `(64, 64)`.
        depth: float array `(64, 64)`. Metres along the optical axis.
        normals: float array `(64, 64, 3)`. x right, y up, z to the viewer.
    """

    image: np.ndarray
    labels: np.ndarray
    depth: np.ndarray
    normals: np.ndarray


class Triangles(NamedTuple):
    """All of a room, a row a triangle."""

    corners: np.ndarray
    normals: np.ndarray
    labels: np.ndarray
    places: np.ndarray
    surface: np.ndarray
    density: np.ndarray
    glow: np.ndarray


class Hits(NamedTuple):
    """Where rays end."""

    triangle: np.ndarray
    points: np.ndarray
    normals: np.ndarray
    depth: np.ndarray
    colors: np.ndarray


def axes_of(camera):
    """Right, up and back of a camera as rows `(3, 3)`."""
    yaw, pitch = np.radians(camera.yaw), np.radians(camera.pitch)
    back = np.array(
        [
            np.sin(yaw) * np.cos(pitch),
            -np.sin(pitch),
            np.cos(yaw) * np.cos(pitch),
        ]
    )
    right = np.array([np.cos(yaw), 0.0, -np.sin(yaw)])
    return np.stack([right, np.cross(back, right), back])


def directions(field_of_view, size=SIZE, rays=RAYS):
    """Rays `(size * rays, size * rays, 3)` in camera coordinates, z = -1."""
    count = size * rays
    steps = ((np.arange(count) + 0.5) / count * 2 - 1) * np.tan(
        np.radians(field_of_view / 2)
    )
    x, y = np.meshgrid(steps, -steps)
    return np.stack([x, y, -np.ones_like(x)], axis=-1)


class Renderer:
    """Rays into one room.

    Args:
        room: `Room`.
        outlines: boolean. Whether furniture is boxes, to be there sooner.
    """

    def __init__(self, room, outlines=False):
        from embreex import rtcore_scene
        from embreex.mesh_construction import TriangleMesh

        self.room = room
        self.triangles, self.colors, self.levels = _joined(
            room.outlines() if outlines else room.shapes, room.labels
        )
        self.scene = rtcore_scene.EmbreeScene()
        TriangleMesh(self.scene, self.triangles.corners.astype("float32"))
        self.axes = axes_of(room.camera)

    def glance(self, size=24):
        """Labels and depths `(size, size)`, of one ray a pixel."""
        rays = directions(self.room.camera.field_of_view, size, 1)
        found = self._cast(rays.reshape(-1, 3) @ self.axes)
        labels = self.triangles.labels[found["primID"]].reshape(size, size)
        return labels, found["tfar"].reshape(size, size)

    def render(self, generator):
        """A `View`."""
        rays = directions(self.room.camera.field_of_view)
        hits = self._hits(rays.reshape(-1, 3) @ self.axes)
        light = self._light(hits, generator)
        glow = self.triangles.glow[hits.triangle][:, None]
        linear = hits.colors**GAMMA * (glow + (1 - glow) * light)
        # Bright places are compressed instead of cut off.
        linear = np.where(linear > 0.8, 1 - 0.04 / (linear - 0.6), linear)
        cells = linear.reshape(SIZE, RAYS, SIZE, RAYS, 3).mean((1, 3))
        image = (cells ** (1 / GAMMA) * 255).round().clip(0, 255)
        return View(image.astype("uint8"), *self._truth(hits))

    def _cast(self, rays):
        eye = np.repeat(self.room.camera.eye[None], len(rays), axis=0)
        return self.scene.run(
            eye.astype("float32"),
            rays.astype("float32"),
            query="INTERSECT",
            output=True,
        )

    def _hits(self, rays):
        found = self._cast(rays)
        # Rays have length 1 along the axis: their parameter is the depth.
        index, depth = found["primID"], found["tfar"].astype(float)
        if (index < 0).any():
            raise RuntimeError("A ray left the room.")
        normals = self.triangles.normals[index]
        away = (normals * rays).sum(1, keepdims=True) > 0
        normals = np.where(away, -normals, normals)
        points = self.room.camera.eye + depth[:, None] * rays
        u, v = found["u"][:, None], found["v"][:, None]
        corners = self.triangles.places[index]
        places = corners[:, 0] * (1 - u - v)
        places = places + corners[:, 1] * u + corners[:, 2] * v
        slant = (-normals * rays).sum(1) / np.linalg.norm(rays, axis=1)
        angle = np.radians(self.room.camera.field_of_view) / (SIZE * RAYS)
        wide = depth * angle / np.sqrt(slant.clip(0.1))
        colors = self._colors(index, places, wide)
        return Hits(index, points, normals, depth, colors)

    def _colors(self, index, places, wide):
        """Colours at places of surfaces, seen with rays so wide in metres."""
        texels = wide * self.triangles.density[index]
        level = np.log2(texels.clip(1)).round().astype(int)
        table = self.levels[self.triangles.surface[index]]
        level = level.clip(0, table[:, 0, 3] - 1)
        start, height, width = table[np.arange(len(index)), level, :3].T
        across, up = (places % 1).T
        column = (across * width).astype(int).clip(0, width - 1)
        row = ((1 - up) * height).astype(int).clip(0, height - 1)
        return self.colors[start + row * width + column]

    def _light(self, hits, generator):
        """Light at points, `(n, 3)`, 1 where it is bright."""
        room = self.room
        normals, points = hits.normals, hits.points + 2e-3 * hits.normals
        power = generator.uniform(0.8, 1.2, 3) * (0.5, 0.5, 0.52)
        warm = 1 + generator.uniform(0, 0.12) * np.array([1, 0, -1.4])
        cool = 1 + generator.uniform(0, 0.08) * np.array([-1, 0, 1])
        middle = np.array([room.width / 2, room.height - 0.35, room.depth / 2])
        middle[[0, 2]] += generator.uniform(-0.5, 0.5, 2)
        first, second = _spread(generator)
        across = np.stack([first - 0.5, 0 * first, second - 0.5], axis=1)
        lamp = self._direct(points, normals, middle + 0.7 * across)
        day = self._direct(points, normals, *self._daylight(generator))
        # From below comes less, and in the colour of the floor.
        share = 0.75 + 0.25 * normals[:, 1:2]
        floor = self.colors[self.levels[0, 0, 0]] ** GAMMA
        around = share + (1 - share) * (floor + 0.4)
        open_ = [self._openness(points, normals, generator) for _ in range(2)]
        around = around * sum(open_) / len(open_)
        return (
            power[0] * lamp * warm + power[1] * day * cool + power[2] * around
        )

    def _daylight(self, generator):
        """Places in a window, one a ray, and where it looks."""
        room = self.room
        behind = (room.walls[3], room.width / 2, 1.5, 1.6, 1.2)
        wall, s, high, wide, tall = [*room.windows, behind][0]
        first, second = _spread(generator)
        local = np.stack([first - 0.5, second - 0.5, 0 * first], axis=1)
        local = local * (wide, tall, 0) + (s, high, 0.1)
        return local @ wall.axes + wall.origin, wall.axes[2]

    def _direct(self, points, normals, light, facing=None):
        """Light from a place to each point, less with distance."""
        way = light - points
        far = np.linalg.norm(way, axis=1, keepdims=True)
        way = way / far.clip(1e-3)
        hidden = self._hidden(points, way, (far[:, 0] - 0.05).clip(0))
        slant = (way * normals).sum(1, keepdims=True).clip(0)
        if facing is not None:
            slant = slant * (0.3 + (-way @ facing)[:, None].clip(0))
        near = 4.0 / (2.0 + far**2)
        return ~hidden[:, None] * slant * near

    def _openness(self, points, normals, generator):
        """How much of what is around a point is far away, `(n, 1)`."""
        first, second = _spread(generator)
        radius, angle = np.sqrt(first), 2 * np.pi * second
        is_side = np.abs(normals[:, :1]) > 0.8
        helper = np.where(is_side, [[0, 1, 0]], [[1, 0, 0]])
        tangent = np.cross(normals, helper)
        tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
        other = np.cross(normals, tangent)
        way = (radius * np.cos(angle))[:, None] * tangent
        way += (radius * np.sin(angle))[:, None] * other
        way += np.sqrt(1 - first)[:, None] * normals
        hidden = self._hidden(points, way, np.full(len(points), REACH))
        return np.where(hidden, 0.35, 1.0)[:, None]

    def _hidden(self, points, way, far):
        """Whether something is between points and places so far away."""
        found = self.scene.run(
            points.astype("float32"),
            way.astype("float32"),
            query="OCCLUDED",
            dists=far.astype("float32"),
        )
        return found >= 0

    def _truth(self, hits):
        """Labels, depth and normals: of the surface with most of a pixel."""
        labels = _by_pixel(self.triangles.labels[hits.triangle])
        normals = _by_pixel(hits.normals @ self.axes.T)
        same = labels[:, :, None] == labels[:, None]
        alike = same & (normals @ normals.swapaxes(1, 2) > 0.9)
        # First the label counts, then how the surface is turned, and at last
        # how near a ray is to the middle.
        steps = np.arange(RAYS) - RAYS // 2
        far = np.hypot(*np.meshgrid(steps, steps)).ravel()
        best = (20 * same.sum(2) + 2 * alike.sum(2) - far).argmax(1)
        chosen = np.arange(len(best)), best
        return (
            labels[chosen].reshape(SIZE, SIZE).astype("uint8"),
            _by_pixel(hits.depth)[chosen].reshape(SIZE, SIZE),
            normals[chosen].reshape(SIZE, SIZE, 3),
        )


def _spread(generator):
    """Two numbers in [0, 1] for each ray; those of a pixel fill the square."""
    order = generator.permutation(RAYS**2).reshape(RAYS, RAYS)
    cells = np.tile(order, (SIZE, SIZE)).ravel()
    grid = np.stack([cells // RAYS, cells % RAYS])
    return (grid + generator.uniform(0.4, 0.6, grid.shape)) / RAYS


def _by_pixel(values):
    """Values of rays `(n, ...)` by pixels, `(pixels, 9, ...)`."""
    rest = values.shape[1:]
    cells = values.reshape(SIZE, RAYS, SIZE, RAYS, *rest).swapaxes(1, 2)
    return cells.reshape(SIZE**2, RAYS**2, *rest)


def _joined(shapes, labels):
    """Triangles, all colours `(n, 3)`, and where those of a level begin.

    The latter is an int array `(surfaces, levels, 4)` of first place, height,
    width, and how many levels there are.
    """
    sizes = [len(shape.corners) for shape in shapes]
    corners = np.concatenate([shape.corners for shape in shapes])
    places = np.concatenate([shape.places for shape in shapes])
    first = np.cumsum([0, *(len(shape.surfaces) for shape in shapes)])
    surface = np.concatenate([s.surface + f for s, f in zip(shapes, first)])
    colors, levels = _packed([s for shape in shapes for s in shape.surfaces])
    cross = np.cross(
        corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    )
    area = np.linalg.norm(cross, axis=1)
    sides = places[:, 1:] - places[:, :1]
    flat = sides[:, 0, 0] * sides[:, 1, 1] - sides[:, 0, 1] * sides[:, 1, 0]
    texels = np.abs(flat) * levels[surface, 0, 1] * levels[surface, 0, 2]
    triangles = Triangles(
        corners,
        cross / area.clip(1e-12)[:, None],
        np.repeat(labels, sizes),
        places,
        surface,
        np.sqrt(texels / area.clip(1e-12)),
        np.repeat([shape.glow for shape in shapes], sizes),
    )
    return triangles, colors, levels


def _packed(surfaces):
    deepest = max(map(len, surfaces))
    table = np.zeros((len(surfaces), deepest, 4), int)
    colors, start = [], 0
    for number, levels in enumerate(surfaces):
        for depth, level in enumerate(levels):
            height, width = level.shape[:2]
            table[number, depth] = start, height, width, len(levels)
            colors.append(level.reshape(-1, 3))
            start += height * width
    return np.concatenate(colors), table
