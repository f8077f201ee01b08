"""New networks for what several teachers know."""

import itertools

import keras
import numpy as np
from keras import layers

from keras_vipa.utils import checks

KINDS = ("separable", "residual")
# Channels of the stages at width 1, and the most that is tried.
STAGES = (16, 32, 64, 96)
WIDEST = 32
SMALLEST = 8
# Least sides of the maps of the first convolution and of the stages.
LEAST_FIRST, LEAST_MAP = 8, 4
# Taken for a side that is not known.
WHOLE = 64


def new_student(kind, image_shape, num_classes, parameters, seed=0):
    """The widest network of a kind that has at most so many weights.

    A convolution and three stages, with BatchNormalization; then the mean over
    the map and one dense layer. The convolution halves the picture if the map
    is at least 8 pixels high and wide then, a stage halves the map if that is
    at least 4.

    Args:
        kind: string. `"separable"`, depthwise and 1x1 convolutions; or
            `"residual"`, blocks of two 3x3 convolutions.
        image_shape: tuple `(height, width, channels)`, sides of at least 8 or
            `None`.
        num_classes: integer. Logits.
        parameters: number. Most weights, all counted.
        seed: integer. Seed of the initial weights.

    Returns:
        A functional `keras.Model`, images to logits `(batch, num_classes)`.

    Raises:
        ValueError: If an argument is not as above, or if not even one channel
            is possible.

    Example:

    >>> student = new_student("separable", (28, 28, 3), 10, 20_000)
    >>> student.count_params() <= 20_000
    True
    """
    checks.choice("student", kind, KINDS)
    checks.integer("num_classes", num_classes)
    checks.number("parameters", parameters, above=True)
    checks.integer("seed", seed, 0)
    is_shape = isinstance(image_shape, list | tuple) and len(image_shape) == 3
    sides = [side for side in image_shape[:2] if side] if is_shape else ()
    if not is_shape or not all(checks.is_integer(x, SMALLEST) for x in sides):
        rule = (
            "`image_shape` must be (height, width, channels), with sides of at "
            f"least {SMALLEST} for a new student"
        )
        checks.fail(rule, "image_shape", image_shape)
    checks.integer("channels", image_shape[2])
    # Finer steps than one channel of the widest stage.
    for width in np.arange(WIDEST, 0, -1 / STAGES[-1]):
        channels = [max(1, round(width * stage)) for stage in STAGES]
        if _count(kind, image_shape[2], num_classes, channels) <= parameters:
            return _network(kind, image_shape, num_classes, channels, seed)
    raise ValueError(
        "The student must be larger. Received: at most "
        f"{parameters:g} weights, for {num_classes} classes"
    )


def _count(kind, depth, num_classes, channels):
    """Weights of `_network`; a normalization has four a channel."""
    first, *others = channels
    count = 9 * depth * first + 4 * first
    for before, width in zip(channels, others):
        if kind == "separable":
            count += 9 * before + 4 * before + before * width + 4 * width
        else:
            count += 9 * (before + width) * width + 8 * width
            count += before * width + 4 * width
    return count + (channels[-1] + 1) * num_classes


def _network(kind, image_shape, num_classes, channels, seed):
    seeds = itertools.count(1000 * seed)

    def convolution(x, width, size, strides=1, depthwise=False):
        options = {
            "strides": strides,
            "padding": "same",
            "use_bias": False,
            "data_format": "channels_last",
        }
        init = keras.initializers.HeNormal(next(seeds))
        if depthwise:
            layer = layers.DepthwiseConv2D(
                size, depthwise_initializer=init, **options
            )
        else:
            layer = layers.Conv2D(
                width, size, kernel_initializer=init, **options
            )
        return layers.BatchNormalization(momentum=0.9)(layer(x))

    def separable(x, width, strides):
        x = convolution(x, None, 3, strides, depthwise=True)
        return layers.ReLU()(convolution(x, width, 1))

    def residual(x, width, strides):
        y = layers.ReLU()(convolution(x, width, 3, strides))
        y = convolution(y, width, 3)
        x = convolution(x, width, 1, strides)
        return layers.ReLU()(layers.Add()([x, y]))

    block = {"separable": separable, "residual": residual}[kind]
    inputs = keras.Input(image_shape, name="images")
    side = min(side or WHOLE for side in image_shape[:2])
    side, strides = _halved(side, LEAST_FIRST)
    x = layers.ReLU()(convolution(inputs, channels[0], 3, strides))
    for width in channels[1:]:
        side, strides = _halved(side, LEAST_MAP)
        x = block(x, width, strides)
    x = layers.GlobalAveragePooling2D(data_format="channels_last")(x)
    init = keras.initializers.GlorotUniform(next(seeds))
    logits = layers.Dense(num_classes, kernel_initializer=init)(x)
    return keras.Model(inputs, logits, name="student")


def _halved(side, least):
    """Side of the next map, half if that is not too small, and strides."""
    half = -(-side // 2)
    return (half, 2) if half >= least else (side, 1)
