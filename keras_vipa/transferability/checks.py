"""Checks of arguments that the functions of this folder share."""

from numbers import Integral
from numbers import Real

import numpy as np


def shown(value):
    """An argument as an error shows it: in one line, not too long."""
    if isinstance(value, np.ndarray):
        return f"shape={value.shape}, dtype={value.dtype}"
    return " ".join(repr(value).split())[:80]


def check_whole(name, value, least=1, most=None):
    """Raise a `ValueError` unless an argument is an integer in a range."""
    is_whole = isinstance(value, Integral) and not isinstance(value, bool)
    if is_whole and least <= value and (most is None or value <= most):
        return
    if most is not None:
        rule = f"must be an integer from {least} to {most}"
    elif least == 1:
        rule = "must be a positive integer"
    else:
        rule = f"must be an integer, at least {least}"
    raise ValueError(f"`{name}` {rule}. Received: {name}={shown(value)}")


def check_number(name, value, least=-np.inf):
    """Raise a `ValueError` unless an argument is a number, not too small."""
    is_number = isinstance(value, Real) and not isinstance(value, bool)
    # NaN is not at least anything.
    if not is_number or not value >= least:
        rule = "" if least == -np.inf else f", at least {least}"
        raise ValueError(
            f"`{name}` must be a number{rule}. Received: {name}={shown(value)}"
        )


def check_choice(name, value, choices):
    """Raise a `ValueError` unless an argument is one of several strings."""
    if not isinstance(value, str) or value not in choices:
        raise ValueError(
            f"`{name}` must be one of {tuple(choices)}. "
            f"Received: {name}={shown(value)}"
        )


def read_array(values, rule, ndim, kinds="fiub", is_image=False):
    """What was given as an array of numbers, not empty.

    Args:
        values: the argument.
        rule: string. What an error begins with.
        ndim: integer, the number of its dimensions; `None` for any.
        kinds: string, kinds of dtypes that are allowed.
        is_image: boolean. Whether it must be uint8 or float instead.

    Returns:
        An array.

    Raises:
        ValueError: If it is none.
    """
    try:
        array = np.asarray(values)
    except Exception as error:
        # Rows of several lengths, or what calls itself an array and is none.
        raise ValueError(f"{rule}. Received: {shown(values)}") from error
    # To NumPy, this one is of another kind.
    is_float = array.dtype.kind == "f" or array.dtype.name == "bfloat16"
    is_right = array.dtype.kind in kinds or ("f" in kinds and is_float)
    if is_image:
        is_right = is_float or array.dtype == "uint8"
    is_right = is_right and ndim in (None, array.ndim)
    if not (is_right and array.size):
        what = shown(values if array.dtype.kind == "O" else array)
        raise ValueError(f"{rule}. Received: {what}")
    return array


def read_classes(name, values):
    """Classes as their places `0..k-1` among those that occur.

    Args:
        name: string. What the argument is called.
        values: integer array `(n,)`, any numbers of at least 0.

    Returns:
        An integer array `(n,)`.

    Raises:
        ValueError: If they are no such numbers.
    """
    rule = f"Classes, `{name}`, must be a whole number for each image, (n,)"
    array = read_array(values, rule, ndim=1, kinds="iu")
    if array.min() < 0:
        raise ValueError(
            f"Classes, `{name}`, must be at least 0. Received: {array.min()}"
        )
    return np.unique(array, return_inverse=True)[1]
