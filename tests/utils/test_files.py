"""Tests of files that are whole or not there."""

import pytest

from keras_vipa.utils.files import written_beside


def test_written_beside(tmp_path):
    path = tmp_path / "note.txt"
    with written_beside(path) as part:
        part.write_bytes(b"first")
        assert not path.exists()
    # The rights of a file that was opened as usual.
    (tmp_path / "usual.txt").write_text("")
    assert path.stat().st_mode == (tmp_path / "usual.txt").stat().st_mode
    with pytest.raises(RuntimeError), written_beside(path) as part:
        part.write_bytes(b"second")
        raise RuntimeError
    assert path.read_bytes() == b"first"
    names = sorted(file.name for file in tmp_path.iterdir())
    assert names == ["note.txt", "usual.txt"]


def test_folders_are_replaced(tmp_path):
    path = tmp_path / "model"
    for content in ("first", "second"):
        with written_beside(path) as part:
            part.mkdir()
            (part / content).write_text("")
    assert [inside.name for inside in path.iterdir()] == ["second"]
