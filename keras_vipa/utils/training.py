"""Trained models of the user's, and progress of long training."""

import math
import pathlib

import keras


def read_model(path):
    """Load a Keras model that a user names.

    Args:
        path: string or path of a `.keras` file.

    Returns:
        A `keras.Model`, not compiled.

    Raises:
        ValueError: If there is no such file, or if it is not a Keras model;
            in one line.
    """
    if not pathlib.Path(path).is_file():
        raise ValueError(f"There is no model file. Received: {path}")
    try:
        return keras.saving.load_model(path, compile=False)
    except Exception as error:
        reason = str(error).split("\n")[0]
        raise ValueError(f"{path} is not a Keras model: {reason}") from error


class Progress(keras.callbacks.Callback):
    """Prints five lines in each `fit` instead of a bar every epoch."""

    def on_epoch_end(self, epoch, logs=None):
        epochs = self.params["epochs"]
        if (epoch + 1) % max(1, epochs // 5) == 0:
            phase = getattr(self.model, "phase", self.model.name)
            place = f"epoch {epoch + 1:3d}/{epochs}"
            print(f"  {phase:12s} {place}  loss {logs['loss']:.5f}", flush=True)


class FiniteGuard(keras.callbacks.Callback):
    """Stops training with an error as soon as a loss is not finite.

    A context of `fit`: at its end, after an error of this callback, the weights
    are those of the last epoch in which all losses, which are computed before
    each update, were finite. The error has the model as its attribute `model`.

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
        self.phase = phase
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
        if not bad:
            self._keep()
            return
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
