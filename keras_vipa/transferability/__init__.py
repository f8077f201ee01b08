"""Which trained network to start from."""

from keras_vipa.transferability.attribution import attribution_maps
from keras_vipa.transferability.gradient_curves import gradient_curves
from keras_vipa.transferability.label_scores import h_score
from keras_vipa.transferability.label_scores import leep
from keras_vipa.transferability.label_scores import log_me
from keras_vipa.transferability.label_scores import nce
from keras_vipa.transferability.label_scores import readout_error
from keras_vipa.transferability.model_space import ModelSpace
from keras_vipa.transferability.ranking import evaluate_ranking
from keras_vipa.transferability.ranking import permutation_test
from keras_vipa.transferability.ranking import precision_at_k
from keras_vipa.transferability.ranking import rank_correlations
from keras_vipa.transferability.ranking import recall_at_k

__all__ = [
    "ModelSpace",
    "attribution_maps",
    "evaluate_ranking",
    "gradient_curves",
    "h_score",
    "leep",
    "log_me",
    "nce",
    "permutation_test",
    "precision_at_k",
    "rank_correlations",
    "readout_error",
    "recall_at_k",
]
