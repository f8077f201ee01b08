"""Layers of the papers."""

from keras_vipa.layers.attribution_gradient import AttributionGradient
from keras_vipa.layers.cascade_tone_decoder import CascadeToneDecoder
from keras_vipa.layers.channel_gate import ChannelGate
from keras_vipa.layers.dynamic_instance_norm import DynamicInstanceNorm
from keras_vipa.layers.partitioned_embedding import PartitionedEmbedding
from keras_vipa.layers.reflection_padding import ReflectionPadding2D
from keras_vipa.layers.style_nets import BiasNet
from keras_vipa.layers.style_nets import WeightNet
from keras_vipa.layers.unpooling import MaxPoolingWithIndices2D
from keras_vipa.layers.unpooling import MaxUnpooling2D
from keras_vipa.layers.upsampling import DoubleSize2D
from keras_vipa.layers.whitening_coloring import ColorCode
from keras_vipa.layers.whitening_coloring import WhiteningColoring

__all__ = [
    "AttributionGradient",
    "BiasNet",
    "CascadeToneDecoder",
    "ChannelGate",
    "ColorCode",
    "DoubleSize2D",
    "DynamicInstanceNorm",
    "MaxPoolingWithIndices2D",
    "MaxUnpooling2D",
    "PartitionedEmbedding",
    "ReflectionPadding2D",
    "WeightNet",
    "WhiteningColoring",
]
