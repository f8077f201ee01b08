"""Amalgamating Knowledge towards Comprehensive Classification (AAAI 2019)."""

from keras_vipa.amalgamation.layerwise.amalgamator import LayerwiseAmalgamator
from keras_vipa.amalgamation.layerwise.amalgamator import (
    amalgamate_incrementally,
)
from keras_vipa.amalgamation.layerwise.width_curves import draw_width_curves
from keras_vipa.amalgamation.layerwise.width_curves import width_curves

__all__ = [
    "LayerwiseAmalgamator",
    "amalgamate_incrementally",
    "draw_width_curves",
    "width_curves",
]
