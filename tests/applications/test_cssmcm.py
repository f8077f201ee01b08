import keras
import numpy as np
import pytest
from keras import ops
from test_case import TestCase

from keras_vipa.applications import CSSMCM
from keras_vipa.applications.cssmcm.front_ends import Windows
from keras_vipa.applications.cssmcm.front_ends import windows_of
from keras_vipa.applications.cssmcm.vocabulary import Vocabulary

WORDS = {
    "pinyin": "ni hao ta men".split(),
    "tones": list("12345"),
    "characters": list("你好他她们"),
}
# 你好 and 她们, whose clips are 12 and 9 frames long.
INPUTS = {
    "frames": np.array([12, 9]),
    "pinyin": np.array([[3, 4, 0], [5, 6, 0]]),
    "tones": np.array([[5, 5, 0], [3, 7, 0]]),
    "characters": np.array([[3, 4, 0], [6, 7, 0]]),
}


def array(x):
    return ops.convert_to_numpy(x)


def clips(frames=12, seed=0):
    generator = np.random.default_rng(seed)
    return generator.integers(0, 255, (2, frames, 16, 32)).astype("float32")


def network(**options):
    return CSSMCM(WORDS, length=3, seed=1, **options)


@pytest.fixture(scope="module")
def small():
    return network()


class OwnTokens(keras.Model):
    """Characters, where encoders get what the decoders say."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def call(self, inputs):
        return self.model(inputs, true=0.0)["characters"]


def sizes(layer):
    return round(sum(np.prod(w.shape) for w in layer.weights) / 1e6, 2)


class TestParts(TestCase):
    def test_vocabulary(self):
        words = Vocabulary(["ni", "hao"], "pinyin")
        numbers = words.encode([["hao", "ni"], ["ni"]], 3)
        assert numbers.tolist() == [[4, 3, 0], [3, 0, 0]]
        assert words.decode([[4, 2, 3], [3, 0, 0]]) == [["hao"], ["ni"]]
        for rows, message in (
            ([["ni"] * 4], "at most 3 pinyin. Received: 4"),
            ([["ni", "wo", "ta"]], "These pinyin are not known: ta wo"),
        ):
            with pytest.raises(ValueError, match=message):
                words.encode(rows, 3)
        with pytest.raises(ValueError, match="Tokens of pinyin must differ"):
            Vocabulary(["ni", "ni"], "pinyin")

    def test_windows(self):
        """Of the frames that are there, standardized."""
        x = clips()
        found = array(Windows()(x, INPUTS["frames"]))
        assert found.shape == (2, 4, 16, 32, 5)
        assert [windows_of(n) for n in (25, 50, 100, 125)] == [11, 23, 48, 61]
        for clip, frames, windows in zip(x, (12, 9), found):
            known = clip[:frames]
            standard = (known - known.mean()) / known.std()
            for place in range(windows_of(frames)):
                expected = standard[2 * place : 2 * place + 5]
                expected = np.moveaxis(expected, 0, -1)
                self.assert_all_close(windows[place], expected, atol=1e-4)

    def test_sizes_of_the_paper(self):
        words = {
            "pinyin": [f"p{n}" for n in range(368)],
            "tones": list("12345"),
            "characters": [f"c{n}" for n in range(1776)],
        }
        model = CSSMCM(words, "paper")
        assert sizes(model.front_end) == 6.13
        assert sizes(model.video_encoder) == 2.37
        assert sizes(model.token_encoders["tones"]) == 2.37
        assert 30 < model.count_params() / 1e6 < 31


# JAX compiles each of the many sizes by itself.
@pytest.mark.tensorflow
class TestCascade(TestCase):
    def test_what_the_encoders_get(self, small):
        """True tokens, or the mean embedding of what is said."""
        video = small.see(clips(), INPUTS["frames"])
        for true in (1.0, 0.0):
            logits = small.cascade(video, INPUTS, true)
            fed = np.eye(7)[INPUTS["pinyin"]]
            if not true:
                fed = array(ops.softmax(logits["pinyin"][:, :-1]))
            mask = INPUTS["pinyin"] > 0
            x = (fed @ array(small.tables["pinyin"].kernel)).astype("float32")
            encoder = small.token_encoders["pinyin"]
            values, states = encoder(x, mask=mask)
            before = np.insert(INPUTS["tones"], 0, 1, axis=1)
            memory, masks = [video.values, values], [video.mask, mask]
            expected = small.decoders["tones"](before, memory, masks, states)
            self.assert_all_close(logits["tones"], expected)

    def test_each_stage_sees_what_it_should(self, small):
        """Tones change characters, but not pinyin, and so on."""
        video = small.see(clips(), INPUTS["frames"])
        logits = small.cascade(video, INPUTS)
        other = {**INPUTS, "tones": np.array([[4, 4, 0], [4, 4, 0]])}
        changed = small.cascade(video, other)
        differ = {
            stage: np.abs(array(changed[stage] - logits[stage])).max() > 1e-6
            for stage in logits
        }
        assert differ == {"pinyin": False, "tones": True, "characters": True}

    def test_what_is_not_there_changes_nothing(self, small):
        one, other = clips(), clips()
        other[1, 9:] = 0
        self.assert_all_close(
            small({"clips": one, **INPUTS}),
            small({"clips": other, **INPUTS}),
        )
        # Nor does more room.
        room = np.pad(one, ((0, 0), (0, 4), (0, 0), (0, 0)))
        self.assert_all_close(
            small({"clips": one, **INPUTS}),
            small({"clips": room, **INPUTS}),
        )

    def test_reading(self, small):
        """Stage by stage, each from what was read before."""
        video = small.see(clips(), INPUTS["frames"])
        found = small.read_encoded(video)
        said = array(found["pinyin"]["tokens"])[:, :-1]
        mask = said > 2
        fed = ops.softmax(found["pinyin"]["logits"][:, :-1])
        pinyin = small.encode("pinyin", fed, mask)
        expected = small.decoders["tones"].greedy(
            [video.values, pinyin.values],
            [video.mask, mask],
            pinyin.states,
            4,
        )
        self.assert_all_close(found["tones"]["logits"], expected["logits"])
        shapes = [w.shape[-1] for w in found["characters"]["attention"]]
        assert shapes == [4, 3, 3]

    def test_saved(self, small, tmp_path):
        small.save(tmp_path / "model.keras")
        again = keras.saving.load_model(tmp_path / "model.keras")
        inputs = {"clips": clips(), **INPUTS}
        self.assert_all_close(again(inputs), small(inputs))
        assert again.vocabularies["pinyin"].tokens == WORDS["pinyin"]

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"vocabularies": {"pinyin": ["ni"]}}, "`vocabularies` must be"),
            ({"variant": "large"}, "`variant` must be one of"),
            ({"length": 0}, "`length` must be"),
        ],
    )
    def test_arguments(self, options, message):
        with pytest.raises(ValueError, match=message):
            CSSMCM(**{"vocabularies": WORDS, **options})


class TestGradients(TestCase):
    @pytest.mark.usefixtures("eager")
    @pytest.mark.parametrize("soft", [True, False])
    def test_gradients(self, soft):
        """They cross the cascade only where what is said is a mean."""
        model = network(soft=soft)
        whole = OwnTokens(model)
        whole.compile("sgd", "mse")
        table = model.decoders["pinyin"].output_layer.kernel
        before = array(table).copy()
        inputs = {"clips": clips(), **INPUTS}
        whole.train_on_batch(inputs, np.zeros((2, 4, 8)))
        assert (np.abs(array(table) - before).max() > 0) == soft
