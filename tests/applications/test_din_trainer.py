"""The losses of DIN against numpy, and the life cycle of its trainer."""

import keras
import numpy as np
import pytest
from applications.networks import tiny_features
from keras import ops
from test_case import TestCase
from training.shared import Interrupt

from keras_vipa.applications import DIN
from keras_vipa.applications import DINTrainer
from keras_vipa.applications import StylePairs
from keras_vipa.applications.din import trainer as din_trainer

NAMES = ["relu1_1", "relu2_1", "relu3_1", "relu4_1"]
TERMS = ["content", "style", "variation", "photograph"]
# What is added under the roots.
EPSILON = 1e-3


@pytest.fixture(scope="module")
def shared_model():
    return DIN("mobile", features=tiny_features())


@pytest.fixture
def model(shared_model):
    """The model as it was made, whatever a test has trained it to."""
    weights = shared_model.get_weights()
    yield shared_model
    shared_model.set_weights(weights)


def noise_images(count):
    return np.zeros((count, 16, 16, 3), "uint8")


def images(*batch, seed=0):
    generator = np.random.default_rng(seed)
    return generator.random((*batch, 32, 32, 3)).astype("float32")


def batch_of(count):
    return {"content": images(count), "style": images(count, seed=1)}


def array(x):
    return ops.convert_to_numpy(x)


def feature(channels=5, seed=0):
    generator = np.random.default_rng(seed)
    return generator.normal(size=(2, 6, 8, channels)).astype("float32")


def numpy_statistics(x):
    deviation = np.sqrt(x.var(axis=(1, 2)) + EPSILON)
    return x.mean(axis=(1, 2)), deviation


def numpy_content_loss(x, target):
    """|IN(x) - IN(target)|^2, a mean over channels and positions."""

    def normalized(x):
        mean, deviation = numpy_statistics(x)
        return (x - mean[:, None, None]) / deviation[:, None, None]

    difference = normalized(x) - normalized(target)
    return (difference**2).mean(axis=(1, 2, 3))


def numpy_style_loss(features, targets):
    """Of dicts of features. The mean of each square contains EPSILON."""
    total = 0.0
    for name in features:
        mean, deviation = numpy_statistics(features[name])
        other_mean, other_deviation = numpy_statistics(targets[name])
        distance = ((mean - other_mean) ** 2).mean(axis=1)
        distance += ((deviation - other_deviation) ** 2).mean(axis=1)
        size = (targets[name] ** 2).mean(axis=(1, 2, 3)) + EPSILON
        total = total + distance / size
    return total


def numpy_small(images):
    """Luminance of squares of 8 pixels."""
    luminance = images @ np.array([0.299, 0.587, 0.114], "float32")
    batch, height, width = luminance.shape
    squares = luminance.reshape(batch, height // 8, 8, width // 8, 8)
    return squares.mean(axis=(2, 4))[..., None]


def outputs_of(trainer, batch, drawing, photograph):
    """What `call` returns, with pictures of the test's own."""
    return {
        "drawing": drawing,
        "photograph": photograph,
        "targets": trainer.with_features(batch),
    }


class TestFormulas(TestCase):
    def test_content_loss(self):
        x, target = feature(), 3 * feature(seed=1) + 1
        self.assert_all_close(
            array(din_trainer.content_loss(x, target)),
            numpy_content_loss(x, target),
        )

    def test_style_statistics(self):
        features = {"a": feature(), "b": 2 * feature(3, seed=1) + 1}
        statistics = din_trainer.style_statistics(features)
        assert list(statistics) == ["a", "b"]
        for name, x in features.items():
            expected = np.concatenate(numpy_statistics(x), axis=1)
            self.assert_all_close(array(statistics[name]), expected)

    def test_style_loss(self):
        features = {"a": feature(), "b": 2 * feature(3, seed=1) + 1}
        targets = {"a": 4 * feature(seed=2) - 1, "b": feature(3, seed=3)}
        loss = din_trainer.style_loss(
            din_trainer.style_statistics(features),
            din_trainer.style_statistics(targets),
        )
        expected = numpy_style_loss(features, targets)
        self.assert_all_close(array(loss), expected, rtol=1e-4)

    def test_all_terms(self, model):
        trainer = DINTrainer(model, {"tone": 1.0}, phase="stylize")
        batch = batch_of(2)
        drawing, photograph = images(2, seed=2), images(1, seed=3)
        content, style, drawn = (
            {name: array(x) for name, x in model.features(x).items()}
            for x in (batch["content"], batch["style"], drawing)
        )
        expected = {
            "content": sum(
                numpy_content_loss(drawn[name], content[name])
                for name in ("relu3_1", "relu4_1")
            )
            / 2,
            "style": numpy_style_loss(drawn, style),
            "variation": np.abs(np.diff(drawing, axis=1)).mean(axis=(1, 2, 3))
            + np.abs(np.diff(drawing, axis=2)).mean(axis=(1, 2, 3)),
            "photograph": np.abs(photograph - batch["content"][:1]).mean(
                axis=(1, 2, 3)
            ),
            "tone": numpy_content_loss(
                numpy_small(drawing), numpy_small(batch["content"])
            ),
        }
        terms = trainer.loss_terms(
            batch, outputs_of(trainer, batch, drawing, photograph)
        )
        assert sorted(terms) == sorted([*TERMS, "tone"])
        for name, values in terms.items():
            np.testing.assert_allclose(
                array(values), expected[name], rtol=1e-3, atol=1e-5
            )


class TestByHand:
    def test_style_statistics(self):
        # Mean 2 and deviation 1 of the values 1 and 3.
        x = np.array([1.0, 3.0], "float32").reshape(1, 1, 2, 1)
        statistics = din_trainer.style_statistics({"a": x})["a"]
        np.testing.assert_allclose(statistics, [[2.0, 1.001**0.5]], rtol=1e-6)

    def test_style_loss(self):
        # From nothing to mean 3 and deviation 4: 25 / 25. Half of it: a
        # quarter. In two layers: the sum.
        targets = np.array([[3.0, 4.0], [3.0, 4.0]], "float32")
        statistics = np.array([[0.0, 0.0], [1.5, 2.0]], "float32")
        loss = din_trainer.style_loss({"a": statistics}, {"a": targets})
        np.testing.assert_allclose(loss, [1.0, 0.25], rtol=1e-6)
        loss = din_trainer.style_loss(
            {"a": statistics, "b": statistics}, {"a": targets, "b": targets}
        )
        np.testing.assert_allclose(loss, [2.0, 0.5], rtol=1e-6)

    def test_content_loss(self):
        # Values of -1 and 1 against 1 and -1: differences of 2, but for what
        # is added under the root.
        x = np.array([-1.0, 1.0], "float32").reshape(1, 1, 2, 1)
        loss = din_trainer.content_loss(x, -x)
        np.testing.assert_allclose(loss, [4.0 / 1.001], rtol=1e-5)

    def test_variation_and_photograph(self, model):
        trainer = DINTrainer(model, phase="stylize")
        # One edge among the 31 steps of each row.
        drawing = np.zeros((1, 32, 32, 3), "float32")
        drawing[:, :, 16:] = 1.0
        batch = {"content": drawing, "style": drawing}
        terms = trainer.loss_terms(
            batch, outputs_of(trainer, batch, drawing, drawing + 0.25)
        )
        np.testing.assert_allclose(terms["variation"], [1 / 31], rtol=1e-5)
        np.testing.assert_allclose(terms["photograph"], [0.25], rtol=1e-5)
        for name in ("content", "style"):
            np.testing.assert_allclose(terms[name], [0.0], atol=1e-6)


class TestProperties(TestCase):
    def test_style_loss_does_not_depend_on_positions(self):
        x = feature()
        shuffled = x.reshape(2, 48, 5)
        shuffled = np.random.default_rng(2).permutation(shuffled, axis=1)
        shuffled = shuffled.reshape(x.shape)
        assert np.abs(shuffled - x).max() > 1
        one, other = (
            din_trainer.style_statistics({"a": part}) for part in (x, shuffled)
        )
        loss = array(din_trainer.style_loss(one, other))
        np.testing.assert_allclose(loss, 0.0, atol=1e-8)
        assert (array(din_trainer.content_loss(shuffled, x)) > 0.1).all()

    def test_content_loss_does_not_depend_on_size_and_shift(self):
        x = feature()
        loss = array(din_trainer.content_loss(100 * x + 7, 100 * x))
        np.testing.assert_allclose(loss, 0.0, atol=1e-6)
        loss = array(din_trainer.content_loss(100 * x, 300 * x))
        np.testing.assert_allclose(loss, 0.0, atol=1e-6)

    def test_tone_does_not_depend_on_colours_and_details(self, model):
        trainer = DINTrainer(model, {"tone": 1.0}, phase="stylize")
        squares = images(1)[:, ::8, ::8].repeat(8, axis=1).repeat(8, axis=2)
        content = 0.8 * squares + 0.2 * images(1, seed=1)

        def tone(drawing):
            batch = {"content": content, "style": content}
            outputs = outputs_of(trainer, batch, drawing, content[:1])
            return float(trainer.loss_terms(batch, outputs)["tone"][0])

        assert tone(0.5 * content + 0.2) < 0.01
        # Red for green, at equal luminance.
        shift = np.array([0.587, -0.299, 0.0], "float32")
        assert tone(content + shift) < 1e-4
        # Each square upside down.
        flipped = content.reshape(1, 4, 8, 32, 3)[:, :, ::-1]
        assert tone(flipped.reshape(content.shape)) < 1e-4
        assert tone(1.0 - content) > 1.0

    def test_features_computed_before_change_nothing(self, model):
        trainer = DINTrainer(model, phase="stylize")
        batch = batch_of(2)
        more = {
            name: array(x) for name, x in trainer.with_features(batch).items()
        }
        outputs, others = trainer(batch), trainer(more)
        self.assert_all_close(outputs, others)
        terms = trainer.loss_terms(batch, outputs)
        self.assert_all_close(terms, trainer.loss_terms(more, others))

    def test_grain_is_drawn_but_not_compared(self, model):
        trainer = DINTrainer(model, phase="stylize")
        batch = batch_of(2)
        grain = 0.1 * images(2, seed=5)[..., :1]
        outputs, others = trainer(batch), trainer({**batch, "grain": grain})
        noisy = {**batch, "content": batch["content"] + grain}
        self.assert_all_close(others["drawing"], trainer(noisy)["drawing"])
        assert np.abs(array(others["drawing"] - outputs["drawing"])).max() > 0
        self.assert_all_close(others["photograph"], outputs["photograph"])
        targets = {**outputs["targets"], "grain": grain}
        self.assert_all_close(others["targets"], targets)

    @pytest.mark.tensorflow
    def test_photograph_is_of_a_quarter_of_the_batch(self, model):
        trainer = DINTrainer(model, phase="stylize")
        shapes = [trainer(batch_of(n))["photograph"].shape for n in (1, 4, 5)]
        assert [shape[0] for shape in shapes] == [1, 1, 2]
        trainer.set_phase("reconstruct")
        drawings = trainer(batch_of(5))
        assert list(drawings) == ["photograph"]
        assert drawings["photograph"].shape == (5, 32, 32, 3)


def compiled(model, learning_rate=1e-3, **options):
    """A trainer. On TensorFlow, two steps are sooner done than compiled."""
    eager = keras.config.backend() == "tensorflow"
    trainer = DINTrainer(model, **options)
    trainer.compile(keras.optimizers.Adam(learning_rate), run_eagerly=eager)
    return trainer


def moved_by(model, fit):
    """Part of the model -> for each weight, whether fit() has moved it."""
    parts = "encoder middle decoder style_net features".split()
    before = {part: getattr(model, part).get_weights() for part in parts}
    fit()
    return {
        part: [
            not np.array_equal(*pair)
            for pair in zip(before[part], getattr(model, part).get_weights())
        ]
        for part in parts
    }


class TestTraining(TestCase):
    def check_sum(self, logged, weights):
        total = sum(weight * logged[name] for name, weight in weights.items())
        assert logged["loss"] == pytest.approx(total, rel=1e-4)
        assert logged["photograph"] > 0
        assert set(logged) == {"loss", *weights}

    @pytest.mark.tensorflow
    def test_reconstruct(self, model):
        trainer = compiled(model, 1e-2, loss_weights={"photograph": 7.0})
        # Pairs as in the recipe, of 8-bit pictures.
        pictures = (255 * images(3)).astype("uint8")
        pairs = StylePairs({"content": pictures}, {"style": pictures}, 2, 1)
        histories = []
        moved = moved_by(
            model,
            lambda: histories.append(
                trainer.fit(pairs, epochs=4, verbose=0).history
            ),
        )
        (history,) = histories
        assert history["loss"][-1] < 0.9 * history["loss"][0]
        for part in ("encoder", "middle", "decoder"):
            assert all(moved[part])
        # Bit by bit the same.
        assert not any(moved["style_net"]) and not any(moved["features"])
        logged = {name: values[-1] for name, values in history.items()}
        self.check_sum(logged, {"photograph": 7.0})

    def test_stylize(self, model, tmp_path):
        weights = {"content": 0.5, "style": 3.0, "photograph": 7.0}
        trainer = compiled(model, loss_weights=weights, phase="stylize")
        batch = batch_of(2)
        moved = moved_by(model, lambda: trainer.fit(batch, verbose=0))
        assert not any(moved["features"])
        for part in ("encoder", "middle", "decoder"):
            assert all(moved[part])
        # A few may be behind neurons that are silent.
        assert np.mean(moved["style_net"]) > 0.9

        before = trainer.evaluate(batch, verbose=0, return_dict=True)
        self.check_sum(before, {**weights, "variation": 0.1})
        trainer.save(tmp_path / "trainer.keras")
        loaded = keras.saving.load_model(tmp_path / "trainer.keras")
        assert loaded.phase == "stylize"
        assert dict(loaded.loss_weights) == dict(trainer.loss_weights)
        loaded.compile(run_eagerly=trainer.run_eagerly)
        after = loaded.evaluate(batch, verbose=0, return_dict=True)
        assert after == pytest.approx(before, rel=1e-4)
        frozen = {id(w) for w in loaded.model.features.weights}
        assert not frozen & {id(w) for w in loaded.trainable_weights}
        assert len(loaded.trainable_weights) == len(trainer.trainable_weights)

    @pytest.mark.tensorflow
    @pytest.mark.parametrize(
        "xla", [False, pytest.param(True, marks=pytest.mark.slow)]
    )
    def test_compiled_as_eagerly(self, model, xla):
        """Also by XLA, as `train_din.py` has it."""
        trainer, batch = DINTrainer(model, phase="stylize"), batch_of(2)
        losses = []
        for options in ({"run_eagerly": True}, {"jit_compile": xla}):
            trainer.compile(keras.optimizers.SGD(0.0), **options)
            losses.append(trainer.train_on_batch(batch, return_dict=True))
        assert losses[1] == pytest.approx(losses[0], rel=1e-3)

    @pytest.mark.tensorflow
    def test_black_pictures_leave_the_weights_finite(self, model):
        trainer = compiled(model, phase="stylize")
        black = np.zeros((1, 32, 32, 3), "float32")
        trainer.fit({"content": black, "style": black}, verbose=0)
        for weight in model.get_weights():
            assert np.isfinite(weight).all()


class Poison(keras.callbacks.Callback):
    """Makes weights NaN at the beginning of an epoch."""

    def on_epoch_begin(self, epoch, logs=None):
        decoder = self.model.model.decoder
        self.good = decoder.get_weights()
        decoder.layers[-1].bias.assign(np.full(3, np.nan))


def pictures(count=6, size=32):
    generator = np.random.default_rng(0)
    return generator.integers(256, size=(count, size, size, 3)).astype("uint8")


def pairs_of(contents=None, steps=1, **options):
    """Epochs of a step, or more, of two pairs."""
    contents = pictures()[:3] if contents is None else contents
    styles = {"style": pictures()[3:]}
    return StylePairs({"content": contents}, styles, 2, steps, **options)


@pytest.mark.usefixtures("eager")
class TestStages(TestCase):
    def fit(
        self, model, *callbacks, rate=1e-3, contents=None, steps=1, **options
    ):
        epochs = {"reconstruct": 2, "stylize": 2}
        options = {"epochs": epochs, "verbose": 0, **options}
        trainer = DINTrainer(model, learning_rate=rate)
        return trainer.fit_stages(
            pairs_of(contents, steps), callbacks=callbacks, **options
        )

    def test_what_is_kept(self, model):
        """Maps in half precision, computed once, if there is room."""
        trainer = DINTrainer(model, phase="stylize")
        pairs = pairs_of(grain=0.1)
        plain = trainer.phase_batches(pairs, None, 2, 0, None)
        assert plain is pairs
        kept = trainer.phase_batches(pairs, None, 2, 2**30, None)
        (plain,), (kept,) = plain[1], kept[1]
        expected = {
            n: array(x) for n, x in trainer.with_features(plain).items()
        }
        del expected["style"]
        self.assert_all_close(
            {name: kept[name].astype("float32") for name in expected},
            expected,
            rtol=2e-3,
            atol=2e-3,
        )
        halves = [n for n, x in kept.items() if x.dtype == "float16"]
        assert len(halves) == 4 and all(kept[n].ndim == 4 for n in halves)
        trainer.set_phase("reconstruct")
        (first,) = trainer.phase_batches(pairs, None, 2, 2**30, None)[1]
        assert sorted(first) == ["content", "style"]

    def test_histories_and_moving_average(self, model):
        """The result is far behind what so few steps have reached."""
        last = {}

        class Raw(keras.callbacks.Callback):
            def on_train_batch_end(self, batch, logs=None):
                last["bias"] = array(self.model.model.decoder.layers[-1].bias)

        bias = model.decoder.layers[-1].bias
        start = array(bias).copy()
        histories = self.fit(model, Raw(), rate=0.05)
        assert list(histories) == ["reconstruct", "stylize"]
        first, second = histories.values()
        assert len(first["loss"]) == len(second["loss"]) == 2
        assert set(first) == {"loss", "photograph"}
        assert min(second["style"]) > 0.0
        moved = np.abs(array(bias) - start).max()
        assert 0 < moved < 0.2 * np.abs(last["bias"] - start).max()

    @pytest.mark.slow
    def test_resumes_as_if_nothing_had_happened(self, model, tmp_path):
        """Moving averages too; the frame's tests have more of it."""
        network, phase = model.network(), {"epochs": {"stylize": 2}}
        start = network.get_weights()
        self.fit(model, **phase)
        expected = network.get_weights()
        network.set_weights(start)
        with pytest.raises(KeyboardInterrupt):
            last = Interrupt("stylize", 0)
            self.fit(model, last, backup_dir=tmp_path, **phase)
        # Another process would begin with other weights.
        network.set_weights([0.9 * weight for weight in start])
        self.fit(model, backup_dir=tmp_path, **phase)
        pairs = list(zip(network.get_weights(), expected, start))
        off = sum(np.abs(actual - end).sum() for actual, end, _ in pairs)
        moved = sum(np.abs(end - first).sum() for _, end, first in pairs)
        assert off < 0.01 * moved

    def test_stops_when_a_loss_is_not_finite(self, model):
        with pytest.raises(FloatingPointError, match="'reconstruct', epoch 1"):
            self.fit(model, rate=1e30, steps=2)
        assert all(np.isfinite(w).all() for w in model.get_weights())

    def test_stops_after_a_resume_too(self, model, tmp_path):
        """The weights are those of the backup, not those before it."""
        phase = {"epochs": {"reconstruct": 2}, "backup_dir": tmp_path}
        with pytest.raises(KeyboardInterrupt):
            self.fit(model, Interrupt("reconstruct", 0), **phase)
        other = [0.5 * weight for weight in model.decoder.get_weights()]
        model.decoder.set_weights(other)
        poison = Poison()
        with pytest.raises(FloatingPointError, match="'reconstruct', epoch 2"):
            self.fit(model, poison, **phase)
        for weight, good in zip(model.decoder.get_weights(), poison.good):
            np.testing.assert_array_equal(weight, good)
        assert np.abs(poison.good[0] - other[0]).max() > 0.01

    def test_sides(self, model):
        contents = np.zeros((3, 40, 32, 3), "uint8")
        with pytest.raises(ValueError, match=r"\(3, 40, 32, 3\)"):
            self.fit(model, contents=contents)


class TestErrors:
    def test_phase(self, model):
        message = r"`phase` must be one of.*'reconstruct'.*phase='both'"
        with pytest.raises(ValueError, match=message):
            DINTrainer(model, phase="both")
        with pytest.raises(ValueError, match=message):
            DINTrainer(model).set_phase("both")

    def test_term(self, model):
        with pytest.raises(ValueError, match=r"'content'.*'colour': 1.0"):
            DINTrainer(model, loss_weights={"colour": 1.0, "style": 1.0})

    @pytest.mark.parametrize(
        "change",
        [
            {"model": None},
            {"loss_weights": ["content"]},
            {"loss_weights": ""},
            {"loss_weights": {"content": "a"}},
            {"loss_weights": {"content": -1}},
            {"loss_weights": {"content": np.nan}},
            {"learning_rate": None},
            {"learning_rate": -1},
            {"phase": ["stylize"]},
        ],
    )
    def test_arguments(self, model, change):
        with pytest.raises(ValueError, match="Received: ") as error:
            DINTrainer(**{"model": model, **change})
        assert "\n" not in str(error.value)

    @pytest.mark.parametrize(
        "change",
        [
            {"contents": None},
            {"contents": noise_images(2)},
            {"contents": {"content": noise_images(0)}},
            {"contents": {"content": noise_images(2)[0]}},
            {"contents": {"content": noise_images(2), "more": np.ones(3)}},
            {"styles": {"picture": noise_images(2)}},
            {"styles": {"style": None}},
            {"batch_size": 0},
            {"batch_size": 1.5},
            {"steps": None},
            {"seed": -1},
            {"grain": np.nan},
        ],
    )
    def test_pairs(self, change):
        given = {
            "contents": {"content": noise_images(2)},
            "styles": {"style": noise_images(3)},
            "batch_size": 2,
            "steps": 1,
        }
        with pytest.raises(ValueError, match="must be.*Received: ") as error:
            StylePairs(**{**given, **change})
        assert "\n" not in str(error.value)


def test_epoch_of_pairs():
    images = noise_images(2)
    pairs = StylePairs({"content": images}, {"style": images}, 2, steps=1)
    with pytest.raises(ValueError, match="`epoch` must be.*epoch=-1"):
        pairs.set_epoch(-1)
