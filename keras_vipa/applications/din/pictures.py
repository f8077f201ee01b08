"""What `DIN` checks of arguments, and does to pictures before and after."""

import keras
import numpy as np

from keras_vipa.applications.din.networks import SMALLEST
from keras_vipa.applications.din.networks import STRIDE
from keras_vipa.layers.checks import as_array
from keras_vipa.layers.checks import check_number
from keras_vipa.layers.checks import shown
from keras_vipa.utils.colors import LUMINANCE


def as_images(pictures, name):
    """Pictures as float32 `(n, height, width, 3)` in [0, 1].

    Returns:
        The array, and whether it was a single picture.
    """
    array = as_array(name, pictures)
    images = array[None] if array.ndim == 3 else array
    is_float = array.dtype.kind == "f"
    if (
        images.ndim != 4
        or images.shape[-1] != 3
        or not (is_float or array.dtype == "uint8")
    ):
        raise ValueError(
            f"`{name}` must be a uint8 or float array (height, width, 3) or "
            f"(n, height, width, 3). Received: shape={array.shape}, "
            f"dtype={array.dtype}"
        )
    if min(images.shape[1:3]) < SMALLEST or not len(images):
        raise ValueError(
            f"`{name}` must be at least {SMALLEST} pixels high and wide. "
            f"Received: shape={array.shape}"
        )
    images = images.astype("float32") / (1.0 if is_float else 255.0)
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
    check_number("strength", strength, most=1)
    if mask is None:
        return strength
    array = as_array("mask", mask)
    is_right = array.shape == tuple(size) and array.dtype.kind in "fiub"
    array = array.astype("float32") if is_right else array
    if not is_right or not (np.abs(array - 0.5) <= 0.5).all():
        raise ValueError(
            f"`mask` must be an array {tuple(size)} with values in [0, 1]. "
            f"Received: shape={array.shape}, dtype={array.dtype}"
        )
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
    check_number("grain", amount, most=1)
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
        raise ValueError(
            "`features` must be a `keras.Model` of images to a dict with "
            f"{names}, as `VGGFeatures` is. "
            f"Received: features={shown(features)}"
        )


def check_sides(height, width):
    """Raise a `ValueError` unless a whole network can have these sides."""
    for side in (height, width):
        is_whole = isinstance(side, int | np.integer)
        fits = is_whole and side >= SMALLEST and side % STRIDE == 0
        if side is not None and not fits:
            raise ValueError(
                f"Height and width must be multiples of {STRIDE}, at least "
                f"{SMALLEST}. Received: height={shown(height)}, "
                f"width={shown(width)}"
            )


def check_weights(weights, count):
    """Weights of a mixture as a float64 array, equal ones for `None`."""
    given = np.ones(count) if weights is None else weights
    array = as_array("weights", given)
    is_list = array.shape == (count,) and array.dtype.kind in "fiu"
    if not is_list or not (array >= 0).all():
        raise ValueError(
            f"`weights` must be {count} numbers of at least 0, one for each "
            f"code. Received: weights={shown(array.tolist())}"
        )
    array = array.astype("float64")
    if not 0 < array.sum() < np.inf:
        raise ValueError(
            "`weights` must have a positive sum. "
            f"Received: weights={array.tolist()}"
        )
    return array
