"""Trained models of the user's, and progress of long training."""

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
