"""Thirteen tasks on generated scenes, of three families."""

import numpy as np

from keras_vipa.utils import checks
from keras_vipa.utils.colors import LUMINANCE

FAMILIES = {
    "2-D": ("autoencode", "denoise", "inpaint", "colorize", "edge2d"),
    "object": ("segment", "objedge", "depth", "pose"),
    "semantic": ("shape", "color", "bgori", "bgcol"),
}
TASKS = tuple(task for tasks in FAMILIES.values() for task in tasks)
# Of the labels of `scenes`.
_LABELS = {
    "shape": "shape",
    "color": "color",
    "bgori": "stripes",
    "bgcol": "background",
}


def scene_task(world, task, seed=0):
    """What a network for a task sees, and what it is to say.

    | task | input | target |
    | --- | --- | --- |
    | `autoencode` | the scene | the scene |
    | `denoise` | with noise of deviation 0.2 | the scene |
    | `inpaint` | without a square of a third of its sides | the scene |
    | `colorize` | its luminance | the scene |
    | `edge2d` | the scene | size of the luminance's slope |
    | `segment` | the scene | mask of the object |
    | `objedge` | the scene | border of the object |
    | `depth` | the scene | depth |
    | `pose` | the scene | centre, radius, direction |
    | `shape`, `color` | the scene | class of the object |
    | `bgori`, `bgcol` | the scene | class of the background |

    Args:
        world: `ImageSet`, of `scenes`.
        task: string, one of the above.
        seed: integer. Seed of noise and squares.

    Returns:
        Two float32 arrays: inputs `(n, size, size, 3)` in [0, 1], and targets
        `(n, size, size, channels)`, or `(n, values)`: a class as 0 and 1.

    Raises:
        ValueError: If the task is unknown, or the set is not of `scenes`.

    Example:

    >>> world = keras_vipa.datasets.scenes(4)
    >>> inputs, targets = scene_task(world, "depth")
    >>> inputs.shape, targets.shape
    ((4, 32, 32, 3), (4, 32, 32, 1))
    """
    checks.choice("task", task, TASKS)
    checks.integer("seed", seed, 0)
    known = getattr(world, "info", None), getattr(world, "labels", None)
    if None in known or "pose" not in known[0] or "stripes" not in known[1]:
        checks.fail("`world` must be a set of `scenes`", "world", world)
    images = world.array()
    grey = images @ LUMINANCE
    generator = np.random.default_rng(seed)
    inputs = images
    if task == "denoise":
        noise = generator.normal(0.0, 0.2, images.shape)
        inputs = (images + noise).clip(0, 1).astype("float32")
    elif task == "inpaint":
        inputs = _without_square(images, generator)
    elif task == "colorize":
        inputs = np.repeat(grey[..., None], 3, axis=-1)
    if task in _LABELS:
        names = world.class_names[_LABELS[task]]
        classes = np.eye(len(names), dtype="float32")
        return inputs, classes[world.labels[_LABELS[task]]]
    if task == "pose":
        return inputs, world.info["pose"]
    if task == "edge2d":
        return inputs, 4.0 * _slope(grey)[..., None]
    if task == "objedge":
        border = _slope(world.info["mask"]) > 0
        return inputs, border[..., None].astype("float32")
    if task in ("segment", "depth"):
        name = "mask" if task == "segment" else "depth"
        return inputs, world.info[name][..., None]
    return inputs, images


def _without_square(images, generator):
    images = images.copy()
    size = images.shape[1]
    side = size // 3
    places = generator.integers(0, size - side, (len(images), 2))
    for image, (top, left) in zip(images, places):
        image[top : top + side, left : left + side] = 0.5
    return images


def _slope(values):
    """Size of the gradient, from differences of neighbours."""
    down = np.diff(values, axis=1, append=values[:, -1:])
    right = np.diff(values, axis=2, append=values[:, :, -1:])
    return np.hypot(down, right).astype("float32")
