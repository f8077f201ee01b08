"""Functional models as lists of calls: recorded, run again, cut in two."""

import collections
import functools

import keras

from keras_vipa.utils import checks

Call = collections.namedtuple(
    "Call", ["operation", "args", "kwargs", "outputs"]
)
Call.__doc__ = """One call of a layer, or of an operation, inside a model.

Args:
    operation: the `keras.Layer`, or the `keras.Operation` behind a function
        of `keras.ops`.
    args: tuple. Its positional arguments, with symbolic tensors where tensors
        go.
    kwargs: dict. Its keyword arguments, likewise.
    outputs: symbolic tensor, or a structure of them. What it returns.
"""
Graph = collections.namedtuple("Graph", ["inputs", "outputs", "calls", "named"])
Graph.__doc__ = """The calls of a model, with symbolic tensors of their own.

Args:
    inputs: symbolic tensor, or a structure of them.
    outputs: symbolic tensor, or a structure of them.
    calls: list of `Call`, each after those whose outputs it takes.
    named: dict, name -> list with the outputs of each call of that name. A
        layer in a nested model is `"model/layer"`.
"""


class _Placeholder(keras.Operation):
    """Stands for an operation in a graph, and leaves it out of the graph."""

    def __init__(self, operation):
        super().__init__()
        self.operation = operation

    def compute_output_spec(self, *args, **kwargs):
        return self.operation.compute_output_spec(*args, **kwargs)


def is_graph(operation):
    """Whether an operation is a model whose calls are known."""
    try:
        if not isinstance(operation, keras.Model) or not operation.inputs:
            return False
    except (AttributeError, ValueError):
        return False
    # A class of one's own can have layers like these and call others.
    return type(operation).call.__module__.startswith("keras.")


def check(model, purpose):
    """Raise an error unless the calls of a model are known.

    Args:
        model: `keras.Model`.
        purpose: string. What the error message begins with.

    Raises:
        ValueError: If the model is subclassed or not built.
    """
    if is_graph(model):
        return
    if not isinstance(model, keras.Model):
        checks.fail(f"{purpose} it must be a `keras.Model`", "model", model)
    is_unbuilt = isinstance(model, keras.Sequential)
    reason = "must be built" if is_unbuilt else "must be functional"
    raise ValueError(
        f"{purpose} a model {reason}, so that its layers are known. "
        f"Received: {model.name!r} of class {type(model).__name__}"
    )


def tensors(structure):
    """The symbolic tensors in a structure, as a flat list."""
    flat = keras.tree.flatten(structure)
    return [x for x in flat if isinstance(x, keras.KerasTensor)]


def consumers(graph):
    """What is called on each tensor: its `id` -> list of `Call`, in order."""
    found = {}
    for call in graph.calls:
        for x in tensors((call.args, call.kwargs)):
            found.setdefault(id(x), []).append(call)
    return found


def copied(layer, prefix):
    """A layer of the same kind with the same weights, under a longer name."""
    name = f"{prefix}_{layer.name}"
    if isinstance(layer, keras.Model):
        new = keras.models.clone_model(layer)
        new = keras.Model(new.input, new.output, name=name)
    else:
        new = type(layer).from_config({**layer.get_config(), "name": name})
        new.build_from_config(layer.get_build_config())
    new.set_weights(layer.get_weights())
    return new


def rebuild(model, call):
    """The model once more, with other calls in the place of its own.

    Args:
        model: functional or sequential `keras.Model`.
        call: callable, `call(operation, *args, **kwargs)`. Returns symbolic
            tensors as `operation(*args, **kwargs)` would. A nested model is
            one operation.

    Returns:
        A functional `keras.Model`.
    """
    return keras.models.clone_model(
        keras.Model(*_inputs_and_outputs(model), name=model.name),
        clone_function=lambda operation: operation,
        call_function=call,
    )


def record(model, unfold=True):
    """Record the calls of a model, in an order of computation.

    The model is not changed, nor are its layers called.

    Args:
        model: functional or sequential `keras.Model`.
        unfold: boolean. Whether the calls inside nested models are recorded
            in the place of the calls of these models, of which then only the
            tensors among their arguments are known.

    Returns:
        A `Graph`.

    Raises:
        ValueError: If the model is subclassed or not built.

    Example:

    >>> x = keras.Input((4,), name="x")
    >>> relu = keras.layers.ReLU(name="relu")
    >>> inner = keras.Sequential([x, relu], name="inner")
    >>> outer = keras.Model(x, inner(x) + 1.0)
    >>> [call.operation.name for call in record(outer).calls][0]
    'relu'
    >>> [call.operation.name for call in record(outer, unfold=False).calls][0]
    'inner'
    """
    check(model, "To be recorded")
    calls = []
    named = collections.defaultdict(list)

    def follow(prefix, operation, *args, **kwargs):
        path = prefix + operation.name
        if unfold and is_graph(operation):
            outputs = replay(
                record(operation, unfold=False),
                tensors((args, kwargs)),
                functools.partial(follow, f"{path}/"),
            )
        else:
            outputs = _Placeholder(operation)(*args, **kwargs)
            calls.append(Call(operation, args, kwargs, outputs))
        named[path].append(outputs)
        return outputs

    copy = rebuild(model, functools.partial(follow, ""))
    return Graph(*_inputs_and_outputs(copy), calls, dict(named))


def replay(graph, inputs, call=lambda operation, *a, **k: operation(*a, **k)):
    """Run the calls of a graph on other tensors.

    Args:
        graph: `Graph`.
        inputs: tensor or structure of them, symbolic or not, for those of the
            graph.
        call: callable, `call(operation, *args, **kwargs)`, as in `rebuild`.

    Returns:
        What takes the place of `graph.outputs`.
    """
    values = {}

    def set_values(old, new):
        old, new = keras.tree.flatten(old), keras.tree.flatten(new)
        values.update(zip(map(id, old), new, strict=True))

    def value(x):
        return values.get(id(x), x)

    set_values(graph.inputs, inputs)
    for item in graph.calls:
        args, kwargs = keras.tree.map_structure(value, (item.args, item.kwargs))
        set_values(item.outputs, call(item.operation, *args, **kwargs))
    return keras.tree.map_structure(value, graph.outputs)


def cut(model, at):
    """Cut a model in two at a tensor through which everything flows.

    The second part of the first part of `x` is what the model makes of `x`.
    The parts share the layers of the model; a nested model with the cut inside
    is cut in two itself.

    Args:
        model: functional or sequential `keras.Model`.
        at: string, the name of a layer whose output is that tensor, in full
            (`"encoder/block_1/add"`) if layers of several nested models share
            it; or a symbolic tensor of the model (not of one nested in it).

    Returns:
        Tuple of two functional `keras.Model`: inputs of the model to the
        tensor, and tensor to the outputs of the model.

    Raises:
        ValueError: If the model is subclassed or not built, if there is no
            such tensor, or more than one, or if something flows past it.

    Example:

    >>> model = keras.Sequential([
    ...     keras.Input((4,)),
    ...     keras.layers.Dense(3, name="encoder"),
    ...     keras.layers.Dense(2, name="decoder"),
    ... ])
    >>> first, second = cut(model, "encoder")
    >>> first.output_shape, second.input_shape
    ((None, 3), (None, 3))
    """
    check(model, "To be cut in two")
    if isinstance(at, keras.KerasTensor):
        return _models(model.name, *_parts(*_with_tensor(model, at)))
    path = _path(model, at)
    name, _, inside = path.partition("/")
    graph = record(model, unfold=False)
    first, second = _parts(graph, *graph.named[name])
    if inside:
        last = first.calls[-1]
        head, tail = cut(last.operation, inside)
        options = {k: v for k, v in last.kwargs.items() if not tensors(v)}
        outputs = head.output
        first.calls[-1] = last._replace(operation=head, outputs=outputs)
        first = first._replace(outputs=outputs)
        second.calls.insert(0, Call(tail, (outputs,), options, second.inputs))
        second = second._replace(inputs=outputs)
    return _models(model.name, first, second)


def _inputs_and_outputs(model):
    """Symbolic inputs and outputs of a model."""
    if isinstance(model, keras.Sequential):
        # Its `output` is that of the place where it was called.
        return model.inputs[0], model.outputs[0]
    inputs = model.input
    is_single = isinstance(inputs, list) and len(inputs) == 1
    return inputs[0] if is_single else inputs, model.output


def _with_tensor(model, tensor):
    """The graph of a model, and what stands for one of its tensors there."""
    inputs, outputs = _inputs_and_outputs(model)
    try:
        model = keras.Model(inputs, [outputs, tensor])
    except ValueError as error:
        raise ValueError(
            "`at` must be a symbolic tensor of the model; one inside a nested "
            "model is given by the name of its layer. "
            f"Received: at={tensor} and model {model.name!r}"
        ) from error
    graph = record(model, unfold=False)
    outputs, tensor = graph.outputs
    return graph._replace(outputs=outputs), tensor


def _path(model, name):
    """Full name of the one call that a name stands for."""
    named = record(model).named
    paths = [name] if name in named else named
    paths = [path for path in paths if f"/{path}".endswith(f"/{name}")]
    count = sum(len(named[path]) for path in paths)
    if count != 1:
        raise ValueError(
            "`at` must name one layer that is called once. Received: "
            f"at={name!r}, of which model {model.name!r} has {count} calls, "
            f"{paths}"
        )
    return paths[0]


def _parts(graph, place):
    """What tensors are computed from, and what is computed from them."""
    needed = set(map(id, tensors(place)))
    known = set(needed)
    before, after = [], []
    for call in reversed(graph.calls):
        is_needed = any(id(x) in needed for x in tensors(call.outputs))
        (before if is_needed else after).insert(0, call)
        if is_needed:
            needed.update(map(id, tensors((call.args, call.kwargs))))
    for call in after:
        _check_known(tensors((call.args, call.kwargs)), known, call.operation)
        known.update(map(id, tensors(call.outputs)))
    _check_known(tensors(graph.outputs), known, None)
    return (
        Graph(graph.inputs, place, before, {}),
        Graph(place, graph.outputs, after, {}),
    )


def _check_known(needed, known, operation):
    if any(id(tensor) not in known for tensor in needed):
        reader = repr(operation.name) if operation else "an output"
        raise ValueError(
            "Where a model is cut in two everything must flow through one "
            f"tensor. Received: a place past which something flows to {reader}"
        )


def _input_like(x):
    return keras.Input(batch_shape=x.shape, dtype=x.dtype, name=x.name)


def _models(name, *graphs):
    """A model of each of two graphs."""
    models = []
    for graph, part in zip(graphs, ("first", "second"), strict=True):
        inputs = keras.tree.map_structure(_input_like, graph.inputs)
        outputs = replay(graph, inputs)
        models.append(keras.Model(inputs, outputs, name=f"{name}_{part}"))
    return tuple(models)
