"""Checks of the arguments of a training in phases."""

import math
import numbers

import keras
import numpy as np

from keras_vipa.utils import checks

_DATA = (
    "`{}` must be an array, a dict of arrays of one length, a "
    "`keras.utils.PyDataset` or a `tf.data.Dataset`"
)


def check_weights(phases):
    """Raise an error unless these are phases with weights of terms."""
    rule = "`phases` must be a dict, phase -> dict, term -> finite number"
    is_dict = isinstance(phases, dict) and phases
    for phase, terms in phases.items() if is_dict else [(None, None)]:
        named = isinstance(phase, str) and isinstance(terms, dict) and terms
        if not named or not all(isinstance(term, str) for term in terms):
            checks.fail(rule, "phases", phases)
        for weight in terms.values():
            is_real = isinstance(weight, numbers.Real)
            if not is_real or not math.isfinite(weight):
                checks.fail(rule, "phases", phases)


def check_epochs(epochs, phases=None):
    """Raise an error unless these are epochs of phases, and at least one.

    Args:
        epochs: what was given.
        phases: iterable of strings. The phases there are, if they are known.
    """
    _check_phases(epochs, phases, "epochs", "a number of epochs")
    counts = [
        checks.integer(f"epochs[{phase!r}]", count, 0)
        for phase, count in epochs.items()
    ]
    if not any(counts):
        names = "" if phases is None else f" of {tuple(phases)}"
        rule = f"`epochs` must be at least one epoch of a phase{names}"
        checks.fail(rule, "epochs", epochs)


def check_stages(phases, epochs, optimizers):
    """Raise an error unless epochs and optimizers are for phases."""
    check_epochs(epochs, phases)
    if optimizers is not None:
        _check_phases(optimizers, phases, "optimizers", "an optimizer")
        for phase, optimizer in optimizers.items():
            _check_optimizer(phase, optimizer)


def check_options(
    batch_size,
    cache_bytes,
    cache_dtype,
    minutes,
    backup_dir,
    jit_compile,
    callbacks,
):
    """Raise an error unless `fit_stages` can begin with these."""
    checks.integer("batch_size", batch_size)
    is_real = isinstance(cache_bytes, numbers.Real)
    if not is_real or not cache_bytes >= 0:
        rule = "`cache_bytes` must be a number that is not negative"
        checks.fail(rule, "cache_bytes", cache_bytes)
    is_dict = isinstance(cache_dtype, dict)
    for dtype in cache_dtype.values() if is_dict else [cache_dtype]:
        if keras.backend.is_float_dtype(check_dtype("cache_dtype", dtype)):
            continue
        if not is_dict:
            rule = "`cache_dtype` must be a type of floats, such as 'float16'"
            checks.fail(rule, "cache_dtype", cache_dtype)
    if minutes is not None:
        checks.number("minutes", minutes, above=True)
    if backup_dir is not None:
        check_folder("backup_dir", backup_dir)
    if jit_compile not in (None, True, False, "auto"):
        rule = "`jit_compile` must be True, False, 'auto' or None"
        checks.fail(rule, "jit_compile", jit_compile)
    is_list = isinstance(callbacks, list | tuple)
    known = keras.callbacks.Callback
    if not is_list or not all(isinstance(item, known) for item in callbacks):
        rule = "`callbacks` must be a list of `keras.callbacks.Callback`"
        checks.fail(rule, "callbacks", callbacks)


def check_data(data, labels, validation_data):
    """Raise an error unless this is something to train with."""
    count = _check_inputs("data", data)
    if labels is not None:
        rule = "`labels` must be as many as the arrays of `data`"
        if count is None or checks.length("labels", labels) != count:
            checks.fail(rule, "labels", labels)
    if validation_data is not None:
        is_pair = isinstance(validation_data, tuple)
        parts = validation_data if is_pair else (validation_data,)
        if len(parts) not in (1, 2):
            rule = "`validation_data` must be data, or data and labels"
            checks.fail(rule, "validation_data", validation_data)
        counts = [_check_inputs("validation_data", part) for part in parts]
        if len(set(counts)) != 1:
            rule = "`validation_data` must be as much data as labels"
            checks.fail(rule, "examples", counts)


def check_dtype(name, dtype):
    """Name of a type of numbers."""
    try:
        kind = np.dtype(dtype)
        # Some numbers that NumPy does not know itself count as void, too.
        is_number = kind.kind in "biufc" or kind.name.startswith("bfloat")
        if dtype is not None and is_number:
            return kind.name
    except TypeError:
        pass
    checks.fail(f"`{name}` must be a type such as 'float32'", name, dtype)


def check_folder(name, path):
    """Raise an error unless a folder can be at this path."""
    folder = checks.path(name, path)
    if folder.exists() and not folder.is_dir():
        checks.fail(f"`{name}` must be the path of a folder", name, path)


def _check_phases(given, phases, name, what):
    if not isinstance(given, dict):
        checks.fail(f"`{name}` must be a dict, phase -> {what}", name, given)
    unknown = [p for p in given if phases is not None and p not in phases]
    if unknown:
        raise ValueError(
            f"`{name}` must be for phases of {tuple(phases)}. "
            f"Received: {unknown}"
        )


def _check_optimizer(phase, optimizer):
    try:
        if optimizer is not None:
            keras.optimizers.get(optimizer)
    except (ValueError, TypeError):
        rule = (
            "`optimizers` must be `keras.optimizers.Optimizer` or their names"
        )
        checks.fail(rule, f"optimizers[{phase!r}]", optimizer)


def _check_inputs(name, data):
    """Number of examples; `None` for data sets, which know it themselves."""
    if isinstance(data, keras.utils.PyDataset) or hasattr(data, "element_spec"):
        return None
    if not isinstance(data, dict) and not hasattr(data, "shape"):
        checks.fail(_DATA.format(name), name, data)
    return checks.length(name, data)
