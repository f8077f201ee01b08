"""Whatever is wrong with an option is said in one line, before any work.

Recipes and options enter by themselves, from the parsers.
"""

import pytest
from recipe_parsers import parser_of
from test_case import ROOT

from keras_vipa.utils import types

RECIPES = [
    path
    for path in sorted((ROOT / "recipes").rglob("*.py"))
    if "recipe.run(" in path.read_text(encoding="utf-8")
]
NOT_THERE = "no/such/place"
NUMBERS = ["", "x", "nan", "-1", "1e400", "0x1", "1,5"]
# What is refused, whatever the option is.
BAD = {
    int: [*NUMBERS, "1.5", "0", str(10**12)],
    float: [*NUMBERS, "inf", "-0.5"],
    types.seed: [*NUMBERS, "1.5", str(10**12)],
    None: ["", " "],
}
PLACES = (types.file, types.folder, types.folder_or_tfds)

pytestmark = pytest.mark.tensorflow


def bad_values(action, original):
    """Texts that this option has to refuse."""
    if action.choices:
        return ["", "bogus"]
    if action.type in PLACES:
        return ["", NOT_THERE]
    return BAD.get(original, BAD[None])


def original_types(options):
    """Option -> the type that the recipe itself named."""
    found = {}

    def add(*names, **more):
        found[names[-1].lstrip("-").replace("-", "_")] = more.get("type")

    options(add)
    return found


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_one_line(path, monkeypatch, tmp_path, capsys):
    parser, options = parser_of(path)
    monkeypatch.chdir(tmp_path)
    originals = original_types(options) | {"seeds": types.seed}
    tried = 0
    for action in parser._actions:
        takes_value = action.nargs != 0 and action.option_strings
        if not takes_value:
            continue
        for value in bad_values(action, originals.get(action.dest)):
            line = [f"{action.option_strings[-1]}={value}"]
            if isinstance(action.nargs, int):
                line = [action.option_strings[-1], *[value] * action.nargs]
            with pytest.raises(SystemExit) as stop:
                parser.parse_intermixed_args(line)
                pytest.fail(f"accepted: {line}")
            error = capsys.readouterr().err
            assert stop.value.code == 2, (line, error)
            assert error.count("\n") == 1, (line, error)
            assert action.dest.replace("_", "-") in error, (line, error)
            tried += 1
    assert tried > 3
    assert list(tmp_path.iterdir()) == []


def test_defaults_are_allowed():
    """The rules refuse nothing of what recipes do by themselves."""
    for path in RECIPES:
        parser, _ = parser_of(path)
        for action in parser._actions:
            if action.option_strings and action.default is not None:
                values = action.default
                if not isinstance(values, list | tuple):
                    values = [values]
                for value in values:
                    if action.type and not isinstance(value, bool):
                        action.type(str(value))
