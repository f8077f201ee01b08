"""Every recipe with `--smoke` runs and reports what it did."""

import json
import math
import pathlib
import re
import runpy
import warnings

import pytest
from PIL import Image
from test_case import run_python

ROOT = pathlib.Path(__file__).resolve().parents[2]
RECIPES = [
    path
    for path in sorted((ROOT / "recipes").rglob("*.py"))
    if re.search(
        r"recipe\.run\([^)]*smoke=", path.read_text(encoding="utf-8"), re.S
    )
]

# Sooner done than compiled: few steps, of many operations.
EAGER = {
    "ablate_adaptive",
    "ablate_din",
    "ablate_pictures",
    "ablate_selective",
    "amalgamate_adaptive",
    "amalgamate_branching",
    "amalgamate_common_feature",
    "amalgamate_filtered",
    "check_strokes",
    "compare_calibrations",
    "classify_selectively",
    "compare_lip_readers",
    "compose_outfits",
    "rank_transferability",
    "read_people",
    "train_cssmcm",
    "train_din",
}

pytestmark = pytest.mark.tensorflow


def numbers_in(value):
    """All numbers in a nested structure of lists and dicts."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [number for part in value for number in numbers_in(part)]
    return [value] if isinstance(value, (int, float)) else []


def check_output(folder):
    """Check the report and the pictures that a recipe has written."""
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    assert {"arguments", "versions", "results"} <= set(report)
    assert "seed" in report or "seeds" in report
    assert numbers_in(report["results"])
    assert all(math.isfinite(number) for number in numbers_in(report))
    for path in folder.rglob("*.png"):
        with Image.open(path) as picture:
            picture.load()


def test_there_are_recipes():
    assert RECIPES


# What another test runs whole, with smaller networks of a user's.
TRIED_ELSEWHERE = "amalgamate_"


def marked(path):
    """Benchmarks trace dozens of steps, and tell nothing but their times; most
    studies have the parts of a recipe that is tried."""
    studies = "benchmark_", "compare_", "ablate_"
    is_slow = path.stem.startswith((*studies, TRIED_ELSEWHERE))
    marks = [pytest.mark.slow] if is_slow else []
    return pytest.param(path, id=path.stem, marks=marks)


@pytest.mark.parametrize("recipe", map(marked, RECIPES))
def test_recipe(recipe, tmp_path, monkeypatch, request):
    # Run from elsewhere: nothing may depend on the current folder.
    output = tmp_path / "output"
    output.mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(recipe.parent)
    arguments = [str(recipe), "--smoke", "--output", str(output)]
    monkeypatch.setattr("sys.argv", arguments)
    monkeypatch.setattr("warnings.formatwarning", warnings.formatwarning)
    if recipe.stem in EAGER:
        request.getfixturevalue("eager")
    runpy.run_path(str(recipe), run_name="__main__")
    check_output(output)
    # What a build makes is no picture.
    assert recipe.parent.name == "build" or list(output.rglob("*.png"))
    assert list(tmp_path.iterdir()) == [output]


@pytest.mark.parametrize("name", ["ablate_selective", "compare_partitions"])
def test_studies_find_what_recipes_share(name, tmp_path):
    """As a command, whose folder has no `shared`."""
    path = ROOT / "recipes" / "studies" / f"{name}.py"
    assert "--seeds" in run_python(path, "--help", cwd=tmp_path)


# The check finds what it is there to find.


def write_output(folder, number=0.5, picture=b"", **changes):
    report = {
        "arguments": {"smoke": True},
        "seed": 0,
        "versions": {"keras": "3"},
        "results": {"accuracy": [number]},
    }
    report.update(changes)
    text = json.dumps({k: v for k, v in report.items() if v is not None})
    (folder / "report.json").write_text(text)
    Image.new("RGB", (2, 2)).save(folder / "result.png")
    if picture:
        (folder / "result.png").write_bytes(picture)


def test_good_output(tmp_path):
    write_output(tmp_path)
    check_output(tmp_path)
    write_output(tmp_path, seed=None, seeds=[0, 1, 2])
    check_output(tmp_path)


@pytest.mark.parametrize(
    "fault",
    [
        {"number": math.nan},
        {"number": math.inf},
        {"arguments": None},
        {"seed": None},
        {"versions": None},
        {"results": {}},
        {"picture": b"no picture"},
    ],
)
def test_bad_output(tmp_path, fault):
    write_output(tmp_path, **fault)
    with pytest.raises((AssertionError, OSError)):
        check_output(tmp_path)
