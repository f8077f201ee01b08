"""Amalgamating Filtered Knowledge: identities, what is shared, what moves."""

import keras
import numpy as np
import pytest
from keras import ops
from test_case import TestCase

from keras_vipa.amalgamation import FilteredAmalgamator
from keras_vipa.amalgamation.filtered.labels import mean_logits
from keras_vipa.amalgamation.filtered.labels import mean_said
from keras_vipa.amalgamation.filtered.units import Streams
from keras_vipa.amalgamation.filtered.units import read
from keras_vipa.applications import BottleneckNet
from keras_vipa.layers import ChannelGate

SIZE = {"width": 2, "units": (1, 2), "image_shape": (8, 8, 3)}
# "tie" is known to both.
ONE, TWO = ("hat", "tie", "ears"), ("tie", "cape")
WANTED = ["cape", "tie", "hat"]


def array(x):
    return ops.convert_to_numpy(x)


def images(count=8, seed=0):
    generator = np.random.default_rng(seed)
    return generator.random((count, 8, 8, 3), "float32")


def network(outputs, seed=0):
    return BottleneckNet(outputs, seed=seed, **SIZE)


def teachers():
    return {ONE: network(3, 1), TWO: network(2, 2)}


def make(models=None, wanted=WANTED, **options):
    keras.utils.set_random_seed(0)
    return FilteredAmalgamator(models or teachers(), wanted, **options)


def sigmoid(x):
    return 1 / (1 + np.exp(-x.astype("float64")))


class TestUnits(TestCase):
    def test_from_any_unit_on(self):
        """The rest of a network, on its own features, is the network."""
        model = network(3)
        net = read(model, 3, "teacher")
        expected = model(images(), training=False)
        assert len(net.units) == 3 and net.first_place() == 1
        assert [unit.skip is None for unit in net.units] == [True, False, True]
        streams = Streams([net.stem(images(), training=False)])
        for place in range(4):
            (x,) = streams.features
            found = net.rest({place: x}, place, training=False)
            self.assert_all_close(found, expected)
            if place < 3:
                streams = net.units[place].run(streams, training=False)

    def test_streams_together_are_streams_apart(self):
        """But for the statistics of a batch, which are of all of them."""
        unit = read(network(3), 3, "teacher").units[1]
        x = [
            np.random.default_rng(n).random((4, 8, 8, 8), "float32")
            for n in (0, 1)
        ]
        both = unit.run(Streams(x), training=False).features
        for alone, found in zip(x, both):
            (expected,) = unit.run(Streams([alone]), training=False).features
            self.assert_all_close(found, expected)
        unit.run(Streams(x), training=True)
        norm = unit.body.layers[2]
        kernel = array(unit.body.layers[1].kernel)[0, 0]
        mean = (np.concatenate(x) @ kernel).mean((0, 1, 2))
        self.assert_all_close(norm.moving_mean, 0.1 * mean, atol=1e-5)

    def test_filter_by_hand(self):
        """What is carried over is weighed, and what is new weighs it."""
        amalgamator = make()
        unit, gate = amalgamator.nets.trunk.units[0], amalgamator.gates[0][1]
        x = np.random.default_rng(0).random((2, 8, 8, 8), "float32")
        streams = Streams([x, 2 * x])
        gates = amalgamator.gates[0]
        found = unit.run(streams, gates, training=False).features[1]
        u = array(unit.body(2 * x, training=False))
        first, second = gate.get_weights()
        weights = sigmoid(np.maximum(u.mean((1, 2)) @ first, 0) @ second)
        carried = (weights[:, None, None] * 2 * x).astype("float32")
        self.assert_all_close(found, unit.join([u, carried], training=False))

    @pytest.mark.parametrize(
        "kind, message",
        [
            ("flat", "of units such as"),
            ("labels", "a logit for each of its 3"),
            ("units", "2 in teacher_1, 3 in"),
            ("width", "The stem must return"),
        ],
    )
    def test_other_networks(self, kind, message):
        size = {"image_shape": (8, 8, 3)}
        model = {
            "flat": lambda: keras.Sequential(
                [keras.Input((8, 8, 3)), keras.layers.Flatten()]
            ),
            "labels": lambda: network(4),
            "units": lambda: BottleneckNet(3, 2, (1, 1), **size),
            "width": lambda: BottleneckNet(3, 3, (1, 2), **size),
        }[kind]()
        with pytest.raises(ValueError, match=message):
            make({ONE: model, TWO: network(2)}, student=network(1))


class TestLabels(TestCase):
    def test_a_label_of_two_teachers(self):
        generator = np.random.default_rng(0)
        z = [generator.normal(size=(4, 3)), generator.normal(size=(4, 2))]
        said = mean_said([sigmoid(x) for x in z], [ONE, TWO], WANTED)
        tie = (sigmoid(z[0][:, 1]) + sigmoid(z[1][:, 0])) / 2
        expected = [sigmoid(z[1][:, 1]), tie, sigmoid(z[0][:, 0])]
        self.assert_all_close(said, np.stack(expected, axis=-1))
        logits = mean_logits(z, [ONE, TWO], WANTED)
        self.assert_all_close(sigmoid(array(logits)), array(said))

    def test_far_logits(self):
        """A probability that rounds to 1 still has a logit."""
        z = [np.full((1, 1), 60.0, "float32")] * 2
        found = mean_logits(z, [["a"], ["a"]], ["a"])
        self.assert_all_close(found, np.full((1, 1), 60.0))


class TestFormula(TestCase):
    @pytest.mark.parametrize("place", [1, 2, 3])
    def test_projection(self, place, monkeypatch):
        """With open filters, a student that is a teacher says the same."""
        monkeypatch.setattr(ChannelGate, "call", lambda self, x, context: x)
        models = teachers()
        student = keras.models.clone_model(models[ONE])
        student.set_weights(models[ONE].get_weights())
        amalgamator = make(models, student=student)
        amalgamator.place.assign(place)
        _, logits = amalgamator(images(), training=False)["labels_1"]
        expected = models[ONE](images(), training=False)
        # In the order of the wanted: tie, hat.
        expected = array(expected)[:, [1, 0]]
        self.assert_all_close(logits, expected, atol=1e-4)

    @pytest.mark.parametrize("kind", ["soft", "hard"])
    def test_loss(self, kind):
        models = teachers()
        amalgamator = make(models, targets=kind)
        q = [
            sigmoid(array(m(images(), training=False))) for m in models.values()
        ]
        q = np.stack([(q[0][:, 1] + q[1][:, 0]) / 2, q[0][:, 0]], axis=-1)
        q = q if kind == "soft" else (q > 0.5).astype("float64")
        outputs = amalgamator(images(), training=False)
        p = sigmoid(array(outputs["labels_1"][1]))
        expected = -(q * np.log(p) + (1 - q) * np.log(1 - p)).mean(axis=-1)
        terms = amalgamator.loss_terms({}, outputs)
        self.assert_all_close(terms["labels_1"], expected, rtol=1e-4)

    def test_rows_that_are_not_wanted(self):
        """They change nothing, and are nowhere in the student."""
        models = teachers()
        amalgamator = make(models)
        amalgamator.place.assign(1)
        before = amalgamator(images(), training=False)
        kernel, bias = models[ONE].layers[-1].get_weights()
        kernel[:, 2] += 5.0
        models[ONE].layers[-1].set_weights([kernel, bias])
        after = amalgamator(images(), training=False)
        for term, pair in before.items():
            for one, other in zip(pair, after[term]):
                self.assert_all_close(one, other)
        assert amalgamator.student.output_shape == (None, 3)
        heads = [
            layer.units
            for layer in amalgamator.student.layers
            if isinstance(layer, keras.layers.Dense)
        ]
        assert heads == [2, 2]

    def test_streams_without_a_wanted_label(self):
        amalgamator = make(wanted=["ears"])
        assert amalgamator.terms == ["labels_1"]
        assert [len(gates) for gates in amalgamator.gates] == [1, 1, 1]

    def test_parameters_by_hand(self):
        """The shared units once, filters and rests for each stream."""
        points = {ONE: 1, TWO: 3}
        amalgamator = make(points=points)
        net, copies = amalgamator.nets.trunk, amalgamator.nets.copies
        parts = net.layers()[:-2]
        parts += copies[0].rest_layers(1) + copies[1].rest_layers(3)
        gates = [amalgamator.gates[0][0], *(g[1] for g in amalgamator.gates)]
        expected = sum(part.count_params() for part in [*parts, *gates])
        assert amalgamator.student.count_params() == expected


@pytest.mark.usefixtures("eager")
class TestTraining(TestCase):
    def test_what_moves(self):
        """Of a place: the units up to it and their filters, nothing else."""
        amalgamator = make(schedule="stepwise", phase="block_2")
        before = [array(weight).copy() for weight in amalgamator.weights]
        amalgamator.compile(keras.optimizers.SGD(0.1))
        amalgamator.fit(images(), verbose=0)
        moved = {
            id(weight)
            for weight, value in zip(amalgamator.weights, before)
            if not np.array_equal(array(weight), value)
        }
        net = amalgamator.nets.trunk
        parts = [net.stem, *net.units[0].layers(), *net.units[1].layers()]
        parts += [*amalgamator.gates[0], *amalgamator.gates[1]]
        expected = {id(w) for part in parts for w in part.weights}
        # Random places are drawn in vain, and batches counted.
        state = {id(w) for w in amalgamator.non_trainable_variables}
        assert moved - state == expected - state
        assert moved & state <= expected | {id(amalgamator.seeds.state)}

    def test_all_phases(self, tmp_path):
        amalgamator = make(schedule="stepwise")
        epochs = dict.fromkeys(amalgamator.phases, 1)
        amalgamator.fit_stages(images(16), epochs, 8, verbose=0)
        curve = list(amalgamator.curve.values())
        assert amalgamator.points == {
            key: 1 + int(np.argmin(values))
            for key, values in zip((ONE, TWO), curve)
        }
        found = array(amalgamator.student(images()))
        trained = amalgamator(images(), training=False)
        logits = [array(logits) for _, logits in trained.values()]
        expected = mean_logits(logits, amalgamator.nets.known, WANTED)
        self.assert_all_close(found, expected, atol=1e-5)
        amalgamator.save(tmp_path / "all.keras")
        loaded = keras.saving.load_model(tmp_path / "all.keras")
        assert loaded.points == amalgamator.points
        self.assert_all_close(loaded.student(images()), found)
        amalgamator.student.save(tmp_path / "student.keras")
        loaded = keras.saving.load_model(tmp_path / "student.keras")
        self.assert_all_close(loaded(images()), found)

    def test_without_filters(self):
        amalgamator = make(filters=False, points={ONE: 1, TWO: 2})
        assert not amalgamator.gates
        amalgamator.fit_stages(images(), {"target": 1}, 8, verbose=0)

    @pytest.mark.parametrize(
        "changes, message",
        [
            ({"teachers": [1, 2]}, "`teachers` must be a dict"),
            ({"teachers": {("a", "a"): 1}}, "of different labels"),
            ({"wanted": []}, "`wanted` must be a list"),
            ({"wanted": ["nose"]}, "`wanted` must be one of"),
            ({"filters": None}, "`filters` must be a boolean"),
            ({"targets": "firm"}, "`targets` must be one of"),
            ({"points": {ONE: 1}}, "`points` must be a dict"),
            ({"points": {ONE: 1, TWO: 0}}, "from 1 to 3"),
        ],
    )
    def test_errors(self, changes, message):
        arguments = {"teachers": teachers(), "wanted": WANTED, **changes}
        with pytest.raises(ValueError, match=message):
            FilteredAmalgamator(**arguments)
