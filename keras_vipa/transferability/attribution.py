"""Attribution maps of many images."""

import keras
import numpy as np

from keras_vipa.layers import AttributionGradient

REDUCTIONS = {
    None: lambda maps: maps,
    "mean": lambda maps: maps.mean(axis=-1),
    "sum": lambda maps: maps.sum(axis=-1),
    "max": lambda maps: np.abs(maps).max(axis=-1),
}


def attribution_maps(
    model,
    images,
    method="gradient_x_input",
    target=None,
    reduction=None,
    batch_size=32,
    epsilon=1e-4,
    steps=32,
    baseline=0.0,
    jit_compile=False,
    verbose=0,
):
    """Compute how much each pixel of each image matters for an output.

    Images go through `AttributionGradient` a batch at a time, and only the maps
    of all of them are kept in memory.

    Args:
        model: Keras model with one input, images.
        images: array `(n, height, width, channels)` as the model takes it;
            uint8 is scaled to [0, 1].
        method: string. `"gradient"`, `"saliency"`, `"gradient_x_input"`,
            `"epsilon_lrp"` or `"integrated_gradients"`, see
            `AttributionGradient`.
        target: `None` for the sum of all outputs, an integer for a unit of the
            output, an integer array `(n,)` for a unit of each image, or a
            callable from the outputs to a tensor that is summed.
        reduction: string. What is made of the channels: `"mean"`, `"sum"`, or
            `"max"` of the absolute values. Defaults to `None`: all are kept.
        batch_size: integer. Images at a time.
        epsilon: float, of `"epsilon_lrp"`.
        steps: integer, of `"integrated_gradients"`.
        baseline: float, of `"integrated_gradients"`.
        jit_compile: boolean. Whether to compile with XLA.
        verbose: 0, or 1 for a progress bar.

    Returns:
        A float32 array `(n, height, width, channels)`, or `(n, height, width)`
        with a reduction.

    Raises:
        ValueError: If an argument is not as above, if the images do not fit
            the model, or if a map is not finite.

    Example:

    >>> x = keras.Input((8, 8, 3))
    >>> model = keras.Model(x, keras.layers.Dense(2)(x))
    >>> images = np.ones((5, 8, 8, 3), "float32")
    >>> attribution_maps(model, images, reduction="mean").shape
    (5, 8, 8)
    """
    images = _check_images(images)
    per_image = target is not None and np.ndim(target) == 1
    _check_options(reduction, target if per_image else images, images)
    layer = AttributionGradient(
        model, method, None if per_image else target, epsilon, steps, baseline
    )
    inputs = [keras.Input(images.shape[1:])]
    if per_image:
        inputs.append(keras.Input((), dtype="int32"))
    _check_fit(model, images)
    maps = layer(*inputs)
    runner = keras.Model(inputs if per_image else inputs[0], maps)
    runner.compile(jit_compile=jit_compile)
    size = min(batch_size, len(images))
    maps, bar = None, keras.utils.Progbar(len(images), verbose=verbose)
    for start in range(0, len(images), size):
        # The last batch is filled up, so that nothing is compiled for it.
        chosen = np.arange(start, start + size) % len(images)
        batch = [_as_float(images[chosen])]
        if per_image:
            batch.append(np.asarray(target, "int32")[chosen])
        part = runner.predict_on_batch(batch if per_image else batch[0])
        count = min(size, len(images) - start)
        part = REDUCTIONS[reduction](part[:count])
        if not np.isfinite(part).all():
            raise ValueError(
                f"The maps of {model.name!r} by {method!r} are not finite: "
                "check its weights and the images for NaN."
            )
        if maps is None:
            maps = np.empty((len(images), *part.shape[1:]), "float32")
        maps[start : start + count] = part
        bar.update(start + count)
    return maps


def _as_float(images):
    scale = 255.0 if images.dtype == "uint8" else 1.0
    return (images / np.float32(scale)).astype("float32")


def _check_images(images):
    images = np.asarray(images)
    is_number = images.dtype.kind == "f" or images.dtype == "uint8"
    if images.ndim != 4 or not len(images) or not is_number:
        raise ValueError(
            "`images` must be a uint8 or float array (n, height, width, "
            f"channels). Received: shape={images.shape}, dtype={images.dtype}"
        )
    return images


def _check_options(reduction, classes, images):
    if reduction not in REDUCTIONS:
        raise ValueError(
            f"`reduction` must be one of {list(REDUCTIONS)}. "
            f"Received: reduction={reduction!r}"
        )
    if len(classes) != len(images):
        raise ValueError(
            f"`target` must have one class for each of {len(images)} images. "
            f"Received: {len(classes)}"
        )


def _check_fit(model, images):
    wanted = (getattr(model, "inputs", None) or [images])[0].shape[1:]
    pairs = zip(wanted, images.shape[1:])
    if len(wanted) != 3 or any(a not in (None, b) for a, b in pairs):
        raise ValueError(
            f"Images must be {tuple(wanted)} for {model.name!r}. "
            f"Received: images.shape={images.shape}"
        )
