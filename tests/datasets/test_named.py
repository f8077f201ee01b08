import functools
import sys

import numpy as np
import pytest
from PIL import Image

from keras_vipa import datasets


@pytest.fixture
def pictures(tmp_path):
    """A folder of 11 pictures, each of a grey of its own."""
    for number in range(11):
        picture = Image.new("RGB", (20, 14), 3 * (20 * number,))
        picture.save(tmp_path / f"{number:02d}.png")
    return f"folder:{tmp_path}"


def greys(image_set):
    return sorted(image_set.images[:, 0, 0, 0].tolist())


def test_digits():
    train, test = datasets.named("digits")
    np.testing.assert_array_equal(train.images, datasets.digits("train").images)
    np.testing.assert_array_equal(test.images, datasets.digits("test").images)


def test_emoji_without_variants_in_other_skin_tones(monkeypatch):
    read_once = functools.cache(datasets.emoji)
    module = sys.modules["keras_vipa.datasets.named"]
    monkeypatch.setattr(module, "emoji", read_once)
    for part, split in zip(datasets.named("emoji"), ("train", "test")):
        whole = read_once(split)
        assert set(part.y("skin_tone").tolist()) == {0}
        assert len(part) == np.sum(whole.y("skin_tone") == 0) < len(whole)
        assert part.label == whole.label


def test_several_sets_are_one():
    train, test = datasets.named("digits+garments")
    digits, garments = (datasets.named(n) for n in ("digits", "garments"))
    assert train.images.shape[1:] == test.images.shape[1:] == (28, 28, 3)
    assert train.class_names["class"] == [
        *digits[0].class_names["digit"],
        *garments[0].class_names["garment"],
    ]
    for joined, first, second in zip((train, test), digits, garments):
        np.testing.assert_array_equal(
            joined.y(), np.append(first.y(), 10 + second.y())
        )
        # Digits are made larger; the garments are as they were.
        np.testing.assert_array_equal(
            joined.images[len(first) :], second.images
        )
        whole = first.images[0].mean()
        assert abs(joined.images[0].mean() - whole) < 2


def test_a_fifth_of_a_folder_is_for_testing(pictures):
    train, test = datasets.named(pictures, size=8)
    assert train.images.shape == (9, 8, 8, 3)
    assert test.images.shape == (2, 8, 8, 3)
    assert sorted(greys(train) + greys(test)) == list(range(0, 220, 20))


def test_the_seed_chooses_the_fifth(pictures):
    def tested(seed):
        return greys(datasets.named(pictures, seed=seed)[1])

    assert tested(0) == tested(0)
    assert len({tuple(tested(seed)) for seed in range(5)}) > 1


def test_a_folder_of_few_pictures(tmp_path):
    for name in ("a.png", "b.png"):
        Image.new("RGB", (4, 4)).save(tmp_path / name)
    parts = datasets.named(f"folder:{tmp_path}", size=4)
    assert [len(part) for part in parts] == [1, 1]


def test_tfds(monkeypatch):
    def tfds(*arguments):
        return arguments

    # The name of the module is also that of the function.
    module = sys.modules["keras_vipa.datasets.named"]
    monkeypatch.setattr(module, "tfds", tfds)
    assert datasets.named("tfds:mnist", 28) == (
        ("mnist", "train", 28),
        ("mnist", "test", 28),
    )


@pytest.mark.parametrize(
    "name", ["cifar", "digits:3", "folder", "folder:", "tfds:", ""]
)
def test_unknown_name(name):
    with pytest.raises(ValueError) as error:
        datasets.named(name)
    assert str(error.value) == (
        "A data set is digits, emoji, garments, people, several of them with "
        "a plus between, folder:PATH or tfds:NAME. "
        f"Received: {name}"
    )


def test_missing_folder(tmp_path):
    with pytest.raises(ValueError, match="nowhere"):
        datasets.named(f"folder:{tmp_path / 'nowhere'}")
