"""The page that draws in the browser, and the recipe that builds it.

The slow tests fetch LiteRT.js by npm and drive Debian's Chromium; with `-s`
they say how long a drawing takes.
"""

import argparse
import contextlib
import html.parser
import importlib.resources
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request

import chromium
import numpy as np
import pytest
from PIL import Image
from test_case import ROOT

from keras_vipa import export
from keras_vipa.applications import DIN
from keras_vipa.datasets import style_samples
from keras_vipa.utils import reports
from keras_vipa.utils.images import read_picture
from keras_vipa.utils.images import save_picture
from keras_vipa.utils.images import scale_picture

RECIPE = ROOT / "recipes" / "build_web_page.py"
SOURCES = ROOT / "recipes" / "web_page"
VOID = {"meta", "link", "input", "br", "img"}

pytestmark = pytest.mark.tensorflow


@pytest.fixture(scope="module")
def module(load_recipe):
    return load_recipe("build_web_page")


@pytest.fixture
def package(module, tmp_path):
    """A folder as npm fills it, with files of a few bytes."""
    folder = tmp_path / "package"
    for place in module.litert_js.FILES.values():
        path = folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text('import "@litertjs/wasm-utils";\n')
    return folder


class MeanColour:
    """Computes a code without a network."""

    def __init__(self, weights):
        assert weights == "din_mobile"

    def style_code(self, picture):
        return picture.mean((0, 1), dtype="float32") / 255


@pytest.fixture
def build(module, package, run_recipe, monkeypatch, tmp_path):
    """Builds a page into `output`, without npm and without the network."""
    monkeypatch.setattr(module.litert_js, "fetch", lambda place: package)
    monkeypatch.setattr(module, "DIN", MeanColour)
    folder = tmp_path / "output"

    def run(*options):
        run_recipe(module, "--output", folder, *options, seeds=None)
        return folder

    return run


@pytest.fixture
def paintings(tmp_path):
    """A folder of two pictures."""
    folder = tmp_path / "paintings"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for name, size in (("red_door", (70, 40, 3)), ("b", (32, 300, 3))):
        save_picture(folder / f"{name}.png", rng.uniform(size=size))
    return folder


@contextlib.contextmanager
def served(module, folder):
    """The address of a folder that is served meanwhile."""
    given = argparse.Namespace(output=folder, port=0)
    with module.make_server(given) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


class Outline(html.parser.HTMLParser):
    """Elements of a page; unclosed ones fail."""

    def __init__(self, text):
        super().__init__()
        self.open, self.elements = [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, self.getpos()


def attributes(outline, name):
    return [found[name] for _, found in outline.elements if name in found]


def source(name):
    return (SOURCES / name).read_text(encoding="utf-8")


# What is built.


def test_codes_are_those_of_python(
    module, build, paintings, monkeypatch, capsys
):
    model = DIN("mobile", weights=None)
    monkeypatch.setattr(module, "DIN", lambda weights: model)
    monkeypatch.setattr(module, "STYLE_SIZE", 64)
    folder = build("--styles", paintings)
    page = json.loads((folder / "page.json").read_text())
    assert [style["title"] for style in page["styles"]] == ["B", "Red door"]
    for style, name in zip(page["styles"], ("b", "red_door")):
        picture = read_picture(paintings / f"{name}.png")
        code = model.style_code(scale_picture(picture, 64, "short"))
        np.testing.assert_array_equal(np.float32(style["code"]), code)
        assert read_picture(folder / style["picture"]).shape == (192, 192, 3)
    assert f"Written: {folder}" in capsys.readouterr().out


def test_paintings_of_the_package(build):
    page = json.loads((build() / "page.json").read_text())
    titles = [style["title"] for style in page["styles"]]
    assert len(titles) == len(style_samples()["paintings"])
    assert "The Night Café" in titles
    # Once more, over what is there.
    assert json.loads((build() / "page.json").read_text()) == page


def test_what_is_loaded(build, module):
    folder = build()
    page = json.loads((folder / "page.json").read_text())
    sizes = {load["what"]: load["bytes"] for load in page["loads"]}
    assert sizes["style network"] == (folder / "style.tflite").stat().st_size
    fallback = [
        folder / name for name in module.litert_js.FILES if "compat" in name
    ]
    files = {path.stat().st_size for path in folder.iterdir()}
    assert len(fallback) == 2 and files
    total = sum(path.stat().st_size for path in folder.iterdir())
    total -= sum(path.stat().st_size for path in fallback)
    # The list of what is loaded is not in itself.
    assert 0 < total - sum(sizes.values()) < 600
    assert all(load["compressed"] > 0 for load in page["loads"])
    assert json.loads((folder / "page.json").read_text())["places"]


def test_all_that_the_page_asks_for_is_there(build):
    folder = build()
    page = json.loads((folder / "page.json").read_text())
    names = {
        page["photograph"],
        *(style["picture"] for style in page["styles"]),
    }
    outline = Outline(source("index.html"))
    names |= set(attributes(outline, "src"))
    names |= {
        found["href"] for tag, found in outline.elements if tag == "link"
    } - {"data:,"}
    for script in ("page.js", "worker.js", "litert.js"):
        text = (folder / script).read_text()
        names |= set(re.findall(r'"(?:\./)?(\w+\.\w+)"', text))
    assert names >= {"worker.js", "drawing.tflite", "wasm_utils.js"}
    assert {name for name in names if not (folder / name).is_file()} == set()


def test_size_of_the_network(module, tmp_path):
    """A size written into the file is as good as one that is asked for."""
    module.copy_networks(tmp_path)
    path = tmp_path / "drawing.tflite"
    content = path.read_bytes()
    fixed = bytearray(content)
    for place in module.litert_js.size_places(content):
        for at, side in ((place, 20), (place + 4, 36)):
            fixed[at : at + 4] = side.to_bytes(4, "little")
    (tmp_path / "fixed.tflite").write_bytes(fixed)
    rng = np.random.default_rng(0)
    inputs = {
        "content": rng.uniform(size=(1, 20, 36, 3)),
        "code": rng.normal(size=(1, 975)),
    }
    drawn = export.run_litert(tmp_path / "fixed.tflite", inputs)
    np.testing.assert_array_equal(drawn, export.run_litert(path, inputs))
    with pytest.raises(ValueError, match="content"):
        more = np.zeros((1, 24, 36, 3))
        export.run_litert(tmp_path / "fixed.tflite", inputs | {"content": more})


# The sources.


def test_page_is_well_formed():
    outline = Outline(source("index.html"))
    ids = attributes(outline, "id")
    assert len(ids) == len(set(ids))
    assert ("html", {"lang": "en"}) in outline.elements
    referred = attributes(outline, "for") + attributes(
        outline, "aria-describedby"
    )
    referred += re.findall(r'find\("([\w-]+)"\)', source("page.js"))
    referred += re.findall(r"#([a-z][\w-]*)\b(?=[^{}]*\{)", source("page.css"))
    assert set(referred) <= set(ids)
    labelled = set(attributes(outline, "for"))
    for tag, found in outline.elements:
        if tag in ("input", "select"):
            assert found["id"] in labelled
    live = {found.get("role") for _, found in outline.elements}
    assert {"status", "alert"} <= live


@pytest.mark.parametrize(
    "path", sorted(SOURCES.iterdir()), ids=lambda p: p.name
)
def test_source(path):
    text = path.read_text(encoding="utf-8")
    assert max(map(len, text.splitlines())) <= 80
    assert "\t" not in text and text.endswith("\n")
    # Links may lead elsewhere; nothing is loaded from there.
    found = re.findall(r"\w+://[^\"]*", text)
    assert found in ([], ["https://arxiv.org/abs/1911.06953"])


# Serving.


def test_serving(build, module):
    folder = build()
    with served(module, folder) as address:
        for name, kind in (
            ("", "text/html"),
            ("page.js", "text/javascript"),
            ("litert_wasm_internal.wasm", "application/wasm"),
        ):
            with urllib.request.urlopen(address + name) as answer:
                assert answer.headers["Content-Type"] == kind
                path = folder / (name or "index.html")
                assert answer.read() == path.read_bytes()


def test_serving_ends_by_interruption(build, module, monkeypatch, capsys):
    servers = []

    def interrupt(server):
        servers.append(server)
        raise KeyboardInterrupt

    kind = module.http.server.ThreadingHTTPServer
    monkeypatch.setattr(kind, "serve_forever", interrupt)
    build("--serve", "--port", 0)
    (server,) = servers
    assert server.server_address[0] == "127.0.0.1"
    assert f"127.0.0.1:{server.server_port}/" in capsys.readouterr().out
    server.server_close()


# Errors.


def write_npm(folder, lines):
    """A program called `npm` that fails."""
    path = folder / "npm"
    path.write_text(f"#!/bin/sh\nprintf '{lines}' >&2\nexit 1\n")
    path.chmod(0o755)


@pytest.fixture
def program(module, run_recipe, monkeypatch, tmp_path):
    """The recipe with no other programs than those of `programs`."""
    (tmp_path / "programs").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "programs"))

    def run(*options):
        run_recipe(
            module, "--output", tmp_path / "output", *options, seeds=None
        )

    return run


def test_npm_is_missing(program, fails):
    fails(program, [], "npm must be installed")


@pytest.mark.skipif(os.name == "nt", reason="a shell script")
def test_npm_fails(program, fails, tmp_path):
    lines = r"npm error code ENOTFOUND\nnpm error syscall getaddrinfo\n"
    write_npm(tmp_path / "programs", lines)
    fails(program, [], "(npm error code ENOTFOUND): is there a network?")


def test_bad_styles(build, fails, tmp_path):
    (tmp_path / "styles").mkdir()
    fails(build, ["--styles", tmp_path / "styles"], "must hold")
    (tmp_path / "styles" / "a.png").write_text("no picture")
    fails(build, ["--styles", tmp_path / "styles"], "a.png")


def test_port_is_taken(module, program, fails, tmp_path):
    with served(module, tmp_path) as address:
        port = urllib.parse.urlsplit(address).port
        fails(program, ["--serve", "--port", port], "The port must be free")


def test_nothing_is_half_written(build, module, fails, monkeypatch):
    def fail(path):
        raise OSError("the disk is full")

    monkeypatch.setattr(module, "loads_of", fail)
    fails(build, [], "the disk is full")


# In the browser.


@pytest.fixture(scope="module")
def site(module, tmp_path_factory):
    """The page with all that is in it."""
    if not (shutil.which("npm") and chromium.PATH):
        pytest.skip("npm and Chromium are needed")
    folder = tmp_path_factory.mktemp("site") / "page"
    command = [sys.executable, str(RECIPE), "--output", str(folder)]
    subprocess.run(command, check=True)
    return folder


@pytest.fixture(scope="module")
def address(module, site):
    with served(module, site) as address:
        yield address


@pytest.fixture(scope="module")
def tab(site, tmp_path_factory):
    profile = tmp_path_factory.mktemp("profile")
    with contextlib.closing(chromium.Chromium(profile)) as tab:
        yield tab
    shutil.rmtree(profile, ignore_errors=True)


@pytest.fixture
def browser(tab, address, tmp_path):
    """The page with its first picture drawn; it may ask no other host."""
    folder = {"behavior": "allow", "downloadPath": str(tmp_path)}
    tab.send("Browser.setDownloadBehavior", session=None, **folder)
    tab.requests.clear()
    tab.errors.clear()
    tab.open(address)
    wait_for_drawing(tab, "cat")
    yield tab
    allowed = address, f"blob:{address}", "data:"
    assert [url for url in tab.requests if not url.startswith(allowed)] == []
    tab.open("about:blank")


def wait_for_drawing(browser, what):
    """Wait until something is drawn; returns what is said."""
    return browser.wait_for(
        "document.querySelector('#frame').ariaBusy === 'false' &&"
        f" [document.querySelector('#status').textContent].find("
        f"text => text.startsWith('Drawn:') && text.includes({what!r}))"
    )


def set_control(browser, name, value):
    """Move a control, as its user does."""
    browser.evaluate(
        f"(control => {{ control.value = {value!r}; control.dispatchEvent("
        "new Event('input', {bubbles: true})); })"
        f"(document.querySelector('#{name}'))"
    )


def choose_style(browser, number):
    browser.evaluate(f"document.querySelectorAll('.tile')[{number}].click()")


def download(browser, folder):
    """The picture of the button."""
    browser.evaluate("document.querySelector('#download').click()")
    deadline = time.monotonic() + 120
    while not (found := list(folder.glob("*.png"))):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    picture = read_picture(found[0])
    found[0].unlink()
    return picture


def levels(image):
    return np.floor(np.float64(image) * 255.0 + 0.5)


def drawn_by_python(site, photograph, code):
    """What Python's LiteRT draws, in grey levels."""
    content = np.float32(photograph)[None] / 255
    inputs = {"content": content, "code": np.float32(code)[None]}
    return levels(export.run_litert(site / "drawing.tflite", inputs)[0])


def codes_of(site):
    page = json.loads((site / "page.json").read_text())
    return np.float32([style["code"] for style in page["styles"]])


def write_photograph(folder):
    """A photograph that is drawn as it is, and its path."""
    folder = folder / "given"
    folder.mkdir()
    photograph = style_samples()["photographs"]["coffee"][:200, :260]
    save_picture(folder / "a_cup.png", photograph)
    return folder / "a_cup.png", photograph


@pytest.mark.slow
def test_gallery_has_the_codes_of_python(site):
    model = DIN(weights="din_mobile")
    paintings = style_samples()["paintings"].values()
    for code, picture in zip(codes_of(site), paintings, strict=True):
        picture = scale_picture(picture, 256, "short")
        np.testing.assert_array_equal(code, model.style_code(picture))


@pytest.mark.slow
def test_drawings_are_those_of_python(site, browser, tmp_path):
    path, photograph = write_photograph(tmp_path)
    codes = codes_of(site)
    browser.drop_files("#frame", path)
    wait_for_drawing(browser, "a cup")
    first = drawn_by_python(site, photograph, codes[0])
    assert np.abs(download(browser, tmp_path) - first).max() <= 1

    choose_style(browser, 2)
    set_control(browser, "second", "1")
    set_control(browser, "share", "25")
    wait_for_drawing(browser, "The Night Café and The Church")
    mixed = 0.75 * codes[2] + 0.25 * codes[1]
    mixed = drawn_by_python(site, photograph, mixed)
    assert np.abs(mixed - first).mean() > 5
    off = np.abs(download(browser, tmp_path) - mixed)
    print(f"\ngrey levels apart: {off.max()}, at {np.mean(off > 0):.2%}")
    assert off.max() <= 1

    set_control(browser, "strength", "60")
    expected = 0.6 * mixed + 0.4 * photograph
    assert np.abs(download(browser, tmp_path) - expected).max() <= 1.5
    set_control(browser, "strength", "0")
    np.testing.assert_array_equal(download(browser, tmp_path), photograph)
    assert browser.errors == []


@pytest.mark.slow
def test_style_of_the_user(site, browser, tmp_path):
    path, photograph = write_photograph(tmp_path)
    style = style_samples()["photographs"]["astronaut"][:256, 100:356]
    save_picture(path.with_name("space.png"), style)
    browser.choose_files("#photograph-file", path)
    wait_for_drawing(browser, "a cup")
    browser.drop_files("#styles", path.with_name("space.png"))
    wait_for_drawing(browser, "style of space")
    inputs = np.float32(style)[None] / 255
    code = export.run_litert(site / "style.tflite", inputs)[0]
    expected = drawn_by_python(site, photograph, code)
    assert np.abs(download(browser, tmp_path) - expected).max() <= 1


@pytest.mark.slow
def test_grain(browser, tmp_path):
    path, photograph = write_photograph(tmp_path)
    browser.choose_files("#photograph-file", path)
    pictures = []
    for grain in ("0", "12", "0", "12"):
        set_control(browser, "grain", grain)
        wait_for_drawing(browser, "a cup")
        pictures.append(download(browser, tmp_path))
    np.testing.assert_array_equal(pictures[0], pictures[2])
    np.testing.assert_array_equal(pictures[1], pictures[3])
    assert 1 < np.abs(pictures[1] - np.float64(pictures[0])).mean() < 20


@pytest.mark.slow
def test_broken_files(browser, tmp_path):
    path, _ = write_photograph(tmp_path)
    (path.parent / "broken.png").write_bytes(path.read_bytes()[:100])
    (path.parent / "notes.txt").write_text("no picture")
    problem = "document.querySelector('#problem').textContent"
    for selector in ("#frame", "#styles"):
        for name in ("broken.png", "notes.txt"):
            browser.drop_files(selector, path.with_name(name))
            is_said = f"{problem}.includes({name!r})"
            said = browser.wait_for(f"{is_said} && {problem}")
            assert "no picture that this browser can read" in said
    browser.drop_files("#frame", path)
    wait_for_drawing(browser, "a cup")
    assert browser.evaluate(problem) == ""


@pytest.mark.slow
def test_keyboard(browser):
    """The gallery is reached by the tabulator and moved in by arrows."""
    for _ in range(20):
        browser.press("Tab", 9)
        if browser.evaluate("document.activeElement.name") == "choice":
            break
    before = browser.evaluate("document.activeElement.value")
    assert before == "0"
    browser.press("ArrowRight", 39)
    wait_for_drawing(browser, "The Church at Auvers")
    reached = set()
    for _ in range(20):
        browser.press("Tab", 9)
        reached.add(browser.evaluate("document.activeElement.id"))
    assert reached >= {"strength", "second", "size", "grain", "style-file"}
    assert reached >= {"photograph-file", "camera", "download"}


@pytest.mark.slow
def test_camera(browser):
    """Chromium's own, which shows a green picture."""
    button = "document.querySelector('#camera')"
    browser.evaluate(f"{button}.click()")
    timing = "document.querySelector('#timing').textContent"
    browser.wait_for(f"{timing}.startsWith('256 × ')")
    assert browser.evaluate(f"{button}.ariaPressed") == "true"
    browser.evaluate(f"{button}.click()")
    wait_for_drawing(browser, "Camera")
    assert browser.evaluate(f"{button}.ariaPressed") == "false"
    assert browser.errors == []


@pytest.mark.slow
def test_all_that_is_loaded_is_of_the_page(site, browser, address, tmp_path):
    def loaded():
        urls = (url for url in browser.requests if url.startswith(address))
        return {url.removeprefix(address) for url in urls}

    # For the browsers that this one is not.
    there = {path.name for path in site.iterdir() if "compat" not in path.name}
    there = there - {"index.html"} | {""}
    assert loaded() == there - {"style.tflite"}
    style = tmp_path / "style.png"
    save_picture(style, np.random.default_rng(0).uniform(size=(40, 50, 3)))
    browser.drop_files("#styles", style)
    wait_for_drawing(browser, "style of style")
    assert loaded() == there
    assert browser.errors == []
    # More is refused, whoever asks.
    elsewhere = address.replace("127.0.0.1", "localhost")
    with pytest.raises(RuntimeError):
        browser.evaluate(f"fetch('{elsewhere}')")
    assert "Content Security Policy" in str(browser.errors)


@pytest.mark.slow
def test_looks(browser, tmp_path):
    """Nothing sticks out, on a phone either; a picture of both is made."""
    photograph = tmp_path / "astronaut.png"
    save_picture(photograph, style_samples()["photographs"]["astronaut"])
    seen = []
    for width, number, what in ((1165, 1, "cat"), (390, 2, "astronaut")):
        screen = {"width": width, "height": 740, "mobile": width < 500}
        browser.send(
            "Emulation.setDeviceMetricsOverride", deviceScaleFactor=1, **screen
        )
        browser.send("Emulation.setScrollbarsHidden", hidden=True)
        choose_style(browser, number)
        if what == "astronaut":
            browser.choose_files("#photograph-file", photograph)
        wait_for_drawing(browser, what)
        wide = browser.evaluate("document.documentElement.scrollWidth")
        assert wide == width
        browser.screenshot(tmp_path / f"{width}.png")
        seen.append(read_picture(tmp_path / f"{width}.png")[:700])
    browser.send("Emulation.clearDeviceMetricsOverride")
    seen.insert(1, np.full((700, 24, 3), 255, "uint8"))
    path = tmp_path / "din_in_a_browser.jpg"
    sheet = Image.fromarray(scale_picture(np.concatenate(seen, 1), 1200))
    sheet.save(path, quality=74, optimize=True)
    print(f"\nWritten: {path}")


@pytest.mark.slow
def test_times(load_recipe, browser, tmp_path):
    """CPU time of a drawing, beside that of Python's LiteRT, in turns."""
    litert_runner = load_recipe("latency").litert_runner
    models = importlib.resources.files("keras_vipa.saved_models")
    path, _ = write_photograph(tmp_path)
    photograph = style_samples()["photographs"]["astronaut"]
    save_picture(path.with_name("square.png"), photograph[:512, :512])
    browser.choose_files("#photograph-file", path.with_name("square.png"))
    wait_for_drawing(browser, "square")
    clocks = {
        "browser": lambda: browser.seconds_of("DedicatedWorker"),
        "python": time.process_time,
    }
    turns = iter(range(1000))

    def draw():
        number = next(turns) % 2
        choose_style(browser, number)
        wait_for_drawing(browser, ["Asylum", "Church"][number])

    rows = []
    for size in (256, 384, 512):
        set_control(browser, "size", str(size))
        run = litert_runner(
            models / f"din_mobile_transfer_{size}_float16.tflite"
        )
        taken = {"browser": [], "python": []}
        for _ in range(12):
            for name, work in (("browser", draw), ("python", run)):
                start = clocks[name]()
                work()
                taken[name].append(1000 * (clocks[name]() - start))
        timing = browser.evaluate(
            "document.querySelector('#timing').textContent"
        )
        assert timing.startswith(f"{size} × {size} ")
        medians = {k: statistics.median(v[1:]) for k, v in taken.items()}
        ratio = medians["browser"] / medians["python"]
        sizes = {f"{name} ms": round(value) for name, value in medians.items()}
        rows.append({"side": size, **sizes, "ratio": round(ratio, 1)})
    print(f"\n{reports.format_table(rows)}")
    assert rows[0]["browser ms"] < rows[-1]["browser ms"]
