"""What the tests of recipes share."""

import importlib.util
import sys

import pytest
from test_case import ROOT

from keras_vipa.utils import recipe as frame


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
