"""LiteRT.js for a page: fetched by npm, and what its networks need."""

import pathlib
import shutil
import subprocess

import numpy as np

VERSION = "2.5.3"
PACKAGES = f"@litertjs/core@{VERSION}", f"@litertjs/wasm-utils@{VERSION}"
# The second for browsers without relaxed SIMD.
WASM = "litert_wasm_internal", "litert_wasm_compat_internal"
# Files of the page -> of the packages.
FILES = {
    "litert.js": "core/dist/index.js",
    "wasm_utils.js": "wasm-utils/dist/index.js",
    **{f"{name}.js": f"core/wasm/{name}.js" for name in WASM},
    **{f"{name}.wasm": f"core/wasm/{name}.wasm" for name in WASM},
}


def fetch(folder):
    """Let npm write LiteRT.js into a folder.

    Args:
        folder: string or path.

    Returns:
        A path, of the folder of its packages.

    Raises:
        ValueError: If there is no npm, or if it fails; in one line.
    """
    npm = shutil.which("npm")
    if npm is None:
        raise ValueError(
            "npm must be installed, to fetch LiteRT.js: it comes with Node.js."
        )
    flags = "--ignore-scripts --no-audit --no-fund --fetch-retries=1".split()
    done = subprocess.run(
        [npm, "install", "--prefix", folder, *flags, *PACKAGES],
        capture_output=True,
        text=True,
        cwd=folder,
    )
    if done.returncode:
        reason = done.stderr.strip().split("\n")[0]
        raise ValueError(
            f"npm could not fetch {PACKAGES[0]} ({reason}): is there a network?"
        )
    return pathlib.Path(folder) / "node_modules" / "@litertjs"


def copy(packages, folder):
    """Copy `FILES`, so that a worker beside them can import `litert.js`.

    Args:
        packages: path, from `fetch`.
        folder: path.
    """
    for name, place in FILES.items():
        shutil.copyfile(packages / place, folder / name)
    # Browsers know no names of packages in a worker.
    path = folder / "litert.js"
    text = path.read_text(encoding="utf-8")
    text = text.replace('"@litertjs/wasm-utils"', '"./wasm_utils.js"')
    path.write_text(text, encoding="utf-8")


def size_places(content):
    """Where a LiteRT file with an open size has the heights of its pictures.

    LiteRT.js takes files of a fixed size only. Written there, each followed by
    the width, a size makes such a file of it, with the same results.

    Args:
        content: bytes of the file.

    Returns:
        A list of integers, in bytes from the beginning.
    """
    from tensorflow.lite.python import schema_py_generated as schema

    graph = schema.Model.GetRootAs(content, 0).Subgraphs(0)
    begin = np.frombuffer(content, "uint8").ctypes.data
    places = []
    for number in (*graph.InputsAsNumpy(), *graph.OutputsAsNumpy()):
        tensor = graph.Tensors(number)
        for shape in (tensor.ShapeAsNumpy(), tensor.ShapeSignatureAsNumpy()):
            if np.size(shape) == 4:
                height = shape[1:].ctypes.data - begin
                places.append(int(height))
    return places
