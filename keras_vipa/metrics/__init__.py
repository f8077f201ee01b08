"""How good an output is: numbers that more than one method reports."""

from keras_vipa.metrics.compatibility import compatibility_auc
from keras_vipa.metrics.compatibility import fill_in_accuracy
from keras_vipa.metrics.partitions import block_mig
from keras_vipa.metrics.partitions import leakage_matrix
from keras_vipa.metrics.partitions import residual_predictability
from keras_vipa.metrics.partitions import swap_accuracy
from keras_vipa.metrics.risk_coverage import AUGRC
from keras_vipa.metrics.risk_coverage import AURC
from keras_vipa.metrics.risk_coverage import EAURC
from keras_vipa.metrics.risk_coverage import CoverageAtRisk
from keras_vipa.metrics.risk_coverage import RiskAtCoverage
from keras_vipa.metrics.scores import accuracy
from keras_vipa.metrics.scores import agreement
from keras_vipa.metrics.scores import by_part
from keras_vipa.metrics.scores import depth_scores
from keras_vipa.metrics.scores import error_rates
from keras_vipa.metrics.scores import mean_average_precision
from keras_vipa.metrics.scores import normal_scores
from keras_vipa.metrics.scores import parsing_scores
from keras_vipa.metrics.selective import confidence_of
from keras_vipa.metrics.selective import fit_temperature
from keras_vipa.metrics.selective import risk_coverage_curve
from keras_vipa.metrics.selective import selective_scores
from keras_vipa.metrics.selective import threshold_for_risk

__all__ = [
    "AUGRC",
    "AURC",
    "EAURC",
    "CoverageAtRisk",
    "RiskAtCoverage",
    "accuracy",
    "agreement",
    "block_mig",
    "by_part",
    "compatibility_auc",
    "confidence_of",
    "depth_scores",
    "error_rates",
    "fit_temperature",
    "fill_in_accuracy",
    "leakage_matrix",
    "mean_average_precision",
    "normal_scores",
    "parsing_scores",
    "residual_predictability",
    "risk_coverage_curve",
    "selective_scores",
    "swap_accuracy",
    "threshold_for_risk",
]
