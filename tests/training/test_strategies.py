import keras
import pytest

from keras_vipa.training.strategies import STRATEGIES
from keras_vipa.training.strategies import strategy_scope

WRONG_BACKEND = {
    "tensorflow": ("data_parallel", "jax"),
    "jax": ("mirrored", "tensorflow"),
}


def test_unknown_strategy():
    with pytest.raises(ValueError) as error:
        strategy_scope("horovod")
    assert str(error.value) == (
        f"The strategy must be one of {STRATEGIES}. Received: horovod"
    )


def test_strategy_of_another_backend():
    backend = keras.config.backend()
    if backend not in WRONG_BACKEND:
        pytest.skip("neither TensorFlow nor JAX")
    name, needed = WRONG_BACKEND[backend]
    with pytest.raises(ValueError) as error:
        strategy_scope(name)
    assert str(error.value) == (
        f"Strategy '{name}' needs KERAS_BACKEND={needed}. "
        f"Received: KERAS_BACKEND={backend}"
    )
    assert keras.distribution.distribution() is None


def test_one_device():
    with strategy_scope("none"):
        assert keras.distribution.distribution() is None
        weight = keras.layers.Dense(2)
        weight.build((None, 3))
    assert weight.kernel.shape == (3, 2)


@pytest.mark.tensorflow
def test_mirrored():
    import tensorflow as tf

    with strategy_scope("mirrored"):
        strategy = tf.distribute.get_strategy()
        assert isinstance(strategy, tf.distribute.MirroredStrategy)
        kind = "GPU" if tf.config.list_logical_devices("GPU") else "CPU"
        count = len(tf.config.list_logical_devices(kind))
        assert strategy.num_replicas_in_sync == count > 1
    assert not tf.distribute.has_strategy()


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="JAX only")
def test_data_parallel():
    with strategy_scope("data_parallel"):
        distribution = keras.distribution.distribution()
        assert isinstance(distribution, keras.distribution.DataParallel)
        count = len(keras.distribution.list_devices())
        assert distribution.device_mesh.devices.size == count > 1
