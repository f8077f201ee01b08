from importlib import resources

import numpy as np
import pytest

from keras_vipa.datasets import RoomSet
from keras_vipa.datasets import rooms
from keras_vipa.datasets.rooms import CLASSES
from keras_vipa.datasets.rooms import COUNTS
from keras_vipa.datasets.rooms import MODELS

WALL, FLOOR, CEILING = range(3)
KNOWN = ("train", "validation", "test")


@pytest.fixture(scope="module")
def splits():
    return {split: rooms(split) for split in COUNTS}


def directions(field_of_view):
    """Rays through the centres of pixels, `(64, 64, 3)`, z = -1."""
    steps = (np.arange(64) + 0.5) / 32 - 1
    x, y = np.meshgrid(steps, -steps)
    slope = np.tan(np.radians(field_of_view / 2))
    return np.stack([x * slope, y * slope, -np.ones_like(x)], axis=-1)


def up_of(pitch):
    """What is up in the room, in coordinates of the camera."""
    angle = np.radians(pitch)
    return np.array([0.0, np.cos(angle), -np.sin(angle)])


def test_splits_are_whole_and_disjoint(splits):
    for split, count in COUNTS.items():
        images = splits[split].images
        assert images.shape == (count, 64, 64, 3) and images.dtype == "uint8"
    whole = np.concatenate([part.images for part in splits.values()])
    assert len(np.unique(whole.reshape(len(whole), -1), axis=0)) == 2300


def test_test_rooms_have_furniture_of_their_own(splits):
    used = {
        split: {name for row in part.info["models"] for name in row.split()}
        for split, part in splits.items()
    }
    others = used["train"] | used["validation"] | used["unlabelled"]
    assert used["test"].isdisjoint(others)
    for first, second in MODELS.values():
        # Nearly all that there is is used.
        assert len(others & set(first.split())) >= len(first.split()) - 1
        assert used["test"] >= set(second.split())


def test_nothing_is_told_of_unlabelled_rooms(splits):
    room = splits["unlabelled"]
    assert room.labels is room.depth is room.normals is None


@pytest.mark.parametrize("split", KNOWN)
def test_maps(splits, split):
    part = splits[split]
    assert part.labels.dtype == "uint8"
    assert part.depth.dtype == part.normals.dtype == np.float32
    assert part.class_names == list(CLASSES)
    shares = np.bincount(part.labels.ravel(), minlength=11) / part.labels.size
    assert len(shares) == 11 and shares.min() > 0.005
    assert 0.6 < part.depth.min() and part.depth.max() < 8
    # Steps of a centimetre.
    np.testing.assert_allclose(
        part.depth * 100, np.rint(part.depth * 100), atol=1e-3
    )
    length = np.linalg.norm(part.normals, axis=-1)
    np.testing.assert_allclose(length, 1, atol=1e-5)


@pytest.mark.parametrize("split", KNOWN)
def test_surfaces_look_to_the_viewer(splits, split):
    part = splits[split]
    for place in range(0, len(part), 5):
        rays = directions(part.info["field_of_view"][place])
        facing = -(part.normals[place] * rays).sum(-1)
        # Within what is rounded, of surfaces that are seen from the side.
        assert facing.min() > -0.05


@pytest.mark.parametrize("split", KNOWN)
def test_floors_and_ceilings(splits, split):
    """The height of the camera follows from depth, field of view and pitch."""
    part = splits[split]
    for place in range(len(part)):
        rays = directions(part.info["field_of_view"][place])
        up = up_of(part.info["pitch"][place])
        height = part.depth[place] * (rays @ up)
        upright = part.normals[place] @ up
        floor = part.labels[place] == FLOOR
        level = floor & (upright > 0.99)
        assert level.sum() > 0.9 * floor.sum()
        error = height[level] + part.info["eye_height"][place]
        # Rugs are a centimetre high, and depth is rounded.
        assert np.abs(np.median(error)) < 0.02
        assert np.quantile(np.abs(error), 0.9) < 0.1
        ceiling = part.labels[place] == CEILING
        if ceiling.sum() > 50:
            assert np.median(upright[ceiling]) < -0.99
            assert (
                2.3
                < np.median(height[ceiling] - error.mean())
                + part.info["eye_height"][place]
                < 2.9
            )


@pytest.mark.parametrize("split", KNOWN)
def test_normals_follow_from_depth(splits, split):
    """On walls: cross products of steps between points that depth gives."""
    part, angles = splits[split], []
    for place in range(0, len(part), 10):
        rays = directions(part.info["field_of_view"][place])
        points = rays * part.depth[place][..., np.newaxis]
        right = points[2:-2, 4:] - points[2:-2, :-4]
        above = points[:-4, 2:-2] - points[4:, 2:-2]
        found = np.cross(right, above)
        found /= np.linalg.norm(found, axis=-1, keepdims=True)
        cells = np.lib.stride_tricks.sliding_window_view
        window = cells(part.labels[place], (5, 5)).reshape(60, 60, 25)
        near = cells(part.normals[place], (5, 5), axis=(0, 1))
        true = part.normals[place][2:-2, 2:-2]
        alike = (near * true[..., None, None]).sum(2).min((2, 3)) > 0.999
        flat = alike & (window == WALL).all(-1)
        angles.append((found * true).sum(-1)[flat])
    degrees = np.degrees(np.arccos(np.concatenate(angles).clip(-1, 1)))
    assert len(degrees) > 1_000
    assert np.median(degrees) < 1.5 and np.quantile(degrees, 0.95) < 6


def test_pictures_show_what_the_labels_say(splits):
    """Ceilings are light and grey, plants green, windows brightest."""
    train = splits["train"]
    images = train.array()

    def mean(name):
        return images[train.labels == CLASSES.index(name)].mean(0)

    ceiling, plant = mean("ceiling"), mean("plant")
    assert ceiling.mean() > 0.7 and np.ptp(ceiling) < 0.06
    assert plant[1] > plant[0] and plant[1] > plant[2] + 0.05
    assert mean("window").mean() > mean("wall").mean() > mean("sofa").mean()


def test_embedded_files_are_small():
    place = resources.files("keras_vipa.datasets")
    names = ("rooms.webp", "rooms_surfaces.webp", "rooms_depth.webp")
    sizes = [len((place / n).read_bytes()) for n in (*names, "rooms.npz")]
    assert sum(sizes) <= 7_000_000
    card = (place / "README.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in card for name in names)
    assert "CC0" in card and "Sweet Home 3D" in card


def test_select_keeps_all_that_is_known(splits):
    train = splits["train"]
    few = train.select([3, 1])
    assert len(few) == 2 and few.class_names == train.class_names
    for name in ("images", "labels", "depth", "normals"):
        np.testing.assert_array_equal(
            getattr(few, name), getattr(train, name)[[3, 1]]
        )
    assert few.info["seed"].tolist() == train.info["seed"][[3, 1]].tolist()
    assert len(train.select(slice(5))) == 5 and len(train.select([])) == 0
    mask = np.arange(300) < 7
    assert len(train.select(mask)) == 7
    assert train.array(2).shape == (64, 64, 3)
    assert train.array([2]).shape == (1, 64, 64, 3)
    np.testing.assert_array_equal(train.array(-1), train.array()[-1])
    assert "maps=['labels', 'depth', 'normals'], classes=11" in repr(few)
    for bad in ([300], "x", [[0, 1]], [1.5]):
        with pytest.raises(ValueError, match="Received: index="):
            train.select(bad)


IMAGES = np.zeros((2, 4, 4, 3), "uint8")
ONES = np.ones((2, 4, 4))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"images": ONES}, "uint8 array"),
        ({"labels": ONES}, "`labels` must be numbers"),
        ({"labels": 300 * ONES.astype(int)}, "255 where not known"),
        ({"labels": ONES.astype(int), "class_names": ["a"]}, "0 to 1"),
        ({"labels": ONES.astype(int)[:1]}, "as many as pixels"),
        ({"depth": 0 * ONES}, "32 pixels without a depth"),
        ({"depth": np.nan * ONES}, "32 pixels without a depth"),
        ({"depth": np.ones((2, 8, 8))}, "as many as pixels"),
        ({"normals": np.ones((2, 4, 4, 3))}, "32 pixels with another"),
        ({"class_names": "wall"}, "must be a list"),
        ({"info": {"seed": [1]}}, "for 2 pictures"),
    ],
)
def test_what_does_not_fit(arguments, message):
    with pytest.raises(ValueError, match="Received: ") as error:
        RoomSet(**{"images": IMAGES, **arguments})
    assert message in str(error.value) and "\n" not in str(error.value)


def test_unknown_labels_have_no_name():
    labels = np.full((2, 4, 4), 255)
    labels[0, 0, 0] = 2
    assert RoomSet(IMAGES, labels).class_names == ["0", "1", "2"]


def test_unknown_split():
    with pytest.raises(ValueError, match="Received: split='all'"):
        rooms("all")
