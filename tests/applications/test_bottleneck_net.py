"""BottleneckNet: sizes by hand, units that can be run one by one."""

import keras
import numpy as np
import pytest
from keras import ops
from test_case import TestCase

from keras_vipa import export
from keras_vipa import metrics
from keras_vipa.applications import BottleneckNet
from keras_vipa.applications import load_model
from keras_vipa.applications.weights import WEIGHTS
from keras_vipa.datasets import people


def images():
    generator = np.random.default_rng(0)
    return generator.random((2, 12, 8, 3), "float32")


def small(**options):
    options = {
        "width": 2,
        "units": (1, 2),
        "image_shape": (12, 8, 3),
        **options,
    }
    return BottleneckNet(5, **options)


class TestSizes:
    def test_by_hand(self):
        """Stem 3 -> 8; p = 2 and 4 inside, 8 and 16 outside; head."""
        stem = 27 * 8 + 32
        first = (8 * 2 + 8) + (9 * 4 + 8) + (2 * 8 + 32)
        skip = 8 * 16 + 64
        second = (8 * 4 + 16) + (9 * 16 + 16) + (4 * 16 + 64)
        third = (16 * 4 + 16) + (9 * 16 + 16) + (4 * 16 + 64)
        head = 16 * 5 + 5
        expected = stem + first + skip + second + third + head
        assert small().count_params() == expected

    def test_of_resnet_50(self):
        """Its units, which have biases in Keras, and whose first has a skip."""
        whole, stem, head = 25_636_712, 147 * 64 + 64 + 256, 2048 * 1000 + 1000
        stages = ((64, 3), (128, 4), (256, 6), (512, 3))
        biases = sum(count * 6 * p + 4 * p for p, count in stages)
        own = BottleneckNet(10, 64, (3, 4, 6, 3), (224, 224, 3)).count_params()
        own -= (27 * 256 + 4 * 256) + (2048 * 10 + 10)
        # There, the stem has 64 channels.
        own += 64 * 256 + 4 * 256 - (256 - 64) * 64
        assert own == whole - stem - head - biases


class TestUnits(TestCase):
    def test_units_one_by_one(self):
        """As the docstring has them."""
        model = small()
        parts = {layer.name: layer for layer in model.layers}
        x = parts["stem"](images(), training=False)
        for number in (1, 2, 3):
            u = parts[f"body_{number}"](x, training=False)
            skip = parts.get(f"skip_{number}")
            assert (skip is not None) == (number == 2)
            carried = x if skip is None else skip(x, training=False)
            x = parts[f"join_{number}"]([u, carried], training=False)
        logits = parts["head"](ops.mean(x, axis=(1, 2)))
        self.assert_all_close(logits, model(images(), training=False))

    def test_what_is_carried_over(self):
        """With what is new at 0, a unit is the rectified skip."""
        join = {x.name: x for x in small().layers}["join_1"]
        x = np.random.default_rng(1).normal(size=(1, 12, 8, 8))
        u = np.zeros((1, 12, 8, 2))
        found = join([u, x], training=False)
        self.assert_all_close(found, np.maximum(x, 0).astype("float32"))

    def test_saving_and_seed(self, tmp_path):
        one, same, other = (small(seed=seed) for seed in (1, 1, 2))
        expected = one(images(), training=False)
        self.assert_all_close(same(images(), training=False), expected)
        assert np.abs(expected - other(images(), training=False)).max() > 1e-3
        one.save(tmp_path / "net.keras")
        loaded = keras.saving.load_model(tmp_path / "net.keras")
        self.assert_all_close(loaded(images(), training=False), expected)

    def test_any_size(self):
        model = small(image_shape=(None, None, 3))
        assert model(images()).shape == (2, 5)

    @pytest.mark.tensorflow
    def test_litert(self, tmp_path):
        model = small()
        path = export.to_litert(model, tmp_path / "net.tflite")
        expected = ops.convert_to_numpy(model(images(), training=False))
        found = export.run_litert(path, images())
        np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"width": 0}, "`width`"),
        ({"units": ()}, "`units`"),
        ({"units": 3}, "`units` must be a list"),
        ({"image_shape": (8, 8)}, "`image_shape` must be"),
        ({"image_shape": (8, 8, None)}, "`image_shape` must be"),
        ({"seed": -1}, "`seed`"),
    ],
)
def test_errors(changes, message):
    with pytest.raises(ValueError, match=message):
        small(**changes)


# Of the recipe, by what the two know.
WANTED = {
    "attributes_1": "headgear,long hair,glasses,open jacket,pattern",
    "attributes_2": "long hair,glasses,dark glasses,dark skin,long coat",
}


@pytest.mark.parametrize("name", WANTED)
def test_preset(name):
    entry, model = WEIGHTS[name], load_model(name)
    assert model.count_params() == entry["parameters"]
    test, known = people("test"), entry["labels"].split(",")
    found = model.predict(test.array(), verbose=0)
    every, wanted = test.class_names["attributes"], WANTED[name].split(",")
    right = test.y("attributes")[:, [every.index(k) for k in wanted]]
    found = found[:, [known.index(k) for k in wanted]]
    score = metrics.mean_average_precision(right, found)
    expected = entry["test_scores"]["map_wanted"]
    assert score == pytest.approx(expected, abs=2e-3)
