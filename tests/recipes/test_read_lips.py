"""The recipe that reads clips of a user's own."""

import json

import numpy as np
import pytest

from keras_vipa.applications import CSSMCM

pytestmark = pytest.mark.tensorflow
WORDS = {
    "pinyin": ["ni", "hao"],
    "tones": list("12345"),
    "characters": list("你好"),
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A network, and its file."""
    model = CSSMCM(WORDS, length=3, seed=1)
    path = tmp_path_factory.mktemp("network") / "cssmcm.keras"
    model.save(path)
    return model, path


@pytest.fixture
def recipe(load_recipe, run_recipe, tmp_path):
    module, output = load_recipe("read_lips"), tmp_path / "output"

    def run(*options):
        more = "--output", output, "--width", 2, *options
        run_recipe(module, *more, seeds=None)
        return json.loads((output / "report.json").read_text())

    return run


def test_own_clips(recipe, trained, tmp_path):
    """They are read as the network reads them, where the box says."""
    model, path = trained
    generator = np.random.default_rng(0)
    frames = generator.integers(0, 255, (12, 40, 80, 3), "uint8")
    np.save(tmp_path / "one.npy", frames)
    np.save(tmp_path / "two.npy", frames[:, 4:20, 8:40, 1])
    clips = tmp_path / "one.npy", tmp_path / "two.npy"
    report = recipe(*clips[1:], "--weights", path)
    (row,) = report["results"]
    (expected,) = model.read([frames[:, 4:20, 8:40, 1]], width=2)
    assert row["characters"] == expected.text
    assert row["pinyin"] == " ".join(expected.tokens["pinyin"])
    assert row["score"] == pytest.approx(expected.scores["characters"], 1e-3)
    grey = np.repeat(frames[..., 1:2], 3, axis=-1)
    np.save(tmp_path / "one.npy", grey)
    cut = "--box", 8, 4, 32, 16
    report = recipe(clips[0], "--weights", path, *cut)
    assert report["results"][0]["score"] == row["score"]
    assert (tmp_path / "output" / "readings.png").is_file()


def test_errors(recipe, trained, tmp_path, fails):
    path = "--weights", trained[1]
    clip, short = tmp_path / "clip.npy", tmp_path / "short.npy"
    np.save(clip, np.zeros((9, 16, 32), "uint8"))
    np.save(short, np.zeros((4, 16, 32), "uint8"))
    (tmp_path / "empty").mkdir()
    points, text = ("--landmarks", clip), tmp_path / "points.txt"
    text.write_text("1, 2")
    box = "--box", 0, 0, 90, 9
    for options, message in (
        ([tmp_path / "none.mp4", *path], "There is no clip"),
        ([tmp_path / "empty", *path], "A folder must hold"),
        ([short, *path], "at least 5 frames"),
        ([clip, *path, *box], "must be inside the frames"),
        ([clip, *path, *points, *box], "exclude one another"),
        ([clip, *path, "--landmarks", text], "This is no .npy file"),
        ([clip, "--weights", clip], "is not a Keras model"),
    ):
        fails(recipe, options, message)
