"""Furnishes rooms: bedrooms, living rooms, dining rooms, studies."""

import numpy as np
import room_layout as layout
from room_layout import Place
from room_parts import moved
from room_parts import turned


def new_room(generator, library):
    """A furnished room.

    Args:
        generator: `numpy.random.Generator`.
        library: dict of dicts. Class -> name -> `Shape`.

    Returns:
        A `Room`.
    """
    room = layout.Room(generator, library)
    kinds = [_bedroom, _living_room, _dining_room, _study]
    kinds[generator.choice(4, p=[0.35, 0.26, 0.22, 0.17])](room)
    room.hang_pictures(generator.integers(0, 4))
    return room


def _maybe(room, chance):
    return room.generator.random() < chance


def _plants(room, most=3):
    for _ in range(room.generator.integers(1, most + 1)):
        room.along_wall("plant", gap=0.1, corner=_maybe(room, 0.6))


def _size(shape):
    return shape.corners.max((0, 1)) - shape.corners.min((0, 1))


def _bedroom(room):
    bed = room.along_wall("bed")
    if bed:
        shape, _, place = bed
        size = _size(shape)
        for side in room.generator.permutation([-1, 1])[:2]:
            name, table = room.pick("cabinet", layout.BEDSIDE)
            own = _size(table)
            x = side * (size[0] + own[0] + 0.12) / 2
            table = moved(table, x, 0, (own[2] - size[2]) / 2)
            room.put("cabinet", name, table, place)
        if _maybe(room, 0.5):
            end = np.array([0, 0, size[2] / 2 + 0.3]) @ place.axes
            room.rug(place.origin + end, 2.0, 1.4)
    room.along_wall("cabinet")
    _plants(room)
    if _maybe(room, 0.5):
        _desk(room)
    else:
        room.along_wall("chair", gap=0.1)
    if _maybe(room, 0.4):
        room.along_wall("cabinet")


def _desk(room):
    """A desk at a wall, a chair before it."""
    desk = room.along_wall("table", layout.DESKS)
    if desk:
        shape, box, place = desk
        name, chair = room.pick("chair")
        far = _size(shape)[2] / 2 + _size(chair)[2] / 2 - 0.05
        degrees = 180 + room.generator.uniform(-35, 35)
        chair = moved(turned(chair, degrees), z=far, x=0.1)
        room.put("chair", name, chair, place, under=[box])
    return desk


def _living_room(room):
    sofa = room.along_wall("sofa")
    if sofa:
        shape, box, place = sofa
        before = np.array([0, 0, _size(shape)[2] / 2 + 0.75]) @ place.axes
        at = place.origin + before
        if _maybe(room, 0.6):
            room.rug(at, 2.4, 1.7)
        if _maybe(room, 0.7):
            name, table = room.pick("table", layout.COFFEE)
            table = table._replace(corners=table.corners * layout.COFFEE_SCALE)
            room.put("table", name, table, Place(at, place.axes))
    room.along_wall("cabinet")
    if _maybe(room, 0.6):
        angle = room.generator.uniform(-60, 60)
        room.anywhere("sofa", layout.ARMCHAIRS, angle=angle)
    _plants(room)
    room.along_wall("cabinet")
    room.along_wall("chair", gap=0.1)
    if _maybe(room, 0.3):
        room.along_wall("sofa")


def _dining_room(room):
    angle = room.generator.choice([0, 90])
    table = room.anywhere("table", layout.DINING, angle=angle, middle=True)
    if table:
        shape, box, place = table
        if _maybe(room, 0.4):
            size = _size(shape) + 1.2
            room.rug(place.origin, size[0], size[2])
        _chairs_around(room, shape, box, place)
    room.along_wall("cabinet")
    _plants(room)
    room.along_wall("cabinet")
    if _maybe(room, 0.4):
        room.along_wall("sofa")
    room.along_wall("chair", gap=0.1)


def _chairs_around(room, shape, box, place):
    """One kind of chair at each side of a table."""
    name, chair = room.pick("chair")
    size, own = _size(shape), _size(chair)
    for number in range(4):
        degrees = 90 * number
        along, across = (size[0], size[2])[:: 1 - 2 * (number % 2)]
        count = max(1, int(along / 0.75)) if along >= across else 1
        far = across / 2 + own[2] / 2 - 0.1
        for index in range(count):
            if _maybe(room, 0.15):
                continue
            x = along * ((index + 0.5) / count - 0.5)
            turn = 180 + room.generator.uniform(-12, 12)
            one = moved(turned(chair, turn), x, 0, far)
            one = turned(one, degrees)
            room.put("chair", name, one, place, under=[box])


def _study(room):
    _desk(room)
    room.along_wall("cabinet")
    if _maybe(room, 0.6):
        room.along_wall("sofa")
    room.along_wall("cabinet")
    if _maybe(room, 0.5):
        room.rug(np.array([room.width, 0, room.depth]) / 2, 2.2, 1.6)
    _plants(room)
    if _maybe(room, 0.5):
        _desk(room)
    room.along_wall("chair", gap=0.1)
    room.along_wall("cabinet")
