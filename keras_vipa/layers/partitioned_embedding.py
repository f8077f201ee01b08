"""An embedding of parts, each by an encoder of its own."""

import itertools

import keras
from keras import layers

from keras_vipa.utils import checks

KERNEL, STRIDE = 4, 2


@keras.saving.register_keras_serializable(package="keras_vipa")
class PartitionedEmbedding(layers.Layer):
    """Images to parts of an embedding, `R = [r_1; r_2; ...; r_rest]`.

    An encoder for each part, all of which read the same image: convolutions
    of 4 x 4 pixels in steps of two, each with ReLU, batch normalization and
    dropout, then a linear layer. What a part means is a matter of training, by
    `keras_vipa.applications.PartitionTrainer`.

    Args:
        parts: dict, name of a part -> integer, how many numbers it is.
        filters: tuple of integers, channels of the convolutions; or a dict,
            name of a part -> tuple, since the depth may grow with how abstract
            a part is. Defaults to `(16, 32, 48)` (our choice, for small
            images).
        dropout: float. In training; 0 by default (our choice: at small scale
            it hurts the game of the parts).
        seed: integer. Seed of the initial weights, and of the dropout.
        **kwargs: arguments of `keras.layers.Layer`.

    Call arguments:
        images: tensor `(batch, height, width, 3)` in [0, 1].
        training: boolean.

    Returns:
        Dict, name of a part -> tensor `(batch, numbers)`.

    Raises:
        ValueError: If an argument is not as above.

    Example:

    >>> embed = keras_vipa.layers.PartitionedEmbedding({"color": 4, "rest": 8})
    >>> parts = embed(np.random.rand(2, 32, 32, 3).astype("float32"))
    >>> tuple(parts["rest"].shape)
    (2, 8)

    Differences from the paper (its text could not be read beyond the first
    page; sizes are those of a re-implementation of others):

    1. Three convolutions of 16 to 48 filters and small parts for images of 32
       pixels, where the re-implementation has up to five of 16 to 128 filters
       and parts of 100 numbers for images of 128 pixels.
    2. No dropout, in place of one of 0.3.

    Reference:
        Feng, Yu, Yang, Jing, Jiang, Song. "Interpretable Partitioned Embedding
        for Customized Fashion Outfit Composition". ICMR 2018.
        https://arxiv.org/abs/1806.04845
    """

    def __init__(
        self, parts, filters=(16, 32, 48), dropout=0.0, seed=0, **kwargs
    ):
        super().__init__(**kwargs)
        if not isinstance(parts, dict) or len(parts) < 2:
            rule = "`parts` must be a dict of two or more names and sizes"
            checks.fail(rule, "parts", parts)
        self.parts = {
            name: checks.integer(f"parts['{name}']", size)
            for name, size in parts.items()
        }
        if isinstance(filters, dict) and set(filters) != set(parts):
            rule = f"`filters` must be for each of {sorted(parts)}"
            checks.fail(rule, "filters", filters)
        of_each = filters if isinstance(filters, dict) else {}
        self.filters = {
            name: checks.sizes("filters", of_each.get(name, filters))
            for name in parts
        }
        self.dropout = checks.number("dropout", dropout, 0.0, 1.0)
        self.seed = checks.integer("seed", seed, 0)
        seeds = itertools.count(1000 * seed)
        self.encoders = {name: self._encoder(name, seeds) for name in parts}

    def _encoder(self, name, seeds):
        def kernel():
            return keras.initializers.GlorotUniform(next(seeds))

        more = {"dtype": self.dtype_policy}
        steps = []
        for channels in self.filters[name]:
            steps += [
                layers.Conv2D(
                    channels,
                    KERNEL,
                    STRIDE,
                    "same",
                    activation="relu",
                    kernel_initializer=kernel(),
                    **more,
                ),
                layers.BatchNormalization(**more),
                layers.Dropout(self.dropout, seed=next(seeds), **more),
            ]
        last = layers.Dense(
            self.parts[name], kernel_initializer=kernel(), **more
        )
        return keras.Sequential(
            [*steps, layers.Flatten(**more), last], name=f"encoder_{name}"
        )

    def build(self, input_shape):
        for encoder in self.encoders.values():
            if not encoder.built:
                encoder.build((None, *input_shape[1:]))
        self.built = True

    def call(self, images, training=None):
        return {
            name: encoder(images, training=training)
            for name, encoder in self.encoders.items()
        }

    def compute_output_shape(self, input_shape):
        return {name: (input_shape[0], n) for name, n in self.parts.items()}

    def get_config(self):
        return {
            **super().get_config(),
            "parts": self.parts,
            "filters": self.filters,
            "dropout": self.dropout,
            "seed": self.seed,
        }
