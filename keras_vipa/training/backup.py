"""Files that let a training in phases continue where it was interrupted."""

import os
import pathlib

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
        """Callback that saves each epoch, and continues after the last one."""
        return keras.callbacks.BackupAndRestore(
            self.unfinished, double_checkpoint=True
        )

    def load_finished(self):
        """Load the state at the end of the phase; False if it is not there."""
        if not self.finished.exists():
            return False
        self.model.load_weights(self.finished)
        return True

    def save_finished(self):
        """Save the state at the end of the phase, whole or not at all."""
        part = self.folder / "part.weights.h5"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.model.save_weights(part)
        os.replace(part, self.finished)
