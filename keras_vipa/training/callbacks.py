"""Callbacks of training in phases."""

import math
import sys
import time

import keras
import numpy as np

from keras_vipa.utils import checks


class EpochSeed(keras.callbacks.Callback):
    """Makes order and dropout masks of an epoch depend on its number alone.

    Keras does not save the state of its random generators.

    Args:
        seed: integer.
        batches: the data of `fit`, which is told its epoch if it has a
            `set_epoch`.
    """

    def __init__(self, seed, batches):
        super().__init__()
        self.seed = seed
        self.batches = batches

    def on_epoch_begin(self, epoch, logs=None):
        if hasattr(self.batches, "set_epoch"):
            self.batches.set_epoch(epoch)
        generator = np.random.default_rng([self.seed, epoch])
        for variable in self.model.variables:
            if "seed_generator_state" in variable.path:
                variable.assign(generator.integers(2**31, size=2))


class Progress(keras.callbacks.Callback):
    """A bar a phase in a terminal, and five lines a phase in a file.

    Args:
        phase: string. Name of the phase.
    """

    def __init__(self, phase):
        super().__init__()
        self.phase = _checked_name(phase)
        self.is_terminal = sys.stdout.isatty()

    def on_train_begin(self, logs=None):
        self.bar = None

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        epochs, steps = self.params["epochs"], self.params["steps"]
        if not self.is_terminal or not steps:
            return
        if self.bar is None:
            print(f"{self.phase}: {epochs} epochs", flush=True)
            # What is shown is that of the running epoch, not averaged again.
            names = ["epoch", *logs]
            self.bar = keras.utils.Progbar(epochs * steps, 30, 1, 0.5, names)
            self.first = self.epoch * steps
        done = self.epoch * steps + batch + 1
        values = [("epoch", self.epoch + 1), *logs.items()]
        self.bar.update(done, values, finalize=done == epochs * steps)

    def on_epoch_end(self, epoch, logs=None):
        epochs = self.params["epochs"]
        if not self.is_terminal and (epoch + 1) % max(1, epochs // 5) == 0:
            place = f"epoch {epoch + 1:3d}/{epochs}"
            loss = f"loss {logs['loss']:.5f}"
            print(f"  {self.phase:12s} {place}  {loss}", flush=True)


class Clock:
    """How much of the time for a training is gone.

    Args:
        minutes: float. The time, from now on.
    """

    def __init__(self, minutes):
        self.seconds = 60 * minutes
        self.start = time.monotonic()

    def share(self):
        """Float, 0 at the start and 1 when the time is over."""
        return (time.monotonic() - self.start) / self.seconds


class TimedRate(keras.callbacks.Callback):
    """A rate that falls with the clock as a cosine, and an end in time.

    Args:
        clock: `Clock`.
        rate: float. The highest rate; a quarter of it in the first epoch.
    """

    def __init__(self, clock, rate):
        super().__init__()
        self.clock = clock
        self.rate = rate

    def on_train_begin(self, logs=None):
        self.first = self.clock.share()

    def on_epoch_begin(self, epoch, logs=None):
        self.before = self.clock.share()
        share = (self.before - self.first) / max(1 - self.first, 1e-9)
        cosine = 0.5 + 0.5 * math.cos(math.pi * min(share, 1.0))
        rate = self.rate / 4 if epoch == 0 else self.rate
        self.model.optimizer.learning_rate = rate * cosine

    def on_train_batch_end(self, batch, logs=None):
        if self.clock.share() > 1:
            self.model.stop_training = True

    def on_epoch_end(self, epoch, logs=None):
        now = self.clock.share()
        if now + (now - self.before) > 1:
            self.model.stop_training = True


class FiniteGuard(keras.callbacks.Callback):
    """Stops training with an error if a loss or a weight is not finite.

    A context of `fit`: at its end, after an error of this callback, the weights
    are those of the last epoch in which all losses, which are computed before
    each update, and all weights after it were finite. The error has the model
    as its attribute `model`.

    Args:
        phase: string. Name of the phase, for the message.

    Example:

    ```python
    with FiniteGuard("both") as guard:
        model.fit(images, callbacks=[guard])
    ```
    """

    def __init__(self, phase):
        super().__init__()
        self.phase = _checked_name(phase)
        self.good = None

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        # On JAX, `fit` itself writes to the weights as it is left.
        if hasattr(error, "model") and error.model is self.model:
            for variable, value in zip(self.variables, self.good):
                variable.assign(value)

    def on_epoch_begin(self, epoch, logs=None):
        # Not before: a backup is restored when training begins.
        if self.good is None:
            self._keep()

    def on_epoch_end(self, epoch, logs=None):
        bad = [name for name, value in logs.items() if not math.isfinite(value)]
        before = self.good
        if not bad:
            self._keep()
            if all(np.isfinite(value).all() for value in self.good):
                return
            bad, self.good = ["a weight"], before
        error = FloatingPointError(
            f"Training stopped in phase '{self.phase}', epoch {epoch + 1}, "
            f"because {', '.join(bad)} is not finite; the weights are those "
            "of the epoch before. Use a lower learning rate, and check images "
            "and networks for NaN."
        )
        error.model = self.model
        raise error

    def _keep(self):
        # What is frozen does not change, and needs no copy.
        self.variables = self.model.trainable_variables
        self.good = [keras.ops.convert_to_numpy(v) for v in self.variables]


def _checked_name(phase):
    if not isinstance(phase, str) or not phase:
        checks.fail("`phase` must be the name of a phase", "phase", phase)
    return phase
