"""Pictures without any detail, which photographs hardly have."""

import numpy as np

from keras_vipa.datasets.bounds import check_drawing


def smooth_pictures(count, size, seed=0):
    """Draw pictures in which one colour flows into another.

    Instance normalization makes much of little: on an even sky the last bit of
    a pixel becomes a pattern. A network that is to draw such places well has
    to see them. Half of the pictures are such a flow, along a line or around a
    point, from end to end, and half have an ellipse of another flow on them,
    with a sharp edge.

    Args:
        count: integer. Number of pictures.
        size: integer. Their height and width in pixels.
        seed: integer. Seed of the choice.

    Returns:
        A uint8 array `(count, size, size, 3)`.

    Raises:
        ValueError: If a number is not positive, or the pictures would not fit
            into memory.

    Example:

    >>> smooth_pictures(count=3, size=32).shape
    (3, 32, 32, 3)
    """
    check_drawing(count, size, seed)
    generator = np.random.default_rng(seed)
    pictures = np.empty((count, size, size, 3), "uint8")
    for index in range(count):
        picture = _flow(size, generator)
        if generator.random() < 0.5:
            inside = _distance(size, generator) < generator.uniform(0.1, 0.4)
            picture[inside] = _flow(size, generator)[inside]
        pictures[index] = np.rint(picture)
    return pictures


def _flow(size, generator):
    """Float32 `(size, size, 3)`: from one colour to another."""
    if generator.random() < 0.5:
        angle = generator.uniform(0, 2 * np.pi)
        axis = np.linspace(-1, 1, size, dtype="float32")
        place = np.cos(angle) * axis[:, None] + np.sin(angle) * axis
    else:
        place = _distance(size, generator)
    place = (place - place.min()) / max(np.ptp(place), 1e-6)
    first, second = generator.uniform(0, 255, (2, 3)).astype("float32")
    # Often much alike.
    second = first + generator.random() * (second - first)
    return first + place[..., None] * (second - first)


def _distance(size, generator):
    """Distance of each pixel from a point; the picture's side is 1."""
    centre = generator.uniform(0.2, 0.8, 2)
    stretch = np.exp(generator.uniform(-0.5, 0.5, 2))
    axis = (np.arange(size) + 0.5) / size
    y, x = ((axis - middle) * s for middle, s in zip(centre, stretch))
    return np.hypot(y[:, None], x[None]).astype("float32")
