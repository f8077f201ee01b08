"""What a method sees of a classifier: its features and its logits."""

import keras
import numpy as np
from keras import ops

from keras_vipa.utils import checks
from keras_vipa.utils import graphs
from keras_vipa.utils.colors import LUMINANCE

_ENDS = ("softmax", "sigmoid", "log_softmax", "log_sigmoid")
_IDLE = ("cast", "dropout", "identity", "linear")


def tapped(model, tap=None, name="model"):
    """A classifier as a model of two outputs, features and logits.

    It shares the layers of the classifier. A softmax or sigmoid at the end is
    left out.

    Args:
        model: functional or sequential `keras.Model`, one image to class scores
            `(batch, classes)`.
        tap: string. Name of the layer whose output is the features: a map
            `(batch, height, width, channels)` or a vector `(batch, channels)`;
            in full (`"encoder/relu"`) for a layer in a nested model. Defaults
            to the last map of more than one place that the scores are computed
            from; without maps, to the vector that the last layer takes.
        name: string. What messages call the model.

    Returns:
        A functional `keras.Model`, images to a dict, `"features"` and
        `"logits"`.

    Raises:
        ValueError: If the model is subclassed, takes anything but one image, or
            returns anything but class scores; if there is no such tap; or if
            it returns probabilities whose logits are not found.

    Example:

    >>> model = keras.Sequential([
    ...     keras.Input((8, 8, 3)),
    ...     keras.layers.Conv2D(4, 3, activation="relu"),
    ...     keras.layers.GlobalAveragePooling2D(),
    ...     keras.layers.Dense(5, activation="softmax"),
    ... ])
    >>> {key: x.shape for key, x in tapped(model).output.items()}
    {'features': (None, 6, 6, 4), 'logits': (None, 5)}
    """
    graph = graphs.record(model)
    _check_shapes(graph, name)
    makers = {
        id(tensor): call
        for call in graph.calls
        for tensor in graphs.tensors(call.outputs)
    }
    scores, layer = without_end(graph.outputs, makers)
    # Where a layer makes the logits, they are not in the graph yet.
    before = scores if layer else _taken(scores, makers)
    features = _tap(graph, scores, before, makers, tap, name)
    inputs = keras.Input(batch_shape=graph.inputs.shape, name="images")
    wanted = {"features": features, "logits": scores}
    outputs = graphs.replay(graph._replace(outputs=wanted), inputs)
    if layer is not None:
        outputs["logits"] = Linear(layer)(outputs["logits"])
    view = keras.Model(inputs, outputs, name=f"{name}_tapped")
    check_logits(view, name)
    return view


def fitted(images, shape):
    """Images of the size and the channels that a network takes.

    Args:
        images: float tensor `(batch, height, width, channels)`, of one or three
            channels.
        shape: tuple `(height, width, channels)`; `None` for what may vary.

    Returns:
        A tensor `(batch, *shape)`: resized (bilinear, without aliasing), as
        luminance or with three equal channels.
    """
    height, width, channels = shape
    if channels == 1 and images.shape[-1] == 3:
        weights = ops.cast(LUMINANCE[:, None], images.dtype)
        images = ops.matmul(images, weights)
    elif channels == 3 and images.shape[-1] == 1:
        images = ops.repeat(images, 3, axis=-1)
    if None in (height, width):
        return images
    return resized(images, (height, width))


def resized(maps, size):
    """Maps of another size, `(height, width)`, bilinear and without aliasing.

    The values of `ops.image.resize` with `antialias=True`, which on TensorFlow
    has neither a gradient nor a form for XLA: where the size is known, as
    products with matrices.
    """
    found = tuple(maps.shape[1:3])
    if found == tuple(size):
        return maps
    if None in found:
        return ops.image.resize(
            maps,
            size,
            interpolation="bilinear",
            antialias=True,
            data_format="channels_last",
        )
    rows, columns = (
        ops.cast(_resizing(*pair), maps.dtype) for pair in zip(found, size)
    )
    maps = ops.einsum("yh,bhwc->bywc", rows, maps)
    return ops.einsum("xw,bywc->byxc", columns, maps)


def _resizing(before, after):
    """Matrix `(after, before)` that resizes one side.

    Its rows are triangles, as wide as a cell of the coarser of the two.
    """
    scale = before / after
    centres = (np.arange(after) + 0.5) * scale - 0.5
    distances = np.abs(np.arange(before) - centres[:, None])
    weights = np.maximum(0.0, 1.0 - distances / max(scale, 1.0))
    return weights / weights.sum(axis=1, keepdims=True)


class Linear(keras.layers.Layer):
    """A layer without its activation, with the weights of the layer."""

    def __init__(self, layer):
        super().__init__(name=f"{layer.name}_logits", dtype=layer.dtype_policy)
        self.layer = layer

    def call(self, inputs):
        activation = self.layer.activation
        self.layer.activation = keras.activations.linear
        try:
            return self.layer(inputs)
        finally:
            self.layer.activation = activation


def _check_shapes(graph, name):
    inputs = graph.inputs
    if not isinstance(inputs, keras.KerasTensor) or len(inputs.shape) != 4:
        shapes = [tensor.shape for tensor in graphs.tensors(inputs)]
        raise ValueError(
            "A classifier must take one image, (batch, height, width, "
            f"channels). Received: {name} with inputs {shapes}"
        )
    outputs = graph.outputs
    is_one = isinstance(outputs, keras.KerasTensor)
    if not is_one or len(outputs.shape) != 2 or outputs.shape[1] is None:
        shapes = [tensor.shape for tensor in graphs.tensors(outputs)]
        raise ValueError(
            "A classifier must return class scores, (batch, classes). "
            f"Received: {name} with outputs {shapes}"
        )


def without_end(outputs, makers):
    """The tensor of logits, or of what a layer makes them, and that layer."""
    tensor = outputs
    while id(tensor) in makers:
        call = makers[id(tensor)]
        before = graphs.tensors((call.args, call.kwargs))
        if len(before) != 1:
            break
        function = function_of(call.operation)
        if function in _ENDS:
            has_weights = bool(getattr(call.operation, "weights", ()))
            return before[0], call.operation if has_weights else None
        if function not in _IDLE or getattr(call.operation, "weights", ()):
            break
        tensor = before[0]
    return outputs, None


def function_of(operation):
    """Name of what an operation of Keras computes at its end."""
    activation = getattr(operation, "activation", None)
    if activation is not None:
        for name in (*_ENDS, "linear"):
            if activation is getattr(keras.activations, name):
                return name
    if not type(operation).__module__.startswith("keras.src."):
        return None
    name = type(operation).__name__
    return {"LogSoftmax": "log_softmax", "LogSigmoid": "log_sigmoid"}.get(
        name, name.lower()
    )


def needed_calls(scores, makers):
    """Calls that some tensor is computed from, the last one first."""
    calls, open_tensors = [], [scores]
    while open_tensors:
        call = makers.pop(id(open_tensors.pop(0)), None)
        if call is not None:
            calls.append(call)
            open_tensors += graphs.tensors((call.args, call.kwargs))
    return calls


def _taken(tensor, makers):
    """The tensor that the maker of another takes first, or `None`."""
    call = makers.get(id(tensor))
    return call and next(iter(graphs.tensors(call.args)), None)


def _tap(graph, scores, before, makers, tap, name):
    """The tensor of features; `before` is a vector for want of maps."""
    needed = {id(call) for call in needed_calls(scores, dict(makers))}
    named = {
        path: outputs[-1]
        for path, outputs in graph.named.items()
        if isinstance(outputs[-1], keras.KerasTensor)
        and id(makers.get(id(outputs[-1]))) in needed
        and len(outputs[-1].shape) in (2, 4)
    }
    if tap is not None:
        found = [p for p in named if f"/{p}".endswith(f"/{tap}")]
        if len(found) == 1:
            return named[found[0]]
    else:
        calls = [call for call in graph.calls if id(call) in needed]
        maps = [
            call.outputs
            for call in calls
            if isinstance(call.outputs, keras.KerasTensor)
            and len(call.outputs.shape) == 4
            and tuple(call.outputs.shape[1:3]) != (1, 1)
        ]
        if maps:
            return maps[-1]
        if before is not None and len(before.shape) == 2:
            return before
    raise ValueError(
        "Features are the output, a map or vectors, of one layer that the "
        f"scores are computed from. Received: tap={tap!r}; layers of {name} "
        f"are {checks.shown([*named][-8:])}"
    )


def check_logits(view, name):
    """Raise an error if there are still probabilities at the end.

    Args:
        view: `keras.Model`, images to a dict with the key `"logits"`: one
            tensor, or a dict of them.
        name: string. What messages call the model.

    Raises:
        ValueError: If one of them is not negative and has sums of 1.
    """
    shape = [size or 64 for size in view.input.shape[1:]]
    images = np.random.default_rng(0).random((4, *shape), "float32")
    for scores in keras.tree.flatten(view(images, training=False)["logits"]):
        logits = ops.convert_to_numpy(scores).astype("float64")
        if logits.min() >= 0 and np.abs(logits.sum(axis=-1) - 1).max() < 1e-3:
            raise ValueError(
                "A classifier must return logits, or end in a softmax or "
                "sigmoid, which is left out. Pass a model of its logits. "
                f"Received: {name}, which returns probabilities that are made "
                "in another way"
            )
