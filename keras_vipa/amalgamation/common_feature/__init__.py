"""Amalgamation by Common Feature Learning (IJCAI 2019)."""

from keras_vipa.amalgamation.common_feature.amalgamator import (
    CommonFeatureAmalgamator,
)

__all__ = ["CommonFeatureAmalgamator"]
