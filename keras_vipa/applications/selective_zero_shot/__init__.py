"""Selective zero-shot classification (ECCV 2018)."""

from keras_vipa.applications.selective_zero_shot.model import SelectiveZeroShot

__all__ = ["SelectiveZeroShot"]
