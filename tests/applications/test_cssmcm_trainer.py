import keras
import numpy as np
import pytest
from keras import ops
from test_case import TestCase

from keras_vipa.applications import CSSMCM
from keras_vipa.applications import CSSMCMTrainer
from keras_vipa.applications.cssmcm.trainer import mean_ctc
from keras_vipa.applications.cssmcm.trainer import mean_entropy
from keras_vipa.applications.cssmcm.trainer import moved
from keras_vipa.applications.cssmcm.trainer import with_end

pytestmark = [pytest.mark.tensorflow, pytest.mark.usefixtures("eager")]
WORDS = {
    "pinyin": "ni hao ta men".split(),
    "tones": list("12345"),
    "characters": list("你好他她们"),
}
PLACES = [
    [-1, -1, 0, 0, 0, 1, 1, 1, 1, 1, -1, -1],
    [0] * 4 + [1] * 5 + [-1] * 3,
]


def array(x):
    return ops.convert_to_numpy(x)


def data():
    generator = np.random.default_rng(0)
    clips = generator.integers(0, 255, (2, 12, 16, 32))
    return {
        "clips": clips.astype("float32"),
        "frames": np.array([12, 9]),
        "places": np.array(PLACES),
        "pinyin": np.array([[3, 4, 0], [5, 6, 0]]),
        "tones": np.array([[5, 5, 0], [3, 7, 0]]),
        "characters": np.array([[3, 4, 0], [6, 7, 0]]),
    }


def trainer(**options):
    return CSSMCMTrainer(CSSMCM(WORDS, length=3, seed=1), **options)


class TestCSSMCMTrainer(TestCase):
    def test_what_is_seen(self):
        """What the middle of each window says, and 0 for nothing."""
        found = trainer()(data())
        logits, pinyin, mask = map(array, found["seen_pinyin"])
        assert logits.shape == (2, 4, 7)
        # Frames 2, 4, 6 and 8, of which the last is not there twice.
        assert pinyin.tolist() == [[3, 3, 4, 4], [5, 6, 6, 6]]
        assert mask.tolist() == [[True] * 4, [True] * 3 + [False]]
        tones = array(found["seen_tones"][1])
        assert tones.tolist() == [[5, 5, 5, 5], [3, 7, 7, 7]]
        other = {**data(), "places": np.full((2, 12), -1)}
        assert (array(trainer()(other)["seen_pinyin"][1]) == 0).all()

    def test_ends(self):
        tokens, mask = map(array, with_end(np.array([[4, 3, 5], [6, 0, 0]])))
        assert tokens.tolist() == [[4, 3, 5, 2], [6, 2, 0, 0]]
        assert mask.tolist() == [[True] * 4, [True, True, False, False]]

    def test_mean_entropy(self):
        """Of the places that count, all with the same weight."""
        logits = np.log([[[0.5, 0.5], [0.2, 0.8]], [[0.9, 0.1], [0.5, 0.5]]])
        right = np.array([[0, 1], [1, 0]])
        mask = np.array([[True, True], [True, False]])
        found = float(mean_entropy(logits.astype("float32"), right, mask))
        expected = -(np.log(0.5) + np.log(0.8) + np.log(0.1)) / 3
        self.assert_all_close(found, expected)

    def test_mean_ctc(self):
        """All ways to say one token in two windows, one in the other clip."""
        p = np.array([[[0.2, 0.5, 0.3], [0.6, 0.1, 0.3]]] * 2)
        mask = np.array([[True, True], [True, False]])
        said = np.array([[1, 0], [2, 0]], "int32")
        found = mean_ctc(np.log(p).astype("float32"), said, mask)
        ways = 0.5 * 0.6 + 0.2 * 0.1 + 0.5 * 0.1
        expected = -(np.log(ways) + np.log(0.3)) / 2
        self.assert_all_close(float(found), expected)

    def test_without_places(self):
        """Where times are not known, CTC teaches the encoder."""
        made, x = trainer(), data()
        x.pop("places")
        fitted = made.fit_stages(x, {"encoder": 4}, 2, verbose=0)["encoder"]
        assert fitted["loss"][-1] < fitted["loss"][0]

    def test_moved_clips(self):
        """Rows and columns of all frames, each clip in its own way."""
        x = np.random.default_rng(0).random((4, 3, 16, 32), "float32")
        found = array(moved(x, 0.2, keras.random.SeedGenerator(3)))
        seeds = keras.random.SeedGenerator(3)

        def drawn(least):
            return array(keras.random.uniform((4, 1), least, 0.2, seed=seeds))

        mirrored = array(keras.random.uniform((4, 1), seed=seeds)) < 0.5
        assert set(mirrored.ravel()) == {True, False}
        places = []
        for size, side in ((16, 1.0), (32, np.where(mirrored, -1.0, 1.0))):
            pixels, middle = np.arange(size), (size - 1) / 2
            place = middle + side * (1 + drawn(-0.2)) * (pixels - middle)
            places.append(place + size * drawn(-0.2))
        for clip, mine, rows, columns in zip(x, found, *places):
            for frame, seen in zip(clip, mine):
                high = [np.interp(rows, np.arange(16), c) for c in frame.T]
                wide = [
                    np.interp(columns, np.arange(32), r)
                    for r in np.array(high).T
                ]
                self.assert_all_close(seen, np.array(wide), atol=1e-5)

    def test_xla_is_not_turned_off(self):
        """As layers would that Keras moves pictures with."""
        made = trainer()
        made.compile(made.default_optimizer(1), jit_compile=True)
        assert made.jit_compile

    def test_corruption(self):
        made, known = trainer(corruption=0.5), {"pinyin": np.full((400, 3), 4)}
        known["pinyin"][:, 2] = 0
        found = array(made._corrupted(known)["pinyin"])
        assert (found[:, 2] == 0).all() and found[:, :2].min() >= 3
        # Drawn from four, of which one is what was there.
        assert abs((found[:, :2] != 4).mean() - 0.5 * 3 / 4) < 0.06

    def test_own_tokens_take_the_place_of_the_true_ones(self):
        """From half of the joint phase on, true pinyin changes nothing."""
        made = trainer(phase="joint")
        other = {**data(), "pinyin": np.array([[4, 4, 0], [6, 6, 0]])}
        differ = []
        for progress in (0.0, 0.5, 1.0):
            made.progress.assign(progress)
            one, two = (array(made(x)["tones"][0]) for x in (data(), other))
            differ.append(np.abs(one - two).max())
        # The decoder of pinyin itself is taught with the true ones.
        assert differ[0] > 3 * differ[1] and differ[1] == differ[2]

    def test_cached_encoder(self):
        """What the frozen encoder says is the same from the cache."""
        made, x = trainer(phase="parts"), data()
        found = made.cached(x, 2)
        assert found["video"].shape == (2, 4, 128)
        self.assert_all_close(made(found), made(x))

    def test_phases(self):
        """What each trains, and that it is learnt."""
        made = trainer(sampling=0.0, corruption=0.0, learning_rate=0.01)
        model = made.model
        layers = {
            "encoder": model.video_encoder,
            "decoder": model.decoders["tones"],
        }
        moved, losses = {}, {}
        for phase, epochs in (("encoder", 4), ("parts", 3), ("joint", 2)):
            before = {n: x.get_weights() for n, x in layers.items()}
            fitted = made.fit_stages(data(), {phase: epochs}, 2, verbose=0)
            losses[phase] = fitted[phase]["loss"]
            moved[phase] = {
                name: any(
                    (old != new).any()
                    for old, new in zip(before[name], layer.get_weights())
                )
                for name, layer in layers.items()
            }
        assert moved["encoder"] == {"encoder": True, "decoder": False}
        assert moved["parts"] == {"encoder": False, "decoder": True}
        assert moved["joint"] == {"encoder": False, "decoder": True}
        assert losses["encoder"][-1] < 0.9 * losses["encoder"][0]
        assert losses["parts"][-1] < 0.9 * losses["parts"][0]
        self.assert_all_close(float(made.progress), 1.0)

    def test_seed(self):
        """Two of one seed are equal, whatever else was drawn."""
        one = trainer()
        keras.random.normal((3,))
        other = trainer()
        for a, b in zip(one.weights, other.weights):
            np.testing.assert_array_equal(array(a), array(b))

    def test_config(self):
        made = trainer(corruption=0.5, phase="joint", in_order=3)
        config = made.get_config()
        again = CSSMCMTrainer.from_config(config)
        assert again.get_config() == config and again.phase == "joint"

    def test_minutes(self):
        with pytest.raises(ValueError, match="`minutes` must be None"):
            trainer().fit_stages(data(), {"joint": 1}, minutes=1)

    def test_arguments(self):
        model = CSSMCM(WORDS)
        for options, message in (
            ({"model": keras.Sequential()}, "`model` must be a `CSSMCM`"),
            ({"sampling": 2}, "`sampling` must be"),
            ({"corruption": -1}, "`corruption` must be"),
            ({"phase": "all"}, "`phase` must be one of"),
            ({"frozen": 1}, "`frozen` must be"),
            ({"moved": 2}, "`moved` must be"),
            ({"in_order": -1}, "`in_order` must be"),
        ):
            with pytest.raises(ValueError, match=message):
                CSSMCMTrainer(**{"model": model, **options})
