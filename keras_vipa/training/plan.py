"""What a recipe decides and says before a training in phases begins."""

import pathlib
import tempfile
import time

import keras
import numpy as np

from keras_vipa.training.arguments import check_epochs
from keras_vipa.utils import checks

_EPOCHS, _STEPS = 3, 4


def default_epochs(count, batch_size=64, steps=1000, fewest=5, most=200):
    """Epochs of a phase, for a number of images.

    About as many steps for any number of images, within bounds (our choice).

    Args:
        count: integer. Number of images.
        batch_size: integer. Images in a batch.
        steps: integer. Steps of the phase.
        fewest: integer. Least number of epochs.
        most: integer. Largest number of epochs.

    Returns:
        Integer.

    Raises:
        ValueError: If a number is not positive, or `fewest` above `most`.

    Example:

    >>> [default_epochs(count) for count in (100, 1200, 10_000, 100_000)]
    [200, 56, 6, 5]
    """
    for name, value in (
        ("count", count),
        ("batch_size", batch_size),
        ("steps", steps),
        ("fewest", fewest),
    ):
        checks.integer(name, value)
    checks.integer("most", most, fewest)
    epochs = round(steps / max(1, count // batch_size))
    return min(max(epochs, fewest), most)


def hold_back(images, patience):
    """Every tenth image held back from the training, to end it early.

    Args:
        images: array.
        patience: integer. Epochs without a lower loss on the images that are
            held back, after which a phase ends. The weights are those of the
            lowest loss.

    Returns:
        Tuple of the images that are left, and a dict of arguments of
        `PhasedModel.fit_stages`.

    Raises:
        ValueError: If there are fewer than two images, or `patience` is no
            number of epochs.
    """
    if checks.length("images", images) < 2:
        checks.fail("`images` must be at least two", "images", images)
    checks.integer("patience", patience, 0)
    stop = keras.callbacks.EarlyStopping("val_loss", patience=patience)
    stop.restore_best_weights = True
    more = {"validation_data": images[::10], "callbacks": [stop]}
    return np.delete(images, np.s_[::10], axis=0), more


def expected_seconds(method, images, epochs, batch_size=64, **options):
    """Seconds that `fit_stages` will take, from a few steps of each phase.

    The steps are traced as those of the training will be, which takes some
    seconds itself. Computing the frozen features of all images is not in it.

    Args:
        method: `PhasedModel` as it will be trained, but not the same one,
            since it is trained here.
        images: array.
        epochs: dict, phase -> integer.
        batch_size: integer. Images in a batch.
        **options: other arguments of `fit_stages`.

    Returns:
        Float.

    Raises:
        ValueError: As `fit_stages`.
    """
    _check_plan(method, images, epochs, batch_size)
    if not hasattr(method, "fit_stages"):
        checks.fail("`method` must be a `PhasedModel`", "method", method)
    watch = _Watch()
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        if options.get("backup_dir"):
            options["backup_dir"] = pathlib.Path(folder, "backup")
        method.fit_stages(
            images[: _STEPS * batch_size],
            {phase: _EPOCHS for phase, count in epochs.items() if count},
            batch_size,
            **{**options, "callbacks": [watch], "verbose": 0},
        )
    seconds = time.perf_counter() - start
    steps = max(1, len(images) // batch_size)
    for phase, (begins, ends) in watch.times.items():
        step = np.diff(ends[:, 1:]).min() if ends.shape[1] > 2 else 0.0
        between = np.diff(begins)[1:].min() - step * ends.shape[1]
        seconds += epochs[phase] * (between + step * steps)
    return float(seconds)


def announce(method, images, epochs, times=1, **options):
    """Print how long `fit_stages` will take; arguments as above.

    Args:
        method: `PhasedModel` as it will be trained, but not the same one.
        images: array.
        epochs: dict, phase -> integer.
        times: integer. How often there is such a training.
        **options: other arguments of `fit_stages`.

    Raises:
        ValueError: As `fit_stages`.
    """
    batch_size = options.get("batch_size", 64)
    _check_plan(method, images, epochs, batch_size)
    checks.integer("times", times)
    phases = ", ".join(f"{phase} {count}" for phase, count in epochs.items())
    line = f"{len(images):,} images, epochs at most: {phases}"
    steps = len(images) // batch_size
    # A trial that is as long as the training itself would tell nothing.
    if max(epochs.values()) * steps > _EPOCHS * _STEPS:
        seconds = times * expected_seconds(method, images, epochs, **options)
        line += f"; about {seconds / 60:.1f} minutes"
    print(line, flush=True)


def _check_plan(method, images, epochs, batch_size):
    checks.length("images", images)
    check_epochs(epochs, getattr(method, "phases", None))
    checks.integer("batch_size", batch_size)


class _Watch(keras.callbacks.Callback):
    """Phase -> when its epochs begin, and when the steps of each end."""

    def __init__(self):
        super().__init__()
        self.times = {}

    def on_train_begin(self, logs=None):
        self.begins, self.ends = [], []

    def on_epoch_begin(self, epoch, logs=None):
        self.begins.append(time.perf_counter())
        self.ends.append([])

    def on_train_batch_end(self, batch, logs=None):
        self.ends[-1].append(time.perf_counter())

    def on_train_end(self, logs=None):
        times = np.array(self.begins), np.array(self.ends)
        self.times[self.model.phase] = times
