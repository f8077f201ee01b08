"""What the docstrings and the pages say has to be so, and to work as shown."""

import contextlib
import doctest
import importlib
import io
import itertools
import pathlib
import re
import shlex
from unittest import mock

import keras
import numpy as np
import pytest
from recipe_parsers import parser_of

import keras_vipa
from keras_vipa.applications.weights import WEIGHTS
from keras_vipa.training import PhasedModel

ROOT = pathlib.Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
FOLDERS = tuple("keras_vipa/ recipes/ tests/ saved_models/ colab/ .ci/".split())
FILE_ENDINGS = (".py", ".md", ".toml")
README_LINES = 200
MODULES = [
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for path in sorted((ROOT / "keras_vipa").rglob("*.py"))
    if path.name != "__init__.py"
]
PAGES = [
    path
    for folder in ("", *FOLDERS)
    for path in sorted((ROOT / folder).glob("**/*.md" if folder else "*.md"))
    if path.resolve() == path
]
RECIPES = sorted((ROOT / "recipes").rglob("*.py"))
# Docstrings may use these without importing them.
NAMES = {"keras": keras, "np": np, "keras_vipa": keras_vipa}

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


# What a page consists of.

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)


def read(path):
    return path.read_text(encoding="utf-8")


def name_of(path):
    return path.relative_to(ROOT).as_posix()


def python_blocks(text):
    return [block for kind, block in FENCE.findall(text) if kind == "python"]


def command_lines(block):
    """Commands of a shell block; one may go on after a backslash."""
    lines = block.replace("\\\n", " ").splitlines()
    return [line for line in lines if line.strip() and line.strip()[0] != "#"]


def without_blocks(text):
    """The text with its fenced blocks blotted out, line by line."""
    return FENCE.sub(lambda m: "~" + "\n~" * m.group().count("\n"), text)


def quoted(text):
    """What stands in backticks, each on one line."""
    return [
        " ".join(words.split())
        for words in re.findall(r"`([^`]+)`", without_blocks(text))
    ]


def commands(text):
    """Commands in shell blocks, in backticks and in indented lines."""
    blocks = [block for kind, block in FENCE.findall(text) if kind != "python"]
    lines = [line for block in blocks for line in command_lines(block)]
    lines += re.findall(r"^    (.*\bpython .*)$", without_blocks(text), re.M)
    return lines + [words for words in quoted(text) if "python " in words]


# The rules. Each takes a text and returns what is wrong with it.


def leftovers(text):
    """Markers of what was to be filled in, and numbers that are none."""
    return re.findall(
        r"@\w+@|\b(?:TODO|FIXME|TBD|XXX)\b|(?<![\w.`])nan(?![\w(`])", text
    )


def broken_tables(text):
    """Tables that touch something else, or whose rows differ in width."""
    lines = ["", *without_blocks(text).splitlines(), ""]
    found, end = [], 0
    for is_row, group in itertools.groupby(lines, lambda x: x.startswith("|")):
        rows = list(group)
        start, end = end, end + len(rows)
        if not is_row:
            continue
        if lines[start - 1].strip() or lines[end].strip():
            found.append(f"line {start}: no empty line around the table")
        rules = [bool(re.fullmatch(r"[|\s:-]*-[|\s:-]*", row)) for row in rows]
        if [n for n, is_rule in enumerate(rules) if is_rule] != [1]:
            found.append(f"line {start}: not one table with one head")
        widths = {len(re.findall(r"(?<!\\)\|", row)) for row in rows}
        if len(widths) > 1:
            found.append(f"line {start}: rows of different widths")
    return found


def headings(text):
    """Where a link into a page can lead to."""
    found = re.findall(r"^#+ (.*)$", without_blocks(text), re.M)
    return {
        re.sub(r"[^\w\- ]", "", line.lower()).replace(" ", "-")
        for line in found
    }


def broken_links(text, path):
    """Links and pictures of a page that lead nowhere."""
    prose = re.sub(r"`[^`]*`", "", without_blocks(text))
    targets = re.findall(r"\]\(\s*([^)\s]+)", prose)
    targets += re.findall(r'(?:src|href)="([^"]+)"', prose)
    found = []
    for target in targets:
        name, _, part = target.partition("#")
        if "://" in target or name.startswith("mailto:"):
            continue
        other = path.parent / name if name else path
        if name and not other.exists():
            found.append(target)
        elif part and part not in headings(read(other) if name else text):
            found.append(target)
    return found


def missing_paths(text, path, root=ROOT):
    """Paths in backticks and shell blocks that do not exist.

    They are seen from the top, or from the page's folder; a name without a
    folder may be anywhere. `*` and `?` stand for any characters.
    """
    words = " ".join([*commands(text), *quoted(text)]).split()
    words = [word.split("#")[0].strip("\"'(),;:").rstrip(".") for word in words]
    found = []
    for word in words:
        if "://" in word or not (
            word.startswith(FOLDERS) or word.endswith(FILE_ENDINGS)
        ):
            continue
        places = [root.glob(word), path.parent.glob(word)]
        if "/" not in word:
            places += [(root / folder).rglob(word) for folder in FOLDERS]
        if not any(True for place in places for _ in place):
            found.append(word)
    return found


def recipes_called(text, root=ROOT):
    """Pairs of the path and the arguments of each recipe in the commands."""
    found = []
    for command in commands(text):
        for part in re.split(r"&&|\|", command):
            words = shlex.split(re.sub(r"[<>]\S+", "", part), comments=True)
            for place, word in enumerate(words):
                if re.match(r"recipes/.*\.py$", word):
                    found.append((root / word, words[place + 1 :]))
    return found


def wrong_commands(text, path, root=ROOT):
    """Commands whose recipe or options do not exist; options out of nowhere."""
    found, options = [], set()
    called = recipes_called(text, root)
    if path.with_suffix(".py").exists():
        called.append((path.with_suffix(".py"), ["--help"]))
    for script, arguments in called:
        known = script.exists() and parser_of(script)
        if not known:
            name = script.relative_to(root).as_posix()
            found.append(f"{name}: no such recipe")
            continue
        parser, _ = known
        options |= set(parser._option_string_actions)
        said = io.StringIO()
        with (
            contextlib.redirect_stderr(said),
            contextlib.redirect_stdout(said),
            # The files of an example are its reader's.
            mock.patch("os.path.isfile", lambda path: True),
            mock.patch("os.path.isdir", lambda path: True),
        ):
            try:
                parser.parse_intermixed_args(arguments)
            except SystemExit as leave:
                if leave.code:
                    found.append(said.getvalue().strip().splitlines()[-1])
    alone = [word.split()[0] for word in quoted(text) if word[:2] == "--"]
    return found + [word for word in alone if called and word not in options]


def decimals(text):
    """Numbers with a point that are measured: not in code, links, versions."""
    prose = re.sub(r"`[^`]*`|\]\([^)]*\)", "", without_blocks(text))
    prose = re.sub(r"(Python|Keras|TensorFlow) \d+(\.\d+)+", "", prose)
    return set(re.findall(r"(?<![\w.])(?<!\w-)\d+\.\d+(?![\w.]*\d)", prose))


def numbers_without_page(text, pages):
    """Numbers of the README that its pages do not have.

    Those in a row of a table have to be on a page that the row links to.
    """
    found = []
    for line in without_blocks(text).splitlines():
        linked = re.findall(r"\]\((recipes/[^)#]+\.md)", line)
        if not (line.startswith("|") and linked):
            linked = pages
        known = set().union(*(decimals(pages[name]) for name in linked))
        found += sorted(decimals(line) - known)
    return found


# They hold everywhere.


@pytest.mark.parametrize("name", MODULES)
def test_doctests(name, tmp_path, monkeypatch, eager):
    monkeypatch.chdir(tmp_path)
    report = run_doctests(importlib.import_module(name))
    assert not report, report


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_page(path):
    text = read(path)
    assert leftovers(text) == []
    assert broken_tables(text) == []
    assert broken_links(text, path) == []
    assert missing_paths(text, path) == []
    assert wrong_commands(text, path) == []


def test_commands_of_recipes_and_weights():
    texts = {
        path: known[0].description or ""
        for path in RECIPES
        if (known := parser_of(path))
    }
    cards = WEIGHTS.items()
    texts |= {ROOT / name: f"`{card['command']}`" for name, card in cards}
    # Names without a folder are those of files that recipes write.
    wrong = {
        name_of(path): [
            *(name for name in missing_paths(text, path) if "/" in name),
            *wrong_commands(text, path),
        ]
        for path, text in texts.items()
    }
    assert {name: found for name, found in wrong.items() if found} == {}


def test_readme_is_a_page():
    text = read(README)
    assert len(text.splitlines()) <= README_LINES
    _, first = FENCE.findall(text)[0]
    assert len(command_lines(first)) == 2
    pages = {name_of(p): read(p) for p in PAGES if p.parent.name == "recipes"}
    assert [name for name in pages if f"]({name}" not in text] == []
    assert numbers_without_page(text, pages) == []


@pytest.fixture
def small_data(monkeypatch, eager):
    """A few digits, small pictures and short trainings."""
    datasets = keras_vipa.datasets
    digits = datasets.digits().select(slice(24))
    samples = {
        kind: {name: picture[:64, :64] for name, picture in pictures.items()}
        for kind, pictures in datasets.style_samples().items()
    }
    monkeypatch.setattr(datasets, "digits", lambda split: digits)
    monkeypatch.setattr(datasets, "style_samples", lambda: samples)
    fit_stages = PhasedModel.fit_stages

    def fit_once(self, data, epochs, *more, **options):
        once = dict.fromkeys(epochs, 1)
        return fit_stages(self, data, once, *more, **options)

    monkeypatch.setattr(PhasedModel, "fit_stages", fit_once)


@pytest.mark.parametrize(
    "path", [path for path in PAGES if python_blocks(read(path))], ids=name_of
)
def test_python_of_page(path, tmp_path, monkeypatch, small_data):
    monkeypatch.chdir(tmp_path)
    for number, block in enumerate(python_blocks(read(path))):
        code = compile(block, f"{path.name}, block {number}", "exec")
        exec(code, {"__name__": f"block_{number}"})


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


def test_leftovers_are_found():
    assert leftovers("a@b.c, `np.nan`, nanometres, np.nan, P@1 and P@3") == []
    assert leftovers("@B2@\nTODO nan ± nan") == ["@B2@", "TODO", "nan", "nan"]


def test_broken_tables_are_found():
    table = "| a | b |\n| --- | :-- |\n| 1 | x \\| y |\n"
    block = "```\n| a |\n```\n"
    assert broken_tables(f"Text.\n\n{table}\n{block}\n{table}") == []
    for wrong, count in (
        (f"Text.\n{table}", 1),
        (table + block, 1),
        (table + "| 1 |\n", 1),
        (table + table, 1),
        (table + "| a |\n| --- |\n", 2),
        ("| a | b |\n| 1 | 2 |\n", 1),
    ):
        assert len(broken_tables(wrong)) == count, wrong


PAGE = """# A page, `really`

See `recipes/a.py --old`, [this](b.md#part-2), `recipes/*.py`, `c.py`, `--old`,
`keras.Model`, `report.json` and [that](https://keras.io/recipes/c.py).
Then `recipes/`, and ![one](a.png), and [here](#a-page-really). Here `python
recipes/a.py x --new 2`.

```bash
# A comment.
python recipes/a.py x \\
  --old <in >out && A=1 python recipes/a.py y

pip install .
```

```python
path = "recipes/made_here.py"
```
"""


@pytest.fixture
def page(tmp_path):
    """The path of a page of a tree with a recipe."""
    (tmp_path / "recipes").mkdir()
    (tmp_path / "recipes" / "a.png").touch()
    (tmp_path / "recipes" / "b.md").write_text("# One\n\n## Part 2\n")
    (tmp_path / "recipes" / "c.py").touch()
    (tmp_path / "recipes" / "a.py").write_text(
        '"""Say."""\n\n'
        "from keras_vipa.utils import recipe\n\n\n"
        "def options(add):\n"
        '    add("x")\n'
        '    add("--old", action="store_true")\n'
        '    add("--new", type=int)\n\n\n'
        "def main(arguments):\n    raise AssertionError\n\n\n"
        'if __name__ == "__main__":\n'
        "    recipe.run(main, options, seeds=None, smoke={})\n"
    )
    return tmp_path / "recipes" / "page.md"


@pytest.mark.parametrize(
    "old, new",
    [
        ("b.md#part-2", "b.md#part-3"),
        ("(b.md", "(a.md"),
        ("a.png", "b.png"),
        ("#a-page-really", "#a-page"),
    ],
)
def test_broken_links_are_found(page, old, new):
    assert broken_links(PAGE, page) == []
    assert len(broken_links(PAGE.replace(old, new), page)) == 1


@pytest.mark.parametrize(
    "old, new",
    [
        ("`recipes/*.py`", "`recipes/*.toml`"),
        ("`c.py`", "`d.py`"),
        ("`recipes/`", "`colab/`"),
        ("/a.py x \\", "/b.py x \\"),
    ],
)
def test_missing_paths_are_found(page, old, new):
    root = page.parents[1]
    assert missing_paths(PAGE, page, root) == []
    assert len(missing_paths(PAGE.replace(old, new), page, root)) == 1


@pytest.mark.parametrize(
    "old, new, what",
    [
        ("a.py x \\", "b.py x \\", "recipes/b.py: no such recipe"),
        ("a.py x \\", "c.py x \\", "recipes/c.py: no such recipe"),
        ("  --old", "  --ol", "unrecognized arguments: --ol"),
        ("a.py y", "a.py", "arguments are required: x"),
        ("--new 2", "--new two", "must be an integer"),
        ("`--old`", "`--seeds 0`", "--seeds"),
    ],
)
def test_wrong_commands_are_found(page, old, new, what):
    root = page.parents[1]
    good = PAGE.replace("`recipes/a.py --old`, ", "")
    assert wrong_commands(good + "`--smoke`", page, root) == []
    (found,) = wrong_commands(good.replace(old, new), page, root)
    assert what in found


def test_numbers_without_page_are_found():
    pages = {"recipes/a.md": "| 1.50 ± 0.2 |", "recipes/b.md": "2.25 %"}
    text = """Python 3.11, `1.25`, 20, [x](a.com/1.75), Apache-2.0 and 2.25.

| page | value |
| --- | --- |
| [a](recipes/a.md) | 1.50 |
"""
    assert numbers_without_page(text, pages) == []
    assert numbers_without_page(text + "1.5 and 12.25", pages) == [
        "1.5",
        "12.25",
    ]
    assert numbers_without_page(text.replace("1.50", "2.25"), pages)
