"""Classifiers as lists of layers that can be paired one to one."""

import keras
import numpy as np

from keras_vipa.amalgamation.layerwise.ends import check_scores
from keras_vipa.amalgamation.layerwise.network_steps import CONV_OR_DENSE
from keras_vipa.amalgamation.layerwise.network_steps import IDENTITY
from keras_vipa.amalgamation.layerwise.network_steps import Step
from keras_vipa.amalgamation.layerwise.network_steps import build
from keras_vipa.amalgamation.layerwise.network_steps import mixes_channels
from keras_vipa.amalgamation.layerwise.network_steps import plain_steps
from keras_vipa.amalgamation.layerwise.network_steps import range_steps

_FREE_OPTIONS = ("name", "trainable", "dtype", "filters", "units", "use_bias")
_FREE_ENDINGS = ("_initializer", "_regularizer", "_constraint")


class LayerList:
    """A classifier as the list of layers that layer-wise amalgamation pairs.

    A layer is a convolution or a dense layer through which everything flows,
    or the sum at the end of a residual block, together with all that stands
    between it and the layer before (activation, pooling, flattening, the
    inside of the block). Its feature is the output of that convolution, dense
    layer or sum, before the activation. The last layer is the rest of the
    network, up to the logits.

    Args:
        steps: list of `Step`, as returned by `plain_steps`.
        name: string. Name of the network.

    Attributes:
        model: functional `keras.Model`, image to logits.
        features: list of symbolic tensors, the feature of each layer.
        channels: list of integers. Number of channels of each step's output.
        num_classes: integer. Number of logits.
        range_steps: integer. How many steps at the beginning only change the
            range of the image.
    """

    def __init__(self, steps, name):
        self.steps = steps
        self.name = name
        self.model, self.layers, tensors = build(steps, name)
        self.shapes = [tensor.shape for tensor in tensors]
        self.channels = [shape[-1] for shape in self.shapes]
        self.num_classes = self.channels[-1]
        self.ends = _ends(steps)
        self.stops = [*self.ends[:-1], len(steps) - 1]
        self.features = [tensors[stop] for stop in self.stops]
        self.range_steps = range_steps(steps)

    @classmethod
    def of(cls, model, name):
        """Layer list of a trained classifier, with a copy of its weights.

        Args:
            model: functional or sequential `keras.Model`. Image to class
                scores; a softmax or sigmoid at its end is left out.
            name: string. What messages call the model.

        Returns:
            A `LayerList`.

        Raises:
            ValueError: If the model is not a classifier that can be split.
        """
        steps = plain_steps(model, name)
        if len(_ends(steps)) < 2 or len(model.outputs[0].shape) != 2:
            raise ValueError(
                "A teacher must return class scores of shape (batch, classes) "
                "from at least two convolutions or dense layers in a row. "
                f"Received: {name} with output shape {model.output_shape} "
                f"and {len(_ends(steps))} such layers."
            )
        layer_list = cls(steps, name)
        check_scores(layer_list, name)
        return layer_list

    def __len__(self):
        return len(self.stops)

    @property
    def names(self):
        """Names of the layers: those of the steps that end them."""
        return [self.steps[end].config["name"] for end in self.ends]

    def number_of(self, index):
        """Number of the layer that contains a step, from 0."""
        return int(np.searchsorted(self.stops, index))

    def end_steps(self, number):
        """Steps whose outputs make up a feature: one, or the terms of a sum."""
        end = self.ends[number]
        is_sum = self.steps[end].kind is keras.layers.Add
        return self.steps[end].inputs if is_sum else (end,)

    def run(self, number, feature, training=None):
        """Output of one layer, given the feature of the layer before it.

        Args:
            number: integer. The layer, from 0.
            feature: tensor. The images for layer 0, else the feature of layer
                `number - 1`.
            training: boolean. Whether to drop out.

        Returns:
            Tensor, the feature of the layer; the logits for the last layer.
        """
        start = self.stops[number - 1] if number else 0
        return self.run_steps(start, self.stops[number], feature, training)

    def run_steps(self, start, stop, feature, training=None):
        """Output of a step, given that of one through which all flows."""
        values = {start: feature}
        for index in range(start + 1, stop + 1):
            inputs = [values[i] for i in self.steps[index].inputs]
            layer = self.layers[index]
            inputs = inputs[0] if len(inputs) == 1 else inputs
            is_layer = isinstance(layer, keras.Layer)
            options = {"training": training} if is_layer else {}
            values[index] = layer(inputs, **options)
        return values[stop]


def align_inputs(layer_lists):
    """Give networks as many layers for the range of the image as one has.

    Each network has its own Rescaling, Normalization or BatchNormalization of
    the image, which is part of its features. Where one has fewer of them, or
    none, layers that change nothing stand for them.

    Args:
        layer_lists: list of `LayerList`.

    Returns:
        List of `LayerList`.
    """
    counts = [item.range_steps for item in layer_lists]
    return [
        item if count == max(counts) else _padded(item, max(counts) - count)
        for item, count in zip(layer_lists, counts)
    ]


def _padded(layer_list, count):
    steps = layer_list.steps
    names = [f"as_it_is_{number}" for number in range(1, count + 1)]
    dtype = steps[1].config.get("dtype")
    options = {"scale": 1.0, "offset": 0.0, "dtype": dtype}
    new = [
        Step(keras.layers.Rescaling, {"name": name, **options}, [], (number,))
        for number, name in enumerate(names)
    ]
    rest = [
        step._replace(inputs=tuple(index + count for index in step.inputs))
        for step in steps[1:]
    ]
    return LayerList([steps[0], *new, *rest], layer_list.name)


def check_pairs(layer_lists):
    """Raise an error unless the layers of all networks correspond.

    Those that only change the range of the image need not.

    Args:
        layer_lists: list of `LayerList`.

    Raises:
        ValueError: If two networks take images of different sizes, or differ
            in more than the widths of their layers; names the layers.
    """
    first = layer_lists[0]
    for other in layer_lists[1:]:
        shapes = [item.model.input_shape[1:] for item in (first, other)]
        if shapes[0] != shapes[1]:
            raise ValueError(
                "All teachers must take images of one size. Received: "
                f"{first.name} takes {shapes[0]}, "
                f"{other.name} takes {shapes[1]}."
            )
        for index in range(1, max(len(first.steps), len(other.steps))):
            if _signature(first, index) != _signature(other, index):
                raise ValueError(
                    "Layer-wise amalgamation pairs the layers of its teachers "
                    "one to one; they may differ in width only. Received: "
                    f"{_describe(first, index)} and {_describe(other, index)}."
                    " For teachers of different architectures use common "
                    "feature learning (arXiv:1906.10546)."
                )


def narrow(layer_lists, widths, seed, dtype):
    """A new network with the layers of paired networks and other widths.

    Every convolution and dense layer has a bias. Steps in front of the first
    of them act on the image itself and are copied from the first network. A
    BatchNormalization that could not be absorbed is left out, because a
    general affine map stands beside it. A shortcut without a linear layer
    becomes a 1x1 convolution (a dense layer for vectors), because the
    features at its two ends are expressed in different bases.

    Args:
        layer_lists: list of paired `LayerList`.
        widths: list of integers. Channels of every layer but the last.
        seed: integer. Seed of the new weights, which are drawn from
            `uniform(-v, v)` with `v = sqrt(3 / fan_in)`; biases are 0.
        dtype: dtype policy of the new layers.

    Returns:
        A `LayerList` with one logit for each class of each network, in the
        order of `layer_lists`.
    """
    first = layer_lists[0]
    step_widths = _step_widths(layer_lists, widths)
    first_mixing = list(map(mixes_channels, first.steps)).index(True)
    steps = [first.steps[0]]
    place = [0]

    for index, step in enumerate(first.steps[1:], 1):
        inputs = tuple(place[i] for i in step.inputs)
        if index < first_mixing:
            steps.append(step._replace(inputs=inputs))
        elif step.kind is keras.layers.BatchNormalization:
            place.append(inputs[0])
            continue
        else:
            kind, config = _kind_and_config(first, index)
            width = step_widths[index]
            config = _fresh_config(kind, config, width, seed + index, dtype)
            steps.append(Step(kind, config, None, inputs))
        place.append(len(steps) - 1)
    return LayerList(steps, "student")


def _ends(steps):
    """Steps that end a layer: linear or a sum, with nothing flowing past."""
    last_use = {}
    for index, step in enumerate(steps):
        last_use.update(dict.fromkeys(step.inputs, index))
    ends = []
    furthest = 0
    for index, step in enumerate(steps):
        is_end = mixes_channels(step) or step.kind is keras.layers.Add
        if is_end and furthest <= index:
            ends.append(index)
        furthest = max(furthest, last_use.get(index, index))
    return ends


def _step_widths(layer_lists, widths):
    """Channels of each step of the new network that has linear weights.

    Inside a residual block the widths shrink as that of the block does.
    """
    first = layer_lists[0]
    sums = np.sum([item.channels for item in layer_lists], axis=0)
    widths = [*widths, sum(item.num_classes for item in layer_lists)]
    step_widths = []
    for index, total in enumerate(sums):
        number = first.number_of(index)
        end = first.ends[number]
        if index == end or index in first.end_steps(number):
            step_widths.append(widths[number])
        else:
            ratio = widths[number] / sums[end]
            step_widths.append(max(1, round(float(ratio * total))))
    return step_widths


def _fresh_config(kind, config, width, seed, dtype):
    config = {
        key: value
        for key, value in config.items()
        if not key.endswith(_FREE_ENDINGS)
    }
    if issubclass(kind, keras.Layer):
        config["dtype"] = dtype
    uniform = keras.initializers.LecunUniform(seed)
    if kind is keras.layers.DepthwiseConv2D:
        config.update(use_bias=True, depthwise_initializer=uniform)
    elif kind in CONV_OR_DENSE:
        config.update(use_bias=True, kernel_initializer=uniform)
        config["units" if kind is keras.layers.Dense else "filters"] = width
    return config


def _signature(layer_list, index):
    """What two steps must share in order to be paired."""
    if index >= len(layer_list.steps):
        return None
    step = layer_list.steps[index]
    if index <= layer_list.range_steps:
        # Each network has its own range.
        return None, {}, step.inputs
    kind, config = _kind_and_config(layer_list, index)
    if kind is keras.layers.BatchNormalization:
        config = {"axis": config["axis"]}
    options = {
        key: value
        for key, value in config.items()
        if key not in _FREE_OPTIONS and not key.endswith(_FREE_ENDINGS)
    }
    return kind, options, step.inputs


def _kind_and_config(layer_list, index):
    """Layer of a step; a 1x1 convolution or dense layer for a shortcut."""
    step = layer_list.steps[index]
    if step.kind is not IDENTITY:
        return step.kind, step.config
    is_map = len(layer_list.shapes[index]) == 4
    layer = keras.layers.Conv2D(1, 1) if is_map else keras.layers.Dense(1)
    return type(layer), {**layer.get_config(), **step.config}


def _describe(layer_list, index):
    if index >= len(layer_list.steps):
        return f"no further layer in {layer_list.name}"
    step = layer_list.steps[index]
    shown = ("kernel_size", "strides", "padding", "pool_size", "activation")
    options = [f"{k}={step.config[k]}" for k in shown if k in step.config]
    text = ", ".join([step.kind.__name__, *options])
    return f"'{step.config['name']}' ({text}) in {layer_list.name}"
