"""How the embedded emoji are made."""

import numpy as np
import pytest
from PIL import Image

from keras_vipa.datasets import emoji


@pytest.fixture(scope="module")
def build_emoji(load_recipe):
    return load_recipe("build_emoji")


@pytest.mark.parametrize(
    "hexcode, family",
    [
        ("1F469-1F3FD-200D-1F692", "1F9D1-1F692"),
        ("1F9D1-200D-1F692", "1F9D1-1F692"),
        ("1F468-200D-1F9B0", "1F9D1"),
        ("1F469-200D-2764-FE0F-200D-1F468", "1F491"),
        ("1F9D1-200D-1F91D-200D-1F9D1", "1F46B"),
        ("1F46D-1F3FB", "1F46B"),
        ("1F468-200D-1F469-200D-1F466", "1F46A"),
        ("1F9D1-200D-1F384", "1F385"),
        ("27A1-FE0F", "27A1"),
        ("2640-FE0F", "2640"),
        ("2764-FE0F-200D-1F525", "2764-1F525"),
    ],
)
def test_family_of(build_emoji, hexcode, family):
    assert build_emoji.family_of(hexcode) == family


def test_the_splits_of_the_table_can_be_made_again(build_emoji):
    whole = emoji("all")
    rows = [
        {"family": family, "category": category, "subcategory": subcategory}
        for family, category, subcategory in zip(
            whole.info["family"][:3480].tolist(),
            np.array(whole.class_names["category"])[whole.y()],
            np.array(whole.class_names["subcategory"])[whole.y("subcategory")],
        )
    ]
    build_emoji.add_splits(rows)
    for split in ("train", "validation", "test"):
        made = {row["family"] for row in rows if row["split"] == split}
        assert made == set(emoji(split).info["family"].tolist())


def test_sheets_and_table_round_trip(build_emoji, tmp_path):
    pictures = np.zeros((70, 32, 32, 3), "uint8")
    pictures += np.arange(70, dtype="uint8")[:, None, None, None] * 3
    pictures[:, 5, 9] = (1, 2, 250)
    path = tmp_path / "emoji_noto.webp"
    build_emoji.write_sheet(str(path), pictures)
    with Image.open(path) as sheet:
        pixels = np.asarray(sheet.convert("RGB"))
    assert pixels.shape == (64, 64 * 32, 3)
    for i in range(70):
        top, left = i // 64 * 32, i % 64 * 32
        cell = pixels[top : top + 32, left : left + 32]
        np.testing.assert_array_equal(cell, pictures[i])
    assert [file.name for file in tmp_path.iterdir()] == ["emoji_noto.webp"]
