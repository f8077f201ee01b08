"""Build the notebooks of this folder from the tutorials beside them.

`NN_title.py` is a Python script that runs as it is; `NN_title.ipynb` is built
from it and never edited. A string by itself at the top level of the script is
a markdown cell, the code between two of them is a code cell.

    python colab/build_notebooks.py           # write all notebooks
    python colab/build_notebooks.py --check   # only name those that differ
"""

import argparse
import ast
import json
import pathlib
import sys

INSTALL = '%pip install -q "keras_vipa[lite]"'


def split(source):
    """Split a script into cells.

    Args:
        source: str. The script.

    Returns:
        A list of pairs `(kind, text)`, where kind is `"markdown"` or
        `"code"`, in the order of the script and without empty cells.
    """
    lines = source.splitlines()
    cells = []
    start = 0
    for node in ast.parse(source).body:
        value = getattr(node, "value", None)
        text = getattr(value, "value", None)
        if isinstance(node, ast.Expr) and isinstance(text, str):
            cells.append(("code", "\n".join(lines[start : node.lineno - 1])))
            cells.append(("markdown", text))
            start = node.end_lineno
    cells.append(("code", "\n".join(lines[start:])))
    cells = [(kind, text.strip("\n")) for kind, text in cells]
    return [(kind, text) for kind, text in cells if text.strip()]


def notebook(source):
    """Return the notebook of a script as text (nbformat 4.5, no outputs)."""
    cells = []
    for kind, text in [("code", INSTALL), *split(source)]:
        # Named by position: building again changes no line without need.
        cell = {"cell_type": kind, "id": f"cell-{len(cells)}", "metadata": {}}
        if kind == "code":
            cell |= {"execution_count": None, "outputs": []}
        cells.append({**cell, "source": text.splitlines(keepends=True)})
    kernel = {"display_name": "Python 3", "language": "python"}
    metadata = {
        "kernelspec": {**kernel, "name": "python3"},
        "language_info": {"name": "python"},
    }
    content = {"cells": cells, "metadata": metadata}
    content |= {"nbformat": 4, "nbformat_minor": 5}
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def main():
    """Build or check all notebooks, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--check",
        action="store_true",
        help="write nothing; exit with 1 if a notebook differs",
    )
    check = parser.parse_args().check
    differ = False
    for script in sorted(pathlib.Path(__file__).parent.glob("[0-9]*_*.py")):
        path = script.with_suffix(".ipynb")
        content = notebook(script.read_text(encoding="utf-8"))
        if path.exists() and path.read_text(encoding="utf-8") == content:
            continue
        differ = True
        print(f"{path.name} differs" if check else f"wrote {path.name}")
        if not check:
            path.write_text(content, encoding="utf-8")
    return int(check and differ)


if __name__ == "__main__":
    sys.exit(main())
