"""Channels that matter for a task."""

import keras
from keras import layers
from keras import ops

from keras_vipa.utils import checks


@keras.saving.register_keras_serializable(package="keras_vipa")
class ChannelGate(layers.Layer):
    """Weigh the channels of features by what is in them.

    With `z` the mean of the context over height and width, and two dense
    layers without bias:

        g = sigmoid(W2 relu(W1 z))
        y = g * x

    Args:
        reduction: integer. `W1` has the context's channels divided by this,
            and at least 16.
        seed: integer. Seed of the initial weights.
        **kwargs: arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: tensor `(batch, height, width, channels)`, `x`.
        context: tensor `(batch, height, width, channels)`. Defaults to the
            inputs.

    Returns:
        A tensor of the shape of the inputs.

    Raises:
        ValueError: If an argument is not as above.

    Example:

    >>> x = np.ones((1, 4, 4, 8))
    >>> keras_vipa.layers.ChannelGate()(x).shape
    TensorShape([1, 4, 4, 8])

    Reference:
        Ye, Ji, Wang, Ou, Tao, Song. "Student Becoming the Master: Knowledge
        Amalgamation for Joint Scene Parsing, Depth Estimation, and More".
        CVPR 2019. https://arxiv.org/abs/1904.10167 (there called channel
        coding).
    """

    least = 16

    def __init__(self, reduction=4, seed=0, **kwargs):
        super().__init__(**kwargs)
        checks.integer("reduction", reduction)
        checks.integer("seed", seed, 0)
        self.reduction, self.seed = reduction, seed

    def build(self, inputs_shape, context_shape=None):
        source = (context_shape or inputs_shape)[-1]
        inner = max(self.least, source // self.reduction)

        def dense(units, seed, activation):
            return layers.Dense(
                units,
                activation=activation,
                use_bias=False,
                kernel_initializer=keras.initializers.GlorotUniform(seed),
                dtype=self.dtype_policy,
                # On TensorFlow a layer that is frozen already does not freeze
                # what it gets afterwards.
                trainable=self.trainable,
            )

        self.first = dense(inner, 2 * self.seed, "relu")
        self.second = dense(inputs_shape[-1], 2 * self.seed + 1, "sigmoid")
        self.first.build((None, source))
        self.second.build((None, inner))

    def call(self, inputs, context=None):
        context = inputs if context is None else context
        gate = self.second(self.first(ops.mean(context, axis=(1, 2))))
        return gate[:, None, None, :] * inputs

    def compute_output_shape(self, inputs_shape, context_shape=None):
        return inputs_shape

    def get_config(self):
        more = {"reduction": self.reduction, "seed": self.seed}
        return {**super().get_config(), **more}
