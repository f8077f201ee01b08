import numpy as np
import pytest

from keras_vipa.datasets import pink_noise

# Arrays alone: the same on every backend.
pytestmark = pytest.mark.tensorflow


def test_has_no_direction():
    images = pink_noise(50, seed=0)
    assert images.shape == (50, 32, 32, 3)
    assert images.min() == 0.0 and images.max() == 1.0
    # Neighbours are alike, and as much so in each direction.
    grey = images.mean(axis=-1)
    grey -= grey.mean(axis=(1, 2), keepdims=True)
    along = [np.mean(grey * np.roll(grey, 1, axis)) for axis in (1, 2)]
    assert min(along) > 0.5 * np.mean(grey**2)
    assert along[0] == pytest.approx(along[1], rel=0.1)


def test_amplitudes_fall_with_frequency():
    spectrum = np.abs(np.fft.fft2(pink_noise(200)[..., 0])).mean(axis=0)
    # Four times the frequency, a fourth of the amplitude.
    assert spectrum[2, 0] / spectrum[8, 0] == pytest.approx(4.0, rel=0.2)


def test_seed():
    np.testing.assert_array_equal(pink_noise(2, 1), pink_noise(2, 1))
    assert (pink_noise(2, 1) != pink_noise(2, 2)).any()
