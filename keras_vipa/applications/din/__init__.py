"""Dynamic Instance Normalization for Arbitrary Style Transfer (AAAI 2020)."""

from keras_vipa.applications.din.model import DIN
from keras_vipa.applications.din.style_pairs import StylePairs
from keras_vipa.applications.din.tiles import transfer_in_tiles
from keras_vipa.applications.din.trainer import DINTrainer

__all__ = ["DIN", "DINTrainer", "StylePairs", "transfer_in_tiles"]
