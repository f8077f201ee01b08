"""Files of `ModelSpace`: what is read, and what is replaced."""

import json

import keras
import numpy as np
import pytest
from keras import layers

from keras_vipa.transferability import ModelSpace

pytestmark = [pytest.mark.tensorflow, pytest.mark.usefixtures("eager")]

PROBES = np.random.default_rng(0).uniform(size=(4, 6, 6, 3))


@pytest.fixture(scope="module")
def space():
    measures = ["maps", "edges", "graph", "curves", "rsa", "cka"]
    space = ModelSpace(PROBES, measures=measures, pool=np.int64(2), steps=2)
    for name in "ab":
        x = keras.Input((6, 6, 3))
        space.add(name, keras.Model(x, layers.Conv2D(2, 3)(x)))
    return space


@pytest.fixture
def path(space, tmp_path):
    space.save(tmp_path / "space.npz")
    return tmp_path / "space.npz"


def changed(arrays, key, value):
    """With another array, or another entry of the state."""
    if key in arrays:
        return {**arrays, key: value(arrays[key])}
    state = json.loads(str(arrays["state"]))
    place = state["settings"] if key in state["settings"] else state
    place[key] = value(place[key]) if key in place else value
    return {**arrays, "state": json.dumps(state)}


@pytest.mark.parametrize(
    "key, value, message",
    [
        ("of cka", lambda x: np.nan * x, "'cka' must be finite.* 32 numbers"),
        ("of maps", lambda x: x[:, :-1], r"\(2, 16\).*shape \(2, 15\)"),
        ("of curves", lambda x: x[:1], r"\(2, 32\).*shape \(1, 32\)"),
        ("of graph", lambda x: x.astype("float64"), "float16.*float64"),
        ("of rsa", lambda x: x.astype(str), "float16.*<U"),
        ("of edges", lambda x: x.astype(object), "allow_pickle"),
        ("state", lambda x: "{", "JSONDecodeError"),
        ("state", lambda x: "[]", "TypeError"),
        ("probe_images", lambda x: np.nan * x, "in .0, 1."),
        ("probe_images", lambda x: x[:3], r"\(2, 12\).*shape \(2, 16\)"),
        ("names", lambda x: [1, 2], r"list of names.*\[1, 2\]"),
        ("names", lambda x: ["a", "a"], "Names must differ"),
        ("names", lambda x: None, "list of names.*None"),
        ("dead", lambda x: {"a": 0}, "dead maps each"),
        ("dead", lambda x: {"a": 0, "b": 9}, "from 0 to 4.*dead=9"),
        ("pool", lambda x: 3, r"\(2, 36\).*shape \(2, 16\)"),
        ("steps", lambda x: 2.5, "`steps` must be"),
        ("measures", lambda x: ["mmd"], "`measures` must be"),
        ("batch_size", lambda x: 0, "`batch_size` must be"),
    ],
)
def test_tampered(path, key, value, message):
    with np.load(path) as file:
        arrays = changed(dict(file), key, value)
    np.savez(path, **arrays)
    with pytest.raises(ValueError, match=f"{message}.*space.npz") as error:
        ModelSpace.load(path)
    assert "\n" not in str(error.value)


def test_damaged(path, tmp_path):
    data = path.read_bytes()
    middle = len(data) // 2
    flipped = bytes([data[middle] ^ 255])
    for wrong in (
        b"",
        b"text",
        data[:-1],
        data[:middle],
        data[:middle] + flipped + data[middle + 1 :],
    ):
        path.write_bytes(wrong)
        with pytest.raises(ValueError, match="must be in a file.*space.npz"):
            ModelSpace.load(path)
    for other in (tmp_path, None, 3):
        with pytest.raises(ValueError, match="must be .*Received: "):
            ModelSpace.load(other)


class TestReplaced:
    def test_a_space(self, space, path):
        path.write_bytes(path.read_bytes() + b"old")
        space.save(path)
        assert ModelSpace.load(path).names == ["a", "b"]

    def test_an_empty_file(self, space, tmp_path):
        (tmp_path / "empty.npz").touch()
        space.save(tmp_path / "empty.npz")
        assert ModelSpace.load(tmp_path / "empty.npz").names == ["a", "b"]

    def test_nothing_else(self, space, tmp_path):
        path = tmp_path / "codes.npz"
        np.savez(path, codes=np.zeros(3))
        for data in (path.read_bytes(), b"text"):
            path.write_bytes(data)
            with pytest.raises(ValueError, match="no other kind.*codes.npz"):
                space.save(path)
            assert path.read_bytes() == data
        assert [p.name for p in tmp_path.iterdir()] == ["codes.npz"]

    @pytest.mark.parametrize("name", ["a", "a.npy", "a.npz.txt"])
    def test_other_endings(self, space, tmp_path, name):
        with pytest.raises(ValueError, match="ends in .npz"):
            space.save(tmp_path / name)
        assert not list(tmp_path.iterdir())
