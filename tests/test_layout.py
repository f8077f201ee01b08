"""The rules of the source tree: imports, sizes, names, docstrings.

`python tests/test_layout.py` rewrites the list of public names.
"""

import ast
import importlib
import inspect
import io
import pathlib
import re
import sys
import tokenize

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
GOLDEN = ROOT / "tests" / "golden" / "api.txt"
REGENERATE = "python tests/test_layout.py"

BASE = {"utils", "losses", "metrics", "layers", "training"}
METHODS = {"applications", "amalgamation", "transferability"}
# What each part of the package may import, beside itself. `datasets` and the
# methods do not know one another.
MAY_IMPORT = {
    "utils": set(),
    "losses": {"utils"},
    "metrics": {"utils"},
    "layers": {"utils"},
    "training": {"utils", "losses", "metrics"},
    "datasets": {"utils"},
    "applications": BASE,
    "amalgamation": BASE,
    "transferability": BASE,
    "export": BASE | METHODS,
}
PRIVATE_PARTS = {"utils"}
# What recipes may use of the package's own toolbox.
FOR_RECIPES = set("files images macs recipe reports scoreboard types".split())
# Words of one method, which have no place in what all methods share.
METHOD_WORDS = re.compile(
    r"amalgam|styli[sz]e|\bDIN\b|instance.?norm|attribution"
    r"|relevance|transferab|magenta|\bLRP\b|emoji",
    re.IGNORECASE,
)

FRAME = ("training/phased_model.py", "amalgamation/amalgamator.py")
FRAME_LINES = 400
OPTIONS = 10
MODULE_LINES = 300
FUNCTION_LINES = 50
RECIPE_LINES = 150
TEST_CASE_LINES = 150

BACKENDS = {"tensorflow", "torch", "jax"}
MAY_IMPORT_BACKENDS = {"datasets", "export"}

# Not `build` and the like, which tools make.
TOP_LEVEL = (
    "setup.py pyproject.toml README.md CHANGELOG.md LICENSE .gitignore .ci "
    "keras_vipa recipes tests saved_models colab"
).split()
MACHINE_PATH = re.compile(rb"(?<![\w.~$)}>/-])/(?:home|root|work|tmp|Users)/")


# The rules. Each takes a folder or an object and returns what is wrong.


def python_files(root):
    """Module name -> path, for all modules of `root/keras_vipa`."""
    files = {}
    for path in sorted((root / "keras_vipa").rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        if parts[-1] == "__init__":
            parts = parts[:-1]
        files[".".join(parts)] = path
    return files


def parse(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def imported_names(path, module=""):
    """Full dotted names of all that a file imports, also inside functions.

    `from a.b import c` gives `a.b` and `a.b.c`, since `c` may be a module;
    of `from keras_vipa import c` only the latter counts.
    """
    package = module.split(".")
    if path.name != "__init__.py":
        package = package[:-1]
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) - node.level + 1]
            start = start if node.level else []
            base = ".".join([*start, *filter(None, [node.module])])
            if base != "keras_vipa":
                yield base
            for alias in node.names:
                yield f"{base}.{alias.name}"


def part_of(module):
    """The part that a module of keras_vipa is in; empty for the top."""
    return module.split(".")[1] if "." in module else ""


def wrong_arrows(root):
    files = python_files(root)
    wrong = []
    for module, path in files.items():
        part = part_of(module)
        if not part:
            continue
        allowed = {part} | MAY_IMPORT.get(part, set())
        for name in imported_names(path, module):
            is_ours = name.split(".")[0] == "keras_vipa"
            if is_ours and part_of(name) not in allowed:
                wrong.append(f"{module} imports {name}")
        if part not in MAY_IMPORT:
            wrong.append(f"{module} is in no part that MAY_IMPORT knows")
    return wrong


def imports_of_scripts(root):
    """Imports of tests and recipes, which are not there to be imported."""
    recipes = {path.stem for path in (root / "recipes").glob("*.py")}
    scripts = {"tests", "test_case", "recipes", "colab", *recipes}
    paths = [
        path
        for folder in ("keras_vipa", "recipes", "colab")
        for path in sorted((root / folder).rglob("*.py"))
    ]
    return [
        f"{path.relative_to(root)} imports {name}"
        for path in paths
        for name in imported_names(path)
        if name.split(".")[0] in scripts
    ]


def import_cycles(root):
    """Modules that import themselves by way of others."""
    files = python_files(root)
    targets = {
        module: {
            name
            for name in imported_names(path, module)
            if name in files and name != module
        }
        for module, path in files.items()
    }

    def reachable(module):
        seen = set()
        waiting = list(targets[module])
        while waiting:
            name = waiting.pop()
            if name not in seen:
                seen.add(name)
                waiting.extend(targets[name])
        return seen

    return [module for module in files if module in reachable(module)]


def code_lines(path):
    """Numbers of the lines that are not blank, comment or docstring."""
    source = path.read_text(encoding="utf-8")
    skipped = {
        tokenize.COMMENT,
        tokenize.NL,
        tokenize.NEWLINE,
        tokenize.INDENT,
        tokenize.DEDENT,
        tokenize.ENDMARKER,
    }
    lines = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in skipped:
            lines.update(range(token.start[0], token.end[0] + 1))
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, kinds) and ast.get_docstring(node) is not None:
            docstring = node.body[0]
            lines -= set(range(docstring.lineno, docstring.end_lineno + 1))
    return lines


def recipe_files(root):
    return sorted((root / "recipes").rglob("*.py"))


def too_long(root):
    limits = [(path, MODULE_LINES) for path in python_files(root).values()]
    headlines = sorted((root / "recipes").glob("*.py"))
    limits += [
        (path, RECIPE_LINES if path in headlines else MODULE_LINES)
        for path in recipe_files(root)
    ]
    wrong = []
    for path, limit in limits:
        lines = code_lines(path)
        name = path.relative_to(root)
        if len(lines) > limit:
            wrong.append(f"{name}: {len(lines)} code lines, not {limit}")
        for node in ast.walk(parse(path)):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                own = lines & set(range(node.lineno, node.end_lineno + 1))
                if len(own) > FUNCTION_LINES:
                    wrong.append(
                        f"{name}: {node.name} has {len(own)} code lines, "
                        f"not {FUNCTION_LINES}"
                    )
    return wrong


def method_words(root):
    """Words of a method in the code of parts that know none."""
    wrong = []
    for module, path in python_files(root).items():
        if part_of(module) not in PRIVATE_PARTS:
            continue
        lines = path.read_text(encoding="utf-8").splitlines()
        for number in sorted(code_lines(path)):
            if METHOD_WORDS.search(lines[number - 1]):
                wrong.append(f"{module}, line {number}: {lines[number - 1]}")
    return wrong


def private_imports(root):
    """What recipes and tutorials import that is not public.

    Builds make what is inside the package, and may know it.
    """
    builds = root / "recipes" / "build"
    paths = [p for p in recipe_files(root) if builds not in p.parents]
    paths += sorted((root / "colab").glob("*.py"))
    wrong = []
    for path in paths:
        for node in ast.walk(parse(path)):
            if not isinstance(node, (ast.Import, ast.ImportFrom)):
                continue
            module = getattr(node, "module", None) or ""
            names = [alias.name for alias in node.names]
            if isinstance(node, ast.Import):
                found = [n for n in names if n.startswith("keras_vipa.")]
            elif module == "keras_vipa.utils":
                found = [n for n in names if n not in FOR_RECIPES]
            elif module.startswith("keras_vipa.utils."):
                is_open = module.split(".")[2] in FOR_RECIPES
                found = [] if is_open else [module]
            else:
                found = [module] if module.count(".") > 1 else []
                found = found if module.startswith("keras_vipa") else []
            wrong += [f"{path.relative_to(root)} imports {n}" for n in found]
    return wrong


def too_many_options(root):
    """Recipes with more options than a user reads."""
    wrong = []
    for path in sorted((root / "recipes").glob("*.py")):
        options = [
            node.args[0].value
            for node in ast.walk(parse(path))
            if isinstance(node, ast.Call)
            and getattr(node.func, "id", "") == "add"
            and node.args
            and str(getattr(node.args[0], "value", "")).startswith("--")
        ]
        if len(options) > OPTIONS:
            wrong.append(f"{path.relative_to(root)}: {len(options)} options")
    return wrong


def backend_imports(root):
    """Backends that are imported as soon as a module is."""
    wrong = []
    for module, path in python_files(root).items():
        if part_of(module) in MAY_IMPORT_BACKENDS:
            continue
        waiting = [parse(path)]
        while waiting:
            node = waiting.pop()
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                continue
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module]
            for name in names:
                if name.split(".")[0] in BACKENDS:
                    wrong.append(f"{module} imports {name}")
            waiting.extend(ast.iter_child_nodes(node))
    return wrong


def machine_paths(root):
    """Absolute paths of somebody's machine, in any file of the tree."""
    paths = [path for name in TOP_LEVEL for path in all_files(root / name)]
    return [
        f"{path.relative_to(root)}: {match.group().decode()}"
        for path in paths
        for match in MACHINE_PATH.finditer(path.read_bytes())
    ]


def all_files(path):
    if path.is_file():
        return [path]
    return sorted(
        inside
        for inside in path.rglob("*")
        if inside.is_file() and "__pycache__" not in inside.parts
    )


def public_objects(root):
    """Name -> object, for all that users import from the parts."""
    objects = {}
    for part in MAY_IMPORT:
        folder = root / "keras_vipa" / part
        is_there = (folder / "__init__.py").exists()
        is_there = is_there or folder.with_suffix(".py").exists()
        if part in PRIVATE_PARTS or not is_there:
            continue
        module = importlib.import_module(f"keras_vipa.{part}")
        for name in public_names(module):
            objects[f"{module.__name__}.{name}"] = getattr(module, name)
    return objects


def public_names(module):
    """`__all__`, or else the classes and functions that a module defines."""
    if hasattr(module, "__all__"):
        return module.__all__
    return [
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and getattr(value, "__module__", None) == module.__name__
    ]


def parameters_of(value):
    """Parameters that a docstring has to explain."""
    if inspect.isclass(value):
        value = value.__init__
        if getattr(value, "__module__", "").split(".")[0] == "keras":
            return []
    if not inspect.isfunction(value):
        return []
    names = []
    for name, parameter in inspect.signature(value).parameters.items():
        if parameter.kind is parameter.VAR_KEYWORD:
            names.append(f"**{name}")
        elif parameter.kind is parameter.VAR_POSITIONAL:
            continue
        elif name != "self" and not name.startswith("_"):
            names.append(name)
    return names


def documented_arguments(docstring):
    """Names under `Args:`, those of which an entry begins with `name:`."""
    section = re.search(r"^Args:\n((?:(?: .*)?\n)*)", docstring + "\n", re.M)
    if not section:
        return []
    return re.findall(r"^ {4}(\*{0,2}\w+):", section.group(1), re.M)


def docstring_faults(name, value):
    docstring = inspect.getdoc(value)
    if not docstring:
        return [f"{name} has no docstring"]
    faults = []
    if not docstring.splitlines()[0].endswith("."):
        faults.append(f"{name}: the summary does not end in a full stop")
    documented = documented_arguments(docstring)
    expected = parameters_of(value)
    for argument in expected:
        if argument not in documented:
            faults.append(f"{name}: {argument} is not under `Args:`")
    for argument in documented:
        if argument not in expected and not argument.startswith("*"):
            faults.append(f"{name} has no argument {argument}")
    return faults


def api_text():
    return "".join(f"{name}\n" for name in sorted(public_objects(ROOT)))


# The rules, applied to the repository.


def test_imports_follow_the_arrows():
    assert wrong_arrows(ROOT) == []


def test_nothing_imports_tests_or_recipes():
    assert imports_of_scripts(ROOT) == []


def test_imports_have_no_cycles():
    assert import_cycles(ROOT) == []


def test_budgets():
    assert too_long(ROOT) == []
    assert len(code_lines(ROOT / "tests" / "test_case.py")) <= TEST_CASE_LINES


def test_frame_is_small():
    paths = [ROOT / "keras_vipa" / name for name in FRAME]
    assert sum(len(code_lines(path)) for path in paths) <= FRAME_LINES


def test_utils_know_no_method():
    assert method_words(ROOT) == []


def test_recipes_import_public_names():
    assert private_imports(ROOT) == []


def test_recipes_have_few_options():
    assert too_many_options(ROOT) == []


def test_backends_are_imported_late():
    assert backend_imports(ROOT) == []


def test_no_path_of_a_machine():
    assert machine_paths(ROOT) == []


@pytest.mark.parametrize("module", python_files(ROOT))
def test_module_imports(module):
    importlib.import_module(module)


def test_public_names():
    golden = GOLDEN.read_text(encoding="utf-8")
    assert api_text().split() == golden.split(), (
        f"If the public names are meant to change, run: {REGENERATE}"
    )


def test_public_docstrings():
    faults = [
        fault
        for name, value in public_objects(ROOT).items()
        for fault in docstring_faults(name, value)
    ]
    assert faults == []


# The rules find what they are there to find.


def tree(root, **files):
    """Write files; `__` in a name is a slash: `layers__din` is layers/din."""
    for name, source in files.items():
        path = root / "keras_vipa" / (name.replace("__", "/") + ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source, encoding="utf-8")
    return root


@pytest.mark.parametrize(
    "source",
    [
        "import keras_vipa",
        "import keras_vipa.applications",
        "import keras_vipa.applications.din as din",
        "from keras_vipa import applications",
        "from keras_vipa.applications.din import DIN",
        "from .. import applications",
        "from ..applications import DIN",
        "from ..applications.din import DIN",
        "def late():\n    from keras_vipa import applications",
        "from keras_vipa import __version__",
    ],
)
def test_rule_arrows(tmp_path, source):
    assert wrong_arrows(tree(tmp_path, amalgamation__method=source))


@pytest.mark.parametrize(
    "source",
    [
        "import keras",
        "from keras_vipa.utils.images import read_picture",
        "from keras_vipa.training import PhasedModel",
        "from ..layers import DynamicInstanceNorm",
        "from . import amalgamator",
        "from .amalgamator import Amalgamator",
    ],
)
def test_rule_arrows_allows(tmp_path, source):
    assert not wrong_arrows(tree(tmp_path, amalgamation__method=source))


def test_rule_arrows_knows_all_parts(tmp_path):
    assert wrong_arrows(tree(tmp_path, helpers=""))
    assert not wrong_arrows(tree(tmp_path / "other", metrics=""))


@pytest.mark.parametrize(
    "source",
    ["import tests.test_case", "from recipes import a", "import train_din"],
)
def test_rule_scripts(tmp_path, source):
    (tmp_path / "recipes").mkdir()
    (tmp_path / "recipes" / "train_din.py").write_text("import keras_vipa")
    assert not imports_of_scripts(tmp_path)
    (tmp_path / "recipes" / "stylize.py").write_text(source)
    assert imports_of_scripts(tmp_path)


@pytest.mark.parametrize(
    ("source", "is_wrong"),
    [
        ("from keras_vipa.utils.graphs import a", True),
        ("from keras_vipa.utils import graphs", True),
        ("from keras_vipa.applications.din import DIN", True),
        ("import keras_vipa.applications.din", True),
        ("from keras_vipa.utils.images import a", False),
        ("from keras_vipa.utils import recipe", False),
        ("from keras_vipa.applications import DIN", False),
        ("from keras_vipa import datasets", False),
        ("import keras_vipa", False),
    ],
)
def test_rule_private_imports(tmp_path, source, is_wrong):
    (tmp_path / "recipes" / "studies").mkdir(parents=True)
    (tmp_path / "recipes" / "studies" / "a.py").write_text(source)
    assert bool(private_imports(tmp_path)) == is_wrong


def test_rule_options(tmp_path):
    (tmp_path / "recipes").mkdir()
    lines = ["def options(add):", "    add('file')"]
    lines += [f"    add('--{letter}')" for letter in "abcdefghij"]
    (tmp_path / "recipes" / "a.py").write_text("\n".join(lines))
    assert not too_many_options(tmp_path)
    lines.append("    add('--k')")
    (tmp_path / "recipes" / "a.py").write_text("\n".join(lines))
    assert too_many_options(tmp_path)


def test_rule_method_words(tmp_path):
    assert not method_words(tree(tmp_path, utils__a='"""As in DIN."""\nb = 1'))
    assert method_words(tree(tmp_path, utils__a="LRP = 1"))


def test_rule_cycles(tmp_path):
    files = {
        "utils__a": "from keras_vipa.utils import b",
        "utils__b": "import keras_vipa.utils.c",
        "utils__c": "",
    }
    assert import_cycles(tree(tmp_path, **files)) == []
    files["utils__c"] = "def late():\n    from .a import name"
    names = [f"keras_vipa.utils.{letter}" for letter in "abc"]
    assert import_cycles(tree(tmp_path, **files)) == names


def test_rule_code_lines(tmp_path):
    source = '''"""A module.

Of some kind."""

import os  # counts


# does not count
def name(value):
    """Summary."""
    text = """two

    three"""
    return (
        value
    )
'''
    path = tmp_path / "a.py"
    path.write_text(source)
    assert sorted(code_lines(path)) == [5, 9, 11, 12, 13, 14, 15, 16]


def test_rule_budgets(tmp_path):
    function = "def a():\n" + "    b = 1\n" * 49
    assert not too_long(tree(tmp_path, utils__a=function * 6))
    assert too_long(tree(tmp_path, utils__a=function * 6 + "b = 1\n"))
    assert too_long(tree(tmp_path, utils__a=function + "    b = 1\n"))
    tree(tmp_path, utils__a="")
    (tmp_path / "recipes").mkdir()
    (tmp_path / "recipes" / "a.py").write_text("b = 1\n" * 150)
    assert not too_long(tmp_path)
    (tmp_path / "recipes" / "a.py").write_text("b = 1\n" * 151)
    assert too_long(tmp_path)


@pytest.mark.parametrize(
    "source",
    [
        "import tensorflow as tf",
        "from jax import numpy",
        "try:\n    import torch.nn\nexcept ImportError:\n    pass",
        "class A:\n    import jax",
    ],
)
def test_rule_backends(tmp_path, source):
    assert not backend_imports(tree(tmp_path, datasets__a=source))
    assert backend_imports(tree(tmp_path, layers__a=source))


def test_rule_backends_allows_late_imports(tmp_path):
    source = "def late():\n    import tensorflow"
    assert not backend_imports(tree(tmp_path, layers__a=source))


def test_rule_machine_paths(tmp_path):
    (tmp_path / "recipes").mkdir()
    file = tmp_path / "recipes" / "a.py"
    file.write_text("'~/tmp/a', 'https://a.b/home/c', 'tests/tmp/d'")
    assert machine_paths(tmp_path) == []
    for folder in ("home", "root", "work", "tmp", "Users"):
        file.write_text(f"path = '/{folder}/someone'")
        assert machine_paths(tmp_path)
    file.rename(tmp_path / "recipes" / "a.bin")
    assert machine_paths(tmp_path)


def test_rule_docstrings():
    class Documented:
        """Does it.

        Args:
            a: integer. The first: of two.
            **kwargs: the rest.

        Returns:
            b: not an argument.
        """

        def __init__(self, a, *args, _private=0, **kwargs):
            pass

    def no_stop(a):
        """Does it

        Args:
            a: integer.
        """

    def unexplained(a, b):
        """Does it.

        Args:
            a: integer. With
                b: which is not explained.
        """

    def outdated():
        """Does it.

        Args:
            a: integer.
        """

    def bare():
        pass

    assert docstring_faults("A", Documented) == []
    for value in (no_stop, unexplained, outdated, bare):
        assert len(docstring_faults("a", value)) == 1


def test_rule_public_names(tmp_path, monkeypatch):
    (tmp_path / "made_part.py").write_text(
        "import os\ndef a(): pass\ndef _b(): pass\nclass C: pass\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    module = importlib.import_module("made_part")
    assert public_names(module) == ["a", "C"]
    module.__all__ = ["C"]
    assert public_names(module) == ["C"]


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    GOLDEN.write_text(api_text(), encoding="utf-8")
