"""Small encoders of generated scenes, and measured transfer between them."""

import keras
import numpy as np
import pytest
from keras import layers

from keras_vipa.applications import SceneEncoders
from keras_vipa.applications import scene_encoders
from keras_vipa.applications import train_scene_encoders
from keras_vipa.applications.scene_encoders import features_and_targets
from keras_vipa.applications.scene_encoders import readout_errors
from keras_vipa.applications.weights import WEIGHTS
from keras_vipa.datasets import scenes
from keras_vipa.datasets.scene_tasks import TASKS


def test_tasks_are_those_of_the_scenes():
    assert scene_encoders.TASKS == TASKS


class TestNetwork:
    def test_outputs(self):
        model = SceneEncoders()
        images = scenes(2).images / np.float32(255)
        outputs = model(images)
        assert list(outputs) == list(TASKS)
        for task, features in outputs.items():
            features = keras.ops.convert_to_numpy(features)
            assert features.shape == (2, 4, 4, 16)
            assert features.min() >= 0.0 and features.max() > 0.0
            alone = model.get_layer(task)(images)
            np.testing.assert_array_equal(
                keras.ops.convert_to_numpy(alone), features
            )

    def test_preset(self):
        model = SceneEncoders("scene_encoders")
        assert model.count_params() == WEIGHTS["scene_encoders"]["parameters"]
        for tasks in (("depth",), ("pose", "denoise")):
            some = SceneEncoders("scene_encoders", tasks)
            for task in tasks:
                pairs = zip(
                    some.get_layer(task).get_weights(),
                    model.get_layer(task).get_weights(),
                )
                for one, other in pairs:
                    np.testing.assert_array_equal(one, other)

    def test_unknown_task(self):
        with pytest.raises(ValueError, match="`tasks` must be.*'normals'"):
            SceneEncoders(tasks=("depth", "normals"))


def test_training_lowers_the_readout_error_of_its_own_task():
    world, tasks = scenes(256, seed=1), ("segment", "bgcol")
    trained = train_scene_encoders(world, epochs=4, seed=0, tasks=tasks)
    keras.utils.set_random_seed(0)
    fresh = SceneEncoders(tasks=tasks)
    errors = []
    for model in (fresh, trained):
        encoders = {task: model.get_layer(task) for task in tasks}
        problems = features_and_targets(encoders, scenes(260, seed=2))
        found = readout_errors(problems, labels=160)
        rows = [TASKS.index(task) for task in tasks]
        errors.append(found[[0, 1], rows])
    assert (errors[1] < errors[0] - 0.02).all()


class TestReadout:
    @pytest.fixture
    def world(self):
        return scenes(240, seed=3)

    def test_encoder_that_tells_all(self, world):
        x = keras.Input((32, 32, 3))
        cells = keras.Model(x, layers.AveragePooling2D(4)(x))
        problems = features_and_targets({"cells": cells}, world)
        errors = dict(zip(TASKS, readout_errors(problems, 200)[0]))
        # What is to be said is what is there, but for the strength of ridge.
        assert errors["autoencode"] < 0.05
        assert errors["denoise"] < 0.2
        # Not linear in the pixels.
        assert errors["shape"] > 0.5

    def test_encoder_that_tells_nothing(self, world):
        x = keras.Input((32, 32, 3))
        silent = keras.Model(x, layers.AveragePooling2D(32)(0.0 * x))
        problems = features_and_targets({"silent": silent}, world)
        errors = readout_errors(problems, 200)
        np.testing.assert_allclose(errors, 1.0, atol=0.1)

    def test_inputs_of_the_tasks(self, world):
        """Noise is only in what the task with noise sees."""
        x = keras.Input((32, 32, 3))
        model = keras.Model(x, layers.Flatten()(x))
        problems = features_and_targets({"pixels": model}, world)
        plain = problems["depth"][0]["pixels"]
        assert problems["segment"][0]["pixels"] is plain
        np.testing.assert_allclose(
            plain, world.images.reshape(240, -1) / np.float32(255)
        )
        for task in ("denoise", "inpaint", "colorize"):
            assert np.abs(problems[task][0]["pixels"] - plain).max() > 0.1
        assert problems["autoencode"][1].shape == (240, 8 * 8 * 3)
        assert problems["pose"][1].shape == (240, 5)
