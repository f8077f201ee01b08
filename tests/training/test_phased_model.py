"""The frame of all training, shown by small models of each kind."""

import itertools
import types

import keras
import numpy as np
import pytest
from keras import ops
from test_case import TestCase
from training.shared import Interrupt
from training.shared import on_one_and_on_all
from training.shared import several_devices

from keras_vipa.training import Batches
from keras_vipa.training import PhasedModel
from keras_vipa.training.batches import in_blocks

EPOCHS = {"both": 3, "last": 3}


def vectors(count, width=4, seed=3):
    """The last ones are larger, so that weighting shows."""
    x = np.random.default_rng(seed).normal(size=(count, width))
    x[-2:] *= 10.0
    return x.astype("float32")


def dense(units, inputs=4, seed=0):
    layer = keras.layers.Dense(units)
    layer.build((None, inputs))
    generator = np.random.default_rng(seed)
    layer.set_weights([generator.normal(size=w.shape) for w in layer.weights])
    return layer


def array(x):
    return ops.convert_to_numpy(x)


class Kept(PhasedModel):
    """Has its variables from the start."""

    def set_phase(self, phase):
        super().set_phase(phase)
        self.built = True


class Pair(Kept):
    """A linear student that imitates two fixed layers at once."""

    learning_rates = {"both": 0.01, "last": 0.01}

    def __init__(self, dropout=0.0, seed=0, weights=(1.0, 1.0)):
        both = dict(zip(("first", "second"), weights))
        super().__init__({"both": both, "last": {"second": 1.0}}, seed)
        self.fixed = [dense(2, seed=1), dense(2, seed=2)]
        for layer in self.fixed:
            layer.trainable = False
        self.student = dense(2, seed=3)
        self.dropout = keras.layers.Dropout(dropout, seed=0)
        self.reads = 0
        self.set_phase("both")

    def feature_names(self):
        return list(self.phases[self.phase])

    def frozen_features(self, inputs):
        self.reads += 1
        x = inputs["images"]
        return {n: f(x) for n, f in zip(("first", "second"), self.fixed)}

    def call(self, inputs, training=None):
        inputs = self.with_features(inputs)
        x = self.dropout(inputs["images"], training=training)
        return {"output": self.student(x), **inputs}

    def loss_terms(self, inputs, outputs):
        return {
            name: ops.mean((outputs[name] - outputs["output"]) ** 2, axis=-1)
            for name in self.phases[self.phase]
        }


def true_terms(model, x):
    output = array(model.student(x))
    return {
        name: float(np.mean((array(layer(x)) - output) ** 2))
        for name, layer in zip(("first", "second"), model.fixed)
    }


def still():
    return keras.optimizers.SGD(0.0)


class TestTerms(TestCase):
    """The loss is the weighted sum of the terms, each a mean over all."""

    @pytest.mark.parametrize("phase", EPOCHS)
    def test_unequal_last_batch(self, phase):
        model, x = Pair(weights=(0.5, 3.0)), vectors(10)
        model.set_phase(phase)
        model.compile(still())
        terms = true_terms(model, x)
        weights = model.phases[phase]
        expected = {name: terms[name] for name in weights}
        expected["loss"] = sum(weights[n] * terms[n] for n in weights)
        # Batches of 4, 4 and 2.
        history = model.fit(x, batch_size=4, verbose=0).history
        logged = {name: values[0] for name, values in history.items()}
        again = model.evaluate(x, batch_size=4, verbose=0, return_dict=True)
        for log in (logged, again):
            assert set(log) == set(expected)
            for name, value in expected.items():
                np.testing.assert_allclose(log[name], value, rtol=1e-5)

    def test_sample_weights(self):
        model, x = Pair(), vectors(8)
        model.set_phase("last")
        model.compile(still())
        weights = np.array([0.0, 1.0, 2.0, 0.0, 1.0, 0.0, 0.0, 3.0])
        each = array(ops.mean((model.fixed[1](x) - model.student(x)) ** 2, -1))
        loss = model.compute_loss(
            x, None, model(x), ops.convert_to_tensor(weights, "float32")
        )
        # As Keras weighs: divided by the number of samples.
        np.testing.assert_allclose(
            float(loss), float((weights * each).sum()) / 8, rtol=1e-5
        )

    def test_terms_must_be_those_of_the_phase(self):
        model = Pair()
        outputs = model(vectors(4))
        model.loss_terms = lambda x, y: {"third": ops.zeros((4,))}
        with pytest.raises(ValueError, match=r"'second'\].*\['third'\]"):
            model.compute_loss(vectors(4), None, outputs)


class Chooser(Kept):
    """Each sample learns from the teachers that it chooses, 0 or 1 each."""

    def __init__(self):
        super().__init__({"all": {"first": 1.0, "second": 1.0}})
        self.student = dense(2)
        self.set_phase("all")

    def call(self, inputs):
        return self.student(inputs["images"])

    def loss_terms(self, inputs, outputs):
        return {
            name: inputs["chosen"][:, number]
            * ops.mean((outputs - inputs[name]) ** 2, axis=-1)
            for number, name in enumerate(("first", "second"))
        }


class Scalars(Kept):
    """A distance of two batches and a penalty, neither of single samples."""

    learning_rates = {"all": 0.01}

    def __init__(self):
        super().__init__({"all": {"distance": 10.0, "penalty": 0.5}})
        self.one, self.other = dense(3, seed=1), dense(3, seed=2)
        self.set_phase("all")

    def call(self, inputs):
        return self.one(inputs["left"]), self.other(inputs["right"])

    def loss_terms(self, inputs, outputs):
        means = [ops.mean(x, axis=0) for x in outputs]
        return {
            "distance": ops.sum((means[0] - means[1]) ** 2),
            "penalty": ops.sum(self.one.kernel**2),
        }


class Sequences(Kept):
    """Masked cross-entropy of sequences with labels, KL and an angle."""

    learning_rates = {"all": 0.01}

    def __init__(self):
        terms = {"words": 1.0, "kl": 2.0, "angle": 3.0}
        super().__init__({"all": terms})
        self.scores = dense(5, inputs=3)
        self.set_phase("all")

    def call(self, inputs):
        return {"scores": self.scores(inputs["frames"])}

    def loss_terms(self, inputs, outputs, labels):
        logs = ops.log_softmax(outputs["scores"], axis=-1)
        chosen = ops.take_along_axis(logs, labels["words"][..., None], -1)
        mask = ops.cast(labels["words"] != 0, "float32")
        teacher = ops.softmax(inputs["teacher"], axis=-1)
        kl = ops.sum(teacher * (ops.log(teacher) - logs), axis=-1)
        one, other = (ops.normalize(x, -1) for x in (logs, teacher))
        return {
            "words": -ops.sum(mask * chosen[..., 0], 1) / ops.sum(mask, 1),
            "kl": kl,
            "angle": ops.arccos(0.99 * ops.sum(one * other, -1)),
        }


class TestKindsOfTerms(TestCase):
    def test_chosen_per_sample_and_teacher(self):
        model, x = Chooser(), vectors(6)
        chosen = np.array([[1, 0], [0, 1], [0, 0], [1, 1], [0, 0], [0, 0]])
        chosen = chosen.astype("float32")
        first, second = vectors(6, 2, seed=5), vectors(6, 2, seed=6)
        data = {"images": x, "chosen": chosen, "first": first, "second": second}
        output = array(model.student(x))
        errors = [((output - t) ** 2).mean(-1) for t in (first, second)]
        model.compile(keras.optimizers.SGD(0.1))
        kernel = model.student.kernel
        before = array(kernel)
        history = model.fit(data, batch_size=6, verbose=0).history
        expected = [(chosen[:, n] * errors[n]).mean() for n in (0, 1)]
        np.testing.assert_allclose(history["first"][0], expected[0], rtol=1e-5)
        np.testing.assert_allclose(history["second"][0], expected[1], rtol=1e-5)
        # The step of the chosen ones alone, by hand.
        gradient = sum(
            x.T @ (chosen[:, n, None] * (output - (first, second)[n]) / 6)
            for n in (0, 1)
        )
        np.testing.assert_allclose(
            array(kernel), before - 0.1 * gradient, rtol=1e-4, atol=1e-5
        )

    def test_scalars_of_a_batch(self):
        model = Scalars()
        left, right = vectors(8), vectors(8, seed=4)
        model.compile(still())
        data = {"left": left, "right": right}
        logged = model.evaluate(data, batch_size=4, verbose=0, return_dict=True)
        distances = []
        for part in (slice(0, 4), slice(4, 8)):
            one = array(model.one(left[part])).mean(0)
            other = array(model.other(right[part])).mean(0)
            distances.append(((one - other) ** 2).sum())
        penalty = (array(model.one.kernel) ** 2).sum()
        np.testing.assert_allclose(
            logged["distance"], np.mean(distances), rtol=1e-5
        )
        np.testing.assert_allclose(logged["penalty"], penalty, rtol=1e-5)
        total = 10 * np.mean(distances) + 0.5 * penalty
        np.testing.assert_allclose(logged["loss"], total, rtol=1e-5)

    def test_masked_sequences_with_labels(self):
        model = Sequences()
        generator = np.random.default_rng(0)
        frames = generator.normal(size=(4, 6, 3)).astype("float32")
        teacher = generator.normal(size=(4, 6, 5)).astype("float32")
        words = generator.integers(1, 5, size=(4, 6)).astype("int32")
        words[0, 2:] = 0
        words[3, 5:] = 0
        history = model.fit_stages(
            {"frames": frames, "teacher": teacher},
            {"all": 1},
            batch_size=4,
            labels={"words": words},
            optimizers={"all": still()},
            verbose=0,
        )["all"]
        scores = frames @ array(model.scores.kernel) + array(model.scores.bias)
        logs = scores - np.log(np.exp(scores).sum(-1, keepdims=True))
        p = np.exp(teacher) / np.exp(teacher).sum(-1, keepdims=True)
        each = [
            -np.mean([logs[i, t, words[i, t]] for t in range(6) if words[i, t]])
            for i in range(4)
        ]
        np.testing.assert_allclose(history["words"][0], np.mean(each), 1e-5)
        kl = (p * (np.log(p) - logs)).sum(-1).mean()
        np.testing.assert_allclose(history["kl"][0], kl, 1e-5)
        norms = np.linalg.norm(logs, axis=-1) * np.linalg.norm(p, axis=-1)
        angle = np.arccos(0.99 * (logs * p).sum(-1) / norms).mean()
        np.testing.assert_allclose(history["angle"][0], angle, 1e-4)
        total = np.mean(each) + 2 * kl + 3 * angle
        np.testing.assert_allclose(history["loss"][0], total, 1e-4)


class TestPhases:
    def test_unknown_names(self):
        model = Pair()
        with pytest.raises(ValueError) as error:
            model.set_phase("distil")
        assert str(error.value) == (
            "`phase` must be one of ('both', 'last'). Received: phase='distil'"
        )
        assert model.phase == "both"
        with pytest.raises(ValueError, match=r"`epochs`.*\['lats'\]"):
            model.fit_stages(vectors(4), {"lats": 1})
        with pytest.raises(ValueError, match=r"`optimizers`.*\['lats'\]"):
            model.fit_stages(vectors(4), {"last": 1}, optimizers={"lats": 0})

    def test_a_new_phase_is_compiled_anew(self):
        model, x = Pair(), vectors(8)
        model.compile(still(), run_eagerly=True)
        model.fit(x, verbose=0)
        model.set_phase("last")
        with pytest.raises(ValueError, match="compile"):
            model.fit(x, verbose=0)

    def test_metrics_are_those_of_the_phase(self):
        model = Pair()
        for phase, names in (
            ("both", ["first", "loss", "second"]),
            ("last", ["loss", "second"]),
        ):
            model.set_phase(phase)
            model.compile(still())
            assert sorted(metric.name for metric in model.metrics) == names

    def test_stages_run_in_the_order_of_the_phases(self):
        finished = []
        model = Pair()
        model.finish_phase = lambda: finished.append(model.phase)
        histories = model.fit_stages(
            vectors(12), {"last": 5, "both": 1}, batch_size=4, verbose=0
        )
        assert list(histories) == finished == ["both", "last"]
        assert [len(h["loss"]) for h in histories.values()] == [1, 5]
        # Adam with a rate that falls to 0.
        schedule = model.optimizer._learning_rate
        np.testing.assert_allclose(schedule(0), 0.01, rtol=1e-6)
        assert float(schedule(14)) > 0.0
        np.testing.assert_allclose(schedule(15), 0.0, atol=1e-9)
        assert int(model.optimizer.iterations) == 15

    def test_an_optimizer_for_each_phase_and_each_part(self):
        model = Scalars()
        before = [layer.get_weights() for layer in (model.one, model.other)]
        slow, fast = still(), keras.optimizers.SGD(0.1)
        kernels = {id(w): slow for w in model.one.trainable_variables}
        optimizer = keras.optimizers.MultiOptimizer(
            lambda variable: kernels.get(id(variable), fast)
        )
        data = {"left": vectors(8), "right": vectors(8, seed=4)}
        model.fit_stages(
            data, {"all": 1}, optimizers={"all": optimizer}, verbose=0
        )
        np.testing.assert_array_equal(before[0][0], array(model.one.kernel))
        assert np.abs(before[1][0] - array(model.other.kernel)).max() > 0

    def test_weights_stay_when_a_loss_is_not_finite(self):
        model, x = Pair(), vectors(8)
        before = model.student.get_weights()
        x[0] = np.nan
        with pytest.raises(FloatingPointError, match="epoch 1, because") as e:
            model.fit_stages(x, EPOCHS, batch_size=4, verbose=0)
        assert e.value.model is model
        for old, new in zip(before, model.student.get_weights()):
            np.testing.assert_array_equal(old, new)

    def test_a_last_step_to_weights_that_are_not_finite(self):
        """Its losses, which are computed before it, do not tell."""
        model = Pair()
        before = model.student.get_weights()
        optimizers = {"last": keras.optimizers.SGD(float("nan"))}
        with pytest.raises(FloatingPointError, match="because a weight"):
            model.fit_stages(
                vectors(4), {"last": 1}, optimizers=optimizers, verbose=0
            )
        for old, new in zip(before, model.student.get_weights()):
            np.testing.assert_array_equal(old, new)

    def test_time(self, monkeypatch):
        """The rate follows the clock, and the end comes before the epochs."""
        clock = types.SimpleNamespace(monotonic=itertools.count().__next__)
        monkeypatch.setattr("keras_vipa.training.callbacks.time", clock)
        model, rates = Pair(), []

        class Rates(keras.callbacks.Callback):
            def on_epoch_end(self, epoch, logs=None):
                rates.append(float(model.optimizer.learning_rate))

        histories = model.fit_stages(
            vectors(8),
            {"both": 10, "last": 10**5},
            batch_size=4,
            minutes=3,
            callbacks=[Rates()],
            verbose=0,
        )
        # An epoch looks at the clock four times.
        assert len(histories["both"]["loss"]) == 10
        assert 30 < len(histories["last"]["loss"]) < 36
        last = rates[10:]
        # A quarter in the first epoch.
        np.testing.assert_allclose(last[0], 0.0025, rtol=0.01)
        assert (np.diff(last[1:]) < 0).all()
        assert last[1] > 0.0099 and last[-1] < 0.0001


@pytest.mark.usefixtures("eager")
class TestOrder(TestCase):
    def test_fit_sees_the_order_of_the_epoch(self):
        """Four of five samples fill a batch: the loss says which."""
        model, x = Pair(seed=6), vectors(5)
        history = model.fit_stages(
            x,
            {"last": 4},
            batch_size=4,
            optimizers={"last": still()},
            verbose=0,
        )
        batches = Batches(x, batch_size=4, seed=6)
        expected = []
        for epoch in range(4):
            batches.set_epoch(epoch)
            expected.append(true_terms(model, batches[0][0])["second"])
        assert len(set(expected)) > 1
        self.assert_all_close(history["last"]["loss"], expected, rtol=1e-4)

    def test_same_seed_same_student(self):
        """Order and dropout masks come from seed and epoch alone."""

        def student(seed):
            model = Pair(dropout=0.5, seed=seed)
            # What was drawn before does not matter.
            keras.random.uniform((seed + 1,))
            model.fit_stages(vectors(10), {"last": 2}, batch_size=4, verbose=0)
            return model.student.get_weights()

        one = student(1)
        self.assert_all_close(student(1), one, atol=0, rtol=0)
        assert not np.allclose(student(2)[0], one[0])


class Convolved(Kept):
    """Pictures of open sizes, whose frozen feature is a map."""

    learning_rates = {"all": 0.01}

    def __init__(self):
        super().__init__({"all": {"map": 1.0}})
        images = keras.Input((None, None, 3))
        conv = keras.layers.Conv2D(2, 3, padding="same")
        self.teacher = keras.Model(images, conv(images))
        self.teacher.trainable = False
        self.student = keras.layers.Conv2D(2, 1)
        self.student.build((None, None, None, 3))
        self.set_phase("all")

    def feature_names(self):
        return ["map"]

    def frozen_features(self, inputs):
        return {"map": self.teacher(inputs["images"]), "unused": None}

    def call(self, inputs):
        inputs = self.with_features(inputs)
        return inputs["map"], self.student(inputs["images"])

    def loss_terms(self, inputs, outputs):
        return {"map": (outputs[0] - outputs[1]) ** 2}


@pytest.mark.usefixtures("eager")
class TestFeatures(TestCase):
    def fit(self, model, x, **options):
        return model.fit_stages(x, EPOCHS, batch_size=4, verbose=0, **options)

    def test_kept_features_change_nothing(self):
        results = []
        for cache_bytes in (None, 0):
            model = Pair()
            histories = self.fit(model, vectors(12), cache_bytes=cache_bytes)
            results.append((histories, model.student.get_weights()))
        self.assert_all_close(*results)

    def test_what_is_kept(self):
        """What the phase reads, in the type that was asked for, if it fits."""
        model, x = Pair(), vectors(12)
        options = (None, 4, 10**6, "float16")
        both = model.phase_batches(x, *options)[0][0]
        assert {n: str(a.dtype) for n, a in both.items()} == {
            "images": "float32",
            "first": "float16",
            "second": "float16",
        }
        model.set_phase("last")
        last = model.phase_batches(x, *options)[0][0]
        assert sorted(last) == ["images", "second"]
        expected = array(model.fixed[1](last["images"]))
        self.assert_all_close(last["second"], expected, atol=0.02, rtol=0.01)
        # 12 samples of 2 numbers of 4 bytes.
        assert len(model.phase_batches(x, None, 4, 96, "float32")[0][0]) == 2
        (batch,) = model.phase_batches(x, None, 4, 95, "float32")[0]
        assert batch.shape == (4, 4)

    def test_what_is_known_is_not_computed(self):
        """Features that are in the data, even if they are others."""
        model, x = Pair(), vectors(8)
        known = model.cached(x)
        assert model.cached(known) is known
        self.assert_all_close(model.cached(x, cache_bytes=1), x)
        other = {**known, "first": known["first"] + 1.0}
        batch = model.phase_batches(other, None, 8, 10**6, "float32")[0][0]
        self.assert_all_close(
            batch["first"].mean(), known["first"].mean() + 1.0
        )

    def test_open_sizes(self):
        model = Convolved()
        x = np.random.default_rng(0).random((6, 5, 7, 3)).astype("float32")
        batch = model.phase_batches(x, None, 4, 10**6, "float32")[0][0]
        assert batch["map"].shape == (4, 5, 7, 2)
        history = model.fit_stages(x, {"all": 3}, batch_size=6, verbose=0)
        assert history["all"]["loss"][-1] < history["all"]["loss"][0]

    def test_no_gradient_reaches_them(self):
        model = Pair()
        for layer in model.fixed:
            layer.trainable = True
        before = [array(layer.kernel) for layer in model.fixed]
        self.fit(model, vectors(8), cache_bytes=0)
        for layer, kernel in zip(model.fixed, before):
            np.testing.assert_array_equal(array(layer.kernel), kernel)


class Decider(Kept):
    """Tries two layers, and trains the target from the better one.

    What it decided is a variable, and the target is built from what was
    trained.
    """

    learning_rates = {"try": 0.05, "target": 0.05}

    def __init__(self, seed=0):
        terms = {"one": 1.0, "other": 1.0}
        super().__init__({"try": terms, "target": {"target": 1.0}}, seed)
        self.parts = [dense(2, seed=1), dense(2, seed=2)]
        self.target = dense(2, seed=7)
        self.head = dense(2, inputs=2, seed=8)
        self.best = self.add_weight(
            (), initializer="zeros", dtype="int32", trainable=False, name="best"
        )
        self.set_phase("try")

    def set_phase(self, phase):
        super().set_phase(phase)
        for layer in self.parts:
            layer.trainable = phase == "try"
        self.target.trainable = self.head.trainable = phase == "target"
        if phase == "target":
            self.part = self.parts[int(self.best)]
            self.target.set_weights(self.part.get_weights())

    def finish_phase(self):
        if self.phase == "try":
            sizes = [np.abs(array(p.kernel)).sum() for p in self.parts]
            self.best.assign(int(np.argmax(sizes)))

    def feature_names(self):
        return ["part"] if self.phase == "target" else []

    def frozen_features(self, inputs):
        return {"part": self.part(inputs["images"])}

    def call(self, inputs):
        inputs = self.with_features(inputs)
        x = inputs["images"]
        if self.phase == "try":
            return [part(x) for part in self.parts]
        return inputs["part"], self.head(self.target(x))

    def loss_terms(self, inputs, outputs):
        if self.phase == "target":
            return {"target": ops.mean((outputs[0] - outputs[1]) ** 2, -1)}
        return dict(
            zip(("one", "other"), (ops.mean(y**2, -1) for y in outputs))
        )


class TwoOptimizers(Kept):
    """Its own step: the head by one optimizer, then the body by another."""

    learning_rates = {"all": 0.01}

    def __init__(self, seed=0):
        super().__init__({"all": {"error": 1.0}}, seed)
        self.body, self.head = dense(3, seed=1), dense(1, inputs=3, seed=2)
        self.head_optimizer = keras.optimizers.Adam(0.05)
        self.head_optimizer.build(self.head.trainable_variables)
        self.set_phase("all")

    def default_optimizer(self, steps):
        optimizer = super().default_optimizer(steps)
        optimizer.build(self.body.trainable_variables)
        return optimizer

    def call(self, inputs):
        return self.head(self.body(inputs["images"]))

    def loss_terms(self, inputs, outputs):
        return {"error": (outputs[:, 0] - inputs["target"]) ** 2}

    def train_step(self, data):
        import tensorflow as tf

        x, _, _ = keras.utils.unpack_x_y_sample_weight(data)
        for layer, optimizer in (
            (self.head, self.head_optimizer),
            (self.body, self.optimizer),
        ):
            with tf.GradientTape() as tape:
                loss = self.compute_loss(x, None, self(x, training=True))
            variables = layer.trainable_variables
            optimizer.apply(tape.gradient(loss, variables), variables)
        self._loss_tracker.update_state(loss)
        return self.get_metrics_result()


@pytest.mark.usefixtures("eager")
class TestResume(TestCase):
    def check(self, make, data, epochs, places, tmp_path, atol=0.0, **options):
        """Equal weights, however often it was interrupted."""
        whole = make()
        whole.fit_stages(data, epochs, batch_size=4, verbose=0, **options)
        for place in places:
            with pytest.raises(KeyboardInterrupt):
                make().fit_stages(
                    data,
                    epochs,
                    batch_size=4,
                    backup_dir=tmp_path,
                    callbacks=[Interrupt(*place)],
                    verbose=0,
                    **options,
                )
        last = make()
        last.fit_stages(
            data,
            epochs,
            batch_size=4,
            backup_dir=tmp_path,
            verbose=0,
            **options,
        )
        self.assert_all_close(
            last.get_weights(), whole.get_weights(), atol=atol, rtol=0
        )
        return whole, last

    def test_in_each_phase(self, tmp_path):
        self.check(
            lambda: Pair(dropout=0.5),
            vectors(12),
            EPOCHS,
            [("both", 1), ("last", 0)],
            tmp_path,
        )

    def test_moving_averages_are_the_result(self, tmp_path):
        def optimizers():
            average = {"use_ema": True, "ema_momentum": 0.9}
            return {"last": keras.optimizers.SGD(0.01, **average)}

        class WithAverage(Pair):
            def default_optimizer(self, steps):
                return optimizers()["last"]

        # Keras exchanges weights and averages by sums, which are rounded.
        whole, _ = self.check(
            WithAverage, vectors(12), EPOCHS, [("last", 1)], tmp_path, 1e-5
        )
        plain = Pair()
        plain.fit_stages(
            vectors(12),
            EPOCHS,
            batch_size=4,
            optimizers={p: keras.optimizers.SGD(0.01) for p in EPOCHS},
            verbose=0,
        )
        start = Pair().student.get_weights()[0]
        far = np.abs(plain.student.get_weights()[0] - start).sum()
        near = np.abs(whole.student.get_weights()[0] - start).sum()
        assert 0 < near < far

    def test_what_a_phase_decided_is_known_after_a_resume(self, tmp_path):
        x = vectors(12)
        whole, last = self.check(
            Decider, x, {"try": 3, "target": 3}, [("target", 1)], tmp_path
        )
        assert int(whole.best) == int(last.best) == 1
        # The features that were kept are those of the trained part.
        batch = last.phase_batches(x, None, 4, 10**6, "float32")[0][0]
        expected = array(whole.parts[1](batch["images"]))
        self.assert_all_close(batch["part"], expected)
        untrained = array(dense(2, seed=2)(batch["images"]))
        assert np.abs(batch["part"] - untrained).max() > 0.1

    @pytest.mark.tensorflow
    def test_a_step_of_its_own_with_two_optimizers(self, tmp_path):
        x = vectors(12)
        data = {"images": x, "target": x.sum(axis=1)}
        whole, _ = self.check(
            TwoOptimizers, data, {"all": 4}, [("all", 1)], tmp_path
        )
        assert int(whole.head_optimizer.iterations) == 12


class TestTwoDevices(TestCase):
    def train(self):
        pair, scalars = Pair(), Scalars()
        pair.fit_stages(
            vectors(12),
            {"both": 2},
            batch_size=4,
            optimizers={"both": keras.optimizers.SGD(0.01)},
            verbose=0,
        )
        # Halves that are alike, so that a batch is as its replicas are.
        half = np.repeat(vectors(4)[::2], 2, axis=0)
        data = {"left": half[[0, 2, 1, 3]], "right": half[[2, 0, 3, 1]]}
        scalars.compile(keras.optimizers.SGD(0.01))
        history = scalars.fit(data, batch_size=4, shuffle=False, verbose=0)
        weights = pair.student.get_weights() + scalars.get_weights()
        return weights, history.history

    @several_devices
    def test_they_equal_one(self):
        one, two = on_one_and_on_all(self.train)
        self.assert_all_close(one, two, rtol=1e-4)


class TestBlocks:
    def test_in_blocks(self):
        sizes = []

        def function(part):
            sizes.append(len(part["x"]))
            return {"double": 2 * part["x"], "half": part["x"] / 2}

        x = np.arange(7.0).reshape(7, 1)
        results = in_blocks(function, {"x": x}, 3, {"half": "float16"})
        assert sizes == [3, 3, 1]
        np.testing.assert_array_equal(results["double"], 2 * x)
        assert results["double"].dtype == "float32"
        assert results["half"].dtype == "float16"

    def test_labels(self):
        batches = Batches(np.arange(4), 2, labels={"y": 10 * np.arange(4)})
        for x, y in (batches[0], batches[1]):
            np.testing.assert_array_equal(10 * x, y["y"])
