"""The nets that make the kernels and biases of `DynamicInstanceNorm`."""

import math

import keras
from keras import layers
from keras import ops

from keras_vipa.layers.dynamic_instance_norm import check_kernel
from keras_vipa.utils import checks

TAPS = ("grid", "global")


class _StyleNet(layers.Layer):
    """Three separable convolutions, each halving the map, ReLU between."""

    def __init__(self, channels, widths, grid, **kwargs):
        super().__init__(**kwargs)
        self.channels = checks.integer("channels", channels)
        self.widths = checks.sizes("widths", widths, 2)
        self._grid = grid
        self.input_spec = keras.layers.InputSpec(ndim=4)
        options = {
            "dtype": self.dtype_policy,
            "data_format": "channels_last",
        }
        self.depthwise = [
            layers.DepthwiseConv2D(3, padding="same", **options)
            for _ in range(3)
        ]
        self.pointwise = [
            layers.Conv2D(width, 1, activation=activation, **options)
            for width, activation in zip(
                (*self.widths, channels), ("relu", "relu", None)
            )
        ]
        # The last stage starts small: kernels begin near the identity.
        self.pointwise[-1].kernel_initializer = keras.initializers.RandomNormal(
            stddev=0.01
        )

    def build(self, input_shape):
        shape = input_shape
        for depthwise, pointwise in zip(self.depthwise, self.pointwise):
            depthwise.build(shape)
            pointwise.build(shape)
            shape = (*shape[:-1], pointwise.filters)

    def feature_map(self, x):
        """A map with `channels` channels, not smaller than the grid."""
        self._check_size(x.shape)
        for depthwise, pointwise in zip(self.depthwise, self.pointwise):
            x = pointwise(self._halved(self._halved(depthwise(x), 1), 2))
        return x

    def _halved(self, x, axis):
        """Every second row or column, if what is left holds the grid."""
        side = ops.shape(x)[axis]
        if isinstance(side, int):
            step = 2 if side >= 2 * self._grid else 1
            return x[:, ::step] if axis == 1 else x[:, :, ::step]
        if self._grid == 1:
            return x[:, ::2] if axis == 1 else x[:, :, ::2]
        step = ops.where(side >= 2 * self._grid, 2, 1)
        return ops.take(x, ops.arange(0, side, step), axis=axis)

    def _check_size(self, shape):
        """Raise a `ValueError` if the map is known to be too small."""
        sides = [side for side in shape[1:3] if side is not None]
        if sides and min(sides) < self._grid:
            raise ValueError(
                f"The style feature must be at least {self._grid} high and "
                f"wide for these kernels. Received: shape={tuple(shape)}; use "
                "a larger style picture"
            )

    def get_config(self):
        return {
            **super().get_config(),
            "channels": self.channels,
            "widths": list(self.widths),
        }


@keras.saving.register_keras_serializable(package="keras_vipa")
class WeightNet(_StyleNet):
    """Predicts the kernel of a `DynamicInstanceNorm` from a style feature.

    Three depthwise separable 3x3 convolutions bring the style feature to
    `channels` channels; each halves height and width, as long as they stay as
    large as the grid of taps. The kernel is the identity plus what is
    predicted, and the last convolution starts small, so that training starts
    with plain instance normalization. How the map becomes taps:

    - `"grid"`: the map is averaged over as many cells as there are taps, and
      each cell is a tap: a `kernel_size` x `kernel_size` grid for a depthwise
      kernel; for a dense one, `sqrt(channels) * kernel_size` cells a side, and
      the channels of the map are the filters. Any size of style works, but a
      tap only sees its part of the picture.
    - `"global"`: the map is averaged over the whole picture, and a dense layer
      makes all taps from it.

    Args:
        channels: integer. Channels of the content feature; for a dense kernel
            on a `"grid"` a square number.
        kernel_size: integer, odd. Defaults to 3.
        kind: string. `"depthwise"` or `"dense"`.
        widths: pair of integers. Channels after the first and the second
            convolution. Defaults to `(256, 128)` (our choice, for features
            with 512 channels).
        taps: string. `"grid"` or `"global"`.
        **kwargs: arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: tensor `(batch, height, width, features)`. The style feature.

    Returns:
        A tensor `(batch, kernel_size, kernel_size, channels)`, or
        `(batch, kernel_size, kernel_size, channels, channels)` if dense.

    Raises:
        ValueError: If an argument is not as above, or the style feature is
            smaller than the grid.

    Example:

    >>> net = keras_vipa.layers.WeightNet(channels=16, widths=(32, 16))
    >>> tuple(net(keras.ops.ones((2, 8, 8, 64))).shape)
    (2, 3, 3, 16)

    Differences from the paper (as far as its authors' answers to readers
    tell: stride 8 in all, 64 filters, the map reshaped into taps):

    1. Widths, initialization and the average over a grid are ours, and so is
       the depthwise form.
    2. `"global"` is ours: on a grid all taps are the same function of
       different places, so that no tap can be larger than another for a whole
       style.

    Reference: see `DynamicInstanceNorm`.
    """

    def __init__(
        self,
        channels,
        kernel_size=3,
        kind="depthwise",
        widths=(256, 128),
        taps="grid",
        **kwargs,
    ):
        check_kernel(kernel_size, kind)
        checks.choice("taps", taps, TAPS)
        checks.integer("channels", channels)
        side = math.isqrt(channels) if kind == "dense" else 1
        if taps == "grid" and kind == "dense" and side**2 != channels:
            raise ValueError(
                "A dense kernel on a grid needs a square number of channels. "
                f"Received: channels={channels}"
            )
        grid = side * kernel_size if taps == "grid" else 1
        super().__init__(channels, widths, grid, **kwargs)
        self.kernel_size = kernel_size
        self.kind = kind
        self.taps = taps
        self._shape = (kernel_size, kernel_size, channels)
        if kind == "dense":
            self._shape = (*self._shape, channels)
        if taps == "global":
            self.dense = layers.Dense(
                math.prod(self._shape),
                kernel_initializer=keras.initializers.RandomNormal(stddev=0.1),
                dtype=self.dtype_policy,
            )

    def build(self, input_shape):
        super().build(input_shape)
        if self.taps == "global":
            self.dense.build((None, self.channels))

    def call(self, inputs):
        x = self.feature_map(inputs)
        if self.taps == "global":
            kernel = self.dense(ops.mean(x, axis=(1, 2)))
        else:
            kernel = average_over_grid(x, self._grid)
            if self.kind == "dense":
                # The filters are the channels of the map.
                size, side = self.kernel_size, math.isqrt(self.channels)
                kernel = ops.reshape(
                    kernel, (-1, size, side, size, side, self.channels)
                )
                kernel = ops.transpose(kernel, (0, 1, 3, 2, 4, 5))
        kernel = ops.reshape(kernel, (-1, *self._shape))
        if self.kind == "dense":
            kernel = kernel / math.sqrt(self.channels)
        return kernel + self._identity(kernel.dtype)

    def compute_output_shape(self, input_shape):
        self._check_size(input_shape)
        return (input_shape[0], *self._shape)

    def _identity(self, dtype):
        centre = ops.one_hot(self.kernel_size**2 // 2, self.kernel_size**2)
        centre = ops.reshape(centre, (1, *self._shape[:2], 1))
        if self.kind == "dense":
            centre = centre[..., None] * ops.eye(self.channels)
        return ops.cast(centre, dtype)

    def get_config(self):
        return {
            **super().get_config(),
            "kernel_size": self.kernel_size,
            "kind": self.kind,
            "taps": self.taps,
        }


@keras.saving.register_keras_serializable(package="keras_vipa")
class BiasNet(_StyleNet):
    """Predicts the bias of a `DynamicInstanceNorm` from a style feature.

    The convolutions of `WeightNet`, then the average over the picture.

    Args:
        channels: integer. Channels of the content feature.
        widths: pair of integers. Channels after the first and the second
            convolution. Defaults to `(256, 128)` (our choice).
        **kwargs: arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: tensor `(batch, height, width, features)`. The style feature.

    Returns:
        A tensor `(batch, channels)`.

    Raises:
        ValueError: If an argument is not as above.

    Example:

    >>> net = keras_vipa.layers.BiasNet(channels=16, widths=(32, 16))
    >>> tuple(net(keras.ops.ones((2, 8, 8, 64))).shape)
    (2, 16)

    Reference: see `DynamicInstanceNorm`.
    """

    def __init__(self, channels, widths=(256, 128), **kwargs):
        super().__init__(channels, widths, 1, **kwargs)

    def call(self, inputs):
        return ops.mean(self.feature_map(inputs), axis=(1, 2))

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.channels)


def average_over_grid(x, size):
    """Adaptive average pooling to `size` x `size` cells, for open sizes too.

    The cells of a map whose sides are no multiple of `size` overlap by a row
    or column.
    """
    rows, columns = (_cells(side, size) for side in ops.shape(x)[1:3])
    x = ops.einsum("ih,bhwc->biwc", ops.cast(rows, x.dtype), x)
    return ops.einsum("jw,biwc->bijc", ops.cast(columns, x.dtype), x)


def _cells(side, size):
    """A row for each cell with the weight of each of `side` positions."""
    cell = ops.arange(size)[:, None]
    position = ops.arange(side)[None, :]
    first = cell * side // size
    last = ((cell + 1) * side + size - 1) // size
    inside = ops.cast((position >= first) & (position < last), "float32")
    return inside / ops.sum(inside, axis=1, keepdims=True)
