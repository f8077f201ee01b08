"""The frame of recipes, tried on this file as one."""

import errno
import json
import os
import pathlib
import signal

import numpy as np
import pytest

from keras_vipa.utils import recipe


def options(add):
    add("--size", type=int, default=8)
    add("--files", nargs="+", default=[])


@pytest.fixture
def run(monkeypatch, tmp_path):
    """Runs a function as a recipe with these options."""
    monkeypatch.chdir(tmp_path)

    def run(main, *line, **kwargs):
        monkeypatch.setattr("sys.argv", ["python", *map(str, line)])
        # The recipe has the name of the file that its `main` is in.
        recipe.run(main, options, **kwargs)

    return run


def fails(run, capsys, main, *line, **kwargs):
    with pytest.raises(SystemExit) as stop:
        run(main, *line, **kwargs)
    assert stop.value.code == 2
    return capsys.readouterr().err


class TestOptions:
    def test_main_gets_the_arguments(self, run):
        seen = []
        run(lambda args: seen.append(vars(args)))
        run(lambda args: seen.append(vars(args)), "--size", 3, "--seeds", 4, 5)
        folder = pathlib.Path("results/test_recipe")
        expected = {"size": 8, "files": [], "seeds": [0], "output": folder}
        assert seen == [expected, {**expected, "size": 3, "seeds": [4, 5]}]

    def test_smoke_changes_what_is_not_given(self, run):
        smoke, seen = {"size": 1, "files": ["small"]}, []

        def main(args):
            seen.append((args.size, args.files, args.smoke))

        for line in ([], ["--smoke"], ["--size", 3, "--smoke"]):
            run(main, *line, smoke=smoke)
        assert seen == [
            (8, [], False),
            (1, ["small"], True),
            (3, ["small"], True),
        ]

    def test_names_that_begin_with_a_dash(self, run, monkeypatch):
        seen = []

        def more(add):
            options(add)
            add("pictures", nargs="*")

        line = ["python", "a", "--size", "3", "--", "-x", "-", "b"]
        monkeypatch.setattr("sys.argv", line)
        recipe.run(lambda args: seen.append(args), more)
        assert seen[0].pictures == ["a", "./-x", "-", "b"]
        assert seen[0].size == 3

    def test_a_recipe_without_seeds_or_folder(self, run, tmp_path):
        seen = []
        run(lambda args: seen.append(vars(args)), seeds=None, folder=False)
        assert seen == [{"size": 8, "files": []}]
        assert list(tmp_path.iterdir()) == []

    def test_help(self, run, capsys):
        with pytest.raises(SystemExit) as stop:
            run(lambda args: None, "--help", smoke={"size": 1})
        assert stop.value.code == 0
        text = capsys.readouterr().out
        assert text.startswith("usage: test_recipe.py ")
        assert "The frame of recipes, tried on this file as one." in text
        for option in ("--size", "--seeds", "--output", "--smoke"):
            assert option in text


class TestErrors:
    @pytest.mark.parametrize(
        "error, line",
        [
            (ValueError("one\n  line.  Received: 3"), "one line. Received: 3"),
            (FileNotFoundError("no folder"), "no folder"),
            (OSError(errno.ENOSPC, "at 96"), os.strerror(errno.ENOSPC)),
            (ImportError("install it"), "install it"),
            (FloatingPointError("not finite"), "not finite"),
            (ValueError(), "ValueError"),
        ],
    )
    def test_what_the_user_can_mend(self, run, capsys, error, line):
        def main(args):
            raise error

        error = fails(run, capsys, main)
        assert error == f"test_recipe.py: error: {line}\n"

    def test_wrong_option(self, run, capsys):
        error = fails(run, capsys, lambda args: None, "--size", "large")
        rule = "argument --size: must be an integer from 1 to 16384"
        assert error == f"test_recipe.py: error: {rule}. Received: 'large'\n"

    def test_our_own_mistakes_are_not_hidden(self, run):
        def main(args):
            raise TypeError("a mistake")

        with pytest.raises(TypeError, match="a mistake"):
            run(main)

    @pytest.mark.parametrize("is_there", [False, True])
    def test_folder_after_an_error(self, run, capsys, tmp_path, is_there):
        """It stays if it was there before, or if something is in it."""
        folder = tmp_path / "output"
        if is_there:
            folder.mkdir()

        def main(args):
            for name in args.files:
                (args.output / name).write_text("")
            raise ValueError("wrong")

        fails(run, capsys, main, "--output", folder)
        assert folder.exists() is is_there
        fails(run, capsys, main, "--output", folder, "--files", "kept")
        assert [path.name for path in folder.iterdir()] == ["kept"]


class TestFolder:
    def test_report(self, run, tmp_path):
        def main(args):
            recipe.write_report(args, [{"joint": 0.5}], note="none")

        run(main, "--output", tmp_path / "output", "--seeds", 1, 2)
        (path,) = (tmp_path / "output").iterdir()
        report = json.loads(path.read_text())
        assert path.name == "report.json"
        assert report["arguments"]["size"] == 8
        assert report["arguments"]["output"] == str(tmp_path / "output")
        assert report["seeds"] == [1, 2]
        assert report["results"] == [{"joint": 0.5}]
        assert report["note"] == "none"
        assert report["versions"]["numpy"] == np.__version__

    def test_backup_is_found_again_and_goes_at_the_end(self, run, capsys):
        seen = []

        def main(args):
            with recipe.backup_folder(args) as folder:
                seen.append((folder, folder.exists()))
                folder.mkdir(parents=True, exist_ok=True)
                if len(seen) < 3:
                    raise ValueError("interrupted")

        fails(run, capsys, main)
        fails(run, capsys, main, "--size", 9)
        run(main)
        (first, _), (other, was_there), (again, is_there) = seen
        assert first == again != other
        assert is_there and not was_there
        assert not again.exists() and other.exists()

    def test_what_was_given_is_not_replaced(self, run, capsys, tmp_path):
        given = tmp_path / "student.keras"
        given.write_text("given")
        line = ["--output", tmp_path, "--files"]
        error = fails(run, capsys, main, *line, given, writes=[given.name])
        assert "results would replace it" in error
        # Nor is a folder that results would come to lie in.
        error = fails(run, capsys, main, *line, tmp_path)
        assert "or lie within" in error
        run(main, *line, given, writes=["other.keras"])
        assert given.read_text() == "given"

    def test_a_folder_in_the_place_of_a_result(self, run, capsys, tmp_path):
        (tmp_path / "report.json").mkdir()
        error = fails(run, capsys, main, "--output", tmp_path)
        assert "does not replace a folder" in error

    def test_the_second_run_into_a_folder_stops(self, run, capsys, tmp_path):
        def main(args):
            error = fails(run, capsys, lambda args: None, "--output", tmp_path)
            assert "Another run writes to this folder" in error
            recipe.write_report(args, [])

        run(main, "--output", tmp_path)
        assert (tmp_path / "report.json").is_file()

    def test_all_results_or_none(self, run, capsys, tmp_path):
        def main(args):
            with recipe.results(args) as folder:
                recipe.write_report(args, [], folder)
                if args.files:
                    raise ValueError("no picture")
                (folder / "report.png").write_text("")

        fails(run, capsys, main, "--files", "none", "--output", tmp_path / "a")
        assert not (tmp_path / "a").exists()
        run(main, "--output", tmp_path / "a")
        assert len(list((tmp_path / "a").iterdir())) == 2


def main(args):
    """A recipe that writes its report."""
    recipe.write_report(args, [])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_ended_by_a_signal(run, tmp_path, number):
    """What is half written goes, and what was there stays."""
    (tmp_path / "report.json").write_text("before")

    def main(args):
        with recipe.results(args) as folder:
            (folder / "report.json").write_text("after")
            signal.raise_signal(number)

    before = signal.getsignal(number)
    with pytest.raises(SystemExit) as stop:
        run(main, "--output", tmp_path)
    assert stop.value.code == 128 + number
    assert (tmp_path / "report.json").read_text() == "before"
    assert len(list(tmp_path.iterdir())) == 1
    assert signal.getsignal(number) == before


def test_interrupted(run, capsys, tmp_path):
    def main(args):
        raise KeyboardInterrupt

    with pytest.raises(SystemExit) as stop:
        run(main, "--output", tmp_path / "new")
    assert stop.value.code == 130
    assert capsys.readouterr().err == "test_recipe.py: interrupted\n"
    assert not (tmp_path / "new").exists()
