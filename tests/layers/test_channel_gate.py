import keras
import numpy as np
import pytest
from test_case import TestCase

from keras_vipa.layers import ChannelGate


def array(x):
    return keras.ops.convert_to_numpy(x)


def maps(height=4, width=6, channels=8, seed=0):
    generator = np.random.default_rng(seed)
    return generator.random((2, height, width, channels), "float32")


def gate(layer, context):
    """The factors of the channels, in numpy."""
    first, second = (array(w) for w in layer.trainable_weights)
    inner = np.maximum(context.mean(axis=(1, 2)) @ first, 0.0)
    return 1.0 / (1.0 + np.exp(-inner @ second))


class TestChannelGate(TestCase):
    def test_formula(self):
        layer, x = ChannelGate(), maps()
        y = layer(x)
        expected = gate(layer, x)[:, None, None, :] * x
        self.assert_all_close(y, expected)

    def test_another_context(self):
        """The gate of a map that is larger and has fewer channels."""
        layer, x, context = ChannelGate(reduction=2), maps(), maps(9, 9, 5, 1)
        y = layer(x, context)
        expected = gate(layer, context)[:, None, None, :] * x
        self.assert_all_close(y, expected)

    @pytest.mark.parametrize(
        "channels, reduction, inner",
        [(512, 4, 128), (64, 4, 16), (8, 4, 16), (64, 2, 32)],
    )
    def test_sizes(self, channels, reduction, inner):
        layer = ChannelGate(reduction)
        layer.build((None, 4, 4, channels))
        assert layer.count_params() == 2 * channels * inner

    def test_places_do_not_matter(self):
        layer, x = ChannelGate(), maps()
        self.assert_all_close(layer(x[:, ::-1]), array(layer(x))[:, ::-1])

    def test_an_error(self):
        with pytest.raises(ValueError, match="`reduction` must be"):
            ChannelGate(0)

    def test_life_cycle(self):
        self.run_layer_test(
            ChannelGate,
            init_kwargs={"reduction": 2, "seed": 1},
            input_shape=(2, 4, 6, 8),
            expected_output_shape=(2, 4, 6, 8),
            expected_num_trainable_weights=2,
        )
