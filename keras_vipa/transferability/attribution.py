"""Attribution maps of many images."""

from numbers import Integral

import keras
import numpy as np

from keras_vipa.layers import AttributionGradient
from keras_vipa.layers.attribution_gradient import units_of

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
    jit_compile=None,
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
        jit_compile: boolean. Whether to compile with XLA. Defaults to `None`:
            on JAX only, which compiles by nothing else.
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
    classes = _check_classes(model, target, len(images)) if per_image else None
    _check_options(reduction, batch_size)
    _check_fit(model, images)
    layer = AttributionGradient(
        model, method, None if per_image else target, epsilon, steps, baseline
    )
    run = map_runner(layer, images, classes, jit_compile)
    maps, bar = None, keras.utils.Progbar(len(images), verbose=verbose)
    for chosen in batches_of(len(images), batch_size):
        part = run(images[chosen], None if classes is None else classes[chosen])
        part = REDUCTIONS[reduction](part)
        if not np.isfinite(part).all():
            raise ValueError(
                f"The maps of {model.name!r} by {method!r} are not finite: "
                "check its weights and the images for NaN."
            )
        if maps is None:
            maps = np.empty((len(images), *part.shape[1:]), "float32")
        maps[chosen] = part
        bar.update(chosen.stop)
    return maps


def map_runner(layer, images, classes=None, jit_compile=None):
    """A compiled function from a batch of images to its maps.

    Args:
        layer: `AttributionGradient`.
        images: array `(n, height, width, channels)`, for its shape and one
            image to try.
        classes: integer array `(n,)`, if the function is to take classes.
        jit_compile: boolean or `None`, as in `attribution_maps`.

    Returns:
        A callable, images and classes (or `None`) to an array.

    Raises:
        ValueError: If the output does not depend on the images.
    """
    # Once without Keras around it, which would lengthen an error.
    first = keras.ops.convert_to_tensor(as_float(images[:1]))
    layer.call(first, None if classes is None else classes[:1])
    inputs = [keras.Input(images.shape[1:])]
    if classes is not None:
        inputs.append(keras.Input((), dtype="int32"))
    maps = layer(*inputs)
    runner = keras.Model(inputs if len(inputs) > 1 else inputs[0], maps)
    if jit_compile is None:
        jit_compile = keras.config.backend() == "jax"
    runner.compile(jit_compile=jit_compile)

    def run(images, classes):
        images = as_float(images)
        if classes is None:
            return runner.predict_on_batch(images)
        return runner.predict_on_batch([images, classes])

    return run


def batches_of(count, size):
    """Slices of at most `size`, which cover `count`."""
    return [
        slice(start, min(start + size, count))
        for start in range(0, count, size)
    ]


def as_float(images):
    """Images as float32; uint8 is scaled to [0, 1]."""
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


def _check_classes(model, target, count):
    classes = np.asarray(target)
    if len(classes) != count or classes.dtype.kind not in "iu":
        raise ValueError(
            f"`target` must be a whole number for each of {count} images. "
            f"Received: {len(classes)} of {classes.dtype}"
        )
    outputs = getattr(model, "outputs", None)
    units = units_of(model, outputs) if outputs else classes.max() + 1
    if not (-units <= classes.min() and classes.max() < units):
        raise ValueError(
            f"`target` must be among the {units} units of the output. "
            f"Received: {classes.min()} to {classes.max()}"
        )
    return (classes % units).astype("int32")


def _check_options(reduction, batch_size):
    if reduction not in REDUCTIONS:
        raise ValueError(
            f"`reduction` must be one of {list(REDUCTIONS)}. "
            f"Received: reduction={reduction!r}"
        )
    if not isinstance(batch_size, Integral) or batch_size < 1:
        raise ValueError(
            "`batch_size` must be a positive integer. "
            f"Received: batch_size={batch_size!r}"
        )


def _check_fit(model, images):
    wanted = (getattr(model, "inputs", None) or [images])[0].shape[1:]
    pairs = zip(wanted, images.shape[1:])
    if len(wanted) != 3 or any(a not in (None, b) for a, b in pairs):
        raise ValueError(
            f"Images must be {tuple(wanted)} for {model.name!r}. "
            f"Received: images.shape={images.shape}"
        )
