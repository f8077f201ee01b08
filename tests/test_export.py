"""Exported files compute what the model does, and failures leave nothing."""

import contextlib
import os
import pathlib
import re
import sys

import keras
import numpy as np
import pytest
from keras import layers
from keras import ops

from keras_vipa import export
from keras_vipa.utils.onnx_check import check_onnx
from keras_vipa.utils.signatures import as_input
from keras_vipa.utils.signatures import input_signature

pytestmark = pytest.mark.tensorflow

PRECISIONS = {"float32": 1e-4, "float16": 1e-2}


def network(height=16, width=16):
    pictures = keras.Input((height, width, 3), name="pictures")
    x = layers.Conv2D(16, 3, activation="relu")(pictures)
    x = layers.BatchNormalization()(x)
    x = layers.Conv2D(64, 3, strides=2, activation="relu")(x)
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dense(128, activation="relu", name="features")(x)
    return keras.Model(pictures, layers.Dense(5)(x), name="network")


def draw(*shape):
    return np.random.default_rng(0).random(shape, "float32")


@pytest.fixture(scope="module")
def model():
    """A classifier of the colour that a picture has most of."""
    keras.utils.set_random_seed(0)
    model = network()
    pictures, labels = coloured(256)
    features = keras.Model(model.input, model.get_layer("features").output)
    features = features.predict(pictures, verbose=0)
    # The last layer is fitted by least squares.
    targets = 5.0 * np.eye(5)[labels]
    means = features.mean(axis=0), targets.mean(axis=0)
    kernel = np.linalg.lstsq(features - means[0], targets - means[1], 0.3)[0]
    model.layers[-1].set_weights([kernel, means[1] - means[0] @ kernel])
    return model


@pytest.fixture(scope="module")
def expected(model):
    """What the model returns for three hundred pictures."""
    return model.predict(coloured(300)[0], verbose=0)


def coloured(count):
    generator = np.random.default_rng(1)
    labels = generator.integers(0, 3, count)
    tint = np.eye(3)[labels][:, None, None]
    pictures = 0.7 * generator.random((count, 16, 16, 3)) + 0.3 * tint
    return pictures.astype("float32"), labels


@pytest.fixture(scope="module")
def files(model, tmp_path_factory):
    """The model as a LiteRT file in each precision."""
    folder = tmp_path_factory.mktemp("litert")
    samples = {"pictures": coloured(64)[0]}
    return {
        precision: export.to_litert(
            model, folder / f"{precision}.tflite", precision, samples
        )
        for precision in export.PRECISIONS
    }


def tensor_types(path):
    """Types of what the file stores and computes, by count."""
    interpreter = pytest.importorskip("ai_edge_litert.interpreter")
    details = interpreter.Interpreter(os.fspath(path)).get_tensor_details()
    return [np.dtype(detail["dtype"]).name for detail in details]


@pytest.mark.parametrize("precision", PRECISIONS)
def test_litert_computes_what_the_model_does(files, expected, precision):
    outputs = export.run_litert(files[precision], coloured(300)[0][:8])
    assert outputs.shape == (8, 5)
    atol = PRECISIONS[precision]
    np.testing.assert_allclose(outputs, expected[:8], atol=atol)


def test_int8_decides_as_the_model_does(files, expected):
    pictures, labels = coloured(300)
    pictures, labels, expected = pictures[200:], labels[200:], expected[200:]
    outputs = export.run_litert(files["int8"], pictures)
    assert np.mean(expected.argmax(-1) == labels) > 0.95
    assert np.mean(outputs.argmax(-1) == expected.argmax(-1)) >= 0.98
    error = np.abs(outputs - expected).mean() / np.abs(expected).mean()
    assert 1e-4 < error < 0.03


def test_int8_computes_in_integers_between_float32_ends(files):
    types = tensor_types(files["int8"])
    assert types.count("float32") == 2
    assert "int8" in types


def test_sizes(files):
    size = {name: path.stat().st_size for name, path in files.items()}
    assert size["float16"] < 0.6 * size["float32"]
    assert size["int8"] < 0.4 * size["float32"]


def test_only_builtin_operations(files):
    for path in files.values():
        assert b"Flex" not in path.read_bytes()


def test_batch_is_one(files):
    interpreter = pytest.importorskip("ai_edge_litert.interpreter")
    for path in files.values():
        details = interpreter.Interpreter(os.fspath(path)).get_input_details()
        assert details[0]["shape_signature"].tolist() == [1, 16, 16, 3]


# The converter writes this from C++, whatever the log level is.
CHATTER = "input_inference_type"


def test_batch_size_asked_for_and_verbose(model, expected, tmp_path, capfd):
    pictures, path = coloured(300)[0], tmp_path / "four.tflite"
    options = {"samples": pictures[:8], "batch_size": 4, "verbose": True}
    export.to_litert(model, path, "int8", **options)
    assert CHATTER in capfd.readouterr().err
    outputs = export.run_litert(path, pictures[:6])
    np.testing.assert_allclose(outputs, expected[:6], atol=0.2)


def test_open_height_and_width_and_quiet(tmp_path, capfd):
    model = network(None, None)
    samples = draw(9, 20, 24, 3)
    path = export.to_litert(model, tmp_path / "open.tflite", "int8", samples)
    for size in ((20, 24), (12, 17)):
        pictures = draw(2, *size, 3)
        expected = ops.convert_to_numpy(model(pictures))
        outputs = export.run_litert(path, pictures)
        np.testing.assert_allclose(outputs, expected, atol=0.02)
        assert np.abs(outputs - expected).max() > 0
    assert capfd.readouterr() == ("", "")


@keras.saving.register_keras_serializable(package="keras_vipa_tests")
class Square(layers.Layer):
    """Values of very different size, which 8 bits cannot hold together."""

    def call(self, inputs):
        return ops.square(ops.square(inputs)) * 100.0


def test_keep_float(tmp_path):
    x = keras.Input((8, 8, 3), name="pictures")
    y = Square(name="wide_range")(layers.Conv2D(8, 3, name="first")(x))
    y = layers.Conv2D(4, 3, name="last")(ops.log(y + 1e-2))
    model = keras.Model(x, y)
    pictures = draw(32, 8, 8, 3)
    expected = ops.convert_to_numpy(model(pictures))
    options = {"precision": "int8", "samples": pictures}
    files = {
        name: export.to_litert(
            model, tmp_path / f"{kept}.tflite", keep_float=kept, **options
        )
        for name, kept in (("all", None), ("part", "wide_range"))
    }
    kept = named_types(files["part"], "wide_range")
    assert kept and set(kept) == {"float32"}
    assert "int8" in named_types(files["all"], "wide_range")
    for path in files.values():
        assert "int8" in named_types(path, "last")
    errors = {
        name: np.abs(export.run_litert(path, pictures) - expected).mean()
        for name, path in files.items()
    }
    assert 0 < errors["part"] < 0.7 * errors["all"]
    assert len(os.listdir(tmp_path)) == 2


def named_types(path, name):
    """Types of the tensors whose names hold this one."""
    interpreter = pytest.importorskip("ai_edge_litert.interpreter")
    details = interpreter.Interpreter(os.fspath(path)).get_tensor_details()
    return [
        np.dtype(detail["dtype"]).name
        for detail in details
        if name in detail["name"]
    ]


def several_inputs():
    """Order of the list, of creation and of the alphabet are different."""
    wide = keras.Input((64,), name="wide")
    ids = keras.Input((4,), name="ids", dtype="int32")
    big = keras.Input((8,), name="big")
    x = layers.Dense(3)(wide) + layers.Dense(3)(big)
    total = x + ops.mean(layers.Embedding(9, 3)(ids), axis=1)
    # Eleven outputs: by their names, the eleventh comes before the third.
    outputs = [layers.Rescaling(k + 1.0)(total) for k in range(10)]
    model = keras.Model([ids, wide, big], [*outputs, ops.relu(x)])
    generator = np.random.default_rng(0)
    arrays = [
        generator.integers(0, 9, (7, 4)).astype("int32"),
        draw(7, 64),
        100 * draw(7, 8),
    ]
    return model, arrays


def test_several_inputs_and_more_than_ten_outputs(tmp_path):
    model, arrays = several_inputs()
    path = export.to_litert(model, tmp_path / "m.tflite", "int8", arrays)
    by_name = dict(zip(("ids", "wide", "big"), arrays))
    outputs = export.run_litert(path, by_name)
    expected = [ops.convert_to_numpy(part) for part in model(arrays)]
    assert isinstance(outputs, list) and len(outputs) == 11
    for output, target in zip(outputs, expected):
        # Eight integer steps of the output; inputs or outputs that are
        # mistaken for one another are far more than that apart.
        np.testing.assert_allclose(output, target, atol=np.ptp(target) / 32)
    with pytest.raises(ValueError, match="one array for each of the inputs"):
        export.run_litert(path, arrays)


@keras.saving.register_keras_serializable(package="keras_vipa_tests")
class Difference(keras.Model):
    """A subclassed model with two arguments and a dict of outputs."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.dense = layers.Dense(2)

    def build(self, left_shape, right_shape):
        self.dense.build(left_shape)

    def call(self, left, right):
        difference = self.dense(left - right)
        return {"difference": difference, "size": ops.abs(difference)}


def test_subclassed_model_of_mixed_precision(tmp_path):
    keras.config.set_dtype_policy("mixed_float16")
    model = Difference()
    left, right = draw(2, 3, 4)
    expected = model(left, right)
    # What the model is compiled with need not be known to Keras.
    model.compile("sgd", lambda y_true, y_pred: ops.mean(y_pred))
    path = export.to_litert(model, tmp_path / "m.tflite")
    outputs = export.run_litert(path, {"left": left, "right": right})
    assert set(outputs) == {"difference", "size"}
    for name, output in outputs.items():
        assert output.dtype == "float32"
        np.testing.assert_allclose(
            output, ops.convert_to_numpy(expected[name]), atol=1e-2
        )
    assert model.compute_dtype == "float16"
    assert keras.config.dtype_policy().name == "mixed_float16"


def test_recurrent_int8(tmp_path):
    sequence = keras.Input((3, 5))
    unrolled = keras.Model(sequence, layers.GRU(8, unroll=True)(sequence))
    rows = draw(16, 3, 5)
    path = export.to_litert(unrolled, tmp_path / "gru.tflite", "int8", rows)
    outputs, expected = export.run_litert(path, rows), unrolled(rows)
    np.testing.assert_allclose(
        outputs, ops.convert_to_numpy(expected), atol=0.05
    )
    # LiteRT's calibrator would end the process here.
    looped = keras.Model(sequence, layers.GRU(8)(sequence))
    with nothing_written(tmp_path), pytest.raises(ValueError, match="unroll"):
        export.to_litert(looped, tmp_path / "loop.tflite", "int8", rows)


def test_saved_model(model, expected, tmp_path):
    import tensorflow as tf

    pictures = coloured(300)[0][:3]
    # An older one, which is replaced.
    (tmp_path / "saved").mkdir()
    (tmp_path / "saved" / "saved_model.pb").write_bytes(b"old")
    (tmp_path / "saved" / "old").write_bytes(b"")
    path = export.to_saved_model(model, tmp_path / "saved")
    served = tf.saved_model.load(path)
    np.testing.assert_allclose(served.serve(pictures), expected[:3], atol=1e-5)
    assert os.listdir(tmp_path) == ["saved"]
    assert "old" not in os.listdir(path)


def test_onnx(model, expected, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("tf2onnx")
    pictures = coloured(300)[0][:3]
    path = export.to_onnx(model, tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(path)
    assert [node.name for node in session.get_inputs()] == ["pictures"]
    outputs = session.run(None, {"pictures": pictures})[0]
    np.testing.assert_allclose(outputs, expected[:3], atol=1e-5)
    assert os.listdir(tmp_path) == ["model.onnx"]


def test_onnx_that_is_wrong_is_not_written(model, tmp_path):
    """Another model's file, since tf2onnx makes this one rightly."""
    pytest.importorskip("tf2onnx")
    other = keras.models.clone_model(model)
    other.call = lambda *args, **kwargs: 1.5 * model.call(*args, **kwargs)
    path = export.to_onnx(model, tmp_path / "model.onnx")
    with pytest.raises(ValueError, match="computes something else .* off by"):
        check_onnx(path, other, input_signature(model, None))
    path.write_bytes(b"no network")
    with pytest.raises(ValueError, match="cannot run the file"):
        check_onnx(path, model, input_signature(model, None))


@contextlib.contextmanager
def nothing_written(folder):
    before = sorted(pathlib.Path(folder).rglob("*"))
    yield
    assert sorted(pathlib.Path(folder).rglob("*")) == before


def test_mixed_precision_inside(tmp_path):
    """A part under another policy than the model around it."""
    part = keras.Sequential(
        [
            keras.Input((16, 16, 3)),
            layers.Conv2D(8, 3, dtype="mixed_bfloat16"),
            layers.Activation("relu", dtype="mixed_bfloat16"),
        ]
    )
    pictures = keras.Input((16, 16, 3))
    y = layers.GlobalAveragePooling2D(dtype="float32")(part(pictures))
    model = keras.Model(pictures, y)
    path = export.to_litert(model, tmp_path / "model.tflite")
    actual, expected = export.run_litert(path, draw(2, 16, 16, 3)), []
    kernel, bias = part.get_weights()
    windows = np.lib.stride_tricks.sliding_window_view
    for picture in draw(2, 16, 16, 3):
        patches = windows(picture, (3, 3), (0, 1))
        convolved = np.einsum("yxcij,ijcf->yxf", patches, kernel) + bias
        expected.append(np.maximum(convolved, 0).mean(axis=(0, 1)))
    # Closer than bfloat16 is.
    np.testing.assert_allclose(actual, expected, atol=1e-5)


class Cached(layers.Layer):
    """Not registered; keeps values that it computes from a weight in `build`.

    TensorFlow's own operations do not mix types.
    """

    def build(self, input_shape):
        self.weight = self.add_weight(shape=input_shape[-1:])
        self.weight.assign(np.linspace(1, 2, input_shape[-1]))
        self.kept = ops.cast(ops.sqrt(self.weight.value), self.compute_dtype)
        self.more = [{"kept": ops.square(self.kept)}]

    def call(self, x):
        return (x - self.kept) * self.more[0]["kept"]


def adapted(data):
    layer = layers.Normalization()
    layer.adapt(data)
    return layer


def with_state(data):
    """A nested model of layers whose state is more than their weights."""
    x = keras.Input((6,))
    part = [keras.Input((6,)), adapted(data), layers.Dense(4)]
    y = keras.Sequential(part)(x) + Cached()(x)[:, :4] / 100
    y = layers.Lambda(lambda x: ops.tanh(x))(y)
    y = layers.Dense(3, dtype="float32")(ops.cast(y, keras.config.floatx()))
    return keras.Model(x, ops.tanh(ops.cast(y, "float16")))


@pytest.mark.parametrize("policy", ["mixed_float16", "float16"])
def test_state_beside_the_weights_is_exported(policy, tmp_path):
    data = 10 + 3 * draw(64, 6)
    keras.config.set_dtype_policy(policy)
    model = with_state(data)
    keras.config.set_dtype_policy("float32")
    expected = ops.convert_to_numpy(model(data)).astype("float32")
    policies = [layer.dtype_policy for layer in model._flatten_layers()]
    path = export.to_litert(model, tmp_path / "model.tflite")
    difference = np.abs(export.run_litert(path, data) - expected)
    assert difference.max() < 1e-2 < expected.std()
    # The model is as it was.
    again = ops.convert_to_numpy(model(data))
    np.testing.assert_array_equal(again.astype("float32"), expected)
    after = [layer.dtype_policy for layer in model._flatten_layers()]
    assert all(old is new for old, new in zip(policies, after, strict=True))


def test_failed_conversion_leaves_the_old_file(tmp_path):
    path = tmp_path / "old.tflite"
    path.write_bytes(b"old")
    x = keras.Input((4,))
    model = keras.Model(x, ops.arctan(x), name="angle")
    with nothing_written(tmp_path):
        with pytest.raises(ValueError, match="'angle' with Atan"):
            export.to_litert(model, path)
    assert path.read_bytes() == b"old"


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"precision": "int4"}, "'float32', 'float16', 'int8'.*'int4'"),
        ({"path": "model.bin"}, r"ending in \.tflite.*model\.bin"),
        ({"path": "no/model.tflite"}, "folder that exists"),
        ({"batch_size": 0}, "positive integer.*batch_size=0"),
        ({"precision": "int8"}, "Received: samples=None"),
        ({"samples": np.zeros((0, 16, 16, 3))}, "at least one row"),
        ({"samples": np.zeros((16, 16, 3))}, r"\(n, 16, 16, 3\).*\(16, 16, 3"),
        ({"samples": np.zeros((2, 8, 16, 3))}, r"\(n, 16, 16, 3\).*\(2, 8,"),
        ({"samples": {"photos": np.zeros(2)}}, "pictures.*photos"),
        ({"model": layers.Dense(2)}, "keras.Model"),
        ({"model": Difference()}, "must be built"),
        ({"model": keras.Sequential([layers.Dense(2)])}, "must be built"),
        ({"model": None}, "keras.Model"),
        ({"path": None}, "string or path.*path=None"),
        ({"path": ""}, "string or path.*path=''"),
        ({"path": "a\0.tflite"}, "string or path"),
        ({"precision": ["int8"]}, r"one of.*precision=\['int8'\]"),
        ({"batch_size": 1.5}, "positive integer.*batch_size=1.5"),
        ({"batch_size": None}, "positive integer.*batch_size=None"),
        ({"samples": np.full((2, 16, 16, 3), np.nan)}, "finite.*'pictures'"),
        ({"samples": np.full((2, 16, 16, 3), np.inf)}, "finite.*'pictures'"),
        ({"samples": [["a"], ["b", "c"]]}, "one array for each|an array"),
        ({"samples": np.full((2, 16, 16, 3), "a")}, "numbers.*dtype=<U1"),
        ({"keep_float": "("}, r"regular expression.*keep_float='\('"),
        ({"keep_float": ""}, "regular expression.*keep_float=''"),
        ({"keep_float": ["a"]}, r"regular expression.*keep_float=\['a'\]"),
        ({"keep_float": 1}, "regular expression.*keep_float=1"),
    ],
)
def test_wrong_arguments(model, arguments, message, tmp_path):
    if "samples" in arguments:
        arguments = {"precision": "int8", **arguments}
    if arguments.get("path"):
        arguments = {**arguments, "path": tmp_path / arguments["path"]}
    path = tmp_path / "model.tflite"
    with nothing_written(tmp_path), pytest.raises(ValueError) as error:
        export.to_litert(**{"model": model, "path": path, **arguments})
    assert re.search(message, str(error.value))
    assert "\n" not in str(error.value)


def test_keep_float_of_no_layer(model, tmp_path):
    samples = coloured(2)[0]
    with nothing_written(tmp_path), pytest.raises(ValueError, match="'no_l"):
        export.to_litert(
            model, tmp_path / "m.tflite", "int8", samples, keep_float="no_layer"
        )


@pytest.mark.parametrize(
    "precision, value, message",
    [
        ("int8", np.nan, "finite.*kernel with nan"),
        ("int8", -np.inf, "finite.*kernel with inf"),
        # The converter would cut it off.
        ("float16", 1e5, "below 65504.*kernel with 100000"),
    ],
)
def test_weights_that_a_file_cannot_hold(precision, value, message, tmp_path):
    model = keras.Sequential([keras.Input((2,)), layers.Dense(1)])
    model.layers[0].kernel.assign(np.array([[1.0], [value]]))
    samples = draw(2, 2)
    with nothing_written(tmp_path), pytest.raises(ValueError, match=message):
        export.to_litert(model, tmp_path / "m.tflite", precision, samples)


def test_model_that_keras_quantized(tmp_path):
    model = keras.Sequential([keras.Input((8,)), layers.Dense(4, name="few")])
    model.layers[0].quantize("int8")
    with nothing_written(tmp_path), pytest.raises(ValueError) as error:
        export.to_litert(model, tmp_path / "m.tflite")
    assert re.search("quantized by Keras.*layer 'few'", str(error.value))


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
def test_up_sampling_of_open_sizes(interpolation, tmp_path):
    x = keras.Input((None, None, 3))
    y = layers.UpSampling2D(2, interpolation=interpolation, name="up")(x)
    model = keras.Model(x, layers.Conv2D(2, 3)(y))
    with nothing_written(tmp_path), pytest.raises(ValueError) as error:
        export.to_litert(model, tmp_path / "m.tflite")
    assert re.search("fixed size.*DoubleSize2D.*layer 'up'", str(error.value))
    assert "Conv2D" not in str(error.value)


def test_inputs_of_another_shape(files):
    with pytest.raises(ValueError, match=r"\(n, 16, 16, 3\)"):
        export.run_litert(files["float32"], draw(2, 20, 20, 3))


@pytest.mark.parametrize(
    "change",
    [
        lambda content: b"",
        lambda content: content[:8],
        lambda content: content[: len(content) // 2],
        lambda content: content[:-400],
        lambda content: b"\x89PNG\r\n" + bytes(100),
        lambda content: b"some text",
    ],
)
def test_damaged_file(files, change, tmp_path):
    path = tmp_path / "damaged.tflite"
    path.write_bytes(change(files["float32"].read_bytes()))
    with pytest.raises(ValueError, match="is whole.*damaged.tflite") as error:
        export.run_litert(path, draw(1, 16, 16, 3))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("path", ["no.tflite", "", None, 3, ["a.tflite"]])
def test_no_file(path):
    with pytest.raises(ValueError, match="`path` must be.*Received: path="):
        export.run_litert(path, draw(1, 16, 16, 3))


@pytest.mark.parametrize("rows", [[[0.5, 1.0]], [[np.nan, 1.0]], [[300, 1]]])
def test_rows_are_not_cut_to_integers(rows):
    with pytest.raises(ValueError, match="whole numbers that fit uint8"):
        as_input(np.array(rows), "ids", (1, 2), "uint8")


def test_rows_of_different_number(tmp_path):
    model, arrays = several_inputs()
    arrays[1] = arrays[1][:3]
    with pytest.raises(ValueError, match="equally many"):
        export.to_litert(model, tmp_path / "m.tflite", "int8", arrays)


def test_saved_model_replaces_nothing_else(model, tmp_path):
    (tmp_path / "precious.txt").write_text("kept")
    with (
        nothing_written(tmp_path),
        pytest.raises(ValueError, match="Only a folder"),
    ):
        export.to_saved_model(model, tmp_path)


@pytest.mark.parametrize("name", ["to_litert", "to_saved_model", "to_onnx"])
def test_another_backend(model, name, tmp_path, monkeypatch):
    monkeypatch.setattr(keras.config, "backend", lambda: "jax")
    with pytest.raises(RuntimeError, match="Received: backend='jax'"):
        getattr(export, name)(model, tmp_path / "m")


def test_missing_packages(model, files, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tf2onnx", None)
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    with nothing_written(tmp_path):
        with pytest.raises(ImportError, match=r'install "keras_vipa\[onnx\]"'):
            export.to_onnx(model, tmp_path / "model.onnx")
    with pytest.raises(ImportError, match=r'install "keras_vipa\[lite\]"'):
        export.run_litert(files["float32"], coloured(1)[0])
