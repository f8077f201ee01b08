"""Trained networks that come with the package."""

import hashlib
import importlib.resources

import keras

WEIGHTS = {}


def load_model(name):
    """Load a trained network that comes with the package.

    Args:
        name: string. A key of `keras_vipa.applications.WEIGHTS`; the cards
            in `saved_models/README.md` describe them.

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
            f"`weights` must be one of {sorted(WEIGHTS)}. Received: {name}"
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
