import gzip
import os
from importlib import resources

import numpy as np
import pytest

from keras_vipa.datasets import garments
from keras_vipa.datasets import named


def test_splits_are_balanced_and_disjoint():
    parts = {name: garments(name) for name in ("train", "validation", "test")}
    sizes = {"train": 580, "validation": 100, "test": 200}
    for name, part in parts.items():
        assert np.bincount(part.y()).tolist() == [sizes[name]] * 10
    whole = garments("all")
    np.testing.assert_array_equal(
        whole.images, np.concatenate([part.images for part in parts.values()])
    )
    # No two pictures are equal, in any of the splits.
    assert len(np.unique(whole.images, axis=0)) == len(whole) == 8800


def test_pictures():
    test = garments("test")
    assert test.images.shape == (2000, 28, 28, 3)
    assert (test.images[..., :1] == test.images).all()
    # On black, the brightest level is 254, and all are even.
    assert test.images.min() == 0 and test.images.max() == 254
    assert not (test.images % 2).any()
    # Trousers are narrow and high, sandals are neither.
    widths = {}
    for name in ("trousers", "sandal"):
        means = test.of_classes([name]).array(channels=1).mean(axis=(0, 3))
        columns, rows = means.mean(axis=0), means.mean(axis=1)
        widths[name] = (columns > 0.1).sum() / (rows > 0.1).sum()
    assert widths["trousers"] < 0.7 < widths["sandal"]


def test_embedded_files_are_small():
    place = resources.files("keras_vipa.datasets")
    names = ("garments.webp", "garments.npz")
    assert sum(len((place / n).read_bytes()) for n in names) <= 3_000_000


def test_named():
    train, test = named("garments")
    assert (len(train), len(test)) == (5800, 2000)
    assert train.num_classes() == 10


def test_equals_the_source():
    """Where Debian's package is installed."""
    folder = "/usr/share/datasets/fashion-mnist"
    if not os.path.isdir(folder):
        pytest.skip("dataset-fashion-mnist is not installed")
    with gzip.open(f"{folder}/t10k-images-idx3-ubyte.gz") as file:
        images = np.frombuffer(file.read(), "uint8", offset=16)
    images = images.reshape(-1, 28, 28)
    test = garments("test")
    np.testing.assert_array_equal(
        test.images[..., 0], images[test.info["index"]] & 254
    )


def test_unknown_split():
    with pytest.raises(ValueError, match="Received: split='valid'"):
        garments("valid")
