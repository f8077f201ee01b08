"""Attributes of classes, defined ones and those that nobody has defined."""

import numpy as np
from keras import ops

from keras_vipa.utils import checks


def unit(x):
    """Vectors of length 1, of the last axis of a tensor."""
    return x / ops.sqrt(ops.sum(x**2, axis=-1, keepdims=True) + 1e-12)


def likeness(attributes, prototypes, temperature):
    """Scores of classes: `temperature cos(attributes, prototype)`.

    Args:
        attributes: tensor `(n, attributes)`, of images.
        prototypes: tensor `(classes, attributes)`.
        temperature: float.

    Returns:
        Tensor `(n, classes)`.
    """
    return temperature * ops.matmul(
        unit(attributes), ops.transpose(unit(prototypes))
    )


def reconstruction(wanted, known, ridge):
    """How classes are made of others, `b` for each row of `wanted`.

        min_b |wanted - sum_c b_c known_c|^2 + ridge |b|^2

    Args:
        wanted: float array `(m, attributes)`.
        known: float array `(n, attributes)`.
        ridge: float, positive.

    Returns:
        Float32 array `(m, n)`.
    """
    wanted, known = (np.asarray(x, "float64") for x in (wanted, known))
    square = known @ known.T + ridge * np.eye(len(known))
    return np.linalg.solve(square, known @ wanted.T).T.astype("float32")


def leave_one_out(known, ridge):
    """How each class is made of all others, float32 `(n, n)` with zeros."""
    rows = []
    for number in range(len(known)):
        others = np.arange(len(known)) != number
        row = np.zeros(len(known), "float32")
        row[others] = reconstruction(known[number][None], known[others], ridge)[
            0
        ]
        rows.append(row)
    return np.stack(rows)


def overlap(defined, residual):
    """Mean square of the correlations of two groups of attributes in a batch.

    Args:
        defined: tensor `(n, attributes)`.
        residual: tensor `(n, others)`.

    Returns:
        A scalar.
    """
    one, other = (_standard(x) for x in (defined, residual))
    count = ops.cast(ops.shape(one)[0], one.dtype)
    return ops.mean((ops.matmul(ops.transpose(one), other) / count) ** 2)


def _standard(x):
    x = x - ops.mean(x, axis=0, keepdims=True)
    return x / ops.sqrt(ops.mean(x**2, axis=0, keepdims=True) + 1e-6)


def check_signatures(name, values, columns=None):
    """Signatures `(classes, attributes)` as a float32 array.

    Raises:
        ValueError: If they are not finite, are fewer than two, or are equal
            for two classes.
    """
    rule = f"`{name}` must be finite numbers (classes, attributes)"
    found = checks.array(name, values, rule, 2).astype("float32")
    if not np.isfinite(found).all():
        checks.fail(rule, name, found)
    if len(found) < 2 or not found.shape[1]:
        checks.fail(f"`{name}` must be of two classes or more", name, found)
    if columns is not None and found.shape[1] != columns:
        rule = f"`{name}` must have {columns} attributes"
        checks.fail(rule, f"{name}.shape", found.shape)
    _, first, back = np.unique(
        found, axis=0, return_index=True, return_inverse=True
    )
    same = np.flatnonzero(first[np.ravel(back)] != np.arange(len(found)))
    if len(same):
        pair = int(first[np.ravel(back)[same[0]]]), int(same[0])
        raise ValueError(
            f"`{name}` must tell all classes apart. Received: classes "
            f"{pair[0]} and {pair[1]} with equal attributes"
        )
    return found
