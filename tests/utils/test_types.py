"""What recipes accept as options, and what they say of the rest."""

import argparse

import pytest

from keras_vipa.utils import types


@pytest.mark.parametrize(
    "kind, good, bad",
    [
        (types.whole(), ["1", "70"], ["0", "-1", "1.5", "x", "", "1e3"]),
        (types.whole(0, 4), ["0", "4"], ["-1", "5", str(10**30)]),
        (types.pixels, ["1", "16384"], ["0", "16385", "10000000"]),
        (types.number(), ["0", "1e3"], ["-0.1", "nan", "inf", "x", ""]),
        (types.share, ["0", "1", "0.5"], ["1.01", "-1", "nan"]),
        (types.positive, ["1e-9", "255"], ["0", "-1", "inf"]),
        (types.seed, ["0", "4294967295"], ["-1", "4294967296", "0.5"]),
        (types.name, ["digits"], ["", " "]),
        (types.named, ["style=1.5"], ["style", "=1", "style=", "style=nan"]),
        (types.folder_or_tfds, ["tfds:coco", "."], ["tfds:", "", "missing"]),
        (types.weights, ["preset"], ["", "missing.weights.h5"]),
    ],
)
def test_good_and_bad(kind, good, bad):
    for text in good:
        kind(text)
    for text in bad:
        with pytest.raises(argparse.ArgumentTypeError, match="must") as error:
            kind(text)
        assert "\n" not in str(error.value)


def test_values():
    assert types.whole(0, 4)("3") == 3
    assert types.share("0.25") == 0.25
    assert types.named("style=2") == ("style", 2.0)


def test_places(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file.png").write_text("")
    (tmp_path / "folder.png").mkdir()
    refused = [
        (types.file, "folder.png"),
        (types.file, "missing"),
        (types.folder, "file.png"),
        (types.folder, "missing"),
        (types.output_folder, "file.png"),
        (types.output_folder, "file.png/below"),
        (types.output_picture, "folder.png"),
        (types.output_picture, "file.png/a.png"),
        (types.output_picture, "a.psd"),
        (types.output_picture, "a"),
        (types.output_file(".npz"), "file.png"),
    ]
    for kind, text in refused:
        with pytest.raises(argparse.ArgumentTypeError):
            kind(text)
    assert types.file("file.png") == "file.png"
    assert types.folder("folder.png") == "folder.png"
    assert str(types.output_folder("a/new/one")) == "a/new/one"
    assert str(types.output_picture("new/a.jpg")) == "new/a.jpg"
    assert str(types.output_file(".npz")("a.NPZ")) == "a.NPZ"


def test_usual():
    assert types.usual("--size", int) is types.pixels
    assert types.usual("--style-size", int) is types.pixels
    assert types.usual("--count", int)("20000") == 20000
    assert types.usual("--rate", float)("0.5") == 0.5
    assert types.usual("--folder", None, "FOLDER") is types.folder
    assert types.usual("--wheel", None, "WHEEL") is types.file
    assert types.usual("--anything") is types.name
    assert types.usual("--own", types.share) is types.share
