import json

import numpy as np
import pytest

from keras_vipa.datasets import polyvore
from keras_vipa.utils.images import save_picture


@pytest.fixture
def made(tmp_path):
    """A folder of two outfits of three items; one picture is missing."""
    (tmp_path / "images").mkdir()
    categories = ["tops", "bottoms", "shoes"]
    for item in range(10, 15):
        save_picture(
            tmp_path / "images" / f"{item}.jpg", np.full((9, 9, 3), item / 20)
        )
    sets = [
        {
            "set_id": str(name),
            "items": [
                {"item_id": str(10 + 3 * name + n), "index": n + 1}
                for n in range(3)
            ],
        }
        for name in (0, 1)
    ]
    files = {
        "polyvore_item_metadata.json": {
            str(10 + n): {"semantic_category": categories[n % 3]}
            for n in range(6)
        },
        "disjoint/test.json": sets,
        "disjoint/fill_in_blank_test.json": [
            {
                "question": ["0_1", "0_3"],
                "answers": ["1_2", "0_2"],
                "blank_position": 2,
            },
            {"question": ["1_1"], "answers": ["1_3", "0_3"]},
        ],
    }
    (tmp_path / "disjoint").mkdir()
    for name, content in files.items():
        (tmp_path / name).write_text(json.dumps(content))
    lines = "1 0_1 0_2 0_3\n0 0_1 1_2\n1 1_1 1_3\n"
    (tmp_path / "disjoint" / "compatibility_test.txt").write_text(lines)
    return tmp_path


def test_files(made):
    items, found = polyvore(made, "test", 8, "disjoint")
    assert items.info["item"].tolist() == ["10", "11", "12", "13", "14"]
    assert items.class_names["category"] == ["bottoms", "shoes", "tops"]
    assert items.y().tolist() == [2, 0, 1, 2, 0]
    np.testing.assert_allclose(
        items.array().mean(axis=(1, 2, 3)), np.arange(10, 15) / 20, atol=0.01
    )
    # Without the picture of item 15, a pair remains of the second outfit, and
    # nothing of what had only one item beside it.
    assert found == {
        "outfits": [[0, 1, 2], [3, 4]],
        "right": [[0, 1, 2]],
        "wrong": [[0, 4]],
        "questions": [{"items": [0, 2], "choices": [1, 4]}],
    }


def test_without_questions(made):
    for name in ("compatibility_test.txt", "fill_in_blank_test.json"):
        (made / "disjoint" / name).unlink()
    _, found = polyvore(made, "test", 8, "disjoint")
    assert found["questions"] == found["right"] == found["wrong"] == []


def test_wrong_folders(made):
    with pytest.raises(ValueError, match="JSON file.*nondisjoint"):
        polyvore(made, "test")
    with pytest.raises(ValueError, match="kind='some'"):
        polyvore(made, "test", kind="some")
    with pytest.raises(ValueError, match="split='all'"):
        polyvore(made, "all")
    lines = made / "disjoint" / "compatibility_test.txt"
    lines.write_text("1 0_9 0_1\n")
    with pytest.raises(ValueError, match="No outfit has an item '0_9'"):
        polyvore(made, "test", 8, "disjoint")
    (made / "polyvore_item_metadata.json").write_text("{}")
    with pytest.raises(ValueError, match="no '10'"):
        polyvore(made, "test", 8, "disjoint")
    (made / "polyvore_item_metadata.json").write_text("[")
    with pytest.raises(ValueError, match="JSON file"):
        polyvore(made, "test", 8, "disjoint")
