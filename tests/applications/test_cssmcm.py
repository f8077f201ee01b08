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

    @pytest.mark.parametrize("is_known", [False, True])
    def test_reading(self, small, is_known):
        """Stage by stage, each from what was read before, or from the truth."""
        video = small.see(clips(), INPUTS["frames"])
        known = {s: INPUTS[s] for s in small.stages} if is_known else None
        found = small.read_encoded(video, known=known)
        read = small.decoders["pinyin"].greedy(
            [video.values], [video.mask], video.states, 4
        )
        said, fed = array(read["tokens"])[:, :-1], read["logits"][:, :-1]
        assert (array(found["pinyin"]["tokens"])[:, 0] == said).all()
        fed = ops.softmax(fed)
        if is_known:
            said, fed = INPUTS["pinyin"], np.eye(7, dtype="float32")
            fed = fed[INPUTS["pinyin"]]
        mask = said > 2
        pinyin = small.encode("pinyin", fed, mask)
        expected = small.decoders["tones"].beam(
            [video.values, pinyin.values],
            [video.mask, mask],
            pinyin.states,
            4,
            width=1,
            sizes=mask.sum(axis=1),
        )
        self.assert_all_close(
            found["tones"]["scores"], expected["scores"], rtol=1e-4
        )
        counts = [(array(found[s]["tokens"]) > 2).sum(-1) for s in found]
        assert counts[1].tolist() == counts[2].tolist()
        assert found["characters"]["attention"].shape == (2, 3, 4)

    @pytest.mark.usefixtures("eager")
    def test_read(self, small):
        """What is read is the same alone and among others."""
        some = [clips()[0].astype("uint8"), clips()[1, :9].astype("uint8")]
        both = small.read(some, width=2)
        for one, clip in zip(both, some):
            (alone,) = small.read([clip], width=2)
            assert alone.tokens == one.tokens and alone.text == one.text
            self.assert_all_close(alone.scores, one.scores, atol=1e-4)
            self.assert_all_close(alone.attention, one.attention, atol=1e-4)
        assert both[1].attention["pinyin"].shape[1] == 3
        for clip, message in (
            (some[0][:4], "at least 5 frames. Received: clip 1 with 4"),
            (some[0][:, :8], r"\(frames, 16, 32\). Received: clip 1, uint8"),
            (some[0] / 255, "Received: clip 1, float64"),
        ):
            with pytest.raises(ValueError, match=message):
                small.read([some[0], clip])

    def test_saved(self, tmp_path):
        small = network()
        for weight in small.trainable_weights:
            weight.assign(weight + 0.1)
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
            ({"sources": {"tones": ("pinyin",)}}, "`sources` must be"),
            ({"sources": {}}, "`sources` must be"),
            ({"units": 0}, "`units` must be"),
            ({"vocabularies": None}, "`vocabularies` must be given"),
        ],
    )
    def test_arguments(self, options, message):
        with pytest.raises(ValueError, match=message):
            CSSMCM(**{"vocabularies": WORDS, **options})


@pytest.mark.tensorflow
class TestOthers(TestCase):
    @pytest.mark.usefixtures("eager")
    def test_likeliest_tokens_are_fed(self):
        """Without soft feeding, encoders get what was read, and no other."""
        model = CSSMCM(WORDS, length=3, soft=False, seed=1)
        for weight in model.trainable_weights:
            noise = np.random.default_rng(weight.shape[0]).normal(
                0, 0.3, weight.shape
            )
            weight.assign(weight + noise.astype("float32"))
        fed = []

        def encode(stage, tokens, mask, training=None):
            fed.append(array(tokens).argmax(axis=-1))
            return CSSMCM.encode(model, stage, tokens, mask, training)

        model.encode = encode
        found = model.read_encoded(model.see(clips(), INPUTS["frames"]), 4)
        for stage, tokens in zip(("pinyin", "tones"), fed):
            said = array(found[stage]["tokens"])[:, 0]
            assert (tokens == said).all()

    @pytest.mark.usefixtures("eager")
    def test_another_cascade(self):
        """One stage, which is what is read."""
        model = network(sources={"pinyin": ("video",)})
        assert model.stages == ("pinyin",) and not model.tables
        (one,) = model.read([clips()[0].astype("uint8")])
        assert one.text == "".join(one.tokens["pinyin"])
        with pytest.raises(ValueError, match="What is said .* is not known"):
            model.read([clips()[0].astype("uint8")], true=True)

    def test_padding_does_not_change_what_batches_teach(self):
        """Windows that are not there are not seen by batch normalization."""
        model = CSSMCM(WORDS, "paper", length=3, units=8)
        x = np.random.default_rng(0).random((1, 9, 64, 128), "float32")
        padded = np.pad(x, [(0, 0), (0, 12), (0, 0), (0, 0)])
        moved = []
        for clip in (x, padded):
            for layer in model.front_end.layers:
                if isinstance(layer, keras.layers.BatchNormalization):
                    layer.moving_mean.assign(0 * layer.moving_mean)
            model.see(clip, np.array([9]), training=True)
            moved.append(
                [
                    array(layer.moving_mean)
                    for layer in model.front_end.layers
                    if isinstance(layer, keras.layers.BatchNormalization)
                ]
            )
        # Three windows, and nine of which each is one of these.
        self.assert_all_close(moved[0], moved[1], atol=1e-4, rtol=1e-3)


def test_large_frames_in_16_bits():
    x = 200 + np.zeros((1, 40, 64, 128), "float32")
    x[:, 1::2] = 50
    found = array(Windows(dtype="mixed_float16")(x, np.array([40])))
    assert found.dtype == "float16" and np.isfinite(found).all()


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
