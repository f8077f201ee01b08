"""Draws walls, floors, rugs, doors and what is seen through windows.

Each drawing is a float array `(height, width, 3)` of colours in [0, 1], its
first row on top.
"""

import colorsys

import numpy as np
from PIL import Image

# Of woods, from light to dark.
WOODS = (
    (0.80, 0.71, 0.58),
    (0.74, 0.60, 0.43),
    (0.64, 0.47, 0.30),
    (0.56, 0.52, 0.47),
    (0.45, 0.32, 0.22),
    (0.34, 0.25, 0.19),
)
# Pixels a metre.
FINE = 40


def levels_of(picture):
    """A picture and the same in halves, down to one pixel of its mean."""
    levels = [picture]
    while max(levels[-1].shape[:2]) > 1:
        last = levels[-1]
        for axis in (0, 1):
            if last.shape[axis] > 1:
                even = last.shape[axis] // 2 * 2
                first, second = (
                    last.take(range(start, even, 2), axis) for start in (0, 1)
                )
                last = (first + second) / 2
        levels.append(last)
    return levels


def muted(generator, saturation=(0.02, 0.13), value=(0.78, 0.95)):
    """A colour, warm ones more often."""
    hue = generator.choice(
        [generator.normal(0.1, 0.035), generator.random()], p=[0.72, 0.28]
    )
    color = colorsys.hsv_to_rgb(
        hue % 1, generator.uniform(*saturation), generator.uniform(*value)
    )
    return np.array(color)


def noise(generator, height, width, rows, columns):
    """Smooth noise of deviation near 1, `(height, width, 1)`.

    It changes about every so many rows and columns.
    """
    shape = (int(height / rows) + 2, int(width / columns) + 2)
    coarse = generator.normal(size=shape).astype("float32")
    picture = Image.fromarray(coarse).resize(
        (width, height), Image.Resampling.BICUBIC
    )
    return np.asarray(picture, float)[..., None]


def draw_wall(generator, height, width, color):
    """Paint, stripes, a pattern, panels below, or bricks; sizes in metres."""
    h, w = round(height * FINE), round(width * FINE)
    wall = np.ones((h, w, 3)) * color
    wall += 0.01 * noise(generator, h, w, FINE / 2, FINE / 2)
    kind = generator.choice(
        ["paint", "stripes", "pattern", "panels", "bricks"],
        p=[0.45, 0.17, 0.17, 0.15, 0.06],
    )
    y, x = np.mgrid[:h, :w] / FINE
    change = generator.uniform(0.04, 0.1) * generator.choice([-1, 1])
    if kind == "stripes":
        step = generator.uniform(0.15, 0.4)
        wall += change * (x % step < step / 2)[..., None]
    elif kind == "pattern":
        step = generator.uniform(0.25, 0.5)
        shifted = x + step / 2 * (y // step % 2)
        far = np.hypot(shifted % step - step / 2, y % step - step / 2)
        wall += change * (far < step * generator.uniform(0.2, 0.35))[..., None]
    elif kind == "panels":
        _draw_panels(generator, wall, height - y, x)
    elif kind == "bricks":
        row = y // 0.075
        joints = (y % 0.075 < 0.012) | ((x + 0.11 * (row % 2)) % 0.22 < 0.012)
        tone = generator.normal(0, 0.04, (200, 60))
        column = ((x + 0.11 * (row % 2)) / 0.22).astype(int) % 60
        wall += tone[row.astype(int) % 200, column][..., None]
        wall += 0.08 * joints[..., None]
    return wall.clip(0, 1)


def _draw_panels(generator, wall, up, x):
    """Another colour up to the height of a chair, and a rail above it."""
    top = generator.uniform(0.8, 1.1)
    below = muted(generator, (0.02, 0.3), (0.55, 0.95))
    wall[up < top] += below - wall.mean((0, 1))
    grooves = (up < top) & (x % 0.3 < 0.025)
    wall[grooves] -= 0.07
    wall[(up > top) & (up < top + 0.06)] = np.minimum(below + 0.12, 0.97)


def draw_floor(generator, height, width):
    """Planks, tiles or carpet; sizes in metres."""
    h, w = round(height * FINE), round(width * FINE)
    kind = generator.choice(["planks", "tiles", "carpet"], p=[0.55, 0.22, 0.23])
    draw = {"planks": _planks, "tiles": _tiles, "carpet": _carpet}[kind]
    return draw(generator, h, w).clip(0, 1)


def _planks(generator, h, w):
    wood = np.array(WOODS[generator.integers(len(WOODS))])
    wide, long = generator.uniform(0.1, 0.2), generator.uniform(0.8, 1.6)
    if generator.random() < 0.5:
        h, w = w, h
    y, x = np.mgrid[:h, :w] / FINE
    row = (y // wide).astype(int)
    x = x + generator.uniform(0, long, row.max() + 1)[row]
    column = (x // long).astype(int)
    tone = generator.normal(0, 0.045, (row.max() + 1, column.max() + 1))
    floor = wood * (1 + tone[row, column][..., None] * 1.3)
    floor += 0.025 * wood * noise(generator, h, w, 1.5, FINE / 3)
    gaps = (y % wide < 1.2 / FINE) | (x % long < 1.2 / FINE)
    floor[gaps] *= 0.72
    return floor


def _tiles(generator, h, w):
    base = muted(generator, (0.02, 0.13), (0.5, 0.9))
    side = generator.uniform(0.25, 0.55)
    y, x = np.mgrid[:h, :w] / FINE
    row, column = (y // side).astype(int), (x // side).astype(int)
    tone = generator.normal(0, 0.02, (row.max() + 1, column.max() + 1))
    floor = base + tone[row, column][..., None]
    if generator.random() < 0.2:
        floor[(row + column) % 2 == 0] *= generator.uniform(0.6, 0.85)
    floor += 0.012 * noise(generator, h, w, 6, 6)
    joints = (y % side < 1.2 / FINE) | (x % side < 1.2 / FINE)
    floor[joints] = floor[joints] * 0.75 + 0.05
    return floor


def _carpet(generator, h, w):
    base = muted(generator, (0.03, 0.22), (0.4, 0.75))
    floor = base + 0.025 * noise(generator, h, w, 1.5, 1.5)
    return floor + 0.012 * noise(generator, h, w, FINE / 2, FINE / 2)


def draw_rug(generator, height, width):
    """A border, and stripes or a medallion; sizes in metres."""
    h, w = round(height * FINE), round(width * FINE)
    colors = [muted(generator, (0.1, 0.4), (0.3, 0.8)) for _ in range(3)]
    # Of two that are not far apart.
    colors[1] = (colors[0] + colors[1]) / 2
    rug = np.ones((h, w, 3)) * colors[0]
    y, x = np.mgrid[:h, :w] / FINE
    inside = np.minimum.reduce([y, height - y, x, width - x])
    if generator.random() < 0.5:
        step = generator.uniform(0.15, 0.4)
        rug[y % step < step / 2] = colors[1]
    else:
        far = np.hypot(2 * x / width - 1, 2 * y / height - 1)
        rug[(far * generator.integers(2, 5)) % 1 < 0.4] = colors[1]
    rug[inside < generator.uniform(0.06, 0.18)] = colors[2]
    return (rug + 0.02 * noise(generator, h, w, 1.5, 1.5)).clip(0, 1)


def draw_door(generator):
    """A leaf with panels and a handle."""
    woods = [(0.93, 0.92, 0.89), *WOODS]
    wood = np.array(woods[generator.choice(7, p=[0.4] + [0.1] * 6)])
    door = np.ones((100, 44, 3)) * wood
    door += 0.02 * wood * noise(generator, 100, 44, 20, 1.5)
    rows = [(8, 92)] if generator.random() < 0.3 else [(8, 42), (50, 92)]
    for top, bottom in rows:
        door[top:bottom, 8:36] *= 0.82
        door[top + 2 : bottom, 10:36] = wood * 0.95
    door[50:52, 37:42] = 0.35
    return door.clip(0, 1)


def draw_view(generator, panes):
    """The sky over something green or grey, behind bars between panes."""
    h, w = 60, 30 * panes
    y, x = np.mgrid[:h, :w]
    high = (1 - y / h)[..., None]
    blue = np.array([0.55, 0.72, 0.93]) * generator.uniform(0.95, 1.05)
    view = high * blue + (1 - high) * np.array([0.93, 0.95, 0.97])
    line = generator.uniform(0.45, 0.85) * h
    line = line + 5 * noise(generator, 1, w, 1, 9)[0, :, 0]
    far = generator.choice([0, 1])
    land = np.array([(0.42, 0.53, 0.33), (0.66, 0.63, 0.6)][far])
    land = land * (1 + 0.1 * noise(generator, h, w, 5, 5))
    view = np.where((y > line)[..., None], land, view)
    bars = (x % 30 < 2) | (x % 30 > 27) | (y < 2) | (y > h - 3)
    if generator.random() < 0.4:
        bars |= abs(y - h // 2) < 2
    view[bars] = 0.93
    return view.clip(0, 1)


def draw_picture(generator):
    """Something abstract or a landscape, in a frame."""
    h, w = 40, 40
    top, low = (muted(generator, (0.1, 0.5), (0.4, 0.95)) for _ in range(2))
    mixed = (
        noise(generator, h, w, 10, 16) * 0.35
        + np.mgrid[:h, :w][0][..., None] / h
    )
    picture = low + (top - low) * (mixed > generator.uniform(0.3, 0.7))
    picture = picture + 0.05 * noise(generator, h, w, 5, 5)
    if generator.random() < 0.5:
        inside = np.zeros((h, w), bool)
        inside[7:-7, 7:-7] = True
        picture[~inside] = 0.93
    frame = np.ones((h, w), bool)
    frame[2:-2, 2:-2] = False
    woods = [(0.1, 0.1, 0.1), (0.9, 0.9, 0.88), *WOODS]
    picture[frame] = woods[generator.integers(len(woods))]
    return picture.clip(0, 1)
