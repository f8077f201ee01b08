"""Dynamic Instance Normalization for Arbitrary Style Transfer (AAAI 2020)."""

from keras_vipa.applications.din.model import DIN
from keras_vipa.applications.din.networks import SMALLEST
from keras_vipa.applications.din.style_codes import read_codes
from keras_vipa.applications.din.style_codes import save_codes
from keras_vipa.applications.din.style_grid import style_grid
from keras_vipa.applications.din.style_pairs import StylePairs
from keras_vipa.applications.din.trainer import DINTrainer
from keras_vipa.applications.din.trainer import content_loss
from keras_vipa.applications.din.trainer import style_loss
from keras_vipa.applications.din.trainer import style_statistics

__all__ = [
    "DIN",
    "SMALLEST",
    "DINTrainer",
    "StylePairs",
    "content_loss",
    "read_codes",
    "save_codes",
    "style_grid",
    "style_loss",
    "style_statistics",
]
