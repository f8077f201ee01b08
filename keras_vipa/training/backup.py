"""Files that let a training in phases continue where it was interrupted."""

import contextlib
import os
import pathlib
import time

import keras


class PhaseBackup:
    """The state within a phase, and that at its end.

    Args:
        model: `PhasedModel`.
        folder: string or path.
        phase: string. Name of the phase.
    """

    def __init__(self, model, folder, phase):
        self.model = model
        self.folder = pathlib.Path(folder)
        self.unfinished = self.folder / phase
        self.finished = self.folder / f"{phase}.weights.h5"

    def callback(self):
        """Callback that saves epochs, and continues after the last one."""
        return EpochBackup(self.unfinished, self.model.backup_seconds)

    def load_finished(self):
        """Load the state at the end of the phase; False if it is not there."""
        if not self.finished.exists():
            return False
        with _readable(self.finished, self.folder):
            self.model.load_weights(self.finished)
        return True

    def save_finished(self):
        """Save the state at the end of the phase, whole or not at all."""
        part = self.folder / "part.weights.h5"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.model.save_weights(part)
        os.replace(part, self.finished)


class EpochBackup(keras.callbacks.BackupAndRestore):
    """Saves the state at the end of an epoch, but not too often.

    Args:
        folder: path.
        seconds: float. Least time between two backups, and before the first:
            where epochs are short, saving each would take longer than they do.
    """

    def __init__(self, folder, seconds):
        super().__init__(folder, double_checkpoint=True)
        self.folder = folder
        self.seconds = seconds
        self.last = time.monotonic()

    def on_train_begin(self, logs=None):
        with _readable(self.folder, self.folder.parent):
            super().on_train_begin(logs)

    def on_epoch_end(self, epoch, logs=None):
        if time.monotonic() - self.last >= self.seconds:
            super().on_epoch_end(epoch, logs)
            self.last = time.monotonic()


@contextlib.contextmanager
def _readable(path, folder):
    """One line for what a reader says of files that are damaged."""
    try:
        yield
    # h5py and json alone raise half a dozen kinds of error on damaged files.
    except Exception as error:
        reason = str(error).strip().partition("\n")[0][:100]
        raise ValueError(
            "`backup_dir` must hold whole files of this training; remove it "
            f"to begin anew. Received: {str(path)!r} in {str(folder)!r} "
            f"({type(error).__name__}: {reason})"
        ) from error
