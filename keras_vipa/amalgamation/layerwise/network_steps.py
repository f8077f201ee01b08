"""Trained networks as plain lists of steps that can be rewritten."""

import collections

import keras
import numpy as np

from keras_vipa.amalgamation.layerwise.ends import drop_end
from keras_vipa.utils import graphs

CONV_OR_DENSE = (keras.layers.Conv2D, keras.layers.Dense)
_ABSORBING = (*CONV_OR_DENSE, keras.layers.DepthwiseConv2D)
IDENTITY = keras.layers.Identity
_BATCH_NORM = keras.layers.BatchNormalization
_RANGES = (keras.layers.Rescaling, keras.layers.Normalization)
_AUGMENTATIONS = tuple(
    getattr(keras.layers, name)
    for name in dir(keras.layers)
    if name.startswith("Rand") or name in ("AugMix", "CutMix", "MixUp")
)
Step = collections.namedtuple("Step", ["kind", "config", "weights", "inputs"])
Step.__doc__ = """One call of a layer inside a network.

Args:
    kind: class of the layer; `None` for the image, which is step 0.
    config: dict. The layer's configuration.
    weights: list of arrays, as `layer.get_weights()` returns them, or `None`
        for weights that are still to be drawn.
    inputs: tuple of integers. The steps whose outputs the layer takes.
"""


def mixes_channels(step):
    """Whether a step is a convolution over all channels or a dense layer."""
    return step.kind in CONV_OR_DENSE and step.config.get("groups", 1) == 1


def build(steps, name=None):
    """Functional model of a list of steps.

    Args:
        steps: list of `Step`.
        name: string. Name of the model.

    Returns:
        Tuple of the `keras.Model`, the list of its layers and the list of
        its symbolic tensors, both in the order of `steps`.
    """
    tensors = [keras.Input(**steps[0].config)]
    layers = [None]
    for step in steps[1:]:
        layer = step.kind.from_config(step.config)
        inputs = [tensors[i] for i in step.inputs]
        tensors.append(layer(inputs[0] if len(inputs) == 1 else inputs))
        if step.weights:
            layer.set_weights(step.weights)
            if isinstance(layer, keras.layers.Normalization):
                # It keeps what it computes from its weights.
                layer.finalize_state()
        layers.append(layer)
    return keras.Model(tensors[0], tensors[-1], name=name), layers, tensors


def range_steps(steps):
    """How many steps at the beginning only change the range of the image."""
    uses = collections.Counter(i for step in steps for i in step.inputs)
    count = 0
    for index, step in enumerate(steps[1:]):
        if step.kind not in _RANGES or step.inputs != (index,):
            break
        if uses[index] > 1:
            break
        count += 1
    return count


def plain_steps(model, name="teacher"):
    """Steps of a trained classifier in inference mode, in the plainest form.

    Nested models are unfolded, activations inside layers become layers of
    their own, BatchNormalization directly behind a convolution or dense layer
    is absorbed into it with its moving statistics, random augmentations are
    dropped, and so is a softmax or sigmoid at the end (`drop_end`). A term of
    a sum that does not come from a linear layer of its own passes an
    `Identity` layer. The outputs are otherwise those of the model. The model
    itself is not changed.

    Args:
        model: functional or sequential `keras.Model` with one input and one
            output.
        name: string. What messages call the model.

    Returns:
        List of `Step`, in an order of computation.

    Raises:
        ValueError: If the model is of another kind, has a layer that a
            network of other widths could not have, or makes probabilities
            whose logits cannot be found.
    """
    steps = drop_end(*_trace(model, name), name)
    steps = _mark_shortcuts(_absorb_normalization(steps))
    steps = _in_canonical_order(steps)
    is_past_image = False
    for index, step in enumerate(steps[1:], 1):
        is_past_image = is_past_image or mixes_channels(step)
        if not is_past_image and step.kind is _BATCH_NORM:
            steps[index] = _as_rescaling(step)
        if is_past_image and not _fits_any_width(step):
            raise ValueError(
                "Layer-wise amalgamation handles Conv2D, DepthwiseConv2D, "
                "Dense, BatchNormalization, Add and layers without weights, "
                "with channels last. "
                f"Received: {name} with layer '{step.config.get('name')}' "
                f"({step.kind.__name__}). For other networks use common "
                "feature learning (arXiv:1906.10546)."
            )
    return steps


def _affine(normalization):
    """Scale and offset of a BatchNormalization in inference mode."""
    weights = iter(normalization.weights)
    gamma = next(weights) if normalization.config["scale"] else 1.0
    beta = next(weights) if normalization.config["center"] else 0.0
    mean, variance = weights
    scale = gamma / np.sqrt(variance + normalization.config["epsilon"])
    return scale, beta - scale * mean


def _as_rescaling(normalization):
    """The BatchNormalization of an image as a layer without weights."""
    scale, offset = _affine(normalization)
    config = {
        "name": normalization.config["name"],
        "dtype": normalization.config["dtype"],
        "scale": scale.tolist(),
        "offset": offset.tolist(),
    }
    return Step(keras.layers.Rescaling, config, [], normalization.inputs)


def absorb(step, normalization):
    """A linear step that includes the BatchNormalization behind it.

    With `s = gamma / sqrt(moving_variance + epsilon)`,

        kernel' = s * kernel
        bias'   = s * (bias - moving_mean) + beta

    Args:
        step: `Step` of a Conv2D, DepthwiseConv2D or Dense layer.
        normalization: `Step` of the BatchNormalization.

    Returns:
        A `Step` of the same layer, with a bias.
    """
    kernel = step.weights[0]
    channels = normalization.weights[-1].shape[0]
    bias = step.weights[1] if step.config["use_bias"] else np.zeros(channels)
    scale, offset = _affine(normalization)
    # The channels of a depthwise kernel are spread over its last two axes.
    is_depthwise = step.kind is keras.layers.DepthwiseConv2D
    shape = kernel.shape[-2:] if is_depthwise else (channels,)
    return step._replace(
        config={**step.config, "use_bias": True},
        weights=[
            kernel * np.reshape(scale, shape),
            scale * bias + offset,
        ],
    )


def _trace(model, name):
    """Steps of a model as it is, with nested models unfolded, and shapes."""
    if not graphs.is_graph(model) or len(model.inputs) != 1:
        raise ValueError(
            "A teacher must be a functional or sequential keras.Model with "
            f"one input. Received: {name}, a {type(model).__name__}."
        )
    if len(model.outputs) != 1:
        raise ValueError(
            "A teacher must have one output. Received: "
            f"{name} with {len(model.outputs)} outputs."
        )
    graph = graphs.record(model)
    shape = tuple(model.inputs[0].shape[1:])
    steps = [Step(None, {"shape": shape, "name": "image"}, [], ())]
    shapes = [tuple(model.inputs[0].shape)]
    place = {id(tensor): 0 for tensor in graphs.tensors(graph.inputs)}
    names = set()
    for call in graph.calls:
        _check_constants(call, name)
        tensors = graphs.tensors((call.args, call.kwargs))
        inputs = tuple(place[id(tensor)] for tensor in tensors)
        index = _append_call(steps, call.operation, inputs, names)
        outputs = graphs.tensors(call.outputs)
        place.update((id(tensor), index) for tensor in outputs)
        # One call may have become two steps, of one shape.
        shapes += [tuple(outputs[0].shape)] * (len(steps) - len(shapes))
    return steps, shapes


def _check_constants(call, name):
    """An operation, unlike a layer, may have arguments of its call alone."""
    arguments = keras.tree.flatten((call.args, call.kwargs))
    constants = [
        argument
        for argument in arguments
        if argument is not None and not isinstance(argument, keras.KerasTensor)
    ]
    if constants and not isinstance(call.operation, keras.Layer):
        raise ValueError(
            "Operations with numbers cannot be taken over; use a layer, "
            "such as `keras.layers.Rescaling`. Received: operation "
            f"'{call.operation.name}' ({type(call.operation).__name__}) in "
            f"{name}"
        )


def _append_call(steps, layer, inputs, names):
    """Append one layer call; returns the step of its output."""
    if isinstance(layer, (IDENTITY, *_AUGMENTATIONS)):
        return inputs[0]
    kind = keras.layers.Add if type(layer).__name__ == "Add" else type(layer)
    config = {} if kind is not type(layer) else dict(layer.get_config())
    if kind is keras.layers.Reshape and len(config["target_shape"]) == 1:
        kind, config = keras.layers.Flatten, {"dtype": config["dtype"]}
    # Layers that a teacher had frozen are to be trained in a student.
    config.pop("trainable", None)
    config["name"] = _unique(layer.name, names)
    activation = config.get("activation")
    splits = kind in _ABSORBING and activation != "linear"
    if splits:
        config["activation"] = "linear"
    weights = layer.get_weights() if hasattr(layer, "get_weights") else []
    steps.append(Step(kind, config, weights, inputs))
    if splits:
        config = {
            "name": _unique(f"{config['name']}_activation", names),
            "activation": activation,
            "dtype": config["dtype"],
        }
        inputs = (len(steps) - 1,)
        steps.append(Step(keras.layers.Activation, config, [], inputs))
    return len(steps) - 1


def _unique(name, names):
    while name in names:
        name += "_again"
    names.add(name)
    return name


def _absorb_normalization(steps):
    uses = collections.Counter(i for step in steps for i in step.inputs)
    new = []
    place = []
    for step in steps:
        source = step.inputs[0] if step.inputs else None
        inputs = tuple(place[i] for i in step.inputs)
        if (
            step.kind is _BATCH_NORM
            and steps[source].kind in _ABSORBING
            and uses[source] == 1
        ):
            new[inputs[0]] = absorb(new[inputs[0]], step)
            place.append(inputs[0])
        else:
            new.append(step._replace(inputs=inputs))
            place.append(len(new) - 1)
    return new


def _mark_shortcuts(steps):
    """Give each sum terms of its own: linear steps, or identities."""
    uses = collections.Counter(i for step in steps for i in step.inputs)
    new = []
    place = []
    for step in steps:
        inputs = [place[i] for i in step.inputs]
        if step.kind is keras.layers.Add:
            for term, source in enumerate(step.inputs):
                if mixes_channels(steps[source]) and uses[source] == 1:
                    continue
                config = {
                    "name": f"{step.config['name']}_shortcut_{term + 1}",
                    "dtype": steps[source].config.get("dtype"),
                }
                new.append(Step(IDENTITY, config, [], (inputs[term],)))
                inputs[term] = len(new) - 1
        new.append(step._replace(inputs=tuple(inputs)))
        place.append(len(new) - 1)
    return new


def _in_canonical_order(steps):
    """Depth first from the output, so that equal graphs have equal lists."""
    order = []
    seen = set()
    stack = [(len(steps) - 1, False)]
    while stack:
        index, inputs_are_done = stack.pop()
        if inputs_are_done:
            order.append(index)
        elif index not in seen:
            seen.add(index)
            stack.append((index, True))
            stack += [(i, False) for i in reversed(steps[index].inputs)]
    place = {old: new for new, old in enumerate(order)}
    return [
        steps[old]._replace(inputs=tuple(place[i] for i in steps[old].inputs))
        for old in order
    ]


def _fits_any_width(step):
    if step.config.get("data_format") == "channels_first":
        return False
    if step.kind in (*_ABSORBING, _BATCH_NORM, keras.layers.Add):
        return step.config.get("groups", 1) == 1
    depends_on_width = ("Reshape", "Permute", "Lambda")
    return (
        len(step.inputs) == 1
        and not step.weights
        and step.kind.__name__ not in depends_on_width
    )
