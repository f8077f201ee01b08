import importlib.resources

import numpy as np
import pytest

from keras_vipa.datasets import read_pictures
from keras_vipa.datasets import style_samples
from keras_vipa.utils.images import save_picture

FOLDER = importlib.resources.files("keras_vipa.datasets") / "samples"


@pytest.fixture(scope="module")
def samples():
    return style_samples()


def test_names(samples):
    assert {kind: list(samples[kind]) for kind in samples} == {
        "photographs": ["astronaut", "cat", "coffee", "rocket"],
        "paintings": [
            "asylum_vestibule",
            "church_at_auvers",
            "night_cafe",
            "stained_tissue",
        ],
    }


def test_pictures(samples):
    for pictures in samples.values():
        for picture in pictures.values():
            assert picture.dtype == "uint8"
            assert picture.ndim == 3 and picture.shape[2] == 3
            assert 256 <= min(picture.shape[:2])
            assert max(picture.shape[:2]) <= 512
            # No empty picture, and none that is grey by mistake.
            assert picture.std() > 20
            assert np.ptp(picture, axis=2).mean() > 5


def test_each_call_returns_arrays_of_its_own(samples):
    again = style_samples()
    cat = again["photographs"]["cat"]
    np.testing.assert_array_equal(cat, samples["photographs"]["cat"])
    assert cat is not samples["photographs"]["cat"]


@pytest.fixture
def folder(tmp_path):
    """Nine pictures of 20 x 30, each of one level."""
    for level in range(9):
        picture = np.full((20, 30, 3), 10 * level, "uint8")
        save_picture(tmp_path / f"{level}.png", picture)
    return tmp_path


def test_read_a_folder(folder):
    found = read_pictures(folder, "paintings")
    assert list(found) == [f"{level}.png" for level in range(9)]
    for level, picture in enumerate(found.values()):
        assert (picture == 10 * level).all() and picture.shape == (20, 30, 3)
    assert list(read_pictures(folder, "paintings", limit=9)) == list(found)


def test_read_a_folder_with_a_limit(folder):
    chosen = [
        list(read_pictures(folder, "paintings", limit=4, seed=seed))
        for seed in (0, 0, 1)
    ]
    assert chosen[0] == chosen[1] != chosen[2]
    for names in chosen:
        assert len(set(names)) == 4 and names == sorted(names)


def test_read_a_folder_are_only_scaled_down(folder):
    for size, shape in (
        (10, (10, 15, 3)),
        (20, (20, 30, 3)),
        (40, (20, 30, 3)),
    ):
        found = read_pictures(folder, "paintings", size=size)
        assert {picture.shape for picture in found.values()} == {shape}


def test_files_are_small():
    files = [file for kind in FOLDER.iterdir() for file in kind.iterdir()]
    assert len(files) == 8
    assert sum(len(file.read_bytes()) for file in files) <= 1_500_000
