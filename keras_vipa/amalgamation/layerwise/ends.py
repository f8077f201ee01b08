"""The end of a classifier: what makes probabilities of its logits."""

import keras
import numpy as np

_LEFT_OUT = ("softmax", "sigmoid", "logsoftmax", "logsigmoid")
_SQUASHING = (*_LEFT_OUT, "hardsigmoid", "sparsemax")
_CHANGES_NOTHING = ("linear", "identity", "cast", "stopgradient", "copy")
# Only in training, or only the shape.
_KEPT = (
    "activityregularization",
    "alphadropout",
    "dropout",
    "flatten",
    "gaussiandropout",
    "gaussiannoise",
    "spatialdropout2d",
)
_WEIGHTED = (
    keras.layers.Conv2D,
    keras.layers.Dense,
    keras.layers.DepthwiseConv2D,
)
_WAY_OUT = (
    "A teacher must return logits, or end in a softmax or sigmoid, which is "
    "left out. Pass a model of its logits, as in `keras.Model(teacher.input, "
    "teacher.get_layer(...).output)`. Received: {} with {} behind its last "
    "layer, which makes {}"
)


def drop_end(steps, shapes, name):
    """Leave out a softmax or sigmoid at the end of a network.

    What stands behind it is left out with it, if it changes nothing, as the
    `Activation("linear", dtype="float32")` of mixed precision does.

    Args:
        steps: list of `Step`. The last one is the output.
        shapes: list of tuples. Shape of the output of each step.
        name: string. What messages call the network.

    Returns:
        List of `Step`.

    Raises:
        ValueError: If there is a softmax or sigmoid whose logits cannot be
            found like that.
    """
    end = len(steps) - 1
    kept = []
    while len(steps[end].inputs) == 1:
        step = steps[end]
        (before,) = step.inputs
        if not _changes_nothing(step, shapes[before] == shapes[end]):
            if _function(step) not in _KEPT:
                break
            kept.insert(0, step)
        end = before
    if _function(steps[end]) in _LEFT_OUT:
        (end,) = steps[end].inputs
        steps = steps[: end + 1]
        for step in kept:
            steps.append(step._replace(inputs=(len(steps) - 1,)))
    _check_squashing(steps, name)
    return steps


def check_scores(layer_list, name):
    """Raise an error if the end of a network makes probabilities, however.

    Args:
        layer_list: `LayerList`. What it computes behind its last convolution,
            dense layer or sum is tried on numbers of up to hundreds.
        name: string. What the message calls the network.

    Raises:
        ValueError: If all results lie between 0 and 1.
    """
    start, stop = layer_list.ends[-1], layer_list.stops[-1]
    if start == stop:
        return
    _, *sides, channels = layer_list.shapes[start]
    values = np.random.default_rng(0).normal(0.0, 100.0, (16, channels))
    values = values.astype("float32")[(slice(None), *[None] * len(sides))]
    # The same everywhere, so that pooling cannot hide how large they are.
    sides = [side or 4 for side in sides]
    values = np.broadcast_to(values, (16, *sides, channels))
    scores = keras.ops.convert_to_numpy(
        layer_list.run_steps(start, stop, values, training=False)
    )
    if scores.max() > 0 and scores.min() >= 0 and scores.max() <= 1.001:
        kinds = [step.kind.__name__ for step in layer_list.steps[start + 1 :]]
        raise ValueError(
            _WAY_OUT.format(name, ", ".join(kinds), "numbers from 0 to 1")
        )


def _check_squashing(steps, name):
    index = len(steps) - 1
    while len(steps[index].inputs) == 1 and steps[index].kind not in _WEIGHTED:
        if _function(steps[index]) in _SQUASHING:
            shown = repr(steps[index].config.get("name"))
            found = f"{shown} ({_function(steps[index])})"
            raise ValueError(
                _WAY_OUT.format(name, found, "probabilities of logits")
            )
        (index,) = steps[index].inputs


def _changes_nothing(step, keeps_shape):
    function = _function(step)
    if function == "rescaling":
        factors = step.config["scale"], step.config["offset"]
        return np.all(np.equal(factors[0], 1)) and not np.any(factors[1])
    is_shape = function in ("reshape", "flatten") and keeps_shape
    return function in _CHANGES_NOTHING or is_shape


def _function(step):
    """What a step computes: the name of Keras's function, without `_`."""
    kind = step.kind
    if kind is keras.layers.Activation:
        name = step.config["activation"]
        return name.replace("_", "") if isinstance(name, str) else None
    # Others may have named a class of their own like one of Keras.
    is_known = kind is not None and kind.__module__.startswith("keras.src.")
    return kind.__name__.lower() if is_known else None
