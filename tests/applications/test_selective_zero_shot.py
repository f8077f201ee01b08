import keras
import numpy as np
import pytest
from keras import ops
from test_case import TestCase

from keras_vipa.applications import SelectiveZeroShot
from keras_vipa.applications.selective_zero_shot.attributes import leave_one_out
from keras_vipa.applications.selective_zero_shot.attributes import overlap
from keras_vipa.applications.selective_zero_shot.attributes import (
    reconstruction,
)
from keras_vipa.applications.selective_zero_shot.tuning import settled
from keras_vipa.export import run_litert
from keras_vipa.export import to_litert

generator = np.random.default_rng(0)
SEEN = generator.normal(size=(6, 4)).astype("float32")
UNSEEN = generator.normal(size=(3, 4)).astype("float32")
X = generator.normal(size=(20, 5)).astype("float32")
Y = np.arange(20) % 6


def array(x):
    return ops.convert_to_numpy(x)


def network(signatures=SEEN, **options):
    return SelectiveZeroShot(
        signatures,
        **{"channels": 5, "residual": 3, "hidden": 8, "seed": 1, **options},
    )


def problem():
    """Features that are the attributes, turned."""
    draw = np.random.default_rng(3)
    signatures = draw.normal(size=(34, 6))
    turn = draw.normal(size=(6, 8))
    y = np.repeat(np.arange(34), 20)
    x = (signatures[y] + 0.2 * draw.normal(size=(680, 6))) @ turn
    return signatures, x, y


def norm(x):
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


class TestFormula(TestCase):
    def test_terms(self):
        """All five, from the two groups of attributes."""
        model = network()
        defined, residual = (array(x) for x in model(X))
        terms = model.loss_terms(X, model(X), Y)
        phi, own = SEEN - SEEN.mean(axis=0), array(model.prototypes)
        rows = np.arange(20)
        for name, a, b in (
            ("defined", defined, phi),
            ("residual", residual, own),
        ):
            likely = softmax(10.0 * norm(a) @ norm(b).T)
            expected = -np.log(likely[rows, Y])
            self.assert_all_close(terms[name], expected, rtol=1e-4)
        both = np.corrcoef(defined.T, residual.T)[:4, 4:]
        self.assert_all_close(
            float(terms["overlap"]), (both**2).mean(), rtol=1e-3
        )
        told, one = [], np.pad(phi, [(0, 0), (0, 1)], constant_values=1)
        for c in range(6):
            others = [o for o in range(6) if o != c]
            b = np.linalg.solve(
                one[others] @ one[others].T + 0.3 * np.eye(5),
                one[others] @ one[c],
            )
            told.append(norm(b @ norm(own)[others]))
        apart = ((np.array(told) - norm(own)) ** 2).sum(axis=1)
        self.assert_all_close(float(terms["transfer"]), apart.mean(), rtol=1e-4)
        error = ((defined - phi[Y]) ** 2).mean(axis=1)
        self.assert_all_close(terms["attributes"], error, rtol=1e-4)

    def test_prediction(self):
        """Decided by the defined attributes, trusted by both."""
        model = network(mix=0.3)
        defined, residual = (array(x).astype("float64") for x in model(X))
        phi = SEEN - SEEN.mean(axis=0)
        new = UNSEEN - SEEN.mean(axis=0)
        one, other = (
            np.pad(x, [(0, 0), (0, 1)], constant_values=1) for x in (phi, new)
        )
        b = np.linalg.solve(one @ one.T + 0.3 * np.eye(6), one @ other.T).T
        own = norm(b @ norm(array(model.prototypes)))
        p_d = softmax(10.0 * norm(defined) @ norm(new).T)
        p_r = softmax(10.0 * norm(residual) @ own.T)
        found = model.predict(X, UNSEEN, verbose=0)
        labels = p_d.argmax(axis=1)
        assert (found["labels"] == labels).all()
        rows = np.arange(20)
        expected = 0.7 * p_d[rows, labels] + 0.3 * p_r[rows, labels]
        self.assert_all_close(found["confidence"], expected, atol=1e-5)
        self.assert_all_close(found["defined"], np.log(p_d), atol=1e-4)
        self.assert_all_close(found["residual"], np.log(p_r), atol=1e-4)

    def test_overlap_by_hand(self):
        """Equal groups, and groups that know nothing of each other."""
        one = np.array([[1.0], [-1.0], [1.0], [-1.0]], "float32")
        other = np.array([[1.0], [1.0], [-1.0], [-1.0]], "float32")
        self.assert_all_close(float(overlap(one, -3 * one + 2)), 1.0)
        self.assert_all_close(float(overlap(one, other)), 0.0)

    def test_leave_one_out(self):
        found = leave_one_out(SEEN, 0.3)
        assert (np.diag(found) == 0).all()
        expected = reconstruction(SEEN[2:3], SEEN[[0, 1, 3, 4, 5]], 0.3)[0]
        self.assert_all_close(found[2][[0, 1, 3, 4, 5]], expected)


class TestProperties(TestCase):
    def test_a_class_that_is_like_a_seen_one(self):
        """It gets the residual attributes of that one."""
        # As many attributes as classes, so that each is made of itself alone.
        seen = np.random.default_rng(1).normal(size=(4, 9))
        model = network(seen, ridge=1e-6)
        found = model.residual_prototypes(seen[[2, 0]])
        self.assert_all_close(
            found, norm(array(model.prototypes))[[2, 0]], atol=1e-3
        )

    def test_residual_attributes_decide_nothing(self):
        model = network()
        before = model.predict(X, UNSEEN, verbose=0)
        model.prototypes.assign(-model.prototypes + 0.5)
        after = model.predict(X, UNSEEN, verbose=0)
        assert (before["labels"] == after["labels"]).all()
        self.assert_all_close(before["defined"], after["defined"])
        assert np.abs(before["confidence"] - after["confidence"]).max() > 0.01

    def test_without_them(self):
        found = network(mix=0.0).predict(X, UNSEEN, verbose=0)
        most = np.exp(found["defined"]).max(axis=1)
        self.assert_all_close(found["confidence"], most)

    def test_calibration(self):
        """Scores of each part are divided before softmax."""
        plain = network(mix=1.0).predict(X, UNSEEN, verbose=0)
        model = network(mix=1.0, calibration=(1.0, 4.0))
        found = model.predict(X, UNSEEN, verbose=0)
        self.assert_all_close(found["defined"], plain["defined"])
        expected = softmax(plain["residual"] / 4.0)
        self.assert_all_close(np.exp(found["residual"]), expected)
        rows = np.arange(20), found["labels"]
        self.assert_all_close(found["confidence"], expected[rows])

    def test_scale_of_signatures(self):
        """Only directions of defined attributes count."""
        one, other = network(), network()
        other.defined_head.kernel.assign(3 * other.defined_head.kernel)
        self.assert_all_close(
            one.predict(X, UNSEEN, verbose=0)["defined"],
            other.predict(X, UNSEEN, verbose=0)["defined"],
            atol=1e-5,
        )

    def test_equal_seen_classes(self):
        """They are told apart by residual attributes, not by defined ones."""
        seen = np.concatenate([SEEN, SEEN[:1]])
        model = network(seen)
        assert np.abs(model.prototypes[0] - model.prototypes[6]).max() > 0.01
        terms = [
            model.loss_terms(X[:1], model(X[:1]), np.array([c])) for c in (0, 6)
        ]
        self.assert_all_close(terms[0]["defined"], terms[1]["defined"])
        assert float(terms[0]["residual"][0]) != float(terms[1]["residual"][0])

    def test_order_of_classes(self):
        order = [2, 0, 1]
        one = network().predict(X, UNSEEN, verbose=0)
        other = network().predict(X, UNSEEN[order], verbose=0)
        assert (np.array(order)[other["labels"]] == one["labels"]).all()
        self.assert_all_close(one["confidence"], other["confidence"])

    def test_no_ties_of_what_is_sure(self):
        """Where softmax would be 1 in single precision."""
        model = network(temperature=40.0, mix=0.0)
        found = model.predict(X, UNSEEN, verbose=0)["confidence"]
        assert len(np.unique(found)) == 20

    def test_what_terms_move(self):
        """The two heads learn apart, but for their overlap."""
        for name, moves in (
            ("defined", [True, False]),
            ("residual", [False, True]),
        ):
            weights = dict.fromkeys(
                ("defined", "residual", "overlap", "transfer"), 0.0
            )
            model = network(weights={**weights, name: 1.0}, dropout=0.0)
            heads = model.defined_head, model.residual_head
            before = [array(head.kernel).copy() for head in heads]
            model.fit_stages(X, {"attributes": 1}, 20, labels=Y, verbose=0)
            moved = [
                bool(np.abs(array(head.kernel) - old).max() > 0)
                for head, old in zip(heads, before)
            ]
            assert moved == moves


class TestLifeCycle(TestCase):
    def test_learns_unseen_classes(self):
        signatures, x, y = problem()
        is_seen = y < 30
        model = network(
            signatures[:30], channels=8, dropout=0.0, learning_rate=1e-2
        )
        model.adapt(x[is_seen])
        model.fit_stages(
            x[is_seen], {"attributes": 20}, 32, labels=y[is_seen], verbose=0
        )
        found = model.predict(x[~is_seen], signatures[30:], verbose=0)
        assert (found["labels"] == y[~is_seen] - 30).mean() > 0.8

    def test_saved(self, tmp_path):
        model = network()
        model.adapt(X + 1)
        model.prototypes.assign(2 * model.prototypes)
        model.save(tmp_path / "model.keras")
        again = keras.saving.load_model(tmp_path / "model.keras")
        expected = model.predict(X, UNSEEN, verbose=0)
        self.assert_all_close(again.predict(X, UNSEEN, verbose=0), expected)

    def test_with_a_backbone(self, tmp_path):
        """From pictures, which the backbone learns, too."""
        backbone = keras.Sequential(
            [
                keras.Input((6, 6, 3)),
                keras.layers.Conv2D(4, 3, activation="relu"),
                keras.layers.GlobalAveragePooling2D(),
            ]
        )
        model = SelectiveZeroShot(SEEN, backbone, hidden=0, residual=2)
        images = np.random.default_rng(0).random((12, 6, 6, 3), "float32")
        before = array(backbone.layers[0].kernel).copy()
        model.fit_stages(images, {"attributes": 1}, 6, labels=Y[:12], verbose=0)
        assert np.abs(array(backbone.layers[0].kernel) - before).max() > 0
        model.save(tmp_path / "model.keras")
        again = keras.saving.load_model(tmp_path / "model.keras")
        self.assert_all_close(again(images), model(images))
        with pytest.raises(ValueError, match="without a backbone"):
            model.adapt(X)

    @pytest.mark.tensorflow
    def test_litert(self, tmp_path):
        model = network()
        path = to_litert(model, tmp_path / "model.tflite")
        expected = model.predict(X, verbose=0)
        self.assert_all_close(run_litert(path, X), list(expected), atol=1e-4)


class TestTune(TestCase):
    def test_choice(self):
        """The truth is among the settings; what is held out is not trained."""
        kinds, x, y = problem()
        held = [1, 4, 7, 11, 20]
        options = {"hidden": 0, "residual": 2, "learning_rate": 1e-2}
        grid = {"temperature": [10.0, 1e-3], "ridge": [0.3]}
        best, rows = SelectiveZeroShot.tune(
            x, y, kinds, grid, held, epochs=8, batch_size=32, **options
        )
        assert [row["temperature"] for row in rows] == [10.0, 1e-3]
        assert rows[0]["aurc"] < rows[1]["aurc"]
        assert best["temperature"] == 10.0 and best["ridge"] == 0.3
        assert best["mix"] == rows[0]["mix"] and 0 <= best["mix"] <= 1
        assert min(best["calibration"]) > 0
        model = SelectiveZeroShot(kinds, channels=8, **best)
        assert model.calibration == best["calibration"]
        again, _ = SelectiveZeroShot.tune(
            x, y, kinds, grid, held, epochs=8, batch_size=32, **options
        )
        assert again == best

    def test_settled(self):
        """By hand: the residual part knows who is right, the other does not."""
        right = np.log(np.array([[0.9, 0.1], [0.6, 0.4], [0.8, 0.2]]))
        labels = np.array([0, 0, 1])
        knows = np.log(np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7]]))
        outputs = {"defined": right, "residual": knows}
        outputs["labels"] = np.zeros(3, "int32")
        found = settled(outputs, labels)
        assert found["mix"] > 0 and found["accuracy"] == pytest.approx(2 / 3)
        # One error, and it comes last.
        assert found["aurc"] == pytest.approx((0 + 0 + 1 / 3) / 3)

    def test_with_a_backbone(self):
        """Each model has a copy of it, and it stays as it is."""
        backbone = keras.Sequential(
            [keras.Input((5,)), keras.layers.Dense(3, activation="relu")]
        )
        before = [array(w).copy() for w in backbone.weights]
        best, rows = SelectiveZeroShot.tune(
            X, Y, SEEN, {"residual": [1, 2]}, [0, 1], epochs=1,
            batch_size=8, backbone=backbone, hidden=0,
        )  # fmt: skip
        assert best["residual"] in (1, 2) and len(rows) == 2
        assert best["backbone"] is backbone
        for old, new in zip(before, backbone.weights):
            self.assert_all_close(old, new)

    def test_arguments(self):
        for options, message in (
            ({"grid": {"ridge": 0.3}}, "`grid` must be"),
            ({"grid": [1]}, "`grid` must be"),
            ({"held": [0]}, "`held` must be of 6 classes two"),
            ({"held": range(6)}, "`held` must be of 6 classes two"),
            ({"share": 2}, "`share` must be"),
        ):
            with pytest.raises(ValueError, match=message):
                SelectiveZeroShot.tune(X, Y, SEEN, **options)
        with pytest.raises(ValueError, match="`labels` must be one for each"):
            SelectiveZeroShot.tune(X, Y[:5], SEEN)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"signatures": SEEN[[1, 1, 1]]},
            r"attributes \[0, 1, 2, 3\] are const",
        ),
        ({"signatures": SEEN[:1]}, "of two classes or more"),
        ({"signatures": SEEN * np.nan}, "nan in class 0, attribute 0"),
        ({"signatures": SEEN * [1, 1, 0, 1]}, r"attributes \[2\] are const"),
        ({"calibration": (1.0,)}, "`calibration` must be"),
        ({"calibration": (0.0, 1.0)}, "`calibration` must be"),
        ({"channels": None}, "Either `backbone` or `channels`"),
        ({"residual": 0}, "`residual` must be"),
        ({"mix": 2}, "`mix` must be"),
        ({"weights": {"all": 1.0}}, "`weights` must be"),
    ],
)
def test_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        network(**options)


def test_other_signatures():
    model = network()
    for signatures, message in (
        (UNSEEN[:, :3], "`signatures` must have 4 attributes"),
        (
            np.stack([UNSEEN[0], SEEN[4]]),
            "class 1 with .* seen class 4",
        ),
        (UNSEEN[[0, 1, 0]], "classes 0 and 2 with equal"),
    ):
        with pytest.raises(ValueError, match=message):
            model.predict(X, signatures)
    assert "labels" in model.predict(X, SEEN[:2], like_seen=True, verbose=0)
