"""Files of style codes, which `DIN` computes once for each style."""

import os

import numpy as np

from keras_vipa.utils.files import written_beside


def save_codes(path, names, codes):
    """Keep codes, whole or not at all.

    Args:
        path: string or path of the file.
        names: list of n strings.
        codes: n arrays `(length,)`.

    Raises:
        ValueError: If there is a file that does not hold codes.
    """
    if os.path.isfile(path) and os.path.getsize(path):
        read_codes(path)
    with written_beside(path) as part, open(part, "wb") as file:
        np.savez(file, names=names, codes=codes)


def read_codes(path):
    """Names and codes that were kept.

    Args:
        path: string or path of a file of `save_codes`.

    Returns:
        A list of strings and a list of arrays `(length,)`.

    Raises:
        ValueError: If it is missing or no such file.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            return file["names"].tolist(), list(file["codes"])
    except Exception as error:
        raise ValueError(
            "Codes must be in a file that stylize.py wrote "
            f"({type(error).__name__}). Received: {path}"
        ) from error
