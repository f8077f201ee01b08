"""Random crops of photographs and style pictures."""

import concurrent.futures

import numpy as np
from PIL import Image

from keras_vipa.datasets.bounds import check_drawing
from keras_vipa.utils import checks
from keras_vipa.utils.images import check_picture

# Crops that one thread draws.
BLOCK = 2000


def random_crops(pictures, count, size, seed=0, zoom=(1.0, 2.0), widen=False):
    """Cut squares out of pictures at random places and scales.

    Args:
        pictures: list of uint8 arrays `(height, width, 3)`, of any sizes.
        count: integer. Number of crops.
        size: integer. Their height and width in pixels.
        seed: integer. Seed of the choice.
        zoom: pair of floats. The short side of a picture is first brought to
            `size` times a number from this range (uniform in its logarithm),
            but not to more than twice what it was unless `size` asks for it;
            at 1 a crop is nearly the whole picture.
        widen: boolean. Whether to vary the crops as styles, so that few
            pictures make many: turned and mirrored, channels exchanged (1 of
            3), inverted (1 of 8), in other contrast (1 of 3), or laid over
            another one (1 of 8).

    Returns:
        A uint8 array `(count, size, size, 3)`.

    Raises:
        ValueError: If there is no picture, if a number is not positive or
            `zoom` no range, or if the crops would not fit into memory.

    Example:

    >>> picture = np.arange(40 * 50 * 3, dtype="uint8").reshape(40, 50, 3)
    >>> random_crops([picture], count=5, size=32).shape
    (5, 32, 32, 3)
    """
    check_drawing(count, size, seed)
    if not isinstance(pictures, list | tuple | np.ndarray) or not len(pictures):
        checks.fail(
            "`pictures` must be a list of pictures", "pictures", pictures
        )
    for picture in pictures:
        check_picture(picture, "pictures")
    if not isinstance(zoom, list | tuple) or len(zoom) != 2:
        checks.fail("`zoom` must be a pair of floats", "zoom", zoom)
    least, most = (checks.number("zoom", factor, above=True) for factor in zoom)
    if least > most:
        checks.fail("`zoom` must be a range, the smaller first", "zoom", zoom)

    def block(number):
        amount = min(BLOCK, count - number * BLOCK)
        # The first block is what the seed alone would give.
        generator = np.random.default_rng([seed, number])
        return _crops(pictures, amount, size, generator, zoom, widen)

    numbers = range(max(1, -(-count // BLOCK)))
    with concurrent.futures.ThreadPoolExecutor() as pool:
        return np.concatenate(list(pool.map(block, numbers)))


def _crops(pictures, count, size, generator, zoom, widen):
    crops = np.empty((count, size, size, 3), "uint8")
    for index in range(count):
        picture = pictures[generator.integers(len(pictures))]
        crop = _crop(picture, size, zoom, generator)
        if widen:
            crop = _widen(crop, generator)
            if index and generator.random() < 1 / 8:
                other = crops[generator.integers(index)].astype("float32")
                crop = (0.5 * crop + 0.5 * other).astype("uint8")
        elif generator.random() < 0.5:
            crop = crop[:, ::-1]
        crops[index] = crop
    return crops


def _crop(picture, size, zoom, generator):
    height, width = picture.shape[:2]
    short = size * np.exp(generator.uniform(*np.log(zoom)))
    short = max(size, min(short, 2 * min(height, width)))
    scale = short / min(height, width)
    # Read from its place: the rest need not be scaled.
    side = min(size / scale, height, width)
    top = generator.uniform(0, height - side)
    left = generator.uniform(0, width - side)
    box = (left, top, left + side, top + side)
    crop = Image.fromarray(picture).resize(
        (size, size), Image.Resampling.LANCZOS, box=box
    )
    return np.asarray(crop)


def _widen(crop, generator):
    crop = np.rot90(crop, generator.integers(4))
    if generator.random() < 0.5:
        crop = crop[:, ::-1]
    if generator.random() < 2 / 5:
        crop = crop[..., generator.permutation(3)]
    if generator.random() < 1 / 8:
        crop = 255 - crop
    if generator.random() < 1 / 3:
        gain, shift = generator.uniform(0.6, 1.4), generator.uniform(-40, 40)
        levels = (crop.astype("float32") - 128) * gain + 128 + shift
        crop = levels.clip(0, 255).astype("uint8")
    return crop
