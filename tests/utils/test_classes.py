import numpy as np
import pytest

from keras_vipa.utils import classes

SIGNATURES = np.array([[0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1], [0, 1, 0]])


def test_hold_out():
    """Numbers begin anew, and what is constant is left out."""
    y = np.array([4, 3, 2, 1, 0, 1])
    kept, _ = classes.hold_out(y, SIGNATURES, [1, 2])
    assert kept.chosen.tolist() == [True, True, False, False, True, False]
    assert kept.labels.tolist() == [2, 1, 0]
    np.testing.assert_array_equal(kept.signatures, SIGNATURES[[0, 3, 4]])
    kept, new = classes.hold_out(y, SIGNATURES, [1, 2, 4])
    assert kept.labels.tolist() == [1, 0]
    # The third attribute is 1 for classes 0 and 3.
    np.testing.assert_array_equal(kept.signatures, SIGNATURES[[0, 3], :2])


def test_equal_classes_become_one():
    y = np.array([0, 1, 2, 3, 4])
    _, new = classes.hold_out(y, SIGNATURES, [1, 2, 4])
    assert new.chosen.tolist() == [False, True, True, False, True]
    rows = new.signatures[new.labels]
    np.testing.assert_array_equal(rows, SIGNATURES[[1, 2, 4], :2])
    assert len(new.signatures) == 2
    assert new.labels[0] == new.labels[2] != new.labels[1]


@pytest.mark.parametrize("held", [[], [0], [0, 1, 2, 3], [1, 1], [3, 5], "ab"])
def test_too_few(held):
    with pytest.raises(ValueError, match="`held` must be of 5 classes two"):
        classes.hold_out(np.arange(5), SIGNATURES, held)


def test_labels_of_no_class():
    for labels in ([0, 5], [-1], [0.5], "ab"):
        with pytest.raises(ValueError, match="`labels` must be classes from 0"):
            classes.hold_out(labels, SIGNATURES, [0, 1])


def test_draw():
    found = classes.draw_classes(40, 0.2, 3)
    assert len(set(found.tolist())) == 8 and (np.diff(found) > 0).all()
    assert len(classes.draw_classes(5, 0.01, 0)) == 2
    other = classes.draw_classes(40, 0.2, 4)
    assert found.tolist() != other.tolist()


def test_first_equal():
    assert classes.first_equal(SIGNATURES) is None
    assert classes.first_equal(SIGNATURES[[3, 1, 0, 1, 3]]) == (1, 3)
