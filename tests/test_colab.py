"""Notebooks are what the builder makes of the tutorials, which run."""

import json
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

from colab import build_notebooks

ROOT = pathlib.Path(__file__).resolve().parents[1]
COLAB = ROOT / "colab"
TUTORIALS = sorted(COLAB.glob("[0-9]*_*.py"))

SOURCE = '''"""
# A title

With a formula.
"""

import math

NAME = """a string
that is used"""


def area(r):
    """Not a cell."""
    return math.pi * r**2
r"""
## $\\alpha$
"""
"""
Twice in a row, and é.
"""

# A comment stays.
area(2)
'''

CELLS = [
    ("code", '%pip install -q "keras_vipa[lite]"'),
    ("markdown", "# A title\n\nWith a formula."),
    (
        "code",
        'import math\n\nNAME = """a string\nthat is used"""\n\n\n'
        'def area(r):\n    """Not a cell."""\n    return math.pi * r**2',
    ),
    ("markdown", "## $\\alpha$"),
    ("markdown", "Twice in a row, and é."),
    ("code", "# A comment stays.\narea(2)"),
]


@pytest.fixture
def folder(tmp_path):
    """A folder with the builder, one tutorial, and a script that is none."""
    shutil.copy(COLAB / "build_notebooks.py", tmp_path)
    (tmp_path / "01_title.py").write_text(SOURCE, encoding="utf-8")
    (tmp_path / "helper.py").write_text("1\n")
    return tmp_path


def run_builder(folder, *arguments):
    return subprocess.run(
        [sys.executable, folder / "build_notebooks.py", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_cells_of_a_tutorial():
    content = json.loads(build_notebooks.notebook(SOURCE))
    cells = [(c["cell_type"], "".join(c["source"])) for c in content["cells"]]
    assert cells == CELLS


def test_notebook_format():
    content = json.loads(build_notebooks.notebook(SOURCE))
    assert (content["nbformat"], content["nbformat_minor"]) == (4, 5)
    assert content["metadata"]["kernelspec"]["name"] == "python3"
    for i, cell in enumerate(content["cells"]):
        assert cell["id"] == f"cell-{i}"
        assert cell["metadata"] == {}
        if cell["cell_type"] == "code":
            assert cell["outputs"] == []
            assert cell["execution_count"] is None
        else:
            assert set(cell) == {"cell_type", "id", "metadata", "source"}
    assert content["cells"][1]["source"][0] == "# A title\n"


def test_build_then_check(folder):
    assert run_builder(folder).returncode == 0
    written = (folder / "01_title.ipynb").read_text(encoding="utf-8")
    assert written == build_notebooks.notebook(SOURCE)
    assert sorted(folder.glob("*.ipynb")) == [folder / "01_title.ipynb"]
    result = run_builder(folder, "--check")
    assert (result.returncode, result.stdout) == (0, "")
    # Nothing to do is nothing done.
    assert run_builder(folder).stdout == ""


@pytest.mark.parametrize("notebook", ["{}", None])
def test_check_names_what_differs_and_writes_nothing(folder, notebook):
    run_builder(folder)
    path = folder / "01_title.ipynb"
    path.unlink() if notebook is None else path.write_text(notebook)
    result = run_builder(folder, "--check")
    assert (result.returncode, result.stdout) == (1, "01_title.ipynb differs\n")
    assert path.exists() == (notebook is not None)
    assert notebook is None or path.read_text() == notebook


def test_notebooks_are_built_from_their_tutorials():
    built = [script.with_suffix(".ipynb") for script in TUTORIALS]
    assert sorted(COLAB.glob("*.ipynb")) == built
    for script, path in zip(TUTORIALS, built):
        expected = build_notebooks.notebook(script.read_text(encoding="utf-8"))
        assert path.read_text(encoding="utf-8") == expected, path.name


@pytest.mark.slow
@pytest.mark.parametrize("script", TUTORIALS, ids=lambda path: path.stem)
def test_tutorial_runs(script, tmp_path):
    environment = {
        **os.environ,
        "MPLBACKEND": "Agg",
        "PYTHONPATH": str(ROOT),
    }
    process = subprocess.run(
        [sys.executable, script],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert process.returncode == 0, process.stdout + process.stderr
