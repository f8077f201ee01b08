import warnings

import numpy as np
import pytest
from PIL import Image

from keras_vipa.datasets import folder


def put(path, colour="red", size=(12, 8)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path)


@pytest.fixture(autouse=True)
def warnings_are_errors():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def test_without_sub_folders(tmp_path):
    for name, colour in (
        ("b.png", "blue"),
        ("a.bmp", "red"),
        ("c.PNG", "lime"),
    ):
        put(tmp_path / name, colour)
    pictures = folder(tmp_path)
    assert pictures.info["path"].tolist() == ["a.bmp", "b.png", "c.PNG"]
    assert pictures.images.shape == (3, 8, 12, 3)
    assert pictures.images[:, 0, 0].tolist() == [
        [255, 0, 0],
        [0, 0, 255],
        [0, 255, 0],
    ]
    assert pictures.labels == {} and pictures.label is None
    assert pictures.name == tmp_path.name


def test_sub_folders_are_classes(tmp_path):
    put(tmp_path / "zebra" / "1.png", "blue")
    put(tmp_path / "ant" / "deep" / "er" / "2.png", "red")
    put(tmp_path / "ant" / "1.png", "lime")
    put(tmp_path / "loose.png", "white")
    (tmp_path / "empty").mkdir()
    pictures = folder(str(tmp_path))
    assert pictures.info["path"].tolist() == [
        "ant/1.png",
        "ant/deep/er/2.png",
        "loose.png",
        "zebra/1.png",
    ]
    assert pictures.class_names["class"] == ["ant", "empty", "zebra"]
    assert pictures.label == "class"
    assert pictures.y().tolist() == [0, 0, -1, 2]


def test_size(tmp_path):
    put(tmp_path / "a.png", size=(30, 20))
    put(tmp_path / "b.png", size=(7, 90))
    assert folder(tmp_path, size=16).images.shape == (2, 16, 16, 3)
    assert folder(tmp_path, size=(10, 20)).images.shape == (2, 10, 20, 3)
    assert (folder(tmp_path, size=16).images == [255, 0, 0]).all()
    with pytest.raises(ValueError, match="pass `size`.*a.png.*b.png"):
        folder(tmp_path)
    with pytest.raises(ValueError, match="Received: size=0"):
        folder(tmp_path, size=0)


def test_hidden_names_are_left_out(tmp_path):
    put(tmp_path / "cat" / "a.png")
    put(tmp_path / ".thumbnails" / "a.png")
    (tmp_path / "cat" / ".DS_Store").write_bytes(b"x")
    pictures = folder(tmp_path)
    assert pictures.info["path"].tolist() == ["cat/a.png"]
    assert pictures.class_names["class"] == ["cat"]


def test_unreadable_files_are_named_once(tmp_path, monkeypatch):
    put(tmp_path / "good" / "1.png", "blue")
    put(tmp_path / "good" / "3.png", "lime")
    (tmp_path / "good" / "2.png").write_bytes(b"\x89PNG\r\n\x1a\nrubbish")
    (tmp_path / "notes.txt").write_text("hello")
    put(tmp_path / "huge.png", size=(200, 200))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 30_000)
    with pytest.warns(UserWarning) as caught:
        pictures = folder(tmp_path)
    assert len(caught) == 1
    message = str(caught[0].message)
    assert "3 unreadable" in message
    for name in ("good/2.png", "notes.txt", "huge.png"):
        assert name in message
    assert caught[0].filename == __file__
    assert pictures.info["path"].tolist() == ["good/1.png", "good/3.png"]
    assert pictures.images[:, 0, 0].tolist() == [[0, 0, 255], [0, 255, 0]]
    with pytest.raises(ValueError, match="2.png"):
        folder(tmp_path, strict=True)


def test_a_long_list_is_cut(tmp_path):
    put(tmp_path / "a.png")
    for i in range(25):
        (tmp_path / f"n{i:02}.txt").write_text("x")
    with pytest.warns(UserWarning, match=r"n00.txt.*n19.txt and 5 more$"):
        folder(tmp_path)


def test_nothing_to_read(tmp_path):
    with pytest.raises(ValueError, match=r"Received: path=.*with 0 file"):
        folder(tmp_path)
    with pytest.raises(ValueError, match="must be a folder. Received"):
        folder(tmp_path / "missing")
    (tmp_path / "a.png").write_text("x")
    with pytest.raises(ValueError, match="must be a folder. Received"):
        folder(tmp_path / "a.png")
    with pytest.warns(UserWarning, match="a.png"):
        with pytest.raises(ValueError, match="with 1 file"):
            folder(tmp_path)


def test_twice_the_same(tmp_path):
    for i in range(5):
        put(tmp_path / f"{i}.jpg", (40 * i, 9, 9), size=(33, 21))
    first, second = folder(tmp_path, size=8), folder(tmp_path, size=8)
    np.testing.assert_array_equal(first.images, second.images)


def test_links_are_followed_once(tmp_path):
    put(tmp_path / "pets" / "cat" / "1.png")
    put(tmp_path / "elsewhere" / "2.png")
    pets = tmp_path / "pets"
    (pets / "dog").symlink_to(tmp_path / "elsewhere")
    (pets / "all").symlink_to(pets)
    (pets / "cat" / "up").symlink_to(tmp_path)
    images = folder(pets)
    assert images.class_names["class"] == ["cat", "dog"]
    assert images.info["path"][-1] == "dog/2.png"
    assert images.y()[-1] == 1


@pytest.mark.parametrize("path", [None, "", 3, [], 1.5])
def test_what_is_no_path(path):
    with pytest.raises(ValueError, match="`path` must be .*Received: path="):
        folder(path)
