"""Mandarin read from lips (MM Asia 2019)."""

from keras_vipa.applications.cssmcm.model import CSSMCM
from keras_vipa.applications.cssmcm.trainer import CSSMCMTrainer

__all__ = ["CSSMCM", "CSSMCMTrainer"]
