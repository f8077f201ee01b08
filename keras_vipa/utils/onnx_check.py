"""Whether an ONNX file computes what the model does that it was made of."""

import keras
import numpy as np

# What a size that the model leaves open is tried with, and the rows of a batch.
OPEN_SIZE = 32
ROWS = 2
# Of the largest output, or of 1.
TOLERANCE = 1e-3


def check_onnx(path, model, signature):
    """Raise an error unless ONNX Runtime computes what a model does.

    It is asked about random numbers in [0, 1), and zeros where integers are
    wanted. A model that takes no inputs like these is only loaded.

    Args:
        path: path of the ONNX file.
        model: `keras.Model`.
        signature: what the file was made with, as `input_signature` gives it.

    Raises:
        ValueError: If the file cannot be loaded or run, or what it computes
            differs by more than a thousandth of the largest output.
    """
    import onnxruntime

    specs = keras.tree.flatten(signature)
    generator = np.random.default_rng(0)
    arrays = {spec.name: _numbers(spec, generator) for spec in specs}
    try:
        arguments = keras.tree.pack_sequence_as(signature, [*arrays.values()])
        expected = keras.tree.flatten(model(*arguments, training=False))
    except Exception:
        # Sizes that are coupled, for one, which only the user knows.
        expected = None
    try:
        session = onnxruntime.InferenceSession(
            path, providers=["CPUExecutionProvider"]
        )
        outputs = expected and session.run(None, arrays)
    except Exception as error:
        # Without the name of the file, which has another one by now.
        reason = str(error).split("\n")[0].split("failed:")[-1]
        _refuse("cannot run", specs, reason)
    for output, right in zip(outputs or (), expected or ()):
        right = keras.ops.convert_to_numpy(right).astype("float32")
        limit = TOLERANCE * max(1.0, np.abs(right).max(initial=0.0))
        off = np.abs(output.astype("float32") - right).max(initial=0.0)
        if not off <= limit:
            _refuse("computes something else from", specs, f"off by {off:.2g}")


def _numbers(spec, generator):
    shape = [
        size or (OPEN_SIZE if place else ROWS)
        for place, size in enumerate(spec.shape)
    ]
    if "float" in spec.dtype:
        return generator.random(shape).astype(spec.dtype)
    return np.zeros(shape, spec.dtype)


def _refuse(what, specs, reason):
    advice = ""
    if any(spec.shape[0] is None for spec in specs):
        advice = "; with `batch_size=1` there may be another way to write it"
    raise ValueError(
        f"ONNX Runtime {what} the file that tf2onnx makes of this model"
        f"{advice}. Received: {reason}"
    )
