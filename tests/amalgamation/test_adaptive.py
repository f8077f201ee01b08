"""Adaptive amalgamation: the formulas against numpy, and the life cycle."""

import keras
import numpy as np
import pytest
from keras import layers
from keras import ops
from test_case import TestCase

from keras_vipa.amalgamation import AdaptiveAmalgamator
from keras_vipa.amalgamation import least_entropy
from keras_vipa.amalgamation import new_student
from keras_vipa.amalgamation.adaptive.bridges import Bridge
from keras_vipa.amalgamation.adaptive.staged import scores_of_tasks
from keras_vipa.amalgamation.adaptive.staged import staged

TASKS = ["hat", "eyes"]


def images(count=8, seed=0):
    generator = np.random.default_rng(seed)
    return generator.random((count, 8, 8, 3), "float32")


def array(x):
    return ops.convert_to_numpy(x)


def softmax(x):
    powers = np.exp(x - x.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def teacher(width=4, end=None, size=8, **tasks):
    """Two stages, of 8 x 8 and 4 x 4 places."""
    x = inputs = keras.Input((size, size, 3))
    x = layers.Conv2D(width, 3, padding="same", name="conv_1")(x)
    x = layers.ReLU(name="relu_1")(x)
    x = layers.Conv2D(width, 3, 2, padding="same", name="conv_2")(x)
    x = layers.GlobalAveragePooling2D()(layers.ReLU(name="relu_2")(x))
    # Scores that differ from image to image.
    init = keras.initializers.RandomNormal(0, 9, seed=width)
    heads = {
        task: layers.Dense(n, end, kernel_initializer=init)(x)
        for task, n in tasks.items()
    }
    return keras.Model(inputs, heads)


def pool():
    """`hat` is known to all of them, `eyes` to the first."""
    keras.utils.set_random_seed(0)
    return [
        teacher(4, hat=3, eyes=2),
        teacher(5, "softmax", size=10, hat=3, shoes=2),
        teacher(6, hat=3),
    ]


def make(teachers=None, tasks=TASKS, **options):
    teachers = teachers or pool()
    return AdaptiveAmalgamator(teachers, tasks, **{"ratio": 2.0, **options})


def distance(bridge, own, other):
    """As the formula has it, of maps of one size."""
    total = 0.0
    for stage, (s, t) in enumerate(zip(own, other)):
        kernel, bias = (array(w) for w in bridge.student_side[stage].weights)
        s = array(s) @ kernel[0, 0] + bias
        t = array(t)
        if bridge.teacher_side:
            weights = bridge.teacher_side[stage].weights
            kernel, bias = (array(w) for w in weights)
            t = t @ kernel[0, 0] + bias
        total = total + ((s - t) ** 2).mean(axis=(1, 2, 3))
    return total


class TestSelection(TestCase):
    def test_against_a_loop(self):
        generator = np.random.default_rng(0)
        logits = [generator.normal(size=(20, 4)) * s for s in (1, 2, 1.5)]
        weights = array(least_entropy(logits))
        for row in range(20):
            entropies = []
            for scores in logits:
                p = softmax(scores[row])
                entropies.append(-sum(x * np.log(x) for x in p))
            expected = np.eye(3)[np.argmin(entropies)]
            np.testing.assert_array_equal(weights[row], expected)
        assert weights.sum(axis=0).min() > 0

    def test_peaked_and_even(self):
        even, peaked = np.zeros((1, 3)), np.array([[90.0, 0.0, 0.0]])
        assert array(least_entropy([even, peaked])).tolist() == [[0, 1]]
        assert array(least_entropy([peaked, even])).tolist() == [[1, 0]]
        # The first of equals.
        assert array(least_entropy([even, even])).tolist() == [[1, 0]]

    def test_relative(self):
        """Two classes are even, four are not quite: log 2 < I < log 4."""
        even, four = np.zeros((1, 2)), np.array([[1.0, 0.0, 0.0, 0.0]])
        logits = [even, four]
        assert array(least_entropy(logits, relative=True)).tolist() == [[0, 1]]
        with pytest.raises(ValueError, match="of the same classes"):
            least_entropy(logits)


class TestBridge(TestCase):
    def test_distance(self):
        bridge = Bridge([3, 4], [5, 6], [2, 3])
        bridge.build()
        shapes = (2, 4, 4, 3), (2, 2, 2, 4), (2, 4, 4, 5), (2, 2, 2, 6)
        generator = np.random.default_rng(0)
        maps = [generator.normal(size=s).astype("float32") for s in shapes]
        expected = distance(bridge, maps[:2], maps[2:])
        np.testing.assert_allclose(
            array(bridge(maps[:2], maps[2:])), expected, rtol=1e-5
        )
        # A teacher's map of another size is resized.
        other = [np.repeat(np.repeat(maps[2], 2, 1), 2, 2), maps[3]]
        assert array(bridge(maps[:2], other)).shape == (2,)

    def test_norm(self):
        """Filters of lengths 1 and 2: the mean of 0 and (4 - 1)^2."""
        bridge = Bridge([1], [2], [2])
        bridge.build()
        kernel = np.array([[0.6, 0.0], [0.8, 2.0]], "float32")[None, None]
        bridge.teacher_side[0].kernel.assign(kernel)
        assert float(bridge.norm()) == pytest.approx(4.5)

    def test_without_a_teacher_side(self):
        bridge = Bridge([3], [2], None)
        bridge.build()
        assert [w.shape for w in bridge.weights] == [(1, 1, 3, 2), (2,)]
        assert bridge.norm() == 0.0


class TestStaged(TestCase):
    def test_stages_before_their_activation(self):
        model = teacher(4, hat=3)
        view = staged(model, scores_of_tasks(model))
        seen = view(images())
        assert [x.shape[1:] for x in seen["maps"]] == [(8, 8, 4), (4, 4, 4)]
        assert array(seen["maps"][0]).min() < 0
        self.assert_all_close(seen["logits"]["hat"], model(images())["hat"])
        named = staged(model, scores_of_tasks(model), taps=["relu_2"])
        (only,) = named(images())["maps"]
        self.assert_all_close(only, ops.relu(seen["maps"][1]))

    def test_slices(self):
        """Of one softmax, whose logits are cut before it."""
        x = keras.Input((8, 8, 3))
        y = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3)(x))
        model = keras.Model(x, layers.Dense(5, "softmax")(y))
        slices = {"a": slice(0, 2), "b": slice(2, 5)}
        view = staged(model, scores_of_tasks(model, slices))
        logits = view(images())["logits"]
        whole = array(model(images()))
        for task, part in slices.items():
            expected = whole[:, part] / whole[:, part].sum(-1, keepdims=True)
            np.testing.assert_allclose(
                softmax(array(logits[task])), expected, rtol=1e-4
            )

    def test_outputs_by_the_names_of_their_layers(self):
        x = keras.Input((8, 8, 3))
        y = layers.GlobalAveragePooling2D()(x)
        outputs = [layers.Dense(n, name=f"task_{n}") for n in (2, 3)]
        model = keras.Model(x, [layer(y) for layer in outputs])
        assert list(scores_of_tasks(model)) == ["task_2", "task_3"]

    def test_any_size(self):
        x = keras.Input((None, None, 3))
        y = layers.Conv2D(4, 3, 2, padding="same")(x)
        y = layers.Conv2D(5, 3, 2, padding="same")(y)
        y = layers.GlobalAveragePooling2D()(y)
        model = keras.Model(x, {"a": layers.Dense(2)(y)})
        view = staged(model, scores_of_tasks(model), (8, 8, 3))
        assert view.input_shape == (None, 8, 8, 3)
        sizes = [x.shape[1:3] for x in view.output["maps"]]
        assert sizes == [(4, 4), (2, 2)]


class TestFormula(TestCase):
    def terms_of(self, amalgamator):
        outputs = amalgamator(images(), training=False)
        terms = amalgamator.loss_terms(None, outputs)
        return outputs, {name: array(value) for name, value in terms.items()}

    @pytest.mark.parametrize("rule", ["least_entropy", "all"])
    def test_components(self, rule):
        amalgamator = make(rule=rule)
        outputs, terms = self.terms_of(amalgamator)
        views = amalgamator.pool.views
        soft, features = 0.0, 0.0
        for number, task in enumerate(TASKS):
            own = amalgamator.component_views[number](images())
            z = array(own["logits"][task])
            group = {"hat": (1, 2, 3), "eyes": (1,)}[task]
            targets = [array(t) for t in outputs["targets"][task]]
            shares = np.full((8, len(group)), 1 / len(group))
            if rule == "least_entropy":
                shares = array(least_entropy(targets))
            for place, teacher_number in enumerate(group):
                target = targets[place]
                error = -(softmax(target) * np.log(softmax(z))).sum(axis=-1)
                soft = soft + shares[:, place] * error
                bridge = amalgamator.bridges["components"][
                    f"{teacher_number}_{task}"
                ]
                x = images()
                if teacher_number == 2:
                    x = ops.image.resize(x, (10, 10), antialias=True)
                others = views[teacher_number](x)["maps"]
                others = [
                    ops.image.resize(m, o.shape[1:3], antialias=True)
                    for m, o in zip(others, own["maps"])
                ]
                error = distance(bridge, own["maps"], others)
                features = features + shares[:, place] * error
        np.testing.assert_allclose(terms["soft_targets"], soft, rtol=1e-4)
        np.testing.assert_allclose(terms["features"], features, rtol=1e-4)
        norm = sum(
            float(bridge.norm())
            for bridge in amalgamator.bridges["components"].values()
        )
        assert terms["norm"] == pytest.approx(norm)

    @pytest.mark.parametrize("select", [False, True])
    def test_target(self, select):
        amalgamator = make(select=select, phase="target")
        outputs, terms = self.terms_of(amalgamator)
        own = amalgamator.student_view(images())
        components = [view(images()) for view in amalgamator.component_views]
        pairs = list(zip(TASKS, components))
        shares = np.ones((8, 2))
        if select:
            logits = [seen["logits"][task] for task, seen in pairs]
            shares = array(least_entropy(logits, relative=True))
        soft, features = 0.0, 0.0
        for number, (task, seen) in enumerate(pairs):
            target = array(seen["logits"][task])
            z = array(own["logits"][task])
            error = -(softmax(target) * np.log(softmax(z))).sum(axis=-1)
            soft = soft + shares[:, number] * error
            bridge = amalgamator.bridges["target"][f"{number + 1}_{task}"]
            # Without a side of the component's.
            assert not bridge.teacher_side
            error = distance(bridge, own["maps"], seen["maps"])
            features = features + shares[:, number] * error
        np.testing.assert_allclose(terms["soft_targets"], soft, rtol=1e-4)
        np.testing.assert_allclose(terms["features"], features, rtol=1e-4)
        assert set(terms) == {"soft_targets", "features"}

    def test_squared_error_of_logits(self):
        amalgamator = make(targets="logits", weights={"features": 0.0})
        amalgamator.factors["components"].assign([2.0, -1.0])
        outputs, terms = self.terms_of(amalgamator)
        assert set(terms) == {"soft_targets"}
        expected = 0.0
        for task, factor in zip(TASKS, (2.0, -1.0)):
            z = array(outputs["logits"][task])
            targets = [array(t) for t in outputs["targets"][task]]
            shares = array(least_entropy(targets))
            for place, target in enumerate(targets):
                error = ((factor * z - target) ** 2).mean(axis=-1)
                expected = expected + shares[:, place] * error
        np.testing.assert_allclose(terms["soft_targets"], expected, rtol=1e-4)

    def test_random(self):
        amalgamator = make(rule="random", tasks=["hat"])
        outputs = amalgamator(images(60))
        shares = array(amalgamator._shares(outputs["targets"])["hat"])
        assert set(shares.ravel().tolist()) == {0.0, 1.0}
        assert (shares.sum(axis=1) == 1).all()
        assert shares.sum(axis=0).min() > 5

    @pytest.mark.tensorflow
    def test_who_is_not_selected_does_not_act(self):
        """No gradient reaches the bridge of a teacher that is off."""
        import tensorflow as tf

        sure, unsure = teacher(4, hat=3), teacher(5, hat=3)
        for model, scale in ((sure, 50.0), (unsure, 0.0)):
            layer = model.layers[-1]
            layer.kernel.assign(scale * layer.kernel)
            layer.bias.assign(scale * np.array([1, 0, 0], "float32"))
        amalgamator = make([sure, unsure], ["hat"])
        bridges = amalgamator.bridges["components"]
        with tf.GradientTape() as tape:
            outputs = amalgamator(images(), training=True)
            terms = amalgamator.loss_terms(None, outputs)
            loss = tf.reduce_sum(terms["features"] + terms["soft_targets"])
        weights = {
            key: [w.value for w in bridge.trainable_variables]
            for key, bridge in bridges.items()
        }
        found = tape.gradient(loss, weights)
        assert all(np.abs(g).max() > 0 for g in found["1_hat"])
        assert all(np.abs(g).max() == 0 for g in found["2_hat"])


@pytest.mark.usefixtures("eager")
class TestTraining(TestCase):
    def test_what_moves(self):
        teachers = pool()[1:]
        amalgamator = make(teachers, ["hat"])
        parts = {
            "teachers": teachers,
            "components": amalgamator.components,
            "student": [amalgamator.student],
            "first bridges": amalgamator.bridges["components"].values(),
            "second bridges": amalgamator.bridges["target"].values(),
        }

        def values():
            return {
                name: np.concatenate(
                    [w.ravel() for m in models for w in map(array, m.weights)]
                )
                for name, models in parts.items()
            }

        moved = []
        for phase in ("components", "target"):
            before = values()
            amalgamator.fit_stages(images(16), {phase: 1}, 8, verbose=0)
            after = values()
            moved.append({n for n in parts if (before[n] != after[n]).any()})
        assert moved == [
            {"components", "first bridges"},
            {"student", "second bridges"},
        ]

    def test_cached_or_not(self):
        histories = []
        for cache_bytes in (0, None):
            amalgamator = make(pool()[1:], ["hat"])
            history = amalgamator.fit_stages(
                images(16),
                {"components": 1, "target": 1},
                8,
                cache_bytes=cache_bytes,
                verbose=0,
            )
            histories.append(history)
        for phase, values in histories[0].items():
            for name, numbers in values.items():
                np.testing.assert_allclose(
                    numbers, histories[1][phase][name], rtol=1e-3
                )

    def test_selection(self):
        amalgamator = make()
        x = images(40)
        amalgamator.fit_stages(x, {"components": 1}, 8, verbose=0)
        logits = amalgamator.teacher_logits(x)["hat"]
        chosen = array(least_entropy(list(logits))).mean(axis=0)
        assert amalgamator.selection["eyes"] == {1: 1.0}
        assert amalgamator.selection["hat"] == pytest.approx(
            dict(enumerate(chosen.tolist(), 1))
        )

    def test_a_student_of_ones_own(self):
        student = new_student(
            "separable", (9, 9, 3), {"eyes": 2, "hat": 3}, 900
        )
        amalgamator = make(pool()[:2], student=student)
        epochs = {"target": 1}
        amalgamator.fit_stages(images(16), epochs, 8, verbose=0)
        assert amalgamator.student is student
        assert student.output["hat"].shape == (None, 3)


class TestNorm(TestCase):
    @pytest.mark.parametrize("weight", [0.0, 1.0])
    def test_filters_keep_their_length(self, weight):
        weights = {"norm": weight}
        amalgamator = make(tasks=["eyes"], weights=weights)
        convolutions = amalgamator.bridges["components"]["1_eyes"].teacher_side

        def lengths():
            kernels = [array(layer.kernel) for layer in convolutions]
            return [np.sqrt((k**2).sum(axis=(0, 1, 2))) for k in kernels]

        for layer, length in zip(convolutions, lengths()):
            layer.kernel.assign(array(layer.kernel) / length)
        amalgamator.fit_stages(images(8), {"components": 150}, 8, verbose=0)
        found = np.concatenate(lengths())
        if weight:
            np.testing.assert_allclose(found, 1.0, atol=0.05)
        else:
            assert found.min() < 0.9


@pytest.mark.usefixtures("eager")
class TestLifeCycle(TestCase):
    def test_save_and_load(self, tmp_path):
        keras.utils.set_random_seed(0)
        x = keras.Input((8, 8, 3))
        y = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3)(x))
        model = keras.Model(x, layers.Dense(5)(y))
        teachers = [(model, {"hat": slice(0, 3)}), *pool()]
        options = {"rule": "all", "targets": "logits"}
        amalgamator = make(teachers, weights={"norm": 0.0}, **options)
        epochs = {"components": 1, "target": 1}
        amalgamator.fit_stages(images(16), epochs, 8, verbose=0)
        amalgamator.save(tmp_path / "all.keras")
        loaded = keras.saving.load_model(tmp_path / "all.keras")
        assert loaded.phase == "target"
        assert loaded.options == amalgamator.options
        assert loaded.phases == amalgamator.phases
        assert loaded.selection == amalgamator.selection
        self.assert_all_close(
            amalgamator(images(), training=False),
            loaded(images(), training=False),
        )
        amalgamator.student.save(tmp_path / "student.keras")
        student = keras.saving.load_model(tmp_path / "student.keras")
        assert set(student.output) == set(TASKS)
        self.assert_all_close(student(images()), amalgamator.student(images()))

    def test_mixed_precision(self):
        amalgamator = make(pool()[1:], ["hat"], dtype="mixed_bfloat16")
        history = amalgamator.fit_stages(
            images(16), {"components": 1}, 8, verbose=0
        )
        assert np.isfinite(history["components"]["loss"]).all()


class TestErrors(TestCase):
    @pytest.mark.parametrize(
        "tasks, message",
        [
            (["hat", "nose"], "known to a teacher. Received: 'nose'"),
            (["hat", "hat"], "list of different names"),
            ([], "list of different names"),
            ("hat", "list of different names"),
        ],
    )
    def test_tasks(self, tasks, message):
        with pytest.raises(ValueError, match=message):
            make(tasks=tasks)

    def test_different_classes(self):
        teachers = [teacher(4, hat=3), teacher(4, hat=4)]
        message = "'hat' with different numbers of them, teacher_1: 3, teacher"
        with pytest.raises(ValueError, match=message):
            make(teachers, ["hat"])

    def test_student_of_other_classes(self):
        student = new_student("separable", (8, 8, 3), {"hat": 4}, 900)
        with pytest.raises(ValueError, match="must score the classes of the"):
            make(student=student)

    def test_no_stages(self):
        x = keras.Input((8, 8, 3))
        y = layers.Dense(3)(layers.Flatten()(x))
        flat = keras.Model(x, {"hat": y})
        with pytest.raises(ValueError, match="as no|which has none"):
            make([flat, teacher(4, hat=3)], ["hat"])

    def test_taps(self):
        with pytest.raises(ValueError, match="such layers of teacher_1 are"):
            make(taps=[["nowhere"], None, None])

    def test_labels(self):
        with pytest.raises(ValueError, match="learns from images alone"):
            make().fit_stages(
                images(), {"components": 1}, labels=np.zeros(8), verbose=0
            )
