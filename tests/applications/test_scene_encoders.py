"""Small encoders of generated scenes."""

import keras
import numpy as np
import pytest

from keras_vipa.applications import SceneEncoders
from keras_vipa.applications import scene_encoders
from keras_vipa.applications.weights import WEIGHTS
from keras_vipa.datasets import scenes
from keras_vipa.datasets.scene_tasks import TASKS


def test_tasks_are_those_of_the_scenes():
    assert scene_encoders.TASKS == TASKS


@pytest.fixture(scope="module")
def model():
    return SceneEncoders("scene_encoders")


class TestNetwork:
    def test_outputs(self, model):
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

    @pytest.mark.tensorflow
    def test_preset(self, model):
        assert model.count_params() == WEIGHTS["scene_encoders"]["parameters"]
        tasks = ("pose", "denoise")
        some = SceneEncoders("scene_encoders", tasks)
        assert list(some.output) == list(tasks)
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
        for tasks in (None, "depth", (), ["depth", 3], [["depth"]]):
            with pytest.raises(ValueError, match="`tasks` must be.*Received"):
                SceneEncoders(tasks=tasks)
