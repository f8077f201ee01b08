"""Images without any object."""

import numpy as np

from keras_vipa.datasets.bounds import check_drawing


def pink_noise(count, seed=0, size=32):
    """Draw noise whose amplitudes fall as 1/f, as those of photographs do.

    Args:
        count: integer. How many.
        seed: integer.
        size: integer. Height and width in pixels.

    Returns:
        A float array `(count, size, size, 3)`, each image from 0 to 1.

    Raises:
        ValueError: If a number is not positive, or the images would not fit
            into memory.

    Example:

    >>> pink_noise(2, size=16).shape
    (2, 16, 16, 3)
    """
    check_drawing(count, size, seed)
    generator = np.random.default_rng(seed)
    waves = np.fft.fftfreq(size)
    radius = np.hypot(*np.meshgrid(waves, waves))
    spectrum = np.fft.fft2(generator.normal(size=(count, 3, size, size)))
    images = np.fft.ifft2(spectrum / np.maximum(radius, 1 / size)).real
    images -= images.min(axis=(1, 2, 3), keepdims=True)
    images /= images.max(axis=(1, 2, 3), keepdims=True)
    return images.transpose(0, 2, 3, 1)
