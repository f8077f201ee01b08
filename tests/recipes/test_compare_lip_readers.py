"""The statistics of the study that compares lip readers."""

import types

import numpy as np
import pytest


@pytest.fixture(scope="module")
def study(load_recipe):
    return load_recipe("compare_lip_readers")


def test_interval_of_what_is_always_alike(study):
    """One edit more in each sentence, whichever are drawn."""
    lengths = np.full(20, 4)
    one = np.random.default_rng(0).integers(0, 4, (3, 20))
    found = study.interval(one + 1, one, lengths)
    assert found == pytest.approx([0.25] * 3)


def test_interval(study):
    """About 1.96 standard errors to both sides, of sentences."""
    generator = np.random.default_rng(0)
    differ = generator.integers(-1, 3, 400)
    one = np.stack([differ, differ])
    found = study.interval(one, np.zeros_like(one), np.full(400, 5))
    half = 1.96 * differ.std() / np.sqrt(400) / 5
    middle = differ.mean() / 5
    expected = [middle, middle - half, middle + half]
    assert found == pytest.approx(expected, abs=0.1 * half)


def test_rank_correlation(study):
    places = np.arange(4)
    assert study.rank_correlation(places**2, places) == pytest.approx(1.0)
    assert study.rank_correlation(-places, places) == pytest.approx(-1.0)
    assert study.rank_correlation(np.ones(4), places) == 0.0
    # Ranks 0, 1.5, 1.5 and 3 against 0 to 3.
    found = study.rank_correlation(np.array([2, 5, 5, 9]), places)
    assert found == pytest.approx(4.5 / np.sqrt(4.5 * 5))


def test_confusions(study):
    """Only where nothing was left out or put in between."""
    clips = types.SimpleNamespace(texts=["是不是", "事", "是"])
    found = study.confusions(clips, ["事不事", "是事", "是"])
    assert found == [["是事", 2]]


def test_by_length(study):
    found = study.by_length(np.array([1, 3, 2]), np.array([2, 2, 4]))
    assert found == {2: 1.0, 4: 0.5}
