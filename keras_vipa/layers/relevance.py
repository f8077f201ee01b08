"""Layer-wise relevance propagation as a gradient: the model is rewritten once.

Relevance divided by activation is a gradient in which each nonlinearity has
another slope (Ancona et al., "Towards better understanding of gradient-based
attribution methods", ICLR 2018). So a model whose slopes are exchanged, and
which computes what it did, is all that is needed.
"""

import functools
import inspect
import math
import sys

import keras
from keras import layers
from keras import ops

from keras_vipa.utils import graphs

# Names of Keras's classes, of layers and of operations in a functional model.
# Their gradient is their rule, as it is of layers with `is_linear = True`.
BY_GRADIENT = frozenset(
    "Add AddV2 Average AveragePooling1D AveragePooling2D AveragePooling3D "
    "BatchNormalization CenterCrop Concatenate Cropping1D Cropping2D "
    "Cropping3D ExpandDims Flatten GetItem GlobalAveragePooling1D "
    "GlobalAveragePooling2D GlobalAveragePooling3D GlobalMaxPooling1D "
    "GlobalMaxPooling2D GlobalMaxPooling3D Identity LayerScale MaxPooling1D "
    "MaxPooling2D MaxPooling3D Maximum Mean Normalization Pad Permute "
    "RandomCrop RepeatVector Rescaling Reshape Resizing Squeeze Subtract Sum "
    "Transpose UpSampling1D UpSampling2D UpSampling3D ZeroPadding1D "
    "ZeroPadding2D ZeroPadding3D".split()
)
# Layers that do nothing in inference, like all whose name begins with `Rand`.
ONLY_TRAINING = frozenset(
    "ActivityRegularization AlphaDropout AugMix CutMix Dropout GaussianDropout "
    "GaussianNoise MixUp Solarization SpatialDropout1D SpatialDropout2D "
    "SpatialDropout3D StochasticDepth".split()
)
# Linear up to their attribute `activation`.
WITH_ACTIVATION = frozenset(
    "Activation Conv1D Conv1DTranspose Conv2D Conv2DTranspose Conv3D "
    "Conv3DTranspose Dense DepthwiseConv1D DepthwiseConv2D EinsumDense "
    "SeparableConv1D SeparableConv2D".split()
)
# A function of each number alone: layers, operations and functions.
ELEMENTWISE = frozenset(
    "CELU Celu ELU Elu Exp Gelu HardShrink HardSigmoid HardSilu HardTanh "
    "LeakyReLU LeakyRelu LogSigmoid PReLU ReLU Relu Relu6 Selu Sigmoid Silu "
    "SoftShrink Softplus Softsign SparsePlus SparseSigmoid Squareplus Tanh "
    "TanhShrink Threshold".split()
)
FUNCTIONS = frozenset(
    "celu elu exp exponential gelu hard_shrink hard_sigmoid hard_silu "
    "hard_swish hard_tanh leaky_relu log_sigmoid mish relu relu6 selu sigmoid "
    "silu soft_shrink softplus softsign sparse_plus sparse_sigmoid squareplus "
    "swish tanh tanh_shrink threshold".split()
)


def relevance_model(model, epsilon=1e-4):
    """The same model with the slopes of epsilon-LRP.

    Its gradient times its input is the relevance. A nonlinearity `f` of `z`
    passes `f(z) / (z + epsilon * sign(z))` back instead of its slope, with
    `sign(0) = 1`. In a product of n tensors of one shape each gets one n-th of
    the relevance, and smaller ones, which are gates, get none; the deviation of
    layer normalization is a constant; all that is linear, and pooling, has its
    gradient.

    Args:
        model: functional or sequential Keras model, with models in it or not.
        epsilon: float, positive.

    Returns:
        A functional `keras.Model` with the layers of `model`, not copies.

    Raises:
        ValueError: If the model is subclassed, or has a layer without a rule.
    """
    # Models in it, each of which may be called more than once.
    rewritten = {}

    def rewrite(model):
        graphs.check(model, "For epsilon-LRP")
        if id(model) not in rewritten:
            rewritten[id(model)] = graphs.rebuild(model, call)
        return rewritten[id(model)]

    def call(operation, *args, **kwargs):
        if isinstance(operation, keras.Model):
            return rewrite(operation)(*args, **kwargs)
        if _has_training(operation):
            # A graph has the default of each layer; a model says it anew.
            kwargs = {**kwargs, "training": False}
        rule = _rule_of(operation, epsilon, args)
        layer = Relevance(operation, rule, (args, kwargs))
        return layer(graphs.tensors((args, kwargs)))

    return rewrite(model)


class Relevance(layers.Layer):
    """One call of a layer, or of an operation, that passes relevance back.

    Args:
        operation: the layer or operation, whose weights this one has then.
        rule: callable, what is called in its place.
        arguments: pair of a list and a dict, those of the call, with symbolic
            tensors where tensors go.
    """

    def __init__(self, operation, rule, arguments):
        # Its computations are in the precision of the layer.
        policy = getattr(operation, "dtype_policy", None)
        super().__init__(dtype=policy, autocast=False)
        self.operation = operation
        self.fill = lambda tensors: _fill(arguments, iter(tensors))
        self.rule = rule
        self.built = True

    def call(self, tensors):
        args, kwargs = self.fill(tensors)
        return self.rule(*args, **kwargs)


def _fill(arguments, tensors):
    """The arguments, with tensors in the place of the symbolic ones."""

    def value(x):
        return next(tensors) if isinstance(x, keras.KerasTensor) else x

    return keras.tree.map_structure(value, arguments)


def _rule_of(operation, epsilon, args):
    name = _name_in_keras(operation)
    if name == "Multiply":
        return _product(operation, args)
    if name in ("Divide", "TrueDivide"):
        return lambda x, y: operation(
            x, ops.stop_gradient(y) if ops.is_tensor(y) else y
        )
    if name == "LayerNormalization":
        return _normalization(operation)
    if _is_idle(operation):
        return _identity(operation)
    if _has_gradient_rule(operation):
        return operation
    if name in ELEMENTWISE:
        return with_slope(operation, epsilon)
    function = getattr(operation, "activation", None)
    what = type(operation).__name__
    if name in WITH_ACTIVATION:
        if function is None or function is keras.activations.linear:
            return operation
        if is_elementwise(function):
            return _split(operation, function, epsilon)
        # An activation can be a layer, too.
        title = getattr(function, "__name__", type(function).__name__)
        what = f"{what} with {title}"
    raise ValueError(
        f"epsilon-LRP has no rule for layer {operation.name!r} ({what}). Use a "
        "model that ends before it, such as one that returns logits, or "
        "another method."
    )


def _has_training(operation):
    """Whether a layer asks if it is being trained."""
    if not isinstance(operation, layers.Layer):
        return False
    return "training" in inspect.signature(operation.call).parameters


def _name_in_keras(operation):
    """Name of a class of Keras; of another one `None`, whatever its name."""
    kind = type(operation)
    return kind.__name__ if kind.__module__.startswith("keras.") else None


def _has_gradient_rule(operation):
    name = _name_in_keras(operation) or ""
    if name == "Pipeline":
        return all(map(_has_gradient_rule, operation.layers))
    is_linear = getattr(operation, "is_linear", False)
    return name in BY_GRADIENT or is_linear or _is_idle(operation)


def _is_idle(operation):
    """Whether a layer does nothing in inference."""
    name = _name_in_keras(operation) or ""
    # This one resizes then.
    is_random = name.startswith("Rand") and name != "RandomCrop"
    is_layer = isinstance(operation, layers.Layer)
    return name in ONLY_TRAINING or (is_random and is_layer)


def _identity(layer):
    # Not called, since some draw numbers all the same, for known sizes only.
    return lambda x, *args, **kwargs: ops.cast(x, layer.compute_dtype)


def is_elementwise(function):
    """Whether an activation is known to be a function of each number alone.

    Args:
        function: callable, the activation of a layer.

    Returns:
        A boolean; `False` for functions that are not those of Keras or of its
        backends, whatever their names.
    """
    if isinstance(function, keras.Operation):
        name = _name_in_keras(function)
        if name == "Activation":
            return is_elementwise(function.activation)
        return name in ELEMENTWISE
    while isinstance(function, functools.partial):
        function = function.func
    modules = [keras.activations, keras.ops]
    for backend in ("tensorflow", "jax"):
        modules.append(getattr(sys.modules.get(backend), "nn", None))
    known = (getattr(m, name, None) for m in modules for name in FUNCTIONS)
    return any(function is each for each in known)


def with_slope(function, epsilon):
    """A function of one tensor, with the slope of epsilon-LRP."""

    def call(z):
        y = function(z)
        signed = ops.cast(ops.where(z >= 0, epsilon, -epsilon), z.dtype)
        linear = z * ops.stop_gradient(y / (z + signed))
        # Its slope, and the value of the function.
        return linear + ops.stop_gradient(y - linear)

    return call


def _split(layer, activation, epsilon):
    """First what is linear in a layer, then its activation."""
    activate = with_slope(activation, epsilon)

    def call(*args, **kwargs):
        return activate(_linear_part(layer)(*args, **kwargs))

    return call


def _linear_part(layer):
    """The layer, with the same weights, but without its activation."""
    part = object.__new__(type(layer))
    linear = keras.activations.linear
    part.__dict__.update(layer.__dict__, activation=linear)
    return part


def _product(operation, args):
    signals = _signals(args)

    def call(*args, **kwargs):
        flat = keras.tree.flatten(args)
        for number, x in enumerate(flat):
            if number in signals:
                share = 1.0 / len(signals)
                flat[number] = share * x + (1 - share) * ops.stop_gradient(x)
            elif ops.is_tensor(x):
                flat[number] = ops.stop_gradient(x)
        return operation(*keras.tree.pack_sequence_as(args, flat), **kwargs)

    return call


def _signals(args):
    """Which of the factors are as large as their product."""
    flat = enumerate(keras.tree.flatten(args))
    shapes = {n: x.shape for n, x in flat if isinstance(x, keras.KerasTensor)}
    rank = max(map(len, shapes.values()))
    # What is not known may be large.
    sizes = {
        number: [1] * (rank - len(shape)) + [s or math.inf for s in shape]
        for number, shape in shapes.items()
    }
    largest = [max(column) for column in zip(*sizes.values())]
    return [n for n, size in sizes.items() if size == largest] or list(sizes)


def _normalization(layer):
    def call(x, *args, **kwargs):
        axes = tuple(
            layer.axis if isinstance(layer.axis, list) else [layer.axis]
        )
        mean, variance = ops.moments(x, axes, keepdims=True)
        centred = x - mean
        # As the layer has it, but for its slope: what it does to a constant.
        y = layer(x, *args, **kwargs)
        scale = ops.stop_gradient(ops.rsqrt(variance + layer.epsilon))
        linear = centred * scale
        if layer.gamma is not None:
            linear = linear * ops.cast(layer.gamma, x.dtype)
        return linear + ops.stop_gradient(y - linear)

    return call
