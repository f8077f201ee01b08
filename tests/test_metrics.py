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
