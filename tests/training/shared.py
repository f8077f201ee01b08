"""What the tests of training share."""

import keras
import pytest

from keras_vipa.training.strategies import strategy_scope

# How to train on all devices, of which there are two in tests.
STRATEGIES = {"tensorflow": "mirrored", "jax": "data_parallel"}


several_devices = pytest.mark.skipif(
    keras.backend.backend() not in STRATEGIES, reason="no strategy"
)


def on_one_and_on_all(train):
    """What `train()` returns on one device, and on all of them."""
    one = train()
    with strategy_scope(STRATEGIES[keras.config.backend()]):
        return one, train()


class Interrupt(keras.callbacks.Callback):
    """Stops at the end of an epoch of a phase, as a lost machine would."""

    def __init__(self, phase, epoch):
        super().__init__()
        self.place = phase, epoch

    def on_epoch_end(self, epoch, logs=None):
        if (self.model.phase, epoch) == self.place:
            raise KeyboardInterrupt
