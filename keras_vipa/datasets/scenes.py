"""A generated world: one object before a striped background, many tasks."""

import numpy as np

from keras_vipa.datasets.bounds import check_drawing
from keras_vipa.datasets.image_set import ImageSet

SHAPES = ("disc", "square", "triangle", "cross", "ring")
# Of objects, and darker ones of backgrounds.
COLORS = {
    "red": (220, 60, 50),
    "green": (60, 190, 80),
    "blue": (70, 110, 230),
    "yellow": (230, 210, 60),
    "magenta": (200, 80, 200),
    "cyan": (80, 210, 220),
}
ORIENTATIONS = 4


def scenes(count, seed=0, size=32):
    """Draw scenes of which everything is known.

    Each has an object of one of five shapes and six colours, anywhere, of any
    size and turned in any direction, before sinusoidal stripes of one of four
    directions and six colours, and a little noise.

    Args:
        count: integer. How many.
        seed: integer. The same seed gives the same scenes.
        size: integer. Height and width in pixels.

    Returns:
        An `ImageSet` with the labels `shape`, `color`, `stripes` (their
        direction) and `background` (their colour). Its `info` has, for each
        image, `mask`, float32 `(size, size)`, 1 on the object; `depth`, the
        same, in [0, 1], larger for what is nearer; and `pose`, float32 `(5,)`:
        the object's centre x and y in [-1, 1], its radius as a part of `size`,
        and cosine and sine of its direction.

    Raises:
        ValueError: If a number is not positive, or the scenes would not fit
            into memory.

    Example:

    >>> world = scenes(6, seed=1)
    >>> world.images.shape, world.info["mask"].shape
    ((6, 32, 32, 3), (6, 32, 32))
    """
    check_drawing(count, size, seed)
    generator = np.random.default_rng(seed)
    labels = {
        "shape": generator.integers(len(SHAPES), size=count),
        "color": generator.integers(len(COLORS), size=count),
        "stripes": generator.integers(ORIENTATIONS, size=count),
        "background": generator.integers(len(COLORS), size=count),
    }
    radius = generator.uniform(0.16, 0.32, count)
    center = generator.uniform(-0.5, 0.5, (count, 2))
    angle = generator.uniform(0.0, 2 * np.pi, count)
    phase = generator.uniform(0.0, 2 * np.pi, count)
    noise = generator.normal(0.0, 6.0, (count, size, size, 3))
    ticks = (np.arange(size) + 0.5) / size * 2 - 1
    y, x = (grid[None] for grid in np.meshgrid(ticks, ticks, indexing="ij"))

    direction = np.pi * labels["stripes"] / ORIENTATIONS
    along = _each(np.cos(direction)) * x + _each(np.sin(direction)) * y
    wave = 0.5 + 0.5 * np.sin(4 * np.pi * along + _each(phase))
    palette = np.array(list(COLORS.values()), "float64")
    background = 0.55 * palette[labels["background"]][:, None, None]
    background = background * (0.5 + 0.5 * wave[..., None])

    mask = _draw(labels["shape"], x, y, center, 2 * radius, angle)
    shade = 0.85 + 0.15 * wave[..., ::-1, None]
    thing = palette[labels["color"]][:, None, None] * shade
    images = np.where(mask[..., None] > 0, thing, background) + noise

    # The ground comes nearer downwards, and a larger object is nearer.
    ground = 0.25 + 0.25 * np.broadcast_to(y, mask.shape)
    depth = np.where(mask > 0, _each(0.4 + 1.6 * radius), ground)
    turn = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    pose = np.concatenate([center, radius[:, None], turn], axis=1)
    colors = list(COLORS)
    names = {
        "shape": SHAPES,
        "color": colors,
        "stripes": [f"{180 * k // ORIENTATIONS}" for k in range(ORIENTATIONS)],
        "background": colors,
    }
    return ImageSet(
        images.clip(0, 255).astype("uint8"),
        labels=labels,
        class_names=names,
        label="shape",
        name="scenes",
        info={
            "mask": mask.astype("float32"),
            "depth": depth.astype("float32"),
            "pose": pose.astype("float32"),
        },
    )


def _each(values):
    """One value for each image, in the shape of pixels."""
    return np.asarray(values)[:, None, None]


def _draw(shapes, x, y, center, radius, angle):
    """Masks `(n, size, size)` of the objects."""
    x, y = x - _each(center[:, 0]), y - _each(center[:, 1])
    cos, sin = _each(np.cos(angle)), _each(np.sin(angle))
    # In the object's own frame, its radius being 1.
    u = (cos * x + sin * y) / _each(radius)
    v = (cos * y - sin * x) / _each(radius)
    far = np.hypot(u, v)
    inside = [
        far < 0.9,
        np.maximum(np.abs(u), np.abs(v)) < 0.75,
        (v > -0.5) & (1.732 * np.abs(u) + v < 1.0),
        (np.minimum(np.abs(u), np.abs(v)) < 0.3) & (far < 1.0),
        (far < 1.0) & (far > 0.55),
    ]
    return np.choose(_each(shapes), inside).astype("float64")
