"""Batches of clips that are about equally long, cut to the longest."""

import numpy as np

from keras_vipa.applications.cssmcm.front_ends import windows_of
from keras_vipa.training.batches import Batches
from keras_vipa.utils import checks

# Lengths are rounded up to so many frames.
ROUNDED = 10
BY_FRAMES, BY_WINDOWS = ("clips", "places"), ("video",)
BY_CHARACTERS = ("pinyin", "tones", "characters")


class ClipBatches(Batches):
    """Shuffled batches of clips, each cut to the longest of its clips.

    Clips are sorted by length, cut into batches and these are shuffled. The
    first batch is one of the longest: if the memory is not enough, that shows
    at once; and the second one of the shortest, so that Keras sees which sizes
    change, and traces a step only once.

    Args:
        arrays: dict of arrays of one length, as `CSSMCMTrainer` takes them,
            with `frames`.
        batch_size: integer. Clips in a batch.
        seed: integer. Seed of the order.
        in_order: integer. First epochs whose batches are not shuffled but go
            from short to long, which is easier in the beginning.
        **kwargs: arguments of `keras.utils.PyDataset`.

    Raises:
        ValueError: If an argument is not as above.
    """

    def __init__(self, arrays, batch_size, seed=0, in_order=0, **kwargs):
        self.in_order = checks.integer("in_order", in_order, 0)
        self.rounded = -(-np.asarray(arrays["frames"]) // ROUNDED) * ROUNDED
        super().__init__(arrays, batch_size, seed, **kwargs)

    def set_epoch(self, epoch):
        super().set_epoch(epoch)
        whole = self.order[: len(self) * self.batch_size]
        by_length = np.argsort(self.rounded[whole], kind="stable")
        batches = whole[by_length].reshape(-1, self.batch_size)
        if epoch >= self.in_order:
            generator = np.random.default_rng([self.seed, epoch, 1])
            middle = generator.permutation(batches[1:-1])
        else:
            middle = batches[1:-1]
        first = [batches[-1:], batches[:1]][: len(batches)]
        self.order = np.concatenate([*first, middle]).ravel()

    def __getitem__(self, index):
        (batch,) = super().__getitem__(index)
        frames = int(-(-batch["frames"].max() // ROUNDED) * ROUNDED)
        said = [batch[name] for name in BY_CHARACTERS if name in batch]
        sizes = [(array != 0).sum(axis=1).max() for array in said]
        lengths = {
            **dict.fromkeys(BY_FRAMES, frames),
            **dict.fromkeys(BY_WINDOWS, windows_of(frames)),
            **dict.fromkeys(BY_CHARACTERS, max(sizes, default=0)),
        }
        return (
            {
                name: array[:, : lengths[name]] if name in lengths else array
                for name, array in batch.items()
            },
        )
