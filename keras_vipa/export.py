"""Trained models as LiteRT, SavedModel and ONNX files, and how to run LiteRT.

`model.save("name.keras")` keeps a model that can be trained on. The files made
here only compute the outputs, without Keras and without our code.
"""

import functools
import importlib
import os
import re

import keras
import numpy as np

from keras_vipa.utils import checks
from keras_vipa.utils.files import written_beside
from keras_vipa.utils.float32 import computes_in_float32
from keras_vipa.utils.onnx_check import check_onnx
from keras_vipa.utils.quiet import quiet
from keras_vipa.utils.signatures import as_input
from keras_vipa.utils.signatures import as_keras_returns
from keras_vipa.utils.signatures import batches
from keras_vipa.utils.signatures import by_name
from keras_vipa.utils.signatures import input_signature

PRECISIONS = ("float32", "float16", "int8")
# Where 16 bits end, and LiteRT's converter cuts off.
LARGEST = 65504
CONVOLUTIONS = {"Conv2D", "Conv2DBackpropInput", "DepthwiseConv2dNative"}


def to_litert(
    model,
    path,
    precision="float32",
    samples=None,
    batch_size=1,
    verbose=False,
    keep_float=None,
):
    """Write a model as a LiteRT (`.tflite`) file for phones and small boards.

    The file only holds operations that are built into LiteRT, so that every
    runtime can load it. Sizes that the model leaves open, such as height and
    width, stay open; the batch does not. A model that computes in 16 bits, as
    under a mixed precision policy, is exported in float32, since LiteRT has no
    kernels for them.

    Inputs and outputs are those of the model whatever the precision (float32
    for pictures), so the calling code stays the same:

    - `"float32"`: the weights as they are.
    - `"float16"`: weights stored in 16 bits, half the size; the arithmetic is
      float32 on a CPU and float16 where a GPU offers it.
    - `"int8"`: weights and activations are 8-bit integers, a quarter of the
      size. The ranges of the activations are those met on `samples`. An
      operation that has no integer kernel stays in float32.

    Args:
        model: Keras model. Functional and Sequential models have the input
            shapes that they were built with. Of any other model the recorded
            shapes of its `build()` or first call are used, with float inputs.
        path: str or path. The file, ending in `.tflite`, in a folder that
            exists. A file of that name is replaced.
        precision: str. `"float32"`, `"float16"` or `"int8"`. Defaults to
            `"float32"`.
        samples: array, list of arrays in the order of the inputs, or dict of
            arrays by input name. Each is `(n, ...)`: n examples of what the
            model will see; some hundred are usual (our choice). Required by
            `"int8"`, unused otherwise. Defaults to `None`.
        batch_size: integer. Rows that one call of the file takes. Defaults to
            1 (our choice: what a phone does, and recurrent layers convert with
            a fixed batch only).
        verbose: boolean. Whether to show what the converter prints. Defaults
            to `False`.
        keep_float: str. A regular expression: what is computed in layers
            whose names hold it stays in float32 with `"int8"`, such as an
            instance normalization, whose variances differ by more than 8 bits
            can tell. Unused otherwise. Defaults to `None`: nothing.

    Returns:
        The path of the file, a `pathlib.Path`.

    Raises:
        ValueError: If `precision`, `batch_size`, `path` or `keep_float` is not
            as above, if `samples` is missing, empty, not finite or does not fit
            the inputs, if the model is not built, is quantized by Keras, has
            weights that the precision cannot hold or needs an operation that
            LiteRT does not have, or if a model for `"int8"` has a recurrent
            layer without `unroll`.
        RuntimeError: If Keras does not run on the TensorFlow backend.

    Example:

    ```python
    path = to_litert(model, "student.tflite", "int8", samples=images[:200])
    logits = run_litert(path, images)
    ```
    """
    _check_model(model)
    path = _check_path(path, ".tflite")
    checks.choice("precision", precision, PRECISIONS)
    checks.integer("batch_size", batch_size)
    _check_pattern(keep_float)
    signature = input_signature(model, batch_size)
    _check_weights(model, precision)
    if precision == "int8":
        samples = _check_samples(samples, keras.tree.flatten(signature))
        _check_loops(model, signature)
    options = _converter_options(precision, samples, batch_size)
    in_part = precision == "int8" and keep_float is not None
    if in_part:
        # Only ranges are added; `_quantize_in_part` does the rest.
        options["_experimental_calibrate_only"] = True
    with written_beside(path) as part, quiet(verbose):
        try:
            with computes_in_float32(model):
                model.export(
                    part,
                    format="litert",
                    verbose=verbose,
                    input_signature=signature,
                    **options,
                )
        except Exception as error:
            _explain(error, model, keras.tree.flatten(signature))
            raise
        if in_part:
            _quantize_in_part(part, keep_float)
    return path


def to_saved_model(model, path, verbose=False):
    """Write a model as a TensorFlow SavedModel with the endpoint `serve`.

    Args:
        model: Keras model. Built; its input shapes are found as in
            `to_litert`, with an open batch.
        path: str or path. The folder to write, in a folder that exists. A
            SavedModel of that name is replaced.
        verbose: boolean. Whether to show what TensorFlow prints. Defaults to
            `False`.

    Returns:
        The path of the folder, a `pathlib.Path`.

    Raises:
        ValueError: If there is something else than a SavedModel at `path`, or
            if the model is not built.
        RuntimeError: If Keras does not run on the TensorFlow backend.

    Example:

    ```python
    path = to_saved_model(model, "student")
    served = tf.saved_model.load(path)
    logits = served.serve(images)
    ```
    """
    _check_model(model)
    path = _check_path(path)
    signature = input_signature(model, None)
    with written_beside(path, "saved_model.pb") as part, quiet(verbose):
        model.export(
            part,
            format="tf_saved_model",
            verbose=verbose,
            input_signature=signature,
        )
    return path


def to_onnx(model, path, batch_size=None, verbose=False):
    """Write a model as an ONNX file.

    ONNX Runtime has to compute from random numbers what Keras does, or there
    is no file.

    Args:
        model: Keras model. Built; its input shapes are found as in
            `to_litert`.
        path: str or path. The file, ending in `.onnx`, in a folder that
            exists. A file of that name is replaced.
        batch_size: integer. Rows that one call of the file takes. Defaults to
            `None`, any number. Where each row has a kernel of its own, as in
            `DIN.transfer_model`, ONNX needs to know it.
        verbose: boolean. Whether to show what the converter prints. Defaults
            to `False`.

    Returns:
        The path of the file, a `pathlib.Path`.

    Raises:
        ImportError: If `onnx`, `onnxruntime` or `tf2onnx` is not installed.
        ValueError: If `path` or `batch_size` is not as above, the model is not
            built, or ONNX Runtime does not compute what it does.
        RuntimeError: If Keras does not run on the TensorFlow backend.

    Example:

    ```python
    path = to_onnx(model, "student.onnx")
    session = onnxruntime.InferenceSession(path)
    name = session.get_inputs()[0].name
    logits = session.run(None, {name: images})[0]
    ```
    """
    _check_model(model)
    path = _check_path(path, ".onnx")
    if batch_size is not None:
        checks.integer("batch_size", batch_size)
    signature = input_signature(model, batch_size)
    with written_beside(path) as part, quiet(verbose):
        for module in ("onnx", "onnxruntime", "tf2onnx"):
            _import(module, extra="onnx")
        model.export(
            part, format="onnx", verbose=verbose, input_signature=signature
        )
        check_onnx(part, model, signature)
    return path


def run_litert(path, inputs):
    """Run a LiteRT file on the rows of an array.

    The rows go through the file in its own batch size, which is one for files
    of `to_litert` unless another was asked for. Sizes that the file leaves
    open are taken from `inputs`.

    Args:
        path: str or path. The `.tflite` file.
        inputs: array `(n, ...)`, n >= 1, or dict of such arrays by input name;
            a model with several inputs needs the dict, because the file does
            not keep their order. Cast to the type of the file's input.

    Returns:
        An array `(n, ...)`; a list of arrays if the model has several outputs
        without names, a dict if they have names.

    Raises:
        ImportError: If `ai-edge-litert` is not installed.
        ValueError: If the file cannot be read or `inputs` do not fit it.

    Example:

    ```python
    logits = run_litert("student.tflite", images)
    ```
    """
    checks.path("path", path)
    # LiteRT announces each of its CPU kernels' delegates.
    with quiet():
        runner = _runner(path)
        details = runner.get_input_details()
        arrays = inputs if isinstance(inputs, dict) else [inputs]
        arrays = by_name(arrays, list(details), "inputs")
        arrays = {
            name: as_input(
                array,
                name,
                details[name]["shape_signature"],
                details[name]["dtype"],
            )
            for name, array in arrays.items()
        }
        batch_size = min(detail["shape"][0] for detail in details.values())
        try:
            results = [runner(**rows) for rows in batches(arrays, batch_size)]
        except (RuntimeError, ValueError) as error:
            shapes = [array.shape for array in arrays.values()]
            raise ValueError(
                "`inputs` must be of sizes that the model can compute "
                f"({_first_line(error)}). Received: shapes {shapes}"
            ) from error
    count = len(next(iter(arrays.values())))
    return as_keras_returns(
        {
            name: np.concatenate([result[name] for result in results])[:count]
            for name in results[0]
        }
    )


def _runner(path):
    """What computes the outputs of a LiteRT file, by the names of inputs."""
    litert = _import("ai_edge_litert.interpreter", extra="lite")
    try:
        if not os.path.isfile(path):
            raise FileNotFoundError("no such file")
        interpreter = litert.Interpreter(os.fspath(path))
        return interpreter.get_signature_runner()
    # The interpreter says by several kinds what is wrong with a file.
    except Exception as error:
        raise ValueError(
            "`path` must be a LiteRT file that is whole, as `to_litert` writes "
            f"them ({_first_line(error)}). Received: path='{path}'"
        ) from error


def _first_line(error):
    return " ".join(str(error).split("\n")[0].split())[:120]


def _check_model(model):
    if not isinstance(model, keras.Model):
        raise ValueError(
            f"`model` must be a `keras.Model`. Received: {type(model)}"
        )
    backend = keras.config.backend()
    if backend != "tensorflow":
        raise RuntimeError(
            "Models are exported on the TensorFlow backend: start Python with "
            "KERAS_BACKEND=tensorflow, load the model and export it there. "
            f"Received: backend={backend!r}"
        )


def _check_path(path, ending=""):
    path = checks.path("path", path)
    if not path.parent.is_dir():
        raise ValueError(
            f"`path` must be in a folder that exists. Received: path='{path}'"
        )
    if ending and (path.suffix != ending or path.is_dir()):
        raise ValueError(
            f"`path` must name a file ending in {ending}. "
            f"Received: path='{path}'"
        )
    return path


def _import(module, extra):
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(
            f"`{module}` is not installed. Run: "
            f'pip install "keras_vipa[{extra}]"'
        ) from error


def _check_pattern(keep_float):
    if keep_float is None:
        return
    try:
        if keep_float == "":
            raise ValueError("every name holds it")
        re.compile(keep_float)
        is_text = isinstance(keep_float, str)
        problem = None if is_text else "no string"
    except (re.error, TypeError, ValueError) as error:
        problem = error
    if problem is not None:
        rule = f"`keep_float` must be a regular expression ({problem})"
        checks.fail(rule, "keep_float", keep_float)


def _check_weights(model, precision):
    """Refuse weights that a file of this precision would not hold."""
    for layer in model._flatten_layers():
        policy = layer.dtype_policy
        if isinstance(policy, keras.dtype_policies.QuantizedDTypePolicy):
            raise ValueError(
                "A model for LiteRT must not be quantized by Keras: export it "
                'as it was before `quantize`, with `precision="int8"`. '
                f"Received: layer '{layer.name}' of policy '{policy.name}'"
            )
    limit = {"float32": None, "float16": LARGEST, "int8": np.inf}[precision]
    for weight in model.weights:
        if limit is None or not keras.backend.is_float_dtype(weight.dtype):
            continue
        values = np.abs(keras.ops.convert_to_numpy(weight.value))
        if not (values <= limit).all() or np.isinf(values).any():
            rule = f" and below {limit}" if limit == LARGEST else ""
            raise ValueError(
                f'Weights must be finite{rule} for `precision="{precision}"`. '
                f"Received: {weight.path} with {values.max():g}"
            )


def _converter_options(precision, samples, batch_size):
    import tensorflow as tf

    target_spec = {"supported_ops": [tf.lite.OpsSet.TFLITE_BUILTINS]}
    if precision == "float32":
        return {"target_spec": target_spec}
    options = {
        "target_spec": target_spec,
        "optimizations": [tf.lite.Optimize.DEFAULT],
    }
    if precision == "float16":
        target_spec["supported_types"] = [tf.float16]
    else:
        options["representative_dataset"] = lambda: batches(samples, batch_size)
    return options


def _quantize_in_part(path, keep_float):
    """Quantize a calibrated file but for the operations so named."""
    from tensorflow.lite.python.convert import mlir_quantize

    litert = _import("ai_edge_litert.interpreter", extra="lite")
    content = path.read_bytes()
    interpreter = litert.Interpreter(model_content=content)
    names = [detail["name"] for detail in interpreter.get_tensor_details()]
    kept = [name for name in names if re.search(keep_float, name)]
    if not kept:
        raise ValueError(
            "`keep_float` must be found in the name of a layer. "
            f"Received: keep_float={keep_float!r}"
        )
    path.write_bytes(mlir_quantize(content, denylisted_nodes=kept))


def _check_samples(samples, specs):
    if samples is None:
        raise ValueError(
            '`samples` must be given for `precision="int8"`: an array of '
            "examples of what the model will see. Received: samples=None"
        )
    if not isinstance(samples, dict | list | tuple):
        samples = [samples]
    arrays = by_name(samples, [spec.name for spec in specs], "samples")
    inputs = {
        spec.name: as_input(
            arrays[spec.name], spec.name, spec.shape, spec.dtype
        )
        for spec in specs
    }
    for name, array in inputs.items():
        if not np.isfinite(array).all():
            raise ValueError(
                "`samples` must be finite: the ranges of int8 are theirs. "
                f"Received: NaN or infinite values for '{name}'"
            )
    return inputs


def _check_loops(model, signature):
    """Refuse what would end the process: LiteRT's calibrator crashes on it."""
    import tensorflow as tf

    tensors = keras.tree.map_structure(
        lambda spec: tf.TensorSpec(spec.shape, spec.dtype, spec.name),
        signature,
    )
    call = tf.function(functools.partial(model.__call__, training=False))
    with computes_in_float32(model):
        graph = call.get_concrete_function(*tensors).graph.as_graph_def()
    nodes = [f.node_def for f in graph.library.function] + [graph.node]
    operations = {node.op for part in nodes for node in part}
    if "TensorListReserve" in operations:
        raise ValueError(
            'A model for `precision="int8"` must not have a loop that '
            "collects a sequence. Build recurrent layers with `unroll=True`, "
            f"or export in float16. Received: model '{model.name}'"
        )


def _explain(error, model, specs):
    """Replace the converter's pages about what it cannot do by a line."""
    found = re.search(r"(?:TF Select|Custom) ops: (.+)", str(error))
    missing = found[1].strip().split(", ") if found else []
    kind = type(error).__name__
    names = [
        layer.name
        for layer in model._flatten_layers()
        if isinstance(layer, keras.layers.UpSampling2D)
    ]
    if names and any(None in spec.shape for spec in specs):
        # The converter loses the channels of what was enlarged: the next
        # convolution is what it does not know.
        missing = [name for name in missing if name not in CONVOLUTIONS]
        found = found or kind == "OperatorNotAllowedInGraphError"
    if found and not missing:
        raise ValueError(
            "`UpSampling2D` must know height and width to be converted: give "
            "the model an input of fixed size, or enlarge with "
            f"`keras_vipa.layers.DoubleSize2D`. Received: layer '{names[0]}'"
        ) from error
    if missing:
        raise ValueError(
            "A model must be made of operations that LiteRT has built in. "
            f"Received: model '{model.name}' with {', '.join(missing)}"
        ) from error
    if kind == "ConverterError":
        raise ValueError(
            "A model must be one that LiteRT's converter takes "
            f"({_first_line(error)}). Received: model '{model.name}'"
        ) from error
