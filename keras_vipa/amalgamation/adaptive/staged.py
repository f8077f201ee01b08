"""What adaptive amalgamation sees of a network: stages, and logits a task."""

import keras

from keras_vipa.amalgamation.classifiers import Linear
from keras_vipa.amalgamation.classifiers import check_logits
from keras_vipa.amalgamation.classifiers import needed_calls
from keras_vipa.amalgamation.classifiers import without_end
from keras_vipa.utils import checks
from keras_vipa.utils import graphs

ACTIVATIONS = ("Activation", "ELU", "LeakyReLU", "PReLU", "ReLU", "ReLU6")
ACTIVATIONS += ("Relu", "Silu", "Gelu", "Elu", "LeakyRelu", "Relu6")


def scores_of_tasks(model, slices=None, name="model"):
    """The scores of each task that a network knows.

    Args:
        model: functional or sequential `keras.Model`.
        slices: dict, task -> `slice` of its one output, or `None` if its
            outputs are named.
        name: string. What messages call the model.

    Returns:
        Dict, task -> pair of a symbolic tensor of the model and a slice or
        `None`.

    Raises:
        ValueError: If there are no such outputs.
    """
    graphs.check(model, "To be amalgamated")
    # The `output` of a sequential model is that of where it was called.
    is_sequential = isinstance(model, keras.Sequential)
    outputs = model.outputs[0] if is_sequential else model.output
    if slices is not None:
        return _sliced(outputs, slices, name)
    if not isinstance(outputs, dict):
        outputs = dict(zip(model.output_names, keras.tree.flatten(outputs)))
    for task, tensor in outputs.items():
        if len(tensor.shape) != 2:
            raise ValueError(
                "Outputs must be class scores, (batch, classes). Received: "
                f"{name} with output {task!r} of shape {tensor.shape}"
            )
    return {task: (tensor, None) for task, tensor in outputs.items()}


def _sliced(tensor, slices, name):
    rule = f"The tasks of {name} must be a dict of slices of its one output"
    if not isinstance(slices, dict) or not slices:
        checks.fail(rule, "tasks", slices)
    if not isinstance(tensor, keras.KerasTensor) or len(tensor.shape) != 2:
        checks.fail(rule, "outputs", keras.tree.flatten(tensor))
    for task, part in slices.items():
        is_slice = isinstance(part, slice)
        if not is_slice or not len(range(tensor.shape[1])[part]):
            checks.fail(rule, f"tasks[{task!r}]", part)
    return {task: (tensor, part) for task, part in slices.items()}


def staged(model, scores, image_shape=None, taps=None, name="model"):
    """A network as a model of its stages and of the logits of some tasks.

    It shares the layers of the network. A softmax or sigmoid at the end is left
    out.

    Args:
        model: functional or sequential `keras.Model`, one image to its outputs.
        scores: dict, task -> pair, of those of `scores_of_tasks`.
        image_shape: tuple `(height, width, channels)`, for a network that takes
            images of any size.
        taps: list of strings. Layers whose outputs are the stages, maps
            `(batch, height, width, channels)`, from the image on. Defaults to
            the last map of each height and width, before its activation if
            that is a layer.
        name: string. What messages call the model.

    Returns:
        A functional `keras.Model`, images to a dict, `"maps"`, a list of
        tensors, and `"logits"`, a dict, task -> `(batch, classes)`.

    Raises:
        ValueError: If the model takes anything but one image, or if there are
            no such layers.
    """
    if len(model.inputs) != 1 or len(model.inputs[0].shape) != 4:
        raise ValueError(
            "A network must take one image, (batch, height, width, channels). "
            f"Received: {name} with inputs {[x.shape for x in model.inputs]}"
        )
    tensors = {task: tensor for task, (tensor, _) in scores.items()}
    graph = graphs.record(keras.Model(model.inputs[0], tensors))
    if None in graph.inputs.shape[1:]:
        # Stages are known by their sizes.
        inputs = keras.Input(image_shape)
        outputs = graphs.replay(graph, inputs)
        graph = graphs.record(keras.Model(inputs, outputs))
    makers = {
        id(tensor): call
        for call in graph.calls
        for tensor in graphs.tensors(call.outputs)
    }
    ends = {
        task: without_end(tensor, makers)
        for task, tensor in graph.outputs.items()
    }
    logits = {task: tensor for task, (tensor, _) in ends.items()}
    maps = _maps(graph, logits, makers, taps, name)
    inputs = keras.Input(batch_shape=graph.inputs.shape, name="images")
    outputs = {"maps": maps, "logits": logits}
    outputs = graphs.replay(graph._replace(outputs=outputs), inputs)
    # Several tasks may be slices of what one layer returns.
    linear = {id(layer): Linear(layer) for _, layer in ends.values() if layer}
    for task, (_, layer) in ends.items():
        scored = outputs["logits"][task]
        if layer is not None:
            scored = linear[id(layer)](scored)
        part = scores[task][1]
        outputs["logits"][task] = scored if part is None else scored[:, part]
    view = keras.Model(inputs, outputs, name=f"{name}_staged")
    check_logits(view, name)
    return view


def _maps(graph, logits, makers, taps, name):
    """Tensors of the stages."""
    needed = {
        id(call)
        for tensor in logits.values()
        for call in needed_calls(tensor, dict(makers))
    }
    maps = {
        id(call.outputs): call
        for call in graph.calls
        if id(call) in needed and _is_map(call.outputs)
    }
    if taps is not None:
        return [_named(graph, maps, tap, name) for tap in taps]
    last = {call.outputs.shape[1:3]: call for call in maps.values()}
    if not last:
        raise ValueError(
            "Stages are outputs of layers that are maps, (batch, height, "
            f"width, channels), of more than one place. Received: {name}, "
            "which has none"
        )
    return [_before_activation(call) for call in last.values()]


def _is_map(x):
    is_map = isinstance(x, keras.KerasTensor) and len(x.shape) == 4
    return is_map and tuple(x.shape[1:3]) != (1, 1)


def _before_activation(call):
    """The output of a call, or what it takes if it is an activation."""
    taken = graphs.tensors(call.args)
    is_activation = type(call.operation).__name__ in ACTIVATIONS
    return taken[0] if is_activation and taken else call.outputs


def _named(graph, maps, tap, name):
    """The map that the one layer of a name returns."""
    found = [
        outputs[-1]
        for path, outputs in graph.named.items()
        if f"/{path}".endswith(f"/{tap}") and id(outputs[-1]) in maps
    ]
    if len(found) != 1:
        names = [p for p, x in graph.named.items() if id(x[-1]) in maps]
        raise ValueError(
            "A stage is the output of one layer that is a map and that the "
            f"scores are computed from. Received: tap={tap!r}; such layers of "
            f"{name} are {checks.shown(names[-12:])}"
        )
    return found[0]
