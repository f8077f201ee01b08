"""Scores with labels, against other ways to compute them."""

import math

import numpy as np
import pytest

from keras_vipa.transferability import h_score
from keras_vipa.transferability import leep
from keras_vipa.transferability import log_me
from keras_vipa.transferability import nce
from keras_vipa.transferability import readout_error

# Arrays alone: the same on every backend.
pytestmark = pytest.mark.tensorflow

LABELS = np.array([0, 0, 1, 1, 2, 2, 0, 1])


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


class TestNCE:
    def test_by_hand(self):
        # Class 0 has labels 0, 0, 1: entropy of (2/3, 1/3); class 1 has 1.
        entropy = -(2 / 3 * math.log(2 / 3) + 1 / 3 * math.log(1 / 3))
        score = nce([0, 0, 0, 1], [0, 0, 1, 1])
        assert score == pytest.approx(-0.75 * entropy)

    def test_is_the_entropy_of_the_labels_if_the_source_says_nothing(self):
        shares = np.array([3, 3, 2]) / 8
        expected = np.sum(shares * np.log(shares))
        assert nce(np.zeros(8, int), LABELS) == pytest.approx(expected)

    def test_names_of_classes_do_not_matter(self):
        source = np.array([0, 1, 1, 1, 2, 0, 0, 1])
        other = np.array([7, 2, 2, 2, 0, 7, 7, 2])
        assert nce(source, LABELS) == pytest.approx(nce(other, LABELS))
        assert nce(LABELS, LABELS) == 0.0


class TestLEEP:
    def test_in_loops(self):
        theta = np.random.default_rng(0).dirichlet(np.ones(4), size=8)
        total = 0.0
        for n in range(8):
            expected = 0.0
            for z in range(4):
                joint = [
                    sum(theta[i, z] for i in range(8) if LABELS[i] == y) / 8
                    for y in range(3)
                ]
                expected += joint[LABELS[n]] / sum(joint) * theta[n, z]
            total += math.log(expected)
        assert leep(theta, LABELS) == pytest.approx(total / 8)

    def test_sure_answers_give_nce(self):
        source = np.array([0, 1, 1, 1, 2, 0, 0, 1])
        # Of each class with p(y | z): the mean of log p is NCE.
        expected = nce(source, LABELS)
        assert leep(np.eye(3)[source], LABELS) == pytest.approx(expected)


class TestHScore:
    def test_with_covariances(self):
        features = normal(8, 3)
        means = np.stack(
            [features[label == LABELS].mean(axis=0) for label in LABELS]
        )
        within = np.cov(features.T, bias=True)
        between = np.cov(means.T, bias=True)
        expected = np.trace(np.linalg.inv(within) @ between)
        assert h_score(features, LABELS) == pytest.approx(expected)

    def test_linear_maps_of_the_features_do_not_matter(self):
        features = normal(8, 3)
        other = features @ normal(3, 3, seed=1) + 5.0
        expected = h_score(features, LABELS)
        assert h_score(other, LABELS) == pytest.approx(expected)
        # Nor does a feature that is the sum of two.
        doubled = np.c_[features, features[:, 0] + features[:, 1]]
        assert h_score(doubled, LABELS) == pytest.approx(expected)


class TestLogME:
    def evidence(self, features, y, alpha, beta):
        """Log density of `y ~ N(0, F F^T / alpha + I / beta)`, over n."""
        count = len(y)
        covariance = features @ features.T / alpha + np.eye(count) / beta
        _, log_determinant = np.linalg.slogdet(2 * np.pi * covariance)
        distance = y @ np.linalg.solve(covariance, y)
        return -(log_determinant + distance) / (2 * count)

    @pytest.mark.parametrize("size", [3, 30])
    def test_is_the_largest_evidence(self, size):
        y = normal(20, 1, seed=2) + normal(20, 3)[:, :1]
        features = np.c_[normal(20, 3), normal(20, size - 3, seed=1)]
        score = log_me(features, y, steps=1000, tolerance=1e-9)
        rates = np.exp(np.linspace(-6, 6, 61))
        found = max(
            self.evidence(features, y[:, 0], alpha, beta)
            for alpha in rates
            for beta in rates
        )
        assert score == pytest.approx(found, abs=1e-3)
        assert score >= found - 1e-6

    def test_classes_are_the_mean_over_their_indicators(self):
        features = normal(8, 3)
        single = [
            log_me(features, (LABELS == label).astype(float)[:, None])
            for label in range(3)
        ]
        assert log_me(features, LABELS) == pytest.approx(np.mean(single))

    def test_features_that_say_nothing(self):
        y = normal(20, 1)
        dead = log_me(np.zeros((20, 3)), y)
        faint = log_me(1e-6 * normal(20, 3, seed=5), y)
        assert np.isfinite(dead) and dead <= faint + 1e-3
        deviation = np.sqrt(np.mean(y**2))
        expected = np.mean(
            -0.5 * (y / deviation) ** 2 - np.log(deviation * np.sqrt(2 * np.pi))
        )
        assert dead == pytest.approx(expected)

    def test_rotations_do_not_matter(self):
        features = normal(8, 3)
        rotation, _ = np.linalg.qr(normal(3, 3, seed=1))
        assert log_me(features @ rotation, LABELS) == pytest.approx(
            log_me(features, LABELS)
        )


class TestReadout:
    def test_is_ridge_regression(self):
        """In its primal form, by the best strength on a fifth."""
        features = normal(60, 3)
        targets = features @ normal(3, 2, seed=1) + normal(60, 2, seed=2)
        scaled = (features - features[:40].mean(0)) / (
            features[:40].std(0) + 1e-3
        )

        def error(train, test, strength):
            x, y = scaled[train], targets[train] - targets[train].mean(0)
            kernel = x.T @ x + strength * np.eye(3)
            found = scaled[test] @ np.linalg.solve(kernel, x.T @ y)
            residual = found + targets[train].mean(0) - targets[test]
            return (residual**2).sum() / len(residual)

        strengths = (0.1, 1.0, 10.0, 100.0, 1000.0, 10000.0)
        best = min(strengths, key=lambda s: error(slice(32), slice(32, 40), s))
        expected = error(slice(40), slice(40, 60), best)
        expected /= targets[40:].var(axis=0).sum()
        actual = readout_error(features, targets, 40)
        assert actual == pytest.approx(expected)

    def test_features_that_say_nothing(self):
        targets = normal(400, 2)
        for features in (np.zeros((400, 3)), normal(400, 3, seed=1)):
            error = readout_error(features, targets, 200)
            assert error == pytest.approx(1.0, abs=0.1)


class TestSameData:
    """Whatever its scale and the numbers of the classes."""

    labels = np.arange(60) % 3
    features = normal(60, 5) + np.eye(5)[labels]

    @pytest.mark.parametrize(
        "scale", [1e-308, 1e-150, 1e-11, 1e-6, 1e6, 1e100, 1e200]
    )
    @pytest.mark.parametrize("score", [h_score, log_me])
    def test_scale(self, score, scale):
        for features in (self.features, normal(60, 90)):
            expected = score(features, self.labels)
            found = score(scale * features, self.labels)
            assert found == pytest.approx(expected, rel=1e-6)

    def test_scale_of_targets(self):
        """The density of a value of `c y` is that of `y` over c."""
        targets = self.features[:, :2] + 0.3 * normal(60, 2, seed=1)
        expected = log_me(self.features, targets)
        for scale in (1e-20, 1e-7, 1e4):
            found = log_me(self.features, scale * targets) + np.log(scale)
            assert found == pytest.approx(expected, abs=1e-5)

    @pytest.mark.parametrize(
        "dtype, names",
        [
            ("uint8", [0, 128, 255]),
            ("int8", [1, 126, 127]),
            ("int64", [1440764, 1443537, 2**62]),
            ("uint64", [1, 2, 2**64 - 1]),
        ],
    )
    def test_names_of_classes(self, dtype, names):
        labels = np.array(names, dtype)[self.labels]
        theta = np.exp(self.features)
        theta /= theta.sum(axis=1, keepdims=True)
        for score, first in (
            (h_score, self.features),
            (log_me, self.features),
            (leep, theta),
            (nce, np.arange(60) % 4),
        ):
            assert score(first, labels) == score(first, self.labels)
        assert nce(labels, self.labels) == 0.0

    @pytest.mark.parametrize("value", [0.1, -1 / 3, 1e6 + 0.1])
    def test_constant_features(self, value):
        still = np.full((60, 2), value)
        assert h_score(still, self.labels) == 0.0
        noise = 1 + 1e-7 * normal(60, 2)
        assert h_score((still * noise).astype("float32"), self.labels) == 0.0
        both = h_score(np.c_[self.features, still], self.labels)
        assert both == pytest.approx(h_score(self.features, self.labels))


@pytest.mark.parametrize("score", [leep, h_score, log_me])
def test_useful_features_win(score):
    labels = np.arange(60) % 3
    noise = normal(60, 3)
    rows = []
    for strength in (0.0, 1.0, 4.0):
        features = noise + strength * np.eye(3)[labels]
        if score is leep:
            features = np.exp(features)
            features /= features.sum(axis=1, keepdims=True)
        rows.append(score(features, labels))
    assert rows[0] < rows[1] < rows[2]


@pytest.mark.parametrize(
    "score, arguments, message",
    [
        (nce, ([0, 1], [0]), "Received: 2 and 1"),
        (nce, ([0.5, 1.0], [0, 1]), "whole number.*float64"),
        (nce, ([0, -1], [0, 1]), "at least 0. Received: smallest=-1"),
        (leep, ([[0.5, 0.6]], [0]), "sums from 1.1 to 1.1"),
        (leep, ([[0.5, 0.5]], [0, 1]), r"\(1, 2\), \(2,\)"),
        (h_score, ([1.0, 2.0], [0, 1]), r"features=.*shape \(2,\)"),
        (log_me, ([[1.0], [np.nan]], [0, 1]), "must be finite"),
        (log_me, ([[1.0], [2.0]], [[0], [1]]), r"\(2, 1\) and dtype int"),
        (log_me, ([[1.0], [2.0]], [[0.0], [np.nan]]), "finite float targets"),
        (
            readout_error,
            (normal(9, 2), normal(9), 6),
            r"targets=.*shape \(9,\)",
        ),
        (readout_error, (normal(9, 2), normal(9, 1), 9), "to 8.*labels=9"),
    ],
)
def test_errors(score, arguments, message):
    with pytest.raises(ValueError, match=message):
        score(*arguments)
