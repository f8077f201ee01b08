"""Checks of arguments; each says the rule, and what was received.

Each takes the name of an argument, for the message, and what was given, and
returns it, or raises a `ValueError` of one line.
"""

import math
import numbers
import os
import pathlib

import numpy as np

# Kinds and names of types that `array` knows.
NUMBERS = "iufb"
PIXELS = ("f", "uint8")


def shown(value):
    """What a message says of a value: one line, and not a long one."""
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape} and dtype {value.dtype}"
    text = " ".join(repr(value).split())
    return text if len(text) <= 80 else f"{text[:77]}..."


def fail(rule, name, value):
    """Raise the error of an argument that breaks a rule."""
    raise ValueError(f"{rule}. Received: {name}={shown(value)}")


def is_integer(value, least=1):
    """Whether this is an integer, no boolean, and large enough."""
    whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    return whole and value >= least


def integer(name, value, least=1, most=None):
    """Return an argument as an int, if it is one from `least` to `most`.

    Example:

    >>> integer("count", 3)
    3
    """
    if not is_integer(value, least) or (most is not None and value > most):
        kinds = {0: "an integer, not negative", 1: "a positive integer"}
        kind = kinds.get(least, f"an integer of at least {least}")
        if most is not None:
            kind = f"an integer from {least} to {most}"
        fail(f"`{name}` must be {kind}", name, value)
    return int(value)


def number(
    name, value, least=0.0, most=math.inf, above=False, allow_infinite=False
):
    """Return an argument as a float, if it is one from `least` to `most`.

    With `above` it must be more than `least`.

    Example:

    >>> number("minutes", 2)
    2.0
    """
    is_real = isinstance(value, numbers.Real) and not isinstance(value, bool)
    try:
        found = float(value) if is_real else math.nan
    except OverflowError:
        found = math.inf
    # NaN is not in any range.
    fits = least <= found <= most and not (above and found == least)
    if not fits or (math.isinf(found) and not allow_infinite):
        kind = "a number" if allow_infinite else "a finite number"
        if least > -math.inf:
            kind += f" {'above' if above else 'of at least'} {least:g}"
        if most < math.inf:
            kind += f" and at most {most:g}"
        fail(f"`{name}` must be {kind}", name, value)
    return found


def positives(name, value):
    """Return an argument as a tuple, if it is positive numbers.

    Example:

    >>> positives("widths", [0.5, 2])
    (0.5, 2.0)
    """
    if not isinstance(value, list | tuple) or not value:
        fail(f"`{name}` must be a tuple of positive numbers", name, value)
    return tuple(number(name, item, above=True) for item in value)


def choice(name, value, known):
    """Return an argument, if it is one of some strings.

    Example:

    >>> choice("side", "long", ["long", "short"])
    'long'
    """
    if not isinstance(value, str) or value not in known:
        fail(f"`{name}` must be one of {tuple(known)}", name, value)
    return value


def sizes(name, value, count=None):
    """Return an argument as a tuple, if it is so many positive integers.

    Example:

    >>> sizes("widths", [8, 4], 2)
    (8, 4)
    """
    is_list = isinstance(value, list | tuple) and all(map(is_integer, value))
    if not is_list or count not in (None, len(value)):
        many = "a list of" if count is None else count
        fail(f"`{name}` must be {many} positive integers", name, value)
    return tuple(map(int, value))


def path(name, value):
    """Return an argument as a `pathlib.Path`, if it can be that of a file.

    Example:

    >>> path("path", "a/model.keras").name
    'model.keras'
    """
    text = os.fspath(value) if isinstance(value, str | os.PathLike) else ""
    if not isinstance(text, str) or not text or "\0" in text:
        fail(f"`{name}` must be a string or path, not empty", name, value)
    return pathlib.Path(text)


def array(name, value, rule, ndim=None, kinds=NUMBERS, allow_empty=False):
    """Return an argument as an array, if it is one of numbers.

    Args:
        name: string.
        value: what was given.
        rule: string. What the message begins with.
        ndim: integer, number of the dimensions; `None` for any.
        kinds: strings, kinds of types (`"f"`, `"iu"`) or their names.
        allow_empty: boolean. Whether it may have no element.

    Returns:
        An array.

    Example:

    >>> array("scores", [1.0, 2.0], "`scores` must be numbers", ndim=1)
    array([1., 2.])
    """
    try:
        found = np.asarray(value)
    except Exception as error:
        # Rows of several lengths, or what calls itself an array and is none.
        raise ValueError(f"{rule}. Received: {name}={shown(value)}") from error
    # To NumPy, this one is of another kind.
    is_bfloat16 = found.dtype.name == "bfloat16"
    kind = "f" if is_bfloat16 else found.dtype.kind
    fits = kind in kinds or found.dtype.name in kinds
    fits = fits and ndim in (None, found.ndim)
    if not fits or not (found.size or allow_empty):
        fail(rule, name, value if kind == "O" else found)
    return found


def length(name, value):
    """Return the number of examples in an array, or in a dict of arrays.

    Example:

    >>> length("images", np.zeros((4, 8, 8, 3)))
    4
    """
    arrays = list(value.values()) if isinstance(value, dict) else [value]
    for part in arrays:
        known = not isinstance(part, np.ndarray) or part.dtype.kind in NUMBERS
        if not known or not getattr(part, "shape", ()):
            fail(f"`{name}` must be an array of numbers", name, value)
    counts = {int(part.shape[0]) for part in arrays}
    if len(counts) != 1 or min(counts) < 1:
        rule = f"`{name}` must be an array, or arrays of one length, not empty"
        fail(rule, "shapes", [tuple(part.shape) for part in arrays])
    return counts.pop()


def memory(names, count):
    """Raise a `ValueError` if so many bytes cannot fit into memory.

    Of `names` the message says that they must be smaller.
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
