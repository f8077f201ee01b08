"""The recipe with a user's own networks and labels."""

import json

import keras
import numpy as np
import pytest

from keras_vipa.applications import BottleneckNet
from keras_vipa.datasets import named
from keras_vipa.metrics import mean_average_precision

pytestmark = [pytest.mark.tensorflow, pytest.mark.usefixtures("eager")]
LABELS = {"one": ["hat", "tie"], "two": ["tie", "cape", "beard"]}
SIZE = {"width": 2, "units": (1, 1), "image_shape": (14, 14, 3)}


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


@pytest.fixture
def teachers(tmp_path):
    """A JSON file, with a network for each of two lists of labels beside it."""
    entries = []
    for seed, (name, labels) in enumerate(LABELS.items()):
        model = BottleneckNet(len(labels), seed=seed, **SIZE)
        # Some present, some absent.
        images = np.random.default_rng(0).random((50, 14, 14, 3))
        kernel, _ = model.layers[-1].get_weights()
        middle = np.median(model.predict(images, verbose=0), axis=0)
        model.layers[-1].set_weights([kernel, -middle])
        model.save(tmp_path / f"{name}.keras")
        entries.append({"model": f"{name}.keras", "labels": labels})
    path = tmp_path / "teachers.json"
    path.write_text(json.dumps(entries))
    return path


@pytest.fixture
def recipe(reporting):
    """Runs the recipe for one epoch a phase; returns its report."""
    return reporting("amalgamate_filtered", [1, 1])


def test_own_networks(recipe, teachers, noise, tmp_path):
    options = "--teachers", teachers, "--images", noise
    report = recipe(*options, "--wanted", "cape", "tie", "hat")
    rows = {row["model"]: row for row in report["results"]}
    names = ["teacher_1", "teacher_2", "concatenated", "student"]
    assert list(rows) == names
    # Compared with what they say together.
    assert rows["concatenated"]["map_wanted"] == 1.0
    # Alone, each of them says something else of what both know.
    _, test = named(f"folder:{noise}", (14, 14))
    one, two = (
        keras.saving.load_model(tmp_path / f"{name}.keras").predict(
            test.array(), verbose=0
        )
        for name in LABELS
    )
    hat, tie = one[:, 0] > 0, sigmoid(one[:, 1]) + sigmoid(two[:, 0]) > 1
    right = np.stack([hat, tie], axis=-1).astype(int)
    expected = mean_average_precision(right, one)
    assert rows["teacher_1"]["parts"][0] == pytest.approx(expected)
    assert rows["teacher_1"]["parts"][1] is None
    assert rows["teacher_1"]["map_wanted"] is None
    student = keras.saving.load_model(tmp_path / "output" / "student.keras")
    assert student.output_shape == (None, 3)
    assert sorted(p.name for p in (tmp_path / "output").iterdir()) == [
        "report.json",
        "report.png",
        "student.keras",
        "student.tflite",
    ]


def test_errors(recipe, teachers, noise, tmp_path, fails):
    images = "--images", noise
    other = tmp_path / "other.json"
    other.write_text('[{"file": "one.keras"}]')
    for options, message in (
        (["--teachers", teachers], "need --images"),
        (["--teachers", other, *images], "is not a list of teachers"),
        (
            ["--teachers", teachers, *images, "--wanted", "nose"],
            "`wanted` must be one of",
        ),
        (["--dataset", "digits"], "--dataset must be people"),
    ):
        fails(recipe, options, message)
