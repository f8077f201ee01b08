"""Amalgamating Knowledge towards Comprehensive Classification (AAAI 2019)."""

from keras_vipa.amalgamation.layerwise.amalgamator import LayerwiseAmalgamator
from keras_vipa.amalgamation.layerwise.amalgamator import (
    amalgamate_incrementally,
)

__all__ = ["LayerwiseAmalgamator", "amalgamate_incrementally"]
