import numpy as np
import pytest

from keras_vipa.applications.din.style_codes import read_codes
from keras_vipa.applications.din.style_codes import save_codes


def test_codes_come_back(tmp_path):
    codes = np.random.default_rng(0).normal(size=(2, 5)).astype("float32")
    save_codes(tmp_path / "styles.npz", ["a.jpg", "b.jpg"], codes)
    names, found = read_codes(tmp_path / "styles.npz")
    assert names == ["a.jpg", "b.jpg"]
    np.testing.assert_array_equal(found, codes)
    assert found[0].dtype == "float32"


def test_other_files(tmp_path):
    path = tmp_path / "styles.npz"
    with pytest.raises(ValueError, match=r"FileNotFoundError.*styles\.npz"):
        read_codes(path)
    np.savez(path, codes=np.zeros((1, 5)))
    with pytest.raises(ValueError, match=r"KeyError.*styles\.npz"):
        read_codes(path)
    # Objects would be unpickled, which runs what a stranger wrote.
    np.savez(path, names=np.array([{}]), codes=np.zeros((1, 5)))
    with pytest.raises(ValueError, match=r"ValueError.*styles\.npz"):
        read_codes(path)
