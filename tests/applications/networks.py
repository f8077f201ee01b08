"""Small networks that the tests of applications share."""

import keras
from keras import layers


def tiny_features():
    """Stands in for the VGG: four maps, each half as large as the last."""
    x = images = keras.Input((None, None, 3))
    outputs, last = {}, {"data_format": "channels_last"}
    for level, filters in enumerate((4, 6, 8, 10), 1):
        if level > 1:
            x = layers.MaxPooling2D(2, **last)(x)
        x = layers.Conv2D(
            filters, 3, padding="same", activation="relu", **last
        )(x)
        outputs[f"relu{level}_1"] = x
    return keras.Model(images, outputs, name="tiny_features")
