import importlib.resources

import numpy as np
import pytest

from keras_vipa.datasets import style_samples

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


def test_files_are_small():
    files = [file for kind in FOLDER.iterdir() for file in kind.iterdir()]
    assert len(files) == 8
    assert sum(len(file.read_bytes()) for file in files) <= 1_500_000
