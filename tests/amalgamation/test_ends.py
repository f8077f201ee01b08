"""Probabilities at the end of a teacher are never taken for logits."""

import keras
import numpy as np
import pytest
from amalgamation import networks
from keras import layers
from keras import ops
from test_case import TestCase

from keras_vipa.amalgamation.layerwise.layer_list import LayerList


@keras.saving.register_keras_serializable(package="tests")
def own_softmax(x):
    powers = ops.exp(x - ops.max(x, axis=-1, keepdims=True))
    return powers / ops.sum(powers, axis=-1, keepdims=True)


def teacher_and_logits(end):
    image = keras.Input((4,))
    x = layers.Dense(5, activation="relu")(image)
    logits = layers.Dense(3)(x)
    teacher = networks.randomize(keras.Model(image, end(logits)))
    return teacher, keras.Model(image, logits)


class TestEnds(TestCase):
    @pytest.mark.parametrize(
        "end",
        [
            keras.activations.softmax,
            ops.softmax,
            ops.sigmoid,
            ops.log_softmax,
            layers.Activation(ops.sigmoid),
            lambda z: layers.Activation("linear")(layers.Softmax()(z)),
            lambda z: layers.Rescaling(1.0)(layers.Softmax()(z)),
            lambda z: layers.Reshape((3,))(ops.softmax(z)),
            lambda z: ops.cast(ops.softmax(z), "float32"),
            lambda z: layers.Dropout(0.5)(layers.Softmax()(z)),
        ],
    )
    def test_logits_are_found(self, tmp_path, end):
        teacher, logits = teacher_and_logits(end)
        teacher.save(tmp_path / "teacher.keras")
        loaded = keras.saving.load_model(tmp_path / "teacher.keras")
        x = np.random.default_rng(0).normal(size=(6, 4)).astype("float32")
        for model in (teacher, loaded):
            plain = LayerList.of(model, "teacher").model
            self.assert_all_close(plain(x), logits(x))

    @pytest.mark.parametrize(
        "end",
        [
            lambda z: ops.sigmoid(ops.sigmoid(z)),
            ops.hard_sigmoid,
            ops.sparsemax,
            lambda z: layers.Rescaling(2.0)(layers.Softmax()(z)),
            lambda z: ops.exp(ops.log_softmax(z)),
            layers.Activation(own_softmax),
            layers.ReLU(max_value=1.0),
        ],
    )
    def test_what_cannot_be_undone_is_refused(self, end):
        teacher, _ = teacher_and_logits(end)
        with pytest.raises(ValueError, match="must return logits.*: teacher_2"):
            LayerList.of(teacher, "teacher_2")

    @pytest.mark.parametrize("end", [ops.relu, ops.tanh, ops.leaky_relu])
    def test_other_ends_stay(self, end):
        teacher, _ = teacher_and_logits(end)
        x = np.random.default_rng(0).normal(size=(6, 4)).astype("float32")
        self.assert_all_close(LayerList.of(teacher, "t").model(x), teacher(x))

    def test_pooled_scores_stay(self):
        image = keras.Input((8, 8, 3))
        x = layers.Conv2D(4, 3)(image)
        x = layers.Conv2D(2, 3, activation="relu")(x)
        teacher = keras.Model(image, layers.GlobalAveragePooling2D()(x))
        networks.randomize(teacher)
        x = networks.images(4)
        self.assert_all_close(LayerList.of(teacher, "t").model(x), teacher(x))
