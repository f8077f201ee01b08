"""Callbacks of long training."""

import keras
import numpy as np
import pytest

from keras_vipa.training.callbacks import FiniteGuard


@pytest.fixture
def model():
    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])


@pytest.fixture
def guard(model):
    guard = FiniteGuard("both")
    guard.set_model(model)
    guard.on_epoch_begin(0)
    return guard


def test_puts_back_the_last_finite_weights(model, guard):
    kernel, bias = model.weights
    bias.assign([3.0, 4.0])
    guard.on_epoch_end(0, {"loss": 1.0, "first": 0.5})
    good = keras.ops.convert_to_numpy(kernel).copy()
    bias.assign([5.0, 6.0])
    kernel.assign(np.full((4, 2), np.nan))
    with pytest.raises(FloatingPointError) as error, guard:
        guard.on_epoch_end(1, {"loss": np.nan, "first": 0.5, "second": np.inf})
    message = str(error.value)
    assert "phase 'both', epoch 2, because loss, second is not" in message
    assert error.value.model is model
    np.testing.assert_array_equal(bias, [3.0, 4.0])
    np.testing.assert_array_equal(kernel, good)


def test_other_errors_change_nothing(model, guard):
    model.weights[1].assign([3.0, 4.0])
    with pytest.raises(FloatingPointError, match="of something else"), guard:
        raise FloatingPointError("of something else")
    np.testing.assert_array_equal(model.weights[1], [3.0, 4.0])


def test_errors_before_training_pass():
    with pytest.raises(ValueError, match="no data"), FiniteGuard("both"):
        raise ValueError("no data")


def test_finite_losses_pass(guard):
    for epoch in range(2):
        guard.on_epoch_end(epoch, {"loss": 1e30})
