"""Which range images are in."""

import numpy as np

from keras_vipa.utils import checks

# Floats in [0, 1], even standardized ones, are far below this.
_CLEARLY_LEVELS = 16


def to_range(images, white=1.0):
    """Return images in the range that a network takes.

    The one rule of this package: images are floats, from 0 for black to 1 for
    white, unless the network's own `white` is given. Arrays of uint8 mean
    0..255 and are scaled. Batches of images (rank 4) of another type are
    returned as they are, if they can be meant so: those with a number beyond
    16, or, for a network that takes 0..255, with none beyond 1, are refused.
    What is not a batch of images, such as vectors, is returned as it is.

    Args:
        images: array `(batch, height, width, channels)`.
        white: float. What white is in the images that the network takes: 1.0,
            or 255.0 for one that was trained on 0..255.

    Returns:
        Float32 array, of uint8; else `images`.

    Raises:
        ValueError: If the images are clearly in another range, or `white` is
            not a positive number.

    Example:

    >>> import numpy as np
    >>> levels = np.full((1, 2, 2, 3), 51, "uint8")
    >>> float(to_range(levels)[0, 0, 0, 0])
    0.20000000298023224
    >>> float(to_range(levels, white=255.0)[0, 0, 0, 0])
    51.0
    """
    white = checks.number("white", white, above=True)
    if not hasattr(images, "shape") or not hasattr(images, "dtype"):
        checks.fail("`images` must be an array", "images", images)
    if len(images.shape) < 3 or 0 in images.shape:
        return images
    if "uint8" in str(images.dtype):
        levels = np.asarray(images).astype("float32")
        return levels / np.float32(255.0 / white)
    if len(images.shape) != 4:
        return images
    values = np.asarray(images)
    largest = max(float(values.max()), -float(values.min()))
    if white <= _CLEARLY_LEVELS < largest:
        raise ValueError(
            f"Images must be in [0, {white:g}], or uint8. Divide them by 255, "
            "or pass `white=255` if the networks were trained on 0..255. "
            f"Received: numbers up to {largest:g}"
        )
    if 0 < largest <= 1 and white > _CLEARLY_LEVELS:
        raise ValueError(
            f"Images must be in [0, {white:g}], or uint8, for `white={white:g}`"
            ". Multiply them by it, or leave `white` out if the networks were "
            f"trained on [0, 1]. Received: numbers up to {largest:g}"
        )
    return images
