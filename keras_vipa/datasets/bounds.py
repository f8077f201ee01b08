"""Checks that all who draw images share."""

from keras_vipa.utils import checks
from keras_vipa.utils.images import check_size


def check_drawing(count, size, seed):
    """Raise an error unless so many images of this size can be drawn.

    Args:
        count: what was given as the number of images.
        size: what was given as their height and width.
        seed: what was given as the seed.
    """
    checks.integer("count", count)
    checks.integer("size", size)
    check_size(size)
    checks.integer("seed", seed, 0)
    checks.memory("`count` and `size`", 3 * count * size**2)
