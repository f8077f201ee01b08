"""Multiply-adds worked by hand: outputs times what each of them sums up."""

import keras
import pytest
from applications.networks import tiny_features
from keras import layers
from keras import ops

from keras_vipa.applications import DIN
from keras_vipa.utils.macs import count_macs


@pytest.mark.tensorflow
class TestCount:
    def test_dense(self):
        assert count_macs(layers.Dense(3), (4, 5)) == 4 * 3 * 5

    def test_dense_on_a_map(self):
        assert count_macs(layers.Dense(3), (2, 6, 7, 5)) == 2 * 6 * 7 * 3 * 5

    def test_convolution(self):
        outputs = 8 * 8 * 6
        assert count_macs(layers.Conv2D(6, 3), (1, 10, 10, 4)) == (
            outputs * 3 * 3 * 4
        )

    def test_batch(self):
        outputs = 7 * 8 * 8 * 6
        assert count_macs(layers.Conv2D(6, 3), (7, 10, 10, 4)) == (
            outputs * 3 * 3 * 4
        )

    def test_strided_convolution(self):
        # Positions 0, 2, 4 and 6 of nine; of five columns 0 and 2.
        outputs = 4 * 2 * 6
        layer = layers.Conv2D(6, (3, 2), strides=2)
        assert count_macs(layer, (1, 9, 5, 4)) == outputs * 3 * 2 * 4

    def test_depthwise_convolution(self):
        outputs = 8 * 8 * (4 * 2)
        layer = layers.DepthwiseConv2D(3, depth_multiplier=2)
        assert count_macs(layer, (1, 10, 10, 4)) == outputs * 3 * 3

    @pytest.mark.parametrize("transposed", [False, True])
    def test_matrix_product(self, transposed):
        def product(inputs):
            left, right = inputs
            if transposed:
                left = ops.transpose(left, (0, 2, 1))
            return ops.matmul(left, right)

        shape = (2, 5, 3) if transposed else (2, 3, 5)
        assert count_macs(product, shape, (2, 5, 7)) == 2 * 3 * 7 * 5

    def test_rest_is_not_counted(self):
        model = keras.Sequential(
            [
                layers.BatchNormalization(),
                layers.ReLU(),
                layers.AveragePooling2D(2),
                layers.UpSampling2D(),
            ]
        )
        assert count_macs(model, (1, 8, 8, 3)) == 0

    def test_nested_functional_model(self):
        inner = keras.Input((8, 8, 4))
        inner = keras.Model(inner, layers.Conv2D(4, 1)(inner), name="inner")
        image, vector = keras.Input((8, 8, 4)), keras.Input((5,))
        x = layers.GlobalAveragePooling2D()(inner(inner(image)))
        model = keras.Model([image, vector], x + layers.Dense(4)(vector))
        inner_macs = 8 * 8 * 4 * 4
        assert count_macs(model, (1, 8, 8, 4), (1, 5)) == (
            2 * inner_macs + 4 * 5
        )


def test_another_backend(monkeypatch):
    monkeypatch.setattr(keras.config, "backend", lambda: "jax")
    with pytest.raises(RuntimeError, match="on TensorFlow"):
        count_macs(layers.Dense(3), (4, 5))


@pytest.mark.tensorflow
class TestDIN:
    """What is counted is encoder, levels and decoder."""

    def test_multiply_adds_of_mobile(self):
        content = DIN(features=tiny_features()).transfer_model(384, 384)
        macs = count_macs(content, (1, 384, 384, 3), (1, 975))
        assert 1.5e9 < macs <= 1.85e9

    def test_multiply_adds_of_base(self):
        """Those of the layer table, with two depthwise 3x3 DIN."""
        content = DIN("base", features=tiny_features()).transfer_model(512, 512)
        macs = count_macs(content, (1, 512, 512, 3), (1, 1295))
        whole, half, quarter = 512**2, 256**2, 128**2
        first = whole * 81 * 3 * 16
        down = half * (9 * 32 + 32 * 32) + quarter * (9 * 64 + 64 * 64)
        blocks = quarter * 4 * 2 * 9 * 64 * 64
        levels = quarter * 2 * 9 * 64
        up = half * (9 * 64 + 32 * 32) + whole * (9 * 32 + 16 * 16)
        last = whole * 81 * 16 * 3
        expected = first + down + blocks + levels + up + last
        assert expected == pytest.approx(7.299e9, rel=1e-3)
        assert macs == pytest.approx(expected, rel=0.01)
