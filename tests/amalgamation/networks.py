"""Small classifiers that the amalgamation tests share."""

import keras
import numpy as np
from keras import layers


def images(count=24, size=8, seed=0):
    generator = np.random.default_rng(seed)
    return generator.random((count, size, size, 3)).astype("float32")


def dense_teacher(num_classes, hidden=(5,), inputs=4):
    return keras.Sequential(
        [
            keras.Input((inputs,)),
            *(
                layers.Dense(width, activation="relu", name=f"dense_{number}")
                for number, width in enumerate(hidden, 1)
            ),
            layers.Dense(num_classes, name="scores"),
        ]
    )


def conv_teacher(num_classes, widths=(4, 6), size=8, end="linear", channels=3):
    return keras.Sequential(
        [
            keras.Input((size, size, channels)),
            layers.Conv2D(
                widths[0], 3, padding="same", activation="relu", name="conv_1"
            ),
            layers.MaxPooling2D(),
            layers.Conv2D(widths[1], 3, activation="relu", name="conv_2"),
            layers.Flatten(),
            layers.Dense(5, activation="relu", name="dense_1"),
            layers.Dense(num_classes, activation=end, name="scores"),
        ]
    )


def normalized_teacher(num_classes):
    """BatchNormalization before and after the activation."""
    return keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            layers.Rescaling(2.0, offset=-1.0),
            layers.Conv2D(4, 3, use_bias=False, name="conv_1"),
            layers.BatchNormalization(name="norm_1"),
            layers.ReLU(),
            layers.Conv2D(6, 3, activation="relu", name="conv_2"),
            layers.BatchNormalization(name="norm_2"),
            layers.GlobalAveragePooling2D(),
            layers.Dropout(0.5),
            layers.Dense(num_classes, activation="softmax", name="scores"),
        ]
    )


def residual_teacher(num_classes, width=4):
    """One block with an identity shortcut and one with a projection."""
    image = keras.Input((8, 8, 3))
    x = layers.Conv2D(width, 3, padding="same", name="stem")(image)
    x = layers.BatchNormalization(name="stem_norm")(x)
    for block, (channels, strides) in enumerate([(width, 1), (2 * width, 2)]):
        x = layers.ReLU(name=f"relu_{block}")(x)
        y = layers.Conv2D(
            channels,
            3,
            strides,
            padding="same",
            use_bias=False,
            name=f"inner_{block}",
        )(x)
        y = layers.BatchNormalization(name=f"inner_norm_{block}")(y)
        y = layers.ReLU(name=f"inner_relu_{block}")(y)
        y = layers.Conv2D(channels, 3, padding="same", name=f"last_{block}")(y)
        if strides > 1:
            x = layers.Conv2D(channels, 1, strides, name=f"cut_{block}")(x)
        x = layers.Add(name=f"block_{block}")([x, y])
    x = layers.ReLU(name="relu_end")(x)
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    return keras.Model(image, layers.Dense(num_classes, name="scores")(x))


def bare_stem_teacher(num_classes):
    """A shortcut that comes directly from a convolution others read too."""
    image = keras.Input((8, 8, 3))
    stem = layers.Conv2D(4, 3, padding="same", name="stem")(image)
    x = keras.ops.relu(stem)
    x = layers.Conv2D(4, 3, padding="same", name="last")(x)
    x = layers.Add(name="block")([stem, x])
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    return keras.Model(image, layers.Dense(num_classes, name="scores")(x))


def randomize(model, seed=0):
    """Give every weight, moving statistics included, a random value."""
    generator = np.random.default_rng(seed)
    for weight in model.weights:
        noise = generator.normal(size=weight.shape).astype("float32")
        positive = "variance" in weight.path
        weight.assign(np.abs(noise) + 0.5 if positive else 0.3 * noise)
    return model
