"""The recipe that ranks sources: measured transfer, networks of the user's."""

import json
import sys

import keras
import numpy as np
import pytest
from keras import layers
from PIL import Image

from keras_vipa import transferability
from keras_vipa.applications import SceneEncoders
from keras_vipa.datasets import scenes
from keras_vipa.utils import recipe as frame

pytestmark = pytest.mark.tensorflow


@pytest.fixture(scope="module")
def recipe(load_recipe):
    return load_recipe("rank_transferability")


@pytest.fixture(scope="module")
def trainer(load_recipe):
    return load_recipe("build/train_scene_encoders")


@pytest.fixture
def run(monkeypatch):
    def run(recipe, *options):
        monkeypatch.setattr(sys, "argv", ["recipe.py", *map(str, options)])
        frame.run(recipe.main, recipe.options)

    return run


@pytest.fixture(scope="module")
def zoo(tmp_path_factory):
    """A folder of two encoders, a model of two inputs, and pictures."""
    zoo = tmp_path_factory.mktemp("zoo")
    for name, filters in (("a", 3), ("b", 5)):
        x = keras.Input((16, 16, 3))
        y = layers.Conv2D(filters, 3, activation="relu")(x)
        keras.Model(x, y).save(zoo / f"{name}.keras")
    pair = [keras.Input((16, 16, 3)) for _ in range(2)]
    model = keras.Model(pair, layers.Add()(pair))
    model.save(zoo / "pair.keras")
    (zoo / "empty").mkdir()
    (zoo / "pictures").mkdir()
    generator = np.random.default_rng(0)
    for number in range(4):
        picture = generator.integers(256, size=(30, 24, 3)).astype("uint8")
        Image.fromarray(picture).save(zoo / "pictures" / f"{number}.png")
    return zoo


def test_own_networks(run, recipe, zoo, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(zoo)
    options = ["--models", "a.keras", "b.keras", "--images", "pictures"]
    run(recipe, *options, "--size", 20, "--output", tmp_path / "out")
    out = capsys.readouterr().out
    assert out.startswith("2 networks, 4 pictures\na.keras is done; about")
    # Nothing but what was asked for.
    folder = tmp_path / "out"
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["report.json", "report.png"]
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
def test_errors(
    run, recipe, zoo, tmp_path, monkeypatch, capsys, options, message
):
    monkeypatch.chdir(zoo)
    with pytest.raises(SystemExit) as stopped:
        run(recipe, *options, "--size", 16, "--output", tmp_path)
    assert stopped.value.code == 2
    shown = capsys.readouterr()
    assert len(shown.err.splitlines()) == 1 and message in shown.err
    assert not list(tmp_path.iterdir())


def side_by_side(**outputs):
    """A network of two tasks whose features are the same function's."""
    x = keras.Input((32, 32, 3))
    return keras.Model(x, {task: make(x) for task, make in outputs.items()})


class TestMeasuredTransfer:
    @pytest.fixture
    def world(self, recipe, monkeypatch):
        monkeypatch.setattr(recipe, "LABELS", 200)
        return scenes(240, seed=3)

    def test_errors(self, recipe, world):
        """Features that tell all, and none."""
        model = side_by_side(
            autoencode=layers.AveragePooling2D(4),
            denoise=lambda x: layers.AveragePooling2D(32)(0.0 * x),
        )
        problems = recipe.features_and_targets(model, world)
        errors, _ = recipe.matrix(recipe.readout_error, problems)
        # What is to be said is what is there, but for the strength of ridge.
        assert errors[0, 0] < 0.05 and errors[0, 1] < 0.2
        np.testing.assert_allclose(errors[1], 1.0, atol=0.1)

    def test_inputs_of_the_tasks(self, recipe, world):
        """Noise is only in what the task with noise sees."""
        tasks = ("depth", "segment", "denoise", "inpaint", "colorize", "pose")
        model = side_by_side(**dict.fromkeys(tasks, layers.Flatten()))
        problems = recipe.features_and_targets(model, world)
        plain = problems["depth"][0]["pose"]
        assert problems["segment"][0]["pose"] is plain
        np.testing.assert_allclose(
            plain, world.images.reshape(240, -1) / np.float32(255)
        )
        for task in ("denoise", "inpaint", "colorize"):
            assert np.abs(problems[task][0]["pose"] - plain).max() > 0.1
        assert problems["denoise"][1].shape == (240, 8 * 8 * 3)
        assert problems["pose"][1].shape == (240, 5)

    def test_label_scores(self, recipe, world):
        """Of the labelled images alone; classes alone have an H-score."""
        generator = np.random.default_rng(0)
        x = generator.normal(size=(240, 4))
        values = generator.normal(size=(240, 2)) + 5.0
        constant = np.c_[values, np.ones(240)]
        centred = values[:200] - values[:200].mean(axis=0)
        expected = transferability.log_me(x[:200], centred)
        assert recipe.log_me(x, constant) == expected
        classes = np.arange(240) % 3
        expected = transferability.h_score(x[:200], classes[:200])
        assert recipe.h_score(x, np.eye(3)[classes]) == expected
        assert np.isnan(recipe.h_score(x, values))


def test_table(recipe):
    row = {"measure": "maps", "labels": "no", "rho": 0.5, "p": 0.1}
    rows = [{**row, "seed": 0}, {**row, "rho": 0.7, "p": None, "seed": 1}]
    one, two = recipe.table_of(rows[:1]), recipe.table_of(rows)
    assert "| maps    | no     | 0.500 | 0.100 |" in one
    assert "| 0.600 ± 0.141 |     |" in two and "nan" not in two


@pytest.mark.usefixtures("eager")
def test_training_lowers_the_error_of_a_readout(run, recipe, trainer, tmp_path):
    options = ["--scenes", 256, "--epochs", 4, "--tasks", "bgcol"]
    run(trainer, *options, "--output", tmp_path)
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert list(report["results"][0]) == ["seed", "bgcol"]
    # The encoders of the other tasks are random.
    tasks = ("bgcol", "depth")
    model = SceneEncoders(tmp_path / "seed_0.weights.h5", tasks)
    problems = recipe.features_and_targets(model, scenes(400, seed=2))
    errors, _ = recipe.matrix(recipe.readout_error, problems)
    assert errors[0, 0] < errors[1, 0] - 0.02
