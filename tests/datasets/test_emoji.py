from importlib import resources

import numpy as np
import pytest

from keras_vipa.datasets import emoji

SPLITS = ("train", "validation", "test")


@pytest.fixture(scope="module")
def whole():
    return emoji("all")


@pytest.fixture(scope="module")
def parts():
    """The three splits by their names; to read them takes a while."""
    return {split: emoji(split) for split in SPLITS}


def one(whole, hexcode, design=0):
    mask = (whole.info["hexcode"] == hexcode) & (whole.y("design") == design)
    chosen = whole.select(mask)
    assert len(chosen) == 1
    return chosen


def names(picture, label):
    value = picture.y(label)[0]
    known = picture.class_names[label]
    if np.ndim(value):
        return {known[i] for i in np.flatnonzero(value)}
    return known[value]


def test_counts_are_those_of_the_card(whole, parts):
    assert whole.images.shape == (6960, 32, 32, 3)
    assert [len(parts[split]) for split in SPLITS] == [4862, 714, 1384]
    classes = {key: whole.num_classes(key) for key in whole.labels}
    assert classes == {
        "category": 9,
        "subcategory": 98,
        "skin_tone": 6,
        "gender": 3,
        "design": 2,
        "keywords": 184,
    }
    card = resources.files("keras_vipa.datasets") / "README.md"
    text = card.read_text(encoding="utf-8")
    for number in ("6,960", "4,862", "714", "1,384", "184", "1,797"):
        assert number in text


def test_embedded_files_are_small():
    place = resources.files("keras_vipa.datasets")
    sizes = {
        file.name: len(file.read_bytes())
        for file in place.iterdir()
        if file.name.startswith("emoji") and not file.name.endswith(".py")
    }
    assert len(sizes) == 3
    assert sum(sizes.values()) < 6_000_000


@pytest.mark.parametrize(
    "hexcode, expected",
    [
        (
            "1F34E",
            ("red apple", "Food & Drink", "food-fruit", "none", "none"),
        ),
        (
            "1F3C3-1F3FB-200D-2640-FE0F",
            (
                "woman running: light skin tone",
                "People & Body",
                "person-activity",
                "light",
                "woman",
            ),
        ),
        (
            "1F468-1F3FF-200D-1F373",
            (
                "man cook: dark skin tone",
                "People & Body",
                "person-role",
                "dark",
                "man",
            ),
        ),
        (
            "1F44D-1F3FD",
            (
                "thumbs up: medium skin tone",
                "People & Body",
                "hand-fingers-closed",
                "medium",
                "none",
            ),
        ),
        (
            "1F46B",
            (
                "woman and man holding hands",
                "People & Body",
                "family",
                "none",
                "none",
            ),
        ),
        (
            "1F6BA",
            ("women’s room", "Symbols", "transport-sign", "none", "none"),
        ),
        (
            "1F1EF-1F1F5",
            ("flag: Japan", "Flags", "country-flag", "none", "none"),
        ),
    ],
)
def test_known_labels(whole, hexcode, expected):
    for design in (0, 1):
        picture = one(whole, hexcode, design)
        labels = ("category", "subcategory", "skin_tone", "gender")
        found = [names(picture, label) for label in labels]
        assert (picture.info["name"][0], *found) == expected


def test_known_keywords(whole, parts):
    apple = names(one(whole, "1F34E"), "keywords")
    assert {"fruit", "red", "food"} <= apple
    assert not apple & {"cat", "animal", "face"}
    assert {"cat", "animal"} <= names(one(whole, "1F408", 1), "keywords")
    assert {"flag"} <= names(one(whole, "1F1EF-1F1F5"), "keywords")
    counts = whole.y("keywords").sum(axis=0)
    assert counts.min() >= 20
    for split in ("train", "test"):
        assert parts[split].y("keywords").any(axis=0).all()


def test_known_pixels(whole):
    for design in (0, 1):
        apple = one(whole, "1F34E", design).images[0].astype(int)
        assert apple[0, 0].tolist() == [255, 255, 255]
        red, green, blue = apple[18, 16]
        assert red > 180 and green < 100 and blue < 100
        japan = one(whole, "1F1EF-1F1F5", design).images[0].astype(int)
        red, green, blue = japan[16, 16]
        assert red > 180 and green < 100 and blue < 100
        assert japan[16, 6].min() > 225
        heart = one(whole, "1F499", design).images[0].astype(int)
        assert heart[14, 16, 2] > heart[14, 16, 0] + 80
        white = one(whole, "2B1C", design).images[0]
        assert white[16, 16].min() > 220
        black = one(whole, "2B1B", design).images[0]
        assert black[16, 16].max() < 80


def test_skin_gets_darker_with_the_label(whole):
    for design in (0, 1):
        brightness = [
            one(whole, f"1F44B-{tone}", design).images.mean()
            for tone in ("1F3FB", "1F3FC", "1F3FD", "1F3FE", "1F3FF")
        ]
        assert brightness == sorted(brightness, reverse=True)


def test_no_family_and_no_picture_on_two_sides(whole, parts):
    families, pictures = [], []
    for part in parts.values():
        families.append(set(part.info["family"].tolist()))
        pictures.append({image.tobytes() for image in part.images})
    assert len(set().union(*families)) == sum(map(len, families))
    assert len(set().union(*pictures)) == sum(map(len, pictures)) == len(whole)


def test_variants_of_one_emoji_are_one_family(whole):
    running = [
        "1F3C3",
        "1F3C3-1F3FF",
        "1F3C3-200D-2642-FE0F",
        "1F3C3-1F3FB-200D-2640-FE0F",
        "1F3C3-200D-2640-FE0F-200D-27A1-FE0F",
    ]
    found = {
        str(one(whole, hexcode, design).info["family"][0])
        for hexcode in running
        for design in (0, 1)
    }
    assert found == {"1F3C3"}


def test_split_is_stratified_by_category(whole, parts):
    counts = np.bincount(whole.y())
    for split, share in zip(SPLITS, (0.7, 0.1, 0.2)):
        part = parts[split]
        assert np.abs(np.bincount(part.y()) / counts - share).max() < 0.02
    train = parts["train"]
    assert set(train.y("subcategory").tolist()) == set(range(98))


def test_arguments():
    assert emoji("validation", label="design").label == "design"
    with pytest.raises(ValueError, match="Received: split='valid'"):
        emoji("valid")
    with pytest.raises(ValueError, match="Received: label='colour'"):
        emoji(label="colour")
