"""Each function says in one line what it does not take."""

import itertools

import numpy as np
import pytest

from keras_vipa import datasets

PICTURE = np.zeros((9, 9, 3), "uint8")
DRAWN = {
    "pink_noise": lambda count, size, seed: datasets.pink_noise(
        count, seed, size
    ),
    "scenes": lambda count, size, seed: datasets.scenes(count, seed, size),
    "smooth_pictures": datasets.smooth_pictures,
    "random_crops": lambda *numbers: datasets.random_crops([PICTURE], *numbers),
}


@pytest.mark.parametrize("name", DRAWN)
def test_drawn(name):
    for place, bad in itertools.product(range(3), (None, "x", -1, 1.5, [])):
        numbers = [2, 8, 0]
        numbers[place] = bad
        with pytest.raises(ValueError, match="Received: "):
            DRAWN[name](*numbers)
    for count, size in ((10**12, 8), (2, 10**7)):
        with pytest.raises(ValueError, match="Received: "):
            DRAWN[name](count, size, 0)


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        (datasets.digits, ([],)),
        (datasets.emoji, ({},)),
        (datasets.named, (None,)),
        (datasets.named, ("digits", 0)),
        (datasets.named, ("digits", 8, None)),
        (datasets.random_crops, ([], 2, 8)),
        (datasets.random_crops, ([None], 2, 8)),
        (datasets.random_crops, ([PICTURE], 2, 8, 0, (2.0, 1.0))),
        (datasets.random_crops, ([PICTURE], 2, 8, 0, None)),
        (datasets.scene_task, (None, "depth")),
        (datasets.scene_task, (datasets.scenes(2, size=8), [])),
        (datasets.scene_task, (datasets.scenes(2, size=8), "depth", None)),
        (datasets.read_pictures, (None, None)),
        (datasets.read_pictures, (None, "paintings", 0)),
        (datasets.read_pictures, (None, "paintings", 1, 0)),
        (datasets.read_pictures, (3, "paintings")),
        (datasets.class_groups, (6.0, 3)),
        (datasets.class_groups, (10**12, 3)),
        (datasets.class_groups, (6, 3, 0, -1)),
    ],
)
def test_others(function, arguments):
    with pytest.raises(ValueError, match="Received: ") as error:
        function(*arguments)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["nope", "a b", "", None])
def test_unknown_set_is_one_line(name):
    pytest.importorskip("tensorflow_datasets")
    with pytest.raises(ValueError, match="catalog.*Received: ") as error:
        datasets.tfds(name)
    assert len(str(error.value)) < 400
    assert "\n" not in str(error.value)
