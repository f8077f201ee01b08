"""Attribution maps of many images."""

import keras
import numpy as np

from keras_vipa.layers import AttributionGradient
from keras_vipa.layers.attribution_gradient import sum_is_constant
from keras_vipa.layers.attribution_gradient import units_of
from keras_vipa.utils import checks

REDUCTIONS = {
    None: lambda maps: maps,
    "mean": lambda maps: maps.mean(axis=-1),
    "sum": lambda maps: maps.sum(axis=-1),
    "max": lambda maps: np.abs(maps).max(axis=-1),
}
# Images on which it is tried whether there is anything to explain.
TRIED = 4


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
            the model, if a map is not finite, or if what is explained is the
            same for all images, as is the sum of a softmax.

    Example:

    >>> x = keras.Input((8, 8, 3))
    >>> model = keras.Model(x, keras.layers.Dense(2)(x))
    >>> images = np.ones((5, 8, 8, 3), "float32")
    >>> attribution_maps(model, images, reduction="mean").shape
    (5, 8, 8)
    """
    images = check_images(images)
    # Tensors are arrays, too.
    is_array = hasattr(target, "__array__") and np.ndim(target) > 0
    per_image = is_array or isinstance(target, list | tuple)
    _check_options(reduction, batch_size, jit_compile)
    layer = AttributionGradient(
        model, method, None if per_image else target, epsilon, steps, baseline
    )
    check_fit(model, images)
    classes = _check_classes(model, target, len(images)) if per_image else None
    run = map_runner(layer, images, classes, jit_compile)
    maps, bar = None, keras.utils.Progbar(len(images), verbose=verbose)
    for chosen in batches_of(len(images), batch_size):
        part = run(images[chosen], None if classes is None else classes[chosen])
        part = REDUCTIONS[reduction](part)
        if not np.isfinite(part).all():
            raise ValueError(
                f"The maps of {model.name!r} by {method!r} are not finite: "
                "check its weights and the images for NaN. "
                f"Received: {np.sum(~np.isfinite(part))} such numbers"
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
        ValueError: If the output does not depend on the images, or what is
            explained is the same for all.
    """
    # Without Keras around it, which would lengthen an error.
    tried = slice(None, None, -(-len(images) // TRIED))
    some = keras.ops.cast(as_float(images[tried]), layer.compute_dtype)
    if sum_is_constant(
        layer, some, None if classes is None else classes[tried]
    ):
        raise ValueError(
            f"The outputs of {layer.model.name!r} sum to the same for every "
            "image, like those of a softmax or a normalization: there is "
            "nothing to explain. Use a model that ends before it, or another "
            f"`target`. Received: target={checks.shown(layer.target)}"
        )
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


def check_images(images):
    """Images as an array, if they are uint8 or float."""
    rule = (
        "`images` must be a uint8 or float array (n, height, width, channels)"
    )
    return checks.array("images", images, rule, 4, checks.PIXELS)


def _check_classes(model, target, count):
    rule = f"`target` must be a whole number for each of {count} images"
    classes = checks.array("target", target, rule, ndim=1, kinds="iu")
    if len(classes) != count:
        checks.fail(rule, "target", classes)
    classes = classes.astype("int64")
    outputs = getattr(model, "outputs", None)
    units = units_of(model, outputs) if outputs else classes.max() + 1
    if not (-units <= classes.min() and classes.max() < units):
        raise ValueError(
            f"`target` must be among the {units} units of the output. "
            f"Received: {classes.min()} to {classes.max()}"
        )
    return (classes % units).astype("int32")


def _check_options(reduction, batch_size, jit_compile):
    if reduction is not None:
        checks.choice("reduction", reduction, REDUCTIONS)
    checks.integer("batch_size", batch_size)
    if not (jit_compile is None or isinstance(jit_compile, bool)):
        rule = "`jit_compile` must be `True`, `False` or `None`"
        checks.fail(rule, "jit_compile", jit_compile)


def check_fit(model, images):
    """Raise a `ValueError` unless images have the shape a model takes."""
    wanted = (getattr(model, "inputs", None) or [images])[0].shape[1:]
    pairs = zip(wanted, images.shape[1:])
    if len(wanted) != 3 or any(a not in (None, b) for a, b in pairs):
        rule = f"Images must be {tuple(wanted)} for {model.name!r}"
        checks.fail(rule, "images.shape", images.shape)
