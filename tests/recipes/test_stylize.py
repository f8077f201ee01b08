"""The recipe that draws pictures in the style of others."""

import io
import subprocess
import sys
import types

import numpy as np
import pytest
from PIL import Image
from test_case import ROOT

from keras_vipa.applications import DIN
from keras_vipa.utils.images import read_picture
from keras_vipa.utils.images import save_picture

PATH = ROOT / "recipes" / "stylize.py"

pytestmark = pytest.mark.tensorflow


@pytest.fixture(scope="module")
def module(load_recipe):
    return load_recipe("stylize")


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A file of weights, random, with a drawing in middle grey."""
    path = tmp_path_factory.mktemp("weights") / "random.weights.h5"
    model = DIN("mobile", weights=None)
    model.decoder.layers[-1].bias.assign(np.full(3, 0.5))
    model.network().save_weights(path)
    return path


@pytest.fixture(scope="module")
def model(weights):
    return DIN("mobile", weights=weights)


@pytest.fixture
def recipe(module, model, weights, run_recipe, monkeypatch, tmp_path):
    """Runs the recipe in this process, in a folder of its own."""

    def load(weights):
        return model if weights == given[1] else DIN(weights=weights)

    given = "--weights", str(weights), "--style-size", "64"
    monkeypatch.setattr(module, "DIN", load)
    monkeypatch.chdir(tmp_path)

    def run(*options):
        run_recipe(module, *given, *options, seeds=None, folder=False)

    return run


@pytest.fixture(autouse=True)
def pictures(tmp_path):
    """`photo.png`, three styles in `styles`, three frames in `frames`."""
    rng = np.random.default_rng(0)
    for folder in ("styles", "frames"):
        (tmp_path / folder).mkdir()
        for number in range(3):
            picture = rng.uniform(size=(24, 30, 3))
            save_picture(tmp_path / folder / f"{number}.png", picture)
    save_picture(tmp_path / "photo.png", rng.uniform(size=(33, 46, 3)))


STYLES = [f"styles/{number}.png" for number in range(3)]


@pytest.fixture
def codes(model, module, tmp_path):
    read = [module.read(tmp_path / style, 64, "short") for style in STYLES]
    return [model.style_code(picture) for picture in read]


def files(folder):
    """Names of all files below a folder."""
    paths = folder.rglob("*")
    return sorted(
        str(p.relative_to(folder).as_posix()) for p in paths if p.is_file()
    )


def test_one_style(recipe, model, codes, tmp_path, capsys):
    recipe("photo.png", STYLES[0])
    expected = model.transfer(read_picture("photo.png"), codes[0])
    path = tmp_path / "results" / "stylize" / "photo.png"
    np.testing.assert_array_equal(read_picture(path), expected)
    shown = capsys.readouterr().out
    assert shown == f"Written: {path.relative_to(tmp_path)}\n"


def test_options_between_the_pictures(recipe, model, codes):
    recipe("photo.png", "--size", 46, *STYLES[:2], "-o", "out.png", STYLES[2])
    expected = model.transfer(read_picture("photo.png"), model.mix(codes))
    np.testing.assert_array_equal(read_picture("out.png"), expected)


def test_style_size(recipe, module, model):
    photo = read_picture("photo.png")
    for size, shape in ((0, (24, 30, 3)), (40, (40, 50, 3))):
        recipe("photo.png", STYLES[0], "-o", "out.png", "--style-size", size)
        style = module.read(STYLES[0], size, "short")
        assert style.shape == shape
        expected = model.stylize(photo, style)
        np.testing.assert_array_equal(read_picture("out.png"), expected)


def test_mixture_and_strengths(recipe, model, codes):
    photo = read_picture("photo.png")
    recipe("photo.png", *STYLES, "--codes", "codes.npz")
    for options, code, strength in (
        (["--strength", 0], codes[0], 0.0),
        (["--strength", 0.5, "--mix", 1, 0, 0], codes[0], 0.5),
        (["--mix", 1, 3, 0], model.mix(codes, [1, 3, 0]), 1.0),
        ([], model.mix(codes), 1.0),
        (["--strength", 0.25], model.mix(codes), 0.25),
    ):
        recipe("photo.png", "--codes", "codes.npz", "-o", "out.png", *options)
        drawn = read_picture("out.png")
        expected = model.transfer(photo, code, strength)
        assert np.abs(drawn.astype(int) - expected).max() <= 1
        assert (drawn == expected).mean() > 0.99


def test_mask_and_colour(recipe, model, codes):
    mask = np.zeros((33, 46, 3), "uint8")
    mask[:, 20:] = 255
    save_picture("mask.png", mask)
    options = ["--mask", "mask.png", "--preserve-color", "-o", "out.png"]
    recipe("photo.png", STYLES[0], *options)
    photo, drawn = read_picture("photo.png"), read_picture("out.png")
    np.testing.assert_array_equal(drawn[:, :20], photo[:, :20])
    expected = model.transfer(photo, codes[0], 1.0, True, mask[..., 0] / 255)
    np.testing.assert_array_equal(drawn, expected)


def test_size(recipe):
    save_picture("mask.png", np.ones((66, 92, 3)))
    options = ["--size", 92, "--mask", "mask.png"]
    recipe("photo.png", STYLES[0], "-o", "a/b.png", *options)
    assert read_picture("a/b.png").shape == (66, 92, 3)


def test_tiles(recipe, module, monkeypatch):
    save_picture(
        "large.png", np.random.default_rng(1).uniform(size=(20, 90, 3))
    )
    recipe("large.png", STYLES[0], "-o", "whole.png")
    monkeypatch.setattr(module, "TILE", 48)
    recipe("large.png", STYLES[0], "-o", "tiled.png")
    whole, tiled = (read_picture(f"{n}.png") for n in ("whole", "tiled"))
    assert np.abs(whole.astype(int) - tiled).max() <= 1


def test_codes_are_kept(recipe):
    options = ["--mix", 1, 2, "--strength", 0.9, "--codes", "codes.npz"]
    recipe("photo.png", *STYLES[:2], "-o", "first.png", *options)
    recipe("photo.png", "-o", "second.png", *options)
    first, second = read_picture("first.png"), read_picture("second.png")
    np.testing.assert_array_equal(first, second)
    with np.load("codes.npz", allow_pickle=False) as kept:
        assert kept["names"].tolist() == ["0.png", "1.png"]
        assert kept["codes"].shape[0] == 2


def test_frames(recipe, model, monkeypatch, tmp_path):
    calls = []
    style_code = model.style_code
    monkeypatch.setattr(
        model, "style_code", lambda style: calls.append(0) or style_code(style)
    )
    (tmp_path / "frames" / "notes.txt").write_text("no picture")
    (tmp_path / "frames" / ".hidden.png").write_text("no picture")
    recipe("frames", *STYLES[:2])
    assert len(calls) == 2
    drawn = tmp_path / "results" / "stylize" / "frames"
    assert files(drawn) == ["0.png", "1.png", "2.png"]
    recipe("frames/1.png", *STYLES[:2], "-o", "single.png")
    alone = read_picture("single.png")
    np.testing.assert_array_equal(read_picture(drawn / "1.png"), alone)


@pytest.mark.parametrize("kept", [False, True])
def test_sheet(recipe, model, codes, kept):
    if kept:
        recipe("photo.png", "styles", "--codes", "a.npz", "-o", "a.png")
    styles = ["--codes", "a.npz"] if kept else ["styles"]
    recipe("photo.png", *styles, "--sheet", "-o", "sheet.png")
    sheet = read_picture("sheet.png")
    # Four cells in two rows: a strip of 9, the picture, and 8 between.
    assert sheet.shape == (2 * (9 + 33 + 16), 2 * 46 + 3 * 8, 3)
    photo = read_picture("photo.png")
    np.testing.assert_array_equal(sheet[17:50, 8:54], photo)
    third = model.transfer(photo, codes[2])
    # A level apart where rounding decides.
    np.testing.assert_allclose(sheet[75:108, 62:108].astype(int), third, atol=1)
    assert (sheet[8:17, 8:54] == 255).all()
    assert (sheet[8:9, 62:63] == 255).all() == kept


def test_sheet_with_strengths(recipe, model, codes):
    options = ["--sheet", "--strength", 0, 0.5, 1, "-o", "sheet.png"]
    recipe("photo.png", *STYLES, *options)
    photo, sheet = read_picture("photo.png"), read_picture("sheet.png")
    drawn = [model.transfer(photo, c, s) for c, s in zip(codes, (0, 0.5, 1))]
    for picture in (photo, *drawn):
        parts = np.lib.stride_tricks.sliding_window_view(sheet, picture.shape)
        off = np.abs(parts.astype(int) - picture)
        assert (off <= 1).all(axis=(-3, -2, -1)).any()


def test_pictures_of_the_package(recipe, module, monkeypatch, tmp_path):
    samples = {
        kind: {
            f"{kind}_{number}": np.full((20, 24, 3), 80 * number, "uint8")
            for number in range(2)
        }
        for kind in ("photographs", "paintings")
    }
    monkeypatch.setattr(module, "style_samples", lambda: samples)
    path = tmp_path / "results" / "stylize" / "photographs_0.png"
    for options, shape in (
        ([], (20, 24)),
        (["--codes", "codes.npz"], (20, 24)),
        (["--sheet"], (2 * 41, 72)),
    ):
        if options[:1] == ["--codes"]:
            recipe("photo.png", STYLES[0], *options)
        recipe(*options)
        assert read_picture(path).shape[:2] == shape
        path.unlink()


def test_standard_input_and_output(recipe, monkeypatch, capsysbinary):
    recipe("photo.png", STYLES[0], "-o", "out.png")
    capsysbinary.readouterr()
    with open("photo.png", "rb") as file:
        monkeypatch.setattr("sys.stdin", types.SimpleNamespace(buffer=file))
        recipe("-", STYLES[0], "-o", "-")
    with Image.open(io.BytesIO(capsysbinary.readouterr().out)) as drawn:
        assert drawn.format == "PNG"
        np.testing.assert_array_equal(drawn, read_picture("out.png"))


def test_processes(weights, tmp_path):
    """A pipe with nothing but the picture."""
    command = [sys.executable, PATH, "-", STYLES[0], "-o", "-"]
    command += ["--weights", weights]
    options = {"cwd": tmp_path, "capture_output": True, "timeout": 300}
    data = (tmp_path / "photo.png").read_bytes()
    done = subprocess.run(command, input=data, **options)
    assert done.returncode == 0, done.stderr
    with Image.open(io.BytesIO(done.stdout)) as drawn:
        assert drawn.size == (46, 33)


def write_bad_files(folder):
    """Pictures and other files that cannot be used."""
    (folder / "empty.png").write_bytes(b"")
    (folder / "text.jpg").write_text("not a picture")
    data = (folder / "photo.png").read_bytes()
    (folder / "cut.png").write_bytes(data[:-60])
    save_picture(folder / "tiny.png", np.zeros((15, 60, 3)))
    save_picture(folder / "square.png", np.zeros((33, 33, 3)))
    (folder / "text.png").write_text("precious")
    np.savez(folder / "data.npz", precious=[1, 2, 3])
    (folder / "folder.png").mkdir()
    (folder / "nothing").mkdir()
    (folder / "bad_frames").mkdir()
    (folder / "bad_frames" / "0.png").write_bytes(data)
    (folder / "bad_frames" / "1.png").write_bytes(data[:-60])
    (folder / "bad.npz").write_bytes(b"PK")
    np.savez(folder / "short.npz", names=["a"], codes=np.zeros((1, 7)))
    objects = np.array([{}], dtype=object)
    np.savez(folder / "objects.npz", names=["a"], codes=objects)
    (folder / "no.weights.h5").write_text("nothing")


MASKED = ["--mask", "square.png", "--size", 33]


@pytest.mark.parametrize(
    "options, message",
    [
        (["missing.png", STYLES[0]], "no such file"),
        (["photo.png", "missing.png"], "no such file"),
        (["empty.png", STYLES[0]], "empty.png"),
        (["text.jpg", STYLES[0]], "text.jpg"),
        (["photo.png", "cut.png"], "cut.png"),
        (["tiny.png", STYLES[0]], "at least 16 pixels"),
        (["tiny.png", STYLES[0], "--size", 200], "at least 16 pixels"),
        (["photo.png", "tiny.png"], "at least 16 pixels"),
        (["photo.png", STYLES[0], "--size", 20], "at least 16 pixels"),
        (["photo.png", STYLES[0], "--size", -1], "Received: '-1'"),
        (["photo.png"], "A style is needed"),
        (["nothing", STYLES[0]], "A folder must hold"),
        (["photo.png", "nothing"], "A folder must hold"),
        (["bad_frames", STYLES[0]], "bad_frames/1.png"),
        (["photo.png", *STYLES, "--strength", 1, 0], "each of 3 style"),
        (["photo.png", *STYLES, "--strength", 1.5], "from 0.0 to 1.0"),
        (["photo.png", *STYLES, "--strength", "nan"], "from 0.0 to 1.0"),
        (["photo.png", *STYLES, "--mix", 1, 2], "must be 3 numbers"),
        (["photo.png", *STYLES, "--mix", 0, 0, 0], "positive, finite"),
        (["photo.png", "styles", "--sheet", "--mix", 1], "leave --mix out"),
        (["photo.png", STYLES[0], "--mask", "square.png"], "(33, 46)"),
        (["photo.png", STYLES[0], "--mask", "text.jpg"], "text.jpg"),
        (["photo.png", "--codes", "missing.npz"], "missing.npz"),
        (["photo.png", "--codes", "bad.npz"], "bad.npz"),
        (["photo.png", "--codes", "objects.npz"], "objects.npz"),
        (["photo.png", "--codes", "short.npz"], "shape (7,)"),
        (["photo.png", STYLES[0], "-o", "out.xyz"], "a format to save"),
        (["photo.png", STYLES[0], "-o", "text.jpg/out.png"], "text.jpg"),
        (["photo.png", STYLES[0], "-o", "photo.png"], "overwrite"),
        (["frames", STYLES[0], "-o", "frames"], "overwrite"),
        (["frames", *STYLES, "-o", "styles"], "overwrite"),
        (["photo.png", "styles", "-o", STYLES[2]], "overwrite"),
        (["photo.png", STYLES[0], "-o", "m.png", "--mask", "m.png"], "--mask"),
        (["photo.png", STYLES[0], *MASKED, "-o", "square.png"], "overwrite"),
        (["photo.png", STYLES[0], "-o", "c.png", "--codes", "c.png"], ".npz"),
        (["photo.png", STYLES[0], "--codes", "data.npz"], "stylize.py wrote"),
        (["photo.png", STYLES[0], "-o", "nothing"], "a format to save"),
        (["photo.png", STYLES[0], "-o", "folder.png"], "replace a folder"),
        (["photo.png", STYLES[0], "-o", "text.png"], "text by PNG"),
        (["frames", STYLES[0], "-o", "-"], "Standard output"),
        (["photo.png", STYLES[0], "--weights", "none"], "Weights must be"),
        (
            ["photo.png", STYLES[0], "--weights", "no.weights.h5"],
            "damaged or of",
        ),
    ],
)
def test_errors(recipe, tmp_path, capsys, options, message):
    write_bad_files(tmp_path)
    before = files(tmp_path)
    with pytest.raises(SystemExit) as stopped:
        recipe(*options)
    assert stopped.value.code == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert len(shown.err.splitlines()) == 1
    assert message in shown.err
    assert files(tmp_path) == before


def test_bomb(recipe, monkeypatch, capsys):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 50_000)
    Image.new("RGB", (300, 300)).save("bomb.png")
    with pytest.raises(SystemExit) as stopped:
        recipe("bomb.png", STYLES[0])
    assert stopped.value.code == 2
    assert "DecompressionBomb" in capsys.readouterr().err
