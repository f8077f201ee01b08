"""The recipe with a user's own classifiers of different architectures."""

import keras
import pytest
from keras import layers

from keras_vipa.amalgamation import new_student

pytestmark = [pytest.mark.tensorflow, pytest.mark.usefixtures("eager")]


def classifier(size, channels, classes, end=None):
    keras.utils.set_random_seed(size)
    return keras.Sequential(
        [
            keras.Input((size, size, channels)),
            layers.Conv2D(30, 3, activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(classes, activation=end),
        ]
    )


@pytest.fixture
def paths(tmp_path):
    """Three teachers of different sizes, channels and ends."""
    shapes = (12, 3, 2, None), (10, 1, 3, "softmax"), (8, 3, 2, None)
    paths = [tmp_path / f"{number}.keras" for number in range(3)]
    for path, shape in zip(paths, shapes):
        classifier(*shape).save(path)
    return paths


@pytest.fixture
def recipe(reporting):
    """Runs the recipe for one epoch; returns its report."""
    return reporting("amalgamate_common_feature", 1)


def test_own_classifiers(recipe, paths, noise, tmp_path):
    student = tmp_path / "student.keras"
    new_student("residual", (9, 9, 3), 7, 500).save(student)
    options = "--teachers", *paths, "--images", noise, "--compare"
    report = recipe(*options, "--student", student)
    rows = {row["model"]: row for row in report["results"]}
    assert list(rows) == [
        "teacher_1",
        "teacher_2",
        "teacher_3",
        "concatenated",
        "soft_targets",
        "student",
    ]
    # Agreement with what the student is told, which is calibrated.
    assert rows["concatenated"]["parts"] == [1.0, 1.0, 1.0]
    assert rows["concatenated"]["joint"] == 1.0
    made = keras.saving.load_model(tmp_path / "output" / "student.keras")
    assert made.input_shape == (None, 9, 9, 3)
    assert rows["student"]["parameters"] == made.count_params()
    assert set(report["curves"]) == {
        "loss",
        "soft_targets",
        "common",
        "reconstruction",
    }
    assert sorted(p.name for p in (tmp_path / "output").iterdir()) == [
        "report.json",
        "report.png",
        "student.keras",
        "student.tflite",
    ]


def test_errors(recipe, paths, noise, tmp_path, fails):
    small = tmp_path / "small.keras"
    new_student("residual", (9, 9, 3), 6, 500).save(small)
    images = "--images", noise
    for options, message in (
        (["--teachers", paths[0], *images], "at least two teachers"),
        (["--teachers", *paths], "--teachers need --images"),
        (
            ["--teachers", *paths, *images, "--student", small],
            "must score all 7 classes of the teachers. Received: 6",
        ),
        (
            ["--teachers", *paths, *images, "--student", "large"],
            "There is no model file. Received: large",
        ),
    ):
        fails(recipe, options, message)
