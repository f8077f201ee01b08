"""New networks for what several teachers know."""

import itertools

import keras
from keras import layers

from keras_vipa.utils import checks

KINDS = ("separable", "residual")
# Channels of the stages at width 1, and the most that is tried.
STAGES = (16, 32, 64, 96)
WIDEST = 64.0
SMALLEST = 8


def new_student(kind, image_shape, num_classes, parameters, seed=0):
    """The widest network of a kind that has at most so many weights.

    Three stages, of which the last two halve the maps, with
    BatchNormalization; then the mean over the map and one dense layer.

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
    sides = image_shape[:2]
    if any(side is not None and side < SMALLEST for side in sides):
        rule = (
            f"Images must have sides of at least {SMALLEST} for a new student"
        )
        checks.fail(rule, "image_shape", tuple(image_shape))
    low, high = 0.0, WIDEST
    for _ in range(12):
        width = (low + high) / 2
        channels = [max(1, round(width * stage)) for stage in STAGES]
        network = _network(kind, image_shape, num_classes, channels, seed)
        if network.count_params() <= parameters:
            low = width
        else:
            high = width
    channels = [max(1, round(low * stage)) for stage in STAGES]
    student = _network(kind, image_shape, num_classes, channels, seed)
    if student.count_params() > parameters:
        raise ValueError(
            "The student must be larger. Received: at most "
            f"{parameters:g} weights, for {num_classes} classes"
        )
    return student


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
        if strides > 1 or x.shape[-1] != width:
            x = convolution(x, width, 1, strides)
        return layers.ReLU()(layers.Add()([x, y]))

    block = {"separable": separable, "residual": residual}[kind]
    inputs = keras.Input(image_shape, name="images")
    x = layers.ReLU()(convolution(inputs, channels[0], 3))
    for width, strides in zip(channels[1:], (2, 2, 1)):
        x = block(x, width, strides)
    x = layers.GlobalAveragePooling2D(data_format="channels_last")(x)
    init = keras.initializers.GlorotUniform(next(seeds))
    logits = layers.Dense(num_classes, kernel_initializer=init)(x)
    return keras.Model(inputs, logits, name="student")
