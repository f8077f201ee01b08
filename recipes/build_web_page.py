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
import tempfile

from keras_vipa.utils import recipe

# isort: split

from shared import litert_js

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


def copy_networks(folder):
    """Copy the LiteRT files of the weights."""
    models = importlib.resources.files("keras_vipa.saved_models")
    for name, source in NETWORKS.items():
        (folder / name).write_bytes((models / source).read_bytes())


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
    own = {*NETWORKS, *litert_js.FILES}
    groups = {
        ("page and gallery", "at once"): [
            path.name for path in folder.iterdir() if path.name not in own
        ],
        (f"LiteRT.js {litert_js.VERSION}", "at once"): [
            name for name in litert_js.FILES if "compat" not in name
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
    litert_js.copy(package, folder)
    copy_networks(folder)
    images.save_picture(folder / f"{PHOTOGRAPH}.jpg", photograph)
    page = {
        "photograph": f"{PHOTOGRAPH}.jpg",
        "places": litert_js.size_places(
            (folder / "drawing.tflite").read_bytes()
        ),
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
        package = litert_js.fetch(place)
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
