import keras
import numpy as np
import pytest
from test_case import TestCase

from keras_vipa.layers import BiasNet
from keras_vipa.layers import WeightNet
from keras_vipa.layers.style_nets import average_over_grid

FORMS = [
    (kind, taps)
    for kind in ("depthwise", "dense")
    for taps in ("grid", "global")
]
WIDTHS = (6, 5)


def features(height, width, channels=4, batch=2):
    """Positive values, such as those of a style feature."""
    shape = (batch, height, width, channels)
    return np.random.uniform(size=shape).astype("float32")


def randomize(net):
    for weight in net.weights:
        weight.assign(np.random.normal(scale=0.5, size=weight.shape))
    return net


def pass_through(net, channels):
    """Let each stage return what it gets, except that it halves the map.

    The features and all stages have the same number of channels, and values
    must be positive because of the ReLU.
    """
    net.build((None, None, None, channels))
    for depthwise, pointwise in zip(net.depthwise, net.pointwise):
        centre = np.zeros((3, 3, channels, 1))
        centre[1, 1] = 1.0
        depthwise.set_weights([centre, np.zeros(channels)])
        identity = np.eye(channels)[None, None]
        pointwise.set_weights([identity, np.zeros(channels)])
    return net


def numpy_feature_map(net, x, grid):
    """The three stages, from the sheet: 3x3, halve, 1x1, ReLU between."""
    for stage, (first, second) in enumerate(zip(net.depthwise, net.pointwise)):
        depthwise, depthwise_bias = first.get_weights()
        pointwise, pointwise_bias = second.get_weights()
        batch, height, width, channels = x.shape
        padded = np.pad(x, [(0, 0), (1, 1), (1, 1), (0, 0)])
        y = np.zeros((batch, height, width, channels)) + depthwise_bias
        for dy in range(3):
            for dx in range(3):
                moved = padded[:, dy : dy + height, dx : dx + width]
                y += moved * depthwise[dy, dx, :, 0]
        y = y[:, ::2] if height >= 2 * grid else y
        y = y[:, :, ::2] if width >= 2 * grid else y
        x = y @ pointwise[0, 0] + pointwise_bias
        if stage < 2:
            x = np.maximum(x, 0.0)
    return x


def identity_kernel(kind, kernel_size=3, channels=4):
    shape = (kernel_size, kernel_size, channels)
    kernel = np.zeros(shape if kind == "depthwise" else (*shape, channels))
    centre = kernel_size // 2
    kernel[centre, centre] = 1.0 if kind == "depthwise" else np.eye(channels)
    return kernel


class TestAverageOverGrid(TestCase):
    @pytest.mark.parametrize(
        "height,width,size",
        [(6, 9, 3), (7, 5, 3), (5, 8, 5), (4, 11, 4), (3, 4, 1), (3, 3, 3)],
    )
    def test_formula(self, height, width, size):
        x = features(height, width)
        expected = np.zeros((2, size, size, 4))
        for i in range(size):
            top = int(np.floor(i * height / size))
            bottom = int(np.ceil((i + 1) * height / size))
            for j in range(size):
                left = int(np.floor(j * width / size))
                right = int(np.ceil((j + 1) * width / size))
                cell = x[:, top:bottom, left:right]
                expected[:, i, j] = cell.mean(axis=(1, 2))
        self.assert_all_close(average_over_grid(x, size), expected)

    def test_by_hand(self):
        # Three columns to two cells: the one in the middle is in both.
        x = np.array([[1.0, 3.0, 7.0], [1.0, 3.0, 7.0]], "float32")
        y = average_over_grid(x[None, :, :, None], 2)
        expected = np.array([[2.0, 5.0], [2.0, 5.0]])
        self.assert_all_close(y, expected[None, :, :, None])


class TestBiasNet(TestCase):
    # A map of one cell is not halved any more.
    @pytest.mark.parametrize("sides", [(1, 1), (5, 4), (8, 8), (1, 6)])
    def test_formula(self, sides):
        net = BiasNet(3, widths=WIDTHS)
        net.build((None, None, None, 4))
        randomize(net)
        x = features(*sides)
        expected = numpy_feature_map(net, x, grid=1).mean(axis=(1, 2))
        assert np.ptp(expected) > 0.01
        self.assert_all_close(net(x), expected)

    def test_by_hand(self):
        # One position, one channel: of the depthwise kernels only the centre
        # meets it. Stages: 2 * 3 + 1 = 7, -1 * 7 + 8 = 1, then with 0.5 and
        # no ReLU at the end 0.5 * 1 - 4 = -3.5.
        net = BiasNet(1, widths=(1, 1))
        net.build((None, 1, 1, 1))
        for stage, (weight, bias) in enumerate([(3, 1), (-1, 8), (0.5, -4)]):
            ones = np.ones((3, 3, 1, 1))
            net.depthwise[stage].set_weights([ones, np.zeros(1)])
            kernel = np.full((1, 1, 1, 1), weight)
            net.pointwise[stage].set_weights([kernel, np.array([bias])])
        y = net(np.full((1, 1, 1, 1), 2.0, "float32"))
        self.assert_all_close(y, np.array([[-3.5]]))

    def test_average_of_the_last_map(self):
        # Halved twice: the cells (0, 0), (0, 4), (4, 0) and (4, 4) are left;
        # the third halving leaves (0, 0).
        net = pass_through(BiasNet(4, widths=(4, 4)), 4)
        x = features(8, 8)
        self.assert_all_close(net(x), x[:, 0, 0])
        # Each side by itself: 1 row stays, 3 columns become 2, then 1.
        x = features(1, 3)
        self.assert_all_close(net(x), x[:, 0, 0])

    def test_starts_small(self):
        bias = keras.ops.convert_to_numpy(BiasNet(4)(features(8, 8)))
        assert 0.0 < np.abs(bias).max() < 0.1

    def test_open_sizes(self):
        inputs = keras.Input((None, None, 4))
        net = BiasNet(3, widths=WIDTHS)
        model = keras.Model(inputs, net(inputs))
        assert model.output.shape == (None, 3)
        for sides in ((4, 6), (1, 1)):
            x = features(*sides)
            self.assert_all_close(model(x), net(x))

    @pytest.mark.parametrize(
        "arguments",
        [
            {"channels": 0},
            {"channels": -4},
            {"channels": 4.0},
            {"channels": None},
            {"widths": (8,)},
            {"widths": (8, 8, 8)},
            {"widths": None},
            {"widths": (8, 1.5)},
            {"widths": "ab"},
        ],
    )
    def test_errors(self, arguments):
        match = f"`{next(iter(arguments))}` must be .* positive integer"
        with pytest.raises(ValueError, match=f"{match}.*Received: "):
            BiasNet(**{"channels": 4, **arguments})

    def test_inputs_of_another_rank(self):
        with pytest.raises(ValueError, match="expected ndim=4, found ndim=3"):
            BiasNet(4, widths=WIDTHS)(np.ones((2, 8, 4), "float32"))

    @pytest.mark.tensorflow
    def test_life_cycle(self):
        self.run_layer_test(
            BiasNet,
            init_kwargs={"channels": 3, "widths": [6, 5]},
            input_shape=(2, 8, 9, 4),
            expected_output_shape=(2, 3),
            expected_num_trainable_weights=12,
        )


class TestWeightNet(TestCase):
    @pytest.mark.parametrize("kernel_size", [1, 3])
    @pytest.mark.parametrize("sides", [(3, 3), (7, 6), (12, 13), (3, 24)])
    def test_depthwise_grid_formula(self, sides, kernel_size):
        net = WeightNet(4, kernel_size, widths=WIDTHS)
        net.build((None, None, None, 4))
        randomize(net)
        x = features(*sides)
        cells = numpy_feature_map(net, x, grid=kernel_size)
        cells = average_over_grid(cells, kernel_size)
        expected = cells + identity_kernel("depthwise", kernel_size)
        self.assert_all_close(net(x), expected)

    @pytest.mark.parametrize("kind", ["depthwise", "dense"])
    @pytest.mark.parametrize("kernel_size", [1, 3])
    def test_global_formula(self, kind, kernel_size):
        net = WeightNet(4, kernel_size, kind, WIDTHS, taps="global")
        net.build((None, None, None, 4))
        randomize(net)
        x = features(7, 6)
        mean = numpy_feature_map(net, x, grid=1).mean(axis=(1, 2))
        weights, bias = net.dense.get_weights()
        expected = identity_kernel(kind, kernel_size)
        taps = (mean @ weights + bias).reshape((2, *expected.shape))
        # Of a dense kernel, what is added is divided by sqrt(channels).
        taps = taps / 2.0 if kind == "dense" else taps
        self.assert_all_close(net(x), taps + expected)

    def test_depthwise_grid_by_hand(self):
        # As many positions as taps: each tap is the value at its place.
        net = pass_through(WeightNet(2, widths=(2, 2)), 2)
        x = np.zeros((1, 3, 3, 2), "float32")
        x[0, :, :, 0] = [[1, 2, 3], [4, 5, 6], [7, 8, 9]]
        x[0, :, :, 1] = 10.0
        kernel = keras.ops.convert_to_numpy(net(x))
        assert kernel[0, :, :, 0].tolist() == [[1, 2, 3], [4, 6, 6], [7, 8, 9]]
        assert kernel[0, :, :, 1].tolist() == [[10] * 3, [10, 11, 10], [10] * 3]

    def test_a_map_is_halved_as_long_as_it_holds_the_grid(self):
        net = pass_through(WeightNet(2, widths=(2, 2)), 2)
        identity = identity_kernel("depthwise", 3, 2)
        # 24 -> 12 -> 6 -> 3: every eighth position is left.
        x = features(24, 24, 2)
        self.assert_all_close(net(x), x[:, ::8, ::8] + identity)
        # 6 -> 3, which is not halved any more.
        x = features(6, 6, 2)
        self.assert_all_close(net(x), x[:, ::2, ::2] + identity)
        # Each side by itself.
        x = features(3, 24, 2)
        self.assert_all_close(net(x), x[:, :, ::8] + identity)

    @pytest.mark.parametrize("kernel_size", [1, 3])
    def test_dense_grid_takes_a_block_of_cells_for_each_tap(self, kernel_size):
        # The grid has 2 * kernel_size cells a side, for 4 channels. The block
        # of 2 x 2 cells at (dy, dx) is the tap (dy, dx), and its cells, row by
        # row, are the input channels; the channels of the map are the filters:
        # W[dy, dx, i, o] = M[2 * dy + i // 2, 2 * dx + i % 2, o] / sqrt(4).
        net = WeightNet(4, kernel_size, "dense", widths=(4, 4))
        pass_through(net, 4)
        x = features(2 * kernel_size, 2 * kernel_size)
        expected = np.zeros((2, kernel_size, kernel_size, 4, 4))
        expected += identity_kernel("dense", kernel_size)
        for dy in range(kernel_size):
            for dx in range(kernel_size):
                for i in range(4):
                    cell = x[:, 2 * dy + i // 2, 2 * dx + i % 2]
                    expected[:, dy, dx, i, :] += cell / 2.0
        self.assert_all_close(net(x), expected)

    @pytest.mark.parametrize("kind,taps", FORMS)
    @pytest.mark.parametrize("kernel_size", [1, 3])
    def test_starts_near_the_identity(self, kind, taps, kernel_size):
        net = WeightNet(16, kernel_size, kind, taps=taps)
        kernel = keras.ops.convert_to_numpy(net(features(16, 16, 32)))
        expected = identity_kernel(kind, kernel_size, 16)
        assert kernel.shape == (2, *expected.shape)
        distance = np.abs(kernel - expected).max()
        assert 0.0 < distance < 0.1

    def test_global_ignores_where_things_are(self):
        # Nine parts of 8 x 8, each of one value, so that halving three times
        # leaves one position of each. Exchanging the parts exchanges the taps
        # on a grid, and changes nothing for the whole picture.
        parts = features(3, 3)
        order = np.random.permutation(9)
        other = parts.reshape((2, 9, 4))[:, order].reshape(parts.shape)
        pictures = [
            np.repeat(np.repeat(part, 8, axis=1), 8, axis=2)
            for part in (parts, other)
        ]
        net = pass_through(WeightNet(4, widths=(4, 4)), 4)
        first, second = (
            keras.ops.convert_to_numpy(net(x))
            - identity_kernel("depthwise", 3, 4)
            for x in pictures
        )
        assert np.abs(first - second).max() > 0.1
        first = first.reshape((2, 9, 4))[:, order]
        self.assert_all_close(first, second.reshape((2, 9, 4)))
        # One more halving would leave 2 x 2 positions, hence the mean of the
        # parts is taken by hand.
        net = pass_through(WeightNet(4, widths=(4, 4), taps="global"), 4)
        net.dense.set_weights(
            [np.random.normal(size=(4, 36)), np.random.normal(size=36)]
        )
        net.feature_map = lambda x: x
        self.assert_all_close(net(parts), net(other))
        assert np.ptp(keras.ops.convert_to_numpy(net(parts))) > 0.1

    def test_global_of_one_position_is_the_dense_layer(self):
        # 8 -> 4 -> 2 -> 1, and the dense layer passes the first channel on to
        # the first tap only.
        net = pass_through(WeightNet(4, widths=(4, 4), taps="global"), 4)
        weights = np.zeros((4, 36))
        weights[0, 0] = 1.0
        net.dense.set_weights([weights, np.zeros(36)])
        x = features(8, 8)
        expected = np.zeros((2, 3, 3, 4)) + identity_kernel("depthwise")
        expected[:, 0, 0, 0] += x[:, 0, 0, 0]
        self.assert_all_close(net(x), expected)

    def test_a_constant_style_of_any_size_has_the_same_centre(self):
        # The convolutions pad with zeros, which the outer taps of the grid
        # see; the one in the middle does not, from 48 rows and columns on.
        net = WeightNet(4, widths=WIDTHS)
        net.build((None, None, None, 4))
        randomize(net)
        style = np.random.uniform(size=(1, 1, 1, 4)).astype("float32")
        small, large = (
            keras.ops.convert_to_numpy(net(np.tile(style, (1, *sides, 1))))
            for sides in ((48, 48), (96, 72))
        )
        self.assert_all_close(small[:, 1, 1], large[:, 1, 1])
        assert np.abs(small - large).max() > 1e-3

    @pytest.mark.parametrize("kind,taps", FORMS)
    def test_styles_do_not_meet(self, kind, taps):
        net = WeightNet(4, kind=kind, widths=WIDTHS, taps=taps)
        x = features(8, 9)
        net(x)
        randomize(net)
        kernels = keras.ops.convert_to_numpy(net(x))
        for n in range(2):
            self.assert_all_close(net(x[n : n + 1]), kernels[n : n + 1])
        assert np.abs(kernels[0] - kernels[1]).max() > 1e-3

    @pytest.mark.tensorflow
    @pytest.mark.parametrize("kind,taps", FORMS)
    def test_open_sizes(self, kind, taps):
        inputs = keras.Input((None, None, 4))
        net = WeightNet(4, kind=kind, widths=WIDTHS, taps=taps)
        model = keras.Model(inputs, net(inputs))
        shape = (3, 3, 4) if kind == "depthwise" else (3, 3, 4, 4)
        assert model.output.shape == (None, *shape)
        for sides in ((24, 30), (7, 8)):
            x = features(*sides)
            kernel = net(x)
            assert tuple(kernel.shape) == (2, *shape)
            self.assert_all_close(model(x), kernel)

    @pytest.mark.tensorflow
    def test_one_graph_for_all_sizes(self):
        import tensorflow as tf

        net = WeightNet(4, widths=WIDTHS)
        net.build((None, None, None, 4))
        randomize(net)
        graph = tf.function(
            net, input_signature=[tf.TensorSpec((None, None, None, 4))]
        )
        for sides in ((24, 24), (8, 8), (30, 7)):
            x = features(*sides)
            self.assert_all_close(graph(x), net(x))

    @pytest.mark.parametrize(
        "kind,sides,least",
        [
            ("depthwise", (2, 8), 3),
            ("depthwise", (8, 2), 3),
            ("dense", (5, 9), 6),
        ],
    )
    def test_style_is_smaller_than_the_grid(self, kind, sides, least):
        net = WeightNet(4, kind=kind, widths=WIDTHS)
        match = f"at least {least} high and wide"
        with pytest.raises(ValueError, match=match):
            net(features(*sides))
        with pytest.raises(ValueError, match=match):
            WeightNet(4, kind=kind, widths=WIDTHS)(keras.Input((*sides, 4)))

    def test_global_has_no_least_size(self):
        net = WeightNet(4, kind="dense", widths=WIDTHS, taps="global")
        assert tuple(net(features(1, 1)).shape) == (2, 3, 3, 4, 4)

    @pytest.mark.parametrize(
        "arguments,match",
        [
            ({"channels": 0}, "`channels` must be a positive"),
            ({"channels": 4, "widths": (8,)}, "`widths` must be 2 positive"),
            ({"channels": 4, "kernel_size": 2}, "`kernel_size` must be an odd"),
            ({"channels": 4, "kernel_size": -1}, "`kernel_size` must be an od"),
            ({"channels": 4, "kind": "full"}, "`kind` must be one of"),
            ({"channels": 4, "taps": "cells"}, "`taps` must be one of"),
            ({"channels": 4, "taps": []}, "`taps` must be one of"),
            ({"channels": None}, "`channels` must be a positive"),
            ({"channels": 6, "kind": "dense"}, "needs a square number of"),
        ],
    )
    def test_errors(self, arguments, match):
        with pytest.raises(ValueError, match=match):
            WeightNet(**arguments)

    def test_a_square_number_is_only_needed_for_a_dense_grid(self):
        assert WeightNet(6).channels == 6
        assert WeightNet(6, kind="dense", taps="global").channels == 6

    @pytest.mark.parametrize(
        "kind,taps",
        [
            ("depthwise", "global"),
            pytest.param("dense", "grid", marks=pytest.mark.tensorflow),
        ],
    )
    def test_life_cycle(self, kind, taps):
        shape = (2, 3, 3, 4) if kind == "depthwise" else (2, 3, 3, 4, 4)
        self.run_layer_test(
            WeightNet,
            init_kwargs={
                "channels": 4,
                "kernel_size": 3,
                "kind": kind,
                "widths": [6, 5],
                "taps": taps,
            },
            input_shape=(2, 13, 12, 4),
            expected_output_shape=shape,
            expected_num_trainable_weights=12 if taps == "grid" else 14,
        )
