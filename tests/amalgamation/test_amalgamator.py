"""What all methods share, on one that does as little as it can."""

import keras
import numpy as np
import pytest
from amalgamation import networks
from test_case import TestCase

from keras_vipa.amalgamation import Amalgamator
from keras_vipa.amalgamation.amalgamator import _EpochSeed
from keras_vipa.training.batches import Batches

EPOCHS = {"both": 3, "last": 3}


class ToyAmalgamator(Amalgamator):
    """A linear student that imitates the scores of two teachers at once."""

    learning_rates = {"both": 0.01, "last": 0.01}

    def __init__(self, teachers, dropout=0.0, seed=0):
        terms = {"both": ["first", "second"], "last": ["second"]}
        super().__init__(teachers, terms, seed)
        image = keras.Input((4,))
        outputs = {n: t(image) for n, t in zip(terms["both"], self.teachers)}
        self.teacher_features = keras.Model(image, outputs)
        student = [keras.layers.Dropout(dropout), keras.layers.Dense(2)]
        self.student = keras.Sequential([image, *student])
        self.set_phase("both")

    def build(self, input_shape):
        self.built = True

    def needed_features(self):
        return self.terms[self.phase]

    def call(self, inputs, training=None):
        if not isinstance(inputs, dict):
            features = self.teacher_features(inputs, training=False)
            inputs = {"images": inputs, **features}
        output = self.student(inputs["images"], training=training)
        return {n: (inputs[n], output) for n in self.terms[self.phase]}


@keras.saving.register_keras_serializable(package="tests")
class SubclassedTeacher(keras.Model):
    """Reloaded as frozen, it has a layer that is not."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.scores = keras.layers.Dense(2)

    def build(self, input_shape):
        self.scores.build(input_shape)
        self.built = True

    def call(self, inputs):
        return self.scores(inputs)


def toy(dropout=0.0, seed=0):
    teachers = [networks.dense_teacher(2) for _ in range(2)]
    for number, teacher in enumerate(teachers):
        networks.randomize(teacher, number)
    amalgamator = ToyAmalgamator(teachers, dropout, seed)
    networks.randomize(amalgamator.student, seed=2)
    return amalgamator


def vectors(count):
    """The last ones are larger, so that weighting shows."""
    x = np.random.default_rng(3).normal(size=(count, 4)).astype("float32")
    x[-2:] *= 10.0
    return x


def true_terms(amalgamator, x):
    output = np.asarray(amalgamator.student(x))
    teachers = zip(("first", "second"), amalgamator.teachers)
    return {
        name: float(np.mean((np.asarray(teacher(x)) - output) ** 2))
        for name, teacher in teachers
    }


def frozen_optimizer():
    return keras.optimizers.SGD(0.0)


class TestTerms(TestCase):
    """The loss is the sum of the terms, each the mean over all images."""

    def check(self, phase, log):
        amalgamator = toy()
        amalgamator.set_phase(phase)
        amalgamator.compile(frozen_optimizer())
        x = vectors(10)
        terms = true_terms(amalgamator, x)
        expected = {name: terms[name] for name in amalgamator.terms[phase]}
        expected["loss"] = sum(expected.values())
        # Batches of 4, 4 and 2.
        logged = log(amalgamator, x)
        assert set(logged) == set(expected)
        for name, value in expected.items():
            np.testing.assert_allclose(logged[name], value, rtol=1e-5)

    @pytest.mark.parametrize("phase", EPOCHS)
    def test_unequal_last_batch_in_evaluate(self, phase):
        self.check(
            phase,
            lambda amalgamator, x: amalgamator.evaluate(
                x, batch_size=4, verbose=0, return_dict=True
            ),
        )

    @pytest.mark.parametrize("phase", EPOCHS)
    def test_unequal_last_batch_in_fit(self, phase):
        def log(amalgamator, x):
            history = amalgamator.fit(x, batch_size=4, verbose=0).history
            return {name: values[0] for name, values in history.items()}

        self.check(phase, log)

    def test_teachers_stay_and_student_learns(self):
        amalgamator = toy()
        before = [t.get_weights() for t in amalgamator.teachers]
        student = amalgamator.student.get_weights()
        history = amalgamator.fit_stages(
            vectors(16), {"both": 20}, batch_size=8, verbose=0
        )
        after = [t.get_weights() for t in amalgamator.teachers]
        self.assert_all_close(after, before, atol=0, rtol=0)
        assert not np.array_equal(
            amalgamator.student.get_weights()[0], student[0]
        )
        losses = history["both"]["loss"]
        assert losses[-1] < losses[0]

    def test_a_teacher_that_was_saved_frozen_stays_frozen(self, tmp_path):
        teacher = SubclassedTeacher()
        teacher.build((None, 4))
        teacher.trainable = False
        teacher.save(tmp_path / "teacher.keras")
        loaded = keras.saving.load_model(tmp_path / "teacher.keras")
        amalgamator = ToyAmalgamator([loaded, networks.dense_teacher(2)])
        paths = [weight.path for weight in amalgamator.trainable_weights]
        assert paths == [w.path for w in amalgamator.student.weights]


class TestPhases:
    def test_unknown_phase(self):
        amalgamator = toy()
        with pytest.raises(ValueError) as error:
            amalgamator.set_phase("distil")
        assert str(error.value) == (
            "`phase` must be one of ('both', 'last'). Received: distil"
        )
        assert amalgamator.phase == "both"

    def test_a_new_phase_is_compiled_anew(self):
        amalgamator = toy()
        x = vectors(8)
        amalgamator.compile(frozen_optimizer())
        amalgamator.fit(x, verbose=0)
        amalgamator.set_phase("last")
        with pytest.raises(ValueError, match="compile"):
            amalgamator.fit(x, verbose=0)
        amalgamator.compile(frozen_optimizer())
        history = amalgamator.fit(x, verbose=0).history
        assert set(history) == {"loss", "second"}

    def test_metrics_are_those_of_the_phase(self):
        amalgamator = toy()
        for phase, names in (
            ("both", ["first", "loss", "second"]),
            ("last", ["loss", "second"]),
            ("both", ["first", "loss", "second"]),
        ):
            amalgamator.set_phase(phase)
            amalgamator.compile(frozen_optimizer())
            metrics = [metric.name for metric in amalgamator.metrics]
            assert sorted(metrics) == names

    def test_stages_run_in_the_order_of_the_phases(self):
        finished = []
        amalgamator = toy()
        amalgamator.finish_phase = lambda: finished.append(amalgamator.phase)
        options = {"batch_size": 4, "verbose": 0}
        history = amalgamator.fit_stages(
            vectors(8), {"last": 2, "both": 1}, **options
        )
        assert list(history) == finished == ["both", "last"]
        assert len(history["both"]["loss"]) == 1
        assert len(history["last"]["loss"]) == 2
        assert list(amalgamator.fit_stages(vectors(8), {"last": 1}, **options))
        assert finished == ["both", "last", "last"]

    def test_default_rate_falls_to_zero(self):
        amalgamator = toy()
        amalgamator.fit_stages(
            vectors(12), {"last": 5}, batch_size=4, verbose=0
        )
        schedule = amalgamator.optimizer._learning_rate
        np.testing.assert_allclose(schedule(0), 0.01, rtol=1e-6)
        assert float(schedule(14)) > 0.0
        np.testing.assert_allclose(schedule(15), 0.0, atol=1e-9)
        assert int(amalgamator.optimizer.iterations) == 15


class TestEpochSeed(TestCase):
    def states(self, amalgamator):
        return [
            np.asarray(variable).tolist()
            for variable in amalgamator.variables
            if "seed_generator_state" in variable.path
        ]

    def test_order_and_masks_depend_on_the_epoch_alone(self):
        def after(*epochs, seed=0):
            amalgamator = toy(dropout=0.5)
            batches = Batches(np.arange(50), batch_size=10, seed=seed)
            callback = _EpochSeed(seed, batches)
            callback.set_model(amalgamator)
            for epoch in epochs:
                callback.on_epoch_begin(epoch)
            assert len(self.states(amalgamator)) == 1
            return batches.order.tolist(), self.states(amalgamator)

        order, states = after(0, 1, 2, 3)
        assert after(3) == (order, states)
        for other in (after(2), after(3, seed=1)):
            assert other[0] != order
            assert other[1] != states

    def test_fit_sees_the_order_of_the_epoch(self):
        """Four of five images fill a batch: the loss says which."""
        amalgamator = toy(seed=6)
        x = vectors(5)
        history = amalgamator.fit_stages(
            x,
            {"last": 4},
            batch_size=4,
            optimizers={"last": frozen_optimizer()},
            verbose=0,
        )
        batches = Batches(x, batch_size=4, seed=6)
        expected = []
        for epoch in range(4):
            batches.set_epoch(epoch)
            expected.append(true_terms(amalgamator, batches[0][0])["second"])
        assert len(set(expected)) > 1
        self.assert_all_close(history["last"]["loss"], expected, rtol=1e-4)

    def test_same_seed_same_student(self):
        def student(seed):
            amalgamator = toy(dropout=0.5, seed=seed)
            # What was drawn before does not matter.
            keras.random.uniform((seed + 1,))
            amalgamator.fit_stages(
                vectors(10),
                {"last": 2},
                batch_size=4,
                verbose=0,
            )
            return amalgamator.student.get_weights()

        one = student(1)
        self.assert_all_close(student(1), one, atol=0, rtol=0)
        assert not np.allclose(student(2)[0], one[0])


class TestLabels:
    def test_as_an_argument(self):
        amalgamator = toy()
        amalgamator.compile(frozen_optimizer())
        with pytest.raises(ValueError, match="images alone.*with labels"):
            amalgamator.fit(vectors(8), np.zeros(8), verbose=0)
        # Refused before anything was done: training without them goes on.
        history = amalgamator.fit(vectors(8), verbose=0).history
        assert np.isfinite(history["loss"]).all()

    @pytest.mark.tensorflow
    def test_in_a_dataset(self):
        import tensorflow as tf

        data = tf.data.Dataset.from_tensor_slices((vectors(8), np.zeros(8)))
        data = data.batch(4)
        amalgamator = toy()
        amalgamator.compile(frozen_optimizer())
        with pytest.raises(ValueError, match="images alone"):
            amalgamator.fit(data, shuffle=False, verbose=0)
        with pytest.raises(ValueError, match="images alone"):
            amalgamator.evaluate(data, verbose=0)
        with pytest.raises(ValueError, match="images alone"):
            toy().fit_stages(data, EPOCHS, verbose=0)
        images = data.map(lambda image, label: image)
        assert list(toy().fit_stages(images, EPOCHS, verbose=0)) == [
            "both",
            "last",
        ]


class TestNotFinite(TestCase):
    def test_weights_stay_in_the_first_epoch(self):
        amalgamator = toy()
        before = amalgamator.student.get_weights()
        x = vectors(8)
        x[0] = np.nan
        with pytest.raises(FloatingPointError, match="epoch 1, because"):
            amalgamator.fit_stages(x, EPOCHS, batch_size=4, verbose=0)
        self.assert_all_close(
            amalgamator.student.get_weights(), before, atol=0, rtol=0
        )
