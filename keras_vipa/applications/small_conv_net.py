"""The small classifier of the recipes and of their trained teachers."""

import keras
from keras import layers

from keras_vipa.applications.weights import load_weights_of
from keras_vipa.utils import checks


def SmallConvNet(  # noqa: N802
    input_shape=(8, 8, 3),
    classes=10,
    filters=(16, 32),
    units=64,
    strides=1,
    weights=None,
    name="small_conv_net",
):
    """A small convolutional classifier, for pictures of 8 to 64 pixels.

    For each number in `filters`, a 3x3 convolution, ReLU and 2x2 max pooling;
    then a dense layer with ReLU, and the logits.

    Args:
        input_shape: tuple `(height, width, channels)` of the images, which
            have values in [0, 1].
        classes: integer. Number of classes.
        filters: tuple of integers. Filters of the convolutions.
        units: integer. Units of the dense layer.
        strides: integer. Stride of the first convolution.
        weights: `None` for random weights; the name of a preset, which has
            to be for a network of these arguments (`load_model` needs none);
            or the path of a `.weights.h5` file.
        name: string. Name of the model.

    Returns:
        A `keras.Model`, float images `(batch, height, width, channels)` to
        logits `(batch, classes)`.

    Raises:
        ValueError: If an argument is not as above, if there are more
            poolings than the images can be halved, or if `weights` are for a
            network of other arguments.

    Example:

    >>> model = keras_vipa.applications.SmallConvNet((8, 8, 3), classes=5)
    >>> model.output_shape
    (None, 5)
    """
    checks.sizes("input_shape", input_shape, 3)
    for argument, value in (("classes", classes), ("units", units)):
        checks.integer(argument, value)
    checks.sizes("filters", filters)
    checks.integer("strides", strides)
    _check_poolings(input_shape, filters, strides)
    last = {"data_format": "channels_last"}
    model = keras.Sequential([keras.Input(input_shape)], name=name)
    for number, width in enumerate(filters, 1):
        model.add(
            layers.Conv2D(
                width,
                3,
                strides if number == 1 else 1,
                padding="same",
                activation="relu",
                name=f"conv_{number}",
                **last,
            )
        )
        model.add(layers.MaxPooling2D(name=f"pool_{number}", **last))
    model.add(layers.Flatten(name="flatten", **last))
    model.add(layers.Dense(units, activation="relu", name="dense"))
    model.add(layers.Dense(classes, name="logits"))
    if weights is not None:
        load_weights_of(model, weights)
    return model


def _check_poolings(input_shape, filters, strides):
    side = -(-min(input_shape[:2]) // strides)
    if side < 2 ** len(filters):
        raise ValueError(
            f"Images must be halved {len(filters)} times, once for each of "
            "`filters`: let them be larger, or give fewer `filters`. Received: "
            f"input_shape={tuple(input_shape)}, strides={strides}"
        )
