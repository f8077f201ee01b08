"""Trained networks that come with the package."""

import contextlib
import hashlib
import importlib.resources
import pathlib
import warnings

import h5py
import keras
import numpy as np

from keras_vipa.applications.presets import WEIGHTS
from keras_vipa.utils import checks
from keras_vipa.utils.files import written_beside


def load_model(name):
    """Load a trained network that comes with the package.

    Args:
        name: string. A key of `WEIGHTS` whose file is a `.keras` one;
            `saved_models/README.md` has a card for each.

    Returns:
        A `keras.Model`.

    Raises:
        ValueError: If there is no such preset, or if its file is not the one
            that was released.

    Example:

    >>> keras_vipa.applications.load_model("digits_0_4").output_shape
    (None, 5)
    """
    with _checked_file(name, ".keras") as path:
        return keras.saving.load_model(path)


def load_weights(model, weights):
    """Load the weights of a preset, or of a file, into a model.

    Args:
        model: `keras.Model`, built, of the architecture of the preset.
        weights: string or path. A key of `WEIGHTS` whose file is a
            `.weights.h5` one, or the path of another such file.

    Raises:
        ValueError: If there is no such preset or file, or if the weights are
            not those of this architecture, or not finite.
    """
    _check_model(model)
    if str(weights).endswith(".weights.h5"):
        opened = contextlib.nullcontext(pathlib.Path(weights))
    else:
        opened = _checked_file(weights, ".weights.h5")
    with opened as path:
        if not path.is_file():
            raise ValueError(f"There is no weights file. Received: {weights}")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                # Keras would leave what is missing as it is.
                warnings.filterwarnings("error", "Skipping nested container")
                model.load_weights(path)
        except Exception as error:
            rule = f"These are not weights of {model.name}"
            if not _can_be_opened(path):
                rule = "The weights file is damaged or of another kind"
            raise ValueError(f"{rule}. Received: {weights}") from error
    if not _is_finite(model):
        raise ValueError(
            "Weights must be finite: these were saved after a training that "
            f"diverged, or are damaged. Received: {weights}"
        )


def load_weights_of(model, weights):
    """Load the weights of a `.keras` preset, or of a file, into a model.

    Args:
        model: `keras.Model`, built, with one output.
        weights: string or path. The name of a preset of an equal network, or
            the path of a `.weights.h5` file.

    Raises:
        ValueError: If there is no such preset or file, or if the weights are
            not those of such a network, or not finite.
    """
    if str(weights).endswith(".weights.h5"):
        load_weights(model, weights)
        return
    preset = load_model(weights)
    shapes = [
        [network.input_shape, *(weight.shape for weight in network.weights)]
        for network in (preset, model)
    ]
    if shapes[0] != shapes[1]:
        raise ValueError(
            f"Preset '{weights}' is for {_shape_of(preset)}; "
            f"`load_model('{weights}')` returns it as it is. Received "
            f"arguments for: {_shape_of(model)}"
        )
    model.set_weights(preset.get_weights())


def _shape_of(model):
    """What a network is, in words."""
    outputs = model.output_shape
    if isinstance(outputs, dict):
        outputs = {name: shape[-1] for name, shape in outputs.items()}
    else:
        outputs = outputs[-1]
    return (
        f"images of {model.input_shape[1:]} and {outputs} classes, with "
        f"{model.count_params()} parameters"
    )


def _can_be_opened(path):
    try:
        with h5py.File(path, "r"):
            return True
    except OSError:
        return False


def _is_finite(model):
    return all(
        np.isfinite(keras.ops.convert_to_numpy(weight.value)).all()
        for weight in model.weights
        if keras.backend.is_float_dtype(weight.dtype)
    )


def _check_model(model):
    if not isinstance(model, keras.Model) or not model.built:
        rule = "`model` must be a `keras.Model` that is built"
        checks.fail(rule, "model", model)


def save_float16(model, path):
    """Write the weights of a model in 16 bits, half the size.

    Args:
        model: `keras.Model`.
        path: string or path, ending in `.weights.h5`. `model.load_weights`
            reads the file as any other.

    Raises:
        ValueError: If an argument is not as above, or a weight is too large
            for 16 bits or not finite.
    """
    _check_model(model)
    target = checks.path("path", path)
    is_file = target.name.endswith(".weights.h5") and not target.is_dir()
    if not is_file or not target.parent.is_dir():
        raise ValueError(
            "`path` must name a file ending in .weights.h5, in a folder that "
            f"exists. Received: path='{path}'"
        )
    with written_beside(path) as part:
        full = part.with_name("full.weights.h5")
        model.save_weights(full)
        with h5py.File(full, "r") as source, h5py.File(part, "w") as half:
            half.attrs.update(source.attrs)
            source.visititems(lambda name, item: _copy(name, item, half))


def _copy(name, item, half):
    if isinstance(item, h5py.Dataset):
        values = item[()]
        is_float = values.dtype == "float32"
        if is_float:
            # Too large a number is infinite here.
            with np.errstate(over="ignore"):
                values = values.astype("float16")
            if not np.isfinite(values).all():
                raise ValueError(
                    "Weights must be finite and below 65504 to be saved in 16 "
                    f"bits. Received: the weights '{name}'"
                )
        copy = half.create_dataset(name, data=values)
    else:
        copy = half.require_group(name)
    copy.attrs.update(item.attrs)


@contextlib.contextmanager
def _checked_file(name, ending):
    """Path of a preset's file whose hash is the one that was released."""
    entry = WEIGHTS.get(name) if isinstance(name, str) else None
    entry = entry or {"file": ""}
    if not entry["file"].endswith(ending):
        names = [n for n, e in WEIGHTS.items() if e["file"].endswith(ending)]
        raise ValueError(
            f"Weights must be one of {sorted(names)}, or for a network the "
            f"path of a .weights.h5 file. Received: {checks.shown(name)}"
        )
    folder = importlib.resources.files("keras_vipa.saved_models")
    with importlib.resources.as_file(folder / entry["file"]) as path:
        digest = None
        if path.is_file():
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
        if digest != entry["sha256"]:
            raise ValueError(
                f"The file of preset '{name}' is damaged or missing; install "
                f"keras_vipa again. Received: sha256={digest}"
            )
        yield path
