import keras
import numpy as np
import pytest
from test_case import TestCase

from keras_vipa.layers import PartitionedEmbedding

PARTS = {"color": 3, "shape": 5, "rest": 4}
FILTERS = {"color": (2,), "shape": (2, 3), "rest": (2,)}


class TestPartitionedEmbedding(TestCase):
    def test_life_cycle(self):
        self.run_layer_test(
            PartitionedEmbedding,
            {"parts": PARTS, "filters": FILTERS, "dropout": 0.1, "seed": 3},
            (2, 8, 8, 3),
            {name: (2, size) for name, size in PARTS.items()},
            # Kernels and biases, scales and shifts.
            expected_num_trainable_weights=4 * 4 + 3 * 2,
            # Means and variances, and a seed is no weight.
            expected_num_non_trainable_weights=4 * 2,
        )

    def test_by_hand(self):
        """One encoder of one convolution, at the start of the training."""
        layer = PartitionedEmbedding({"a": 2, "b": 1}, (3,), seed=1)
        image = np.random.default_rng(0).random((1, 4, 4, 3), "float32")
        found = keras.ops.convert_to_numpy(layer(image)["a"])
        kernel, bias, *_, last, end = layer.encoders["a"].get_weights()
        # Of "same", one row and column of zeros on each side.
        padded = np.pad(image[0], [(1, 1), (1, 1), (0, 0)])
        values = np.array(
            [
                [
                    np.einsum("abc,abcd", padded[y : y + 4, x : x + 4], kernel)
                    for x in (0, 2)
                ]
                for y in (0, 2)
            ]
        )
        # Moving mean 0 and variance 1, and Keras's epsilon.
        values = np.maximum(values + bias, 0) / np.sqrt(1.001)
        np.testing.assert_allclose(
            found[0], values.ravel() @ last + end, rtol=1e-4, atol=1e-5
        )

    def test_each_part_has_an_encoder_of_its_own(self):
        layer = PartitionedEmbedding(PARTS, (2,))
        images = np.random.default_rng(0).random((2, 8, 8, 3), "float32")
        before = keras.tree.map_structure(np.array, layer(images))
        for weight in layer.encoders["shape"].trainable_weights:
            weight.assign(weight + 1.0)
        after = keras.tree.map_structure(np.array, layer(images))
        changed = [n for n in PARTS if (before[n] != after[n]).any()]
        assert changed == ["shape"]

    def test_wrong_arguments(self):
        for options, text in (
            ({"parts": {"one": 3}}, "two or more"),
            ({"parts": {"a": 3, "b": 0}}, r"parts\['b'\]=0"),
            ({"parts": {"a": 3, "b": 2}, "filters": {"a": (2,)}}, "each of"),
            ({"parts": {"a": 3, "b": 2}, "filters": 3}, "filters=3"),
            ({"parts": {"a": 3, "b": 2}, "dropout": 2.0}, "dropout=2.0"),
        ):
            with pytest.raises(ValueError, match=text):
                PartitionedEmbedding(**options)
