"""SegNet: sizes of the sheet, blocks that can be run one by one."""

import keras
import numpy as np
import pytest
from test_case import TestCase

from keras_vipa import datasets
from keras_vipa import export
from keras_vipa import metrics
from keras_vipa.applications import SegNet
from keras_vipa.applications import load_model
from keras_vipa.applications.weights import WEIGHTS


def images(height=16, width=24):
    generator = np.random.default_rng(0)
    return generator.random((2, height, width, 3), "float32")


def small(outputs=5, activation=None, **options):
    options = {"width": 4, "depth": 3, "image_shape": (16, 24, 3), **options}
    return SegNet(outputs, activation, **options)


class TestSizes:
    def test_that_of_the_authors(self):
        """29.45 million for 13 classes; blocks of 64 to 512 channels."""
        model = SegNet(13, None, 64, 5, (2, 2, 3, 3, 3), (224, 224, 3))
        assert round(model.count_params() / 1e6, 2) == 29.46
        widths = [
            layer.output[0].shape[-1]
            for layer in model.layers
            if layer.name.startswith("down")
        ]
        assert widths == [64, 128, 256, 512, 512]
        assert [
            layer.output.shape[-1]
            for layer in model.layers
            if layer.name.startswith("up")
        ] == [512, 256, 128, 64, 13]

    def test_by_hand(self):
        """Width 2, depth 1: convolutions 3 -> 2, 2 -> 2, 2 -> 1, the first
        two with normalization, the last with a bias."""
        model = SegNet(1, width=2, depth=1, image_shape=(4, 4, 3))
        expected = (27 * 2 + 8) + (18 * 2 + 8) + (18 + 1)
        assert model.count_params() == expected


class TestSegNet(TestCase):
    def test_blocks_one_by_one(self):
        model = small()
        x, kept = images(), []
        expected = model(x, training=False)
        for layer in model.layers[1:]:
            if layer.name.startswith("down"):
                x, indices = layer(x, training=False)
                kept.append(indices)
            else:
                x = layer([x, kept.pop()], training=False)
        self.assert_all_close(x, expected)

    def test_activations(self):
        x = images()
        depth = small(1, "softplus").predict(x, verbose=0)
        assert depth.shape == (2, 16, 24, 1)
        assert (depth > 0).all()
        normals = small(3, "unit").predict(x, verbose=0)
        lengths = np.linalg.norm(normals, axis=-1)
        np.testing.assert_allclose(lengths, 1.0, atol=1e-4)
        assert small().predict(x, verbose=0).min() < 0

    def test_open_sides(self):
        model = small(image_shape=(None, None, 3))
        fixed = small()
        model.set_weights(fixed.get_weights())
        self.assert_all_close(model(images()), fixed(images()))
        assert model.predict(images(8, 32), verbose=0).shape == (2, 8, 32, 5)

    @pytest.mark.tensorflow
    def test_in_litert(self, tmp_path):
        model = small()
        path = export.to_litert(model, tmp_path / "model.tflite")
        found = export.run_litert(path, images())
        self.assert_all_close(found, model.predict(images(), verbose=0), 1e-4)

    def test_training_saving_and_weights(self, tmp_path):
        model = small()
        before = [w.copy() for w in model.get_weights()]
        model.compile("sgd", "mse")
        model.fit(images(), model.predict(images(), verbose=0) + 1.0, verbose=0)
        for weight, old in zip(model.weights, before):
            new = keras.ops.convert_to_numpy(weight.value)
            assert not np.array_equal(new, old) or not weight.trainable
        model.save(tmp_path / "model.keras")
        loaded = keras.saving.load_model(tmp_path / "model.keras")
        self.assert_all_close(loaded(images()), model(images()))
        model.save_weights(tmp_path / "model.weights.h5")
        again = small(weights=str(tmp_path / "model.weights.h5"), seed=1)
        self.assert_all_close(again(images()), model(images()))

    @pytest.mark.parametrize(
        "options, message",
        [
            ({"outputs": 0}, "`outputs` must be"),
            ({"activation": "relu"}, "`activation` must be one of"),
            ({"convolutions": (1, 2)}, "`convolutions` must be 3"),
            ({"image_shape": (20, 24, 3)}, "can be halved 3 times"),
            ({"image_shape": (24, 24)}, "`image_shape` must be"),
            ({"weights": "digits_0_4"}, "Preset 'digits_0_4' is for images"),
            ({"weights": "rooms"}, "rooms"),
        ],
    )
    def test_errors(self, options, message):
        with pytest.raises(ValueError, match=message):
            small(**options)


@pytest.mark.parametrize("task", ["parsing", "depth", "normals"])
def test_preset(task):
    entry = WEIGHTS[f"rooms_{task}"]
    model = load_model(f"rooms_{task}")
    assert model.count_params() == entry["parameters"]
    rooms = datasets.rooms("test")
    found = model.predict(rooms.array(), verbose=0)
    scores = {
        "parsing": lambda: metrics.parsing_scores(rooms.labels, found),
        "depth": lambda: metrics.depth_scores(rooms.depth, found[..., 0]),
        "normals": lambda: metrics.normal_scores(rooms.normals, found),
    }[task]()
    for name, value in entry["test_scores"].items():
        assert scores[name] == pytest.approx(value, rel=0.01)
