"""Arrays in batches whose order can be reproduced from the middle."""

import keras
import numpy as np


class Batches(keras.utils.PyDataset):
    """Shuffled batches of arrays, in an order fixed by seed and epoch.

    Training that is interrupted and continued at the same epoch sees the
    same batches as training that was not. Every batch has the same size: the
    few examples that do not fill a last batch wait for another epoch.

    Args:
        arrays: array, or dict of arrays of the same length.
        batch_size: integer. Examples in a batch; all of them if there are
            fewer.
        seed: integer. Seed of the order.

    Example:

    >>> batches = Batches(np.arange(6), batch_size=2, seed=0)
    >>> len(batches)
    3
    >>> first = batches[0]
    >>> batches.set_epoch(1)
    >>> batches.set_epoch(0)
    >>> bool((batches[0][0] == first[0]).all())
    True
    """

    def __init__(self, arrays, batch_size, seed=0, **kwargs):
        super().__init__(**kwargs)
        self.arrays = arrays
        self.seed = seed
        first = next(iter(keras.tree.flatten(arrays)))
        self.num_examples = len(first)
        self.batch_size = min(batch_size, self.num_examples)
        self.set_epoch(0)

    def set_epoch(self, epoch):
        """Use the order of this epoch from now on."""
        generator = np.random.default_rng([self.seed, epoch])
        self.order = generator.permutation(self.num_examples)

    def __len__(self):
        return self.num_examples // self.batch_size

    def __getitem__(self, index):
        start = index * self.batch_size
        chosen = self.order[start : start + self.batch_size]
        return (keras.tree.map_structure(lambda a: a[chosen], self.arrays),)
