"""Panoramas, cube faces and the size of strokes."""

import math

import numpy as np
import pytest


@pytest.fixture(scope="module")
def panorama(load_recipe):
    return load_recipe("panorama")


def test_directions(panorama):
    directions = panorama.directions_of_panorama(6)
    assert directions.shape == (6, 12, 3)
    np.testing.assert_allclose(np.linalg.norm(directions, axis=-1), 1.0)
    # The rows nearest to the poles are 15 degrees from them.
    north = math.sin(math.radians(75))
    np.testing.assert_allclose(directions[0, :, 1], north)
    np.testing.assert_allclose(directions[-1, :, 1], -north)
    # The middle looks out of the picture, a quarter to the right is east.
    assert directions[3, 6, 2] > 0.9
    assert directions[3, 9, 0] > 0.9


def test_faces_of_a_panorama_of_directions(panorama):
    # A panorama that holds the direction of each pixel gives faces that do.
    world = panorama.directions_of_panorama(256)
    faces = panorama.cube_faces(world, 33)
    middles = {
        "front": (0, 0, 1),
        "right": (1, 0, 0),
        "back": (0, 0, -1),
        "left": (-1, 0, 0),
        "up": (0, 1, 0),
        "down": (0, -1, 0),
    }
    for name, middle in middles.items():
        np.testing.assert_allclose(faces[name][16, 16], middle, atol=0.02)
    # Up on a face around the equator is north, and the right of the front is
    # where the face to the right begins.
    assert faces["front"][0, 16, 1] > 0.6
    np.testing.assert_allclose(
        faces["front"][:, -1], faces["right"][:, 0], atol=0.06
    )
    # The upper edge of the front is the lower edge of the face above.
    np.testing.assert_allclose(faces["front"][0], faces["up"][-1], atol=0.06)


def test_random_panorama_is_alike_in_all_directions(panorama):
    world = panorama.random_panorama(128, seed=3)
    assert world.shape == (128, 256, 3)
    assert world.min() >= 0.0 and world.max() <= 1.0
    faces = panorama.cube_faces(world, 64)
    sizes = [panorama.stroke_size(face) for face in faces.values()]
    assert max(sizes) < 1.5 * min(sizes)


@pytest.mark.parametrize("scale", [1, 2])
def test_stroke_size_follows_the_scale(panorama, scale):
    noise = np.random.default_rng(0).random((48, 48, 3))
    picture = noise.repeat(scale, axis=0).repeat(scale, axis=1)
    # The correlation of squares of this size falls to a half at their half.
    assert panorama.stroke_size(picture) == pytest.approx(scale / 2, rel=0.1)


def test_deviation(panorama):
    flat = np.zeros((16, 16))
    stripes = np.tile([0.0, 1.0], (16, 8))
    flat_map, striped_map = panorama.deviation(np.stack([flat, stripes]), 4)
    assert flat_map.shape == (4, 4)
    assert flat_map.max() == 0.0
    np.testing.assert_allclose(striped_map, 0.5, atol=0.06)
