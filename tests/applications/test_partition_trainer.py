import keras
import numpy as np
import pytest
from keras import ops
from test_case import TestCase
from training.shared import Interrupt
from training.shared import on_one_and_on_all
from training.shared import several_devices

from keras_vipa.applications import PartitionTrainer
from keras_vipa.applications.outfit.independence import Classifiers
from keras_vipa.applications.outfit.independence import Predictors
from keras_vipa.applications.outfit.independence import capped_gain
from keras_vipa.applications.outfit.independence import cross_entropy
from keras_vipa.applications.outfit.independence import dependence
from keras_vipa.applications.outfit.independence import distance_correlation
from keras_vipa.applications.outfit.independence import standardised
from keras_vipa.layers import PartitionedEmbedding
from keras_vipa.layers.input_gradient import input_gradient

SIZES = {"color": 3, "shape": 2, "rest": 4}
ATTRIBUTES = {"color": 3, "shape": 2}
EPOCHS = {"warm_up": 1, "separate": 2}


def array(x):
    return np.array(ops.convert_to_numpy(x))


def random_parts(count=12, seed=0):
    generator = np.random.default_rng(seed)
    return {
        name: (5 * generator.normal(size=(count, size)) + 2).astype("float32")
        for name, size in SIZES.items()
    }


def numpy_standardised(part):
    return (part - part.mean(0)) / np.sqrt(part.var(0) + 1e-5)


def data(count=8, seed=0):
    generator = np.random.default_rng(seed)
    images = generator.random((count, 8, 8, 3), "float32")
    labels = {
        name: np.arange(count, dtype="int32") % classes
        for name, classes in ATTRIBUTES.items()
    }
    return images, labels


def make(dtype=None, **options):
    embedding = PartitionedEmbedding(SIZES, (4,), dtype=dtype)
    options = {"size": (8, 8), "hidden": (6,), "steps": 2, **options}
    return PartitionTrainer(embedding, ATTRIBUTES, dtype=dtype, **options)


def separating(**options):
    """A trainer within the game, with plain steps."""
    trainer = make(phase="separate", **options)
    if trainer.opponents:
        trainer.opponent_optimizer = keras.optimizers.SGD(0.1)
        trainer.opponent_optimizer.build(trainer.opponents.weights)
    trainer.compile(keras.optimizers.SGD(0.1))
    return trainer


def values(variables):
    return [array(variable.value) for variable in variables]


class TestIndependence(TestCase):
    def test_standardised(self):
        part = random_parts()["rest"]
        found = array(standardised(part))
        self.assert_all_close(found, numpy_standardised(part), atol=1e-4)
        # Nothing is gained by a larger or a moved part.
        self.assert_all_close(
            array(standardised(30 * part - 7)), found, atol=1e-3
        )
        # A constant number is no division by 0.
        assert not array(standardised(np.ones((3, 2), "float32"))).any()
        half = standardised(ops.cast(part, "float16"))
        assert keras.backend.standardize_dtype(half.dtype) == "float32"

    def test_capped_gain(self):
        gain = capped_gain({"a": ops.convert_to_tensor(0.4), "b": 1.7})
        np.testing.assert_allclose(array(gain), 1.4, rtol=1e-6)

        def slope(x):
            # Of a sum, so that it is a tensor of one number.
            error = ops.convert_to_tensor([x])
            of_one = input_gradient(lambda e: capped_gain({"e": e[0]}), error)
            return float(array(of_one)[0])

        assert (slope(0.9), slope(1.1)) == (1.0, 0.0)

    def test_predictors(self):
        """Of all other parts, two dense layers; the mean square, each."""
        opponents, parts = Predictors(SIZES, (5,), seed=1), random_parts()
        found = opponents.errors(parts, None)
        z = {k: numpy_standardised(part) for k, part in parts.items()}
        assert list(found) == list(SIZES)
        for name in SIZES:
            x = np.concatenate([z[k] for k in SIZES if k != name], axis=1)
            w1, b1, w2, b2 = opponents.nets[name].get_weights()
            predicted = np.maximum(x @ w1 + b1, 0) @ w2 + b2
            expected = ((predicted - z[name]) ** 2).mean()
            np.testing.assert_allclose(array(found[name]), expected, rtol=1e-4)

    @pytest.mark.parametrize("name", SIZES)
    def test_a_predictor_does_not_see_its_own_part(self, name):
        opponents, parts = Predictors(SIZES, (5,)), random_parts()

        def predicted(x, changed):
            return opponents.predicted({**parts, changed: x})[name]

        for changed in SIZES:
            if changed == name and keras.config.backend() != "jax":
                # There is no path at all.
                with pytest.raises(ValueError, match="depend on the input"):
                    input_gradient(lambda x: predicted(x, name), parts[changed])
                continue
            slope = input_gradient(
                lambda x: predicted(x, changed), parts[changed]
            )
            assert array(slope).any() == (changed != name)

    def test_classifiers(self):
        """Of each part that is not its own; 1 for who says all alike."""
        opponents = Classifiers(SIZES, ATTRIBUTES, (5,))
        parts, (_, labels) = random_parts(), data(12)
        pairs = {
            "shape of color",
            "color of shape",
            "color of rest",
            "shape of rest",
        }
        found = opponents.errors(parts, labels)
        assert set(found) == pairs
        w1, b1, w2, b2 = opponents.nets["color of shape"].get_weights()
        z = numpy_standardised(parts["shape"])
        logits = np.maximum(z @ w1 + b1, 0) @ w2 + b2
        p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
        entropy = -np.log(p[np.arange(12), labels["color"]]).mean()
        np.testing.assert_allclose(
            array(found["color of shape"]), entropy / np.log(3), rtol=1e-4
        )
        for weight in opponents.weights:
            weight.assign(np.zeros(weight.shape))
        for error in opponents.errors(parts, labels).values():
            np.testing.assert_allclose(array(error), 1.0, rtol=1e-5)

    def test_cross_entropy_of_what_is_not_known(self):
        found = cross_entropy(np.array([1, -1]), np.zeros((2, 4), "float32"))
        np.testing.assert_allclose(array(found), [np.log(4), 0.0], rtol=1e-6)

    def test_distance_correlation(self):
        """Against the definition, with sums over all pairs."""
        parts = random_parts(9)

        def centred(x):
            n = len(x)
            a = np.sqrt(((x[:, None] - x[None]) ** 2).sum(-1))
            found = np.zeros((n, n))
            for i in range(n):
                for j in range(n):
                    if i != j:
                        found[i, j] = (
                            a[i, j]
                            - a[i].sum() / (n - 2)
                            - a[:, j].sum() / (n - 2)
                            + a.sum() / ((n - 1) * (n - 2))
                        )
            return found

        one, other = centred(parts["color"]), centred(parts["rest"])
        expected = (one * other).sum() / np.sqrt(
            (one**2).sum() * (other**2).sum()
        )
        found = distance_correlation(parts["color"], parts["rest"])
        np.testing.assert_allclose(array(found), expected, atol=1e-4)
        alone = distance_correlation(parts["rest"], parts["rest"])
        np.testing.assert_allclose(array(alone), 1.0, rtol=1e-4)

    def test_distance_correlation_sees_what_no_line_does(self):
        x = np.random.default_rng(0).normal(size=(300, 1)).astype("float32")
        other = np.random.default_rng(1).normal(size=(300, 1))
        square = array(distance_correlation(x, x**2))
        assert square > 0.15
        assert abs(array(distance_correlation(x, other))) < 0.05
        parts = {"a": x, "b": (x**2).astype("float32")}
        # Of standardised parts.
        assert abs(array(dependence(parts)) - square) < 0.01


class TestStep(TestCase):
    def test_predictors_first_then_all_others(self):
        """One step, restated with linear predictors and plain steps."""
        trainer, (images, labels) = separating(hidden=(), steps=3), data()
        with keras.StatelessScope():
            parts = trainer.embedding(images, training=True)
        z = {k: numpy_standardised(array(part)) for k, part in parts.items()}
        nets = {k: n.get_weights() for k, n in trainer.opponents.nets.items()}

        def error_and_slope(name):
            x = np.concatenate([z[k] for k in SIZES if k != name], axis=1)
            w, b = nets[name]
            off = x @ w + b - z[name]
            slope = 2 * off / off.size
            return (off**2).mean(), (x.T @ slope, slope.sum(0))

        for name, _ in 3 * list(nets.items()):
            _, slopes = error_and_slope(name)
            nets[name] = [a - 0.1 * s for a, s in zip(nets[name], slopes)]
        errors = [error_and_slope(name)[0] for name in nets]
        variables = trainer.trainable_variables
        start = values(variables)
        history = trainer.fit(images, labels, batch_size=8, verbose=0).history

        for name, weights in nets.items():
            found = trainer.opponents.nets[name].get_weights()
            self.assert_all_close(found, weights, atol=1e-4)
        # The encoders' step sees the predictors of after their steps.
        expected = -sum(min(error, 1.0) for error in errors)
        np.testing.assert_allclose(
            history["independence"][0], expected, rtol=1e-4
        )
        np.testing.assert_allclose(
            history["loss"][0],
            history["reconstruction"][0]
            + 2.0 * history["attributes"][0]
            + 3.0 * history["independence"][0],
            rtol=1e-5,
        )

        def loss(change):
            """With the predictors of now, and all others as they were."""
            now = {id(v): value for v, value in zip(variables, start)}
            now[id(kernel)] = change
            pairs = [(v, ops.convert_to_tensor(now[id(v)])) for v in variables]
            with keras.StatelessScope(pairs):
                outputs = trainer(images, training=True)
                loss = trainer.compute_loss(images, labels, outputs)
                return float(array(loss))

        # How far an encoder went, by small differences of the loss.
        kernel = trainer.embedding.encoders["shape"].layers[0].kernel
        (before,) = (s for v, s in zip(variables, start) if v is kernel)
        slopes = (before - array(kernel)).ravel() / 0.1
        for place in np.argsort(np.abs(slopes))[-3:]:
            change = np.zeros(before.size, "float32")
            change[place] = 5e-3
            change = change.reshape(before.shape)
            slope = (loss(before + change) - loss(before - change)) / 1e-2
            np.testing.assert_allclose(slopes[place], slope, rtol=0.05)

    @pytest.mark.parametrize("opponents", ["predictors", "classifiers"])
    def test_each_player_moves_its_own_weights(self, opponents, eager):
        images, labels = data()
        trainer = separating(opponents=opponents)
        trainer.optimizer.learning_rate = 0.0
        own, others = trainer.opponents.weights, trainer.trainable_variables
        assert not {id(v) for v in own} & {id(v) for v in others}
        before = values(own), values(others)
        trainer.fit(images, labels, verbose=0)
        changed = [(a != b).any() for a, b in zip(before[0], values(own))]
        assert all(changed)
        self.assert_all_close(values(others), before[1], atol=0, rtol=0)

        trainer = separating(opponents=opponents)
        trainer.opponent_optimizer.learning_rate = 0.0
        own, others = trainer.opponents.weights, trainer.trainable_variables
        before = values(own), values(others)
        trainer.fit(images, labels, verbose=0)
        self.assert_all_close(values(own), before[0], atol=0, rtol=0)
        changed = [
            v.path
            for a, b, v in zip(before[1], values(others), others)
            if (a != b).any()
        ]
        assert len(changed) == len(others)

    def test_normalization_counts_a_batch_once(self, eager):
        images, labels = data()
        means = []
        for phase in ("warm_up", "separate"):
            trainer = make(phase=phase)
            trainer.compile(keras.optimizers.SGD(0.0))
            trainer.fit(images, labels, verbose=0)
            norm = trainer.embedding.encoders["color"].layers[1]
            means.append(array(norm.moving_mean))
        assert means[0].any()
        self.assert_all_close(means[0], means[1])

    def test_nobody_plays_in_the_warm_up_nor_against_distances(self, eager):
        images, labels = data()
        trainer = make()
        trainer.compile("sgd")
        before = values(trainer.opponents.weights)
        history = trainer.fit(images, labels, verbose=0).history
        assert set(history) == {"loss", "reconstruction", "attributes"}
        self.assert_all_close(
            values(trainer.opponents.weights), before, atol=0, rtol=0
        )
        trainer = separating(opponents="distance")
        with keras.StatelessScope():
            parts = trainer.embedding(images, training=True)
        history = trainer.fit(images, labels, verbose=0).history
        np.testing.assert_allclose(
            history["independence"][0], array(dependence(parts)), rtol=1e-4
        )


class TestLifeCycle(TestCase):
    @pytest.mark.parametrize("opponents", ["predictors", "distance"])
    def test_save_and_load(self, tmp_path, opponents, eager):
        images, labels = data()
        trainer = make(opponents=opponents)
        trainer.fit_stages(images, EPOCHS, 4, labels=labels, verbose=0)
        trainer.save(tmp_path / "a.keras")
        loaded = keras.saving.load_model(tmp_path / "a.keras")
        assert loaded.phase == "separate"
        self.assert_all_close(loaded.get_weights(), trainer.get_weights())
        self.assert_all_close(loaded(images), trainer(images))
        if trainer.opponents:
            assert loaded.opponents.weights
            pair = loaded.opponent_optimizer, trainer.opponent_optimizer
            one, other = (values(optimizer.variables) for optimizer in pair)
            self.assert_all_close(one, other)
            assert int(pair[0].iterations) == 2 * 2 * 2

    def test_resume(self, tmp_path, eager):
        """As if it had not been interrupted, for both players."""
        images, labels = data(6)
        how = {"batch_size": 6, "labels": labels, "verbose": 0}
        epochs = {"warm_up": 1, "separate": 3}
        whole, last = make(), make()
        whole.fit_stages(images, epochs, **how)
        for place in (("warm_up", 0), ("separate", 1)):
            with pytest.raises(KeyboardInterrupt):
                make().fit_stages(
                    images,
                    epochs,
                    backup_dir=tmp_path,
                    callbacks=[Interrupt(*place)],
                    **how,
                )
        last.fit_stages(images, epochs, backup_dir=tmp_path, **how)
        for one, other in (
            (last.get_weights(), whole.get_weights()),
            *(
                [values(t.opponent_optimizer.variables) for t in (last, whole)],
                [values(t.optimizer.variables) for t in (last, whole)],
            ),
        ):
            self.assert_all_close(one, other, atol=0, rtol=0)

    def test_mixed_precision_and_jit(self):
        images, labels = data()
        trainer = make(dtype="mixed_float16", steps=1)
        before = values(trainer.opponents.weights)
        history = trainer.fit_stages(
            images,
            {"separate": 1},
            labels=labels,
            jit_compile=True,
            verbose=0,
        )["separate"]
        assert np.isfinite(history["loss"]).all()
        after = values(trainer.opponents.weights)
        assert all((a != b).any() for a, b in zip(before, after))
        outputs = trainer(images)
        kind = keras.backend.standardize_dtype(outputs["images"].dtype)
        assert kind == "float16"
        types = {str(w.dtype) for w in trainer.opponents.weights}
        assert types == {"float32"}

    def test_swap(self):
        trainer, (images, _) = make(), data()
        itself = trainer.swap(images, images, "color")
        self.assert_all_close(itself, trainer(images)["images"])
        other = images[::-1].copy()
        swapped = images
        for part in SIZES:
            changed = trainer.swap(swapped, other, part)
            assert (array(changed) != array(itself)).any()
        # All parts of others are the others.
        parts = trainer.embedding(other)
        self.assert_all_close(trainer.decode(parts), trainer(other)["images"])
        with pytest.raises(ValueError, match="part='size'"):
            trainer.swap(images, images, "size")

    @several_devices
    def test_two_devices_equal_one(self):
        """Halves that are alike, so that a batch is as its replicas are."""
        images, labels = data(4)
        images = np.concatenate([images, images])
        labels = {k: np.concatenate([v, v]) for k, v in labels.items()}

        def train():
            trainer = separating(steps=1)
            trainer.fit(images, labels, batch_size=8, shuffle=False, verbose=0)
            return trainer.get_weights()

        one, two = on_one_and_on_all(train)
        self.assert_all_close(one, two, rtol=1e-3, atol=1e-4)


class TestErrors:
    def test_arguments(self):
        embedding = PartitionedEmbedding(SIZES, (4,))
        for options, text in (
            ({"embedding": 3}, "`PartitionedEmbedding`"),
            ({"attributes": {"size": 3}}, "attributes='size'"),
            ({"attributes": {"color": 1}}, r"attributes\['color'\]=1"),
            ({"attributes": {}}, "names of parts"),
            ({"size": (12, 8)}, "multiples of 8"),
            ({"opponents": "nobody"}, "opponents='nobody'"),
            ({"steps": 0}, "steps=0"),
            ({"beta": -1.0}, "beta=-1"),
        ):
            right = {"embedding": embedding, "attributes": ATTRIBUTES}
            with pytest.raises(ValueError, match=text):
                PartitionTrainer(**{**right, **options})

    def test_labels(self):
        trainer, (images, labels) = make(), data()
        for wrong, text in (
            (None, r"dict of \['color', 'shape'\]"),
            ({"color": labels["color"]}, r"dict of \['color', 'shape'\]"),
            ({**labels, "color": labels["color"] + 1}, "from 0 to 2.*1 to 3"),
            ({**labels, "shape": np.zeros(8, int)}, "at least two values"),
            ({**labels, "shape": np.zeros(8)}, "must be integers"),
        ):
            with pytest.raises(ValueError, match=text):
                trainer.fit_stages(images, EPOCHS, labels=wrong)
