"""How far each part of an embedding means one attribute, and no other."""

import keras
import numpy as np
from keras import layers

from keras_vipa.utils import checks


def leakage_matrix(
    train, train_labels, test, test_labels, hidden=64, steps=1500, seed=0
):
    """What can be read of each attribute from each part.

    A network for each pair of a part and an attribute learns to read it, and
    is asked on other samples. On these and those, attributes have to be
    independent of one another: where colours tell the shape, a pure part of
    colours tells it, too.

    Args:
        train: dict, name of a part -> float array `(n, numbers)`.
        train_labels: dict, name of an attribute -> integer array `(n,)`.
        test: as `train`, of other samples.
        test_labels: their labels.
        hidden: integer. Units of the hidden layer; 0 for linear networks.
        steps: integer. Of Adam, on 128 samples each.
        seed: integer.

    Returns:
        Dict of `parts` and `attributes`, lists of names; `accuracy`, array
        `(parts, attributes)`; `normalised`, the same with what the most
        frequent class would have as 0; `information`, in nats: entropy less
        the loss, at least 0; `entropy` `(attributes,)`; and three numbers:
        `own`, the mean of `normalised` where part and attribute have the same
        name; `leak`, its mean elsewhere; `gap`, their difference.

    Raises:
        ValueError: If an argument is not as above.

    Example:

    >>> color, rest = np.arange(400) % 2, np.arange(400) // 2 % 2
    >>> parts = {"color": color[:, None], "rest": rest[:, None]}
    >>> labels = {"color": color}
    >>> found = keras_vipa.metrics.leakage_matrix(
    ...     parts, labels, parts, labels, hidden=0, steps=200)
    >>> found["accuracy"].tolist(), found["gap"]
    ([[1.0], [0.5]], 1.0)
    """
    checks.integer("hidden", hidden, 0)
    checks.integer("steps", steps)
    checks.integer("seed", seed, 0)
    _check_parts("train", train, train_labels)
    _check_parts("test", test, test_labels)
    train, test = _standardised(train, test)
    counts = {name: int(np.max(y)) + 1 for name, y in train_labels.items()}
    pairs = [(part, name) for part in train for name in train_labels]
    widths = (hidden,) if hidden else ()
    nets = [
        (part, _net(train[part].shape[1], (*widths, counts[name]), seed, place))
        for place, (part, name) in enumerate(pairs)
    ]
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    found = _trained_outputs(
        [part for part, _ in nets],
        [net for _, net in nets],
        train,
        [train_labels[name] for _, name in pairs],
        test,
        loss,
        steps,
        seed,
    )
    judged = [
        _judged(logits, train_labels[name], test_labels[name])
        for (_, name), logits in zip(pairs, found)
    ]
    shape = len(train), len(train_labels)
    accuracy, chance, information, entropy = np.array(judged).T.reshape(
        4, *shape
    )
    normalised = (accuracy - chance) / np.maximum(1.0 - chance, 1e-9)
    is_own = np.array([part == name for part, name in pairs]).reshape(shape)
    own, leak = (float(normalised[mine].mean()) for mine in (is_own, ~is_own))
    return {
        "parts": [*train],
        "attributes": [*train_labels],
        "accuracy": accuracy,
        "normalised": normalised,
        "information": information,
        "entropy": entropy[0],
        "own": own,
        "leak": leak,
        "gap": own - leak,
    }


def block_mig(matrix):
    """Return the mutual information gap of parts, in place of single numbers.

    For each attribute, what the part that tells most of it tells more than the
    next one, as a part of its entropy; and their mean.

    Args:
        matrix: dict, what `leakage_matrix` returns.

    Returns:
        Float, at most 1.

    Raises:
        ValueError: If `matrix` is not as above.

    Example:

    >>> information = np.array([[0.6, 0.0], [0.1, 0.3], [0.0, 0.3]])
    >>> entropy = np.array([1.0, 0.5])
    >>> matrix = {"information": information, "entropy": entropy}
    >>> keras_vipa.metrics.block_mig(matrix)
    0.25
    """
    if not isinstance(matrix, dict) or "information" not in matrix:
        rule = "`matrix` must be what `leakage_matrix` returns"
        checks.fail(rule, "matrix", matrix)
    most = np.sort(matrix["information"], axis=0)[::-1]
    return float(np.mean((most[0] - most[1]) / matrix["entropy"]))


def residual_predictability(train, test, hidden=(256, 128), steps=2000, seed=0):
    """Return how well new predictors tell each part from all the others.

    Those that an embedding was trained against underestimate it.

    Args:
        train: dict, name of a part -> float array `(n, numbers)`.
        test: the same of other samples.
        hidden: tuple of integers. Units of the hidden layers.
        steps: integer. Of Adam, on 128 samples each.
        seed: integer.

    Returns:
        Dict, name of a part -> R^2 of the test samples: 1 if the others tell
        it all; 0, or a little below, if they tell nothing.

    Raises:
        ValueError: If an argument is not as above.
    """
    hidden = checks.sizes("hidden", hidden)
    checks.integer("steps", steps)
    checks.integer("seed", seed, 0)
    _check_parts("train", train, {})
    _check_parts("test", test, {})
    train, test = _standardised(train, test)
    width = sum(values.shape[1] for values in train.values())
    nets = []
    for place, (name, values) in enumerate(train.items()):
        size = values.shape[1]
        nets.append(_net(width - size, (*hidden, size), seed, place))
    without = {
        name: [other for other in train if other != name] for name in train
    }
    found = _trained_outputs(
        list(without.values()),
        nets,
        train,
        list(train.values()),
        test,
        "mse",
        steps,
        seed,
    )
    scores = {}
    for (name, values), predicted in zip(test.items(), found):
        around = values - values.mean(axis=0)
        left = np.square(values - predicted).sum() / np.square(around).sum()
        scores[name] = float(1.0 - left)
    return scores


def swap_accuracy(swap, classify, images, labels, seed=0):
    """Return whether a part that is exchanged takes its attribute along.

    Each image gets a part of another one that has another value of the
    attribute of this name.

    Args:
        swap: callable, `(images, donors, part)` to images, such as
            `PartitionTrainer.swap`.
        classify: callable, images to a dict, attribute -> integer array: a
            classifier that had no part in the training of the embedding.
        images: float array `(n, height, width, 3)`.
        labels: dict, attribute, which is the name of a part -> integer array
            `(n,)`.
        seed: integer. Which images are the others.

    Returns:
        Dict, attribute -> dict of `moved`, the part of the images that are of
        the donor's value now; `kept`, the part in which all other attributes
        are as before; and `both`.

    Raises:
        ValueError: If an argument is not as above.
    """
    for name, function in (("swap", swap), ("classify", classify)):
        if not callable(function):
            checks.fail(f"`{name}` must be a function", name, function)
    checks.integer("seed", seed, 0)
    rule = "`images` must be (n, height, width, 3)"
    images = checks.array("images", images, rule, ndim=4)
    _check_labels("labels", labels, len(images))
    order = np.random.default_rng(seed).permutation(len(images))
    found = {}
    for name, values in labels.items():
        differ = np.flatnonzero(values != values[order])
        donors = order[differ]
        if not len(differ):
            rule = f"{name!r} must have at least two values"
            checks.fail(rule, "labels", values)
        read = classify(swap(images[differ], images[donors], name))
        moved = read[name] == values[donors]
        kept = np.all(
            [read[o] == labels[o][differ] for o in labels if o != name], axis=0
        )
        found[name] = {
            "moved": float(moved.mean()),
            "kept": float(np.mean(kept)),
            "both": float(np.mean(moved & kept)),
        }
    return found


def _check_parts(name, parts, labels):
    if not isinstance(parts, dict) or len(parts) < 2:
        rule = f"`{name}` must be a dict of two or more parts"
        checks.fail(rule, name, parts)
    rule = f"`{name}` must have arrays (n, numbers)"
    arrays = [
        checks.array(name, values, rule, ndim=2) for values in parts.values()
    ]
    if len({len(array) for array in arrays}) > 1:
        rule = f"`{name}` must have arrays of one length"
        checks.fail(rule, "lengths", [len(array) for array in arrays])
    _check_labels(f"{name}_labels", labels, len(arrays[0]))


def _check_labels(name, labels, count):
    """Integers from 0 on, `count` for each attribute."""
    rule = f"`{name}` must be a dict of integers from 0 on, {count} each"
    if not isinstance(labels, dict):
        checks.fail(rule, name, labels)
    for values in labels.values():
        values = checks.array(name, values, rule, ndim=1, kinds="iu")
        if len(values) != count or values.min() < 0:
            checks.fail(rule, name, values)


def _standardised(train, test):
    """Both with mean 0 and variance 1 of each number of `train`."""
    if set(train) != set(test):
        rule = "`test` must have the parts of `train`"
        checks.fail(rule, "test", sorted(test))
    scales = {
        name: (np.mean(values, 0), np.std(values, 0) + 1e-6)
        for name, values in train.items()
    }
    return (
        {
            name: ((parts[name] - mean) / scale).astype("float32")
            for name, (mean, scale) in scales.items()
        }
        for parts in (train, test)
    )


def _net(inputs, units, seed, place):
    """A network of dense layers, with ReLU before the last one."""
    seeds = [1000 * seed + 10 * place + number for number in range(len(units))]
    steps = [
        layers.Dense(
            count,
            "relu" if number < len(units) - 1 else None,
            kernel_initializer=keras.initializers.GlorotUniform(seeds[number]),
        )
        for number, count in enumerate(units)
    ]
    return keras.Sequential([keras.Input((inputs,)), *steps])


def _trained_outputs(names, nets, train, targets, test, loss, steps, seed):
    """What networks say of the test, trained side by side as one model.

    Args:
        names: for each network a part, or a list of parts, that it reads.
        nets: list of models.
        train: dict of arrays, and
        targets: list of what they are to say of these.
        test: dict of arrays.
        loss: of each.
        steps: integer.
        seed: integer.
    """
    inputs = {k: keras.Input(v.shape[1:], name=k) for k, v in train.items()}
    outputs = []
    for name, net in zip(names, nets):
        if isinstance(name, str):
            outputs.append(net(inputs[name]))
        else:
            joined = [inputs[one] for one in name]
            joined = joined[0] if len(name) == 1 else layers.concatenate(joined)
            outputs.append(net(joined))
    model = keras.Model(inputs, outputs)
    rate = keras.optimizers.schedules.CosineDecay(5e-3, steps)
    # Such small networks are sooner trained than compiled by XLA.
    model.compile(
        keras.optimizers.Adam(rate),
        [loss] * len(nets),
        jit_compile=keras.config.backend() == "jax",
    )
    order = np.random.default_rng(seed)
    count = len(targets[0])
    # As one epoch, whose order is drawn here.
    drawn = [order.permutation(count) for _ in range(128 * steps // count + 1)]
    drawn = np.concatenate(drawn)[: 128 * steps]
    model.fit(
        {name: values[drawn] for name, values in train.items()},
        [np.asarray(target)[drawn] for target in targets],
        batch_size=128,
        shuffle=False,
        verbose=0,
    )
    found = model.predict(test, batch_size=1024, verbose=0)
    return found if isinstance(found, list) else [found]


def _judged(logits, seen, labels):
    """Accuracy, that of the most frequent class, information, entropy."""
    logs = logits - logits.max(axis=1, keepdims=True)
    logs = logs - np.log(np.exp(logs).sum(axis=1, keepdims=True))
    labels = np.asarray(labels)
    accuracy = np.mean(logits.argmax(axis=1) == labels)
    frequency = np.bincount(seen, minlength=logits.shape[1])
    chance = np.mean(labels == frequency.argmax())
    part = np.bincount(labels, minlength=logits.shape[1]) / len(labels)
    entropy = -np.sum(part * np.log(np.maximum(part, 1e-12)))
    loss = -np.mean(logs[np.arange(len(labels)), labels])
    return accuracy, chance, max(entropy - loss, 0.0), entropy
