"""Build a page that draws photographs in any style, all in the browser.

    python recipes/build_web_page.py --output site
    python recipes/build_web_page.py --output site --serve

The folder is a static page: copy it to any web server. `--serve` serves it to
this machine alone. In the page, a photograph that is chosen or dropped, or what
the camera sees, is drawn in a style of the gallery or in one that is dropped,
by the LiteRT files of `din_mobile` and LiteRT.js. No picture leaves the
browser, and nothing is loaded from elsewhere.

The codes of the gallery are computed here: of the paintings of the package, or
of the pictures in `--styles`. LiteRT.js is fetched by npm, which is a part of
Node.js.
"""

import functools
import gzip
import http.server
import importlib.resources
import json
import pathlib
import shutil
import subprocess
import tempfile

from keras_vipa.utils import recipe

# isort: split

import numpy as np

from keras_vipa.applications import DIN
from keras_vipa.datasets import read_pictures
from keras_vipa.utils import images
from keras_vipa.utils import reports
from keras_vipa.utils import types

WEIGHTS = "din_mobile"
NETWORKS = {
    "drawing.tflite": f"{WEIGHTS}_transfer_any_float16.tflite",
    "style.tflite": f"{WEIGHTS}_style_256_int8.tflite",
}
VERSION = "2.5.3"
PACKAGES = f"@litertjs/core@{VERSION}", f"@litertjs/wasm-utils@{VERSION}"
# Files of LiteRT.js, the last two for browsers without relaxed SIMD.
RUNTIME = {
    "litert.js": "core/dist/index.js",
    "wasm_utils.js": "wasm-utils/dist/index.js",
    "litert_wasm_internal.js": "core/wasm",
    "litert_wasm_internal.wasm": "core/wasm",
    "litert_wasm_compat_internal.js": "core/wasm",
    "litert_wasm_compat_internal.wasm": "core/wasm",
}
# With which the page begins.
PHOTOGRAPH = "cat"
TITLES = {
    "asylum_vestibule": "Vestibule of the Asylum",
    "church_at_auvers": "The Church at Auvers",
    "night_cafe": "The Night Café",
}
SOURCES = "index.html", "page.css", "page.js", "worker.js"
STYLE_SIZE = 256
TILE_SIZE = 192


def options(add):
    """The options."""
    add("--styles", metavar="FOLDER", help="pictures; default: the package's")
    add("--serve", action="store_true", help="until Ctrl+C")
    add("--port", type=types.whole(0, 65535), default=8000)


def fetch_runtime(folder):
    """Let npm write LiteRT.js into a folder; returns where it is."""
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


def copy_runtime(package, folder):
    """Copy what of LiteRT.js a browser loads."""
    for name, place in RUNTIME.items():
        path = package / place
        shutil.copyfile(path / name if path.is_dir() else path, folder / name)
    # Browsers know no names of packages in a worker.
    path = folder / "litert.js"
    text = path.read_text(encoding="utf-8")
    text = text.replace('"@litertjs/wasm-utils"', '"./wasm_utils.js"')
    path.write_text(text, encoding="utf-8")


def copy_networks(folder):
    """Copy the LiteRT files of the weights."""
    models = importlib.resources.files("keras_vipa.saved_models")
    for name, source in NETWORKS.items():
        (folder / name).write_bytes((models / source).read_bytes())


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


def title_of(name):
    """What is below a tile."""
    title = pathlib.Path(name).stem.replace("_", " ").capitalize()
    return TITLES.get(name, title)


def gallery(pictures, folder):
    """Write a tile of each style; returns titles, tiles and codes."""
    model = DIN(weights=WEIGHTS)
    styles = []
    for number, (name, picture) in enumerate(pictures.items()):
        scaled = images.scale_picture(picture, STYLE_SIZE, "short")
        code = model.style_code(scaled)
        tile = images.scale_picture(picture, TILE_SIZE, "short")
        top, left = ((side - TILE_SIZE) // 2 for side in tile.shape[:2])
        tile = tile[top : top + TILE_SIZE, left : left + TILE_SIZE]
        path = folder / f"style_{number}.jpg"
        images.save_picture(path, tile)
        styles.append(
            {
                "title": title_of(name),
                "picture": path.name,
                # The shortest that is read as the same float32.
                "code": [float(str(value)) for value in code],
            }
        )
    return styles


def loads_of(folder):
    """What a browser loads of a folder, and when; sizes in bytes."""
    own = {*NETWORKS, *RUNTIME}
    groups = {
        ("page and gallery", "at once"): [
            path.name for path in folder.iterdir() if path.name not in own
        ],
        (f"LiteRT.js {VERSION}", "at once"): [
            name for name in RUNTIME if "compat" not in name
        ],
        ("drawing network", "at once"): ["drawing.tflite"],
        ("style network", "for a style of yours"): ["style.tflite"],
    }
    loads = []
    for (what, when), names in groups.items():
        contents = [(folder / name).read_bytes() for name in names]
        compressed = sum(len(gzip.compress(content)) for content in contents)
        size = {"bytes": sum(map(len, contents)), "compressed": compressed}
        loads.append({"what": what, "when": when, **size})
    return loads


def write_page(folder, package, styles, photograph):
    """Write all that is served."""
    for name in SOURCES:
        path = pathlib.Path(__file__).parent / "web_page" / name
        shutil.copyfile(path, folder / name)
    copy_runtime(package, folder)
    copy_networks(folder)
    images.save_picture(folder / f"{PHOTOGRAPH}.jpg", photograph)
    page = {
        "photograph": f"{PHOTOGRAPH}.jpg",
        "places": size_places((folder / "drawing.tflite").read_bytes()),
        "styles": gallery(styles, folder),
    }
    path = folder / "page.json"
    path.write_text(json.dumps(page), encoding="utf-8")
    page["loads"] = loads_of(folder)
    path.write_text(json.dumps(page), encoding="utf-8")
    print(reports.format_table(page["loads"]))


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves files of the types that browsers insist on."""

    extensions_map = {
        **http.server.SimpleHTTPRequestHandler.extensions_map,
        ".js": "text/javascript",
        ".wasm": "application/wasm",
    }

    def log_message(self, *_):
        """Say nothing."""


def make_server(args):
    """What serves the folder, to this machine alone."""
    handler = functools.partial(Handler, directory=args.output)
    place = ("127.0.0.1", args.port)
    try:
        return http.server.ThreadingHTTPServer(place, handler)
    except OSError as error:
        raise ValueError(
            f"The port must be free ({error.strerror}): name another with "
            f"--port. Received: {args.port}"
        ) from error


def main(args):
    """Fetch, compute, write; then serve."""
    # Before the work: the port may be taken.
    server = make_server(args) if args.serve else None
    styles = read_pictures(args.styles, "paintings")
    photograph = read_pictures(None, "photographs")[PHOTOGRAPH]
    with tempfile.TemporaryDirectory() as place:
        package = fetch_runtime(place)
        with recipe.results(args) as folder:
            write_page(folder, package, styles, photograph)
    print(f"Written: {args.output}")
    if server is not None:
        print(f"Open http://127.0.0.1:{server.server_port}/ (Ctrl+C ends)")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print()


if __name__ == "__main__":
    recipe.run(main, options, seeds=None)
