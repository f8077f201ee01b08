"""ONNX files of the applications, by ONNX Runtime against Keras."""

import keras
import numpy as np
import pytest
from applications.networks import tiny_features

from keras_vipa import export
from keras_vipa.applications import DIN
from keras_vipa.applications import SceneEncoders
from keras_vipa.applications import VGGFeatures
from keras_vipa.applications import load_model
from keras_vipa.layers import DynamicInstanceNorm

pytestmark = pytest.mark.tensorflow
onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("tf2onnx")


@pytest.fixture(scope="module")
def din():
    model = DIN("mobile", features=tiny_features())
    # In the range where drawings are not cut off.
    model.decoder.layers[-1].bias.assign(np.full(3, 0.5))
    return model


NETWORKS = {
    "small_conv_net": lambda din: load_model("digits_0_4"),
    "scene_encoders": lambda din: SceneEncoders(tasks=("depth", "edge2d")),
    "vgg_features": lambda din: VGGFeatures(),
    "din_style": lambda din: din.style_model(),
    "din_transfer": lambda din: din.transfer_model(32, 48),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_equals_keras(name, din, tmp_path):
    network = NETWORKS[name](din)
    batch = 1 if name == "din_transfer" else None
    path = export.to_onnx(network, tmp_path / "network.onnx", batch)
    session = onnxruntime.InferenceSession(path)
    generator = np.random.default_rng(0)
    inputs = {}
    for tensor in network.inputs:
        shape = [1, *(size or 48 for size in tensor.shape[1:])]
        inputs[tensor.name] = generator.random(shape, "float32")
    given = inputs if len(inputs) > 1 else [*inputs.values()][0]
    expected = keras.tree.flatten(network(given))
    for actual, right in zip(session.run(None, inputs), expected, strict=True):
        np.testing.assert_allclose(actual, right, atol=1e-4)


def test_a_kernel_of_each_row_needs_the_batch(tmp_path):
    x, kernel, bias = (keras.Input(s) for s in ((8, 8, 4), (36,), (4,)))
    kernels = keras.layers.Reshape((3, 3, 4))(kernel)
    y = DynamicInstanceNorm()(x, kernels, bias)
    model = keras.Model([x, kernel, bias], y)
    with pytest.raises(ValueError, match="with `batch_size=1` there may be"):
        export.to_onnx(model, tmp_path / "network.onnx")
    assert not [*tmp_path.iterdir()]
