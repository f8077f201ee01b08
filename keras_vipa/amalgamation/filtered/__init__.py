"""Amalgamating Filtered Knowledge (IJCAI 2019)."""

from keras_vipa.amalgamation.filtered.amalgamator import FilteredAmalgamator

__all__ = ["FilteredAmalgamator"]
