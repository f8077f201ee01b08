"""Mandarin read from lips (MM Asia 2019)."""

from keras_vipa.applications.cssmcm.model import CSSMCM

__all__ = ["CSSMCM"]
