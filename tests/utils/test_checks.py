import pathlib

import ml_dtypes
import numpy as np
import pytest

from keras_vipa.utils import checks

RULE = "`x` must be numbers"


@pytest.mark.parametrize("value", [None, "1", 1.0, True, 0, -1, [1], np.nan])
def test_integer(value):
    assert checks.integer("k", np.int8(3)) == 3
    with pytest.raises(ValueError) as error:
        checks.integer("k", value)
    assert str(error.value) == (
        f"`k` must be a positive integer. Received: k={value!r}"
    )


@pytest.mark.parametrize("value", [1, 5, None, 10**400])
def test_integer_in_a_range(value):
    assert [checks.integer("k", k, 2, most=4) for k in (2, 4)] == [2, 4]
    with pytest.raises(ValueError, match="`k` must be an integer from 2 to 4"):
        checks.integer("k", value, 2, most=4)
    for least, rule in ((0, "an integer, not negative"), (2, "of at least 2")):
        with pytest.raises(ValueError, match=rule):
            checks.integer("k", -1, least)


@pytest.mark.parametrize(
    "value", [None, "1", True, -1, np.nan, np.inf, [], 10**400, np.ones(2), 1j]
)
def test_number(value):
    found = checks.number("t", 2)
    assert found == 2 and isinstance(found, float)
    assert checks.number("t", np.float16(0)) == 0
    with pytest.raises(ValueError, match="`t` must be a finite .*Received: t="):
        checks.number("t", value)


def test_number_in_a_range():
    for value in (0, 1, np.float32(0.5)):
        assert checks.number("t", value, most=1) == value
    with pytest.raises(ValueError, match="of at least 0 and at most 1.*t=1.1"):
        checks.number("t", 1.1, most=1)
    with pytest.raises(ValueError, match="`t` must be .* above 0. Received"):
        checks.number("t", 0, above=True)
    assert checks.number("t", -3, -np.inf) == -3
    for value in (np.inf, -np.inf):
        with pytest.raises(ValueError, match="`t` must be a finite number. R"):
            checks.number("t", value, -np.inf)
        assert checks.number("t", value, -np.inf, allow_infinite=True) == value
    with pytest.raises(ValueError, match="`t` must be a number. R"):
        checks.number("t", np.nan, -np.inf, allow_infinite=True)


@pytest.mark.parametrize("value", [None, "c", ["a"], 3])
def test_choice(value):
    assert checks.choice("of", "a", ("a", "b")) == "a"
    with pytest.raises(ValueError, match=r"`of` .*\('a', 'b'\). Received: of="):
        checks.choice("of", value, ("a", "b"))


@pytest.mark.parametrize(
    "value", [None, 2, "12", [0, 1], [1], [1.0, 2], [True]]
)
def test_sizes(value):
    found = checks.sizes("widths", [np.int64(4), 2], 2)
    assert found == (4, 2) and type(found[0]) is int
    assert checks.sizes("widths", ()) == ()
    with pytest.raises(
        ValueError, match="must be 2 positive.*Received: widths"
    ):
        checks.sizes("widths", value, 2)


@pytest.mark.parametrize("value", [None, 3, "", b"a", "a\0b", ["a"]])
def test_path(value):
    for path in ("a/b", pathlib.Path("a/b")):
        assert checks.path("file", path) == pathlib.Path("a/b")
    with pytest.raises(ValueError, match="`file` must be .*Received: file="):
        checks.path("file", value)


@pytest.mark.parametrize(
    "value", [None, "a", [], {}, object(), [[1], [2, 3]], [None], 1.5, [1j]]
)
def test_array(value):
    for good in ([1, 2], [True], np.ones(2, ml_dtypes.bfloat16)):
        assert checks.array("x", good, RULE, 1).shape == np.shape(good)
    with pytest.raises(ValueError, match=f"{RULE}. Received: x="):
        checks.array("x", value, RULE, 1)


def test_array_of_some_kinds():
    for dtype in ("uint8", "float16", "float64"):
        assert checks.array(
            "x", np.ones(2, dtype), RULE, 1, checks.PIXELS
        ).any()
    for dtype in ("uint16", "int8", "bool"):
        with pytest.raises(
            ValueError, match=rf"shape \(2,\) and dtype {dtype}"
        ):
            checks.array("x", np.ones(2, dtype), RULE, None, checks.PIXELS)
    assert checks.array("x", [], RULE, allow_empty=True).shape == (0,)


@pytest.mark.parametrize(
    "value",
    [None, 3, [], {}, np.zeros((0, 2)), np.float32(1), np.array(["x"])],
)
def test_length(value):
    assert checks.length("x", {"a": np.zeros(4), "b": np.ones((4, 2))}) == 4
    with pytest.raises(ValueError, match="`x` must be an array.*Received: "):
        checks.length("x", value)


def test_memory():
    checks.memory("`count`", 10)
    with pytest.raises(ValueError, match="`count` must .*Received: 1,000,000,"):
        checks.memory("`count`", 10**24)


def test_what_is_shown_is_short():
    shown = checks.shown(np.zeros((100, 100)))
    assert shown == "an array of shape (100, 100) and dtype float64"
    shown = checks.shown([np.zeros((9, 9))])
    assert len(shown) == 80 and "\n" not in shown
