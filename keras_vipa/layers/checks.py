"""Checks of arguments that layers, applications and exports share."""

import math
import os
from numbers import Integral
from numbers import Real

import numpy as np


def shown(value):
    """An argument as an error shows it: in one line, not too long."""
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape} and dtype {value.dtype}"
    text = " ".join(repr(value).split())
    return text if len(text) <= 80 else text[:77] + "..."


def check_integer(name, value, least=1):
    """Raise a `ValueError` unless an argument is an integer, large enough."""
    is_integer = isinstance(value, Integral) and not isinstance(value, bool)
    if not is_integer or value < least:
        rule = "a positive integer"
        if least != 1:
            rule = f"an integer of at least {least}"
        raise ValueError(
            f"`{name}` must be {rule}. Received: {name}={shown(value)}"
        )


def check_number(name, value, least=0.0, most=math.inf):
    """Raise a `ValueError` unless an argument is a number in a range."""
    is_number = isinstance(value, Real) and not isinstance(value, bool)
    if not is_number or not least <= value <= most or math.isinf(value):
        rule = f"between {least:g} and {most:g}"
        if most == math.inf:
            rule = f"a finite number of at least {least:g}"
        raise ValueError(
            f"`{name}` must be {rule}. Received: {name}={shown(value)}"
        )


def check_choice(name, value, choices):
    """Raise a `ValueError` unless an argument is one of some strings."""
    if not isinstance(value, str) or value not in choices:
        raise ValueError(
            f"`{name}` must be one of {choices}. "
            f"Received: {name}={shown(value)}"
        )


def check_sizes(name, value, count=None):
    """Raise a `ValueError` unless an argument is so many positive integers."""
    is_list = isinstance(value, list | tuple)
    whole = is_list and all(
        isinstance(part, Integral) and not isinstance(part, bool) and part > 0
        for part in value
    )
    if not whole or (count is not None and len(value) != count):
        many = "a list of" if count is None else count
        raise ValueError(
            f"`{name}` must be {many} positive integers. "
            f"Received: {name}={shown(value)}"
        )


def check_path(name, value):
    """Raise a `ValueError` unless an argument can be the path of a file."""
    is_path = isinstance(value, str | os.PathLike) and os.fspath(value)
    if not is_path or "\0" in os.fspath(value):
        raise ValueError(
            f"`{name}` must be a string or path, not empty. "
            f"Received: {name}={shown(value)}"
        )


def as_array(name, value):
    """An argument as an array; a `ValueError` if it cannot be one."""
    try:
        return np.asarray(value)
    except Exception as error:
        # Rows of several lengths, for one.
        raise ValueError(
            f"`{name}` must be an array. Received: {name}={shown(value)}"
        ) from error


def shape_of(name, tensor):
    """The shape of an argument; a `ValueError` if it is no tensor."""
    if not hasattr(tensor, "shape"):
        raise ValueError(
            f"`{name}` must be a tensor. Received: {name}={shown(tensor)}"
        )
    return tuple(tensor.shape)
