"""Parts of a room that are no furniture: planes, boxes, doors, windows."""

import numpy as np
import room_surfaces as surfaces
from room_furniture import Shape
from room_surfaces import levels_of

# Of a box: the corners of each side, from its lower left, as seen from outside.
SIDES = np.array(
    [
        [(0, 0, 1), (1, 0, 1), (1, 1, 1), (0, 1, 1)],
        [(1, 0, 0), (0, 0, 0), (0, 1, 0), (1, 1, 0)],
        [(0, 0, 0), (0, 0, 1), (0, 1, 1), (0, 1, 0)],
        [(1, 0, 1), (1, 0, 0), (1, 1, 0), (1, 1, 1)],
        [(0, 1, 1), (1, 1, 1), (1, 1, 0), (0, 1, 0)],
        [(0, 0, 0), (1, 0, 0), (1, 0, 1), (0, 0, 1)],
    ],
    float,
)
WHITE = np.full((1, 1, 3), 0.92)


def from_quads(quads, picture, places=None, glow=0.0):
    """A shape of flat pieces with four corners each.

    Args:
        quads: float array `(n, 4, 3)`. From the lower left corner, against
            the clock.
        picture: float array `(height, width, 3)`. What is on them.
        places: float array `(n, 4, 2)`. Defaults to all of the picture on
            each.
        glow: float. See `Shape`.
    """
    quads = np.asarray(quads, float)
    if places is None:
        whole = np.array([(0, 0), (1, 0), (1, 1), (0, 1)], float)
        places = np.repeat(whole[None] * 0.999, len(quads), axis=0)
    corners = quads[:, [[0, 1, 2], [0, 2, 3]]].reshape(-1, 3, 3)
    places = np.asarray(places)[:, [[0, 1, 2], [0, 2, 3]]].reshape(-1, 3, 2)
    index = np.zeros(len(corners), int)
    return Shape(corners, places, index, [levels_of(picture)], glow)


def box(width, height, depth, picture=WHITE, glow=0.0):
    """A box that stands on the floor, its middle at x = z = 0."""
    quads = (SIDES - (0.5, 0, 0.5)) * (width, height, depth)
    return from_quads(quads, picture, glow=glow)


def moved(shape, x=0.0, y=0.0, z=0.0):
    """A shape elsewhere."""
    return shape._replace(corners=shape.corners + (x, y, z))


def turned(shape, degrees):
    """A shape turned about y; what looked along z looks along x at 90."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    turn = np.array([(c, 0, s), (0, 1, 0), (-s, 0, c)])
    return shape._replace(corners=shape.corners @ turn.T)


def plane(along, up, picture):
    """A rectangle with one corner at 0 and two sides, with a picture."""
    along, up = np.array(along, float), np.array(up, float)
    return from_quads([[0 * up, along, along + up, up]], picture)


def frame_of(width, height, wide, deep, picture=WHITE):
    """Four bars around an opening."""
    side = (width + wide) / 2
    upright = box(wide, height + 2 * wide, deep, picture)
    level = box(width, wide, deep, picture)
    return [
        moved(upright, x=-side, y=-wide),
        moved(upright, x=side, y=-wide),
        moved(level, y=-wide),
        moved(level, y=height),
    ]


def door(generator, width, height):
    """Shapes of a door; its middle is at x = 0, and the wall at z = 0."""
    leaf = box(width, height, 0.05, surfaces.draw_door(generator))
    color = leaf.surfaces[0][-1] * generator.choice([0.9, 1.05])
    bars = frame_of(width, height, 0.07, 0.08, color.clip(0, 0.95))
    return [leaf, *bars]


def window(generator, width, height, high):
    """Shapes of a window, with or without curtains, as those of a door.

    The window begins at y = 0, which is so `high` above the floor.
    """
    panes = max(1, round(width / 0.7))
    view = surfaces.draw_view(generator, panes)
    shapes = [box(width, height, 0.02, view, glow=0.9)]
    shapes += frame_of(width, height, 0.06, 0.06)
    shapes.append(moved(box(width + 0.24, 0.03, 0.26), y=-0.07))
    if generator.random() < 0.55:
        color = surfaces.muted(generator, (0.05, 0.4), (0.55, 0.93))
        wide = generator.uniform(0.3, 0.5)
        low = -high + 0.05 if generator.random() < 0.6 else -0.2
        cloth = _curtain(generator, wide, height + 0.15 - low, color)
        for side in (-1, 1):
            x = side * (width / 2 + wide / 2 - 0.15)
            shapes.append(moved(cloth, x=x, y=low, z=0.12))
        rail = box(width + 2 * wide, 0.03, 0.03, 0.6 * WHITE)
        shapes.append(moved(rail, y=height + 0.15, z=0.12))
    return shapes


def _curtain(generator, width, height, color):
    """Cloth in waves."""
    count = 40
    x = np.linspace(-width / 2, width / 2, count + 1)
    z = 0.03 * np.sin(x * generator.uniform(50, 75) + generator.uniform(0, 6))
    foot = np.stack([x, 0 * x, z], axis=1)
    top = foot + (0, height, 0)
    quads = np.stack([foot[:-1], foot[1:], top[1:], top[:-1]], axis=1)
    return from_quads(quads, color[None, None])


def painting(generator, width, height):
    """A framed picture, as a door is."""
    return [box(width, height, 0.03, surfaces.draw_picture(generator))]
