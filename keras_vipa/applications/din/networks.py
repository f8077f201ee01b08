"""The content networks of `DIN`: encoder, middle and decoder of each variant.

The first level of dynamic instance normalization is between encoder and
middle, the second between middle and decoder, the third, of colours, behind
it. All convolutions pad by
reflection, have a bias and no normalization.
"""

import keras
from keras import layers
from keras import ops

from keras_vipa.layers import DoubleSize2D
from keras_vipa.layers import ReflectionPadding2D

# Pixels of a cell of the first level, and of the smallest picture's side.
STRIDE = 4
SMALLEST = 16


def mobile_encoder(x):
    """Three convolutions to a quarter of the size, two separable blocks."""
    x = _conv(x, 16, 3)
    x = _conv(x, 32, 3, strides=2)
    x = _conv(x, 64, 3, strides=2)
    return _residual(_residual(x, separable=True), separable=True)


def mobile_middle(x):
    """Two separable blocks, and up to half the size with one more."""
    x = _residual(_residual(x, separable=True), separable=True)
    x = DoubleSize2D()(x)
    return _residual(_conv(x, 32, 3), separable=True)


def mobile_decoder(x):
    """Up to the whole size, and three channels."""
    x = DoubleSize2D()(layers.ReLU()(x))
    x = _depthwise(x)
    return _conv(_conv(x, 16, 1), 3, 3, activation=None)


def base_encoder(x):
    """Rows E1 to E7 of the layer table."""
    x = _conv(x, 16, 9)
    for filters in (32, 64):
        x = layers.ReLU()(_depthwise(x, strides=2, depth_multiplier=2))
        x = _conv(x, filters, 1)
    return _residual(_residual(x))


def base_middle(x):
    """Row D1."""
    return _residual(x)


def base_decoder(x):
    """Rows D2 to D9."""
    x = _residual(x)
    for filters in (32, 16):
        x = DoubleSize2D("bilinear")(x)
        x = layers.ReLU()(PairedConv2D()(ReflectionPadding2D(1)(x)))
        x = _conv(x, filters, 1)
    return _conv(x, 3, 9, activation=None)


PARTS = {
    "mobile": (mobile_encoder, mobile_middle, mobile_decoder),
    "base": (base_encoder, base_middle, base_decoder),
}


def make_parts(variant, channels):
    """Encoder, middle and decoder as functional models.

    Args:
        variant: string. A key of `PARTS`.
        channels: pair of integers. Channels at the two levels.

    Returns:
        A list of three `keras.Model`.
    """
    models = []
    names = ("encoder", "middle", "decoder")
    for name, build, width in zip(names, PARTS[variant], (3, *channels)):
        inputs = keras.Input((None, None, width), name=f"{name}_input")
        models.append(keras.Model(inputs, build(inputs), name=name))
    return models


def _conv(x, filters, size, strides=1, activation="relu"):
    if size > 1:
        x = ReflectionPadding2D(size // 2)(x)
    return layers.Conv2D(
        filters,
        size,
        strides,
        activation=activation,
        data_format="channels_last",
    )(x)


def _depthwise(x, strides=1, depth_multiplier=1):
    x = ReflectionPadding2D(1)(x)
    return layers.DepthwiseConv2D(
        3,
        strides,
        depth_multiplier=depth_multiplier,
        data_format="channels_last",
    )(x)


def _residual(x, separable=False):
    """Two 3x3 convolutions with ReLU between, and a skip connection."""
    filters = x.shape[-1]
    y = x
    for activation in ("relu", None):
        if separable:
            y = _conv(_depthwise(y), filters, 1, activation=activation)
        else:
            y = _conv(y, filters, 3, activation=activation)
    return layers.Add()([x, y])


@keras.saving.register_keras_serializable(package="keras_vipa")
class PairedConv2D(layers.Layer):
    """A 3x3 convolution of each pair of neighbouring channels to one.

    The grouped convolution with half as many filters and groups as channels,
    as a depthwise convolution, since TensorFlow cannot train grouped ones on
    a CPU.
    """

    def build(self, input_shape):
        channels = input_shape[-1]
        self.depthwise = layers.DepthwiseConv2D(
            3,
            use_bias=False,
            data_format="channels_last",
            dtype=self.dtype_policy,
        )
        self.depthwise.build(input_shape)
        self.bias = self.add_weight(
            (channels // 2,), initializer="zeros", name="bias"
        )

    def call(self, inputs):
        y = self.depthwise(inputs)
        return y[..., ::2] + y[..., 1::2] + self.bias

    def compute_output_shape(self, input_shape):
        shape = self.depthwise.compute_output_shape(input_shape)
        return (*shape[:-1], shape[-1] // 2)


def from_code(code, number, sizes):
    """Kernel, bias and `keep` of a level as they lie in a code.

    Args:
        code: tensor `(batch, length)`.
        number: integer. The level, from 0.
        sizes: list with the shape of the kernel and the filters, for each
            level.

    Returns:
        Kernel `(batch, *shape)`, bias `(batch, filters)` and keep
        `(batch, 1, 1, 1)`.
    """
    start = 0
    for shape, filters in sizes[: number + 1]:
        length = 1
        for side in shape:
            length *= side
        end = start + length
        kernel = ops.reshape(code[:, start:end], (-1, *shape))
        bias = code[:, end : end + filters]
        keep = code[:, end + filters, None, None, None]
        start = end + filters + 1
    return kernel, bias, keep
