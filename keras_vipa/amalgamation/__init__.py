"""One student from several trained teachers, without labels."""

from keras_vipa.amalgamation.amalgamator import Amalgamator
from keras_vipa.amalgamation.layerwise import LayerwiseAmalgamator
from keras_vipa.amalgamation.layerwise import amalgamate_incrementally

__all__ = ["Amalgamator", "LayerwiseAmalgamator", "amalgamate_incrementally"]
