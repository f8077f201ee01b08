"""A residual network of bottlenecks, unit by unit."""

import itertools

import keras
from keras import layers

from keras_vipa.applications.weights import load_weights_of
from keras_vipa.utils import checks

EXPANSION = 4


def BottleneckNet(  # noqa: N802
    outputs=10,
    width=16,
    units=(2, 2, 2),
    image_shape=(32, 32, 3),
    weights=None,
    seed=0,
    name="bottleneck_net",
):
    """A residual network whose units are layers of their own.

    A convolution of 3x3, then units of `p` channels inside and `4 p` outside:

        u = relu(BN(conv3x3(relu(BN(conv1x1(x))))))     body
        s = x, or BN(conv1x1(x)) where the map halves   skip
        y = relu(BN(conv1x1(u)) + s)                    join

    `p` is `width` in the first stage, and doubles from stage to stage, while
    the map halves in the first unit of each stage but the first. Then the mean
    over the map, and one dense layer.

    The layers are `stem`, `body_1`, `join_1` and so on, some with a `skip_3`
    beside them, and `head`, so that the network can be run from any unit on,
    and with something else in place of what is carried over.

    Args:
        outputs: integer. Logits.
        width: integer. `p` of the first stage.
        units: tuple of integers. How many units each stage has.
        image_shape: tuple `(height, width, channels)`; sides may be `None`.
        weights: `None` for random weights, or the name of a preset or the path
            of a `.weights.h5` file, which are of a network of the same
            arguments.
        seed: integer. Seed of the initial weights.
        name: string. Name of the model.

    Returns:
        A functional `keras.Model`, float images `(batch, height, width,
        channels)` in [0, 1] to logits `(batch, outputs)`.

    Raises:
        ValueError: If an argument is not as above.

    Example:

    >>> model = keras_vipa.applications.BottleneckNet(5, width=4, units=(1, 1))
    >>> [layer.name for layer in model.layers[1:5]]
    ['stem', 'body_1', 'join_1', 'body_2']

    Differences from ResNet-50:

    1. The stem is one convolution of 3x3 without pooling, for small images.
    2. A stage halves the map in its 3x3 convolution instead of the first 1x1.

    Reference:
        He, Zhang, Ren, Sun. "Deep Residual Learning for Image Recognition".
        CVPR 2016. https://arxiv.org/abs/1512.03385
    """
    for argument, value in (("outputs", outputs), ("width", width)):
        checks.integer(argument, value)
    units = checks.sizes("units", units)
    checks.integer("units", len(units))
    _check_shape(image_shape)
    checks.integer("seed", seed, 0)
    seeds = itertools.count(1000 * seed)

    def part(x, make, name):
        """What `make` does, as a layer with a name, called on `x`."""
        inputs = [keras.Input(t.shape[1:]) for t in keras.tree.flatten(x)]
        inputs = inputs if isinstance(x, list) else inputs[0]
        return keras.Model(inputs, make(inputs), name=name)(x)

    image = keras.Input(image_shape, name="image")
    x = part(image, _stem(EXPANSION * width, seeds), "stem")
    number = 0
    for stage, count in enumerate(units):
        inside = width * 2**stage
        for first in [True] + [False] * (count - 1):
            number += 1
            strides = 2 if first and stage else 1
            u = part(x, _body(inside, strides, seeds), f"body_{number}")
            if strides > 1:
                x = part(x, _skip(inside, strides, seeds), f"skip_{number}")
            x = part([u, x], _join(inside, seeds), f"join_{number}")
    x = layers.GlobalAveragePooling2D(data_format="channels_last")(x)
    logits = layers.Dense(
        outputs,
        kernel_initializer=keras.initializers.GlorotUniform(next(seeds)),
        name="head",
    )(x)
    model = keras.Model(image, logits, name=name)
    if weights is not None:
        load_weights_of(model, weights)
    return model


def _check_shape(image_shape):
    is_shape = isinstance(image_shape, list | tuple) and len(image_shape) == 3
    sides = [side for side in image_shape[:2] if side] if is_shape else ()
    known = [*sides, image_shape[2]] if is_shape else [None]
    if not all(checks.is_integer(x) for x in known):
        rule = "`image_shape` must be (height, width, channels)"
        checks.fail(rule, "image_shape", image_shape)


def _convolution(x, width, size, seeds, strides=1):
    x = layers.Conv2D(
        width,
        size,
        strides,
        padding="same",
        use_bias=False,
        kernel_initializer=keras.initializers.HeNormal(next(seeds)),
        data_format="channels_last",
    )(x)
    return layers.BatchNormalization(momentum=0.9)(x)


def _stem(width, seeds):
    return lambda x: layers.ReLU()(_convolution(x, width, 3, seeds))


def _body(inside, strides, seeds):
    def make(x):
        x = layers.ReLU()(_convolution(x, inside, 1, seeds))
        return layers.ReLU()(_convolution(x, inside, 3, seeds, strides))

    return make


def _skip(inside, strides, seeds):
    return lambda x: _convolution(x, EXPANSION * inside, 1, seeds, strides)


def _join(inside, seeds):
    def make(inputs):
        u, carried = inputs
        x = _convolution(u, EXPANSION * inside, 1, seeds)
        return layers.ReLU()(layers.Add()([x, carried]))

    return make
