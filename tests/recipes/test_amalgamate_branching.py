"""The recipe with a user's own networks and rooms."""

import os

import keras
import numpy as np
import pytest

from keras_vipa.applications import SegNet

pytestmark = [pytest.mark.tensorflow, pytest.mark.usefixtures("eager")]
SIZE = {"width": 1, "depth": 2, "image_shape": (16, 16, 3)}
NETWORKS = {"parsing": (3, None), "depth": (1, "softplus")}


@pytest.fixture
def teachers(tmp_path):
    """Files of a network for each of two tasks."""
    keras.utils.set_random_seed(0)
    paths = [tmp_path / f"{task}.keras" for task in NETWORKS]
    for path, options in zip(paths, NETWORKS.values()):
        SegNet(*options, **SIZE).save(path)
    return paths


@pytest.fixture
def recipe(reporting):
    """Runs the recipe for one epoch a phase; returns its report."""
    return reporting("amalgamate_branching", [1, 1])


def test_own_networks(recipe, teachers, noise, tmp_path):
    tasks = "--tasks", *NETWORKS
    report = recipe("--teachers", *teachers, *tasks, "--images", noise)
    rows = {row["model"]: row for row in report["results"]}
    assert list(rows) == [
        "teacher_parsing",
        "teacher_depth",
        "fixed_first",
        "fixed_last",
        "student",
    ]
    # Compared with themselves.
    assert report["measures"] == dict.fromkeys(NETWORKS, "the teacher")
    assert rows["teacher_parsing"]["miou"] == 1.0
    assert rows["teacher_parsing"]["abs_rel"] is None
    assert rows["teacher_depth"]["abs_rel"] == 0.0
    assert rows["student"]["mean_angle"] is None
    # A branch that begins earlier has more of its own.
    macs = [rows[name]["macs"] for name in ("fixed_first", "fixed_last")]
    assert macs[0] > macs[1] > 0
    student = keras.saving.load_model(tmp_path / "output" / "student.keras")
    assert {t: x.shape[-1] for t, x in student.output.items()} == {
        "parsing": 3,
        "depth": 1,
    }
    assert sorted(p.name for p in (tmp_path / "output").iterdir()) == [
        "report.json",
        "report.png",
        "rooms.png",
        "student.keras",
        "student.tflite",
    ]


def test_own_rooms(load_recipe, noise, tmp_path):
    """What is known of them is what networks are compared with."""
    scenes = load_recipe("amalgamate_branching").scenes
    (tmp_path / "home" / "depth").mkdir(parents=True)
    os.rename(noise, tmp_path / "home" / "rgb")
    for path in (tmp_path / "home" / "rgb").iterdir():
        values = np.full((14, 14), 2.5)
        np.save(tmp_path / "home" / "depth" / f"{path.stem}.npy", values)
    rooms = scenes.read_rooms(str(tmp_path / "home"), 16)
    assert rooms.images.shape == (20, 16, 16, 3)
    assert rooms.labels is None and (rooms.depth == 2.5).all()


def test_mirror(load_recipe):
    """What is right of a pixel is left of it, and x points the other way."""
    scenes = load_recipe("amalgamate_branching").scenes
    rooms = scenes.datasets.rooms("train").select(slice(2))
    both = scenes.flipped(rooms)
    np.testing.assert_array_equal(both.images[2:], rooms.images[:, :, ::-1])
    np.testing.assert_array_equal(both.labels[2:], rooms.labels[:, :, ::-1])
    np.testing.assert_array_equal(both.depth[2:], rooms.depth[:, :, ::-1])
    right, left = rooms.normals[:, 5, 60], both.normals[2:, 5, 3]
    np.testing.assert_array_equal(left, right * np.array([-1, 1, 1]))


def test_errors(recipe, teachers, noise, tmp_path, fails):
    given = "--teachers", *teachers
    images = "--images", noise
    for options, message in (
        ([*given, *images], "need --images and --tasks"),
        ([*given, *images, "--tasks", "depth"], "at least two"),
        ([*given, *images, "--tasks", "depth", "depth"], "all different"),
        (["--teachers", teachers[0], *images, "--tasks", *NETWORKS], "2 for 1"),
        (["--images", "garments"], "--images must be rooms"),
    ):
        fails(recipe, options, message)
