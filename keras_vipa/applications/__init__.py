"""Networks to call, and trained weights."""

from keras_vipa.applications.small_conv_net import SmallConvNet
from keras_vipa.applications.weights import WEIGHTS
from keras_vipa.applications.weights import load_model

__all__ = ["WEIGHTS", "SmallConvNet", "load_model"]
