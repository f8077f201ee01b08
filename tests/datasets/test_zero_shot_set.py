import numpy as np
import pytest

from keras_vipa.datasets import ZeroShotSet
from keras_vipa.datasets import read_signatures

SEEN = np.array([[0, 0, 1], [0, 1, 0], [1, 0, 0.5], [1, 1, 0]])
UNSEEN = np.array([[0, 0, 0], [1, 1, 1.0]])
CSV = "class,striped,tail\nzebra,1,0.5\nape,0,0\n\n"


def made(**changes):
    usual = {
        "x": np.arange(8.0)[:, None],
        "y": np.arange(8) % 4,
        "signatures": SEEN,
        "new_x": np.zeros((2, 1)),
        "new_y": [1, 0],
        "new_signatures": UNSEEN,
        "names": ["cat", "dog", "ape", "cow"],
        "new_names": ["yak", "gnu"],
        "attributes": ["tail", "horns", "large"],
    }
    return ZeroShotSet(**{**usual, **changes})


def test_holding_out():
    data = made(new_x=np.full((2, 1), np.nan)).holding_out([0, 3])
    assert data.x.ravel().tolist() == [1, 2, 5, 6]
    assert data.y.tolist() == [0, 1, 0, 1]
    np.testing.assert_array_equal(data.signatures, SEEN[[1, 2]])
    assert data.new_x.ravel().tolist() == [0, 3, 4, 7]
    rows = data.new_signatures[data.new_y]
    np.testing.assert_array_equal(rows, SEEN[[0, 3, 0, 3]])


def test_names_without_names():
    data = made(names=None, new_names=None, attributes=None)
    assert data.names == ["0", "1", "2", "3"] and data.new_names == ["4", "5"]
    assert data.attributes == ["0", "1", "2"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"signatures": SEEN * [1, np.nan, 1]}, "nan for attribute 'horns' of"),
        ({"new_signatures": UNSEEN - np.inf}, "of class 'yak'"),
        ({"signatures": SEEN * [1, 0, 1]}, r"Received: \['horns'\]"),
        ({"new_signatures": UNSEEN[[0, 0]]}, "'yak' and 'gnu' are equal"),
        ({"new_signatures": UNSEEN[:, :2]}, "must have 3 attributes"),
        ({"new_names": ["yak", "dog"]}, r"seen ones. Received: \['dog'\]"),
        ({"new_y": [0, 2]}, "`new_y` must be a row of `new_signatures`"),
        ({"y": [0, 1]}, "`y` must be a row of `signatures` for each of the 8"),
        ({"new_names": ["yak"]}, "`new_names` must be 2 names"),
        ({"names": "four"}, "`names` must be a list of names"),
        ({"signatures": SEEN[0]}, "`signatures` must be numbers"),
    ],
)
def test_faults_are_named(changes, message):
    with pytest.raises(ValueError, match=message):
        made(**changes)


def test_one_class():
    with pytest.raises(ValueError, match="`new_signatures` must be of two"):
        made(new_signatures=UNSEEN[:1], new_names=["yak"], new_y=[0, 0])


def test_read_signatures(tmp_path):
    path = tmp_path / "animals.csv"
    path.write_text(CSV, encoding="utf-8-sig")
    names, attributes, values = read_signatures(path)
    assert names == ["zebra", "ape"] and attributes == ["striped", "tail"]
    np.testing.assert_array_equal(values, np.float32([[1, 0.5], [0, 0]]))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("0.5", "", "'' for attribute 'tail' of class 'zebra'"),
        ("0.5", "nan", "'nan' for attribute 'tail' of class 'zebra'"),
        ("0,0", "0,0,0", "row 3, must be the name of another class and 2"),
        ("ape", "zebra", "row 3, must be the name of another class"),
        ("zebra,1,0.5\nape,0,0\n", "", "a line for each class"),
    ],
)
def test_wrong_signatures(tmp_path, old, new, message):
    path = tmp_path / "animals.csv"
    path.write_text(CSV.replace(old, new, 1))
    with pytest.raises(ValueError, match=message) as error:
        read_signatures(path)
    assert "\n" not in str(error.value)


def test_no_signatures(tmp_path):
    with pytest.raises(ValueError, match="must be a CSV file"):
        read_signatures(tmp_path / "none.csv")
    (tmp_path / "picture.csv").write_bytes(bytes(range(200, 256)))
    with pytest.raises(ValueError, match="is not a CSV file"):
        read_signatures(tmp_path / "picture.csv")
