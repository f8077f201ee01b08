"""The network, its trained weights, and the layout of its variables.

`python tests/applications/test_small_conv_net.py` writes the layout anew.
"""

import json
import pathlib

import keras
import numpy as np
import pytest

from keras_vipa import datasets
from keras_vipa.applications import SmallConvNet
from keras_vipa.applications import load_model
from keras_vipa.applications import save_float16
from keras_vipa.applications.weights import WEIGHTS
from keras_vipa.applications.weights import load_weights

ROOT = pathlib.Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests" / "golden" / "small_conv_net.json"
NETWORKS = sorted(
    name for name, entry in WEIGHTS.items() if entry["file"].endswith(".keras")
)
CLASSIFIERS = sorted(
    name for name, entry in WEIGHTS.items() if "test_accuracy" in entry
)
REGENERATE = "python tests/applications/test_small_conv_net.py"


def layout():
    return {
        weight.path: f"{weight.dtype} {tuple(weight.shape)}"
        for weight in SmallConvNet().weights
    }


def images(count=3, size=8):
    generator = np.random.default_rng(0)
    return generator.random((count, size, size, 3)).astype("float32")


class TestNetwork:
    def test_default(self):
        model = SmallConvNet()
        assert model.input_shape == (None, 8, 8, 3)
        assert model.output_shape == (None, 10)
        assert model(images()).shape == (3, 10)
        assert model.get_layer("pool_2").output.shape == (None, 2, 2, 32)
        convolutions = (9 * 3 + 1) * 16 + (9 * 16 + 1) * 32
        dense = (2 * 2 * 32 + 1) * 64 + (64 + 1) * 10
        assert model.count_params() == convolutions + dense == 13994

    def test_options(self):
        model = SmallConvNet(
            (32, 32, 3),
            classes=4,
            filters=(5, 6, 7),
            units=11,
            strides=2,
            name="net",
        )
        assert model.name == "net"
        assert model.output_shape == (None, 4)
        shapes = [
            model.get_layer(name).output.shape[1:]
            for name in ("conv_1", "conv_2", "conv_3", "pool_3")
        ]
        assert shapes == [(16, 16, 5), (8, 8, 6), (4, 4, 7), (2, 2, 7)]
        convolutions = (9 * 3 + 1) * 5 + (9 * 5 + 1) * 6 + (9 * 6 + 1) * 7
        dense = (2 * 2 * 7 + 1) * 11 + (11 + 1) * 4
        assert model.count_params() == convolutions + dense

    @pytest.mark.parametrize(
        "options",
        [
            {"input_shape": (8, 8)},
            {"input_shape": None},
            {"input_shape": (8, 0, 3)},
            {"input_shape": (3, 3, 3)},
            {"classes": 0},
            {"classes": 1.5},
            {"filters": 16},
            {"filters": (16, 0)},
            {"filters": (4, 4, 4, 4)},
            {"units": None},
            {"strides": "2"},
            {"strides": 4},
        ],
    )
    def test_wrong_arguments(self, options):
        with pytest.raises(ValueError, match="must be.*Received: ") as error:
            SmallConvNet(**options)
        assert "\n" not in str(error.value)

    def test_returns_logits(self):
        model = SmallConvNet()
        for weight in model.weights:
            weight.assign(np.ones(weight.shape))
        assert float(model(images())[0, 0]) > 1.0

    def test_layout(self):
        golden = json.loads(GOLDEN.read_text(encoding="utf-8"))
        assert list(golden.items()) == list(layout().items()), (
            "Weights that were saved before do not fit this network. If that "
            f"is meant, run: {REGENERATE}"
        )


class TestWeights:
    def test_file(self, tmp_path):
        path = tmp_path / "net.weights.h5"
        saved = SmallConvNet(classes=3)
        saved.save_weights(path)
        assert not np.allclose(
            SmallConvNet(classes=3)(images()), saved(images())
        )
        for given in (path, str(path)):
            loaded = SmallConvNet(classes=3, weights=given)
            np.testing.assert_array_equal(loaded(images()), saved(images()))

    @pytest.mark.parametrize("load", [load_model, SmallConvNet])
    def test_unknown_preset(self, load):
        options = {"name" if load is load_model else "weights": "mnist"}
        with pytest.raises(ValueError) as error:
            load(**options)
        assert str(error.value) == (
            f"Weights must be one of {NETWORKS}, or for a network the "
            "path of a .weights.h5 file. Received: 'mnist'"
        )

    @pytest.mark.parametrize(
        "change",
        [
            lambda content: b"",
            lambda content: content[:100],
            lambda content: content[: len(content) // 2],
            lambda content: b"\x89PNG\r\n" + bytes(100),
            lambda content: b"some text",
        ],
    )
    def test_damaged_weights_file(self, change, tmp_path):
        path = tmp_path / "net.weights.h5"
        SmallConvNet().save_weights(path)
        path.write_bytes(change(path.read_bytes()))
        with pytest.raises(ValueError) as error:
            SmallConvNet(weights=path)
        assert str(error.value) == (
            f"The weights file is damaged or of another kind. Received: {path}"
        )

    @pytest.mark.parametrize("value", [np.nan, -np.inf, 1e5])
    def test_weights_that_are_not_finite(self, value, tmp_path):
        path = tmp_path / "net.weights.h5"
        model = SmallConvNet()
        model.layers[-1].bias.assign(np.full(10, value))
        model.save_weights(path)
        if abs(value) == 1e5:
            SmallConvNet(weights=path)
        else:
            with pytest.raises(ValueError, match="finite.*net.weights.h5"):
                SmallConvNet(weights=path)
        before = path.read_bytes()
        with pytest.raises(ValueError, match="below 65504.*'.*vars/1'"):
            save_float16(model, path)
        assert path.read_bytes() == before
        assert len(list(tmp_path.iterdir())) == 1

    @pytest.mark.parametrize("name", [None, "", [], 0, ["digits_0_4"], "x.h5"])
    def test_no_preset(self, name):
        for load in (
            load_model,
            lambda name: load_weights(SmallConvNet(), name),
        ):
            with pytest.raises(ValueError, match="must be one of.*Received: "):
                load(name)

    @pytest.mark.parametrize(
        "path", [None, "", 3, "a.h5", "no/a.weights.h5", "folder.weights.h5"]
    )
    def test_wrong_path(self, path, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "folder.weights.h5").mkdir()
        with pytest.raises(ValueError, match="`path` must.*Received: path="):
            save_float16(SmallConvNet(), path)
        assert (tmp_path / "folder.weights.h5").is_dir()

    def test_missing_file(self, monkeypatch):
        name = CLASSIFIERS[0]
        monkeypatch.setitem(WEIGHTS[name], "file", "no.keras")
        with pytest.raises(ValueError, match="missing.* Received: sha256=None"):
            load_model(name)

    def test_damaged_file(self, monkeypatch):
        name = CLASSIFIERS[0]
        damaged = {**WEIGHTS[name], "sha256": 64 * "0"}
        monkeypatch.setitem(WEIGHTS, name, damaged)
        with pytest.raises(ValueError, match="is damaged.* Received: sha256="):
            load_model(name)

    @pytest.mark.parametrize("number", range(1, 7))
    def test_preset_of_people(self, number):
        entry = WEIGHTS[f"people_{number}"]
        model = load_model(f"people_{number}")
        assert model.count_params() == entry["parameters"]
        people = datasets.people("test")
        scores = model.predict(people.array(), verbose=0)
        for task, accuracy in entry["test_accuracy"].items():
            right = scores[task].argmax(axis=-1) == people.y(task)
            assert right.mean() == pytest.approx(accuracy, abs=2e-3)

    @pytest.mark.parametrize(
        "name", [name for name in CLASSIFIERS if name[:6] != "people"]
    )
    def test_preset(self, name):
        entry = WEIGHTS[name]
        data, first, last = name.split("_")
        group = range(int(first), int(last) + 1)
        _, test = datasets.named(data)
        test = test.of_classes(group, relabel=True)

        model = load_model(name)
        assert model.output_shape == (None, len(group))
        assert model.count_params() == entry["parameters"]
        size = model.input_shape[1:3]
        images = keras.ops.image.resize(test.array(), size, antialias=True)
        logits = model.predict(keras.ops.convert_to_numpy(images), verbose=0)
        accuracy = np.mean(logits.argmax(axis=1) == test.y())
        # An image or two may fall the other way on another machine.
        assert accuracy == pytest.approx(entry["test_accuracy"], abs=0.01)

    def test_preset_by_its_class(self):
        name = CLASSIFIERS[0]
        model = SmallConvNet(classes=5, weights=name, name="net")
        assert model.name == "net"
        for one, other in zip(model.weights, load_model(name).weights):
            np.testing.assert_array_equal(one, other)

    @pytest.mark.parametrize(
        "arguments",
        [{}, {"units": 7}, {"input_shape": (10, 10, 3), "strides": 1}],
    )
    def test_preset_of_another_network(self, arguments):
        name = CLASSIFIERS[0]
        classes = {"classes": 5} if arguments else {}
        with pytest.raises(ValueError) as error:
            SmallConvNet(weights=name, **classes, **arguments)
        message = str(error.value)
        assert f"Preset '{name}' is for images of (8, 8, 3) and 5" in message
        assert "Received arguments for: " in message


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps(layout(), indent=1) + "\n", encoding="utf-8")
