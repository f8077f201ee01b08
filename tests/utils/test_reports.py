import json
import pathlib

import keras
import numpy as np
import pytest

from keras_vipa.utils import reports


class TestTable:
    def test_by_hand(self):
        rows = [
            {"model": "student", "joint": "85.1", "n": 7},
            {"model": "a", "joint": "", "n": -12},
        ]
        assert reports.format_table(rows) == (
            "| model   | joint | n   |\n"
            "| ------- | ----- | --- |\n"
            "| student |  85.1 |   7 |\n"
            "| a       |       | -12 |"
        )

    def test_a_cell_that_is_wider_than_its_head(self):
        assert reports.format_table([{"x": "conv_1"}]) == (
            "| x      |\n| ------ |\n| conv_1 |"
        )


class TestReport:
    def test_content(self, tmp_path):
        path = tmp_path / "report.json"
        reports.write_report(
            path, {"size": 8}, [0, 1], [{"joint": 0.5}], note="none"
        )
        report = json.loads(path.read_text())
        assert report["arguments"] == {"size": 8}
        assert report["seeds"] == [0, 1]
        assert report["results"] == [{"joint": 0.5}]
        assert report["note"] == "none"
        assert report["versions"] == reports.versions()
        assert list(tmp_path.iterdir()) == [path]

    def test_what_json_does_not_know_is_written_as_text(self, tmp_path):
        path = str(tmp_path / "report.json")
        arguments = {"output": pathlib.Path("results")}
        reports.write_report(path, arguments, [0], [])
        report = json.loads(pathlib.Path(path).read_text())
        assert report["arguments"] == {"output": "results"}

    def test_failure_leaves_what_was_there(self, tmp_path):
        path = tmp_path / "report.json"
        circular = {}
        circular["self"] = circular
        with pytest.raises(ValueError, match="Circular"):
            reports.write_report(path, circular, [0], [])
        assert list(tmp_path.iterdir()) == []
        reports.write_report(path, {}, [0], [])
        before = path.read_text()
        with pytest.raises(ValueError, match="Circular"):
            reports.write_report(path, circular, [1], [])
        assert path.read_text() == before
        assert list(tmp_path.iterdir()) == [path]

    def test_versions(self):
        versions = reports.versions()
        assert versions["keras"] == keras.__version__
        assert versions["numpy"] == np.__version__
        assert versions["python"].count(".") == 2


class TestText:
    def test_content(self, tmp_path):
        path = tmp_path / "table.md"
        for text in ("| size |\n", "Größe 8 × 8\n"):
            reports.write_text(path, text)
            assert path.read_text(encoding="utf-8") == text
        reports.write_text(str(path), "")
        assert path.read_bytes() == b""
        assert list(tmp_path.iterdir()) == [path]

    def test_failure_leaves_what_was_there(self, tmp_path):
        path = tmp_path / "table.md"
        reports.write_text(path, "before")
        # Half a character, which no file can hold.
        with pytest.raises(UnicodeEncodeError):
            reports.write_text(path, "after \ud800")
        assert path.read_text() == "before"
        assert list(tmp_path.iterdir()) == [path]

    def test_missing_folder(self, tmp_path):
        with pytest.raises(ValueError, match="must exist"):
            reports.write_text(tmp_path / "none" / "table.md", "text")
