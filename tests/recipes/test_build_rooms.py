"""How the embedded rooms are made."""

from types import SimpleNamespace

import numpy as np
import pytest

from keras_vipa.datasets.rooms import unfolded


@pytest.fixture(scope="module")
def build(load_recipe):
    return load_recipe("build_rooms")


@pytest.fixture(scope="module")
def renderer(load_recipe):
    return load_recipe("room_renderer")


def test_normals_are_coded_within_two_degrees(build):
    normals = np.random.default_rng(0).normal(size=(2, 64, 64, 3))
    normals /= np.linalg.norm(normals, axis=-1, keepdims=True)
    normals[0, 0, :6] = np.concatenate([np.eye(3), -np.eye(3)])
    labels = np.arange(64, dtype="uint8") * np.ones((2, 64, 1), "uint8")
    coded = build.coded_surfaces(labels, normals)
    np.testing.assert_array_equal(coded[..., 1], labels)
    cosines = (unfolded(coded[..., [0, 2]]) * normals).sum(-1)
    assert np.degrees(np.arccos(cosines.clip(-1, 1))).max() < 1


def test_depth_is_coded_in_centimetres(build):
    coded = build.coded_depth(np.array([0.004, 2.56, 7.996]))
    assert coded.tolist() == [[0, 0, 0], [1, 0, 0], [3, 32, 0]]


def test_axes_of_a_camera(renderer):
    camera = SimpleNamespace(yaw=0.0, pitch=0.0)
    np.testing.assert_allclose(renderer.axes_of(camera), np.eye(3), atol=1e-12)
    # Turned to the left and up.
    camera = SimpleNamespace(yaw=90.0, pitch=30.0)
    right, up, back = renderer.axes_of(camera)
    np.testing.assert_allclose(right, [0, 0, -1], atol=1e-12)
    np.testing.assert_allclose(back, [0.75**0.5, -0.5, 0], atol=1e-12)
    np.testing.assert_allclose(up, np.cross(back, right), atol=1e-12)


def test_a_wall_of_known_place(renderer, load_recipe):
    """A room of 4 x 2.5 x 6 metres, seen along its middle."""
    pytest.importorskip("embreex")
    parts, layout = load_recipe("room_parts"), load_recipe("room_layout")
    place = layout.Place(np.array([4.0, 0, 6]), np.diag([-1.0, 1, -1]), 4.0)
    room = SimpleNamespace(
        shapes=[parts.moved(parts.box(4, 2.5, 6), 2, 0, 3)],
        labels=[7],
        width=4.0,
        height=2.5,
        depth=6.0,
        windows=[],
        walls=[place] * 4,
        camera=layout.Camera(np.array([2.0, 1.25, 5]), 0.0, 0.0, 60.0),
    )
    view = renderer.Renderer(room).render(np.random.default_rng(0))
    assert (view.labels == 7).all()
    # The wall ahead is five metres away, wherever one looks at it.
    np.testing.assert_allclose(view.depth[24:40, 20:44], 5, atol=1e-4)
    for row, column, normal in (
        (32, 32, (0, 0, 1)),
        (60, 32, (0, 1, 0)),
        (3, 32, (0, -1, 0)),
        (32, 1, (1, 0, 0)),
        (32, 62, (-1, 0, 0)),
    ):
        np.testing.assert_allclose(view.normals[row, column], normal, atol=1e-6)
    # The floor is 1.25 m below, where a ray goes down by this for each metre.
    slope = (60.5 / 32 - 1) * np.tan(np.radians(30))
    np.testing.assert_allclose(view.depth[60, 32], 1.25 / slope, rtol=1e-4)
