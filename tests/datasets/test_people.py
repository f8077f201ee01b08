from importlib import resources

import numpy as np
import pytest

from keras_vipa.datasets import named
from keras_vipa.datasets import people
from keras_vipa.datasets.people import PARTS


@pytest.fixture(scope="module")
def whole():
    return people("all")


def test_splits_are_whole_and_disjoint(whole):
    parts = [people(split) for split in ("train", "validation", "test")]
    assert [len(part) for part in parts] == [5600, 800, 1600]
    seeds = np.concatenate([part.info["seed"] for part in parts])
    np.testing.assert_array_equal(seeds, whole.info["seed"])
    assert len(np.unique(seeds)) == 8000
    # No two pictures are equal, in any of the splits.
    assert len(np.unique(whole.images, axis=0)) == 8000


def test_parts_are_independent_and_in_all_splits(whole):
    for split in ("train", "validation", "test"):
        part = people(split)
        for label, names in PARTS.items():
            counts = np.bincount(part.y(label) + 1)[-len(names) :]
            assert counts.min() > 0.003 * len(part), label
    outfit, mouth = whole.y("outfit"), whole.y("mouth")
    together = np.histogram2d(outfit, mouth, bins=10)[0]
    alone = np.outer(np.bincount(outfit), np.bincount(mouth)) / 8000
    assert np.abs(together / alone - 1).max() < 0.5


def test_attributes_follow_from_the_parts(whole):
    names = whole.class_names["attributes"]
    attributes = whole.y("attributes")
    assert attributes.shape == (8000, 24)
    assert 0.05 < attributes.mean(axis=0).min()
    assert attributes.mean(axis=0).max() < 0.6

    def of(attribute):
        return attributes[:, names.index(attribute)].astype(bool)

    shades = whole.y("glasses") == PARTS["glasses"].index("shades")
    assert of("dark glasses")[shades].all() and of("glasses")[shades].all()
    assert not of("glasses")[whole.y("glasses") == 0].any()
    # No hair colour is known, and none attributed, under a hat.
    hidden = whole.y("hair") == -1
    assert hidden[of("headgear")].all()
    for attribute in ("fair hair", "dark hair", "bright hair"):
        assert not of(attribute)[hidden].any()


def test_labels_are_what_the_pictures_show(whole):
    """Colours where skin, shoes and hair are drawn."""
    images = whole.array()
    # Tones grow darker, cheek by cheek.
    cheek = images[:, 14:17, 9:11].mean(axis=(1, 2, 3))
    tones = [np.median(cheek[whole.y("skin") == tone]) for tone in range(8)]
    assert (np.diff(tones) < 0).all()
    blue = whole.y("hair") == PARTS["hair"].index("violet")
    red = whole.y("hair") == PARTS["hair"].index("crimson")
    top = images[:, 2:8].mean(axis=(1, 2))
    assert top[blue, 2].mean() > top[blue, 0].mean()
    assert top[red, 0].mean() > top[red, 2].mean()


def test_embedded_files_are_small():
    place = resources.files("keras_vipa.datasets")
    names = ("people.webp", "people.npz")
    assert sum(len((place / n).read_bytes()) for n in names) <= 2_500_000


def test_named():
    train, test = named("people")
    assert (len(train), len(test)) == (5600, 1600)
    assert train.label == "hat"


def test_unknown():
    with pytest.raises(ValueError, match="Received: split='valid'"):
        people("valid")
    with pytest.raises(ValueError, match="label='beard'"):
        people(label="beard")
