"""What the tests of recipes share."""

import importlib.util

import pytest
from test_case import ROOT


@pytest.fixture(scope="session")
def load_recipe():
    """A function that imports a recipe by its name."""

    def load(name):
        path = ROOT / "recipes" / f"{name}.py"
        spec = importlib.util.spec_from_file_location(name, path)
        recipe = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(recipe)
        return recipe

    return load
