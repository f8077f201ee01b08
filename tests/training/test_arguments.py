"""What is misspelt, ignored or impossible is refused before any work."""

import keras
import numpy as np
import pytest
from training.test_phased_model import Pair
from training.test_phased_model import vectors

from keras_vipa import training
from keras_vipa.training import backup

EPOCHS = {"both": 1}
X = vectors(8)


@pytest.mark.parametrize(
    "arguments",
    [
        {"epochs": {}},
        {"epochs": {"both": 0}},
        {"epochs": {"both": -1}},
        {"epochs": {"both": 1.5}},
        {"epochs": {"both": None}},
        {"epochs": {"both": True}},
        {"epochs": 5},
        {"epochs": ["both"]},
        {"optimizers": {"both": "adamm"}},
        {"optimizers": "adam"},
        {"batch_size": 0},
        {"batch_size": 1.5},
        {"minutes": 0},
        {"minutes": float("nan")},
        {"cache_bytes": -1},
        {"cache_dtype": "float17"},
        {"cache_dtype": "int32"},
        {"cache_dtype": []},
        {"callbacks": None},
        {"callbacks": [3]},
        {"backup_dir": ""},
        {"backup_dir": __file__},
        {"jit_compile": "yes"},
        {"data": None},
        {"data": [X, X]},
        {"data": X[:0]},
        {"data": {}},
        {"data": {"left": X, "right": X[:3]}},
        {"data": {"left": np.array(["x"])}},
        {"labels": X[:3]},
        {"data": training.Batches(X, 4), "labels": X},
        {"validation_data": X[:0]},
        {"validation_data": (X, X[:3])},
    ],
)
def test_fit_stages(arguments):
    model = Pair()
    with pytest.raises(ValueError, match="Received: ") as error:
        model.fit_stages(**{"data": X, "epochs": EPOCHS, **arguments})
    assert next(iter(arguments)) in str(error.value) or "data" in arguments
    assert "\n" not in str(error.value)
    assert not model.compiled


@pytest.mark.parametrize(
    "phases", [None, {}, [], {"a": {}}, {"a": {"b": "x"}}, {"a": {"b": np.nan}}]
)
def test_phases(phases):
    with pytest.raises(ValueError, match="`phases` .*Received: "):
        training.PhasedModel(phases)


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        (training.Batches, (None, 2)),
        (training.Batches, (X[:0], 2)),
        (training.Batches, ({"a": X, "b": X[:2]}, 2)),
        (training.Batches, (X, 0)),
        (training.Batches, (X, 2, None)),
        (training.Batches, (X, 2, 0, X[:2])),
        (training.Batches(X, 2).set_epoch, (1.5,)),
        (training.in_blocks, (None, X, 2)),
        (training.in_blocks, (lambda x: x, X, 2)),
        (training.in_blocks, (lambda x: {"y": x[:1]}, X, 4)),
        (training.in_blocks, (lambda x: {"y": x}, X, -1)),
        (training.in_blocks, (lambda x: {"y": x}, X, 2, "float17")),
        (training.default_epochs, (None,)),
        (training.default_epochs, (100, 0)),
        (training.default_epochs, (100, 64, 1000, 5, 4)),
        (training.hold_back, (X[:1], 3)),
        (training.hold_back, (X, 1.5)),
        (training.expected_seconds, (None, X, EPOCHS)),
        (training.expected_seconds, (Pair, X, {"bot": 1})),
        (training.announce, (Pair, X, {})),
        (training.announce, (Pair, X, EPOCHS, 0)),
        (training.FiniteGuard, (None,)),
        (training.Progress, ("",)),
    ],
)
def test_others(function, arguments):
    arguments = [Pair() if item is Pair else item for item in arguments]
    with pytest.raises(ValueError, match="Received: "):
        function(*arguments)


@pytest.mark.parametrize("content", [b"", b"null", b"damaged", None])
def test_a_damaged_backup_is_one_line(tmp_path, content):
    model = Pair()
    store = backup.PhaseBackup(model, tmp_path, "both")
    store.save_finished()
    whole = store.finished.read_bytes()
    store.finished.write_bytes(whole[:500] if content is None else content)
    with pytest.raises(ValueError, match="`backup_dir`.*Received: ") as error:
        model.fit_stages(X, EPOCHS, backup_dir=tmp_path, verbose=0)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "name", ["training_metadata.json", "latest.weights.h5"]
)
def test_a_damaged_backup_of_an_epoch(tmp_path, name):
    store = backup.PhaseBackup(Pair(), tmp_path, "both")
    store.unfinished.mkdir()
    (store.unfinished / "training_metadata.json").write_text(
        '{"epoch": 1, "batch": 0}'
    )
    (store.unfinished / name).write_bytes(b"damaged")
    callback = store.callback()
    callback.set_model(Pair())
    callback.model.compile(keras.optimizers.SGD(0.0))
    with pytest.raises(ValueError, match="`backup_dir`.*Received: ") as error:
        callback.on_train_begin()
    assert "\n" not in str(error.value)
