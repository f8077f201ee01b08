"""Trained networks that come with the package."""

import hashlib
import importlib.resources

import keras

_RECIPE = "python recipes/amalgamate_layerwise.py --train-teachers"

# Name -> what is known of it; the cards are in saved_models/README.md.
WEIGHTS = {
    "digits_0_4": {
        "file": "digits_0_4.keras",
        "sha256": "87610a911c17def2c4366e56c753e7c4"
        "5d5a35ff6a974298a6233ed1c5723f63",
        "parameters": 13669,
        "command": _RECIPE,
        "test_accuracy": 0.9599,
    },
    "digits_5_9": {
        "file": "digits_5_9.keras",
        "sha256": "db33d6fc9b2b081b3a27ce5fdc1ab421"
        "caaf6bacaea2afbb0c7dac52f4f210e4",
        "parameters": 13669,
        "command": _RECIPE,
        "test_accuracy": 0.9631,
    },
    "emoji_0_4": {
        "file": "emoji_0_4.keras",
        "sha256": "72e32a8fd2255c0ab0d7fa0e2ad5a9ba"
        "0d3ec9620c1404fb073e7187f533afde",
        "parameters": 89861,
        "command": _RECIPE + " --dataset emoji",
        "test_accuracy": 0.5349,
    },
    "emoji_5_8": {
        "file": "emoji_5_8.keras",
        "sha256": "72c276e811b189d08f1dccf99b812690"
        "9fac4cc1a295bb34b5c72c578312d83e",
        "parameters": 89732,
        "command": _RECIPE + " --dataset emoji",
        "test_accuracy": 0.6766,
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
