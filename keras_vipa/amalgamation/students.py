"""New networks for what several teachers know."""

import itertools
import math

import keras
import numpy as np
from keras import layers

from keras_vipa.utils import checks
from keras_vipa.utils import graphs

KINDS = ("separable", "residual", "plain")
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
    the map, or in plain networks the map itself, which knows where things are,
    and one dense layer. The convolution halves the picture if the map
    is at least 8 pixels high and wide then, a stage halves the map if that is
    at least 4.

    Args:
        kind: string. `"separable"`, depthwise and 1x1 convolutions;
            `"residual"`, blocks of two 3x3 convolutions; or `"plain"`, one 3x3
            convolution a stage.
        image_shape: tuple `(height, width, channels)`, sides of at least 8 or,
            but for plain networks, `None`.
        num_classes: integer. Logits; or a dict, task -> integer, for a network
            with a dense layer a task.
        parameters: number. Most weights, all counted.
        seed: integer. Seed of the initial weights.

    Returns:
        A functional `keras.Model`, images to logits `(batch, num_classes)`, or
        to a dict of them.

    Raises:
        ValueError: If an argument is not as above, or if not even one channel
            is possible.

    Example:

    >>> student = new_student("separable", (28, 28, 3), 10, 20_000)
    >>> student.count_params() <= 20_000
    True
    """
    checks.choice("student", kind, KINDS)
    counts = num_classes if isinstance(num_classes, dict) else {"": num_classes}
    if not counts:
        checks.fail("`num_classes` must not be empty", "num_classes", counts)
    for count in counts.values():
        checks.integer("num_classes", count)
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
    if kind == "plain" and None in image_shape:
        rule = "`image_shape` must be known for a plain student"
        checks.fail(rule, "image_shape", image_shape)
    checks.integer("channels", image_shape[2])
    total = sum(counts.values())
    if kind == "plain":
        # The dense layers read each place of the last map.
        total *= math.prod(_last_map(image_shape))
    # Finer steps than one channel of the widest stage.
    for width in np.arange(WIDEST, 0, -1 / STAGES[-1]):
        channels = [max(1, round(width * stage)) for stage in STAGES]
        if _count(kind, image_shape[2], total, channels) <= parameters:
            return _network(kind, image_shape, num_classes, channels, seed)
    raise ValueError(
        "The student must be larger. Received: at most "
        f"{parameters:g} weights, for {sum(counts.values())} classes"
    )


def _count(kind, depth, num_classes, channels):
    """Weights of `_network`; a normalization has four a channel."""
    first, *others = channels
    count = 9 * depth * first + 4 * first
    for before, width in zip(channels, others):
        if kind == "separable":
            count += 9 * before + 4 * before + before * width + 4 * width
        elif kind == "plain":
            count += 9 * before * width + 4 * width
        else:
            count += 9 * (before + width) * width + 8 * width
            count += before * width + 4 * width
    return count + (channels[-1] + 1) * num_classes


def _last_map(image_shape):
    """Height and width of the last map."""
    side = min(side or WHOLE for side in image_shape[:2])
    size = list(image_shape[:2])
    for least in (LEAST_FIRST, *3 * (LEAST_MAP,)):
        side, strides = _halved(side, least)
        size = [-(-length // strides) for length in size]
    return size


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

    def plain(x, width, strides):
        return layers.ReLU()(convolution(x, width, 3, strides))

    blocks = {"separable": separable, "residual": residual, "plain": plain}
    block = blocks[kind]
    inputs = keras.Input(image_shape, name="images")
    side = min(side or WHOLE for side in image_shape[:2])
    side, strides = _halved(side, LEAST_FIRST)
    x = layers.ReLU()(convolution(inputs, channels[0], 3, strides))
    for width in channels[1:]:
        side, strides = _halved(side, LEAST_MAP)
        x = block(x, width, strides)
    last = layers.Flatten if kind == "plain" else layers.GlobalAveragePooling2D
    x = last(data_format="channels_last")(x)

    def head(count, name=None):
        init = keras.initializers.GlorotUniform(next(seeds))
        return layers.Dense(count, kernel_initializer=init, name=name)(x)

    if isinstance(num_classes, dict):
        logits = {task: head(n, task) for task, n in num_classes.items()}
    else:
        logits = head(num_classes)
    return keras.Model(inputs, logits, name="student")


def _halved(side, least):
    """Side of the next map, half if that is not too small, and strides."""
    half = -(-side // 2)
    return (half, 2) if half >= least else (side, 1)


def renewed(model, seed=0):
    """A network of the same layers with random weights, to compare with.

    Args:
        model: functional or sequential `keras.Model`, with an activation like
            ReLU behind most of its layers. It is not changed.
        seed: integer. Seed of the kernels; vectors begin as in new layers.

    Returns:
        A `keras.Model`.

    Raises:
        ValueError: If the model is of another kind.

    Example:

    >>> model = keras_vipa.applications.SegNet(3, "unit", width=2, depth=2)
    >>> other = keras_vipa.amalgamation.renewed(model, seed=1)
    >>> other.count_params() == model.count_params()
    True
    """
    graphs.check(model, "To get new weights,")
    checks.integer("seed", seed, 0)
    new = keras.models.clone_model(model)
    # A frozen model would keep the weights of its own seed. Toggled, since a
    # copy that is marked as trainable may have frozen layers.
    new.trainable = False
    new.trainable = True
    for number, variable in enumerate(new.trainable_variables):
        if len(variable.shape) > 1:
            initializer = keras.initializers.HeNormal(1000 * seed + number)
            variable.assign(initializer(variable.shape))
    return new
