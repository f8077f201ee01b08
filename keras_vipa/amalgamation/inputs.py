"""Checks of what an amalgamator is given: teachers and images."""

import keras
import numpy as np

from keras_vipa.utils import checks
from keras_vipa.utils.ranges import to_range

NO_LABELS = (
    "An amalgamator learns from images alone. Received: images with labels. "
    "Pass an array of images, or `dataset.map(lambda images, labels: images)`."
)
_UINT8 = (
    "A data set must give floats in [0, {0:g}]; only arrays of uint8 are "
    "scaled. Map it, as in `dataset.map(lambda x: tf.cast(x, 'float32') / "
    "{1:g})`. Received: batches of uint8"
)


def check_teachers(teachers, least=1):
    """Return teachers as a list, if they are trained networks and enough.

    Args:
        teachers: what was given.
        least: integer. How many there must be.

    Returns:
        List of `keras.Model`.

    Raises:
        ValueError: If there are fewer, or if one is no model, or not built.
    """
    is_list = isinstance(teachers, list | tuple)
    if not is_list or len(teachers) < least:
        words = {1: "one teacher", 2: "two teachers"}
        raise ValueError(
            f"Amalgamation needs a list of at least {words[least]}. Received: "
            f"{len(teachers) if is_list else checks.shown(teachers)}"
        )
    for number, teacher in enumerate(teachers, 1):
        if not isinstance(teacher, keras.Model):
            rule = "`teachers` must be a list of `keras.Model`"
            checks.fail(rule, f"teacher_{number}", teacher)
        if not teacher.built:
            raise ValueError(
                "A teacher must be trained, and so be built: give it a "
                "`keras.Input`, or call it on images once. Received: "
                f"teacher_{number}, the unbuilt {type(teacher).__name__} "
                f"{teacher.name!r}"
            )
    return list(teachers)


def check_augmentation(augmentation):
    """Raise an error unless it is a layer, or `None`."""
    if not isinstance(augmentation, keras.Layer | None):
        rule = "`augmentation` must be a `keras.Layer` or None"
        checks.fail(rule, "augmentation", augmentation)


def in_range(data, white, shape=None):
    """Inputs of training as floats in [0, white], as `to_range` has them.

    Args:
        data: what `fit` or `fit_stages` gets. Of a dict the item "images" is
            looked at, or all of them if it has none; of a data set what can
            be known without running it: its type, or the first batch of a
            `keras.utils.PyDataset`.
        white: float. What white is.
        shape: tuple. Shape of an image; `None` for what may vary.

    Returns:
        The data.

    Raises:
        ValueError: If they are clearly in another range, of another shape, or
            have labels.
    """
    if data is None:
        checks.fail("Images must be given", "images", data)
    spec = getattr(data, "element_spec", None)
    if isinstance(data, tuple) or isinstance(spec, tuple):
        raise ValueError(NO_LABELS)
    if isinstance(data, keras.utils.PyDataset):
        if len(data):
            _check_batch(data[0], white)
    elif spec is not None:
        specs = spec.values() if isinstance(spec, dict) else [spec]
        _check_types(specs, white)
    elif isinstance(data, dict):
        names = ["images"] if "images" in data else list(data)
        return {**data, **{n: in_range(data[n], white, shape) for n in names}}
    elif hasattr(data, "shape"):
        _check_shape(tuple(data.shape), shape)
        return to_range(data, white)
    return data


def some_images(data, count):
    """About so many of the images that a training gets, as an array.

    Args:
        data: what `in_range` returns: an array, a dict with the key "images",
            or a data set of batches of these.
        count: integer.

    Returns:
        An array `(n, height, width, channels)`, evenly taken from an array, or
        the first batches of a data set.
    """
    if isinstance(data, dict):
        data = data["images"]
    if hasattr(data, "shape"):
        return data[:: max(1, len(data) // count)]
    if isinstance(data, keras.utils.PyDataset):
        data = map(data.__getitem__, range(len(data)))
    found = []
    for batch in data:
        images = batch["images"] if isinstance(batch, dict) else batch
        found.append(keras.ops.convert_to_numpy(images))
        if sum(len(images) for images in found) >= count:
            break
    return np.concatenate(found)


def _check_batch(batch, white):
    inputs = batch[0] if isinstance(batch, tuple) else batch
    if isinstance(inputs, dict):
        inputs = {"images": inputs["images"]} if "images" in inputs else inputs
    arrays = keras.tree.flatten(inputs)
    _check_types(arrays, white)
    for array in arrays:
        to_range(array, white)


def _check_types(arrays, white):
    for array in arrays:
        dtype = getattr(array, "dtype", None)
        is_batch = len(getattr(array, "shape", None) or ()) == 4
        if is_batch and "uint8" in str(getattr(dtype, "name", dtype)):
            raise ValueError(_UINT8.format(white, 255.0 / white))


def _check_shape(found, shape):
    fits = shape is None or len(found) == len(shape) + 1
    for one, other in zip(found[1:], shape or ()):
        fits = fits and (other is None or one == other)
    if not fits:
        sides = ", ".join(str(side or "any") for side in shape)
        rule = f"Images must be of the size of the teachers', (batch, {sides})"
        checks.fail(rule, "shape", found)


def check_weights(weights, defaults, positive=("soft_targets",)):
    """Weights of terms, the default where there is none.

    Args:
        weights: dict, term -> float, or `None`.
        defaults: dict, term -> float.
        positive: tuple of strings. Terms whose weight must be above 0.

    Returns:
        Dict, term -> float, in the order of `defaults`.

    Raises:
        ValueError: If there is no such term, or a weight is negative.
    """
    weights = {} if weights is None else weights
    if not isinstance(weights, dict) or not set(weights) <= set(defaults):
        rule = f"`weights` must be a dict of some of {tuple(defaults)}"
        checks.fail(rule, "weights", weights)
    for term, weight in weights.items():
        above = term in positive
        checks.number(f"weights['{term}']", weight, above=above)
    return {**defaults, **weights}


def computed(weights):
    """Weights without those of 0, whose terms are not computed."""
    return {term: weight for term, weight in weights.items() if weight}
