"""What makes the parts of an embedding independent of one another."""

import itertools
import math

import keras
from keras import layers
from keras import ops

# Of the variance of each number, so that a constant one is no division by 0.
EPSILON = 1e-5


def standardised(part):
    """Each number of a part with mean 0 and variance 1 over the batch.

    Otherwise the encoders win by making them larger.

    Args:
        part: tensor `(batch, numbers)`.

    Returns:
        A float32 tensor of the same shape.
    """
    part = ops.cast(part, "float32")
    mean, variance = ops.moments(part, axes=0, keepdims=True)
    return (part - mean) / ops.sqrt(variance + EPSILON)


def capped_gain(errors):
    """What the encoders gain by errors of their opponents: `sum min(e, 1)`.

    An error of 1 is that of opponents who know nothing; to increase it
    further would only be to mislead them.

    Args:
        errors: dict of scalars.

    Returns:
        A scalar.
    """
    return sum(ops.minimum(error, 1.0) for error in errors.values())


class Opponents(layers.Layer):
    """Networks that the encoders play against (abstract).

    They compute in float32, whatever the encoders do, and are no trainable
    part of a model: they have an optimizer of their own.

    Args:
        seed: integer. Seed of the initial weights.
    """

    def __init__(self, seed):
        super().__init__(dtype="float32")
        self.seeds = itertools.count(1000 * seed + 500)
        self.nets = {}

    def add_net(self, name, inputs, units):
        """Add a network of dense layers, with ReLU before the last one."""
        steps = [
            layers.Dense(
                number,
                activation="relu" if place < len(units) else None,
                kernel_initializer=keras.initializers.GlorotUniform(
                    next(self.seeds)
                ),
                dtype="float32",
            )
            for place, number in enumerate(units, 1)
        ]
        self.nets[name] = keras.Sequential([keras.Input((inputs,)), *steps])

    def errors(self, parts, labels):
        """Dict of scalars, 1 for opponents who know nothing.

        Args:
            parts: dict, name of a part -> tensor `(batch, numbers)`.
            labels: dict, attribute -> integer tensor `(batch,)`.
        """
        raise NotImplementedError


class Predictors(Opponents):
    """`P_k`, which predict each part from all the others.

        e_k = mean (P_k(R without r_k) - r_k)^2, of standardised parts

    Args:
        sizes: dict, name of a part -> integer.
        hidden: tuple of integers. Units of the hidden layers.
        seed: integer.
    """

    def __init__(self, sizes, hidden=(256, 128), seed=0):
        super().__init__(seed)
        for name, size in sizes.items():
            others = sum(sizes.values()) - size
            self.add_net(name, others, (*hidden, size))
        self.built = True

    def predicted(self, parts):
        """What is predicted of each part, a dict of tensors.

        Args:
            parts: dict of standardised parts.
        """
        return {
            name: net(
                ops.concatenate(
                    [part for other, part in parts.items() if other != name],
                    axis=-1,
                )
            )
            for name, net in self.nets.items()
        }

    def errors(self, parts, labels):
        parts = {name: standardised(part) for name, part in parts.items()}
        found = self.predicted(parts)
        return {
            name: ops.mean(ops.square(found[name] - part))
            for name, part in parts.items()
        }


class Classifiers(Opponents):
    """Networks that read each attribute from each part that is not its own.

        e_ka = cross-entropy of attribute a, of C classes, read from r_k / log C

    The alternative that adversaries are mostly: they know the labels, and what
    has none they do not look for. Playing in turns takes the place of a
    reversed gradient.

    Args:
        sizes: dict, name of a part -> integer.
        attributes: dict, name of a part -> integer, classes.
        hidden: tuple of integers. Units of the hidden layers.
        seed: integer.
    """

    def __init__(self, sizes, attributes, hidden=(256, 128), seed=0):
        super().__init__(seed)
        self.attributes = attributes
        for part, size in sizes.items():
            for attribute, classes in attributes.items():
                if attribute != part:
                    name = f"{attribute} of {part}"
                    self.add_net(name, size, (*hidden, classes))
        self.built = True

    def errors(self, parts, labels):
        found = {}
        for name, net in self.nets.items():
            attribute, part = name.split(" of ")
            logits = net(standardised(parts[part]))
            entropy = ops.mean(cross_entropy(labels[attribute], logits))
            found[name] = entropy / math.log(self.attributes[attribute])
        return found


def cross_entropy(labels, logits):
    """Of each sample `(batch,)`; 0 where the class is not known, -1.

    Args:
        labels: integer tensor `(batch,)`.
        logits: tensor `(batch, classes)`.
    """
    labels = ops.cast(labels, "int32")
    logs = ops.log_softmax(ops.cast(logits, "float32"))
    known = ops.maximum(labels, 0)[:, None]
    chosen = ops.take_along_axis(logs, known, axis=1)[:, 0]
    return ops.where(labels >= 0, -chosen, 0.0)


def distance_correlation(one, other):
    """How much two parts depend on one another, of any kind; 0 if not.

    The bias-corrected estimate (Szekely and Rizzo, 2013), of a batch of at
    least four; about 0 for independent parts, and at most 1.

    Args:
        one: tensor `(batch, numbers)`.
        other: tensor `(batch, numbers)`.

    Returns:
        A scalar.
    """
    count = ops.cast(ops.shape(one)[0], "float32")
    apart = 1.0 - ops.eye(ops.shape(one)[0])

    def centred(part):
        part = ops.cast(part, "float32")
        squares = ops.sum(ops.square(part[:, None] - part[None]), axis=-1)
        # A root has no slope at 0.
        distance = ops.sqrt(squares + 1e-9) * apart
        rows = ops.sum(distance, axis=0) / (count - 2.0)
        whole = ops.sum(rows) / (count - 1.0)
        return (distance - rows[:, None] - rows[None] + whole) * apart

    one, other = centred(one), centred(other)
    spread = ops.sum(ops.square(one)) * ops.sum(ops.square(other))
    return ops.sum(one * other) / ops.sqrt(spread + 1e-9)


def dependence(parts):
    """Sum over pairs of parts of their distance correlation, if positive.

    Args:
        parts: dict, name of a part -> tensor `(batch, numbers)`.

    Returns:
        A scalar.
    """
    parts = [standardised(part) for part in parts.values()]
    return sum(
        ops.maximum(distance_correlation(one, other), 0.0)
        for one, other in itertools.combinations(parts, 2)
    )
