"""The common space of Common Feature Learning (IJCAI 2019)."""

import itertools

import keras
from keras import layers
from keras import ops

from keras_vipa.amalgamation.classifiers import resized


class CommonSpace(layers.Layer):
    """The block that is thrown away: adaptations, extractor, decoders.

    Args:
        channels: list of integers, of each teacher's features.
        hidden: integer. Channels of the common space.
        seed: integer. Seed of the initial weights.
        **kwargs: arguments of `keras.Layer`.

    Call arguments:
        student: tensor `(batch, height, width, channels)`, features.
        teachers: list of such tensors, of equal sizes.

    Returns:
        Dict: `"student_code"` `(batch, height, width, hidden)`, and lists
        `"teacher_codes"` of such tensors and `"decoded"` of tensors like
        `teachers`.
    """

    def __init__(self, channels, hidden, seed=0, **kwargs):
        super().__init__(**kwargs)
        self.channels, self.hidden = list(channels), hidden
        seeds = itertools.count(1000 * seed)

        def convolution(width, size, use_bias=True, activation=None):
            return layers.Conv2D(
                width,
                size,
                padding="same",
                use_bias=use_bias,
                activation=activation,
                kernel_initializer=keras.initializers.HeUniform(next(seeds)),
                data_format="channels_last",
                dtype=self.dtype_policy,
            )

        def linear(width, size, activation=None):
            return convolution(width, size, False, activation)

        self.adaptations = [
            linear(2 * hidden, 1, "relu") for _ in (None, *channels)
        ]
        self.blocks = [
            {
                "first": convolution(hidden, 3, activation="relu"),
                "second": convolution(hidden, 3),
            }
            for _ in range(3)
        ]
        self.shortcut = linear(hidden, 1)
        self.decoders = [
            (linear(width, 3, "relu"), linear(width, 1)) for width in channels
        ]

    def build(self, student_shape, teachers_shape):
        shapes = (student_shape, *teachers_shape)
        for layer, shape in zip(self.adaptations, shapes, strict=True):
            layer.build(shape)
        places = student_shape[:-1]
        width = 2 * self.hidden
        self.shortcut.build((*places, width))
        for block in self.blocks:
            block["first"].build((*places, width))
            block["second"].build((*places, self.hidden))
            width = self.hidden
        for (first, second), channels in zip(self.decoders, self.channels):
            first.build((*places, self.hidden))
            second.build((*places, channels))
        self.built = True

    def call(self, student, teachers):
        adapted = [
            adapt(features)
            for adapt, features in zip(self.adaptations, (student, *teachers))
        ]
        # All at once, which is quicker.
        codes = self.extract(ops.concatenate(adapted))
        own, *others = ops.split(codes, len(adapted))
        decoded = [
            second(first(code))
            for (first, second), code in zip(self.decoders, others)
        ]
        return {
            "student_code": own,
            "teacher_codes": others,
            "decoded": decoded,
        }

    def extract(self, x):
        """The extractor E: blocks without normalization."""
        shortcut = self.shortcut(x)
        for block in self.blocks:
            x = ops.relu(block["second"](block["first"](x)) + shortcut)
            shortcut = x
        return x


def as_map(features, size):
    """A map of some size; for (1, 1) its mean."""
    if tuple(size) != (1, 1):
        return resized(features, size)
    if len(features.shape) == 4:
        features = ops.mean(features, axis=(1, 2))
    return features[:, None, None, :]


def common_shapes(student, *teachers):
    """Shapes of all features as maps of one size, the student's first."""
    shapes = (student, *teachers)
    has_vectors = any(len(shape) == 2 for shape in shapes)
    size = (1, 1) if has_vectors else tuple(student[1:3])
    return [(None, *size, shape[-1]) for shape in shapes]
