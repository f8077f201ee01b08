"""The recipe with a user's own classifiers and pictures."""

import json

import keras
import numpy as np
import pytest
from amalgamation import networks
from test_case import ROOT

from keras_vipa.amalgamation import LayerwiseAmalgamator
from keras_vipa.utils import recipe as runner
from keras_vipa.utils.images import save_picture

pytestmark = pytest.mark.tensorflow


@pytest.fixture
def recipe(load_recipe, eager, monkeypatch, tmp_path):
    """Runs the recipe in this process; returns its report."""
    path = ROOT / "recipes" / "amalgamate_layerwise.py"
    module = load_recipe("amalgamate_layerwise")

    def run(*options):
        command = [path, "--smoke", "--output", tmp_path / "output", *options]
        monkeypatch.setattr("sys.argv", [str(part) for part in command])
        smoke = {"epochs": [1, 1, 1]}
        runner.run(module.main, module.options, smoke=smoke)
        return json.loads((tmp_path / "output" / "report.json").read_text())

    return run


@pytest.fixture
def teachers(tmp_path):
    paths = []
    for number, classes in enumerate((2, 3, 2)):
        model = networks.conv_teacher(classes, channels=1)
        networks.randomize(model, number)
        paths.append(tmp_path / f"{number}.keras")
        model.save(paths[-1])
    return paths


@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number, image in enumerate(networks.images(20, 10)):
        save_picture(folder / f"{number:02d}.png", image)
    return folder


def test_own_classifiers_and_pictures(
    recipe, teachers, pictures, tmp_path, capsys
):
    """Of another size, and in colour, while the classifiers want grey."""
    report = recipe(
        "--teachers", *teachers, "--images", pictures, "--patience", 1
    )
    printed = capsys.readouterr().out
    assert "Pictures of another size are resized to (8, 8)" in printed
    # Of 20 pictures, four are for the scores, and two for the patience.
    announced = "14 images, epochs at most: autoencoders 1, layers 1, joint 1"
    assert announced in printed
    rows = {row["model"]: row for row in report["results"]}
    # No baseline: nobody has asked for it.
    assert list(rows) == [
        "teacher_1",
        "teacher_2",
        "teacher_3",
        "concatenated",
        "student",
    ]
    assert rows["teacher_2"]["parts"] == [None, 1.0, None]
    assert rows["concatenated"]["parts"] == [1.0, 1.0, 1.0]
    assert rows["concatenated"]["joint"] == 1.0
    student = keras.saving.load_model(tmp_path / "output" / "student.keras")
    assert student.output_shape == (None, 7)
    assert rows["student"]["parameters"] == student.count_params()
    assert sorted(p.name for p in (tmp_path / "output").iterdir()) == [
        "report.json",
        "report.png",
        "student.keras",
        "student.tflite",
    ]


def error_of(recipe, capsys, *options):
    with pytest.raises(SystemExit) as stopped:
        recipe(*options)
    assert stopped.value.code == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    return lines[0]


def test_files_that_are_not_models(recipe, pictures, tmp_path, capsys):
    broken = tmp_path / "broken.keras"
    broken.write_text("not a model")
    for path, message in (
        (tmp_path / "missing.keras", "must be a file that is there"),
        (broken, "is not a Keras model"),
    ):
        options = ["--teachers", path, path, "--images", pictures]
        assert message in error_of(recipe, capsys, *options)
    assert not (tmp_path / "output").exists()


def test_teachers_that_do_not_fit(recipe, teachers, pictures, tmp_path, capsys):
    other_size = tmp_path / "other_size.keras"
    networks.conv_teacher(2, size=10, channels=1).save(other_size)
    other_layers = tmp_path / "other_layers.keras"
    dense = [keras.layers.Flatten(), *map(keras.layers.Dense, (5, 2))]
    keras.Sequential([keras.Input((8, 8, 1)), *dense]).save(other_layers)
    for others, message in (
        ([], "at least two teachers. Received: 1"),
        ([other_size], "All teachers must take images of one size"),
        ([other_layers], "one to one; they may differ in width only"),
    ):
        options = ["--teachers", teachers[0], *others, "--images", pictures]
        assert message in error_of(recipe, capsys, *options)


def test_folders_without_pictures(recipe, teachers, tmp_path, capsys):
    empty = tmp_path / "empty"
    empty.mkdir()
    unreadable = tmp_path / "unreadable"
    unreadable.mkdir()
    (unreadable / "1.png").write_text("not a picture")
    for folder, message in (
        (empty, "must hold a readable"),
        (tmp_path / "nowhere", "must be a folder"),
    ):
        options = ["--teachers", *teachers, "--images", folder]
        assert message in error_of(recipe, capsys, *options)
    with pytest.warns(UserWarning, match="1.png"), pytest.raises(SystemExit):
        recipe("--teachers", *teachers, "--images", unreadable)


def test_teacher_that_is_not_finite(
    recipe, teachers, pictures, tmp_path, capsys
):
    model = keras.saving.load_model(teachers[0])
    model.layers[-1].bias.assign(np.full(2, np.nan, "float32"))
    model.save(teachers[0])
    options = ["--teachers", *teachers, "--images", pictures]
    line = error_of(recipe, capsys, *options)
    assert "The scores of teachers must be finite" in line
    assert not (tmp_path / "output").exists()


def test_training_that_is_not_finite(
    recipe, teachers, pictures, tmp_path, capsys, monkeypatch
):
    rates = LayerwiseAmalgamator.learning_rates
    monkeypatch.setitem(rates, "layers", float("nan"))
    options = ["--teachers", *teachers, "--images", pictures]
    line = error_of(recipe, capsys, *options)
    assert "phase 'layers', epoch 1, because" in line
    assert "is not finite; the weights are those of the epoch before" in line
    kept = tmp_path / "output" / "last_good_student.keras"
    weights = keras.saving.load_model(kept).get_weights()
    assert all(np.isfinite(weight).all() for weight in weights)


def test_wrong_options(recipe, capsys):
    assert "must be a folder" in error_of(recipe, capsys, "--dataset", "mnist")
    assert "--teachers need --images" in error_of(
        recipe, capsys, "--teachers", __file__
    )
    assert "KERAS_BACKEND=jax" in error_of(
        recipe, capsys, "--strategy", "data_parallel"
    )
    assert "from 0.0 to 1.0. Received" in error_of(recipe, capsys, "--width", 3)
