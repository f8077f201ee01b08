import sys

import numpy as np
import pytest

from keras_vipa.datasets import gbu

io = pytest.importorskip("scipy.io")

NAMES = ["zebra", "ape", "yak", "cow", "gnu"]
LABELS = np.array([1, 1, 2, 2, 3, 3, 4, 5, 5, 5])
generator = np.random.default_rng(0)
FEATURES = generator.normal(size=(6, 10))
ATTRIBUTES = generator.random((3, 5))


def write(folder, **changes):
    """Files as the benchmark has them: columns, and indices from 1 on."""
    cells = np.empty((5, 1), object)
    cells[:, 0] = [np.array([name]) for name in NAMES]
    contents = {
        "features": FEATURES,
        "labels": LABELS[:, None],
        "att": ATTRIBUTES,
        "allclasses_names": cells,
        "trainval_loc": np.array([[1], [3], [4], [7]]),
        "test_seen_loc": np.array([[2]]),
        "test_unseen_loc": np.array([[10], [5], [6], [9]]),
    }
    contents.update(changes)
    contents = {k: v for k, v in contents.items() if v is not None}
    names = {"features", "labels"}
    parts = ({k: v for k, v in contents.items() if k in names},)
    parts += ({k: v for k, v in contents.items() if k not in names},)
    for name, part in zip(("res101.mat", "att_splits.mat"), parts):
        io.savemat(folder / name, part)


def test_proposed_split(tmp_path):
    write(tmp_path)
    data = gbu(tmp_path)
    np.testing.assert_allclose(data.x, FEATURES.T[[0, 2, 3, 6]], rtol=1e-6)
    assert data.names == ["zebra", "ape", "cow"]
    assert data.new_names == ["yak", "gnu"]
    assert data.y.tolist() == [0, 1, 1, 2]
    assert data.new_y.tolist() == [1, 0, 0, 1]
    np.testing.assert_allclose(
        data.new_signatures, ATTRIBUTES.T[[2, 4]], rtol=1e-6
    )
    assert data.x.dtype == data.signatures.dtype == "float32"


def test_other_split(tmp_path):
    """All pictures of the named classes are for testing."""
    write(tmp_path)
    data = gbu(tmp_path, unseen=["ape", "zebra"])
    assert data.new_names == ["zebra", "ape"]
    assert data.new_y.tolist() == [0, 0, 1, 1]
    assert data.names == ["yak", "cow", "gnu"]
    assert data.y.tolist() == [0, 0, 1, 2, 2, 2]
    with pytest.raises(ValueError, match=r"unseen=\['lynx'\]"):
        gbu(tmp_path, unseen=["lynx", "ape"])


def test_constant_attributes(tmp_path):
    constant = ATTRIBUTES.copy()
    constant[1, :] = 0.5
    write(tmp_path, att=constant)
    with pytest.warns(UserWarning, match=r"Left out 1 attribute"):
        data = gbu(tmp_path, unseen=["ape", "zebra"])
    assert data.signatures.shape == (3, 2)


def test_an_unseen_class_is_among_the_seen(tmp_path):
    """Cows are on both sides of the split."""
    write(tmp_path, test_unseen_loc=np.array([[10], [5], [7]]))
    with pytest.raises(ValueError, match=r"seen ones. Received: \['cow'\]"):
        gbu(tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"att": None}, "Received: without 'att'"),
        ({"labels": LABELS[:4]}, "10 features, 4 labels"),
        ({"labels": LABELS + 3}, "must be of one benchmark"),
        ({"trainval_loc": np.array([[99]])}, "must be of one benchmark"),
        ({"att": ATTRIBUTES[:, :3]}, "3 signatures and 5 names"),
    ],
)
def test_wrong_files(tmp_path, changes, message):
    write(tmp_path, **changes)
    with pytest.raises(ValueError, match=message):
        gbu(tmp_path)


def test_missing_files(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="There is no such file.*res101.mat"):
        gbu(tmp_path)
    (tmp_path / "res101.mat").write_text("no numbers")
    with pytest.raises(ValueError, match="is not a file of MATLAB"):
        gbu(tmp_path)
    monkeypatch.setitem(sys.modules, "scipy.io", None)
    with pytest.raises(ImportError, match="keras_vipa\\[gbu\\]"):
        gbu(tmp_path)
