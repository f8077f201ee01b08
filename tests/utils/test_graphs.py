"""Graphs small enough to be written down by hand."""

import keras
import numpy as np
import pytest
from keras import layers
from keras import ops
from test_case import TestCase

from keras_vipa.utils import graphs


def written(graph):
    """Each call as `output = operation(arguments)`, tensors as letters."""
    letters = {}

    def letter(x):
        if not isinstance(x, keras.KerasTensor):
            return x
        return letters.setdefault(id(x), "abcdefghijklm"[len(letters)])

    def text(structure):
        flat = keras.tree.flatten(structure)
        return ", ".join(str(letter(x)) for x in flat if x is not None)

    lines = [text(graph.inputs)]
    for call in graph.calls:
        arguments = text((call.args, call.kwargs))
        name = call.operation.name
        if not isinstance(call.operation, keras.Layer):
            # Its name has a number.
            name = type(call.operation).__name__
        lines.append(f"{text(call.outputs)} = {name}({arguments})")
    return [*lines, text(graph.outputs)]


def block(name):
    """x + dense(relu(dense(x))), as a model."""
    x = keras.Input((3,))
    y = layers.Dense(4, activation="relu", name="up")(x)
    y = layers.Dense(3, name="down")(y)
    return keras.Model(x, layers.Add(name="sum")([x, y]), name=name)


def nested():
    """Two blocks of equal layer names in an encoder, and a head."""
    x = keras.Input((3,), name="x")
    encoder = keras.Sequential(
        [keras.Input((3,)), block("one"), layers.ReLU(name="relu")]
        + [block("two")],
        name="encoder",
    )
    y = layers.Dense(3, name="stem")(x)
    y = layers.Dense(2, name="head")(encoder(y))
    return keras.Model(x, y, name="nested")


def values(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


class TestRecord(TestCase):
    def test_constants_and_a_layer_called_twice(self):
        x = keras.Input((3,))
        dense = layers.Dense(3, name="dense")
        y = ops.add(2.0 * dense(x), x)
        graph = graphs.record(keras.Model(x, dense(ops.clip(y, 0, 1))))
        assert written(graph) == [
            "a",
            "b = dense(a)",
            "c = Multiply(2.0, b)",
            "d = Add(c, a)",
            "e = Clip(d)",
            "f = dense(e)",
            "f",
        ]
        assert len(graph.named["dense"]) == 2

    def test_nested_models_unfolded_or_not(self):
        model = nested()
        assert written(graphs.record(model, unfold=False)) == [
            "a",
            "b = stem(a)",
            "c = encoder(b)",
            "d = head(c)",
            "d",
        ]
        graph = graphs.record(model)
        assert written(graph) == [
            "a",
            "b = stem(a)",
            "c = up(b)",
            "d = down(c)",
            "e = sum(b, d)",
            "f = relu(e)",
            "g = up(f)",
            "h = down(g)",
            "i = sum(f, h)",
            "j = head(i)",
            "j",
        ]
        assert set(graph.named) == {
            "stem",
            "encoder",
            "encoder/one",
            "encoder/one/up",
            "encoder/one/down",
            "encoder/one/sum",
            "encoder/relu",
            "encoder/two",
            "encoder/two/up",
            "encoder/two/down",
            "encoder/two/sum",
            "head",
        }
        end = graph.named["encoder/two/sum"]
        assert graph.named["encoder/two"] == graph.named["encoder"] == end

    def test_a_nested_model_called_twice_with_several_inputs_and_outputs(self):
        x, y = keras.Input((2,), name="x"), keras.Input((2,), name="y")
        swap = keras.Model(
            [x, y],
            [layers.ReLU(name="relu")(y), layers.Add(name="sum")([x, y])],
            name="swap",
        )
        one, two = swap([y, x])
        outputs = dict(zip(("p", "q"), swap([one, two])))
        graph = graphs.record(keras.Model({"x": x, "y": y}, outputs))
        assert set(graph.outputs) == {"p", "q"}
        assert written(graph) == [
            "a, b",
            "c = sum(b, a)",
            "d = relu(a)",
            "e = sum(d, c)",
            "f = relu(c)",
            "f, e",
        ]

    def test_the_model_is_left_alone(self):
        model = nested()
        before = [len(layer._inbound_nodes) for layer in model.layers]
        graphs.record(model)
        after = [len(layer._inbound_nodes) for layer in model.layers]
        assert before == after

    def test_what_has_no_graph(self):
        class Subclassed(keras.Model):
            def call(self, x):
                return x

        with pytest.raises(ValueError, match="be recorded .*functional.*Subc"):
            graphs.record(Subclassed())
        unbuilt = keras.Sequential([layers.Dense(2)], name="empty")
        with pytest.raises(ValueError, match="must be built.*'empty'"):
            graphs.record(unbuilt)


class TestRun(TestCase):
    def test_replay_on_arrays(self):
        model, x = nested(), values(4, 3)
        for unfold in (False, True):
            graph = graphs.record(model, unfold)
            self.assert_all_close(graphs.replay(graph, x), model(x))

    def test_rebuild_with_other_calls(self):
        x = keras.Input((3,))
        dense = layers.Dense(3)
        model = keras.Model(x, layers.ReLU()(dense(x)) + 1.0, name="rebuilt")

        def call(operation, *args, **kwargs):
            if isinstance(operation, layers.ReLU):
                return ops.tanh(*args)
            return operation(*args, **kwargs)

        copy = graphs.rebuild(model, call)
        assert copy.name == "rebuilt"
        assert copy.weights[0] is dense.kernel
        x = values(4, 3)
        self.assert_all_close(copy(x), np.tanh(dense(x)) + 1.0)


class TestCut(TestCase):
    def check(self, model, at, x):
        """The parts, whose composition is exactly the model."""
        first, second = graphs.cut(model, at)
        self.assert_all_close(second(first(x)), model(x), atol=0, rtol=0)
        weights = {id(w) for w in (*first.weights, *second.weights)}
        assert weights == {id(w) for w in model.weights}
        return first, second

    def test_nested_residual_network(self, tmp_path):
        model, x = nested(), values(5, 3)
        for at, names in (
            ("stem", ["stem"]),
            ("encoder", ["stem", "encoder"]),
            ("one", ["stem", "encoder_first"]),
            ("encoder/two/sum", ["stem", "encoder_first"]),
            ("head", ["stem", "encoder", "head"]),
        ):
            first, second = self.check(model, at, x)
            assert [layer.name for layer in first.layers[1:]] == names
            assert second.name == "nested_second"
        first, second = graphs.cut(model, "one/sum")
        second.save(tmp_path / "second.keras")
        loaded = keras.saving.load_model(tmp_path / "second.keras")
        self.assert_all_close(loaded(first(x)), model(x))

    def test_tensor(self):
        x = keras.Input((4,))
        dense = layers.Dense(4)
        y = ops.relu(dense(x))
        y = middle = dense(y) * 2.0 + y
        y = dense(y) + y
        model = keras.Model(x, {"sum": y, "sine": ops.sin(middle)})
        self.check(model, middle, values(5, 4))

    def test_several_inputs_and_outputs(self):
        x, y = keras.Input((2,), name="x"), keras.Input((2,), name="y")
        z = layers.Add(name="joint")([layers.Dense(2)(x), y])
        model = keras.Model({"x": x, "y": y}, [ops.relu(z), ops.sin(z)])
        self.check(model, "joint", {"x": values(5, 2), "y": values(5, 2)})

    def test_where_nothing_else_may_flow(self):
        model = nested()
        for at in ("one/down", "encoder/one/up"):
            with pytest.raises(ValueError, match="flows to 'sum'"):
                graphs.cut(model, at)
        x = keras.Input((3,))
        y = layers.ReLU(name="relu")(x)
        with pytest.raises(ValueError, match="flows to an output"):
            graphs.cut(keras.Model(x, [x, y]), "relu")

    def test_names_and_tensors_that_are_not_one(self):
        model = nested()
        for name, calls in (("sum", "2 calls.*one/sum.*two/sum"), ("a", "0")):
            with pytest.raises(ValueError, match=f"called once.*{calls}"):
                graphs.cut(model, name)
        with pytest.raises(ValueError, match="tensor of the model.*'nested'"):
            graphs.cut(model, nested().outputs[0])
        inside = model.get_layer("encoder").layers[0].output
        with pytest.raises(ValueError, match="by the name of its layer"):
            graphs.cut(model, inside)
