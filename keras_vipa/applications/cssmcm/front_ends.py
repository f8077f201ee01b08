"""What CSSMCM sees of a few frames: features of each window of a clip."""

import itertools

import keras
from keras import layers
from keras import ops

# Frames that are seen at once, and from one window to the next.
WINDOW, STRIDE = 5, 2


def windows_of(frames):
    """How many windows there are in so many frames, a number or a tensor."""
    return (frames - WINDOW) // STRIDE + 1


def are_there(counts, steps):
    """Which of so many steps are there: the first ones of each row.

    Args:
        counts: integer tensor `(batch,)`, how many are.
        steps: integer.

    Returns:
        Boolean tensor `(batch, steps)`.
    """
    return ops.arange(steps)[None] < ops.cast(counts, "int32")[:, None]


@keras.saving.register_keras_serializable(package="keras_vipa")
class Windows(layers.Layer):
    """Windows of five grey frames, each two frames after the one before.

    Clips are standardized first: grey levels to mean 0 and deviation 1 over
    the frames that are there.

    Call arguments:
        clips: tensor `(batch, frames, height, width)`, at least five frames.
        frames: integer tensor `(batch,)`, how many of these are there; `None`
            for all.

    Returns:
        A tensor `(batch, windows, height, width, 5)`.
    """

    def call(self, clips, frames=None):
        # Sums of so many are too large for 16 bits.
        clips = ops.cast(clips, "float32")
        count = clips.shape[1] or ops.shape(clips)[1]
        if frames is None:
            there = ops.ones_like(clips[:, :, :1, :1])
        else:
            there = ops.cast(are_there(frames, count), clips.dtype)
            there = there[:, :, None, None]
        axes, sides = (1, 2, 3), clips.shape[2] * clips.shape[3]
        pixels = ops.sum(there, axis=axes, keepdims=True) * sides
        mean = ops.sum(clips * there, axis=axes, keepdims=True) / pixels
        clips = (clips - mean) * there
        square = ops.sum(clips**2, axis=axes, keepdims=True) / pixels
        clips = clips * ops.rsqrt(square + 1e-6)
        steps = windows_of(count)
        parts = [
            clips[:, number : number + STRIDE * (steps - 1) + 1 : STRIDE]
            for number in range(WINDOW)
        ]
        return ops.cast(ops.stack(parts, axis=-1), self.compute_dtype)

    def compute_output_shape(self, clips_shape, frames_shape=None):
        batch, frames, height, width = clips_shape
        steps = None if frames is None else windows_of(frames)
        return (batch, steps, height, width, WINDOW)


def vgg_m(size, units, seed):
    """VGG-M for small pictures, then the mean over the map.

    Args:
        size: tuple `(height, width)` of the frames.
        units: integer. Features that come out.
        seed: integer. Seed of the initial weights.

    Returns:
        A functional `keras.Model`, `(batch, height, width, 5)` to `(batch,
        units)`.
    """
    seeds = itertools.count(1000 * seed)
    x = image = keras.Input((*size, WINDOW))
    for width, stride, pools in (
        (96, 1, True),
        (256, 2, True),
        (512, 1, False),
        (512, 1, False),
        (units, 1, False),
    ):
        kernel = keras.initializers.HeNormal(next(seeds))
        x = layers.Conv2D(
            width,
            3,
            stride,
            "same",
            use_bias=False,
            kernel_initializer=kernel,
            data_format="channels_last",
        )(x)
        x = layers.BatchNormalization()(x)
        x = layers.ReLU()(x)
        if pools:
            x = layers.MaxPooling2D(3, 2, "same", "channels_last")(x)
    x = layers.GlobalAveragePooling2D("channels_last")(x)
    return keras.Model(image, x, name="front_end")


def patches(size, units, seed):
    """Squares of 4 x 4 pixels, and a dense layer; arguments as above."""
    seeds = itertools.count(1000 * seed)
    x = image = keras.Input((*size, WINDOW))
    x = layers.Conv2D(
        32,
        4,
        4,
        kernel_initializer=keras.initializers.HeNormal(next(seeds)),
        activation="relu",
        data_format="channels_last",
    )(x)
    kernel = keras.initializers.GlorotUniform(next(seeds))
    x = layers.Dense(units, kernel_initializer=kernel)(layers.Flatten()(x))
    x = layers.ReLU()(layers.LayerNormalization()(x))
    return keras.Model(image, x, name="front_end")
