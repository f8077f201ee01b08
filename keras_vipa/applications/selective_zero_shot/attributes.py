"""Attributes of classes, defined ones and those that nobody has defined."""

import numpy as np
from keras import ops

from keras_vipa.utils import checks
from keras_vipa.utils import classes


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


def log_softmax(scores):
    """Logarithms of `softmax`, of a float array `(n, classes)`."""
    scores = scores - scores.max(axis=-1, keepdims=True)
    return scores - np.log(np.exp(scores).sum(axis=-1, keepdims=True))


def confidence(defined, residual, labels, mix):
    """How much an answer is to be trusted: `(1 - mix) p_d + mix p_r`.

    Args:
        defined: float array `(n, classes)`, logarithms of `p_d`.
        residual: float array `(n, classes)`, of `p_r`.
        labels: integer array `(n,)`, the answers.
        mix: float in [0, 1].

    Returns:
        Float array `(n,)` in [0, 1].
    """
    answers = np.arange(len(labels)), labels
    p_d, p_r = np.exp(defined[answers]), np.exp(residual[answers])
    return (1.0 - mix) * p_d + mix * p_r


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


def initial_prototypes(signatures, residual, seed):
    """Residual attributes of seen classes to begin with.

    A random linear image of the signatures, which can be told of any class,
    and some noise, which tells classes of equal signatures apart.

    Args:
        signatures: float array `(classes, attributes)`.
        residual: integer.
        seed: integer.

    Returns:
        Float32 array `(classes, residual)`.
    """
    generator = np.random.default_rng(seed)
    image = signatures @ generator.normal(size=(signatures.shape[1], residual))
    image /= np.linalg.norm(image, axis=1, keepdims=True) + 1e-12
    noise = generator.normal(size=image.shape)
    return (image + 0.1 * noise).astype("float32")


def check_signatures(name, values, columns=None, seen=True):
    """Signatures `(classes, attributes)` as a float32 array.

    Args:
        name: string. Of the argument, for messages.
        values: what was given.
        columns: integer. How many attributes there must be, or `None`.
        seen: boolean. Seen classes may be equal, which residual attributes may
            tell apart, but each attribute must differ among them; others must
            all differ, since they are to be told apart.

    Raises:
        ValueError: If they are not as above; it names the class or attribute.
    """
    rule = f"`{name}` must be finite numbers (classes, attributes)"
    found = checks.array(name, values, rule, 2).astype("float32")
    bad = np.argwhere(~np.isfinite(found))
    if len(bad):
        number, column = bad[0].tolist()
        raise ValueError(
            f"{rule}. Received: {found[number, column]} in class {number}, "
            f"attribute {column}"
        )
    if len(found) < 2:
        checks.fail(f"`{name}` must be of two classes or more", name, found)
    if columns is not None and found.shape[1] != columns:
        rule = f"`{name}` must have {columns} attributes"
        checks.fail(rule, f"{name}.shape", found.shape)
    constant = np.flatnonzero((found == found[0]).all(axis=0)).tolist()
    if seen and constant:
        raise ValueError(
            f"`{name}` must differ among classes in each attribute; leave out "
            f"those that do not. Received: attributes {constant} are constant"
        )
    pair = None if seen else classes.first_equal(found)
    if pair:
        raise ValueError(
            f"`{name}` must tell all classes apart. Received: classes "
            f"{pair[0]} and {pair[1]} with equal attributes"
        )
    return found
