"""Measures against measured transfer."""

import keras
import numpy as np
import pytest
from keras import layers

from keras_vipa.transferability import ModelSpace
from keras_vipa.transferability import comparison
from keras_vipa.transferability import h_score
from keras_vipa.transferability import log_me


class TestJudge:
    errors = np.random.default_rng(0).uniform(0.1, 0.8, (13, 13))

    def test_the_truth_is_perfect(self):
        row = comparison.judge(-self.errors, self.errors)
        assert row == {
            "rho": pytest.approx(1.0),
            "rho, all": pytest.approx(1.0),
            "P@1": 1.0,
            "P@3": 1.0,
            "p": pytest.approx(1 / 501),
        }

    def test_targets_that_none_can_predict_are_filtered(self):
        errors = self.errors.copy()
        errors[:, 4] = 0.9 + 0.01 * errors[:, 4]
        # Wrong for this target alone.
        scores = -errors
        scores[:, 4] = errors[:, 4]
        row = comparison.judge(scores, errors)
        assert row["rho"] == pytest.approx(1.0)
        assert row["rho, all"] == pytest.approx((12 - 1) / 13)

    def test_the_network_of_the_target_itself_does_not_count(self):
        errors = self.errors.copy()
        np.fill_diagonal(errors, 0.0)
        scores = -errors
        np.fill_diagonal(scores, -9.0)
        assert comparison.judge(scores, errors)["rho"] == pytest.approx(1.0)

    def test_scores_of_some_targets(self):
        scores = -self.errors.copy()
        scores[:, :9] = np.nan
        row = comparison.judge(scores, self.errors)
        assert row["rho"] == pytest.approx(1.0) and np.isnan(row["p"])

    def test_no_target_is_left(self):
        row = comparison.judge(-self.errors, self.errors + 1.0)
        assert set(row) == {"rho", "rho, all", "P@1", "P@3", "p"}
        assert all(np.isnan(value) for value in row.values())


def test_label_scores():
    generator = np.random.default_rng(0)
    features = {
        name: generator.normal(size=(30, 4)) for name in ("one", "other")
    }
    classes = np.eye(3)[np.arange(30) % 3]
    values = generator.normal(size=(30, 2)) + 5.0
    problems = {"class": (features, classes), "values": (features, values)}
    found = comparison.label_scores(problems, 20, ["class"])
    scores, _ = found["LogME"]
    centred = values[:20] - values[:20].mean(axis=0)
    assert scores[1, 1] == log_me(features["other"][:20], centred)
    scores, _ = found["H-score"]
    expected = h_score(features["one"][:20], np.arange(20) % 3)
    assert scores[0, 0] == expected
    assert np.isnan(scores[:, 1]).all()


def test_affinities_are_those_of_a_space():
    encoders = {}
    for seed in range(3):
        keras.utils.set_random_seed(seed)
        x = keras.Input((8, 8, 3))
        y = layers.Conv2D(3, 3, activation="relu")(x)
        encoders[str(seed)] = keras.Model(x, y)
    probes = np.random.default_rng(0).uniform(size=(4, 8, 8, 3))
    methods = ["saliency", "gradient_x_input"]
    found, first = comparison.affinities(encoders, probes, methods, ["cka"])
    assert list(found) == ["saliency", "gradient_x_input", "cka"]
    np.testing.assert_array_equal(found["saliency"][0], first.affinity())
    for method in methods:
        space = ModelSpace(probes, method, ["maps", "cka"])
        for name, encoder in encoders.items():
            space.add(name, encoder)
        np.testing.assert_allclose(found[method][0], space.affinity())
        np.testing.assert_allclose(found["cka"][0], space.affinity("cka"))
