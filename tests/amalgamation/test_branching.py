"""Student Becoming the Master: identities, what moves, branch points."""

import keras
import numpy as np
import pytest
from keras import layers
from keras import ops
from test_case import TestCase

from keras_vipa import losses
from keras_vipa.amalgamation import BranchingAmalgamator
from keras_vipa.amalgamation.branch_points import best_points
from keras_vipa.amalgamation.branching.tree import read
from keras_vipa.applications import SegNet

SIZE = {"width": 2, "depth": 3, "image_shape": (16, 16, 3)}
LOSSES = {"parsing": "classes", "depth": "depth", "normals": "normals"}
TWO = {"parsing": "classes", "depth": "depth"}


def array(x):
    return ops.convert_to_numpy(x)


def images(count=8, seed=0):
    generator = np.random.default_rng(seed)
    return generator.random((count, 16, 16, 3), "float32")


def teachers(*tasks):
    known = {
        "parsing": (5, None),
        "depth": (1, "softplus"),
        "normals": (3, "unit"),
    }
    return {
        task: SegNet(*known[task], seed=number, **SIZE)
        for number, task in enumerate(tasks or known, 1)
    }


def make(models=None, kinds=None, **options):
    keras.utils.set_random_seed(0)
    models = models or teachers("parsing", "depth")
    return BranchingAmalgamator(models, kinds or TWO, **options)


@keras.saving.register_keras_serializable(package="test_branching")
def cubic(target, output):
    """The mean over the channels of cubes of differences."""
    return ops.mean(ops.abs(target - output) ** 3, axis=-1)


def open_gates(amalgamator):
    """All gates close to 1, whatever the features are."""
    for gates in amalgamator.gates:
        for gate in gates:
            first, second = gate.get_weights()
            gate.set_weights([np.abs(first), np.full_like(second, 1e6)])


class TestTree(TestCase):
    def test_from_any_place_on(self):
        """The rest of a network, on its own features, is the network."""
        model = teachers("normals")["normals"]
        net = read(model, ["normals"], "teacher")
        expected = model(images(), training=False)
        x, indices = net.encode(images(), training=False)
        for place in range(3):
            rest = net.root.entered(place)
            found = rest.run(x, indices, training=False)["normals"]
            self.assert_all_close(found, expected)
            block = net.root.blocks[place]
            x = block([x, indices[place]], training=False)

    def test_copies_have_weights_of_their_own(self):
        model = teachers("depth")["depth"]
        root = read(model, ["depth"], "teacher").root
        copy = root.copied("new")
        assert [layer.name for layer in copy.blocks] == [
            "new_up_3",
            "new_up_2",
            "new_up_1",
        ]
        for one, other in zip(root.layers(), copy.layers()):
            self.assert_all_close(one.get_weights(), other.get_weights())
            assert not {map(id, one.weights)} & {map(id, other.weights)}

    def test_a_student_is_read_again(self, tmp_path):
        """With gates, and with a branch that is entered behind its gate."""
        pair = make(points={"parsing": 2, "depth": 1}).student
        third = teachers()["normals"]
        models = {("parsing", "depth"): pair, "normals": third}
        for place in range(3):
            points = {("parsing", "depth"): place, "normals": 2 - place}
            student = make(models, LOSSES, points=points).student
            student.save(tmp_path / "student.keras")
            loaded = keras.saving.load_model(tmp_path / "student.keras")
            net = read(loaded, list(LOSSES), "student")
            found = net.run(images(), training=False)
            self.assert_all_close(dict(student(images())), found)

    @pytest.mark.parametrize("kind", ["flat", "subclassed", "other size"])
    def test_other_networks(self, kind):
        if kind == "flat":
            model = keras.Sequential(
                [keras.Input((16, 16, 3)), layers.Conv2D(5, 3)]
            )
            message = "without an encoder"
        elif kind == "subclassed":
            model = type("Own", (keras.Model,), {"call": lambda self, x: x})()
            model.build((None, 16, 16, 3))
            message = "must be an encoder-decoder"
        else:
            model = SegNet(5, width=4, depth=3, image_shape=(16, 16, 3))
            message = r"Block 1 .* \(None, 2, 2, 8\) in teacher_1"
        models = {**teachers("depth"), "parsing": model}
        models = {task: models[task] for task in TWO}
        student = None if kind != "other size" else teachers("depth")["depth"]
        with pytest.raises(ValueError, match=message):
            make(models, student=student)


class TestFormula(TestCase):
    @pytest.mark.parametrize("place", range(3))
    def test_projection(self, place):
        """With open gates, a student that is the teacher says the same."""
        models = teachers("parsing", "depth")
        student = keras.models.clone_model(models["parsing"])
        student.set_weights(models["parsing"].get_weights())
        amalgamator = make(models, student=student)
        open_gates(amalgamator)
        amalgamator.place.assign(place)
        target, output = amalgamator(images(), training=False)["parsing"]
        self.assert_all_close(output, target, atol=1e-4)

    def test_a_gate_is_passed_once(self):
        """Zero of the gate's second layer is a half of every channel."""
        amalgamator = make()
        gate = amalgamator.gates[0][2]
        first, second = gate.get_weights()
        gate.set_weights([first, np.zeros_like(second)])
        amalgamator.place.assign(2)
        found = amalgamator(images(), training=False)["parsing"][1]
        trunk, teacher = amalgamator.nets.trunk, amalgamator.nets.teachers[0]
        x, indices = trunk.encode(images(), training=False)
        for block, kept in zip(trunk.root.blocks[:2], indices):
            x = block([x, kept], training=False)
        last = teacher.root.blocks[2]
        expected = last([0.5 * x, indices[2]], training=False)
        self.assert_all_close(found, expected)

    @pytest.mark.parametrize("place", range(3))
    def test_both_schedules_agree(self, place):
        random, stepwise = make(), make(schedule="stepwise")
        stepwise.set_weights(random.get_weights())
        random.place.assign(place)
        stepwise.set_phase(f"block_{place + 1}")
        self.assert_all_close(
            random(images(), training=False),
            stepwise(images(), training=False),
        )

    def test_terms(self):
        amalgamator = make(teachers(), LOSSES)
        amalgamator.place.assign(1)
        outputs = amalgamator(images(), training=False)
        terms = amalgamator.loss_terms(None, outputs)
        functions = (
            losses.soft_cross_entropy,
            losses.scale_invariant_error,
            losses.cosine_error,
        )
        for task, function in zip(LOSSES, functions):
            self.assert_all_close(terms[task], function(*outputs[task]))

    def test_hard_classes(self):
        amalgamator = make(kinds={**TWO, "parsing": "hard_classes"})
        target = np.array([[[[0.0, 2.0, 1.0]]]], "float32")
        output = np.array([[[[1.0, 3.0, 0.0]]]], "float32")
        terms = amalgamator.loss_terms(None, {"parsing": (target, output)})
        expected = np.log(np.exp(output).sum()) - 3.0
        self.assert_all_close(terms["parsing"], np.full((1, 1, 1), expected))

    def test_the_least_loss_is_chosen(self):
        curve = [[3.0, 1.0, 2.0], [0.5, 0.7, 0.6], [2.0, 2.0, 1.0]]
        curve, weights = dict(zip(LOSSES, curve)), dict.fromkeys(LOSSES, 1.0)
        keys = {task: [task] for task in LOSSES}
        assert best_points(curve, keys, weights) == [1, 0, 2]
        # A teacher of two tasks has one point, for their weighted sum.
        keys = {"pair": ["parsing", "depth"], "normals": ["normals"]}
        assert best_points(curve, keys, weights) == [1, 2]
        assert best_points(curve, keys, {**weights, "depth": 100.0}) == [0, 2]

    def test_parameters_by_hand(self):
        """Trunk up to the last branch point, gates, rests of the teachers."""
        amalgamator = make(points={"parsing": 0, "depth": 2})
        trunk = amalgamator.nets.trunk
        parts = [*trunk.encoder, *trunk.root.blocks[:2]]
        parts += amalgamator.nets.copies[0].blocks
        parts += amalgamator.nets.copies[1].blocks[2:]
        parts += [amalgamator.gates[0][0], amalgamator.gates[1][2]]
        expected = sum(part.count_params() for part in parts)
        assert amalgamator.student.count_params() == expected


@pytest.mark.usefixtures("eager")
class TestTraining(TestCase):
    def test_what_moves(self):
        """Of a place: the trunk up to it and its gates, nothing else."""
        amalgamator = make(schedule="stepwise", phase="block_2")
        before = {id(w): array(w).copy() for w in amalgamator.weights}
        amalgamator.compile(keras.optimizers.SGD(0.1))
        amalgamator.fit(images(), verbose=0)
        moved = {
            id(weight)
            for weight in amalgamator.trainable_weights
            if not np.array_equal(array(weight), before[id(weight)])
        }
        trunk = amalgamator.nets.trunk
        parts = [*trunk.encoder, trunk.root.blocks[0]]
        parts += [gates[1] for gates in amalgamator.gates]
        expected = {id(w) for part in parts for w in part.trainable_weights}
        assert moved == expected
        for model in amalgamator.teachers:
            for weight in model.weights:
                np.testing.assert_array_equal(array(weight), before[id(weight)])

    @pytest.mark.parametrize("schedule", ["random", "stepwise"])
    def test_all_phases(self, schedule, tmp_path):
        models = teachers("parsing", "depth")
        before = [w.copy() for m in models.values() for w in m.get_weights()]
        amalgamator = make(models, schedule=schedule)
        epochs = dict.fromkeys(amalgamator.phases, 1)
        assert amalgamator.points is None
        history = amalgamator.fit_stages(images(16), epochs, 8, verbose=0)
        assert list(history) == list(amalgamator.phases)
        curve = amalgamator.curve
        assert set(curve) == set(TWO)
        assert all(min(values) > 0 for values in curve.values())
        assert amalgamator.points == {
            task: int(np.argmin(values)) for task, values in curve.items()
        }
        after = [w for m in models.values() for w in m.get_weights()]
        for one, other in zip(before, after):
            np.testing.assert_array_equal(one, other)
        # The student that is trained is the one that is returned.
        found = amalgamator.student(images())
        trained = amalgamator(images(), training=False)
        for task in TWO:
            self.assert_all_close(found[task], trained[task][1])
        amalgamator.save(tmp_path / "all.keras")
        loaded = keras.saving.load_model(tmp_path / "all.keras")
        assert loaded.points == amalgamator.points
        assert loaded.curve == curve
        self.assert_all_close(dict(loaded.student(images())), dict(found))

    def test_other_points_are_tried(self, tmp_path):
        """From the same weights; they are not kept when blocks are trained."""
        amalgamator = make(phase="blocks")
        points = dict.fromkeys(TWO, 0)
        trained = make(points=points)
        amalgamator.points = points
        amalgamator.set_phase("target")
        trained.set_weights(amalgamator.get_weights())
        for one, other in zip(
            amalgamator.trainable_weights, trained.trainable_weights
        ):
            assert one.shape == other.shape
        found = [dict(m.student(images())) for m in (amalgamator, trained)]
        self.assert_all_close(*found)
        amalgamator.points = dict.fromkeys(TWO, 2)
        assert len(amalgamator.trainable_weights) < len(
            trained.trainable_weights
        )
        with pytest.raises(ValueError, match="from 0 to 2"):
            amalgamator.points = {"parsing": 3, "depth": 0}
        # Given ones are kept.
        for one, kept in ((amalgamator, None), (trained, [0, 0])):
            one.save(tmp_path / "all.keras")
            loaded = keras.saving.load_model(tmp_path / "all.keras")
            assert loaded.points == one.points
            assert loaded.given_points == kept

    def test_a_loss_of_ones_own(self, tmp_path):
        amalgamator = make(kinds={"parsing": cubic, "depth": "values"})
        target, output = amalgamator(images(), training=False)["parsing"]
        terms = amalgamator.loss_terms({}, {"parsing": (target, output)})
        expected = np.abs(array(target) - array(output)) ** 3
        self.assert_all_close(terms["parsing"], expected.mean(axis=-1))
        amalgamator.save(tmp_path / "all.keras")
        loaded = keras.saving.load_model(tmp_path / "all.keras")
        assert loaded.task_losses == {"parsing": cubic, "depth": "values"}

    def test_offline(self):
        """The old teachers are not needed."""
        pair = make(points={"parsing": 2, "depth": 1}).student
        models = {("parsing", "depth"): pair, **teachers("normals")}
        amalgamator = make(models, LOSSES)
        epochs = {"blocks": 1, "target": 1}
        amalgamator.fit_stages(images(16), epochs, 8, verbose=0)
        assert set(amalgamator.points) == {("parsing", "depth"), "normals"}
        assert set(amalgamator.student.output) == set(LOSSES)

    @pytest.mark.parametrize(
        "changes, message",
        [
            ({"losses": {"parsing": "classes"}}, "a loss for each of"),
            ({"losses": {**TWO, "depth": "l1"}}, r"`losses\['depth'\]`"),
            ({"teachers": {"depth": None}}, "at least two"),
            ({"teachers": [1, 2]}, "`teachers` must be a dict"),
            ({"points": {"parsing": 1}}, "`points` must be a dict"),
            ({"points": {"parsing": 1, "depth": 3}}, "from 0 to 2"),
            ({"schedule": "greedy"}, "`schedule` must be one of"),
            ({"weights": {"depth": 0}}, r"`weights\['depth'\]` must be"),
            ({"phase": "target"}, "not known yet"),
        ],
    )
    def test_errors(self, changes, message):
        arguments = {
            "teachers": teachers("parsing", "depth"),
            "losses": TWO,
            **changes,
        }
        with pytest.raises(ValueError, match=message):
            BranchingAmalgamator(**arguments)


@pytest.mark.tensorflow
def test_with_xla():
    sizes = {"width": 1, "depth": 2, "image_shape": (16, 16, 3)}
    models = {task: SegNet(1, "softplus", **sizes) for task in TWO}
    amalgamator = make(models, dict.fromkeys(TWO, "values"))
    epochs = {"blocks": 1, "target": 1}
    history = amalgamator.fit_stages(
        images(), epochs, 8, jit_compile=True, verbose=0
    )
    assert np.isfinite([h["loss"][0] for h in history.values()]).all()
