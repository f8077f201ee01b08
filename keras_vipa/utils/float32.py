"""A model of mixed precision that computes in float32 for a while."""

import contextlib

import keras
import numpy as np

HALF = ("float16", "bfloat16")


class _Float32(keras.DTypePolicy):
    """Computes in float32, whatever the variables are stored in."""

    def __init__(self, policy):
        super().__init__("float32")
        self._stored_in = policy.variable_dtype

    @property
    def variable_dtype(self):
        return self._stored_in


@contextlib.contextmanager
def computes_in_float32(model):
    """Let a model compute in float32, and afterwards as it did before.

    It is the model itself and no copy of it: whatever its layers keep beside
    their weights, from `build`, `adapt` or elsewhere, they still have. What
    they keep in 16 bits (tensors, arrays, names of types) is in 32 bits for the
    while.

    Args:
        model: `keras.Model`, built.

    Example:

    >>> layer = keras.layers.Dense(2, dtype="mixed_float16")
    >>> model = keras.Sequential([keras.Input((3,)), layer])
    >>> with computes_in_float32(model):
    ...     layer.compute_dtype
    'float32'
    >>> layer.compute_dtype
    'float16'
    """
    before = []
    try:
        for part in _parts(model):
            attributes = vars(part)
            for name, value in list(attributes.items()):
                changed = _in_float32(part, name, value)
                if changed is not value:
                    before.append((attributes, name, value))
                    attributes[name] = changed
        yield
    finally:
        for attributes, name, value in before:
            attributes[name] = value


def _parts(model):
    """The layers that compute in 16 bits, and all operations between layers."""
    parts = {}
    for layer in model._flatten_layers():
        if _is_half(layer):
            parts[id(layer)] = layer
        for operation in getattr(layer, "operations", ()):
            if not isinstance(operation, keras.layers.Layer):
                parts[id(operation)] = operation
    return parts.values()


def _is_half(layer):
    return {layer.compute_dtype, layer.variable_dtype} & set(HALF)


def _in_float32(part, name, value):
    """An attribute of a layer or operation in 32 bits, if it was in 16."""
    if isinstance(value, keras.DTypePolicy):
        return _Float32(part)
    if "dtype" in name and isinstance(value, str) and value in HALF:
        return "float32"
    return _widened(value)


def _widened(value):
    """Arrays in 16 bits, also in lists and dicts, in 32 bits."""
    if isinstance(value, dict):
        parts = {key: _widened(part) for key, part in value.items()}
        same = all(parts[key] is value[key] for key in parts)
        return value if same else parts
    if isinstance(value, list | tuple):
        parts = [_widened(part) for part in value]
        if all(new is old for new, old in zip(parts, value)):
            return value
        # What has names has a constructor of its own.
        return type(value)(*parts) if hasattr(value, "_fields") else parts
    if isinstance(value, np.ndarray):
        return value.astype("float32") if value.dtype.name in HALF else value
    # Variables are cast as they are read.
    if isinstance(value, keras.Variable) or not keras.ops.is_tensor(value):
        return value
    # What a function of TensorFlow left behind has no values.
    if not hasattr(value, "numpy"):
        return value
    is_half = keras.backend.standardize_dtype(value.dtype) in HALF
    return keras.ops.cast(value, "float32") if is_half else value
