"""Dynamic instance normalization (AAAI 2020), in all its forms."""

import math

import keras
import numpy as np
from keras import ops

from keras_vipa.layers.reflection_padding import reflect
from keras_vipa.utils import checks

KINDS = ("depthwise", "dense")
SAMPLINGS = ("regular", "deformable", "spherical")


@keras.saving.register_keras_serializable(package="keras_vipa")
class DynamicInstanceNorm(keras.layers.Layer):
    """Instance normalization, then a convolution given with each sample.

    With mean and standard deviation of each sample and channel over height
    and width, and with `*` the convolution of stride 1 and same size:

    ```
    IN(x)  = (x - mean(x)) / sqrt(variance(x) + epsilon)
    DIN(x) = kernel * IN(x) + bias
    ```

    The kernel and the bias come from the style: see `WeightNet` and `BiasNet`.
    With a depthwise kernel of size 1 and with the standard deviation and mean
    of a style feature in the place of kernel and bias, this is adaptive
    instance normalization (AdaIN).

    Where the taps of the convolution lie is said by `sampling`:

    - `"regular"`: on the grid, with padding by reflection.
    - `"deformable"`: moved by offsets that a 3x3 convolution of `IN(x)` finds
      for each position and tap. It begins with zeros, hence as the regular
      kind, and its offsets stay within `max_offset`. This is for strokes whose
      size follows the content.
    - `"spherical"`: on the plane that touches the sphere at each position, for
      equirectangular panoramas: rows are latitudes and columns go once around.
      No new weights, so that a trained network can be switched to it. This is
      for strokes of one size on the sphere.

    Args:
        kernel_size: integer. Height and width of the kernel, odd. Defaults to
            3.
        kind: string. `"depthwise"`, a kernel for each channel, or `"dense"`.
        sampling: string. `"regular"`, `"deformable"` or `"spherical"`.
        dilation_rate: integer. Distance of the taps.
        epsilon: float. Added to the variance.
        max_offset: float. Largest offset of `"deformable"`, in cells of the
            feature map. Defaults to 8 (our choice).
        **kwargs: arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: tensor `(batch, height, width, channels)`.
        kernel: tensor `(batch, kernel_size, kernel_size, channels)` if
            depthwise, `(batch, kernel_size, kernel_size, channels, filters)`
            if dense.
        bias: tensor `(batch, channels)`, or `(batch, filters)` if dense.
        moments: pair of tensors `(batch, 1, 1, channels)`, mean and variance
            to use instead of those of `inputs`: for a picture in tiles, those
            of the whole picture.

    Returns:
        A tensor `(batch, height, width, channels)`, or `filters` channels.

    Raises:
        ValueError: If an argument is not as above, or the shapes of kernel
            and inputs do not fit together.

    Example:

    >>> x = keras.random.normal((2, 8, 8, 4))
    >>> kernel, bias = keras.ops.ones((2, 1, 1, 4)), keras.ops.zeros((2, 4))
    >>> din = keras_vipa.layers.DynamicInstanceNorm(kernel_size=1)
    >>> tuple(din(x, kernel, bias).shape)
    (2, 8, 8, 4)

    Differences from the paper (its layer table was not at hand; kernel sizes
    1 and 3 and the two kinds of sampling are the authors'):

    1. Limit and zero start of the deformable offsets are ours.
    2. That "non-natural images" are panoramas is our reading; the grid on the
       tangent plane is that of SphereNet (Coors et al., ECCV 2018).

    Reference:

    - Jing et al., "Dynamic Instance Normalization for Arbitrary Style
      Transfer", AAAI 2020, https://arxiv.org/abs/1911.06953
    """

    def __init__(
        self,
        kernel_size=3,
        kind="depthwise",
        sampling="regular",
        dilation_rate=1,
        epsilon=1e-5,
        max_offset=8.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_kernel(kernel_size, kind)
        self.kernel_size = kernel_size
        self.kind = kind
        self.sampling = checks.choice("sampling", sampling, SAMPLINGS)
        self.dilation_rate = checks.integer("dilation_rate", dilation_rate)
        self.epsilon = checks.number("epsilon", epsilon)
        self.max_offset = checks.number("max_offset", max_offset, above=True)
        self.input_spec = keras.layers.InputSpec(ndim=4)
        if sampling == "deformable":
            self.offsets = keras.layers.Conv2D(
                2 * kernel_size**2,
                3,
                kernel_initializer="zeros",
                data_format="channels_last",
                dtype=self.dtype_policy,
                name="offsets",
            )

    def build(self, input_shape):
        if self.sampling == "deformable":
            self.offsets.build(input_shape)

    def call(self, inputs, kernel, bias, moments=None):
        self._check_shapes(inputs, kernel, bias, moments)
        x = instance_norm(inputs, self.epsilon, moments)
        if self.sampling != "regular":
            taps = self._sampled_taps(x)
            y = _weigh(taps, kernel, self.kind)
        elif self.kind == "dense":
            y = _weigh(self._regular_taps(x), kernel, self.kind)
        else:
            y = self._depthwise(x, kernel)
        return y + bias[:, None, None, :]

    def _check_shapes(self, inputs, kernel, bias, moments):
        size = self.kernel_size
        rank = 4 if self.kind == "depthwise" else 5
        given = shape_of("kernel", kernel)
        expected = (size, size, inputs.shape[-1])
        if len(given) != rank or given[1:4] != expected:
            shape = (None, *expected, "filters")[:rank]
            rule = f"`kernel` must be of shape {shape}"
            checks.fail(rule, "kernel.shape", given)
        check_bias(bias, given[-1])
        if moments is not None:
            check_moments(moments, *2 * [(1, 1, inputs.shape[-1])])

    def _pad(self, x):
        margin = self.dilation_rate * (self.kernel_size // 2)
        return reflect(reflect(x, 1, margin), 2, margin)

    def _regular_taps(self, x):
        """One map for each tap, row by row: the input moved."""
        height, width = ops.shape(x)[1:3]
        x, step = self._pad(x), self.dilation_rate
        starts = [i * step for i in range(self.kernel_size)]
        return [
            x[:, top : top + height, left : left + width]
            for top in starts
            for left in starts
        ]

    def _depthwise(self, x, kernel):
        if keras.config.backend() == "jax":
            # XLA is slow with many groups, and fuses this.
            return _weigh(self._regular_taps(x), kernel, "depthwise")
        # Samples beside the channels: one depthwise convolution for all.
        batch, _, _, channels = ops.shape(x)
        x = self._pad(x)
        height, width = ops.shape(x)[1:3]
        size, step = self.kernel_size, self.dilation_rate
        x = ops.reshape(
            ops.transpose(x, (1, 2, 0, 3)), (1, height, width, batch * channels)
        )
        kernel = ops.reshape(
            ops.transpose(kernel, (1, 2, 0, 3)),
            (size, size, batch * channels, 1),
        )
        y = ops.depthwise_conv(
            x, kernel, dilation_rate=step, data_format="channels_last"
        )
        margin = step * (size - 1)
        shape = (height - margin, width - margin, batch, channels)
        return ops.transpose(ops.reshape(y, shape), (2, 0, 1, 3))

    def find_offsets(self, x):
        """Offsets of deformable sampling, for a normalized feature.

        Args:
            x: tensor `(batch, height, width, channels)`.

        Returns:
            A tensor `(batch, height, width, 2 * kernel_size**2)`: down and
            right for each tap, in cells.
        """
        padded = reflect(reflect(x, 1, 1), 2, 1)
        limit = self.max_offset
        return limit * ops.tanh(self.offsets(padded) / limit)

    def _sampled_taps(self, x):
        """One map for each tap, read between the cells of the grid."""
        if self.sampling == "spherical":
            height, width = x.shape[1:3]
            if height is None or width is None:
                raise ValueError(
                    "Height and width must be known for spherical sampling. "
                    f"Received: inputs.shape={x.shape}"
                )
            rows, columns = spherical_grid(
                height, width, self.kernel_size, self.dilation_rate
            )
            rows = [ops.convert_to_tensor(row)[None] for row in rows]
            columns = [ops.convert_to_tensor(col)[None] for col in columns]
            wrap = True
        else:
            # Positions in float32: 16 bits cannot count to a picture's width.
            offsets = ops.cast(self.find_offsets(x), "float32")
            height, width = ops.shape(x)[1:3]
            rows = ops.cast(ops.arange(height), "float32")[None, :, None]
            columns = ops.cast(ops.arange(width), "float32")[None, None, :]
            taps = tap_positions(self.kernel_size, self.dilation_rate)
            rows = [
                rows + dy + offsets[..., 2 * n]
                for n, (dy, _) in enumerate(taps)
            ]
            columns = [
                columns + dx + offsets[..., 2 * n + 1]
                for n, (_, dx) in enumerate(taps)
            ]
            wrap = False
        return [_sample(x, r, c, wrap) for r, c in zip(rows, columns)]

    def compute_output_shape(
        self, inputs_shape, kernel_shape, bias_shape, moments_shape=None
    ):
        return (*inputs_shape[:-1], kernel_shape[-1])

    def get_config(self):
        return {
            **super().get_config(),
            "kernel_size": self.kernel_size,
            "kind": self.kind,
            "sampling": self.sampling,
            "dilation_rate": self.dilation_rate,
            "epsilon": self.epsilon,
            "max_offset": self.max_offset,
        }


def check_kernel(kernel_size, kind):
    """Raise a `ValueError` if there is no such kernel."""
    is_whole = isinstance(kernel_size, int) and kernel_size is not True
    if not is_whole or kernel_size < 1 or kernel_size % 2 == 0:
        rule = "`kernel_size` must be an odd positive integer"
        checks.fail(rule, "kernel_size", kernel_size)
    checks.choice("kind", kind, KINDS)


def shape_of(name, tensor):
    """The shape of an argument; a `ValueError` if it is no tensor."""
    if not hasattr(tensor, "shape"):
        checks.fail(f"`{name}` must be a tensor", name, tensor)
    return tuple(tensor.shape)


def check_bias(bias, filters):
    """Raise a `ValueError` unless this is a bias of so many filters."""
    shape = shape_of("bias", bias)
    if len(shape) != 2 or shape[-1] != filters:
        rule = f"`bias` must be of shape {(None, filters)}"
        checks.fail(rule, "bias.shape", shape)


def check_moments(moments, *shapes):
    """Raise a `ValueError` unless these are two tensors of such samples."""
    is_pair = isinstance(moments, list | tuple) and len(moments) == 2
    parts = moments if is_pair else ()
    given = [tuple(getattr(part, "shape", ())) for part in parts]
    if [shape[1:] for shape in given] != list(shapes):
        wanted = [(None, *shape) for shape in shapes]
        rule = f"`moments` must be a pair of tensors of shapes {wanted}"
        checks.fail(rule, "moments", given if is_pair else moments)


def instance_norm(x, epsilon=1e-5, moments=None):
    """Normalize each sample and channel over height and width."""
    if moments is None:
        moments = ops.moments(x, axes=(1, 2), keepdims=True)
    mean, variance = moments
    return (x - mean) * ops.rsqrt(variance + epsilon)


def tap_positions(kernel_size, dilation_rate=1):
    """Rows and columns of the taps, from the centre, row by row."""
    steps = [dilation_rate * (i - kernel_size // 2) for i in range(kernel_size)]
    return [(dy, dx) for dy in steps for dx in steps]


def _weigh(taps, kernel, kind):
    """Sum over the taps of the maps `(batch, height, width, channels)`."""
    size, channels = kernel.shape[1], kernel.shape[3]
    if kind == "depthwise":
        weights = [
            kernel[:, i : i + 1, j : j + 1, :]
            for i in range(size)
            for j in range(size)
        ]
        return sum(tap * weight for tap, weight in zip(taps, weights))
    filters = kernel.shape[4]
    height, width = ops.shape(taps[0])[1:3]
    x = taps[0] if len(taps) == 1 else ops.concatenate(taps, axis=-1)
    x = ops.reshape(x, (-1, height * width, size * size * channels))
    matrix = ops.reshape(kernel, (-1, size * size * channels, filters))
    return ops.reshape(ops.matmul(x, matrix), (-1, height, width, filters))


def spherical_grid(height, width, kernel_size=3, dilation_rate=1):
    """Where the taps on the tangent plane lie in an equirectangular picture.

    The inverse gnomonic projection of a grid whose taps at the equator are
    those of the regular grid.

    Args:
        height: integer. Rows, from the north pole to the south pole.
        width: integer. Columns, once around.
        kernel_size: integer, odd.
        dilation_rate: integer.

    Returns:
        Two lists with an array `(height, width)` for each tap, row by row:
        rows within [0, height - 1], and columns, which may lie beyond the
        picture and are to be taken modulo `width`.
    """
    latitude = (0.5 - (np.arange(height)[:, None] + 0.5) / height) * math.pi
    column = np.broadcast_to(np.arange(width)[None, :], (height, width))
    rows, columns = [], []
    for dy, dx in tap_positions(kernel_size, dilation_rate):
        east, north = dx * 2 * math.pi / width, -dy * math.pi / height
        x, y = math.tan(east), math.tan(north) / math.cos(east)
        distance = math.hypot(x, y)
        angle = math.atan(distance)
        ratio = math.sin(angle) / distance if distance else 1.0
        sine = math.cos(angle) * np.sin(latitude)
        sine = sine + y * ratio * np.cos(latitude)
        below = math.cos(angle) * np.cos(latitude)
        below = below - y * ratio * np.sin(latitude)
        turn = np.arctan2(x * ratio, below) * width / (2 * math.pi)
        row = (0.5 - np.arcsin(sine.clip(-1, 1)) / math.pi) * height - 0.5
        row = np.broadcast_to(row, (height, width)).clip(0, height - 1)
        rows.append(row.astype("float32"))
        columns.append((column + turn).astype("float32"))
    return rows, columns


def _sample(x, rows, columns, wrap):
    """Bilinear values of `x` at `(batch or 1, height, width)` positions."""
    batch, height, width, channels = ops.shape(x)
    rows = _reflected(rows, height)
    columns = columns if wrap else _reflected(columns, width)
    top, left = ops.floor(rows), ops.floor(columns)
    down = ops.cast(rows - top, x.dtype)[..., None]
    right = ops.cast(columns - left, x.dtype)[..., None]
    flat = ops.reshape(x, (-1, channels))
    first = ops.arange(batch)[:, None, None] * (height * width)

    def read(row, column):
        row = ops.minimum(ops.cast(row, "int32"), height - 1)
        column = ops.cast(column, "int32")
        column = column % width if wrap else ops.minimum(column, width - 1)
        return ops.take(flat, first + row * width + column, axis=0)

    above = read(top, left) * (1 - right) + read(top, left + 1) * right
    below = read(top + 1, left) * (1 - right) + read(top + 1, left + 1) * right
    return above * (1 - down) + below * down


def _reflected(position, size):
    """Fold positions back into [0, size - 1], as reflection does."""
    last = ops.cast(size - 1, position.dtype)
    position = last - ops.abs(last - ops.abs(position))
    return ops.clip(position, 0, last)
