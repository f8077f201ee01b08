"""Types of arguments of recipes: what is wrong is said before any work."""

import argparse
import math
import os
import pathlib

from keras_vipa.utils import images

# Larger than any picture that is drawn here in one go.
MOST_PIXELS = 16384


def whole(least=1, most=2**31):
    """Type of an integer from `least` to `most`.

    Example:

    >>> whole(1, 8)("3")
    3
    """

    def parse(text):
        try:
            value = int(text)
        except ValueError:
            value = None
        if value is None or not least <= value <= most:
            raise argparse.ArgumentTypeError(
                f"must be an integer {_range(least, most, 2**31)}. "
                f"Received: {text!r}"
            )
        return value

    return parse


def number(least=0.0, most=math.inf, open_end=False):
    """Type of a finite number from `least` to `most`.

    Args:
        least: float.
        most: float.
        open_end: boolean. Whether `least` itself is refused.

    Example:

    >>> number(0, 1)("0.5")
    0.5
    """

    def parse(text):
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        in_range = least < value if open_end else least <= value
        if not (in_range and value <= most and math.isfinite(value)):
            start = "above" if open_end else "from"
            raise argparse.ArgumentTypeError(
                f"must be a number {_range(least, most, math.inf, start)}. "
                f"Received: {text!r}"
            )
        return value

    return parse


def _range(least, most, unlimited, start="from"):
    return f"{start} {least}" + ("" if most == unlimited else f" to {most}")


pixels = whole(1, MOST_PIXELS)
share = number(0.0, 1.0)
positive = number(open_end=True)
seed = whole(0, 2**32 - 1)


def name(text):
    """Type of a text that is not empty."""
    if not text.strip():
        raise argparse.ArgumentTypeError("must not be empty")
    return text


def named(text):
    """Type of `NAME=NUMBER`: a pair."""
    key, sign, value = text.partition("=")
    if not (key and sign):
        raise argparse.ArgumentTypeError(
            f"must be NAME=NUMBER. Received: {text!r}"
        )
    return key, number()(value)


def file(text):
    """Type of a file that is there."""
    if not os.path.isfile(text):
        raise argparse.ArgumentTypeError(
            f"must be a file that is there. Received: {text!r}"
        )
    return text


def folder(text):
    """Type of a folder that is there."""
    if not os.path.isdir(text):
        raise argparse.ArgumentTypeError(
            f"must be a folder that is there. Received: {text!r}"
        )
    return text


def folder_or_tfds(text):
    """Type of a folder that is there, or `tfds:NAME`."""
    return text if text[:5] == "tfds:" and text[5:] else folder(text)


def weights(text):
    """Type of the name of a preset, or of a file of weights."""
    return file(text) if text.endswith(".h5") else name(text)


def output_folder(text):
    """Type of a folder to write to, there or not."""
    path = pathlib.Path(name(text))
    for part in (path, *path.parents):
        if part.exists() and not part.is_dir():
            raise argparse.ArgumentTypeError(
                f"must be a folder. Received: {text!r}"
            )
    return path


def output_file(*endings):
    """Type of a file to write, with one of these endings."""

    def parse(text):
        path = pathlib.Path(name(text))
        output_folder(str(path.parent))
        if path.suffix.lower() not in endings:
            raise argparse.ArgumentTypeError(
                f"must end in {' or '.join(endings)}. Received: {text!r}"
            )
        if path.exists() and not path.is_file():
            raise argparse.ArgumentTypeError(
                f"must be a file. Received: {text!r}"
            )
        return path

    return parse


def output_picture(text):
    """Type of a picture to write."""
    try:
        images.check_ending(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return output_file(pathlib.Path(text).suffix.lower())(text)


_BY_METAVAR = {
    "FOLDER": folder,
    "FILE": file,
    "KERAS_FILE": file,
    "WHEEL": file,
    "WEIGHTS": weights,
    "NPZ_FILE": output_file(".npz"),
}


def usual(option, type=None, metavar=None):
    """The type of an option that names a Python type only, or none.

    `int` stands for an integer from 1, or a number of pixels where the option
    is a size; `float` for a finite number from 0. Otherwise the placeholder in
    the help says what is expected: an existing `FOLDER`, `FILE`, `KERAS_FILE`
    or `WHEEL`, `WEIGHTS` (of a preset, or a file), an `NPZ_FILE` to write; any
    other text must not be empty.

    Args:
        option: string. Its name.
        type: what `add_argument` was given.
        metavar: string; what `add_argument` was given.

    Returns:
        A function of the text, for `add_argument`.
    """
    if type is int:
        return pixels if "size" in option else whole()
    if type is float:
        return number()
    if type is None:
        return _BY_METAVAR.get(metavar, name)
    return type
