import itertools

import keras
import numpy as np
import pytest
from keras import ops
from test_case import TestCase

from keras_vipa import metrics
from keras_vipa.metrics.selective import upper_bound


def samples(n=200, seed=7):
    """Logits, labels and probabilities; who is sure is right more often."""
    generator = np.random.default_rng(seed)
    z = generator.normal(size=(n, 4))
    is_right = generator.random(n) < 0.6
    y = np.where(is_right, z.argmax(1), generator.integers(0, 4, n))
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    return z, y, p


def areas(confidence, correct):
    """AURC and AUGRC by counting, where all confidences differ."""
    n = len(confidence)
    risks, undetected = [], []
    for k in range(1, n + 1):
        surest = sorted(range(n), key=lambda i: -confidence[i])[:k]
        wrong = sum(not correct[i] for i in surest)
        risks.append(wrong / k)
        undetected.append(wrong / n)
    return sum(risks) / n, sum(undetected) / n


class TestScores(TestCase):
    def test_by_counting(self):
        _, y, p = samples()
        confidence, correct = p.max(axis=1), p.argmax(axis=1) == y
        found = metrics.selective_scores(confidence, correct)
        expected = areas(confidence, correct)
        self.assert_all_close((found["aurc"], found["augrc"]), expected)
        self.assert_all_close(found["accuracy"], correct.mean())
        best = areas(correct + 1e-6 * np.arange(200), correct)[0]
        self.assert_all_close(found["e_aurc"], expected[0] - best)

    def test_closed_forms(self):
        """All right, all wrong, and the best order of many."""
        sure = np.linspace(0, 1, 2000)
        right = metrics.selective_scores(sure, np.ones(2000, bool))
        assert right["aurc"] == right["augrc"] == 0
        wrong = metrics.selective_scores(sure, np.zeros(2000, bool))
        self.assert_all_close(wrong["aurc"], 1.0)
        self.assert_all_close(wrong["augrc"], 0.5, atol=1e-3)
        best = metrics.selective_scores(sure, sure >= 0.3)
        expected = 0.3 + 0.7 * np.log(0.7)
        self.assert_all_close(best["aurc"], expected, atol=1e-3)
        self.assert_all_close(best["e_aurc"], 0.0)

    def test_ties_are_the_mean_over_all_orders(self):
        confidence = np.array([0.9, 0.5, 0.5, 0.5, 0.1])
        correct = np.array([True, True, False, False, True])
        every = []
        for order in itertools.permutations(range(1, 4)):
            moved = confidence.copy()
            moved[list(order)] += [0.1, 0.0, -0.1]
            every.append(areas(moved, correct))
        found = metrics.selective_scores(confidence, correct)
        aurc, augrc = np.mean(every, axis=0)
        self.assert_all_close(found["aurc"], aurc)
        self.assert_all_close(found["augrc"], augrc)

    def test_torch_uncertainty(self):
        """What version 0.13.0 computes for these probabilities.

        Its areas are of trapezoids, which follow from ours.
        """
        _, y, p = samples()
        n, sure, correct = 200, p.max(axis=1), p.argmax(axis=1) == y
        curve = metrics.risk_coverage_curve(sure, correct)
        ends = (curve["risk"][0] + curve["risk"][-1]) / 2
        found = metrics.selective_scores(sure, correct, (0.1, 0.2), (0.8,))
        aurc = (n * found["aurc"] - ends) / (n - 1)
        self.assert_all_close(aurc, 0.31049958692553653)
        ends = (curve["risk"][0] / n + curve["risk"][-1]) / 2
        augrc = (n * found["augrc"] - ends) / (n - 1)
        self.assert_all_close(augrc, 0.15788944739677502)
        assert found["coverage_at_10"] == found["coverage_at_20"] == 0.01
        self.assert_all_close(found["risk_at_80"], 0.31875)

    def test_thresholds_do_not_part_equals(self):
        """A part of equals cannot be answered, however low its risk is."""
        curve = metrics.risk_coverage_curve(
            [0.9, 0.5, 0.5, 0.1], [True, True, False, False]
        )
        assert curve["threshold"].tolist() == [0.9, 0.5, 0.1]
        self.assert_all_close(curve["risk"], np.array([0, 1 / 3, 1 / 2]))
        found = metrics.selective_scores(
            [0.9, 0.5, 0.5, 0.1], [True, True, False, False], (0.3, 0.34)
        )
        assert found["coverage_at_30"] == 0.25
        assert found["coverage_at_34"] == 0.75

    def test_only_the_order_counts(self):
        _, y, p = samples()
        sure, correct = p.max(axis=1), p.argmax(axis=1) == y
        found = metrics.selective_scores(sure, correct)
        other = metrics.selective_scores(np.log(sure) * 3 - 1, correct)
        self.assert_all_close(found, other)
        order = np.random.default_rng(0).permutation(200)
        other = metrics.selective_scores(sure[order], correct[order])
        self.assert_all_close(found, other)

    def test_weights(self):
        """None is not there; all alike change nothing."""
        _, y, p = samples()
        sure, correct = p.max(axis=1), p.argmax(axis=1) == y
        weight = (np.arange(200) < 150).astype(float)
        weighted = metrics.selective_scores(
            sure, correct, sample_weight=3 * weight
        )
        alone = metrics.selective_scores(sure[:150], correct[:150])
        self.assert_all_close(weighted, alone)


class TestConfidence(TestCase):
    @pytest.mark.parametrize("from_logits", [True, False])
    def test_formulas(self, from_logits):
        z, _, p = samples()
        top = np.sort(p, axis=1)
        expected = {
            "maximum": -np.log(1 - top[:, -1]),
            "margin": -np.log(1 - top[:, -1] + top[:, -2]),
            "entropy": (p * np.log(p)).sum(axis=1),
        }
        if from_logits:
            expected["energy"] = np.log(np.exp(z).sum(axis=1))
        for kind, values in expected.items():
            found = metrics.confidence_of(
                z if from_logits else p, kind, from_logits
            )
            self.assert_all_close(found, values, atol=1e-4, rtol=1e-4)

    def test_no_ties_where_the_maximum_is_1(self):
        z = np.array([[20.0, 0, 0], [25.0, 0, 0], [30.0, 0, 0], [60.0, 0, 0]])
        maximum = ops.convert_to_numpy(ops.softmax(z.astype("float32"))).max(1)
        assert (maximum == 1).all()
        for kind in ("maximum", "margin", "entropy"):
            found = metrics.confidence_of(z, kind, True)
            assert (np.diff(ops.convert_to_numpy(found)) > 0).all()

    def test_arguments(self):
        for options, message in (
            ({"kind": "best"}, "`kind` must be one of"),
            ({"kind": "energy"}, "must not be 'energy' without logits"),
            ({"outputs": np.ones((3, 1))}, r"must be \(n, classes\)"),
        ):
            with pytest.raises(ValueError, match=message):
                metrics.confidence_of(**{"outputs": np.eye(2), **options})


def every_metric(confidence, from_logits, capacity):
    more = {"from_logits": from_logits, "capacity": capacity}
    return {
        "aurc": metrics.AURC(confidence, **more),
        "e_aurc": metrics.EAURC(confidence, **more),
        "augrc": metrics.AUGRC(confidence, **more),
        "coverage_at_30": metrics.CoverageAtRisk(0.3, confidence, **more),
        "risk_at_80": metrics.RiskAtCoverage(0.8, confidence, **more),
    }


class TestMetrics(TestCase):
    @pytest.mark.parametrize("kind", ["maximum", "margin", "entropy", "energy"])
    def test_equal_the_functions(self, kind):
        """In batches, with weights, classes as numbers or one of many."""
        z, y, _ = samples()
        weight = np.random.default_rng(1).random(200)
        sure = ops.convert_to_numpy(metrics.confidence_of(z, kind, True))
        expected = metrics.selective_scores(
            sure, z.argmax(axis=1) == y, (0.3,), (0.8,), weight
        )
        for name, metric in every_metric(kind, True, 256).items():
            for start in range(0, 200, 64):
                part = slice(start, start + 64)
                labels = y[part] if start else np.eye(4)[y[part]]
                metric.update_state(labels, z[part], weight[part])
            self.assert_all_close(
                float(metric.result()), expected[name], atol=1e-5
            )

    def test_ties(self):
        generator = np.random.default_rng(2)
        sure = generator.integers(0, 5, 100) / 4
        correct = generator.random(100) < 0.4 + sure / 2
        expected = metrics.selective_scores(sure, correct, (0.3,), (0.8,))
        for name, metric in every_metric("given", False, 128).items():
            metric.update_state(correct, sure)
            self.assert_all_close(
                float(metric.result()), expected[name], atol=1e-5
            )

    def test_two_classes_in_one_output(self):
        p, y = np.array([[0.9], [0.2], [0.7], [0.4]]), np.array([1, 0, 0, 0])
        one, two = metrics.AURC(capacity=8), metrics.AURC(capacity=8)
        one.update_state(y, p)
        two.update_state(y, np.concatenate([1 - p, p], axis=1))
        self.assert_all_close(float(one.result()), float(two.result()))
        self.assert_all_close(float(one.result()), (1 / 3 + 1 / 4) / 4)

    def test_too_many(self):
        metric = metrics.AURC("given", capacity=5)
        assert np.isnan(float(metric.result()))
        metric.update_state(np.ones(3), np.arange(3.0))
        assert float(metric.result()) == 0
        metric.update_state(np.ones(3), np.arange(3.0))
        assert np.isnan(float(metric.result()))
        metric.reset_state()
        metric.update_state(np.zeros(5), np.arange(5.0))
        self.assert_all_close(float(metric.result()), 1.0)

    def test_in_evaluate(self):
        """Compiled, and made again from its config."""
        z, y, _ = samples()
        model = keras.Sequential([keras.Input((4,)), keras.layers.Identity()])
        made = metrics.CoverageAtRisk(
            0.35, "margin", from_logits=True, capacity=256
        )
        config = keras.saving.serialize_keras_object(made)
        model.compile(
            loss=keras.losses.SparseCategoricalCrossentropy(True),
            metrics=[keras.saving.deserialize_keras_object(config)],
        )
        found = model.evaluate(z, y, 64, verbose=0)[1]
        sure = ops.convert_to_numpy(metrics.confidence_of(z, "margin", True))
        expected = metrics.selective_scores(sure, z.argmax(1) == y, (0.35,))
        self.assert_all_close(found, expected["coverage_at_35"], atol=1e-6)

    def test_arguments(self):
        for options, message in (
            ({"confidence": "best"}, "`confidence` must be one of"),
            ({"confidence": "energy"}, "must not be 'energy'"),
            ({"capacity": 0}, "`capacity` must be"),
        ):
            with pytest.raises(ValueError, match=message):
                metrics.AURC(**options)
        with pytest.raises(ValueError, match="`risk` must be"):
            metrics.CoverageAtRisk(2.0)
        with pytest.raises(ValueError, match="`coverage` must be"):
            metrics.RiskAtCoverage(-0.1)


class TestTemperature(TestCase):
    def test_least_entropy(self):
        """No other temperature has a smaller cross-entropy."""
        z, y, _ = samples()
        found = metrics.fit_temperature(z, y)

        def entropy(temperature):
            likely = np.exp(z / temperature)
            likely /= likely.sum(axis=1, keepdims=True)
            return -np.log(likely[np.arange(200), y]).mean()

        near = [entropy(found * factor) for factor in (0.98, 1.0, 1.02)]
        assert near[1] < min(near[0], near[2])
        far = [entropy(t) for t in np.geomspace(0.05, 50, 60)]
        assert near[1] <= min(far)

    def test_by_hand(self):
        """Sure by 9 to 1, right in 3 of 4: log 9 / T = log 3, so T = 2."""
        logits = np.log([[0.9, 0.1]] * 4)
        found = metrics.fit_temperature(logits, [0, 0, 0, 1])
        self.assert_all_close(found, 2.0, atol=1e-6)
        found = metrics.fit_temperature(3 * logits + 7, [0, 0, 0, 1])
        self.assert_all_close(found, 6.0, atol=1e-6)

    def test_arguments(self):
        for options, message in (
            ({"logits": [[1.0]], "labels": [0]}, "two classes or more"),
            ({"logits": [[1.0, np.inf]], "labels": [0]}, "must be finite"),
            ({"logits": [[1.0, 2.0]], "labels": [2]}, "1 classes, below 2"),
            ({"logits": [[1.0, 2.0]], "labels": [0, 1]}, "1 classes, below 2"),
        ):
            with pytest.raises(ValueError, match=message):
                metrics.fit_temperature(**options)


class TestThreshold(TestCase):
    def test_bound(self):
        """Closed form where nothing is wrong, and the tail itself."""
        for count in (10, 1000):
            expected = 1 - 0.05 ** (1 / count)
            self.assert_all_close(upper_bound(0, count, 0.05), expected)
        found = upper_bound(2, 5, 0.1)
        tail = (
            (1 - found) ** 5
            + 5 * found * (1 - found) ** 4
            + 10 * found**2 * (1 - found) ** 3
        )
        self.assert_all_close(tail, 0.1)
        assert upper_bound(5, 5, 0.1) == 1.0
        # About as of a normal distribution.
        self.assert_all_close(
            upper_bound(200_000, 1_000_000, 0.05), 0.2006583, atol=1e-5
        )

    def test_promise_is_kept(self):
        """Of many draws, it is broken in fewer than promised."""
        generator = np.random.default_rng(0)
        broken, coverages = 0, []
        for _ in range(400):
            sure = generator.random(600)
            correct = generator.random(600) < 0.5 + sure / 2
            found = metrics.threshold_for_risk(sure, correct, 0.2, 0.1)
            # Of all with at least the threshold t, (1 - t) / 4 are wrong.
            broken += (1 - found["threshold"]) / 4 > 0.2
            coverages.append(found["coverage"])
        assert broken / 400 <= 0.1
        assert np.mean(coverages) > 0.4

    def test_what_it_returns(self):
        sure = np.linspace(0, 1, 400)
        found = metrics.threshold_for_risk(sure, sure > 0.3, 0.1)
        answered = sure >= found["threshold"]
        assert answered.mean() == found["coverage"]
        self.assert_all_close((sure[answered] <= 0.3).mean(), found["risk"])
        wrong = int((sure[answered] <= 0.3).sum())
        # Nine halves of four hundred.
        bound = upper_bound(wrong, answered.sum(), 0.05 / 9)
        assert found["bound"] == bound <= 0.1

    def test_what_cannot_be_promised(self):
        with pytest.raises(ValueError, match="No threshold can promise a risk"):
            metrics.threshold_for_risk(np.arange(9.0), np.ones(9), 0.01)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"confidence": [0.1, np.nan]}, "`confidence` must be"),
        ({"correct": [1, 2]}, "`correct` must be 2 booleans"),
        ({"correct": [1]}, "`correct` must be 2 booleans"),
        ({"sample_weight": [0, 0]}, "`sample_weight` must be 2 numbers"),
        ({"risks": [2]}, "`risks` must be"),
        ({"coverages": [-1]}, "`coverages` must be"),
    ],
)
def test_arguments(options, message):
    usual = {"confidence": [0.1, 0.2], "correct": [True, False]}
    with pytest.raises(ValueError, match=message):
        metrics.selective_scores(**{**usual, **options})
