"""AttributionGradient: how much each pixel matters for an output."""

from numbers import Integral

import keras
import numpy as np
from keras import layers
from keras import ops

from keras_vipa.layers.input_gradient import input_gradient
from keras_vipa.layers.relevance import relevance_model
from keras_vipa.utils import checks

METHODS = (
    "gradient",
    "saliency",
    "gradient_x_input",
    "epsilon_lrp",
    "integrated_gradients",
)
MAX_STEPS = 4096
# Of what outputs weighted at random have, a gradient as small is rounding.
CANCELLED = 1e-5
CANCELLED_IN_16_BITS = 0.03


@keras.saving.register_keras_serializable(package="keras_vipa")
class AttributionGradient(layers.Layer):
    """Attribution maps of a network, images in and maps out.

    With `y` the sum of the network's output, or what `target` says, and
    `g = dy/dx`, the maps are

    ```
    gradient             = g
    saliency             = |g|
    gradient_x_input     = g x
    epsilon_lrp          = g_eps x
    integrated_gradients = (x - x') mean of g between x' and x
    ```

    where for `g_eps` the slope of each nonlinearity `f` is replaced by
    `f(z) / (z + epsilon sign(z))`, `sign(0) = 1`, and `x'` is the baseline. All
    but the last take one forward and one backward pass; the last takes `steps`
    of them, one after the other. The network runs as in inference, so that the
    images of a batch do not depend on one another.

    On networks whose nonlinearities are ReLU, epsilon-LRP is gradient x input
    up to `epsilon`: the two are then no independent evidence.

    Args:
        model: Keras model with one input, images. For `"epsilon_lrp"`
            functional or sequential, of layers that are linear but for
            elementwise activations, or pooling, layer normalization, or
            products; a layer of one's own says that it is linear by an
            attribute `is_linear = True`. Its weights are used, not copied.
        method: string. One of those above.
        target: what is explained. `None` for the sum of all outputs (that of
            the features of an encoder, as the paper has it; probabilities
            always sum to 1, which has no map); an integer for a
            unit of the output, its last axis; or a callable, registered with
            `keras.saving.register_keras_serializable` if the layer is to be
            saved, from the outputs to a tensor that is summed, whose values
            depend on one image each.
        epsilon: float. Of `"epsilon_lrp"`. Defaults to 1e-4, which is what the
            authors' code has.
        steps: integer. Of `"integrated_gradients"`, Gauss-Legendre nodes.
            Defaults to 32 (our choice); at most 4096.
        baseline: float. Of `"integrated_gradients"`, value of every pixel of
            `x'`. Defaults to 0 (our choice), black.
        **kwargs: arguments of `keras.layers.Layer`.

    Call arguments:
        images: float tensor `(batch, height, width, channels)`, as the model
            takes them.
        classes: integer tensor `(batch,)`, a unit of the output for each
            image, instead of `target`.

    Returns:
        A tensor of the shape of `images`.

    Raises:
        ValueError: If an argument is not as above, if the model has several
            inputs, or if the output does not depend on the images.

    Example:

    >>> images = keras.Input((8, 8, 3))
    >>> features = keras.layers.Conv2D(4, 3, activation="relu")(images)
    >>> encoder = keras.Model(images, features)
    >>> maps = AttributionGradient(encoder, "saliency")(np.ones((2, 8, 8, 3)))
    >>> tuple(maps.shape)
    (2, 8, 8, 3)

    Differences from the paper:

    1. Integrated gradients and the plain gradient are not in it.
    2. In a product of n tensors of one shape each gets one n-th of the
       relevance, smaller ones (gates) get none, and the deviation of layer
       normalization is a constant; the paper's networks have none of these.

    Reference:

    - Song et al., "Deep Model Transferability from Attribution Maps", NeurIPS
      2019, https://arxiv.org/abs/1909.11902
    - Bach et al., "On Pixel-Wise Explanations for Non-Linear Classifier
      Decisions by Layer-Wise Relevance Propagation", PLOS ONE 2015
    - Sundararajan et al., "Axiomatic Attribution for Deep Networks", ICML 2017,
      https://arxiv.org/abs/1703.01365
    """

    def __init__(
        self,
        model,
        method="gradient_x_input",
        target=None,
        epsilon=1e-4,
        steps=32,
        baseline=0.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        _check(model, method, target)
        self.model = model
        self.method = method
        self.target = int(target) if isinstance(target, Integral) else target
        self.epsilon = checks.number("epsilon", epsilon, above=True)
        self.steps = checks.integer("steps", steps, most=MAX_STEPS)
        self.baseline = checks.number("baseline", baseline, least=-np.inf)
        explained = model
        if method == "epsilon_lrp":
            explained = relevance_model(model, self.epsilon)
        # Hidden in a function: its layers are those of the model, which has
        # them already.
        self._forward = lambda images: explained(images, training=False)

    def build(self, input_shape):
        if not self.model.built:
            self.model.build(input_shape)
        self.built = True

    def compute_output_spec(self, images, classes=None):
        return keras.KerasTensor(images.shape, dtype=self.compute_dtype)

    def call(self, images, classes=None):
        images = ops.cast(images, self.compute_dtype)

        def explained(x):
            return self._select(self._forward(x), classes)

        if self.method == "integrated_gradients":
            return self._integrate(explained, images)
        gradient = input_gradient(explained, images)
        if self.method == "gradient":
            return gradient
        if self.method == "saliency":
            return ops.abs(gradient)
        return gradient * images

    def _select(self, outputs, classes):
        """What is explained, as tensors that are summed."""
        if classes is None and callable(self.target):
            return self.target(outputs)
        parts = keras.tree.flatten(outputs)
        if classes is None and self.target is None:
            # Outputs may be of several shapes.
            return sum(ops.sum(ops.cast(part, "float32")) for part in parts)
        units = units_of(self.model, parts)
        if classes is None:
            _check_unit(self.target, units)
            return parts[0][..., self.target]
        chosen = ops.one_hot(classes, units, dtype=parts[0].dtype)
        between = (1,) * (len(parts[0].shape) - 2)
        return parts[0] * ops.reshape(chosen, (-1, *between, units))

    def _integrate(self, explained, images):
        """Mean gradient on the way from the baseline, times the way."""
        nodes, weights = np.polynomial.legendre.leggauss(self.steps)
        nodes = ops.convert_to_tensor((nodes + 1) / 2, images.dtype)
        weights = ops.convert_to_tensor(weights / 2, images.dtype)
        way = images - self.baseline

        def add(step, total):
            x = self.baseline + nodes[step] * way
            return total + weights[step] * input_gradient(explained, x)

        return way * ops.fori_loop(0, self.steps, add, ops.zeros_like(images))

    def get_config(self):
        serialize = keras.saving.serialize_keras_object
        target = (
            serialize(self.target) if callable(self.target) else self.target
        )
        return {
            **super().get_config(),
            "model": serialize(self.model),
            "method": self.method,
            "target": target,
            "epsilon": self.epsilon,
            "steps": self.steps,
            "baseline": self.baseline,
        }

    @classmethod
    def from_config(cls, config):
        deserialize = keras.saving.deserialize_keras_object
        config = {**config, "model": deserialize(config["model"])}
        if isinstance(config["target"], dict | str):
            config["target"] = deserialize(config["target"])
        return cls(**config)


def units_of(model, outputs):
    """Number of units of the one output of a model.

    Args:
        model: `keras.Model`.
        outputs: list of its output tensors.

    Returns:
        An integer.

    Raises:
        ValueError: If there are several outputs, or no units.
    """
    shapes = [tuple(output.shape) for output in outputs]
    if len(shapes) != 1 or len(shapes[0]) < 2:
        raise ValueError(
            "A unit or a class needs a model with one output (batch, ..., "
            f"units). Received: {model.name!r} with outputs of shapes {shapes}"
        )
    return shapes[0][-1]


def sum_is_constant(layer, images, classes=None):
    """Whether what is explained is the same for all images like these.

    So are the sum of a softmax, and of what a normalization returns: its
    gradient is rounding error. The outputs tell: with random weights their
    gradient is much larger.

    Args:
        layer: `AttributionGradient`.
        images: float tensor `(batch, height, width, channels)`, a few.
        classes: integer tensor `(batch,)`, as of the layer.

    Returns:
        A boolean.

    Raises:
        ValueError: If the output does not depend on the images.
    """
    generator = np.random.default_rng(0)
    halves = []

    def reweighted(y):
        if not keras.backend.is_float_dtype(y.dtype):
            return y
        halves.append(keras.backend.standardize_dtype(y.dtype).endswith("16"))
        drawn = generator.normal(size=y.shape[1:]).astype("float32")
        weights = ops.cast(drawn, y.dtype)
        # The outputs, with another gradient.
        weighted = weights * y
        return weighted + ops.stop_gradient(y - weighted)

    def norm(change):
        def explained(x):
            outputs = keras.tree.map_structure(change, layer._forward(x))
            return layer._select(outputs, classes)

        gradient = input_gradient(explained, images)
        array = ops.convert_to_numpy(ops.cast(gradient, "float32"))
        return np.linalg.norm(array.astype("float64"))

    plain, weighted = norm(lambda y: y), norm(reweighted)
    limit = CANCELLED_IN_16_BITS if any(halves) else CANCELLED
    return bool(plain < limit * weighted)


def _check_unit(target, units):
    if not -units <= target < units:
        raise ValueError(
            f"`target` must be one of the {units} units of the output. "
            f"Received: target={target}"
        )


def _check(model, method, target):
    if not isinstance(model, keras.Model):
        raise ValueError(
            f"`model` must be a `keras.Model`. Received: {type(model).__name__}"
        )
    inputs = getattr(model, "inputs", None) or [None]
    if len(inputs) != 1:
        raise ValueError(
            "`model` must have one input, images. "
            f"Received: {model.name!r} with {len(inputs)} inputs"
        )
    checks.choice("method", method, METHODS)
    is_unit = checks.is_integer(target, -np.inf)
    if not (target is None or is_unit or callable(target)):
        rule = "`target` must be `None`, an integer or a callable"
        checks.fail(rule, "target", target)
    if is_unit and getattr(model, "outputs", None):
        _check_unit(target, units_of(model, model.outputs))
