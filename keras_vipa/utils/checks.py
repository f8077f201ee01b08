"""Checks of arguments; each says the rule, and what was received."""

import math
import numbers
import os

import numpy as np


def shown(value):
    """What a message says of a value: one line, and not a long one."""
    text = " ".join(repr(value).split())
    if len(text) > 80:
        text = f"{text[:77]}..."
    return text


def fail(rule, name, value):
    """Raise the error of an argument that breaks a rule."""
    raise ValueError(f"{rule}. Received: {name}={shown(value)}")


def integer(name, value, least=1):
    """Return an argument as an int, if it is one and large enough.

    Args:
        name: string. Name of the argument, for the message.
        value: what was given.
        least: integer. The smallest that is allowed.

    Returns:
        Integer.

    Raises:
        ValueError: If the value is anything else.

    Example:

    >>> integer("count", 3)
    3
    """
    whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if not whole or value < least:
        kinds = {0: "an integer, not negative", 1: "a positive integer"}
        kind = kinds.get(least, f"an integer of at least {least}")
        fail(f"`{name}` must be {kind}", name, value)
    return int(value)


def number(name, value, least=0.0):
    """Return an argument as a float, if it is finite and larger than a bound.

    Args:
        name: string. Name of the argument, for the message.
        value: what was given.
        least: float. What it must be larger than.

    Returns:
        Float.

    Raises:
        ValueError: If the value is anything else.

    Example:

    >>> number("minutes", 2)
    2.0
    """
    real = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if not real or not math.isfinite(value) or value <= least:
        rule = f"`{name}` must be a finite number above {least:g}"
        fail(rule, name, value)
    return float(value)


def choice(name, value, known):
    """Return an argument that has to be one of some names.

    Args:
        name: string. Name of the argument, for the message.
        value: what was given.
        known: iterable of strings. The names.

    Returns:
        String.

    Raises:
        ValueError: If the value is none of them; lists them.

    Example:

    >>> choice("side", "long", ["long", "short"])
    'long'
    """
    if not isinstance(value, str) or value not in known:
        fail(f"`{name}` must be one of {tuple(known)}", name, value)
    return value


def length(name, value, what="an array"):
    """Number of examples in an array, or in arrays of one length.

    Args:
        name: string. Name of the argument, for the message.
        value: what was given: an array, or a dict of arrays.
        what: string. What it should be, for the message.

    Returns:
        Integer, at least 1.

    Raises:
        ValueError: If it is no array, if it has no example, or if the arrays
            of a dict differ in their number.

    Example:

    >>> length("images", np.zeros((4, 8, 8, 3)))
    4
    """
    arrays = list(value.values()) if isinstance(value, dict) else [value]
    counts = set()
    for array in arrays:
        shape = getattr(array, "shape", ())
        kind = np.dtype(getattr(array, "dtype", "O")) if _is_numpy(array) else 0
        if len(shape) < 1 or (kind and kind.kind not in "iufb"):
            fail(f"`{name}` must be {what} of numbers", name, value)
        counts.add(int(shape[0]))
    if len(counts) != 1 or min(counts) < 1:
        shapes = [tuple(array.shape) for array in arrays]
        rule = f"`{name}` must be {what} of one length, and not empty"
        fail(rule, "shapes", shapes)
    return counts.pop()


def memory(names, count):
    """Raise an error if a result cannot fit into this machine's memory.

    Args:
        names: string. Arguments that say how large it is, for the message.
        count: integer. Its bytes.

    Raises:
        ValueError: If the machine has less.
    """
    try:
        room = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return
    if count > room:
        raise ValueError(
            f"{names} must be small enough for the memory of this machine, "
            f"{room / 1e9:,.0f} GB. Received: {count / 1e9:,.0f} GB"
        )


def _is_numpy(array):
    return isinstance(array, np.ndarray | np.generic)
