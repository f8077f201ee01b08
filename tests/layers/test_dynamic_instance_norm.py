import keras
import numpy as np
import pytest
from keras import ops
from test_case import TestCase

from keras_vipa import export
from keras_vipa.layers import DynamicInstanceNorm
from keras_vipa.layers.dynamic_instance_norm import _weigh
from keras_vipa.layers.dynamic_instance_norm import spherical_grid
from keras_vipa.layers.dynamic_instance_norm import tap_positions

KINDS = ["depthwise", "dense"]
TENSORFLOW = pytest.mark.tensorflow
SAMPLINGS = ["regular", "deformable", "spherical"]
FORMS = [
    ("depthwise", "regular"),
    ("dense", "regular"),
    ("dense", "deformable"),
    ("depthwise", "spherical"),
]


def normal(*shape):
    return np.random.normal(size=shape).astype("float32")


def arguments(kind, size, height=7, width=8, channels=3, batch=2):
    """Inputs, kernel and bias; a dense kernel has four filters."""
    filters = channels if kind == "depthwise" else 4
    shape = (size, size, channels)
    shape = shape if kind == "depthwise" else (*shape, filters)
    return (
        normal(batch, height, width, channels),
        normal(batch, *shape),
        normal(batch, filters),
    )


def run(layer, *inputs, **options):
    return ops.convert_to_numpy(layer(*inputs, **options))


def numpy_instance_norm(x, epsilon=1e-5):
    y = np.zeros(x.shape)
    for n in range(x.shape[0]):
        for c in range(x.shape[3]):
            part = x[n, :, :, c].astype("float64")
            variance = ((part - part.mean()) ** 2).mean()
            y[n, :, :, c] = (part - part.mean()) / np.sqrt(variance + epsilon)
    return y


def numpy_din(x, kernel, bias, dilation=1):
    """DIN(x) = kernel * IN(x) + bias, a sum over taps and input channels."""
    batch, height, width, channels = x.shape
    size, margin = kernel.shape[1], dilation * (kernel.shape[1] // 2)
    sides = [(0, 0), (margin, margin), (margin, margin), (0, 0)]
    padded = np.pad(numpy_instance_norm(x), sides, mode="reflect")
    y = np.zeros((batch, height, width, kernel.shape[-1]))
    for n in range(batch):
        for dy in range(size):
            for dx in range(size):
                top, left = dy * dilation, dx * dilation
                part = padded[n, top : top + height, left : left + width]
                for c in range(channels):
                    if kernel.ndim == 4:
                        y[n, :, :, c] += kernel[n, dy, dx, c] * part[..., c]
                        continue
                    for o in range(kernel.shape[4]):
                        weight = kernel[n, dy, dx, c, o]
                        y[n, :, :, o] += weight * part[..., c]
        y[n] += bias[n]
    return y


def set_offsets(layer, channels, offsets):
    """Constant offsets (row, column) of each tap, through the bias.

    The layer limits an offset with tanh: `limit * tanh(bias / limit)`.
    """
    layer.build((None, None, None, channels))
    limit = layer.max_offset
    bias = limit * np.arctanh(np.array(offsets, "float64").ravel() / limit)
    layer.offsets.bias.assign(bias)
    return layer


def random_layer(kind, sampling, **options):
    layer = DynamicInstanceNorm(3, kind, sampling, max_offset=2.0, **options)
    layer.build((None, None, None, 3))
    for weight in layer.weights:
        weight.assign(0.3 * normal(*weight.shape))
    return layer


class TestFormula(TestCase):
    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize("size,dilation", [(1, 1), (3, 1), (3, 2), (5, 1)])
    def test_formula(self, kind, size, dilation):
        inputs = arguments(kind, size)
        layer = DynamicInstanceNorm(size, kind, dilation_rate=dilation)
        expected = numpy_din(*inputs, dilation=dilation)
        self.assert_all_close(layer(*inputs), expected)

    def test_epsilon_is_added_to_the_variance(self):
        x, kernel, bias = arguments("depthwise", 1)
        x = 0.1 * x
        layer = DynamicInstanceNorm(1, epsilon=0.5)
        expected = kernel * numpy_instance_norm(x, 0.5)
        self.assert_all_close(
            layer(x, kernel, bias), expected + bias[:, None, None]
        )


class TestByHand(TestCase):
    # The rows of the first channel are 0, 3, 6: mean 3, variance 6, and with
    # epsilon 3 the root is 3, so that the rows of IN are -1, 0, 1. The second
    # channel has the same in its columns.
    x = np.zeros((1, 3, 3, 2), "float32")
    x[0, :, :, 0] = [[0, 0, 0], [3, 3, 3], [6, 6, 6]]
    x[0, :, :, 1] = [[0, 3, 6], [0, 3, 6], [0, 3, 6]]

    def test_depthwise(self):
        # The cell above, and ten times the cell on the right.
        kernel = np.zeros((1, 3, 3, 2))
        kernel[0, 0, 1] = 1.0
        kernel[0, 1, 2] = 10.0
        layer = DynamicInstanceNorm(3, epsilon=3.0)
        y = run(layer, self.x, kernel, np.array([[0.5, -1.0]]))[0]
        # By reflection, row 1 is above row 0: 0 - 10 + 0.5, then
        # -1 + 0 + 0.5, then 0 + 10 + 0.5.
        expected = np.array([[-9.5] * 3, [-0.5] * 3, [10.5] * 3])
        self.assert_all_close(y[..., 0], expected)
        # By reflection, column 1 is right of column 2: -1 + 0 - 1, then
        # 0 + 10 - 1, then 1 + 0 - 1.
        expected = np.array([[-2.0, 9.0, 0.0]] * 3)
        self.assert_all_close(y[..., 1], expected)

    def test_dense(self):
        # Rows of the kernel are the input channels, columns the filters.
        kernel = np.array([[2.0, 1.0, 0.0], [3.0, -1.0, 0.0]])
        layer = DynamicInstanceNorm(1, "dense", epsilon=3.0)
        bias = np.array([[0.0, 0.0, 7.0]])
        y = run(layer, self.x, kernel.reshape((1, 1, 1, 2, 3)), bias)[0]
        # 2 * row + 3 * column, with both from -1 to 1.
        expected = np.array([[-5, -2, 1], [-3, 0, 3], [-1, 2, 5]])
        self.assert_all_close(y[..., 0], expected)
        # row - column
        expected = np.array([[0, -1, -2], [1, 0, -1], [2, 1, 0]])
        self.assert_all_close(y[..., 1], expected)
        self.assert_all_close(y[..., 2], np.full((3, 3), 7))

    def test_half_an_offset_is_the_value_in_between(self):
        # Half a row down: between -1, 0 and 1, and at the last row, by
        # reflection, between 1 and 0. Channel 2 has one value in each column.
        layer = DynamicInstanceNorm(1, sampling="deformable", epsilon=3.0)
        set_offsets(layer, 2, [(0.5, 0.0)])
        y = run(layer, self.x, np.ones((1, 1, 1, 2)), np.zeros((1, 2)))[0]
        expected = np.array([[-0.5] * 3, [0.5] * 3, [0.5] * 3])
        self.assert_all_close(y[..., 0], expected)
        self.assert_all_close(y[..., 1], np.array([[-1.0, 0.0, 1.0]] * 3))

    def test_spherical_over_the_pole(self):
        # The cell to the north: one row up, and of the first row, over the
        # pole, the same row half around. 4 rows are 45 degrees each.
        x = normal(1, 4, 8, 1)
        kernel = np.zeros((1, 3, 3, 1))
        kernel[0, 0, 1] = 1.0
        layer = DynamicInstanceNorm(3, sampling="spherical")
        y = run(layer, x, kernel, np.zeros((1, 1)))
        normalized = numpy_instance_norm(x)
        self.assert_all_close(y[:, 1:], normalized[:, :-1])
        self.assert_all_close(y[:, 0], np.roll(normalized[:, 0], 4, axis=1))


class TestRegular(TestCase):
    def test_adaptive_instance_normalization_is_a_special_case(self):
        x, style = normal(2, 7, 8, 5), 2.0 + 3.0 * normal(2, 4, 6, 5)
        kernel = style.std(axis=(1, 2))[:, None, None]
        bias = style.mean(axis=(1, 2))
        y = run(DynamicInstanceNorm(1), x, kernel, bias)
        mean = x.mean(axis=(1, 2), keepdims=True)
        variance = x.var(axis=(1, 2), keepdims=True)
        adain = kernel * (x - mean) / np.sqrt(variance + 1e-5)
        assert np.abs(y - (adain + bias[:, None, None])).max() < 1e-5
        self.assert_all_close(y.mean(axis=(1, 2)), bias, atol=1e-4)
        std = y.std(axis=(1, 2), keepdims=True)
        self.assert_all_close(std, kernel, atol=1e-4)

    @pytest.mark.parametrize("size,dilation", [(1, 1), (3, 1), (3, 2)])
    def test_dense_is_a_convolution_of_each_sample(self, size, dilation):
        x, kernel, bias = arguments("dense", size)
        layer = DynamicInstanceNorm(size, "dense", dilation_rate=dilation)
        margin = dilation * (size // 2)
        sides = [(0, 0), (margin, margin), (margin, margin), (0, 0)]
        padded = np.pad(numpy_instance_norm(x), sides, mode="reflect")
        expected = [
            ops.conv(
                padded[n : n + 1].astype("float32"),
                kernel[n],
                dilation_rate=dilation,
                data_format="channels_last",
            )
            + bias[n]
            for n in range(2)
        ]
        self.assert_all_close(
            layer(x, kernel, bias), ops.concatenate(expected, axis=0)
        )

    def test_depthwise_is_dense_with_a_diagonal(self):
        x, kernel, bias = arguments("depthwise", 3)
        dense = kernel[..., None] * np.eye(3, dtype="float32")
        self.assert_all_close(
            DynamicInstanceNorm(3)(x, kernel, bias),
            DynamicInstanceNorm(3, "dense")(x, dense, bias),
        )

    @pytest.mark.parametrize("size,dilation", [(1, 1), (3, 1), (3, 2), (5, 1)])
    def test_both_ways_to_compute_the_depthwise_kind(self, size, dilation):
        # One is taken on JAX and the other elsewhere; both run everywhere.
        x, kernel, bias = arguments("depthwise", size, batch=3)
        layer = DynamicInstanceNorm(size, dilation_rate=dilation)
        normalized = ops.cast(numpy_instance_norm(x), "float32")
        kernel = ops.convert_to_tensor(kernel)
        taps = layer._regular_taps(normalized)
        assert len(taps) == size**2
        slices = _weigh(taps, kernel, "depthwise")
        self.assert_all_close(layer._depthwise(normalized, kernel), slices)
        expected = slices + bias[:, None, None]
        self.assert_all_close(layer(x, kernel, bias), expected)

    def test_the_fold_of_samples_into_channels(self, monkeypatch):
        inputs = arguments("depthwise", 3, batch=3)
        expected = numpy_din(*inputs)
        for backend in ("tensorflow", "jax"):
            monkeypatch.setattr(keras.config, "backend", lambda: backend)
            self.assert_all_close(DynamicInstanceNorm(3)(*inputs), expected)


class TestAllKinds(TestCase):
    """What holds for each kind and sampling."""

    @pytest.fixture(params=FORMS)
    def layer(self, request):
        return random_layer(*request.param, epsilon=1e-9)

    def test_a_change_of_the_channels_does_not_matter(self, layer):
        x, kernel, bias = arguments(layer.kind, 3)
        scale = np.array([0.5, 1.0, 20.0], "float32")
        shift = np.array([-3.0, 0.0, 5.0], "float32")
        self.assert_all_close(
            layer(x * scale + shift, kernel, bias),
            layer(x, kernel, bias),
            atol=1e-3,
        )

    def test_samples_do_not_meet(self, layer):
        inputs = arguments(layer.kind, 3)
        y = run(layer, *inputs)
        for n in range(2):
            alone = layer(*(part[n : n + 1] for part in inputs))
            self.assert_all_close(alone, y[n : n + 1])

    def test_linear_in_the_style(self, layer):
        x, kernel, bias = arguments(layer.kind, 3)
        _, kernel_2, bias_2 = arguments(layer.kind, 3)
        mixed = layer(x, 0.25 * kernel + 0.75 * kernel_2, bias + bias_2)
        apart = 0.25 * layer(x, kernel, 0.0 * bias)
        apart = apart + 0.75 * layer(x, kernel_2, 0.0 * bias)
        expected = apart + (bias + bias_2)[:, None, None]
        self.assert_all_close(mixed, expected, atol=1e-4)

    def test_own_moments_change_nothing(self, layer):
        inputs = arguments(layer.kind, 3)
        x = inputs[0]
        moments = [
            x.mean(axis=(1, 2), keepdims=True),
            x.var(axis=(1, 2), keepdims=True),
        ]
        self.assert_all_close(
            layer(*inputs, moments=moments), layer(*inputs), atol=1e-4
        )

    def test_a_constant_input_gives_the_bias(self, layer):
        # The mean may be a rounding error off, which is divided by the root of
        # epsilon.
        layer.epsilon = 1e-5
        x, kernel, bias = arguments(layer.kind, 3)
        y = layer(np.full(x.shape, 7.0, "float32"), kernel, bias)
        shape = (*x.shape[:3], bias.shape[-1])
        expected = np.broadcast_to(bias[:, None, None], shape)
        self.assert_all_close(y, expected, atol=0.02)

    @pytest.mark.parametrize("constant", [False, True])
    def test_gradients_are_finite(self, layer, constant):
        layer.epsilon = 1e-5
        inputs = arguments(layer.kind, 3)
        if constant:
            inputs = (np.full(inputs[0].shape, 7.0, "float32"), *inputs[1:])

        def loss(*tensors):
            return ops.mean(ops.square(layer(*tensors)))

        for gradient in gradients(loss, inputs):
            assert np.isfinite(gradient).all()
            assert constant or np.abs(gradient).max() > 0.0


def gradients(function, arrays):
    """Of a number by its arguments."""
    if keras.config.backend() == "jax":
        import jax

        argnums = tuple(range(len(arrays)))
        found = jax.grad(function, argnums)(*map(ops.convert_to_tensor, arrays))
    else:
        import tensorflow as tf

        tensors = [tf.constant(array) for array in arrays]
        with tf.GradientTape() as tape:
            tape.watch(tensors)
            value = function(*tensors)
        found = tape.gradient(value, tensors)
    return [ops.convert_to_numpy(gradient) for gradient in found]


class TestMoments(TestCase):
    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize("sampling", ["regular", "deformable"])
    def test_a_tile_is_the_part_of_the_whole(self, kind, sampling):
        # Three taps reach one cell far, and the offsets another two cells.
        layer = random_layer(kind, sampling)
        x, kernel, bias = arguments(kind, 3, 14, 13)
        moments = ops.moments(x, axes=(1, 2), keepdims=True)
        whole = run(layer, x, kernel, bias)
        tile = run(layer, x[:, 2:13, 1:12], kernel, bias, moments=moments)
        self.assert_all_close(tile[:, 4:-4, 4:-4], whole[:, 6:9, 5:8])
        other = run(layer, x[:, 2:13, 1:12], kernel, bias)
        assert np.abs(tile - other).max() > 1e-3

    def test_by_hand(self):
        # (6 - 2) / sqrt(3 + 1) = 2
        layer = DynamicInstanceNorm(1, epsilon=1.0)
        x, ones = np.full((1, 2, 2, 1), 6.0), np.ones((1, 1, 1, 1))
        moments = (2.0 * ones, 3.0 * ones)
        y = layer(x, ones, np.zeros((1, 1)), moments=moments)
        self.assert_all_close(y, np.full((1, 2, 2, 1), 2.0))

    def test_in_a_model(self):
        shapes = [(None, None, 3), (3, 3, 3), (3,), (1, 1, 3), (1, 1, 3)]
        inputs = [keras.Input(shape) for shape in shapes]
        layer = DynamicInstanceNorm(3)
        outputs = layer(*inputs[:3], moments=(inputs[3], inputs[4]))
        model = keras.Model(inputs, outputs)
        assert model.output.shape == (None, None, None, 3)
        x, kernel, bias = arguments("depthwise", 3)
        moments = [normal(2, 1, 1, 3), normal(2, 1, 1, 3) ** 2 + 0.1]
        self.assert_all_close(
            model([x, kernel, bias, *moments]),
            layer(x, kernel, bias, moments=moments),
        )


class TestDeformable(TestCase):
    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize("size,dilation", [(1, 1), (3, 1), (3, 2)])
    def test_begins_as_the_ordinary_kind(self, kind, size, dilation):
        inputs = arguments(kind, size)
        options = {"dilation_rate": dilation}
        layer = DynamicInstanceNorm(size, kind, "deformable", **options)
        ordinary = DynamicInstanceNorm(size, kind, **options)
        self.assert_all_close(layer(*inputs), ordinary(*inputs))

    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize("offset", [(1, 0), (2, -1), (-3, 2)])
    def test_constant_offset_reads_the_moved_cell(self, kind, offset):
        x, kernel, bias = arguments(kind, 1)
        layer = DynamicInstanceNorm(1, kind, "deformable")
        set_offsets(layer, 3, [offset])
        sides = [(0, 0), (3, 3), (3, 3), (0, 0)]
        padded = np.pad(numpy_instance_norm(x), sides, mode="reflect")
        top, left = 3 + offset[0], 3 + offset[1]
        moved = padded[:, top : top + 7, left : left + 8]
        if kind == "depthwise":
            expected = moved * kernel
        else:
            expected = np.einsum("nhwi,nio->nhwo", moved, kernel[:, 0, 0])
        self.assert_all_close(
            layer(x, kernel, bias), expected + bias[:, None, None], atol=1e-4
        )

    def test_each_tap_has_its_own_offset(self):
        # Each tap is moved back to the centre: one tap with their sum is left.
        x, kernel, bias = arguments("depthwise", 3)
        layer = DynamicInstanceNorm(3, sampling="deformable")
        set_offsets(layer, 3, [(-dy, -dx) for dy, dx in tap_positions(3)])
        total = kernel.sum(axis=(1, 2), keepdims=True)
        expected = DynamicInstanceNorm(1)(x, total, bias)
        self.assert_all_close(layer(x, kernel, bias), expected, atol=1e-4)

    def test_offsets_follow_the_content(self):
        # The convolution has a one in the middle: the offset of the only tap,
        # in rows, is IN(x) at its own place. The limit is far away.
        layer = DynamicInstanceNorm(1, sampling="deformable", max_offset=1e6)
        layer.build((None, None, None, 1))
        kernel = np.zeros((3, 3, 1, 2))
        kernel[1, 1, 0, 0] = 1.0
        layer.offsets.kernel.assign(kernel)
        # Mean 0 and variance 1: one in five is 2, four are -0.5.
        x = np.full((1, 5, 5, 1), -0.5, "float32")
        x[0, 1, :, 0] = 2.0
        y = run(layer, x, np.ones((1, 1, 1, 1)), np.zeros((1, 1)))[0, :, 0, 0]
        # Rows read: -0.5, which is 0.5 by reflection, (2 - 0.5) / 2; then
        # 1 + 2 = 3; then 1.5, halfway again; then 2.5 and 3.5.
        expected = np.array([0.75, -0.5, 0.75, -0.5, -0.5])
        self.assert_all_close(y, expected, atol=1e-3)

    @pytest.mark.parametrize("sign", [1, -1])
    def test_offsets_are_limited(self, sign):
        x, kernel, bias = arguments("depthwise", 1)
        layer = DynamicInstanceNorm(1, sampling="deformable", max_offset=2.0)
        layer.build(x.shape)
        layer.offsets.bias.assign([1000.0 * sign, 0.0])
        limit = DynamicInstanceNorm(1, sampling="deformable")
        set_offsets(limit, 3, [(2.0 * sign, 0.0)])
        self.assert_all_close(
            layer(x, kernel, bias), limit(x, kernel, bias), atol=1e-4
        )


class TestSpherical(TestCase):
    # Twice as wide as high, which makes square cells at the equator, or not.
    @pytest.mark.parametrize(
        "kind,width,size,dilation",
        [
            ("depthwise", 18, 3, 1),
            ("depthwise", 25, 3, 2),
            ("dense", 25, 3, 1),
            ("dense", 18, 1, 1),
        ],
    )
    def test_equator_is_as_the_ordinary_kind(self, kind, width, size, dilation):
        x, kernel, bias = arguments(kind, size, 9, width)
        options = {"dilation_rate": dilation}
        layer = DynamicInstanceNorm(size, kind, "spherical", **options)
        ordinary = DynamicInstanceNorm(size, kind, **options)
        y = run(layer, x, kernel, bias)
        # Three times around, for columns on both sides; same mean and variance.
        around = run(ordinary, np.tile(x, (1, 1, 3, 1)), kernel, bias)
        expected = around[:, :, width : 2 * width]
        self.assert_all_close(y[:, 4], expected[:, 4], atol=1e-4)
        if size > 1:
            assert np.abs(y[:, 1] - expected[:, 1]).max() > 0.1

    @pytest.mark.parametrize("shift", [5, -3])
    def test_a_turn_of_the_input_turns_the_output(self, shift):
        x, kernel, bias = arguments("dense", 3, 8, 16)
        layer = DynamicInstanceNorm(3, "dense", "spherical")
        y = run(layer, x, kernel, bias)
        turned = layer(np.roll(x, shift, axis=2), kernel, bias)
        self.assert_all_close(turned, np.roll(y, shift, axis=2), atol=1e-4)

    @pytest.mark.parametrize("axis", [1, 2])
    def test_mirror(self, axis):
        x, kernel, bias = arguments("depthwise", 3, 8, 16)
        layer = DynamicInstanceNorm(3, sampling="spherical")
        y = run(layer, x, kernel, bias)
        mirrored = layer(np.flip(x, axis), np.flip(kernel, axis), bias)
        self.assert_all_close(mirrored, np.flip(y, axis), atol=1e-4)

    @pytest.mark.parametrize("dilation", [1, 2])
    def test_grid_has_one_size_on_the_sphere(self, dilation):
        # The angle between a tap and its centre is the same on every row. At
        # the equator, dx columns and dy rows are the sides of a triangle with
        # a right angle.
        height, width = 15, 30
        rows, columns = spherical_grid(height, width, 3, dilation)

        def angles(row, column):
            latitude = (0.5 - (row + 0.5) / height) * np.pi
            return latitude, column * 2 * np.pi / width

        grid = np.meshgrid(np.arange(height), np.arange(width), indexing="ij")
        latitude, longitude = angles(*grid)
        taps = tap_positions(3, dilation)
        for (dy, dx), row, column in zip(taps, rows, columns):
            tap_latitude, tap_longitude = angles(row, column)
            cosine = np.sin(latitude) * np.sin(tap_latitude)
            cosine += (
                np.cos(latitude)
                * np.cos(tap_latitude)
                * np.cos(longitude - tap_longitude)
            )
            expected = np.cos(dx * 2 * np.pi / width)
            expected *= np.cos(dy * np.pi / height)
            # Next to the poles, rows are kept within the picture.
            inside = cosine[3:-3]
            shape = inside.shape
            self.assert_all_close(inside, np.full(shape, expected), atol=1e-5)

    def test_grid_spreads_towards_the_poles(self):
        rows, columns = spherical_grid(16, 32)
        # The tap in the east: its column is farther away the nearer the pole,
        # the same in north and south.
        east = columns[5][:, 0]
        assert (np.diff(east[:8]) < 0.0).all()
        self.assert_all_close(east, east[::-1], atol=1e-4)
        assert east[0] > 5.0
        # Beside the equator, half a cell from it, nearly one column.
        assert 1.0 < east[7] < 1.01

    @pytest.mark.parametrize(
        "height,width", [(4, 8), (5, 10), (9, 18), (16, 20), (7, 40)]
    )
    @pytest.mark.parametrize("size,dilation", [(1, 1), (3, 1), (5, 1)])
    def test_grid_stays_within_the_picture(self, height, width, size, dilation):
        if size == 5 and min(2 * height, width) <= 8:
            pytest.skip("The taps are more than a quarter around.")
        grid = spherical_grid(height, width, size, dilation)
        assert len(grid[0]) == len(grid[1]) == size**2
        for row, column in zip(*grid):
            assert row.shape == column.shape == (height, width)
            assert row.dtype == column.dtype == "float32"
            assert np.isfinite(column).all()
            assert row.min() >= 0.0
            assert row.max() <= height - 1
            # At most half around.
            turn = column - np.arange(width)
            assert np.abs(turn).max() <= width / 2 + 1e-3
        centre = size**2 // 2
        expected = np.arange(height)[:, None] + np.zeros((1, width))
        self.assert_all_close(grid[0][centre], expected)
        expected = np.arange(width)[None, :] + np.zeros((height, 1))
        self.assert_all_close(grid[1][centre], expected)


@pytest.mark.tensorflow
def test_litert(tmp_path):
    """All forms, and both dilations, in one file."""
    pytest.importorskip("ai_edge_litert.interpreter")
    given = {"x": normal(1, 8, 8, 3)}
    for kind in KINDS:
        _, given[f"{kind}_kernel"], given[f"{kind}_bias"] = arguments(
            kind, 3, batch=1
        )
    inputs = {
        name: keras.Input(value.shape[1:], name=name)
        for name, value in given.items()
    }
    outputs = []
    for (kind, sampling), dilation in zip(FORMS, (2, 1, 2, 1)):
        layer = random_layer(kind, sampling, dilation_rate=dilation)
        style = inputs[f"{kind}_kernel"], inputs[f"{kind}_bias"]
        outputs.append(layer(inputs["x"], *style))
    model = keras.Model(inputs, keras.layers.Concatenate()(outputs))
    path = export.to_litert(model, tmp_path / "layers.tflite")
    drawn, expected = export.run_litert(path, given), model(given)
    assert drawn.shape == (1, 8, 8, 14)
    np.testing.assert_allclose(drawn, expected, atol=1e-3)


@pytest.mark.filterwarnings("ignore:When providing `inputs` as a dict")
class TestLifeCycle(TestCase):
    @pytest.mark.parametrize(
        "kind,sampling,size",
        [
            ("depthwise", "regular", 3),
            pytest.param("dense", "deformable", 1, marks=TENSORFLOW),
            pytest.param("depthwise", "spherical", 3, marks=TENSORFLOW),
        ],
    )
    def test_life_cycle(self, kind, sampling, size):
        filters = 3 if kind == "depthwise" else 4
        shape = (2, size, size, 3)
        self.run_layer_test(
            DynamicInstanceNorm,
            init_kwargs={
                "kernel_size": size,
                "kind": kind,
                "sampling": sampling,
                "dilation_rate": 2,
                "epsilon": 1e-4,
                "max_offset": 3.0,
            },
            input_shape={
                "inputs": (2, 8, 10, 3),
                "kernel": shape if kind == "depthwise" else (*shape, filters),
                "bias": (2, filters),
            },
            expected_output_shape=(2, 8, 10, filters),
            expected_num_trainable_weights=2 * (sampling == "deformable"),
            run_training=sampling == "deformable",
        )

    @pytest.mark.tensorflow
    @pytest.mark.parametrize("kind, sampling", FORMS[:3])
    def test_open_sizes(self, kind, sampling):
        shapes = [part.shape[1:] for part in arguments(kind, 3)]
        inputs = [keras.Input((None, None, 3)), *map(keras.Input, shapes[1:])]
        layer = DynamicInstanceNorm(3, kind, sampling)
        model = keras.Model(inputs, layer(*inputs))
        assert model.output.shape == (None, None, None, *shapes[2])
        for height, width, batch in ((7, 5, 1), (4, 9, 3)):
            data = arguments(kind, 3, height, width, batch=batch)
            self.assert_all_close(model(list(data)), layer(*data))

    @pytest.mark.tensorflow
    @pytest.mark.parametrize("kind, sampling", FORMS[:3])
    def test_one_graph_for_all_sizes(self, kind, sampling):
        import tensorflow as tf

        shapes = [part.shape[1:] for part in arguments(kind, 3)]
        shapes[0] = (None, None, 3)
        signature = [tf.TensorSpec((None, *shape)) for shape in shapes]
        layer = DynamicInstanceNorm(3, kind, sampling)
        layer.build((None, None, None, 3))
        graph = tf.function(
            lambda *data: layer(*data), input_signature=signature
        )
        for height, width, batch in ((7, 5, 1), (4, 9, 3)):
            data = arguments(kind, 3, height, width, batch=batch)
            self.assert_all_close(graph(*data), numpy_din(*data))

    @pytest.mark.tensorflow
    @pytest.mark.parametrize("sampling", SAMPLINGS)
    def test_mixed_precision_is_near_float32(self, sampling):
        inputs = arguments("depthwise", 3, 64, 128)
        half = DynamicInstanceNorm(3, sampling=sampling, dtype="mixed_float16")
        full = DynamicInstanceNorm(3, sampling=sampling)
        y = ops.cast(half(*inputs), "float32")
        # Values up to 10: half precision knows them to 0.004.
        self.assert_all_close(y, full(*inputs), atol=0.05, rtol=0.0)

    @pytest.mark.parametrize(
        "options,match",
        [
            ({"kernel_size": 2}, "`kernel_size` must be an odd positive"),
            ({"kernel_size": 0}, "`kernel_size` must be an odd positive"),
            ({"kernel_size": -1}, "`kernel_size` must be an odd positive"),
            ({"kernel_size": 3.0}, "`kernel_size` must be an odd positive"),
            ({"kernel_size": (3, 3)}, "`kernel_size` must be an odd positive"),
            ({"kind": "full"}, "`kind` must be one of"),
            ({"sampling": "dilated"}, "`sampling` must be one of"),
            ({"dilation_rate": 0}, "`dilation_rate` must be a positive"),
            ({"dilation_rate": 1.5}, "`dilation_rate` must be a positive"),
            ({"kernel_size": True}, "`kernel_size` must be an odd positive"),
            ({"kind": ["dense"]}, "`kind` must be one of"),
            ({"sampling": None}, "`sampling` must be one of"),
            ({"epsilon": -1}, "`epsilon` must be a finite number"),
            ({"epsilon": None}, "`epsilon` must be a finite number"),
            ({"epsilon": float("nan")}, "`epsilon` must be a finite number"),
            ({"max_offset": 0}, "`max_offset` must be .* above 0"),
            ({"max_offset": "8"}, "`max_offset` must be a finite number"),
        ],
    )
    def test_errors(self, options, match):
        with pytest.raises(ValueError, match=f"{match}.*Received: "):
            DynamicInstanceNorm(**options)

    @pytest.mark.parametrize(
        "change,match",
        [
            ({"inputs": normal(8, 8, 3)}, "expected ndim=4, found ndim=3"),
            ({"kernel": None}, "`kernel` must be a tensor"),
            ({"bias": normal(3)}, r"`bias` must be of shape \(None, 3\)"),
            # It would be the same for all channels.
            ({"bias": normal(2, 1)}, r"`bias` must be of shape \(None, 3\)"),
            ({"bias": None}, "`bias` must be a tensor"),
            ({"moments": "ab"}, "`moments` must be a pair"),
            ({"moments": (normal(2, 1, 1, 1),) * 2}, "`moments` must be a pa"),
        ],
    )
    def test_what_does_not_fit(self, change, match):
        names = ("inputs", "kernel", "bias")
        given = dict(zip(names, arguments("depthwise", 3)))
        with pytest.raises(ValueError, match=match):
            DynamicInstanceNorm(3)(**{**given, **change})

    @pytest.mark.parametrize(
        "kind,shape",
        [
            ("depthwise", (2, 3, 3, 4)),
            ("depthwise", (2, 1, 1, 3)),
            ("depthwise", (2, 3, 3, 3, 3)),
            ("dense", (2, 3, 3, 3)),
            ("dense", (2, 3, 3, 4, 3)),
            ("dense", (2, 5, 5, 3, 4)),
        ],
    )
    def test_kernel_does_not_fit(self, kind, shape):
        x, _, bias = arguments(kind, 3)
        with pytest.raises(ValueError, match="`kernel` must be of shape"):
            DynamicInstanceNorm(3, kind)(x, normal(*shape), bias)

    def test_map_is_smaller_than_the_margin(self):
        inputs = arguments("depthwise", 3, 2, 8)
        with pytest.raises(ValueError, match="must be larger than 2 on each"):
            DynamicInstanceNorm(3, dilation_rate=2)(*inputs)

    @pytest.mark.parametrize("sides", [(None, 8), (8, None)])
    def test_spherical_needs_height_and_width(self, sides):
        inputs = map(keras.Input, [(*sides, 3), (3, 3, 3), (3,)])
        layer = DynamicInstanceNorm(3, sampling="spherical")
        # The shape of the output can be told, and only a call knows it all.
        with pytest.raises(ValueError, match="must be known for spherical"):
            layer.call(*inputs)
