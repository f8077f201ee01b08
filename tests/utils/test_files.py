"""Tests of files that are whole or not there, and replace nothing else."""

import os

import pytest

from keras_vipa.utils.files import check_target
from keras_vipa.utils.files import kind_of
from keras_vipa.utils.files import written_beside
from keras_vipa.utils.files import written_together


def names(folder):
    return sorted(path.name for path in folder.iterdir())


class TestBeside:
    def test_whole_or_not_at_all(self, tmp_path):
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
        assert names(tmp_path) == ["note.txt", "usual.txt"]

    def test_permissions_stay(self, tmp_path):
        path = tmp_path / "note.txt"
        path.write_text("first")
        path.chmod(0o640)
        with written_beside(path) as part:
            part.write_text("second")
        assert path.stat().st_mode & 0o777 == 0o640
        assert path.read_text() == "second"

    def test_a_link_is_followed(self, tmp_path):
        (tmp_path / "there").mkdir()
        target, link = tmp_path / "there" / "target.txt", tmp_path / "link.txt"
        link.symlink_to(target)
        for content in ("first", "second"):
            with written_beside(link) as part:
                part.write_text(content)
            assert link.is_symlink() and target.read_text() == content
        assert names(tmp_path / "there") == ["target.txt"]

    @pytest.mark.parametrize("kind", ["folder", "full folder", "pipe", "other"])
    def test_something_else_is_there(self, tmp_path, kind):
        path = tmp_path / "a.png"
        if kind == "pipe":
            os.mkfifo(path)
        elif kind == "other":
            path.write_bytes(b"\x89PNG\r\n")
        else:
            path.mkdir()
        if kind == "full folder":
            (path / "precious").write_text("kept")
        before = path.stat().st_ino
        with pytest.raises(ValueError, match="Received: path='.*a.png'"):
            with written_beside(path) as part:
                part.write_text("text")
        assert path.stat().st_ino == before
        assert names(tmp_path) == ["a.png"]
        assert kind != "full folder" or names(path) == ["precious"]

    def test_a_file_that_became_a_folder_meanwhile(self, tmp_path):
        path = tmp_path / "a.txt"
        with pytest.raises(OSError), written_beside(path) as part:
            part.write_text("text")
            path.mkdir()
        assert names(tmp_path) == ["a.txt"] and path.is_dir()

    def test_the_folder_must_be_there(self, tmp_path):
        with pytest.raises(ValueError, match="folder of a file must exist"):
            check_target(tmp_path / "none" / "a.txt")

    def test_errors_name_the_file_itself(self, tmp_path):
        path = tmp_path / "a.txt"
        with pytest.raises(OSError) as error, written_beside(path) as part:
            raise OSError(f"cannot write {part}")
        assert str(error.value) == f"cannot write {path}"


class TestFolders:
    def write(self, path, content):
        with written_beside(path, marker="marker") as part:
            part.mkdir()
            (part / "marker").write_text("")
            (part / content).write_text("")

    def test_one_of_its_kind_is_replaced(self, tmp_path):
        path = tmp_path / "model"
        for content in ("first", "second"):
            self.write(path, content)
            assert names(path) == sorted([content, "marker"])
        assert names(tmp_path) == ["model"]

    @pytest.mark.parametrize("content", ["precious", None])
    def test_nothing_else_is(self, tmp_path, content):
        path = tmp_path / "model"
        path.mkdir()
        if content:
            (path / content).write_text("kept")
        with pytest.raises(ValueError, match="Only a folder with marker"):
            self.write(path, "new")
        assert names(path) == [content] * bool(content)


class TestTogether:
    def test_all_or_none(self, tmp_path):
        for content in ("first", "second"):
            with written_together(tmp_path) as folder:
                (folder / "a.txt").write_text(content)
                (folder / "b.txt").write_text(content)
                assert content == "second" or names(tmp_path) == [folder.name]
        with pytest.raises(RuntimeError), written_together(tmp_path) as folder:
            (folder / "a.txt").write_text("third")
            raise RuntimeError
        assert names(tmp_path) == ["a.txt", "b.txt"]
        for name in ("a.txt", "b.txt"):
            assert (tmp_path / name).read_text() == "second"

    def test_none_if_one_cannot_be_written(self, tmp_path):
        (tmp_path / "b.txt").mkdir()
        with pytest.raises(ValueError, match="b.txt"):
            with written_together(tmp_path) as folder:
                (folder / "a.txt").write_text("new")
                (folder / "b.txt").write_text("new")
        assert names(tmp_path) == ["b.txt"]


@pytest.mark.parametrize(
    "content, kind",
    [
        (b"", None),
        (b"\x89PNG\r\n\x1a\n", "PNG"),
        (b"PK\3\4rest", "zip"),
        (b"\x89HDF\r\n", "HDF5"),
        (b"\x1c\0\0\0TFL3", "LiteRT"),
        (b'{"a": 1}\n', "text"),
        ("ä".encode() * 300, "text"),
        (b"\0\1\2\3\4\5\6\7", "other"),
        (b"\xff\xfe\xfd\xfc\xfb", "other"),
    ],
)
def test_kind_of(tmp_path, content, kind):
    (tmp_path / "file").write_bytes(content)
    assert kind_of(tmp_path / "file") == kind
