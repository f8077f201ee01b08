import numpy as np
import pytest

from keras_vipa.datasets import digits


def test_split_is_whole_disjoint_and_stratified():
    train, test, whole = digits("train"), digits("test"), digits("all")
    assert (len(train), len(test), len(whole)) == (1200, 597, 1797)
    index = np.concatenate([train.info["index"], test.info["index"]])
    assert sorted(index.tolist()) == list(range(1797))
    np.testing.assert_array_equal(whole.info["index"], index)
    shares = np.bincount(train.y()) / np.bincount(whole.y())
    assert np.abs(shares - 1200 / 1797).max() < 0.005


def test_equals_scikit_learn():
    datasets = pytest.importorskip("sklearn.datasets")
    data = datasets.load_digits()
    ours = digits("all")
    index = ours.info["index"]
    np.testing.assert_array_equal(ours.y(), data.target[index])
    for channel in range(3):
        np.testing.assert_allclose(
            ours.images[..., channel] * (16 / 255),
            data.images[index],
            atol=0.04,
        )


def test_known_pixels():
    whole = digits("all")
    first = whole.select(whole.info["index"] == 0)
    # The first row of scikit-learn's first zero is 0 0 5 13 9 1 0 0.
    assert first.y().tolist() == [0]
    assert first.images[0, 0, :, 1].tolist() == [0, 0, 80, 207, 143, 16, 0, 0]
    assert whole.images.min() == 0 and whole.images.max() == 255
    assert whole.class_names["digit"][3] == "3"


def test_unknown_split():
    with pytest.raises(ValueError, match="Received: split='valid'"):
        digits("valid")
