"""Where a recipe trains: on one device, or on all of this host."""

import contextlib
import functools

import keras

STRATEGIES = ("none", "mirrored", "data_parallel")


def strategy_scope(name):
    """Context in which models are built, compiled and trained.

    Args:
        name: string. `"none"` for one device; `"mirrored"` for
            `tf.distribute.MirroredStrategy` over the devices that TensorFlow
            sees; `"data_parallel"` for `keras.distribution.DataParallel` over
            the devices that JAX sees.

    Returns:
        A context manager.

    Raises:
        ValueError: If the strategy is unknown, or belongs to another backend.
    """
    if name not in STRATEGIES:
        raise ValueError(
            f"The strategy must be one of {STRATEGIES}. Received: {name}"
        )
    needed = {"mirrored": "tensorflow", "data_parallel": "jax"}
    backend = keras.config.backend()
    if needed.get(name, backend) != backend:
        raise ValueError(
            f"Strategy '{name}' needs KERAS_BACKEND={needed[name]}. "
            f"Received: KERAS_BACKEND={backend}"
        )
    if name == "mirrored":
        return _mirrored().scope()
    if name == "data_parallel":
        keras.distribution.set_distribution(
            keras.distribution.DataParallel(
                devices=keras.distribution.list_devices()
            )
        )
    return contextlib.nullcontext()


@functools.cache
def _mirrored():
    """One for the process: what two of them reduce on CPUs is mixed up."""
    import tensorflow as tf

    kind = "GPU" if tf.config.list_logical_devices("GPU") else "CPU"
    devices = tf.config.list_logical_devices(kind)
    return tf.distribute.MirroredStrategy([d.name for d in devices])
