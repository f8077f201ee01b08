"""Samples of seen classes, and of others that are known by attributes only."""

import csv
import dataclasses

import numpy as np

from keras_vipa.utils import checks
from keras_vipa.utils import classes


@dataclasses.dataclass
class ZeroShotSet:
    """Samples of seen and of unseen classes, and what is true of each class.

    Args:
        x: float array `(n, ...)`, images or features of seen classes.
        y: integer array `(n,)`, rows of `signatures`.
        signatures: float array `(classes, attributes)`, of the seen classes.
        new_x: float array `(m, ...)`, of unseen classes.
        new_y: integer array `(m,)`, rows of `new_signatures`.
        new_signatures: float array `(others, attributes)`.
        names: list of str, of the seen classes. Defaults to their numbers.
        new_names: list of str, of the unseen classes. Defaults to the numbers
            that follow.
        attributes: list of str. Defaults to their numbers.

    Raises:
        ValueError: If these do not fit together, if a signature is not finite,
            an attribute is the same for all seen classes, two unseen classes
            have equal attributes, or an unseen class is among the seen ones.
            The message names it.

    Example:

    >>> data = ZeroShotSet(
    ...     np.zeros((4, 5)), [0, 1, 2, 3], [[0, 1], [1, 1], [1, 0], [0, 0]],
    ...     np.zeros((2, 5)), [0, 1], [[2, 2], [1, 0]])
    >>> data.holding_out([0, 2]).new_y.tolist()
    [0, 1]
    """

    x: np.ndarray
    y: np.ndarray
    signatures: np.ndarray
    new_x: np.ndarray
    new_y: np.ndarray
    new_signatures: np.ndarray
    names: list = None
    new_names: list = None
    attributes: list = None

    def __post_init__(self):
        for prefix in ("", "new_"):
            name = f"{prefix}signatures"
            rule = f"`{name}` must be numbers (classes, attributes)"
            found = checks.array(name, getattr(self, name), rule, 2)
            setattr(self, name, found.astype("float32"))
        count, other = len(self.signatures), len(self.new_signatures)
        numbers = [str(number) for number in range(count + other)]
        columns = self.signatures.shape[1]
        for name, usual in (
            ("names", numbers[:count]),
            ("new_names", numbers[count:]),
            ("attributes", numbers_of(columns)),
        ):
            setattr(self, name, checked_names(name, getattr(self, name), usual))
        if self.new_signatures.shape[1] != columns:
            rule = f"`new_signatures` must have {columns} attributes"
            shape = self.new_signatures.shape
            checks.fail(rule, "new_signatures.shape", shape)
        for prefix in ("", "new_"):
            self._check_labels(prefix)
        self._check_signatures()

    def _check_labels(self, prefix):
        x, y, signatures, names = (
            getattr(self, prefix + name)
            for name in ("x", "y", "signatures", "names")
        )
        count = checks.length(f"{prefix}x", x)
        rule = f"`{prefix}y` must be a row of `{prefix}signatures` for each of "
        rule += f"the {count} samples"
        y = checks.array(f"{prefix}y", y, rule, 1, "iu").astype("int32")
        setattr(self, f"{prefix}y", y)
        if len(y) != count or y.min() < 0 or y.max() >= len(signatures):
            checks.fail(rule, f"{prefix}y", y)
        if len(names) < 2:
            rule = f"`{prefix}signatures` must be of two classes or more"
            checks.fail(rule, f"{prefix}names", names)

    def _check_signatures(self):
        both = np.concatenate([self.signatures, self.new_signatures])
        names = [*self.names, *self.new_names]
        bad = np.argwhere(~np.isfinite(both))
        if len(bad):
            row, column = bad[0].tolist()
            raise ValueError(
                "Signatures must be finite numbers. Received: "
                f"{both[row, column]} for attribute "
                f"{self.attributes[column]!r} of class {names[row]!r}"
            )
        constant = (self.signatures == self.signatures[0]).all(axis=0)
        if constant.any():
            found = [self.attributes[c] for c in np.flatnonzero(constant)]
            raise ValueError(
                "Each attribute must differ among the seen classes; leave out "
                f"those that do not. Received: {checks.shown(found)}"
            )
        twice = sorted(set(self.names) & set(self.new_names))
        if twice:
            raise ValueError(
                "Unseen classes must not be among the seen ones. Received: "
                f"{checks.shown(twice)}"
            )
        pair = classes.first_equal(self.new_signatures)
        if pair:
            found = [self.new_names[number] for number in pair]
            raise ValueError(
                "Unseen classes must differ in some attribute. Received: "
                f"{found[0]!r} and {found[1]!r} are equal"
            )

    def holding_out(self, held):
        """Seen classes only, of which some pass for unseen ones.

        Args:
            held: integers, the classes that do; those with equal attributes
                become one.

        Returns:
            A `ZeroShotSet`; attributes that do not differ among the other
            classes are left out.

        Raises:
            ValueError: If too few classes are left, or differ.
        """
        kept, new = classes.hold_out(self.y, self.signatures, held)
        return ZeroShotSet(
            self.x[kept.chosen],
            kept.labels,
            kept.signatures,
            self.x[new.chosen],
            new.labels,
            new.signatures,
        )


def checked_names(name, names, usual):
    """A list of as many names as usual, or the usual ones for `None`."""
    if names is None:
        return usual
    is_list = isinstance(names, list | tuple)
    if not is_list or not all(isinstance(word, str) for word in names):
        checks.fail(f"`{name}` must be a list of names", name, names)
    if len(names) != len(usual):
        checks.fail(f"`{name}` must be {len(usual)} names", name, names)
    return list(names)


def numbers_of(count):
    """Names of what has none."""
    return [str(number) for number in range(count)]


def read_signatures(path):
    r"""Read attributes of classes from a CSV file.

    The first line is `class` and the names of the attributes; each other line
    is the name of a class and a number for each attribute.

    Args:
        path: str or path.

    Returns:
        Names of the classes, names of the attributes, and a float32 array
        `(classes, attributes)`.

    Raises:
        ValueError: If there is no such file, or it is not as above; the message
            names the line.

    Example:

    >>> import os, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "animals.csv")
    ...     with open(path, "w") as file:
    ...         _ = file.write("class,striped,tail\nzebra,1,0.5\nape,0,0\n")
    ...     read_signatures(path)[:2]
    (['zebra', 'ape'], ['striped', 'tail'])
    """
    path = checks.path("path", path)
    if not path.is_file():
        checks.fail("`path` must be a CSV file", "path", str(path))
    with open(path, encoding="utf-8-sig", newline="") as file:
        try:
            lines = [line for line in csv.reader(file) if line]
        except (csv.Error, UnicodeDecodeError) as error:
            raise ValueError(f"{path} is not a CSV file: {error}") from error
    if len(lines) < 2 or len(lines[0]) < 2:
        raise ValueError(
            f"{path} must have a line of names, `class` and attributes, and a "
            f"line for each class. Received: {len(lines)} line(s)"
        )
    head, *lines = [[word.strip() for word in line] for line in lines]
    names, rows = [], []
    for number, line in enumerate(lines, 2):
        if len(line) != len(head) or line[0] in (*names, ""):
            raise ValueError(
                f"{path}, row {number}, must be the name of another class and "
                f"{len(head) - 1} numbers. Received: {checks.shown(line)}"
            )
        names.append(line[0])
        for attribute, word in zip(head[1:], line[1:]):
            if not is_number(word):
                raise ValueError(
                    f"{path} must have numbers for all attributes. Received: "
                    f"{word!r} for attribute {attribute!r} of class {line[0]!r}"
                )
        rows.append([float(word) for word in line[1:]])
    return names, head[1:], np.array(rows, "float32")


def is_number(word):
    """Whether a word is a finite number."""
    try:
        return bool(np.isfinite(float(word)))
    except ValueError:
        return False
