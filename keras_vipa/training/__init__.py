"""How everything here is trained: phases, terms, batches, resuming."""

from keras_vipa.training.batches import Batches
from keras_vipa.training.batches import in_blocks
from keras_vipa.training.callbacks import FiniteGuard
from keras_vipa.training.callbacks import Progress
from keras_vipa.training.phased_model import PhasedModel
from keras_vipa.training.plan import announce
from keras_vipa.training.plan import default_epochs
from keras_vipa.training.plan import expected_seconds
from keras_vipa.training.plan import hold_back
from keras_vipa.training.strategies import STRATEGIES
from keras_vipa.training.strategies import strategy_scope

__all__ = [
    "STRATEGIES",
    "Batches",
    "FiniteGuard",
    "PhasedModel",
    "Progress",
    "announce",
    "default_epochs",
    "expected_seconds",
    "hold_back",
    "in_blocks",
    "strategy_scope",
]
