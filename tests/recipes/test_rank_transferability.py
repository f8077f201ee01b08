"""The recipe that ranks sources: its judgement, and networks of the user's."""

import json
import sys

import keras
import numpy as np
import pytest
from keras import layers
from PIL import Image

from keras_vipa.utils import reports

pytestmark = pytest.mark.tensorflow


@pytest.fixture(scope="module")
def recipe(load_recipe):
    return load_recipe("rank_transferability")


@pytest.fixture
def run(recipe, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)

    def run(*options):
        monkeypatch.setattr(sys, "argv", ["rank.py", *map(str, options)])
        reports.run_recipe(recipe.main, recipe.parse())

    return run


@pytest.fixture
def zoo(tmp_path):
    """Two encoders, a model of two inputs, a folder of pictures."""
    for name, filters in (("a", 3), ("b", 5)):
        x = keras.Input((16, 16, 3))
        y = layers.Conv2D(filters, 3, activation="relu")(x)
        keras.Model(x, y).save(tmp_path / f"{name}.keras")
    pair = [keras.Input((16, 16, 3)) for _ in range(2)]
    model = keras.Model(pair, layers.Add()(pair))
    model.save(tmp_path / "pair.keras")
    (tmp_path / "empty").mkdir()
    (tmp_path / "pictures").mkdir()
    generator = np.random.default_rng(0)
    for number in range(4):
        picture = generator.integers(256, size=(30, 24, 3)).astype("uint8")
        path = tmp_path / "pictures" / f"{number}.png"
        Image.fromarray(picture).save(path)


def test_own_networks(run, zoo, tmp_path, capsys):
    run("--models", "a.keras", "b.keras", "--images", "pictures", "--size", 20)
    out = capsys.readouterr().out
    assert "a.keras" in out and "b.keras" in out
    folder = tmp_path / "results" / "rank_transferability"
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    pairs = [(row["target"], row["source"]) for row in report["results"]]
    assert pairs == [("a.keras", "b.keras"), ("b.keras", "a.keras")]
    for measure in ("maps", "graph", "cka"):
        values = [row[measure] for row in report["results"]]
        assert values[0] == pytest.approx(values[1]) and abs(values[0]) < 1.25
    with Image.open(folder / "report.png") as picture:
        picture.load()


@pytest.mark.parametrize(
    "options, message",
    [
        (["--models", "a.keras", "b.keras"], "go together"),
        (["--models", "a.keras", "--images", "pictures"], "two networks"),
        (["--models", "a.keras", "no.keras", "--images", "pictures"], "no.ker"),
        (["--models", "a.keras", "b.keras", "--images", "empty"], "empty"),
        (["--models", "pair.keras", "--images", "pictures"], "'pair.keras'"),
    ],
)
def test_errors(run, zoo, capsys, options, message):
    with pytest.raises(SystemExit) as stopped:
        run(*options)
    assert stopped.value.code == 2
    shown = capsys.readouterr()
    assert len(shown.err.splitlines()) == 1 and message in shown.err
