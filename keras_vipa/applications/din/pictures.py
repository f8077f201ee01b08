"""What `DIN` checks of arguments, and does to pictures before and after."""

import keras
import numpy as np

from keras_vipa.applications.din.networks import SMALLEST
from keras_vipa.applications.din.networks import STRIDE
from keras_vipa.utils import checks
from keras_vipa.utils.colors import LUMINANCE


def check_pictures(pictures, name):
    """Pictures as an array, in [0, 255] or [0, 1]; one or several."""
    rule = (
        f"`{name}` must be a uint8 or float array (height, width, 3) or "
        "(n, height, width, 3)"
    )
    array = checks.array(name, pictures, rule, kinds=checks.PIXELS)
    if array.ndim not in (3, 4) or array.shape[-1] != 3:
        checks.fail(rule, name, array)
    return array


def as_images(pictures, name):
    """Pictures as float32 `(n, height, width, 3)` in [0, 1].

    Returns:
        The array, and whether it was a single picture.
    """
    array = check_pictures(pictures, name)
    images = array[None] if array.ndim == 3 else array
    if min(images.shape[1:3]) < SMALLEST:
        rule = f"`{name}` must be at least {SMALLEST} pixels high and wide"
        checks.fail(rule, "shape", array.shape)
    images = images.astype("float32") / (
        255.0 if array.dtype == "uint8" else 1.0
    )
    if not (np.abs(images - 0.5) <= 0.501).all():
        raise ValueError(
            f"`{name}` must be in [0, 1] if it is a float array. Received: "
            f"values from {images.min():.4g} to {images.max():.4g}"
        )
    return images, array.ndim == 3


def check_finite(values, what):
    """Raise a `ValueError` if what a network computed is not finite."""
    if not np.isfinite(values).all():
        raise ValueError(
            f"The model computes a {what} that is not finite: its weights are "
            "damaged, or not of this network; load others. Received: "
            f"{np.mean(~np.isfinite(values)):.0%} of the values NaN or infinite"
        )


def check_amount(strength, mask, size):
    """How much of the drawing is wanted: strength times mask.

    Returns:
        A float, or an array `(height, width, 1)` if there is a mask.

    Raises:
        ValueError: If one of them is not in [0, 1], or the mask is not of
            this size.
    """
    checks.number("strength", strength, most=1)
    if mask is None:
        return strength
    rule = f"`mask` must be an array {tuple(size)} with values in [0, 1]"
    array = checks.array("mask", mask, rule).astype("float32")
    if array.shape != tuple(size) or not (np.abs(array - 0.5) <= 0.5).all():
        checks.fail(rule, "mask", array)
    return strength * array[..., None]


def make_grain(size, amount, seed=0):
    """Noise to lay over a content.

    Args:
        size: pair of integers, height and width.
        amount: float. Its deviation, from 0 to 1.
        seed: integer.

    Returns:
        A float32 array `(height, width, 1)`.

    Raises:
        ValueError: If `amount` is not in [0, 1].
    """
    checks.number("grain", amount, most=1)
    noise = np.random.default_rng(seed).standard_normal((*size, 1), "float32")
    return np.float32(amount) * noise


def lay_over(photograph, drawn, preserve_color=False, amount=1.0):
    """A photograph with its drawing over it, pixel by pixel.

    Args:
        photograph: float array `(height, width, 3)` in [0, 1].
        drawn: float array of the same shape.
        preserve_color: boolean. Whether the photograph's colours (its Cb and
            Cr) are kept.
        amount: float or array `(height, width, 1)`, 0 for the photograph.

    Returns:
        A float array of the same shape, within [0, 1].
    """
    if preserve_color:
        # Equal changes of red, green and blue leave Cb and Cr as they are.
        drawn = photograph + ((drawn - photograph) @ LUMINANCE)[..., None]
    drawn = np.clip(drawn, 0.0, 1.0)
    return amount * drawn + (1 - amount) * photograph


def check_features(features, names):
    """Raise a `ValueError` unless a model has the maps of these names."""
    outputs = getattr(features, "output", None)
    outputs = outputs if isinstance(outputs, dict) else {}
    if not isinstance(features, keras.Model) or not set(names) <= set(outputs):
        rule = (
            f"`features` must be a `keras.Model` of images to a dict of {names}"
        )
        checks.fail(f"{rule}, as `VGGFeatures` is", "features", features)


def check_sides(height, width):
    """Raise a `ValueError` unless a whole network can have these sides."""
    for name, side in (("height", height), ("width", width)):
        if side is not None and checks.integer(name, side, SMALLEST) % STRIDE:
            checks.fail(f"`{name}` must be a multiple of {STRIDE}", name, side)


def check_weights(weights, count):
    """Weights of a mixture as a float64 array, equal ones for `None`."""
    given = np.ones(count) if weights is None else weights
    rule = f"`weights` must be {count} numbers of at least 0, one for each code"
    array = checks.array("weights", given, rule, kinds="fiu")
    if array.shape != (count,) or not (array >= 0).all():
        checks.fail(rule, "weights", array.tolist())
    array = array.astype("float64")
    if not 0 < array.sum() < np.inf:
        rule = "`weights` must have a positive, finite sum"
        checks.fail(rule, "weights", array.tolist())
    return array
