"""Trained networks that come with the package."""

import hashlib
import importlib.resources

import keras

_RECIPE = "python recipes/amalgamate_layerwise.py --train-teachers"

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
}


def load_model(name):
    """Load a trained network that comes with the package.

    Args:
        name: string. A key of `WEIGHTS`; `saved_models/README.md` has a card
            for each.

    Returns:
        A `keras.Model`.

    Raises:
        ValueError: If there is no such preset, or if its file is not the one
            that was released.

    Example:

    >>> keras_vipa.applications.load_model("digits_0_4").output_shape
    (None, 5)
    """
    if name not in WEIGHTS:
        raise ValueError(
            f"Weights must be one of {sorted(WEIGHTS)}, or for a network the "
            f"path of a .weights.h5 file. Received: {name}"
        )
    entry = WEIGHTS[name]
    folder = importlib.resources.files("keras_vipa.saved_models")
    with importlib.resources.as_file(folder / entry["file"]) as path:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        if digest != entry["sha256"]:
            raise ValueError(
                f"The file of preset '{name}' is damaged; install keras_vipa "
                f"again. Received: sha256={digest}"
            )
        return keras.saving.load_model(path)
