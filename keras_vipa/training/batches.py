"""Arrays in batches whose order can be reproduced from the middle."""

import keras
import numpy as np

from keras_vipa.training.arguments import check_dtype
from keras_vipa.utils import checks


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
        labels: array, or dict of arrays, of the same length. Defaults to
            `None`: a batch has inputs alone.
        **kwargs: arguments of `keras.utils.PyDataset`.

    Raises:
        ValueError: If there is no example, if the arrays differ in length, or
            if `batch_size` or `seed` is none.

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

    def __init__(self, arrays, batch_size, seed=0, labels=None, **kwargs):
        super().__init__(**kwargs)
        self.parts = (arrays,) if labels is None else (arrays, labels)
        self.seed = checks.integer("seed", seed, 0)
        self.num_examples = checks.length("arrays", arrays)
        count = self.num_examples
        if labels is not None and checks.length("labels", labels) != count:
            checks.fail(f"`labels` must be {count}", "labels", labels)
        self.batch_size = min(checks.integer("batch_size", batch_size), count)
        self.set_epoch(0)

    def set_epoch(self, epoch):
        """Use the order of this epoch from now on."""
        checks.integer("epoch", epoch, 0)
        generator = np.random.default_rng([self.seed, epoch])
        self.order = generator.permutation(self.num_examples)

    def __len__(self):
        return self.num_examples // self.batch_size

    def __getitem__(self, index):
        start = index * self.batch_size
        chosen = self.order[start : start + self.batch_size]
        return keras.tree.map_structure(lambda a: a[chosen], self.parts)


def in_blocks(function, arrays, block, dtype="float32"):
    """Apply a function to blocks of examples.

    A whole data set at once would take several times the room of its result.

    Args:
        function: callable, arrays of `block` examples to a dict of tensors of
            as many.
        arrays: array, or dict of arrays of one length n.
        block: integer. Examples in a block.
        dtype: string, or dict of name -> string. Type of the results; those
            that a dict does not name are float32.

    Returns:
        Dict, name -> array of length n.

    Raises:
        ValueError: If there is no example, if `block` is not positive, or if
            the function returns something else.

    Example:

    >>> doubled = in_blocks(lambda x: {"y": 2 * x}, np.arange(5.0), block=2)
    >>> doubled["y"].tolist()
    [0.0, 2.0, 4.0, 6.0, 8.0]
    """
    count = checks.length("arrays", arrays)
    if not callable(function):
        checks.fail("`function` must be callable", "function", function)
    named = dtype.values() if isinstance(dtype, dict) else [dtype]
    for kind in named:
        check_dtype("dtype", kind)
    results = {}
    for start in range(0, count, checks.integer("block", block)):
        part = slice(start, start + block)
        outputs = function(keras.tree.map_structure(lambda a: a[part], arrays))
        if not isinstance(outputs, dict):
            rule = "`function` must return a dict of tensors"
            checks.fail(rule, "function(arrays)", outputs)
        for name, value in outputs.items():
            value = keras.ops.convert_to_numpy(value)
            if len(value) != min(block, count - start):
                rule = "`function` must return as many examples as it gets"
                checks.fail(rule, f"function(arrays)[{name!r}]", value)
            if name not in results:
                kind = dtype
                if isinstance(dtype, dict):
                    kind = dtype.get(name, "float32")
                results[name] = np.empty((count, *value.shape[1:]), kind)
            results[name][part] = value
    return results
