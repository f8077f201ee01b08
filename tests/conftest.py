"""Settings of all tests: quiet, seeded, and each from a clean Keras.

Keras is imported in functions: the process that only hands out tests to the
workers of pytest-xdist can do without these seconds.
"""

import gc
import os
import sys

import pytest

# Before Keras is imported, here and in the processes that tests start.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["MPLBACKEND"] = "Agg"
# On JAX, two devices for what is trained on several, and steps that are sooner
# compiled than they are fast.
os.environ["XLA_FLAGS"] = (
    "--xla_force_host_platform_device_count=2 "
    "--xla_backend_optimization_level=0 "
    "--xla_llvm_disable_expensive_passes=true"
)


def pytest_collection_modifyitems(config, items):
    """Leave out what needs TensorFlow, if Keras runs on something else."""
    import keras

    keras.config.set_floatx("float32")
    keras.config.set_dtype_policy("float32")
    if keras.config.backend() == "tensorflow":
        # Two devices here too, of which only a strategy uses the second.
        tf = sys.modules["tensorflow"]
        tf.config.set_logical_device_configuration(
            tf.config.list_physical_devices("CPU")[0],
            2 * [tf.config.LogicalDeviceConfiguration()],
        )
        return
    needs_tensorflow = [i for i in items if i.get_closest_marker("tensorflow")]
    config.hook.pytest_deselected(items=needs_tensorflow)
    items[:] = [item for item in items if item not in needs_tensorflow]


def pytest_collection_finish():
    """Spare the garbage collector what was imported, some 400,000 objects.

    TensorFlow collects at each export, which took a fifth of those tests.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True, scope="module")
def module_seed():
    """Seeds what a module's own fixtures draw."""
    import keras

    keras.utils.set_random_seed(0)


@pytest.fixture
def eager(keras_state):
    """On TensorFlow, a few steps are sooner done than compiled."""
    import keras

    if keras.config.backend() == "tensorflow":
        sys.modules["tensorflow"].config.run_functions_eagerly(True)


@pytest.fixture(autouse=True)
def keras_state():
    """Seeds each test, and puts Keras's global settings back after it."""
    import keras

    keras.utils.set_random_seed(0)
    policy = keras.config.dtype_policy()
    distribution = keras.distribution.distribution()
    yield
    keras.config.set_floatx("float32")
    keras.config.set_dtype_policy(policy)
    keras.distribution.set_distribution(distribution)
    if keras.config.backend() == "tensorflow":
        sys.modules["tensorflow"].config.run_functions_eagerly(False)
