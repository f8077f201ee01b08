"""Bidirectional GRUs over a sequence, of frames or of tokens."""

import itertools

import keras
from keras import layers
from keras import ops


@keras.saving.register_keras_serializable(package="keras_vipa")
class SequenceEncoder(layers.Layer):
    """Bidirectional GRUs, one on top of the other.

    Args:
        units: integer. Of each direction.
        depth: integer.
        dropout: float. Of what each of them gets, in training.
        seed: integer. Seed of the initial weights, and of the dropout.
        **kwargs: arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: tensor `(batch, steps, channels)`.
        mask: boolean tensor `(batch, steps)`, which steps are there, from the
            first on.
        training: boolean. Whether to drop out.

    Returns:
        Tensor `(batch, steps, 2 * units)`, and a list of `depth` tensors
        `(batch, 2 * units)`, what both directions end with.
    """

    def __init__(self, units, depth=2, dropout=0.0, seed=0, **kwargs):
        super().__init__(**kwargs)
        self.units, self.depth = units, depth
        self.dropout, self.seed = dropout, seed
        seeds = itertools.count(1000 * seed)

        def gru(**options):
            kernel = keras.initializers.GlorotUniform(next(seeds))
            recurrent = keras.initializers.Orthogonal(seed=next(seeds))
            return layers.GRU(
                units,
                kernel_initializer=kernel,
                recurrent_initializer=recurrent,
                return_sequences=True,
                return_state=True,
                dtype=self.dtype_policy,
                **options,
            )

        self.both = [
            layers.Bidirectional(gru(), backward_layer=gru(go_backwards=True))
            for _ in range(depth)
        ]
        self.drop = layers.Dropout(
            dropout, seed=next(seeds), dtype=self.dtype_policy
        )

    def build(self, input_shape, mask_shape=None):
        for layer in self.both:
            layer.build(input_shape)
            input_shape = (*input_shape[:-1], 2 * self.units)
        self.built = True

    def call(self, inputs, mask=None, training=None):
        x, states = inputs, []
        for layer in self.both:
            x = self.drop(x, training=training)
            x, forward, backward = layer(x, mask=mask, training=training)
            states.append(ops.concatenate([forward, backward], axis=-1))
        return x, states

    def compute_mask(self, inputs, previous_mask):
        # Who attends to the outputs is given the mask, too.
        return None

    def compute_output_shape(self, input_shape, mask_shape=None):
        batch, steps, _ = input_shape
        states = [(batch, 2 * self.units)] * self.depth
        return (batch, steps, 2 * self.units), states

    def get_config(self):
        return {
            **super().get_config(),
            "units": self.units,
            "depth": self.depth,
            "dropout": self.dropout,
            "seed": self.seed,
        }
