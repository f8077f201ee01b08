"""The recipe with a user's own networks of several tasks."""

import json

import keras
import pytest
from keras import layers

pytestmark = [pytest.mark.tensorflow, pytest.mark.usefixtures("eager")]


def network(heads):
    """Images of 12 x 12 to `heads` of the mean of two stages."""
    x = inputs = keras.Input((12, 12, 3))
    for strides in (1, 2):
        x = layers.Conv2D(20, 3, strides, activation="relu")(x)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, heads(x))


@pytest.fixture
def teachers(tmp_path):
    """A JSON file: outputs by their tasks, by other names, and as slices."""
    keras.utils.set_random_seed(0)
    one = network(lambda x: {"hat": layers.Dense(3)(x)})
    two = network(lambda x: [layers.Dense(3, name="d")(x), layers.Dense(4)(x)])
    three = network(layers.Dense(5, "softmax"))
    for name, model in (("one", one), ("two", two), ("three", three)):
        model.save(tmp_path / f"{name}.keras")
    entries = [
        {"model": "one.keras"},
        {"model": "two.keras", "outputs": {"d": "hat"}},
        {"model": "three.keras", "tasks": {"hat": [0, 3], "eyes": [3, 5]}},
    ]
    path = tmp_path / "teachers.json"
    path.write_text(json.dumps(entries))
    return path


@pytest.fixture
def recipe(reporting):
    """Runs the recipe for one epoch a phase; returns its report."""
    return reporting("amalgamate_adaptive", [1, 1])


def test_own_networks(recipe, teachers, noise, tmp_path):
    options = "--teachers", teachers, "--images", noise
    report = recipe(*options, "--tasks", "eyes", "hat")
    rows = {row["model"]: row for row in report["results"]}
    assert list(rows) == [
        "teacher_1",
        "teacher_2",
        "teacher_3",
        "least_entropy",
        "average",
        "component_eyes",
        "component_hat",
        "student",
    ]
    assert rows["teacher_1"]["tasks"]["eyes"] is None
    # The only one that knows it, and so the surest.
    assert rows["teacher_3"]["tasks"]["eyes"] == 1.0
    assert rows["least_entropy"]["tasks"] == {"eyes": 1.0, "hat": 1.0}
    assert rows["component_hat"]["tasks"]["eyes"] is None
    assert report["curves"]["selection"]["eyes"] == {"3": 1.0}
    student = keras.saving.load_model(tmp_path / "output" / "student.keras")
    shapes = {task: x.shape[1] for task, x in student.output.items()}
    assert shapes == {"eyes": 2, "hat": 3}
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
    wrong = tmp_path / "wrong.json"
    wrong.write_text('[{"model": "two.keras", "outputs": {"e": "hat"}}]')
    for options, message in (
        (["--teachers", teachers, *images], "need --images and --tasks"),
        (
            ["--teachers", teachers, *images, "--tasks", "nose"],
            "known to a teacher. Received: 'nose'",
        ),
        (
            ["--teachers", other, *images, "--tasks", "hat"],
            "is not a list of teachers",
        ),
        (
            ["--teachers", wrong, *images, "--tasks", "hat"],
            "is not a list of teachers",
        ),
        (["--dataset", "digits"], "--dataset must be people"),
        (["--tasks", "nose"], "known to a teacher"),
    ):
        fails(recipe, options, message)
