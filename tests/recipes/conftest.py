"""What the tests of recipes share."""

import importlib.util
import json
import sys

import numpy as np
import pytest
from test_case import ROOT

from keras_vipa.utils import recipe as frame
from keras_vipa.utils.images import save_picture


@pytest.fixture(scope="session")
def load_recipe():
    """A function that imports a recipe by its name, or an instrument.

    As when a script is run, the modules beside it can be imported meanwhile.
    """

    def load(name):
        (path,) = (ROOT / "recipes").rglob(f"{name}.py")
        spec = importlib.util.spec_from_file_location(name, path)
        recipe = importlib.util.module_from_spec(spec)
        sys.path.insert(0, str(path.parent))
        try:
            spec.loader.exec_module(recipe)
        finally:
            sys.path.remove(str(path.parent))
        return recipe

    return load


@pytest.fixture
def run_recipe(monkeypatch):
    """A function that runs an imported recipe with some options.

    In this process, as the command line would: arguments of
    `keras_vipa.utils.recipe.run` by their names.
    """

    def run(recipe, *options, **arguments):
        monkeypatch.setattr("sys.argv", ["recipe", *map(str, options)])
        frame.run(recipe.main, recipe.options, **arguments)

    return run


@pytest.fixture
def reporting(load_recipe, run_recipe, tmp_path):
    """A function that makes one that runs a recipe; that returns the report.

    For so many epochs a phase, into `output`.
    """

    def make(name, epochs):
        recipe, output = load_recipe(name), tmp_path / "output"

        def run(*options):
            given = "--smoke", "--output", output, *options
            run_recipe(recipe, *given, smoke={"epochs": epochs})
            return json.loads((output / "report.json").read_text())

        return run

    return make


@pytest.fixture
def noise(tmp_path):
    """A folder of twenty pictures of 14 x 14 pixels."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    generator = np.random.default_rng(0)
    for number in range(20):
        picture = generator.integers(0, 256, (14, 14, 3), "uint8")
        save_picture(folder / f"{number:02d}.png", picture)
    return folder


@pytest.fixture
def fails(tmp_path, capsys):
    """A function that runs a recipe that must end with one line.

    Nothing may be left of `output`.
    """

    def check(run, options, message):
        with pytest.raises(SystemExit) as stopped:
            run(*options)
        assert stopped.value.code == 2
        error = capsys.readouterr().err
        assert message in error and error.count("\n") == 1
        assert not (tmp_path / "output").exists()

    return check
