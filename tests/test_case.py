"""The shared test case. It knows no particular class of keras_vipa."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import warnings

import keras
import numpy as np
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]


def run_python(*arguments, cwd=ROOT, path=ROOT, timeout=300, **variables):
    """Run Python in a process of its own.

    Args:
        *arguments: what follows `python`, such as `"-c", "print(1)"`.
        cwd: folder to run in.
        path: folder that `keras_vipa` is imported from.
        timeout: seconds until the process is ended and the test fails.
        **variables: more environment variables, such as `KERAS_BACKEND`.

    Returns:
        What the process wrote to standard output.
    """
    process = subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(path), **variables},
        capture_output=True,
        text=True,
        timeout=timeout,
    )
    assert process.returncode == 0, process.stdout + process.stderr
    return process.stdout


class TestCase:
    """Runners for what holds for every layer and for every amalgamator."""

    def assert_all_close(self, actual, expected, atol=1e-5, rtol=1e-5):
        """Compare two tensors, or two equal structures of tensors."""
        keras.tree.assert_same_structure(actual, expected)
        pairs = zip(keras.tree.flatten(actual), keras.tree.flatten(expected))
        for pair in pairs:
            one, other = map(keras.ops.convert_to_numpy, pair)
            assert one.shape == other.shape
            np.testing.assert_allclose(one, other, atol=atol, rtol=rtol)

    def run_layer_test(
        self,
        cls,
        init_kwargs,
        input_shape,
        expected_output_shape,
        expected_num_trainable_weights,
        expected_num_non_trainable_weights=0,
        input_data=None,
        unmoved_weights=(),
        run_training=True,
        run_mixed_precision=True,
    ):
        """Check the life cycle of a layer.

        Args:
            cls: the class of the layer.
            init_kwargs: dict. Arguments of its constructor.
            input_shape: tuple of integers with the batch size in front; or a
                list of them, for a layer called on one list; or a dict, for
                a layer called with these keyword arguments.
            expected_output_shape: tuple; a list or dict of tuples if the
                layer returns a list or dict.
            expected_num_trainable_weights: integer.
            expected_num_non_trainable_weights: integer.
            input_data: arrays in the structure of `input_shape`. Defaults to
                float32 values, uniform in [0, 1].
            unmoved_weights: names of trainable weights that one step of
                training does not change.
            run_training: whether to train one step.
            run_mixed_precision: whether to run with `mixed_float16`.
        """
        data = _random(input_shape) if input_data is None else input_data
        self._check_config(cls, init_kwargs)

        layer = cls(**init_kwargs)
        output = _call(layer, data)
        assert _shapes(output) == expected_output_shape
        _check_floats(output, "float32")
        assert len(layer.trainable_weights) == expected_num_trainable_weights
        num_others = len(layer.non_trainable_weights)
        assert num_others == expected_num_non_trainable_weights

        model = _functional(cls(**init_kwargs), data)
        assert _shapes(model.output) == expected_output_shape
        if run_mixed_precision:
            mixed = cls(**{**init_kwargs, "dtype": "mixed_float16"})
            _check_floats(_call(mixed, data), "float16")
            _check_floats([w.value for w in mixed.weights], "float32")
        if run_training:
            self._check_training_step(model, data, unmoved_weights)
        self.assert_all_close(_saved_and_loaded(model)(data), model(data))

    def _check_config(self, cls, init_kwargs):
        layer = cls(**init_kwargs)
        assert set(init_kwargs) <= set(layer.get_config())
        config = keras.saving.serialize_keras_object(layer)
        assert config["registered_name"] == f"keras_vipa>{cls.__name__}"
        written = json.loads(json.dumps(config))
        for revived in (
            cls.from_config(layer.get_config()),
            keras.saving.deserialize_keras_object(written),
        ):
            assert keras.saving.serialize_keras_object(revived) == config

    def _check_training_step(self, model, data, unmoved_weights):
        targets = _random(_shapes(model.output))
        weights = model.trainable_weights
        before = _values(weights)
        model.compile(keras.optimizers.SGD(0.1), loss="mse")
        model.train_on_batch(data, targets)
        assert all(np.isfinite(value).all() for value in _values(weights))
        moved = _moved(weights, before)
        still = [w.name for w in weights if w.path not in moved]
        assert sorted(still) == sorted(unmoved_weights)

    def run_amalgamator_test(
        self,
        amalgamator,
        images,
        terms=None,
        epochs=20,
        learning_rate=0.01,
    ):
        """Check the life cycle of an amalgamator, in its present phase.

        It is compiled here with Adam, and is trained afterwards.

        Args:
            amalgamator: a `keras.Model` with `teachers` and a `student`, and
                with `loss_weights`, a dict, if its terms are weighted.
            images: float array. A multiple of 16 long, which is the size of
                the batches.
            terms: names of the loss terms. Defaults to the keys of what
                `amalgamator(images)` returns.
            epochs: integer. Training in which the loss has to fall by a
                tenth, at least.
            learning_rate: float.
        """
        terms = terms or amalgamator(images[:16]).keys()
        amalgamator.compile(keras.optimizers.Adam(learning_rate))
        options = {"batch_size": 16, "verbose": 0}

        before = _values(amalgamator.weights)
        first = amalgamator.evaluate(images, return_dict=True, **options)
        assert _moved(amalgamator.weights, before) == []

        self._check_epoch(amalgamator, images, terms, options)
        amalgamator.fit(images, epochs=epochs, **options)
        last = amalgamator.evaluate(images, return_dict=True, **options)
        assert last["loss"] < 0.9 * first["loss"]

        loaded = _saved_and_loaded(amalgamator)
        again = loaded.evaluate(images, return_dict=True, **options)
        self.assert_all_close(again, last)
        student = _saved_and_loaded(amalgamator.student)
        self.assert_all_close(student(images), amalgamator.student(images))

        # At last, since on JAX a model is of no use after an error in `fit`.
        with pytest.raises(ValueError, match="label"):
            amalgamator.fit(images, np.zeros(len(images)), **options)

    def _check_epoch(self, amalgamator, images, terms, options):
        teachers = [w for t in amalgamator.teachers for w in t.weights]
        trained = amalgamator.trainable_weights
        assert not {id(w) for w in teachers} & {id(w) for w in trained}
        before = _values(teachers), _values(trained)
        history = amalgamator.fit(images, **options).history
        assert _moved(teachers, before[0]) == []
        assert _moved(trained, before[1]) == [w.path for w in trained]
        assert set(history) == {"loss", *terms}
        assert np.isfinite(list(history.values())).all()
        weights = getattr(amalgamator, "loss_weights", {})
        total = sum(weights.get(t, 1.0) * history[t][0] for t in terms)
        np.testing.assert_allclose(history["loss"][0], total, rtol=1e-5)


def _random(shape):
    """Arrays in the structure of a shape, a list or a dict of shapes."""
    return keras.tree.map_shape_structure(
        lambda part: np.random.uniform(size=part).astype("float32"), shape
    )


def _call(layer, data):
    return layer(**data) if isinstance(data, dict) else layer(data)


def _functional(layer, data):
    inputs = keras.tree.map_structure(
        lambda a: keras.Input(batch_shape=a.shape, dtype=a.dtype), data
    )
    return keras.Model(inputs, _call(layer, inputs))


def _shapes(tensors):
    return keras.tree.map_structure(lambda t: tuple(t.shape), tensors)


def _values(weights):
    return [keras.ops.convert_to_numpy(weight.value) for weight in weights]


def _check_floats(tensors, dtype):
    """All are finite, and those that are floats have this dtype."""
    for tensor in keras.tree.flatten(tensors):
        name = keras.backend.standardize_dtype(tensor.dtype)
        assert name == dtype or "float" not in name
        assert np.isfinite(keras.ops.convert_to_numpy(tensor)).all()


def _moved(weights, before):
    """Paths of the weights that are not exactly what they were before."""
    values = zip(weights, before, _values(weights), strict=True)
    return [w.path for w, old, new in values if not np.array_equal(old, new)]


def _saved_and_loaded(model):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "model.keras"
        model.save(path)
        with warnings.catch_warnings():
            # Keras only warns if it leaves variables out.
            warnings.filterwarnings("error", ".*variable", UserWarning)
            return keras.saving.load_model(path)
