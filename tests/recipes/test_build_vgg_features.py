"""How the VGG of the package is made smaller."""

import numpy as np
import pytest
from keras import ops

from keras_vipa.applications import VGGFeatures

FILTERS = (8, 8, 10, 10, 12, 12, 12, 16)


@pytest.fixture(scope="module")
def recipe(load_recipe):
    return load_recipe("build_vgg_features")


@pytest.fixture(scope="module")
def model(recipe):
    """A small network whose convolutions have 0, 1, 2 ... silent channels."""
    model = VGGFeatures(weights=None, filters=FILTERS)
    for silent, layer in enumerate(recipe.convolutions(model)):
        kernel, bias = layer.get_weights()
        bias[:silent] = -1e3
        layer.set_weights([2 * kernel, bias])
    return model


def photographs(count):
    generator = np.random.default_rng(1)
    return generator.random((count, 16, 16, 3)).astype("float32")


def features(model, images):
    found = model(images)
    return [ops.convert_to_numpy(found[n]) for n in ("relu3_1", "relu4_1")]


def test_is_smaller_and_the_same(recipe, model):
    images = photographs(3)
    smaller = recipe.without_silent_channels(model, images)
    assert smaller.trainable_weights == []
    filters = [layer.filters for layer in recipe.convolutions(smaller)]
    # All of relu3_1 and relu4_1 stay, which the style nets read.
    assert filters[4] == FILTERS[4] and filters[7] == FILTERS[7]
    for silent in (0, 1, 2, 3, 5, 6):
        assert filters[silent] <= FILTERS[silent] - silent
    pairs = zip(features(smaller, images), features(model, images))
    for actual, expected in pairs:
        np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-4)
        assert expected.max() > 0.01


def test_one_picture_keeps_a_channel(recipe, model):
    """What no picture wakes is left out, though another one would."""
    one, other = photographs(2)[:, None]
    one = np.full_like(one, 0.5)
    expected = features(model, other)
    for images, differs in ((one, True), (np.concatenate([one, other]), False)):
        smaller = recipe.without_silent_channels(model, images)
        pairs = zip(features(smaller, other), expected)
        largest = max(np.abs(a - b).max() for a, b in pairs)
        assert (largest > 1e-3) == differs
