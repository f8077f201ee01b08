"""What a model or an exported file takes: its inputs, and rows for them."""

import re

import keras
import numpy as np


def input_signature(model, batch_size):
    """One structure of named `keras.InputSpec` for each argument of `call`."""

    def spec(shape, name, dtype):
        shape = (batch_size, *shape[1:])
        return keras.InputSpec(
            shape=shape, dtype=dtype, name=re.sub(r"\W", "_", name)
        )

    def specs(shape, name):
        if isinstance(shape, dict):
            return {key: specs(part, key) for key, part in shape.items()}
        if any(isinstance(part, list | tuple | dict) for part in shape):
            return [specs(s, f"{name}_{i}") for i, s in enumerate(shape)]
        return spec(shape, name, model.variable_dtype)

    if getattr(model, "inputs", None):
        sequential = isinstance(model, keras.Sequential)
        return keras.tree.map_structure(
            lambda tensor: spec(tensor.shape, tensor.name, tensor.dtype),
            model.inputs if sequential else [model.input],
        )
    config = model.get_build_config() or {}
    shapes = config.get("shapes_dict", config)
    if not shapes:
        raise ValueError(
            "A model must be built before it is exported: call it once on "
            f"data. Received: model '{model.name}' without input shapes"
        )
    return [
        specs(shape, argument.removesuffix("_shape"))
        for argument, shape in shapes.items()
    ]


def as_input(array, name, shape, dtype):
    """Cast rows for an input; an open size of it is `None` or -1."""
    pairs = zip(shape[1:], array.shape[1:])
    fits = all(size in (None, -1, given) for size, given in pairs)
    if array.ndim != len(shape) or not fits:
        sizes = ["n"] + [size if size != -1 else None for size in shape[1:]]
        sizes = ", ".join(map(str, sizes))
        raise ValueError(
            f"Rows for the input '{name}' must be of shape ({sizes}). "
            f"Received: shape={array.shape}"
        )
    if array.dtype.kind not in "fiub" and array.dtype.name != "bfloat16":
        raise ValueError(
            f"Rows for the input '{name}' must be numbers. "
            f"Received: dtype={array.dtype}"
        )
    with np.errstate(invalid="ignore"):
        cast = array.astype(dtype, copy=False)
    if cast.dtype.kind in "iu" and not (cast == array).all():
        raise ValueError(
            f"Rows for the input '{name}' must be whole numbers that fit "
            f"{cast.dtype}. Received: dtype={array.dtype}, "
            f"values from {array.min():g} to {array.max():g}"
        )
    return cast


def by_name(arrays, names, argument):
    """Return arrays with equally many rows, as a dict by input name."""
    if not isinstance(arrays, dict):
        in_order = names if len(arrays) == len(names) else range(len(arrays))
        arrays = dict(zip(in_order, arrays))
    if set(arrays) != set(names):
        raise ValueError(
            f"`{argument}` must be a dict with one array for each of the "
            f"inputs {names}. Received: {argument} for {list(arrays)}"
        )
    try:
        arrays = {name: np.asarray(arrays[name]) for name in names}
    except Exception as error:
        # Rows of several lengths, for one.
        raise ValueError(
            f"`{argument}` must be arrays. Received: {argument} of type "
            f"{[type(arrays[name]).__name__ for name in names]}"
        ) from error
    shapes = [array.shape for array in arrays.values()]
    counts = {shape[:1] for shape in shapes}
    if len(counts) > 1 or counts & {(), (0,)}:
        raise ValueError(
            f"`{argument}` must have at least one row, and equally many for "
            f"each input. Received: shapes {shapes}"
        )
    return arrays


def batches(arrays, batch_size):
    """Batches of equal size: the last is filled up with the first rows."""
    count = len(next(iter(arrays.values())))
    for start in range(0, count, batch_size):
        rows = np.arange(start, start + batch_size) % count
        yield {name: array[rows] for name, array in arrays.items()}


def as_keras_returns(outputs):
    """Undo the names `output_0`, `output_1`, ... of outputs without names."""
    in_order = [f"output_{i}" for i in range(len(outputs))]
    if set(outputs) != set(in_order):
        return outputs
    arrays = [outputs[name] for name in in_order]
    return arrays if len(arrays) > 1 else arrays[0]
