"""The small classifier of the recipes and of their trained teachers."""

import keras
from keras import layers

from keras_vipa.applications.weights import load_model


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
        weights: `None` for random weights; the name of a preset, whose
            network is returned whatever the other arguments are; or the path
            of a `.weights.h5` file.
        name: string. Name of the model.

    Returns:
        A `keras.Model`, float images `(batch, height, width, channels)` to
        logits `(batch, classes)`.

    Raises:
        ValueError: If `weights` is none of these.

    Example:

    >>> model = keras_vipa.applications.SmallConvNet((8, 8, 3), classes=5)
    >>> model.output_shape
    (None, 5)
    """
    is_file = str(weights).endswith(".weights.h5")
    if weights is not None and not is_file:
        return load_model(weights)
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
            )
        )
        model.add(layers.MaxPooling2D(name=f"pool_{number}"))
    model.add(layers.Flatten(name="flatten"))
    model.add(layers.Dense(units, activation="relu", name="dense"))
    model.add(layers.Dense(classes, name="logits"))
    if is_file:
        model.load_weights(weights)
    return model


def train_on_few(data, labels_per_class, seed=0, epochs=100):
    """Train a `SmallConvNet` on a few labels: an imperfect teacher.

    Args:
        data: `keras_vipa.datasets.ImageSet` with labels 0, 1, ...
        labels_per_class: integer. Images of each class to train on.
        seed: integer. Seed of their choice. The initial weights and the order
            of the images follow `keras.utils.set_random_seed`.
        epochs: integer. Epochs of Adam with batches of 20.

    Returns:
        A `keras.Model`, not compiled, as `SmallConvNet`; the wider variant
        `filters=(32, 64, 64), units=128, strides=2` for images of 16 pixels
        and more.

    Example:

    >>> digits = keras_vipa.datasets.digits().of_classes([3, 8], relabel=True)
    >>> train_on_few(digits, 2, epochs=1).output_shape
    (None, 2)
    """
    shape, classes = data.images.shape[1:], data.num_classes()
    options = {}
    if min(shape[:2]) >= 16:
        options = {"filters": (32, 64, 64), "units": 128, "strides": 2}
    few = data.few_per_class(labels_per_class, seed)
    model = SmallConvNet(shape, classes, **options)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss)
    model.fit(few.array(), few.y(), 20, epochs, verbose=0)
    # As it is to be saved: without the state of the optimizer.
    trained = SmallConvNet(shape, classes, **options)
    trained.set_weights(model.get_weights())
    return trained
