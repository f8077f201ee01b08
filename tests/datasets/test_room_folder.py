import numpy as np
import pytest
from PIL import Image

from keras_vipa.datasets import room_folder

SHAPE = (12, 16)


def save(path, values):
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".npy":
        np.save(path, values)
    else:
        Image.fromarray(values).save(path)


@pytest.fixture
def home(tmp_path):
    """Two rooms: one of PNG files, one of arrays."""
    generator = np.random.default_rng(0)
    for name in ("a", "b"):
        picture = generator.integers(0, 256, (*SHAPE, 3), "uint8")
        save(tmp_path / "rgb" / f"{name}.png", picture)
    columns = np.tile(np.arange(16), (12, 1))
    save(tmp_path / "labels" / "a.png", (columns // 8).astype("uint8"))
    save(tmp_path / "labels" / "b.npy", columns - 1)
    save(tmp_path / "depth" / "a.png", (1000 + columns).astype("uint16"))
    save(tmp_path / "depth" / "b.npy", 1.5 + columns / 10)
    facing = np.zeros((*SHAPE, 3))
    facing[..., 2] = 1
    levels = np.rint((facing + 1) * 127.5).astype("uint8")
    save(tmp_path / "normals" / "a.png", levels)
    save(tmp_path / "normals" / "b.npy", facing)
    return tmp_path


def test_what_is_in_the_files(home):
    found = room_folder(home)
    assert found.info["path"].tolist() == ["a.png", "b.png"]
    assert found.images.shape == (2, *SHAPE, 3)
    assert found.labels[0, 0, [0, 15]].tolist() == [0, 1]
    # -1 is not known.
    assert found.labels[1, 0, :3].tolist() == [255, 0, 1]
    assert len(found.class_names) == 15
    np.testing.assert_allclose(found.depth[0, 0, :2], [1.0, 1.001])
    np.testing.assert_allclose(found.depth[1, 0, :2], [1.5, 1.6])
    np.testing.assert_allclose(
        found.normals[:, 0, 0], [[0, 0, 1], [0, 0, 1]], atol=0.01
    )
    np.testing.assert_allclose(
        np.linalg.norm(found.normals, axis=-1), 1, atol=1e-6
    )
    assert found.name == home.name


def test_options(home):
    found = room_folder(home, maps=["depth"], depth_scale=0.0002)
    assert found.labels is None and found.normals is None
    np.testing.assert_allclose(found.depth[0, 0, 0], 0.2, rtol=1e-6)
    # Floats are metres all the same.
    np.testing.assert_allclose(found.depth[1, 0, 0], 1.5)
    assert room_folder(home, maps=()).depth is None
    names = [f"class {number}" for number in range(20)]
    assert room_folder(home, class_names=names).class_names == names


def test_maps_are_cropped_as_pictures_are(home):
    found = room_folder(home, size=6)
    assert found.images.shape == (2, 6, 6, 3)
    # Of 16 columns the 12 in the middle are left, every other of them.
    assert np.diff(found.labels[1, 0].astype(int)).tolist() == [2] * 5
    assert found.labels[1, 0, 0] in (1, 2)
    steps = (found.depth[1, 0] - 1.5) * 10
    np.testing.assert_allclose(steps - 1, found.labels[1, 0], atol=1e-5)
    assert room_folder(home, size=(6, 4)).normals.shape == (2, 6, 4, 3)


def fails(home, message, **arguments):
    with pytest.raises(ValueError, match=f"{message}.*Received: ") as error:
        room_folder(home, **arguments)
    assert "\n" not in str(error.value) and len(str(error.value)) < 400
    return str(error.value)


def test_missing_folders_and_files(home):
    fails(home / "nothing", "must hold a folder 'rgb'")
    (home / "depth" / "b.npy").unlink()
    assert "rgb/b.png" in fails(home, "must have a file in 'depth', b.png")
    (home / "depth" / "a.png").unlink()
    (home / "depth").rmdir()
    fails(home, "must hold a folder 'depth', or `maps` be without it")
    assert len(room_folder(home, maps=["labels"])) == 2
    for path in (home / "rgb").iterdir():
        path.unlink()
    fails(home, "must hold PNG, JPEG", maps=())


@pytest.mark.parametrize("bad", [0.0, np.nan, -1.0, np.inf])
def test_holes_in_depth(home, bad):
    depth = np.full(SHAPE, 2.0)
    depth[3, 4:6] = bad
    save(home / "depth" / "b.npy", depth)
    shown = fails(home, "Depth must be positive everywhere")
    assert "depth/b.npy, with 2 of 192 pixels" in shown


def test_holes_in_depth_of_a_picture(home):
    save(home / "depth" / "a.png", np.zeros(SHAPE, "uint16"))
    assert "depth/a.png" in fails(home, "Depth must be positive everywhere")


def test_normals(home):
    normals = np.zeros((*SHAPE, 3))
    save(home / "normals" / "b.npy", normals)
    assert "normals/b.npy" in fails(home, "length 1 everywhere")
    normals[..., 2] = -1
    save(home / "normals" / "b.npy", normals)
    save(home / "normals" / "a.png", (127.5 + 127.5 * normals).astype("uint8"))
    fails(home, "must point towards the viewer")


def test_sizes(home):
    save(home / "depth" / "b.npy", np.ones((6, 8)))
    assert "depth/b.npy" in fails(home, "as large as its picture")
    save(home / "rgb" / "c.png", np.zeros((9, 9, 3), "uint8"))
    assert "c.png" in fails(home, "pass `size` to resize", maps=())
    assert room_folder(home, size=8, maps=()).images.shape == (3, 8, 8, 3)


def test_files_of_another_kind(home):
    labels = home / "labels" / "b.npy"
    save(labels, np.full(SHAPE, 300))
    assert "labels/b.npy" in fails(home, "255 or -1 where not known")
    save(labels, np.ones(SHAPE))
    fails(home, "'labels' must hold integers")
    labels.write_bytes(b"no array")
    fails(home, "readable PNG or NumPy file")
    fails(home, "`maps` must be one of", maps=["pose"])
    fails(home, "`maps` must be some of", maps="depth")
    fails(home, "above 0", depth_scale=0)
