"""Settings of all tests: quiet, seeded, and each from a clean Keras."""

import os
import sys

# Before Keras is imported, here and in the processes that tests start.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["MPLBACKEND"] = "Agg"

import keras  # noqa: E402
import pytest  # noqa: E402

keras.config.set_floatx("float32")
keras.config.set_dtype_policy("float32")


def pytest_collection_modifyitems(config, items):
    """Leave out what needs TensorFlow, if Keras runs on something else."""
    if keras.config.backend() == "tensorflow":
        return
    needs_tensorflow = [i for i in items if i.get_closest_marker("tensorflow")]
    config.hook.pytest_deselected(items=needs_tensorflow)
    items[:] = [item for item in items if item not in needs_tensorflow]


@pytest.fixture(autouse=True, scope="module")
def module_seed():
    """Seeds what a module's own fixtures draw."""
    keras.utils.set_random_seed(0)


@pytest.fixture(autouse=True)
def keras_state():
    """Seeds each test, and puts Keras's global settings back after it."""
    keras.utils.set_random_seed(0)
    policy = keras.config.dtype_policy()
    distribution = keras.distribution.distribution()
    yield
    keras.config.set_floatx("float32")
    keras.config.set_dtype_policy(policy)
    keras.distribution.set_distribution(distribution)
    if keras.config.backend() == "tensorflow":
        sys.modules["tensorflow"].config.run_functions_eagerly(False)
