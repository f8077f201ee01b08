"""The wheel holds all that belongs to the package, and works alone."""

import pathlib
import shutil
import zipfile

import pytest
from test_case import run_python

ROOT = pathlib.Path(__file__).resolve().parents[1]
NOT_BUILT_FROM = (".git", ".venv", "build", "dist", "*.egg-info", "results")

LOAD_PRESETS = """
import keras
import keras_vipa
from keras_vipa.applications import weights

print(keras_vipa.__file__)
for name, entry in weights.WEIGHTS.items():
    if entry["file"].endswith(".keras"):
        assert isinstance(weights.load_model(name), keras.Model), name
    elif name.startswith("din"):
        keras_vipa.applications.DIN(entry["variant"], weights=name)
    elif "vocabularies" in entry:
        keras_vipa.applications.CSSMCM(weights=name)
print(len(weights.WEIGHTS))
"""

pytestmark = [pytest.mark.slow, pytest.mark.tensorflow]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Path of a wheel that is built from a copy of the tree."""
    folder = tmp_path_factory.mktemp("wheel")
    ignore = shutil.ignore_patterns("__pycache__", *NOT_BUILT_FROM)
    shutil.copytree(ROOT, folder / "tree", ignore=ignore)
    options = ("--no-deps", "--no-build-isolation", "--no-index")
    run_python(
        *("-m", "pip", "wheel", *options, "--wheel-dir", folder, "."),
        cwd=folder / "tree",
    )
    (path,) = folder.glob("*.whl")
    return path


def test_wheel_holds_all_files(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    weights = sorted((ROOT / "saved_models").iterdir())
    modules = sorted((ROOT / "keras_vipa").rglob("*.*"))
    expected = {f"keras_vipa/saved_models/{path.name}" for path in weights}
    expected |= {
        path.relative_to(ROOT).as_posix()
        for path in modules
        if path.is_file() and path.suffix != ".pyc"
    }
    assert "keras_vipa/saved_models/README.md" in expected
    assert sorted(expected - names) == []


def test_wheel_holds_nothing_else(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top.split("-")[0] for top in tops} == {"keras_vipa"}


def test_installed_wheel_loads_all_presets(wheel, tmp_path):
    target = tmp_path / "installed"
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    options = ("--no-deps", "--no-index", "--target", target)
    run_python("-m", "pip", "install", *options, wheel, cwd=elsewhere)
    printed = run_python(
        "-c", LOAD_PRESETS, cwd=elsewhere, path=target, timeout=600
    )
    file, count = printed.split()
    assert pathlib.Path(file).is_relative_to(target)
    assert int(count) > 0
