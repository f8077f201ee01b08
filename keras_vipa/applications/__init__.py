"""Networks to call, and trained weights."""

from keras_vipa.applications.bottleneck_net import BottleneckNet
from keras_vipa.applications.cssmcm import CSSMCM
from keras_vipa.applications.cssmcm import CSSMCMTrainer
from keras_vipa.applications.din import DIN
from keras_vipa.applications.din import DINTrainer
from keras_vipa.applications.din import StylePairs
from keras_vipa.applications.outfit import OutfitComposer
from keras_vipa.applications.outfit import PartitionTrainer
from keras_vipa.applications.scene_encoders import SceneEncoders
from keras_vipa.applications.seg_net import SegNet
from keras_vipa.applications.selective_zero_shot import SelectiveZeroShot
from keras_vipa.applications.small_conv_net import SmallConvNet
from keras_vipa.applications.vgg_features import VGGFeatures
from keras_vipa.applications.vgg_features import convert_vgg
from keras_vipa.applications.weights import load_model
from keras_vipa.applications.weights import save_float16

__all__ = [
    "CSSMCM",
    "CSSMCMTrainer",
    "BottleneckNet",
    "DIN",
    "DINTrainer",
    "OutfitComposer",
    "PartitionTrainer",
    "SceneEncoders",
    "SegNet",
    "SelectiveZeroShot",
    "SmallConvNet",
    "StylePairs",
    "VGGFeatures",
    "convert_vgg",
    "load_model",
    "save_float16",
]
