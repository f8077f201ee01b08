"""Terms of losses against numpy."""

import numpy as np
import pytest
from keras import ops

from keras_vipa import losses


def test_squared_error():
    generator = np.random.default_rng(0)
    target, output = generator.normal(size=(2, 3, 4, 5)).astype("float32")
    error = ops.convert_to_numpy(losses.squared_error(target, output))
    expected = ((target - output) ** 2).mean(axis=-1)
    np.testing.assert_allclose(error, expected, rtol=1e-5)


def test_squared_error_in_half_precision():
    """The square of 300 is not infinite."""
    target = np.full((1, 2), 300, "float16")
    error = ops.convert_to_numpy(losses.squared_error(target, 0 * target))
    np.testing.assert_allclose(error, [90000.0])


class TestSoftCrossEntropy:
    @pytest.mark.parametrize("temperature", [1.0, 4.0])
    def test_formula(self, temperature):
        target, output = np.random.default_rng(0).normal(size=(2, 6, 5)) * 3

        def probabilities(logits):
            powers = np.exp(logits / temperature)
            return powers / powers.sum(axis=-1, keepdims=True)

        loss = losses.soft_cross_entropy(target, output, temperature)
        terms = probabilities(target) * np.log(probabilities(output))
        expected = -(temperature**2) * terms.sum(axis=-1)
        np.testing.assert_allclose(
            ops.convert_to_numpy(loss), expected, rtol=1e-5
        )

    def test_least_where_both_agree(self):
        """Up to a constant, which a softmax does not see."""
        target = np.array([[1.0, 2.0, 0.5]])
        least = float(losses.soft_cross_entropy(target, target + 7.0)[0])
        for other in ([[1.1, 2.0, 0.5]], [[1.0, 2.0, 0.4]]):
            other = np.array(other)
            assert float(losses.soft_cross_entropy(target, other)[0]) > least


class TestScaleInvariantError:
    def test_formula(self):
        generator = np.random.default_rng(0)
        target, output = np.exp(generator.normal(size=(2, 3, 4, 5, 1)))
        for balance in (0.0, 0.5, 1.0):
            found = losses.scale_invariant_error(target, output, balance)
            d = (np.log(output) - np.log(target)).reshape(3, -1)
            expected = (d**2).mean(1) - balance * d.mean(1) ** 2
            np.testing.assert_allclose(
                ops.convert_to_numpy(found), expected, rtol=1e-4, atol=1e-6
            )

    def test_what_is_not_known(self):
        target = np.array([[1.0, 0.0, 2.0, np.nan], [0.0, -1.0, 0.0, np.inf]])
        output = np.full((2, 4), 3.0)
        found = losses.scale_invariant_error(target, output)
        d = np.log([3.0, 1.5])
        expected = [(d**2).mean() - 0.5 * d.mean() ** 2, 0.0]
        np.testing.assert_allclose(ops.convert_to_numpy(found), expected, 1e-5)

    def test_a_factor_is_free_at_a_balance_of_one(self):
        depth = np.random.default_rng(0).uniform(1, 9, (2, 6))
        found = losses.scale_invariant_error(depth, 3.0 * depth, 1.0)
        np.testing.assert_allclose(
            ops.convert_to_numpy(found), [0, 0], atol=1e-6
        )


@pytest.mark.tensorflow
@pytest.mark.parametrize("name", ["cosine_error", "maximum_mean_discrepancy"])
def test_vectors_of_zeros_have_a_gradient(name):
    import tensorflow as tf

    @tf.function(jit_compile=True)
    def gradient(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = tf.reduce_sum(getattr(losses, name)(tf.ones((3, 4)), x))
        return tape.gradient(loss, x)

    assert np.abs(gradient(tf.zeros((3, 4)))).max() < 10


def test_cosine_error():
    """Of 0, 60, 90 and 180 degrees, whatever the lengths."""
    target = np.array([[2.0, 0.0], [1.0, 0.0], [0.0, 3.0], [1.0, 1.0]])
    other = [[5.0, 0.0], [1.0, 3**0.5], [4.0, 0.0], [-2.0, -2.0]]
    found = losses.cosine_error(target, np.array(other))
    expected = [0.0, 0.5, 1.0, 2.0]
    np.testing.assert_allclose(ops.convert_to_numpy(found), expected, atol=1e-6)


class TestMaximumMeanDiscrepancy:
    def double_loop(self, x, y, scales):
        def unit(features):
            flat = features.reshape(len(features), -1)
            return flat / np.linalg.norm(flat, axis=1, keepdims=True)

        def kernel(one, other):
            square = ((one - other) ** 2).sum()
            return sum(np.exp(-square / scale) for scale in scales)

        def mean(one, other):
            return np.mean([[kernel(a, b) for b in other] for a in one])

        x, y = unit(x), unit(y)
        return mean(x, x) + mean(y, y) - 2 * mean(x, y)

    @pytest.mark.parametrize("near", [1.0, 0.05])
    def test_formula(self, near):
        """In float64, for sets that are far apart and near."""
        generator = np.random.default_rng(1)
        x = generator.normal(size=(12, 3, 2, 4))
        y = x + near * generator.normal(size=x.shape)
        scales = [2 * s**2 for s in (0.001, 0.01, 0.05, 0.1, 0.2, 1.0, 2.0)]
        expected = self.double_loop(x, y, scales)
        actual = float(losses.maximum_mean_discrepancy(x, y))
        assert actual == pytest.approx(expected, abs=1e-6)
        turned = float(losses.maximum_mean_discrepancy(y, x))
        assert turned == pytest.approx(actual, abs=1e-6)

    def test_median(self):
        generator = np.random.default_rng(2)
        x, y = generator.normal(size=(2, 5, 6))
        x /= np.linalg.norm(x, axis=1, keepdims=True)
        y /= np.linalg.norm(y, axis=1, keepdims=True)
        squares = ((x[:, None] - y[None]) ** 2).sum(axis=-1)
        scales = np.median(squares) * np.array([0.25, 0.5, 1.0, 2.0, 4.0])
        actual = float(losses.maximum_mean_discrepancy(x, y, "median"))
        expected = self.double_loop(x, y, scales)
        assert actual == pytest.approx(expected, abs=1e-6)

    def test_sets_not_samples(self):
        """Nor lengths: 0 for the same samples in another order."""
        x = np.random.default_rng(3).normal(size=(16, 7))
        order = np.random.default_rng(4).permutation(16)
        for other in (x, x[order], 5.0 * x[order]):
            mmd = float(losses.maximum_mean_discrepancy(x, other))
            assert mmd == pytest.approx(0.0, abs=1e-6)
        assert float(losses.maximum_mean_discrepancy(x, -x)) > 0.1

    def test_by_hand(self):
        """Two points at right angles: the squares are 0 and 2."""
        x, y = np.eye(2)[:1], np.eye(2)[1:]
        mmd = float(losses.maximum_mean_discrepancy(x, y, (1.0,)))
        assert mmd == pytest.approx(2 - 2 * np.exp(-1))

    def test_half_precision(self):
        x, y = np.random.default_rng(5).normal(size=(2, 8, 4)).astype("float16")
        mmd = float(losses.maximum_mean_discrepancy(x, y))
        wide = (x.astype("float32"), y.astype("float32"))
        assert mmd == float(losses.maximum_mean_discrepancy(*wide))

    @pytest.mark.parametrize("bandwidths", [(), (0.0,), "mean", 1.0, None])
    def test_errors(self, bandwidths):
        with pytest.raises(ValueError, match="`bandwidths` must be a"):
            losses.maximum_mean_discrepancy(
                np.eye(2), np.eye(2), bandwidths=bandwidths
            )
