"""The encoder-decoder of dense predictions, block by block."""

import itertools

import keras
from keras import layers
from keras import ops

from keras_vipa.applications.weights import load_weights_of
from keras_vipa.layers import MaxPoolingWithIndices2D
from keras_vipa.layers import MaxUnpooling2D
from keras_vipa.utils import checks

ACTIVATIONS = ("softplus", "unit")


def SegNet(  # noqa: N802
    outputs=11,
    activation=None,
    width=16,
    depth=4,
    convolutions=1,
    image_shape=(64, 64, 3),
    weights=None,
    seed=0,
    name="seg_net",
):
    """An encoder-decoder that remembers where its maxima were.

    `depth` blocks halve the image: convolutions of 3x3 with batch
    normalization and ReLU, and pooling that keeps the places of the maxima,
    before the last ReLU. As many blocks double it again: unpooling to these
    places, and convolutions. The last convolution of all is to the outputs, and
    not the only one of its block. Channels double from block to block, but for
    the last of the encoder.

    Each block is a layer of the network, so that a network can be run from any
    block on: `down_1` to `down_N`, image or features to `[features, indices]`;
    `up_N` to `up_1`, `[features, indices]` to features.

    Args:
        outputs: integer. Channels of the map that comes out.
        activation: `None` for logits; `"softplus"` for what is positive, such
            as depth; `"unit"` for vectors of length 1, such as normals.
        width: integer. Channels of the first block.
        depth: integer. Blocks of the encoder, and of the decoder.
        convolutions: integer, of each block; or a tuple of `depth` integers,
            from the image on.
        image_shape: tuple `(height, width, channels)` of the images, with
            sides that can be halved `depth` times; or are `None`.
        weights: `None` for random weights, or the name of a preset or the path
            of a `.weights.h5` file, which are of a network of the same
            arguments.
        seed: integer. Seed of the initial weights.
        name: string. Name of the model.

    Returns:
        A functional `keras.Model`, float images `(batch, height, width,
        channels)` in [0, 1] to a map `(batch, height, width, outputs)`.

    Raises:
        ValueError: If an argument is not as above.

    Example:

    >>> model = keras_vipa.applications.SegNet(3, "unit", width=8, depth=3)
    >>> model.output_shape, [layer.name for layer in model.layers[-3:]]
    ((None, 64, 64, 3), ['up_3', 'up_2', 'up_1'])

    Differences from the paper (as far as the authors' program tells):

    1. There, `width=64`, `depth=5` and `convolutions=(2, 2, 3, 3, 3)`, those of
       VGG16, whose weights the encoder begins with. The defaults are ours, for
       small images.
    2. Pooling comes before the last ReLU of a block: values are the same, and
       the places of maxima are not those of many equal zeros.

    Reference:
        Badrinarayanan, Kendall, Cipolla. "SegNet: A Deep Convolutional
        Encoder-Decoder Architecture for Image Segmentation". 2015.
        https://arxiv.org/abs/1511.00561, as in Ye, Ji, Wang, Ou, Tao, Song.
        "Student Becoming the Master". CVPR 2019.
        https://arxiv.org/abs/1904.10167
    """
    convolutions = _checked(
        outputs, activation, width, depth, convolutions, image_shape
    )
    checks.integer("seed", seed, 0)
    widths = [width * 2 ** min(n, max(0, depth - 2)) for n in range(depth)]
    seeds = itertools.count(1000 * seed)
    sizes = [
        [side and side // 2**n for side in image_shape[:2]]
        for n in range(depth + 1)
    ]

    image = x = keras.Input(image_shape, name="image")
    kept, channels = [], image_shape[-1]
    for number in range(depth):
        inputs = keras.Input((*sizes[number], channels))
        body = [widths[number]] * convolutions[number]
        block = _down(inputs, body, seeds, f"down_{number + 1}")
        x, indices = block(x)
        kept.append(indices)
        channels = widths[number]
    for number in reversed(range(depth)):
        inputs = keras.Input((*sizes[number + 1], channels))
        channels = widths[max(number - 1, 0)]
        body = [widths[number]] * (convolutions[number] - 1) + [channels]
        end = None
        if number == 0:
            # Its last convolution is that to the outputs.
            body, end = body[1:] or body, (outputs, activation)
        block = _up(inputs, body, end, seeds, f"up_{number + 1}")
        x = block([x, kept[number]])
    model = keras.Model(image, x, name=name)
    if weights is not None:
        load_weights_of(model, weights)
    return model


def _checked(outputs, activation, width, depth, convolutions, image_shape):
    """Convolutions of each block, if all arguments are as they should be."""
    for argument, value in (
        ("outputs", outputs),
        ("width", width),
        ("depth", depth),
    ):
        checks.integer(argument, value)
    if activation is not None:
        checks.choice("activation", activation, ACTIVATIONS)
    if isinstance(convolutions, int):
        convolutions = (convolutions,) * depth
    checks.sizes("convolutions", convolutions, depth)
    _check_sides(image_shape, depth)
    return convolutions


def _check_sides(image_shape, depth):
    is_shape = isinstance(image_shape, list | tuple) and len(image_shape) == 3
    sides = [side for side in image_shape[:2] if side] if is_shape else ()
    fits = all(checks.is_integer(x) and x % 2**depth == 0 for x in sides)
    if not is_shape or not fits or not checks.is_integer(image_shape[2]):
        rule = (
            "`image_shape` must be (height, width, channels), with sides that "
            f"can be halved {depth} times"
        )
        checks.fail(rule, "image_shape", image_shape)


def _convolution(x, width, seeds, activation=None, normalized=True):
    """3x3, with batch normalization; or with a bias."""
    x = layers.Conv2D(
        width,
        3,
        padding="same",
        use_bias=not normalized,
        kernel_initializer=keras.initializers.HeNormal(next(seeds)),
        data_format="channels_last",
    )(x)
    if normalized:
        x = layers.BatchNormalization(momentum=0.9)(x)
    return layers.Activation(activation)(x) if activation else x


def _down(inputs, widths, seeds, name):
    """Block of the encoder, to half the size."""
    x = inputs
    for width in widths[:-1]:
        x = _convolution(x, width, seeds, "relu")
    x = _convolution(x, widths[-1], seeds)
    x, indices = MaxPoolingWithIndices2D()(x)
    return keras.Model(inputs, [layers.ReLU()(x), indices], name=name)


def _up(inputs, widths, end, seeds, name):
    """Block of the decoder, to twice the size."""
    indices = keras.Input(inputs.shape[1:], dtype="int32")
    x = MaxUnpooling2D()(inputs, indices)
    for width in widths:
        x = _convolution(x, width, seeds, "relu")
    if end:
        outputs, activation = end
        kind = None if activation == "unit" else activation
        x = _convolution(x, outputs, seeds, kind, normalized=False)
        if activation == "unit":
            # `UnitNormalization` has a gradient of 1e12 at 0.
            squares = ops.sum(ops.square(x), axis=-1, keepdims=True)
            x = x * ops.rsqrt(squares + 1e-10)
    return keras.Model([inputs, indices], x, name=name)
