"""What the docstrings and the README show has to work as shown."""

import doctest
import importlib
import pathlib
import re

import keras
import numpy as np
import pytest

import keras_vipa

ROOT = pathlib.Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
MODULES = [
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for path in sorted((ROOT / "keras_vipa").rglob("*.py"))
    if path.name != "__init__.py"
]
# Docstrings may use these without importing them.
NAMES = {"keras": keras, "np": np, "keras_vipa": keras_vipa}
FOLDERS = tuple("keras_vipa/ recipes/ tests/ saved_models/ colab/ .ci/".split())
FILE_ENDINGS = (".py", ".md", ".toml")

pytestmark = pytest.mark.tensorflow


def run_doctests(module):
    """Run all examples of a module; returns what the failing ones wrote."""
    runner = doctest.DocTestRunner(
        verbose=False,
        optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE,
    )
    report = []
    for test in doctest.DocTestFinder().find(module, extraglobs=NAMES):
        runner.run(test, out=report.append)
    return "".join(report)


def fenced_blocks(text):
    """Pairs of the language and the text of each fenced block."""
    return re.findall(r"^```(\w*)\n(.*?)^```$", text, re.M | re.S)


def command_lines(block):
    """Commands of a shell block; one may go on after a backslash."""
    lines = block.replace("\\\n", " ").splitlines()
    return [line for line in lines if line.strip() and line.strip()[0] != "#"]


def mentioned_paths(text):
    """Paths of the repository in links, in backticks and in shell blocks."""
    blocks = [block for kind, block in fenced_blocks(text) if kind != "python"]
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)
    quoted = re.findall(r"`([^`]+)`", prose)
    links = re.findall(r"\]\(([^)\s]+)", prose)
    images = re.findall(r'(?:src|href)="([^"]+)"', prose)
    words = " ".join([*blocks, *quoted, *links, *images]).split()
    words = [word.split("#")[0].strip("\"'(),;:") for word in words]
    words = [word.rstrip(".") for word in words]
    return {
        word
        for word in words
        if "://" not in word
        and (word.startswith(FOLDERS) or word.endswith(FILE_ENDINGS))
    }


def missing_paths(text, root):
    """Those that do not exist; `*` and `?` stand for any characters."""
    return sorted(p for p in mentioned_paths(text) if not any(root.glob(p)))


def readme():
    return README.read_text(encoding="utf-8")


def python_blocks():
    """The README's Python blocks; none as long as there is no README."""
    text = readme() if README.exists() else ""
    return [block for kind, block in fenced_blocks(text) if kind == "python"]


@pytest.mark.parametrize("name", MODULES)
def test_doctests(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    report = run_doctests(importlib.import_module(name))
    assert not report, report


def test_readme_starts_with_two_commands():
    _, first = fenced_blocks(readme())[0]
    assert len(command_lines(first)) == 2


def test_readme_shows_python():
    assert python_blocks()


@pytest.mark.parametrize("number", range(len(python_blocks())))
def test_readme_python(number, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(ROOT)
    code = compile(python_blocks()[number], f"README block {number}", "exec")
    exec(code, {"__name__": f"readme_{number}"})


def test_readme_paths_exist():
    assert missing_paths(readme(), ROOT) == []


# The checks find what they are there to find.


def test_failing_doctest_is_found(tmp_path, monkeypatch):
    (tmp_path / "made_examples.py").write_text(
        '"""Say.\n\n>>> int(np.add(1, 1))\n2\n>>> [1, 2]\n[1, ...]\n"""'
    )
    monkeypatch.syspath_prepend(tmp_path)
    module = importlib.import_module("made_examples")
    assert run_doctests(module) == ""
    module.__doc__ = ">>> int(np.add(1, 1))\n3\n"
    assert "Expected:\n    3\nGot:\n    2" in run_doctests(module)


def test_readme_checks(tmp_path):
    (tmp_path / "recipes").mkdir()
    (tmp_path / "recipes" / "a.py").touch()
    text = """
See `recipes/a.py --smoke`, [this](recipes/a.py#part), `recipes/*.py`,
`keras.Model`, `report.json` and [that](https://keras.io/recipes/c.py).
Then `recipes/`.

```bash
# A comment.
python recipes/a.py \\
  --smoke

pip install .
```

```python
path = "recipes/made_here.py"
```
"""
    (shell, commands), (python, _) = fenced_blocks(text)
    assert (shell, python) == ("bash", "python")
    assert len(command_lines(commands)) == 2
    assert missing_paths(text, tmp_path) == []
    for wrong in ("`recipes/b.py`", "[x](recipes/b)", "`b.md`", "`colab/`"):
        assert missing_paths(text + wrong, tmp_path)
    assert missing_paths(text.replace("/a.py \\", "/b.py \\"), tmp_path)
