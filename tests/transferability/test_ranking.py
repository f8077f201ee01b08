"""Precision, recall and rank correlations of rankings."""

import numpy as np
import pytest

from keras_vipa.transferability import evaluate_ranking
from keras_vipa.transferability import permutation_test
from keras_vipa.transferability import precision_at_k
from keras_vipa.transferability import rank_correlations
from keras_vipa.transferability import recall_at_k

# Arrays alone: the same on every backend.
pytestmark = pytest.mark.tensorflow

NAN = np.nan
TASKS = (
    "autoencoder curvature denoise edge2d edge3d keypoint2d keypoint3d "
    "colorization reshade depth mist sfnorm room_layout segment25d segment2d "
    "vanishing_point segmentsemantic class_1000 class_places inpainting"
).split()
# The five best sources of each target, measured on Taskonomy, in the order in
# which the sheet of the paper has them.
BEST = {
    "autoencoder": "denoise inpainting colorization segment2d keypoint2d",
    "curvature": "sfnorm depth keypoint3d mist reshade",
    "denoise": "inpainting autoencoder colorization segment2d keypoint2d",
    "edge2d": "keypoint2d autoencoder segment2d denoise colorization",
    "edge3d": "sfnorm keypoint3d depth curvature mist",
    "keypoint2d": "denoise autoencoder colorization segment2d inpainting",
    "keypoint3d": "curvature sfnorm segment25d edge3d reshade",
    "reshade": "sfnorm mist depth edge3d keypoint3d",
    "depth": "mist reshade keypoint3d sfnorm edge3d",
    "mist": "depth reshade edge3d keypoint3d sfnorm",
    "sfnorm": "reshade edge3d keypoint3d curvature segment25d",
    "room_layout": "sfnorm vanishing_point reshade edge3d mist",
    "segment25d": "keypoint3d sfnorm curvature edge3d reshade",
    "segment2d": "autoencoder keypoint2d denoise colorization edge2d",
    "vanishing_point": "sfnorm room_layout reshade edge3d segment25d",
    "segmentsemantic": "curvature sfnorm keypoint3d reshade class_places",
    "class_1000": "class_places segmentsemantic edge3d curvature keypoint3d",
    "class_places": "class_1000 segmentsemantic edge3d curvature keypoint3d",
}


def taskonomy():
    """Measured transfer, as far as it is known: the best five have 5 to 1."""
    truth = np.zeros((len(TASKS), len(TASKS)))
    for target, sources in BEST.items():
        for place, source in enumerate(sources.split()):
            truth[TASKS.index(source), TASKS.index(target)] = 5 - place
    np.fill_diagonal(truth, NAN)
    for name in ("colorization", "inpainting"):
        truth[:, TASKS.index(name)] = NAN
    return truth


class TestTaskonomy:
    @pytest.mark.parametrize(
        "k, precision",
        [(1, 1), (5, 1), (6, 0.833), (7, 0.714), (8, 0.625), (10, 0.5)],
    )
    def test_the_true_ranking(self, k, precision):
        """As the paper's curve of the oracle."""
        truth = taskonomy()
        scores = np.nan_to_num(truth)
        found = precision_at_k(scores, truth, k)
        assert found == pytest.approx(precision, abs=5e-4)
        recall = recall_at_k(scores, truth, k)
        assert recall == pytest.approx(found * k / 5)

    def test_random_rankings(self):
        truth, generator = taskonomy(), np.random.default_rng(0)
        found = [
            precision_at_k(generator.normal(size=truth.shape), truth, 3)
            for _ in range(100)
        ]
        assert np.mean(found) == pytest.approx(5 / 19, abs=0.02)

    def test_sources_that_are_good_for_many(self):
        truth = taskonomy()
        good = (truth > 0).sum(axis=1)
        ten = {TASKS[i] for i in np.flatnonzero(good == 10)}
        assert ten == {"sfnorm", "keypoint3d", "edge3d"}


class TestByHand:
    truth = np.array(
        [[NAN, 3.0, 1.0], [2.0, NAN, 2.0], [1.0, 2.0, NAN], [0.0, 1.0, 3.0]]
    )
    scores = np.array(
        [[9.0, 1.0, 0.1], [0.5, 9.0, 0.2], [0.6, 2.0, 9.0], [0.1, 3.0, 0.3]]
    )

    def test_precision_and_recall(self):
        # Best two: {1, 2}, {0, 2}, {3, 1}; estimated {2}, {3}, {3}.
        assert precision_at_k(self.scores, self.truth, 1, 2) == 2 / 3
        assert recall_at_k(self.scores, self.truth, 1, 2) == 1 / 3
        # Estimated {2, 1}, {3, 2}, {3, 1}.
        found = precision_at_k(self.scores, self.truth, 2, 2)
        assert found == pytest.approx(5 / 6)

    def test_correlations(self):
        found = rank_correlations(self.scores, self.truth)
        # Ranks 2 3 1 and 3 2 1; 1 2 3 and 3 2 1; 1 2 3 and 1 2 3.
        np.testing.assert_allclose(found, [0.5, -1.0, 1.0], atol=1e-6)

    def test_targets_that_do_not_count(self):
        truth = self.truth.copy()
        truth[:, 1] = NAN
        assert precision_at_k(self.scores, truth, 1, 2) == 1.0
        found = rank_correlations(self.scores, truth)
        assert np.isnan(found[1]) and not np.isnan(found[[0, 2]]).any()


class TestPermutations:
    def test_agreement_is_rare_by_chance(self):
        generator = np.random.default_rng(0)
        truth = generator.normal(size=(10, 10))
        near = truth + 0.3 * generator.normal(size=(10, 10))
        assert permutation_test(near, truth, 199) == 1 / 200
        assert permutation_test(-near, truth, 199) > 0.9

    def test_chance_is_uniform(self):
        generator = np.random.default_rng(0)
        found = [
            permutation_test(*generator.normal(size=(2, 6, 6)), 19, seed)
            for seed in range(40)
        ]
        assert 0.35 < np.mean(found) < 0.65
        assert np.mean(np.array(found) <= 0.2) < 0.35


class TestEvaluation:
    truth = -np.random.default_rng(0).uniform(0.1, 0.8, (13, 13))
    np.fill_diagonal(truth, NAN)

    def evaluate(self, scores, truth=truth):
        return evaluate_ranking(scores, truth, 3, -0.85, permutations=99)

    def test_the_truth_is_perfect(self):
        """Whatever the scores of pairs are that do not count."""
        assert self.evaluate(np.nan_to_num(self.truth, nan=-9.0)) == {
            "rho": pytest.approx(1.0),
            "rho, all": pytest.approx(1.0),
            "P@1": 1.0,
            "P@3": 1.0,
            "p": pytest.approx(1 / 100),
        }

    def test_targets_that_none_can_predict_are_filtered(self):
        truth = self.truth.copy()
        truth[:, 4] = 0.01 * truth[:, 4] - 0.9
        # Wrong for this target alone.
        scores = np.nan_to_num(truth)
        scores[:, 4] *= -1
        row = self.evaluate(scores, truth)
        assert row["rho"] == pytest.approx(1.0)
        assert row["rho, all"] == pytest.approx((12 - 1) / 13)

    def test_scores_of_some_targets(self):
        scores = np.nan_to_num(self.truth)
        scores[:, :9] = NAN
        row = self.evaluate(scores)
        assert row["rho"] == pytest.approx(1.0) and row["p"] is None

    def test_no_target_is_left(self):
        row = self.evaluate(self.truth, self.truth - 1.0)
        keys = ("rho", "rho, all", "P@1", "P@3", "p")
        assert row == dict.fromkeys(keys)


@pytest.mark.parametrize(
    "scores, truth, k, message",
    [
        (np.zeros((3, 2)), np.zeros((2, 3)), 1, r"\(3, 2\), \(2, 3\)"),
        (np.zeros(3), np.zeros(3), 1, "one shape"),
        (np.full((3, 2), NAN), np.zeros((3, 2)), 1, "must have a score"),
        (np.zeros((3, 2)), np.full((3, 2), NAN), 1, "No pair has a truth"),
        (np.zeros((3, 2)), np.zeros((3, 2)), 4, "from 1 to 3.*k=4"),
        (np.zeros((3, 2)), np.zeros((3, 2)), 0, "from 1 to 3.*k=0"),
    ],
)
def test_errors(scores, truth, k, message):
    with pytest.raises(ValueError, match=message):
        precision_at_k(scores, truth, k)


def test_more_errors():
    scores = np.zeros((3, 3))
    for relevant in (0, 4):
        with pytest.raises(ValueError, match=f"relevant={relevant}"):
            recall_at_k(scores, scores, 1, relevant)
    truth = np.eye(3)
    scores[0, 0] = truth[0, 0] = NAN
    with pytest.raises(ValueError, match="to be exchanged"):
        permutation_test(scores, truth)
