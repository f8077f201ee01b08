"""What the tests of training share."""

import keras

# How to train on all devices, of which there are two in tests.
STRATEGIES = {"tensorflow": "mirrored", "jax": "data_parallel"}


class Interrupt(keras.callbacks.Callback):
    """Stops at the end of an epoch of a phase, as a lost machine would."""

    def __init__(self, phase, epoch):
        super().__init__()
        self.place = phase, epoch

    def on_epoch_end(self, epoch, logs=None):
        if (self.model.phase, epoch) == self.place:
            raise KeyboardInterrupt
