"""Common feature learning: the terms against numpy, and the life cycle."""

import keras
import numpy as np
import pytest
from keras import layers
from keras import ops
from test_case import TestCase

from keras_vipa import losses
from keras_vipa.amalgamation import CommonFeatureAmalgamator
from keras_vipa.amalgamation import new_student
from keras_vipa.amalgamation.common_feature.calibration import Calibration
from keras_vipa.amalgamation.common_feature.space import CommonSpace


def images(count=8, size=10, channels=3, seed=0):
    generator = np.random.default_rng(seed)
    return generator.random((count, size, size, channels), "float32")


def array(x):
    return ops.convert_to_numpy(x)


def teacher(classes, size=10, channels=3, width=5, end=None):
    return keras.Sequential(
        [
            keras.Input((size, size, channels)),
            layers.Conv2D(width, 3, activation="relu", name="conv"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(classes, activation=end, name="scores"),
        ]
    )


def make(teachers=None, **options):
    keras.utils.set_random_seed(0)
    teachers = teachers or [teacher(2), teacher(3, 12, 1, 4, "softmax")]
    options = {"ratio": 9.0, "hidden": 3, "image_shape": (8, 8, 3), **options}
    return CommonFeatureAmalgamator(teachers, **options)


def softmax(x):
    powers = np.exp(x - x.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def cross_entropy(target, output):
    return -(softmax(target) * np.log(softmax(output))).sum(axis=-1)


class TestFormula(TestCase):
    def terms_of(self, amalgamator):
        outputs = amalgamator(images(), training=False)
        terms = amalgamator.loss_terms(None, outputs)
        return outputs, {name: array(value) for name, value in terms.items()}

    def test_terms(self):
        outputs, terms = self.terms_of(make(targets="joint", calibrate=None))
        targets = [array(x) for x in outputs["targets"]]
        expected = cross_entropy(
            np.concatenate(targets, axis=-1), array(outputs["logits"])
        )
        np.testing.assert_allclose(terms["soft_targets"], expected, rtol=1e-4)
        own = outputs["student_code"]
        codes = outputs["teacher_codes"]
        mmd = sum(losses.maximum_mean_discrepancy(own, code) for code in codes)
        assert terms["common"] == pytest.approx(float(mmd), rel=1e-5)
        pairs = zip(outputs["features"], outputs["decoded"])
        errors = [
            ((array(one) - array(other)) ** 2).mean(axis=(1, 2, 3))
            for one, other in pairs
        ]
        np.testing.assert_allclose(
            terms["reconstruction"], sum(errors), rtol=1e-4
        )

    @pytest.mark.parametrize("targets", ["joint", "separate", "both"])
    def test_targets(self, targets):
        amalgamator = make(
            targets=targets, temperature=2.0, calibrate="teachers"
        )
        amalgamator.calibration.deviations[0].assign([2.0, 2.0])
        amalgamator.calibration.deviations[1].assign([1 / 3] * 3)
        outputs, terms = self.terms_of(amalgamator)
        one, other = (array(x) for x in outputs["targets"])
        one, other = 0.5 * one / 2, 3.0 * other / 2
        logits = array(outputs["logits"]) / 2
        joint = 4 * cross_entropy(np.concatenate([one, other], -1), logits)
        separate = 4 * cross_entropy(one, logits[:, :2])
        separate += 4 * cross_entropy(other, logits[:, 2:])
        parts = {"joint": joint, "separate": separate, "both": joint + separate}
        np.testing.assert_allclose(
            terms["soft_targets"], parts[targets], rtol=1e-4
        )

    def test_loss_is_the_weighted_sum(self):
        weights = {"soft_targets": 2.0, "common": 3.0, "reconstruction": 0.5}
        amalgamator = make(weights=weights)
        amalgamator.compile()
        logs = amalgamator.evaluate(images(), verbose=0, return_dict=True)
        total = sum(weight * logs[name] for name, weight in weights.items())
        assert logs["loss"] == pytest.approx(total, rel=1e-5)
        assert set(logs) == {"loss", *weights}

    def test_what_teachers_say(self):
        """Of the images in their size and channels, before the softmax."""
        amalgamator = make()
        grey = images() @ np.array([[0.299], [0.587], [0.114]], "float32")
        grey = array(ops.image.resize(grey, (12, 12), antialias=True))
        second = amalgamator.teachers[1]
        outputs = amalgamator(images(), training=False)
        actual = softmax(array(outputs["targets"][1]))
        self.assert_all_close(actual, array(second(grey)), atol=1e-4)
        # Its map is resized to the student's.
        features = keras.Model(second.inputs, second.get_layer("conv").output)
        resized = ops.image.resize(features(grey), (4, 4), antialias=True)
        self.assert_all_close(outputs["features"][1], resized, atol=1e-4)

    def test_space(self):
        """On maps of one place, where convolutions are products."""
        space = CommonSpace([3], 2, seed=1)
        student, features = images(4, 1, 5), images(4, 1, 3, seed=1)
        result = space(student, [features])

        def product(x, layer):
            kernel, *bias = layer.get_weights()
            middle = kernel[kernel.shape[0] // 2, kernel.shape[1] // 2]
            return x @ middle + (bias[0] if bias else 0)

        def relu(x):
            return np.maximum(x, 0)

        def extract(x):
            shortcut = product(x, space.shortcut)
            for block in space.blocks:
                inner = relu(product(x, block["first"]))
                x = relu(product(inner, block["second"]) + shortcut)
                shortcut = x
            return x

        own, other = space.adaptations
        code = extract(relu(product(features, other)))
        first, second = space.decoders[0]
        decoded = product(relu(product(code, first)), second)
        expected = {
            "student_code": extract(relu(product(student, own))),
            "teacher_codes": [code],
            "decoded": [decoded],
        }
        self.assert_all_close(result, expected, atol=1e-5)


@pytest.mark.usefixtures("eager")
class TestCalibration(TestCase):
    """Teachers' logits, made comparable."""

    def adapted(self, kind, seen):
        layer = Calibration(kind, [z.shape[1] for z in seen])
        layer.build()
        layer.adapt(seen)
        return layer

    def logits(self, seed, count=50):
        """Of two teachers of 2 and 3 classes, on different scales."""
        generator = np.random.default_rng(seed)
        one = generator.normal(size=(count, 2)) + 1.0
        other = 6.0 * generator.normal(size=(count, 3))
        return [z.astype("float32") for z in (one, other)]

    def test_classes(self):
        seen, asked = self.logits(0), self.logits(1, 8)
        expected = []
        for z_seen, z in zip(seen, asked):
            centred_seen = z_seen - z_seen.mean(axis=1, keepdims=True)
            centred = z - z.mean(axis=1, keepdims=True)
            unusual = (centred - centred_seen.mean(0)) / centred_seen.std(0)
            most = unusual.max(axis=1, keepdims=True)
            expected.append(np.log(softmax(z)) + most)
        layer = self.adapted("classes", seen)
        self.assert_all_close(layer(asked), expected, atol=1e-4)

    def test_who_decides(self):
        """Both are as sure of everything; each puts what it does not know into
        its first class."""
        sure = 9.0 * np.eye(2, dtype="float32")
        logits = [sure[[1, 1, 0, 0, 0, 0]], sure[[0, 0, 1, 1, 0, 0]]]
        layer = self.adapted("classes", logits)
        joint = np.concatenate([array(z) for z in layer(logits)], axis=-1)
        assert joint.argmax(axis=-1)[:4].tolist() == [1, 1, 3, 3]

    def test_a_teacher_decides_between_its_classes(self):
        seen, asked = self.logits(0), self.logits(1, 8)
        for one, other in zip(self.adapted("classes", seen)(asked), asked):
            expected = softmax(other)
            self.assert_all_close(softmax(array(one)), expected)

    def test_teachers(self):
        seen, asked = self.logits(0), self.logits(1, 8)
        spreads = np.array([z.std(axis=-1).mean() for z in seen])
        scales = spreads.mean() / spreads
        expected = [scale * z for scale, z in zip(scales, asked)]
        layer = self.adapted("teachers", seen)
        self.assert_all_close(layer(asked), expected, rtol=1e-4)

    def test_not_adapted(self):
        asked = self.logits(0, 4)
        for kind, function in (
            ("classes", lambda z: np.log(softmax(z))),
            ("teachers", np.asarray),
            (None, np.asarray),
        ):
            layer = Calibration(kind, [2, 3])
            layer.build()
            expected = [function(z) for z in asked]
            self.assert_all_close(layer(asked), expected, atol=1e-5)

    def test_a_class_that_is_never_named(self):
        seen = [np.array([[200.0, 0.0]] * 4, "float32"), self.logits(0, 4)[1]]
        found = self.adapted("classes", seen)(seen)
        assert all(np.isfinite(array(z)).all() for z in found)

    def test_of_the_amalgamator(self):
        """From the teachers' own logits, also the second time."""
        amalgamator = make(calibrate="classes")
        x = images(20)
        own = [array(z) for z in amalgamator(x)["targets"]]
        layer = self.adapted("classes", own)
        expected = np.concatenate([array(z) for z in layer(own)], axis=-1)
        for _ in range(2):
            amalgamator.calibrate(x, batch_size=8)
            found = amalgamator.teacher_logits(x, batch_size=8)
            np.testing.assert_allclose(found, expected, atol=1e-4)
        found = amalgamator.teacher_logits(x, calibrated=False)
        np.testing.assert_allclose(found, np.concatenate(own, -1), atol=1e-5)

    @pytest.mark.tensorflow
    def test_before_training_on_a_dataset(self):
        import tensorflow as tf

        amalgamator = make(calibrate="classes")
        data = tf.data.Dataset.from_tensor_slices(images(16)).batch(8)
        amalgamator.fit_stages(data, {"joint": 1}, verbose=0)
        other = make(calibrate="classes")
        other.calibrate(images(16))
        for one, two in zip(
            amalgamator.calibration.weights, other.calibration.weights
        ):
            np.testing.assert_allclose(array(one), array(two), atol=1e-5)


@pytest.mark.usefixtures("eager")
class TestTraining(TestCase):
    def test_what_moves(self):
        """Student, adaptations, extractor and decoders; not the teachers."""
        amalgamator = make()
        teachers = [m.get_weights() for m in amalgamator.teachers]
        trained = amalgamator.trainable_variables
        before = [array(variable).copy() for variable in trained]
        amalgamator.compile(keras.optimizers.SGD(0.1))
        amalgamator.fit(images(32), batch_size=32, verbose=0)
        moved = [
            (array(variable) != old).any()
            for variable, old in zip(trained, before)
        ]
        # Some of 3 channels may be silent, but not in every layer.
        assert np.mean(moved) > 0.8
        paths = [v.path for v, did in zip(trained, moved) if did]
        space = amalgamator.space
        parts = [space.shortcut, *space.adaptations]
        parts += [layer for pair in space.decoders for layer in pair]
        known = {id(variable) for part in parts for variable in part.variables}
        touched = {id(v) for v, did in zip(trained, moved) if did}
        assert len(known & touched) > 0.8 * len(known), paths
        for model, old in zip(amalgamator.teachers, teachers):
            for pair in zip(model.get_weights(), old):
                np.testing.assert_array_equal(*pair)
        assert not any(m.trainable_variables for m in amalgamator.teachers)

    @pytest.mark.tensorflow
    def test_rates(self):
        """Adam's first step is of the length of its rate."""
        amalgamator = make(rates={"head": 10.0, "block": 0.5})
        student, space = amalgamator.student, amalgamator.space
        layers_of = {
            "student": student.layers[1],
            "head": student.layers[-1],
            "block": space.decoders[0][0],
        }
        before = {key: x.get_weights()[0] for key, x in layers_of.items()}
        amalgamator.fit_stages(images(), {"joint": 1}, 8, verbose=0)
        steps = {
            key: np.abs(layer.get_weights()[0] - before[key]).max()
            for key, layer in layers_of.items()
        }
        rate = amalgamator.learning_rates["joint"]
        assert steps["student"] == pytest.approx(rate, rel=0.01)
        assert steps["head"] == pytest.approx(10 * rate, rel=0.01)
        assert steps["block"] == pytest.approx(0.5 * rate, rel=0.01)

    def test_soft_targets_alone_have_no_block(self):
        amalgamator = make(weights={"common": 0, "reconstruction": 0})
        assert amalgamator.space is None
        history = amalgamator.fit_stages(images(), {"joint": 1}, verbose=0)
        assert set(history["joint"]) == {"loss", "soft_targets"}
        count = len(amalgamator.student.trainable_variables)
        assert len(amalgamator.trainable_variables) == count
        again = CommonFeatureAmalgamator.from_config(amalgamator.get_config())
        assert again.space is None

    @pytest.mark.tensorflow
    def test_features_computed_before_change_nothing(self):
        students = []
        for cache_bytes in (0, 2**30):
            amalgamator = make()
            # A tenth of Adam's steps would be the signs of rounding errors.
            amalgamator.fit_stages(
                images(16),
                {"joint": 2},
                8,
                optimizers={"joint": keras.optimizers.SGD(0.05)},
                cache_bytes=cache_bytes,
                verbose=0,
            )
            students.append(amalgamator.student.get_weights())
        self.assert_all_close(*students, atol=1e-4)

    @pytest.mark.tensorflow
    def test_warm_up(self):
        amalgamator = make(warm_up=4)
        amalgamator.fit_stages(images(16), {"joint": 2}, 8, verbose=0)
        assert array(amalgamator.steps) == 4
        outputs = amalgamator(images(), training=False)
        for done, part in ((1, 0.25), (3, 0.75), (9, 1.0)):
            amalgamator.steps.assign(done)
            started = amalgamator.loss_terms(None, outputs)
            amalgamator.options["warm_up"] = 0
            whole = amalgamator.loss_terms(None, outputs)
            amalgamator.options["warm_up"] = 4
            for name in ("common", "reconstruction"):
                expected = part * array(whole[name])
                self.assert_all_close(array(started[name]), expected)
            self.assert_all_close(
                array(started["soft_targets"]), array(whole["soft_targets"])
            )

    def test_all_see_the_augmented_images(self):
        flip = keras.Sequential([keras.Input((10, 10, 3)), Turned()])
        amalgamator, plain = make(augmentation=flip), make()
        turned = amalgamator(images(), training=True)
        expected = plain(images()[:, ::-1], training=True)
        self.assert_all_close(turned["targets"], expected["targets"], 1e-4)
        assert amalgamator.feature_names() == ()

    @pytest.mark.tensorflow
    def test_a_student_of_ones_own(self):
        student = new_student("residual", (9, 9, 1), 5, 2_000)
        amalgamator = make(student=student, taps=["conv", None, None])
        amalgamator.fit_stages(images(), {"joint": 1}, verbose=0)
        assert amalgamator.student is student
        assert student.layers[0].name == "images"

    @pytest.mark.tensorflow
    def test_vectors(self):
        flat = keras.Sequential(
            [
                keras.Input((8, 8, 3)),
                layers.Flatten(),
                layers.Dense(6, activation="relu"),
                layers.Dense(2),
            ]
        )
        amalgamator = make([flat, teacher(3)])
        outputs = amalgamator(images(), training=False)
        shapes = [x.shape[1:] for x in outputs["features"]]
        assert shapes == [(1, 1, 6), (1, 1, 5)]
        assert outputs["student_code"].shape == (8, 1, 1, 3)


@keras.saving.register_keras_serializable(package="test_common_feature")
class Turned(layers.Layer):
    """Upside down in training."""

    def call(self, inputs, training=None):
        return inputs[:, ::-1] if training else inputs


@pytest.mark.usefixtures("eager")
class TestLifeCycle(TestCase):
    def test_save_and_load(self, tmp_path):
        options = {"calibrate": "classes", "targets": "both", "warm_up": 2}
        amalgamator = make(**options)
        amalgamator.fit_stages(images(16), {"joint": 1}, verbose=0)
        assert array(amalgamator.calibration.means[0]).any()
        amalgamator.save(tmp_path / "all.keras")
        loaded = keras.saving.load_model(tmp_path / "all.keras")
        self.assert_all_close(
            amalgamator(images(), training=False),
            loaded(images(), training=False),
        )
        for name, value in options.items():
            assert loaded.options[name] == value
        # The student alone is plain Keras, without the block.
        amalgamator.student.save(tmp_path / "student.keras")
        student = keras.saving.load_model(tmp_path / "student.keras")
        assert student.count_params() == amalgamator.student.count_params()
        x = images(3, 8)
        self.assert_all_close(student(x), amalgamator.student(x))

    def test_no_labels(self):
        with pytest.raises(ValueError, match="learns from images alone"):
            make().fit_stages(images(), {"joint": 1}, labels=np.zeros(8))

    @pytest.mark.parametrize(
        "options, message",
        [
            ({"taps": ["conv"]}, "`taps` must be a list of 2 layers and the"),
            ({"taps": ["none", None, None]}, "layers of teacher_1 are"),
            ({"weights": {"mmd": 1}}, "`weights` must be a dict of some of"),
            (
                {"weights": {"soft_targets": 0}},
                "must be a finite number above 0",
            ),
            ({"rates": {"student": 1.0}}, "`rates` must be a dict of"),
            ({"targets": "all"}, "`targets` must be one of"),
            ({"student": "dense"}, "`student` must be one of"),
            ({"bandwidths": "mean"}, "`bandwidths` must be"),
            ({"image_shape": (4, 8, 3)}, "sides of at least 8"),
            ({"ratio": 0.0}, "`ratio` must be"),
        ],
    )
    def test_errors(self, options, message):
        with pytest.raises(ValueError, match=message):
            make(**options)

    def test_models_that_do_not_fit(self):
        with pytest.raises(ValueError, match="at least two teachers"):
            make([teacher(2)])
        with pytest.raises(ValueError, match="must score all 5 classes"):
            make(student=teacher(4))
        with pytest.raises(ValueError, match="teacher_2 with outputs"):
            make(
                [
                    teacher(2),
                    keras.Sequential([keras.Input((8, 8, 3)), layers.ReLU()]),
                ]
            )
