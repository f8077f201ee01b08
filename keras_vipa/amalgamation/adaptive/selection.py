"""Which teacher acts on which picture, in Adaptive Amalgamation (ICCV 2019)."""

import math

import keras
from keras import ops

from keras_vipa.utils import checks


def least_entropy(logits, relative=False):
    """Select for each picture the network that is surest of its class.

    With `p_t = softmax(z_t)` and `I_t = -sum_c p_t,c log p_t,c`, the ambiguity
    of network `t`, the selected one is `argmin_t I_t`.

    Args:
        logits: list of tensors `(batch, classes)`, of one network each, for the
            same classes.
        relative: boolean. Whether `I_t` is divided by `log(classes)`, its
            largest value, so that the numbers of classes may differ.

    Returns:
        A float32 tensor `(batch, networks)`: 1 for the selected network, the
        first one of several, and 0 for the others.

    Raises:
        ValueError: If the logits are not such tensors, or their numbers of
            classes differ and `relative` is not set.

    Example:

    >>> sure, unsure = np.array([[9.0, 0.0]]), np.array([[1.0, 0.0]])
    >>> weights = keras_vipa.amalgamation.least_entropy([unsure, sure])
    >>> keras.ops.convert_to_numpy(weights).tolist()
    [[0.0, 1.0]]
    """
    rule = "`logits` must be a list of tensors (batch, classes)"
    if not isinstance(logits, list | tuple) or not len(logits):
        checks.fail(rule, "logits", logits)
    try:
        logits = [ops.cast(scores, "float32") for scores in logits]
    except Exception as error:
        raise ValueError(f"{rule} of numbers") from error
    shapes = [tuple(scores.shape) for scores in logits]
    if any(len(shape) != 2 or not shape[1] for shape in shapes):
        checks.fail(rule, "shapes", shapes)
    if not relative and len({shape[1] for shape in shapes}) > 1:
        rule = "`logits` must be of the same classes, unless `relative` is set"
        checks.fail(rule, "shapes", shapes)
    entropies = []
    for scores in logits:
        logs = ops.log_softmax(scores, axis=-1)
        entropy = -ops.sum(ops.exp(logs) * logs, axis=-1)
        largest = math.log(max(2, scores.shape[1])) if relative else 1.0
        entropies.append(entropy / largest)
    chosen = ops.argmin(ops.stack(entropies, axis=-1), axis=-1)
    return ops.one_hot(chosen, len(logits), dtype="float32")


def shares_of_teachers(targets, rule, seeds):
    """How much each teacher acts on each image, in the first phase.

    Args:
        targets: dict, task -> list of logits `(batch, classes)`, one of each
            teacher.
        rule: string. `"least_entropy"`, `"all"` or `"random"`.
        seeds: `keras.random.SeedGenerator`.

    Returns:
        Dict, task -> tensor `(batch, teachers)`, rows with a sum of 1.
    """
    shares = {}
    for task, logits in targets.items():
        even = ops.ones((ops.shape(logits[0])[0], len(logits)))
        if rule == "least_entropy":
            shares[task] = least_entropy(logits)
        elif rule == "all":
            shares[task] = even / len(logits)
        else:
            chosen = keras.random.categorical(even, 1, seed=seeds)
            shares[task] = ops.one_hot(chosen[:, 0], len(logits))
    return shares


def shares_of_components(targets, select):
    """How much each component acts on each image, in the second phase.

    Args:
        targets: dict, task -> list with the logits of its component.
        select: boolean. Whether only the one of the least entropy does.

    Returns:
        Dict, task -> tensor `(batch, 1)`.
    """
    logits = [scores for (scores,) in targets.values()]
    shares = ops.ones((ops.shape(logits[0])[0], len(logits)))
    if select:
        shares = least_entropy(logits, relative=True)
    return {
        task: shares[:, number : number + 1]
        for number, task in enumerate(targets)
    }
