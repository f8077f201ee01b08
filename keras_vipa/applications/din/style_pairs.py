"""Random pairs of contents and styles."""

import keras
import numpy as np

from keras_vipa.utils import checks


class StylePairs(keras.utils.PyDataset):
    """Batches of random pairs out of contents and styles.

    The pairs of a batch depend on seed, epoch and number of the batch alone,
    so that training continues as if it had not been interrupted.

    Args:
        contents: dict of arrays of one length: `content`, uint8 images, and
            whatever belongs to them.
        styles: dict of arrays of one length: `style`, likewise.
        batch_size: integer. Pairs in a batch.
        steps: integer. Batches in an epoch.
        seed: integer.
        grain: float. Largest deviation of the noise `grain` `(batch, height,
            width, 1)` that a batch then has beside its contents: each pair has
            its own, uniform from 0 on. Defaults to 0: none.
        **kwargs: arguments of `keras.utils.PyDataset`.

    Raises:
        ValueError: If an argument is not as above.

    Example:

    >>> images = np.zeros((3, 16, 16, 3), "uint8")
    >>> pairs = StylePairs({"content": images}, {"style": images}, 2, steps=5)
    >>> sorted(pairs[0][0]), pairs[0][0]["style"].shape
    (['content', 'style'], (2, 16, 16, 3))
    """

    def __init__(
        self,
        contents,
        styles,
        batch_size,
        steps,
        seed=0,
        grain=0.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        _check_part("contents", contents, "content")
        _check_part("styles", styles, "style")
        for name, value in (("batch_size", batch_size), ("steps", steps)):
            checks.integer(name, value)
        checks.integer("seed", seed, 0)
        checks.number("grain", grain)
        self.parts = contents, styles
        self.grain = grain
        self.batch_size = batch_size
        self.steps = steps
        self.seed = seed
        self.epoch = 0

    def with_parts(self, contents, styles, grain=None):
        """The same pairs of other arrays, and other grain if it is given."""
        return StylePairs(
            contents,
            styles,
            self.batch_size,
            self.steps,
            self.seed,
            self.grain if grain is None else grain,
            workers=self.workers,
        )

    def set_epoch(self, epoch):
        """Use the pairs of this epoch from now on."""
        checks.integer("epoch", epoch, 0)
        self.epoch = epoch

    def __len__(self):
        return self.steps

    def __getitem__(self, index):
        generator = np.random.default_rng([self.seed, self.epoch, index])
        batch = {}
        for part in self.parts:
            count = len(next(iter(part.values())))
            chosen = generator.integers(count, size=self.batch_size)
            for name, values in part.items():
                rows = values[chosen]
                if rows.dtype == "uint8":
                    rows = rows.astype("float32") / 255.0
                batch[name] = rows
        if self.grain:
            shape = (*batch["content"].shape[:3], 1)
            noise = generator.standard_normal(shape, "float32")
            amount = generator.random((len(noise), 1, 1, 1), "float32")
            batch["grain"] = noise * amount * np.float32(self.grain)
        return (batch,)


def _check_part(argument, part, prefix):
    """Raise a `ValueError` unless these are arrays of one length, not 0."""
    is_dict = isinstance(part, dict) and any(
        str(name).startswith(prefix) for name in part
    )
    values = part.values() if is_dict else [None]
    counts = {len(v) if getattr(v, "shape", ()) else 0 for v in values}
    images = part.get(prefix) if is_dict else None
    is_batch = images is None or len(getattr(images, "shape", ())) == 4
    if len(counts) > 1 or 0 in counts or not is_batch:
        rule = f"`{argument}` must be a dict of arrays of one length, with "
        rule += f"'{prefix}', images (n, height, width, 3)"
        checks.fail(rule, argument, part)
