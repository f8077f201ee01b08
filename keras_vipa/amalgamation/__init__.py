"""One student from several trained teachers, without labels."""

from keras_vipa.amalgamation.adaptive import AdaptiveAmalgamator
from keras_vipa.amalgamation.adaptive import least_entropy
from keras_vipa.amalgamation.amalgamator import Amalgamator
from keras_vipa.amalgamation.branching import BranchingAmalgamator
from keras_vipa.amalgamation.common_feature import CommonFeatureAmalgamator
from keras_vipa.amalgamation.filtered import FilteredAmalgamator
from keras_vipa.amalgamation.layerwise import LayerwiseAmalgamator
from keras_vipa.amalgamation.layerwise import amalgamate_incrementally
from keras_vipa.amalgamation.layerwise import draw_width_curves
from keras_vipa.amalgamation.layerwise import width_curves
from keras_vipa.amalgamation.students import new_student
from keras_vipa.amalgamation.students import renewed

__all__ = [
    "AdaptiveAmalgamator",
    "Amalgamator",
    "BranchingAmalgamator",
    "CommonFeatureAmalgamator",
    "FilteredAmalgamator",
    "LayerwiseAmalgamator",
    "amalgamate_incrementally",
    "draw_width_curves",
    "least_entropy",
    "new_student",
    "renewed",
    "width_curves",
]
