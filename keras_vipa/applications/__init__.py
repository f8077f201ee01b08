"""Networks to call, and trained weights."""

from keras_vipa.applications.small_conv_net import SmallConvNet
from keras_vipa.applications.small_conv_net import train_on_few
from keras_vipa.applications.weights import load_model

__all__ = ["SmallConvNet", "load_model", "train_on_few"]
