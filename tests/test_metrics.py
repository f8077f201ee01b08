import numpy as np
import pytest

from keras_vipa import metrics

# Five images of three classes: two of the first part, one of the second.
SLICES = [slice(0, 2), slice(2, 3)]
LABELS = np.array([0, 1, 0, 2, 2])
LOGITS = np.array(
    [
        [2.0, 1.0, 9.0],  # right in its part, wrong among all
        [0.0, 1.0, 0.0],  # right
        [1.0, 3.0, 2.0],  # wrong
        [0.0, 1.0, 3.0],  # right
        [5.0, 1.0, 3.0],  # right in its part, wrong among all
    ]
)
TEACHER_LOGITS = np.array(
    [
        [2.0, 1.0, 0.0],
        [0.0, 1.0, 7.0],
        [1.0, 3.0, 2.0],
        [3.0, 1.0, 0.0],
        [5.0, 1.0, 3.0],
    ]
)


def scores_of(measure, target, logits):
    found = metrics.by_part(measure, target, SLICES)(logits)
    assert list(found) == ["parts", "joint"]
    return found["parts"], found["joint"]


def test_accuracy_by_hand():
    parts, joint = scores_of(metrics.accuracy, LABELS, LOGITS)
    assert parts == [pytest.approx(2 / 3), 1.0]
    assert joint == pytest.approx(2 / 5)


def test_a_part_reads_its_own_logits_only():
    changed = LOGITS + np.array([0.0, 0.0, 100.0])
    parts, joint = scores_of(metrics.accuracy, LABELS, changed)
    assert parts == [pytest.approx(2 / 3), 1.0]
    assert joint == pytest.approx(2 / 5)
    parts, joint = scores_of(metrics.accuracy, LABELS, -changed)
    assert (parts, joint) == ([pytest.approx(1 / 3), 1.0], 0.2)


def test_accuracy_of_a_part_without_images():
    assert metrics.accuracy(LABELS[:3], LOGITS[:3], slice(2, 3)) is None


def test_agreement_by_hand():
    parts, joint = scores_of(metrics.agreement, TEACHER_LOGITS, LOGITS)
    assert parts == [0.8, 1.0]
    assert joint == pytest.approx(2 / 5)


def test_everyone_agrees_with_himself():
    agreed = scores_of(metrics.agreement, LOGITS, LOGITS)
    assert agreed == ([1.0, 1.0], 1.0)


def test_parsing_by_hand():
    """Of class 0 one of three is right, of class 1 one of two; 2 is made up."""
    labels = np.array([[[0, 0, 0, 1, 1, 255]]])
    decided = np.array([[[0, 1, 2, 1, 0, 0]]])
    found = metrics.parsing_scores(labels, np.eye(4)[decided])
    # Unions: 0 is said or true of 4, 1 of 3, 2 of 1; 3 does not occur.
    assert found["miou"] == pytest.approx((1 / 4 + 1 / 3 + 0) / 3)
    assert found["pixel_accuracy"] == pytest.approx(2 / 5)


def test_depth_by_hand():
    target = np.array([[[1.0, 2.0, 4.0, 0.0, np.nan]]])
    output = np.array([[[1.2, 1.0, 4.0, 7.0, 7.0]]])
    found = metrics.depth_scores(target, output)
    assert found["abs_rel"] == pytest.approx((0.2 + 0.5 + 0) / 3)
    assert found["rmse"] == pytest.approx(((0.04 + 1.0) / 3) ** 0.5)
    assert found["delta_1"] == pytest.approx(2 / 3)


def test_normals_by_hand():
    """Angles of 0, 10, 20 and 90 degrees, whatever the lengths."""
    angles = np.radians([0, 10, 20, 90])
    output = np.stack([np.sin(angles), np.cos(angles), 0 * angles], axis=-1)
    target = np.tile([0.0, 2.0, 0.0], (4, 1))
    found = metrics.normal_scores(target[None, None], 3 * output[None, None])
    assert found["mean_angle"] == pytest.approx(30)
    assert (found["within_11"], found["within_30"]) == (0.5, 0.75)


@pytest.mark.parametrize(
    "function, one, other, message",
    [
        ("parsing_scores", np.full((1, 2, 2), 3), np.ones((1, 2, 2, 3)), "lab"),
        ("parsing_scores", np.ones((1, 2, 2)), np.ones((1, 2, 2, 3)), "whole"),
        ("depth_scores", np.zeros((1, 2, 2)), np.ones((1, 2, 2)), "nowhere"),
        ("depth_scores", np.ones((1, 2, 2)), np.ones((1, 2, 3)), "one shape"),
        ("normal_scores", np.ones((2, 3)), np.ones((2, 3)), "one shape"),
    ],
)
def test_maps_that_do_not_fit(function, one, other, message):
    with pytest.raises(ValueError, match=message):
        getattr(metrics, function)(one, other)


class TestMeanAveragePrecision:
    def test_by_hand(self):
        """Present at places 1 and 3, and at 2 and 3."""
        labels = np.array([[1, 0], [0, 1], [1, 1]])
        scores = np.array([[0.9, 0.3], [0.8, 0.2], [0.7, 0.1]])
        found = metrics.mean_average_precision(labels, scores)
        assert found == pytest.approx(
            ((1 + 2 / 3) / 2 + (1 / 2 + 2 / 3) / 2) / 2
        )

    def test_equal_scores_are_one_place(self):
        """Whatever their order, two of four are present."""
        scores = np.ones((4, 1))
        for order in ([1, 1, 0, 0], [0, 0, 1, 1]):
            labels = np.array(order)[:, None]
            assert metrics.mean_average_precision(labels, scores) == 0.5

    @pytest.mark.parametrize("by", ["class", "example"])
    def test_restated(self, by):
        """Against loops."""
        generator = np.random.default_rng(0)
        labels = generator.integers(0, 2, (30, 7))
        scores = generator.integers(0, 10, (30, 7)) / 10
        left_out = np.where(generator.random((30, 7)) < 0.2, -1, labels)
        lists = left_out.T if by == "class" else left_out
        means = []
        for right, score in zip(lists, scores.T if by == "class" else scores):
            precisions = [
                (right[score >= score[i]] == 1).sum()
                / (right[score >= score[i]] >= 0).sum()
                for i in np.flatnonzero(right == 1)
            ]
            if precisions:
                means.append(np.mean(precisions))
        found = metrics.mean_average_precision(left_out, scores, by)
        assert found == pytest.approx(np.mean(means))

    @pytest.mark.parametrize("by", ["class", "example"])
    def test_as_scikit_learn(self, by):
        """Where nothing is left out."""
        other = pytest.importorskip("sklearn.metrics")
        generator = np.random.default_rng(0)
        labels = generator.integers(0, 2, (30, 7))
        scores = generator.integers(0, 10, (30, 7)) / 10
        average = "macro" if by == "class" else "samples"
        expected = other.average_precision_score(
            labels, scores, average=average
        )
        found = metrics.mean_average_precision(labels, scores, by)
        assert found == pytest.approx(expected)

    def test_any_increasing_scale(self):
        generator = np.random.default_rng(1)
        labels = generator.integers(0, 2, (20, 3))
        scores = generator.normal(size=(20, 3))
        found = metrics.mean_average_precision(labels, scores)
        assert found == metrics.mean_average_precision(labels, np.exp(scores))
        assert found != metrics.mean_average_precision(labels, -scores)

    def test_errors(self):
        for labels, message in (
            (np.zeros((2, 2), int), "must be present"),
            (np.full((2, 2), 2), "must be 0, 1 or -1"),
            (np.ones((2, 3), int), "must be 0, 1 or -1"),
        ):
            with pytest.raises(ValueError, match=message):
                metrics.mean_average_precision(labels, np.ones((2, 2)))


def distance(target, output):
    """Plain edit distance, by its recursion."""
    if not target or not output:
        return len(target) + len(output)
    (*target, one), (*output, other) = target, output
    return min(
        distance(target, output) + (one != other),
        distance(target, [*output, other]) + 1,
        distance([*target, one], output) + 1,
    )


class TestErrorRates:
    @pytest.mark.parametrize(
        ("target", "output", "edits"),
        [
            ("你好", "你好", (0, 0, 0)),
            ("你好吗", "你好", (0, 1, 0)),
            ("你好", "你们好", (0, 0, 1)),
            ("你好", "我好", (1, 0, 0)),
            ("你好", "", (0, 2, 0)),
            (["ni", "hao"], ["hao"], (0, 1, 0)),
            ([3, 3, 1], [2, 3, 1, 5], (1, 0, 1)),
        ],
    )
    def test_by_hand(self, target, output, edits):
        found = metrics.error_rates([target], [output])
        parts = [found[k] for k in ("substitutions", "deletions", "insertions")]
        assert parts == pytest.approx([n / len(target) for n in edits])
        assert found["rate"] == found["sentence_rate"] == sum(parts)

    def test_against_the_recursion(self):
        generator = np.random.default_rng(0)
        pairs = [
            [generator.integers(0, 3, n).tolist() for n in sizes]
            for sizes in generator.integers(1, 6, (60, 2))
        ]
        targets, outputs = (list(side) for side in zip(*pairs))
        found = metrics.error_rates(targets, outputs)
        edits = [distance(*pair) for pair in pairs]
        lengths = [len(target) for target in targets]
        assert found["rate"] == pytest.approx(sum(edits) / sum(lengths))
        each = np.divide(edits, lengths)
        assert found["sentence_rate"] == pytest.approx(each.mean())
        # What is left out or added is what lengths differ by.
        longer = sum(map(len, outputs)) - sum(lengths)
        difference = found["insertions"] - found["deletions"]
        assert difference * sum(lengths) == pytest.approx(longer)

    @pytest.mark.parametrize(
        ("targets", "outputs", "message"),
        [
            ("好", ["好"], "`targets` must be a list"),
            (["好"], [3], "`outputs` must be a list"),
            (["好"], [], "`outputs` must be as many"),
            ([""], ["好"], "`targets` must have tokens"),
        ],
    )
    def test_errors(self, targets, outputs, message):
        with pytest.raises(ValueError, match=message):
            metrics.error_rates(targets, outputs)
