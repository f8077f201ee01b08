import numpy as np
import pytest

from keras_vipa.utils import checks


@pytest.mark.parametrize("value", [None, "1", 1.0, True, 0, -1, [1], np.nan])
def test_integer(value):
    assert checks.integer("k", np.int8(3)) == 3
    with pytest.raises(ValueError) as error:
        checks.integer("k", value)
    assert str(error.value) == (
        f"`k` must be a positive integer. Received: k={value!r}"
    )


@pytest.mark.parametrize("value", [None, "1", True, 0, np.nan, np.inf, []])
def test_number(value):
    assert checks.number("t", 2) == 2.0
    with pytest.raises(ValueError, match="`t` must be a finite .*Received: t="):
        checks.number("t", value)


@pytest.mark.parametrize("value", [None, "c", ["a"], 3])
def test_choice(value):
    assert checks.choice("of", "a", ("a", "b")) == "a"
    with pytest.raises(ValueError, match=r"`of` .*\('a', 'b'\). Received: of="):
        checks.choice("of", value, ("a", "b"))


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
    assert len(shown) == 80
    assert "\n" not in shown
