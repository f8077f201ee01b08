"""Multiply-adds of a network, counted from its graph."""

# Needs TensorFlow.

import math

import keras


def count_macs(model, *shapes):
    """Count the multiply-adds of all convolutions and matrix products.

    Args:
        model: `keras.Model` or another callable of tensors.
        *shapes: tuple of integers for each input, batch included. Several
            inputs are given to the model as a list.

    Returns:
        Integer. Not counted are additions, activations and normalizations,
        and transposed and grouped convolutions.

    Raises:
        RuntimeError: If Keras does not run on the TensorFlow backend.

    Example:

    >>> layer = keras.layers.Conv2D(8, 3, padding="same")
    >>> count_macs(keras.Sequential([layer]), (1, 10, 10, 4))
    28800
    """
    if keras.config.backend() != "tensorflow":
        raise RuntimeError("Multiply-adds are counted on TensorFlow.")
    import tensorflow as tf

    signature = [tf.TensorSpec(shape) for shape in shapes]
    call = tf.function(lambda *x: model(list(x) if len(x) > 1 else x[0]))
    graph = call.get_concrete_function(*signature).graph
    return sum(_macs(operation) for operation in graph.get_operations())


def _macs(operation):
    if operation.type in ("Conv2D", "DepthwiseConv2dNative"):
        kernel = operation.inputs[1].shape.as_list()
        outputs = math.prod(operation.outputs[0].shape.as_list())
        channels = kernel[2] if operation.type == "Conv2D" else 1
        return outputs * kernel[0] * kernel[1] * channels
    if operation.type in ("MatMul", "BatchMatMulV2"):
        outputs = math.prod(operation.outputs[0].shape.as_list())
        flipped = operation.get_attr(
            "transpose_a" if operation.type == "MatMul" else "adj_x"
        )
        inner = operation.inputs[0].shape.as_list()[-2 if flipped else -1]
        return outputs * inner
    return 0
