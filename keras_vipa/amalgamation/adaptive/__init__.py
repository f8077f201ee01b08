"""Adaptive amalgamation (ICCV 2019), one stage after the other."""

from keras_vipa.amalgamation.adaptive.amalgamator import AdaptiveAmalgamator
from keras_vipa.amalgamation.adaptive.selection import least_entropy

__all__ = ["AdaptiveAmalgamator", "least_entropy"]
