import keras
import numpy as np
import pytest
from amalgamation import networks
from test_case import TestCase
from training.shared import on_one_and_on_all
from training.shared import several_devices

from keras_vipa.amalgamation import LayerwiseAmalgamator
from keras_vipa.amalgamation import amalgamate_incrementally

EPOCHS = {"autoencoders": 2, "layers": 2, "joint": 2}


def vectors(count):
    x = np.random.default_rng(1).normal(size=(count, 4))
    return x.astype("float32")


def amalgamator_of(build, classes=(2, 3), **kwargs):
    teachers = [
        networks.randomize(build(count), seed)
        for seed, count in enumerate(classes)
    ]
    return LayerwiseAmalgamator(teachers, **kwargs), teachers


def randomize_adapters(amalgamator):
    adapters = (
        *amalgamator.encoders,
        *amalgamator.decoders,
        *amalgamator.adaptations,
    )
    for seed, layer in enumerate((*adapters, amalgamator.student)):
        networks.randomize(layer, seed + 10)


def relu(values):
    return np.maximum(values, 0.0)


def dense_weights(amalgamator):
    """Weights of a case with one hidden layer, named as in the docstring."""
    t1, t2 = [teacher.get_weights() for teacher in amalgamator.teachers]
    return {
        "hidden": [(t[0], t[1]) for t in (t1, t2)],
        "scores": [(t[2], t[3]) for t in (t1, t2)],
        "E": amalgamator.encoders[0].get_weights(),
        "D": amalgamator.decoders[0].get_weights(),
        "A": amalgamator.adaptations[0].get_weights(),
        "S": amalgamator.student.get_weights(),
    }


def linear(x, weights):
    kernel, bias = weights
    return x @ kernel + bias


def numpy_features(x, w):
    """F_c of the hidden layer, and the concatenated logits."""
    features = [linear(x, hidden) for hidden in w["hidden"]]
    logits = [
        linear(relu(f), scores) for f, scores in zip(features, w["scores"])
    ]
    return np.concatenate(features, 1), np.concatenate(logits, 1)


class TestFormula(TestCase):
    """Every term against a numpy restatement."""

    def setup_method(self):
        self.amalgamator, _ = amalgamator_of(networks.dense_teacher, widths=[6])
        randomize_adapters(self.amalgamator)
        self.x = vectors(16)
        self.w = dense_weights(self.amalgamator)

    def losses(self, phase):
        self.amalgamator.set_phase(phase)
        self.amalgamator.compile("sgd")
        return self.amalgamator.evaluate(
            self.x, batch_size=16, verbose=0, return_dict=True
        )

    def test_autoencoders(self):
        features, _ = numpy_features(self.x, self.w)
        decoded = linear(linear(features, self.w["E"]), self.w["D"])
        losses = self.losses("autoencoders")
        assert set(losses) == {"loss", "dense_1_reconstruction"}
        expected = np.mean((decoded - features) ** 2)
        self.assert_all_close(losses["dense_1_reconstruction"], expected)
        self.assert_all_close(losses["loss"], expected)

    def test_layers(self):
        features, logits = numpy_features(self.x, self.w)
        code = linear(features, self.w["E"])
        first = linear(self.x, self.w["S"][:2])
        second = linear(relu(linear(code, self.w["A"])), self.w["S"][2:])
        losses = self.losses("layers")
        np.testing.assert_allclose(
            losses["dense_1"], np.mean((first - code) ** 2), rtol=1e-5
        )
        expected = np.mean((second - logits) ** 2)
        self.assert_all_close(losses["logits"], expected)
        self.assert_all_close(
            losses["loss"], losses["dense_1"] + losses["logits"]
        )

    def test_joint(self):
        _, logits = numpy_features(self.x, self.w)
        hidden = relu(linear(self.x, self.w["S"][:2]))
        student = linear(hidden, self.w["S"][2:])
        losses = self.losses("joint")
        self.assert_all_close(losses["loss"], np.mean((student - logits) ** 2))

    def test_fold(self):
        (kernel, bias), (matrix, shift) = self.w["S"][:2], self.w["A"]
        self.amalgamator.fold()
        folded = self.amalgamator.student.get_weights()
        self.assert_all_close(folded[0], kernel @ matrix)
        self.assert_all_close(folded[1], bias @ matrix + shift)
        self.assert_all_close(folded[2], self.w["S"][2])


class TestStep(TestCase):
    """One compiled training step against numpy gradient descent."""

    rate = 0.1

    def step(self, phase):
        amalgamator, _ = amalgamator_of(networks.dense_teacher, widths=[6])
        randomize_adapters(amalgamator)
        x = vectors(16)
        before = dense_weights(amalgamator)
        amalgamator.set_phase(phase)
        amalgamator.compile(keras.optimizers.SGD(self.rate))
        amalgamator.fit(x, batch_size=16, epochs=1, verbose=0)
        return x, before, dense_weights(amalgamator)

    def descend(self, weights, inputs, output_gradient):
        kernel, bias = weights
        return [
            kernel - self.rate * inputs.T @ output_gradient,
            bias - self.rate * output_gradient.sum(0),
        ]

    def test_autoencoders(self):
        x, before, after = self.step("autoencoders")
        features, _ = numpy_features(x, before)
        code = linear(features, before["E"])
        error = linear(code, before["D"]) - features
        gradient = 2.0 * error / error.size
        expected = self.descend(before["D"], code, gradient)
        self.assert_all_close(after["D"], expected, atol=1e-5)
        expected = self.descend(
            before["E"], features, gradient @ before["D"][0].T
        )
        self.assert_all_close(after["E"], expected, atol=1e-5)
        self.assert_all_close(after["S"], before["S"], atol=0)
        self.assert_all_close(after["A"], before["A"], atol=0)

    def test_layers(self):
        x, before, after = self.step("layers")
        features, logits = numpy_features(x, before)
        code = linear(features, before["E"])
        error = linear(x, before["S"][:2]) - code
        expected = self.descend(before["S"][:2], x, 2.0 * error / error.size)
        self.assert_all_close(after["S"][:2], expected, atol=1e-5)
        adapted = linear(code, before["A"])
        error = linear(relu(adapted), before["S"][2:]) - logits
        gradient = 2.0 * error / error.size
        expected = self.descend(before["S"][2:], relu(adapted), gradient)
        self.assert_all_close(after["S"][2:], expected, atol=1e-5)
        gradient = (gradient @ before["S"][2].T) * (adapted > 0)
        expected = self.descend(before["A"], code, gradient)
        self.assert_all_close(after["A"], expected, atol=1e-5)
        self.assert_all_close(after["E"], before["E"], atol=0)


class TestByHand(TestCase):
    def test_two_teachers_of_one_unit(self):
        teachers = [networks.dense_teacher(1, (1,), inputs=1) for _ in "ab"]
        # 3 relu(2 x) + 1 and -relu(-x)
        for teacher, weights in zip(teachers, ((2, 0, 3, 1), (-1, 0, -1, 0))):
            teacher.set_weights(
                [np.full(w.shape, v) for w, v in zip(teacher.weights, weights)]
            )
        amalgamator = LayerwiseAmalgamator(teachers, widths=[1])
        features = amalgamator.teacher_features(np.array([[1.0], [-2.0]]))
        self.assert_all_close(
            features["dense_1"], np.array([[2.0, -1.0], [-4.0, 2.0]])
        )
        self.assert_all_close(
            features["logits"], np.array([[7.0, 0.0], [1.0, -2.0]])
        )


class TestFold(TestCase):
    """The folded student equals the stack with the adaptation layers."""

    def check(self, build, widths):
        amalgamator, _ = amalgamator_of(build, widths=widths)
        randomize_adapters(amalgamator)
        value = x = networks.images()
        for number in range(len(amalgamator.student_layers)):
            value = amalgamator.student_layers.run(number, value)
            if number < len(amalgamator.adaptations):
                value = amalgamator.adaptations[number](value)
        assert np.std(value) > 1e-3
        unfolded = np.asarray(amalgamator.student(x))
        amalgamator.fold()
        folded = np.asarray(amalgamator.student(x))
        self.assert_all_close(folded, value, atol=1e-5)
        assert np.abs(folded - unfolded).max() > 1e-2
        amalgamator.fold()
        self.assert_all_close(amalgamator.student(x), folded, atol=0)

    def test_convolutions_and_dense_layers(self):
        self.check(networks.conv_teacher, [5, 6, 7])

    def test_batch_normalization(self):
        self.check(networks.normalized_teacher, [5, 6])

    def test_residual_blocks(self):
        self.check(networks.residual_teacher, [5, 5, 9])

    def test_shortcut_from_a_convolution_that_others_read(self):
        self.check(networks.bare_stem_teacher, [5, 6])


class TestProperty(TestCase):
    def test_autoencoder_reaches_the_principal_components(self):
        amalgamator, _ = amalgamator_of(networks.dense_teacher, widths=[3])
        x = vectors(64)
        amalgamator.compile(keras.optimizers.Adam(0.02))
        amalgamator.fit(
            np.tile(x, (1000, 1)), shuffle=False, batch_size=64, verbose=0
        )
        loss = amalgamator.evaluate(x, batch_size=64, verbose=0)[0]
        features = np.asarray(amalgamator.teacher_features(x)["dense_1"])
        centred = features - features.mean(0)
        singular = np.linalg.svd(centred, compute_uv=False)
        optimum = np.sum(singular[3:] ** 2) / centred.size
        assert optimum > 1e-3
        assert loss >= 0.999 * optimum
        assert loss <= 1.01 * optimum

    def test_autoencoder_starts_as_a_projection(self):
        amalgamator, _ = amalgamator_of(networks.dense_teacher, widths=[3])
        encoder = np.asarray(amalgamator.encoders[0].kernel)
        decoder = np.asarray(amalgamator.decoders[0].kernel)
        self.assert_all_close(encoder.T @ encoder, np.eye(3), atol=1e-5)
        self.assert_all_close(decoder, encoder.T)

    @pytest.mark.tensorflow
    @pytest.mark.usefixtures("eager")
    def test_layers_are_independent(self):
        """Training the others too does not change how a layer is trained."""

        def trained(frozen):
            amalgamator, _ = amalgamator_of(networks.conv_teacher)
            amalgamator.set_phase("layers")
            for layer in amalgamator.student.layers:
                layer.trainable = layer.name not in frozen
            amalgamator.compile(keras.optimizers.Adam(0.01))
            amalgamator.fit(networks.images(), epochs=2, verbose=0)
            return amalgamator.student.get_layer("conv_2").get_weights()

        together = trained([])
        alone = trained(["conv_1", "dense_1", "scores"])
        self.assert_all_close(together, alone, atol=1e-7)

    @pytest.mark.tensorflow
    @pytest.mark.usefixtures("eager")
    def test_an_optimizer_for_each_layer(self):
        amalgamator, _ = amalgamator_of(networks.conv_teacher)
        before = amalgamator.student.get_weights()
        optimizers = {
            "conv_2": keras.optimizers.SGD(0.01),
            "other": keras.optimizers.SGD(0.0),
        }
        amalgamator.set_phase("layers")
        amalgamator.compile(
            keras.optimizers.MultiOptimizer(
                lambda variable: optimizers[
                    "conv_2" if "conv_2" in variable.path else "other"
                ]
            )
        )
        amalgamator.fit(networks.images(), verbose=0)
        after = amalgamator.student.get_weights()
        changed = [not np.array_equal(a, b) for a, b in zip(before, after)]
        assert changed == [False, False, True, True] + 4 * [False]

    def test_only_the_student_sees_the_augmentation(self):
        x = networks.images()
        amalgamator, teachers = amalgamator_of(
            networks.conv_teacher,
            augmentation=keras.layers.RandomFlip("vertical"),
        )
        amalgamator.set_phase("joint")
        logits = np.concatenate([teacher(x) for teacher in teachers], 1)
        plain = np.asarray(amalgamator.student(x))
        flipped = np.asarray(amalgamator.student(x[:, ::-1]))
        target, output = amalgamator(x, training=True)["logits"]
        self.assert_all_close(target, logits)
        is_plain = np.isclose(output, plain, atol=1e-5).all(1)
        is_flipped = np.isclose(output, flipped, atol=1e-5).all(1)
        assert is_plain.any() and is_flipped.any()
        assert (is_plain | is_flipped).all()
        _, output = amalgamator(x, training=False)["logits"]
        self.assert_all_close(output, plain)

    def test_dropout_is_active_in_training_only(self):
        amalgamator, _ = amalgamator_of(networks.normalized_teacher)
        x = networks.images()
        for phase in ("layers", "joint"):
            amalgamator.set_phase(phase)
            for training in (True, False):
                target, output = amalgamator(x, training=training)["logits"]
                again_target, again = amalgamator(x, training=training)[
                    "logits"
                ]
                self.assert_all_close(target, again_target, atol=0)
                assert np.allclose(output, again) is not training

    def test_order_of_the_teachers_is_the_order_of_the_classes(self):
        amalgamator, teachers = amalgamator_of(networks.conv_teacher)
        x = networks.images()
        logits = amalgamator.teacher_features(x)["logits"]
        for teacher, part in zip(teachers, amalgamator.slices):
            self.assert_all_close(teacher(x), logits[:, part], atol=1e-6)
        assert amalgamator.student.output_shape == (None, 5)

    def test_teachers_run_once_a_batch(self):
        amalgamator, _ = amalgamator_of(networks.conv_teacher)
        calls = []
        for number, teacher in enumerate(amalgamator.teachers):
            layer = teacher.get_layer("conv_1")
            call = layer.call
            layer.call = lambda x, n=number, f=call: calls.append(n) or f(x)
        for phase in amalgamator.phases:
            amalgamator.set_phase(phase)
            calls.clear()
            amalgamator(networks.images())
            assert sorted(calls) == [0, 1]

    def test_default_student_is_smaller_than_the_teachers(self):
        for count in (2, 4):
            classes = count * (2,)
            amalgamator, teachers = amalgamator_of(
                lambda n: networks.conv_teacher(n, (16, 24)), classes
            )
            total = sum(teacher.count_params() for teacher in teachers)
            ratio = amalgamator.student.count_params() / total
            assert ratio > 0.5
            assert ratio < 0.9

    def test_same_seed_same_student(self):
        def weights(seed):
            amalgamator, _ = amalgamator_of(networks.conv_teacher, seed=seed)
            adapters = amalgamator.encoders[0], amalgamator.adaptations[0]
            layers = [amalgamator.student, *adapters]
            return [w for layer in layers for w in layer.get_weights()]

        first, again, other = weights(3), weights(3), weights(4)
        self.assert_all_close(first, again, atol=0)
        for one, another in zip(first, other):
            assert one.ndim == 1 or np.abs(one - another).max() > 1e-2


@pytest.mark.usefixtures("eager")
class TestIncremental(TestCase):
    def test_teachers_are_added_one_by_one(self, tmp_path):
        teachers = [
            networks.randomize(networks.dense_teacher(n), n) for n in (2, 3, 4)
        ]
        x = vectors(8)
        last = amalgamate_incrementally(
            teachers,
            x,
            dict.fromkeys(EPOCHS, 1),
            backup_dir=tmp_path,
            verbose=0,
        )
        assert last.slices == [slice(0, 5), slice(5, 9)]
        assert last.student.output_shape == (None, 9)
        self.assert_all_close(last.teachers[1](x), teachers[2](x))
        assert sorted(p.name for p in tmp_path.iterdir()) == [
            "teachers_1",
            "teachers_2",
        ]

    def test_a_residual_student_is_a_teacher(self, monkeypatch):
        trained = []
        monkeypatch.setattr(
            LayerwiseAmalgamator,
            "fit_stages",
            lambda self, *args, **kwargs: trained.append((self, args)),
        )
        teachers = [networks.residual_teacher(n) for n in (2, 3, 4)]
        last = amalgamate_incrementally(teachers, "images", EPOCHS)
        assert [args for _, args in trained] == 2 * [("images", EPOCHS)]
        assert trained[1][0] is last
        x = networks.images(2)
        merged = trained[0][0].student
        self.assert_all_close(last.teachers[0](x), merged(x))

    def test_one_teacher_is_not_enough(self):
        teachers = [networks.conv_teacher(2)]
        with pytest.raises(ValueError, match="at least two teachers"):
            amalgamate_incrementally(teachers, networks.images(), EPOCHS)


class TestFit(TestCase):
    @pytest.mark.tensorflow
    def test_the_student_learns_cached_or_not(self):
        x = vectors(64)

        def train(**kwargs):
            amalgamator, teachers = amalgamator_of(networks.dense_teacher)
            history = amalgamator.fit_stages(
                x, dict.fromkeys(EPOCHS, 20), 8, verbose=0, **kwargs
            )
            return amalgamator, teachers, [h["loss"] for h in history.values()]

        amalgamator, teachers, losses = train()
        for curve in losses:
            assert curve[-1] < 0.7 * curve[0]
        logits = np.concatenate([t(x) for t in teachers], 1)
        error = np.mean((amalgamator.student(x) - logits) ** 2)
        assert error < 0.1 * logits.var()
        *_, computed = train(cache_bytes=0, jit_compile=True)
        np.testing.assert_allclose(computed, losses, rtol=1e-2)

    def test_cache_is_bounded(self):
        amalgamator, _ = amalgamator_of(networks.conv_teacher)
        x = networks.images(10)
        # Values of conv_1, conv_2, dense_1 and the logits of both teachers.
        sizes = {"autoencoders": 8 * 8 * 8 + 2 * 2 * 12 + 10, "joint": 5}
        sizes["layers"] = sizes["autoencoders"] + sizes["joint"]
        for phase, size in sizes.items():
            amalgamator.set_phase(phase)
            cached = {"images", *amalgamator.feature_names()}
            for missing, names in ((0, cached), (1, set())):
                bytes_needed = 4 * 10 * size - missing
                batches = amalgamator.phase_batches(
                    x, None, 5, bytes_needed, "float32"
                )
                inputs = batches[0][0]
                found = set(inputs) if isinstance(inputs, dict) else set()
                assert found == names

    @pytest.mark.usefixtures("eager")
    def test_interrupted_equals_uninterrupted(self, tmp_path):
        """What `fold` has done is there after a resume, and done once."""

        class Kill(keras.callbacks.Callback):
            def on_epoch_begin(self, epoch, logs=None):
                if (self.model.phase, epoch) == self.place:
                    raise KeyboardInterrupt

        def run(backup_dir=None, callbacks=()):
            amalgamator, _ = amalgamator_of(networks.dense_teacher)
            amalgamator.backup_seconds = 0
            amalgamator.fit_stages(
                vectors(16),
                EPOCHS,
                8,
                backup_dir=backup_dir,
                callbacks=callbacks,
                verbose=0,
            )
            return amalgamator.student.get_weights()

        whole = run()
        for place in (("layers", 1), ("joint", 0)):
            kill = Kill()
            kill.place = place
            with pytest.raises(KeyboardInterrupt):
                run(tmp_path, [kill])
        self.assert_all_close(run(tmp_path), whole, atol=0)
        self.assert_all_close(run(tmp_path), whole, atol=0)

    def test_held_back_images(self):
        amalgamator, _ = amalgamator_of(networks.dense_teacher)
        held, lowest = (
            vectors(21)[:5],
            keras.callbacks.EarlyStopping(
                "val_loss", patience=1, restore_best_weights=True
            ),
        )
        history = amalgamator.fit_stages(
            vectors(16),
            {"joint": 9},
            8,
            # Uphill.
            optimizers={"joint": keras.optimizers.SGD(-0.05)},
            validation_data=held,
            callbacks=[lowest],
            verbose=0,
        )["joint"]
        losses = history["val_loss"]
        assert len(losses) == 2 and losses[0] < losses[1]
        amalgamator.compile()
        loss = amalgamator.evaluate(held, verbose=0, return_dict=True)["loss"]
        np.testing.assert_allclose(loss, losses[0], rtol=1e-5)

    def test_not_finite(self):
        amalgamator, _ = amalgamator_of(networks.dense_teacher)
        good = amalgamator.student.get_weights()

        class Explode(keras.callbacks.Callback):
            def on_epoch_begin(self, epoch, logs=None):
                if epoch == 1:
                    last_bias = self.model.student.weights[-1]
                    last_bias.assign(np.full(5, np.inf, "float32"))

        with pytest.raises(
            FloatingPointError, match="phase 'joint', epoch 2, because .*logits"
        ):
            amalgamator.fit_stages(
                vectors(8),
                {"joint": 2},
                optimizers={"joint": keras.optimizers.SGD(0.0)},
                callbacks=[Explode()],
                verbose=0,
            )
        self.assert_all_close(amalgamator.student.get_weights(), good, atol=0)

    def test_labels_are_refused(self):
        amalgamator, _ = amalgamator_of(networks.conv_teacher)
        amalgamator.compile("sgd")
        with pytest.raises(ValueError, match="images alone"):
            amalgamator.fit(networks.images(), np.zeros(24), verbose=0)

    @pytest.mark.tensorflow
    @pytest.mark.usefixtures("eager")
    def test_tf_data(self):
        import tensorflow as tf

        amalgamator, _ = amalgamator_of(networks.dense_teacher)
        data = tf.data.Dataset.from_tensor_slices(vectors(16)).batch(8)
        history = amalgamator.fit_stages(data, EPOCHS, verbose=0)
        assert list(history) == list(EPOCHS)


class TestLifeCycle(TestCase):
    @pytest.mark.parametrize("phase", EPOCHS)
    def test_amalgamator(self, phase):
        if phase != "joint":
            amalgamator, _ = amalgamator_of(networks.dense_teacher, phase=phase)
            self.run_amalgamator_test(amalgamator, vectors(32))
            return
        amalgamator, _ = amalgamator_of(
            networks.conv_teacher,
            phase=phase,
            augmentation=keras.layers.RandomTranslation(0.1, 0.1),
        )
        self.run_amalgamator_test(amalgamator, networks.images(32))

    @pytest.mark.tensorflow
    @pytest.mark.usefixtures("eager")
    def test_residual_teachers_train_in_mixed_precision(self):
        keras.mixed_precision.set_dtype_policy("mixed_float16")
        amalgamator, _ = amalgamator_of(networks.residual_teacher)
        history = amalgamator.fit_stages(
            networks.images(8), dict.fromkeys(EPOCHS, 5), verbose=0
        )
        assert amalgamator.student.compute_dtype == "float16"
        assert amalgamator.student.weights[0].dtype == "float32"
        for phase in EPOCHS:
            losses = history[phase]["loss"]
            assert losses[-1] < losses[0]

    def test_wrong_arguments(self):
        teachers = [networks.conv_teacher(2), networks.conv_teacher(2)]
        for widths in ([3, 3], [3, 3, 0], []):
            with pytest.raises(ValueError, match="here 3. Received: "):
                LayerwiseAmalgamator(teachers, widths=widths)
        for ratio in (0.0, 1.5, 20):
            with pytest.raises(ValueError, match="between 0 and 1"):
                LayerwiseAmalgamator(teachers, widths=ratio)
        with pytest.raises(ValueError, match="at least two teachers"):
            LayerwiseAmalgamator(teachers[:1])
        with pytest.raises(ValueError, match="`phase` must be one of"):
            LayerwiseAmalgamator(teachers, phase="distil")
        for arguments in (
            {"widths": "x"},
            {"widths": [3, 3, 1.5]},
            {"widths": [10**9] * 3},
            {"augmentation": "flip"},
            {"seed": None},
        ):
            with pytest.raises(ValueError, match="Received: "):
                LayerwiseAmalgamator(teachers, **arguments)


class TestTwoDevices(TestCase):
    def train(self):
        amalgamator, _ = amalgamator_of(networks.dense_teacher)
        history = amalgamator.fit_stages(
            vectors(16), {"layers": 2, "joint": 1}, batch_size=8, verbose=0
        )
        return history, amalgamator.student.get_weights()

    @several_devices
    def test_they_equal_one(self):
        one, two = on_one_and_on_all(self.train)
        self.assert_all_close(one, two, rtol=1e-5, atol=1e-5)
