"""Gradients of a function by its input, on every backend."""

import keras
from keras import ops


def input_gradient(function, x):
    """Gradient of the sum of what a function returns.

    If the values of one sample do not depend on another one, these are the
    gradients of each sample.

    Args:
        function: callable, tensor to tensor.
        x: tensor.

    Returns:
        A tensor of the shape of `x`.

    Raises:
        ValueError: If the result does not depend on `x`. JAX cannot tell, and
            returns zeros.

    Example:

    >>> x = keras.ops.convert_to_tensor([1.0, 2.0, 3.0])
    >>> keras.ops.convert_to_numpy(input_gradient(keras.ops.square, x)).tolist()
    [2.0, 4.0, 6.0]
    """
    x = ops.convert_to_tensor(x)
    backend = keras.config.backend()
    if backend == "tensorflow":
        gradient = _with_tape(function, x)
    elif backend == "jax":
        import jax

        return jax.grad(lambda x: ops.sum(function(x)))(x)
    elif backend == "torch":
        gradient = _with_torch(function, x)
    else:
        raise ValueError(
            "Gradients need TensorFlow, JAX or PyTorch. "
            f"Received: backend={backend!r}"
        )
    if gradient is None:
        raise ValueError(
            "The output must depend on the input by operations that have a "
            "gradient."
        )
    return gradient


def _with_tape(function, x):
    import tensorflow as tf

    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(x)
        total = ops.sum(function(x))
    return tape.gradient(total, x)


def _with_torch(function, x):
    import torch

    with torch.enable_grad():
        x = x.detach().requires_grad_()
        total = ops.sum(function(x))
        if not total.requires_grad:
            return None
        return torch.autograd.grad(total, x, allow_unused=True)[0]
