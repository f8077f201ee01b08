"""Arguments that are none: one line with the rule, and what was received."""

import keras
import numpy as np
import pytest
from keras import layers

from keras_vipa import losses
from keras_vipa import metrics
from keras_vipa import transferability
from keras_vipa.layers import AttributionGradient

pytestmark = [pytest.mark.tensorflow, pytest.mark.usefixtures("eager")]

ROWS = np.random.default_rng(0).uniform(size=(12, 4))
ROWS /= ROWS.sum(axis=1, keepdims=True)
LABELS = np.arange(12) % 3
IMAGES = np.random.default_rng(0).uniform(size=(4, 6, 6, 3)).astype("float32")
ARRAYS = (None, "a", ["a", "b"], [], {}, object(), [[1], [2, 3]], [None], 1.5)
WHOLE = (None, "a", ["a"], -1, 1.5, np.nan, True, np.zeros(3))
NAMES = (None, "bogus", ["a"], 3, {}, np.zeros(3))
T = transferability

# Each with its arguments; name -> what is tried in the place of one.
CASES = [
    (T.nce, {"source_classes": LABELS, "labels": LABELS}, {}),
    (T.leep, {"probabilities": ROWS, "labels": LABELS}, {}),
    (T.h_score, {"features": ROWS, "labels": LABELS}, {}),
    (
        T.log_me,
        {"features": ROWS, "labels": LABELS},
        {"steps": (*WHOLE, 0), "tolerance": ("a", -1, None, np.nan)},
    ),
    (
        T.readout_error,
        {"features": ROWS, "targets": ROWS},
        {"labels": (*WHOLE, 4, 12)},
    ),
    (T.rank_correlations, {"scores": ROWS, "truth": ROWS}, {}),
    (
        T.precision_at_k,
        {"scores": ROWS, "truth": ROWS},
        {"k": (*WHOLE, 0, 13), "relevant": (*WHOLE, 0, 13)},
    ),
    (
        T.permutation_test,
        {"scores": ROWS, "truth": ROWS},
        {"permutations": (*WHOLE, 0), "seed": WHOLE},
    ),
    (
        T.evaluate_ranking,
        {"scores": ROWS, "truth": ROWS},
        {
            "relevant": (*WHOLE, 0),
            "permutations": (*WHOLE, 0),
            "seed": WHOLE,
            "least": (None, "a", np.nan),
        },
    ),
    (
        T.ModelSpace,
        {"probe_images": IMAGES},
        {
            "method": NAMES,
            "measures": (*NAMES, "maps", []),
            "pool": (*WHOLE[1:], 0, 7),
            "projection": (*WHOLE[1:], 0, 10**9),
            "steps": (*WHOLE, 0, 10**9),
            "batch_size": (*WHOLE, 0),
            "seed": WHOLE,
        },
    ),
    (
        T.attribution_maps,
        {"images": IMAGES},
        {
            "model": (None, "a", ROWS),
            "method": NAMES,
            "target": ("a", [], ["a"], 1.5, 9, True, np.zeros((4, 2), int)),
            "reduction": NAMES[1:],
            "batch_size": (*WHOLE, 0),
            "epsilon": (None, "a", 0, -1, np.nan, np.inf, [1]),
            "steps": (*WHOLE, 0, 10**9),
            "baseline": (None, "a", np.nan, [0]),
            "jit_compile": ("a", 1, []),
        },
    ),
    (
        T.gradient_curves,
        {"images": IMAGES},
        {
            "model": (None, "a"),
            "steps": (*WHOLE, 0, 10**9),
            "target": ("a", 1.5, [0, 1, 2, 3]),
            "batch_size": (*WHOLE, 0),
            "seed": WHOLE,
        },
    ),
    (
        metrics.accuracy,
        {"labels": LABELS, "logits": ROWS},
        {"classes": ("a", 3, [0, 1], slice(7, 9), slice(2, 2), slice("a"))},
    ),
    (
        metrics.agreement,
        {"target": ROWS, "logits": ROWS},
        {"classes": ("a", 3, [0, 1], slice(7, 9), slice(2, 2), slice("a"))},
    ),
    (losses.squared_error, {"target": ROWS, "output": ROWS}, {}),
]
REQUIRED = {
    T.precision_at_k: {"k": 1, "relevant": 1},
    T.readout_error: {"labels": 6},
}
ATTEMPTS = [
    pytest.param(function, good, name, tried, id=f"{function.__name__}-{name}")
    for function, good, more in CASES
    for name, tried in {**dict.fromkeys(good, ARRAYS), **more}.items()
]


@pytest.fixture(scope="module")
def model():
    x = keras.Input((6, 6, 3))
    return keras.Model(x, layers.Dense(3)(layers.Flatten()(x)))


def check(function, *args, **kwargs):
    with pytest.raises(ValueError, match="Received: ") as error:
        function(*args, **kwargs)
    message = str(error.value)
    assert "\n" not in message and len(message) < 400


@pytest.mark.parametrize("function, good, name, tried", ATTEMPTS)
def test_refused(model, function, good, name, tried):
    if "images" in good:
        good = {"model": model, **good}
    good = {**REQUIRED.get(function, {}), **good}
    for value in tried:
        check(function, **{**good, name: value})


@pytest.mark.parametrize(
    "function, args",
    [
        (T.h_score, (ROWS, LABELS - 1)),
        (T.h_score, (ROWS, LABELS * 1.0)),
        (T.h_score, (ROWS, LABELS[:5])),
        (T.leep, (np.nan * ROWS, LABELS)),
        (T.log_me, (ROWS, np.zeros((12, 0)))),
        (T.log_me, (ROWS, np.inf * ROWS)),
        (T.readout_error, (np.nan * ROWS, ROWS, 6)),
        (T.readout_error, (ROWS, np.ones((12, 1)), 6)),
        (T.rank_correlations, (ROWS.astype(str), ROWS)),
        (T.evaluate_ranking, (ROWS, ROWS[:3])),
        (metrics.accuracy, (LABELS, np.nan * ROWS)),
        (metrics.accuracy, (LABELS - 1, ROWS)),
        (metrics.accuracy, (LABELS + 9, ROWS)),
        (metrics.accuracy, (LABELS[:3], ROWS)),
        (metrics.agreement, (ROWS[:3], ROWS)),
        (metrics.by_part, (None, LABELS, [slice(2)])),
        (metrics.by_part, (metrics.accuracy, LABELS, None)),
        (metrics.by_part, (metrics.accuracy, LABELS, [0, 1])),
        (losses.squared_error, (ROWS, ROWS[:, :1])),
        (losses.squared_error, (1.0, 2.0)),
    ],
)
def test_arrays_that_do_not_fit(function, args):
    check(function, *args)


def test_layer(model):
    for key, tried in (
        ("model", (None, "a", ROWS)),
        ("method", NAMES),
        ("steps", (*WHOLE, 0, 10**9)),
        ("baseline", (None, np.nan)),
    ):
        for value in tried:
            check(AttributionGradient, **{"model": model, key: value})


def test_space(model, tmp_path):
    space = T.ModelSpace(IMAGES, measures=["cka"])
    for value in (None, 3, ["a"]):
        check(space.add, value, model)
    for value in (None, "a", ROWS):
        check(space.add, "a", value)
    for value in ("a", 3, lambda x: "a"):
        check(space.add, "a", model, value)
    assert space.names == []
    space.add("a", model)
    space.add("b", model)
    for value in (None, ["cka"], {}, "maps"):
        check(space.affinity, value)
        check(space.rank, "a", value)
    for value in (None, ["a"], "c"):
        check(space.rank, value, "cka")
    for value in (None, 3, "a", tmp_path / "a", tmp_path / "a.xyz"):
        check(space.plot, value, "cka")
        check(space.save, value)
    assert not list(tmp_path.iterdir())
    pytest.importorskip("scipy")
    for value in (None, "bogus", ["single"]):
        check(space.tree, "cka", value)
