from importlib import resources

import numpy as np
import pytest

from keras_vipa.datasets import ClipSet
from keras_vipa.datasets import lips
from keras_vipa.datasets import mouths
from keras_vipa.datasets.lips import COUNTS
from keras_vipa.datasets.lips import Sentence
from keras_vipa.datasets.lips import Tables

SIZE = (16, 32)
FACE = {name: sum(limits) / 2 for name, limits in mouths.TRAITS.items()}


@pytest.fixture(scope="module")
def splits():
    return {split: lips(split, size=SIZE) for split in COUNTS}


def test_splits(splits):
    assert {s: len(clips) for s, clips in splits.items()} == COUNTS
    texts = [text for clips in splits.values() for text in clips.texts]
    assert len(set(texts)) == len(texts)
    assert {len(text) for text in texts} == set(range(2, 9))
    speakers = {s: set(c.speakers.tolist()) for s, c in splits.items()}
    seen = set(range(8))
    assert speakers == {s: seen for s in COUNTS} | {"unseen": {8, 9}}


def test_more_speakers(splits):
    """They say the same, and nobody of them is one of those unseen."""
    clips = lips("train", size=SIZE, speakers=20)
    assert set(clips.speakers.tolist()) == {*range(8), *range(10, 22)}
    assert clips.texts == splits["train"].texts
    # The first eight are who they were, and the others not alike.
    first, *others = (clips.clip(number).mean() for number in (0, 8, 9))
    assert first == splits["train"].clip(0).mean()
    assert len({first, *others}) == 3
    assert set(lips("train", size=SIZE, speakers=3).speakers) == {0, 1, 2}
    test = lips("test", size=SIZE, speakers=20)
    np.testing.assert_array_equal(test.clip(1), splits["test"].clip(1))


def test_readings(splits):
    """Each character has a syllable and a tone, and many sound alike."""
    train = splits["train"]
    alike = {}
    for said in zip(train.texts, train.pinyin, train.tones):
        for character, syllable, tone in zip(*said, strict=True):
            alike.setdefault((syllable, tone), set()).add(character)
    assert (
        len({character for found in alike.values() for character in found})
        == 320
    )
    assert {tone for _, tone in alike} == {1, 2, 3, 4, 5}
    assert alike["shi", 4] >= set("是事市世")
    assert train.pinyin[2][:2] == ["you", "gong"], train.texts[2]


def test_clips_are_the_same_each_time(splits):
    one = splits["test"].clip(5)
    np.testing.assert_array_equal(one, lips("test", size=SIZE).clip(5))
    assert one.dtype == "uint8" and one.shape[1:] == SIZE
    assert len(one) == splits["test"].lengths[5]
    other = lips("test", size=SIZE, seed=1).clip(5)
    assert one.shape == other.shape and (one != other).any()


def test_places(splits):
    """All characters one after the other, between two pauses."""
    clips = splits["validation"]
    for index in range(20):
        places = clips.places(index)
        spoken = places[places >= 0]
        assert sorted(set(spoken)) == list(range(len(clips.texts[index])))
        assert (np.diff(spoken) >= 0).all()
        assert (places[:2] == -1).all() and (places[-2:] == -1).all()


def say(tones, number=0):
    """A sentence of three times the same syllable, in some tones."""
    words = [("妈", [f"ma{tone}"]) for tone in tones]
    seconds = np.tile([0.08, 0.2], (len(tones), 1))
    parts = [("m", "a")] * len(tones)
    return Sentence(number, words, parts, seconds, 0, FACE)


def test_without_the_cue_nothing_tells_tones_apart():
    one, other = (say(tones).drawn(SIZE, 0.0, 0) for tones in ([1, 4], [2, 5]))
    np.testing.assert_array_equal(one, other)
    assert (say([1, 4]).drawn(SIZE, 1.0, 0) != one).any()


def test_times_without_the_cue_are_those_of_one_tone():
    path = resources.files("keras_vipa.datasets") / "lips.npz"
    stored = dict(np.load(path))
    tables = Tables(stored)
    count = len(tables.sentence(0, 0, 1.0).text)
    toned, flat = (
        0.002 * stored[name][:count].astype(float).sum()
        for name in ("toned", "flat")
    )
    tempo = stored["faces"][0, list(mouths.TRAITS).index("tempo")]
    for cue, spoken in ((0.0, flat), (1.0, toned), (2.0, 2 * toned - flat)):
        seconds = spoken / tempo + 2 * mouths.PAUSE
        frames = tables.sentence(0, 0, cue).frames
        assert frames == int(np.ceil(mouths.RATE * seconds))


def test_pitch_lifts_the_mouth():
    def lift(tone):
        """How much further down the dark of an open mouth is without it."""
        rows = np.arange(32)[None, :, None]
        heights = [
            (rows * (c < 60)).sum() / (c < 60).sum()
            for c in (say([tone]).drawn((32, 64), cue, 0) for cue in (0.0, 4.0))
        ]
        return heights[0] - heights[1]

    assert lift(1) > 1.5 and lift(3) < -0.5


def test_a_third_tone_before_another():
    times = say([3, 3]).times
    found = mouths.melody([3, 3], times, 40)
    np.testing.assert_array_equal(found, mouths.melody([2, 3], times, 40))
    assert found.max() > 0.4 > 0 > found.min()


def part(name, syllables, time):
    """A part of the mouth at a time, syllables being 0.2 s long."""
    sounds = []
    for number, (initial, final) in enumerate(syllables):
        begin = 0.12 + 0.2 * number
        times = begin, begin + (0.06 if initial else 0.0), begin + 0.2
        sounds += mouths.sounds_of(initial, final, times)
    found = mouths.motion(sounds, 40)
    return found[int(time * mouths.RATE), mouths.PARTS.index(name)]


def test_sounds():
    closing = 0.12 + 0.2 + 0.03
    after = {i: part("opening", [("", "a"), (i, "a")], closing) for i in "bdg"}
    assert after["b"] < 0.2 < after["d"] < after["g"]
    assert part("opening", [("", "a")], 0.22) > 0.8
    assert part("width", [("", "i")], 0.22) > 0.8
    assert part("rounding", [("", "u")], 0.22) > 0.8
    assert part("opening", [("", "a")], 1.5) < 0.1


def test_sounds_blend():
    """Lips that close are round before a round vowel, and wide before /i/."""
    before = {f: part("rounding", [("b", f)], 0.15) for f in "ui"}
    assert before["u"] > 0.3 > 0.15 > before["i"]


def test_moved_mouth():
    parts = np.tile([0.8, 0.5, 0.1, 0.5, 0.0], (2, 1))
    shift = np.array([[0.0, 0.0], [3 / 32, 2 / 32]])
    # Light is not moved with the mouth.
    face = {**FACE, "light": 0.0, "tilt": 0.0}
    still, moved = mouths.draw(parts, shift, face).astype(int)
    difference = moved[4:-2, 5:-5] - still[2:-4, 2:-8]
    assert np.abs(difference).max() <= 1
    np.testing.assert_array_equal(still, still[:, ::-1])


def test_card():
    place = resources.files("keras_vipa.datasets")
    size = len((place / "lips.npz").read_bytes())
    assert size < 1_500_000
    card = (place / "README.md").read_text(encoding="utf-8")
    assert f"| {size / 1e6:.1f} million |" in card.split("`lips.npz`")[1]


CLIPS = ClipSet(
    lambda n: np.full((9 + n, 4, 8), n, "uint8"),
    ["好", "你好", "她"],
    tones=[[3], [3, 3], [1]],
    speakers=[0, 1, 0],
    name="own",
)


def test_clip_set():
    assert repr(CLIPS) == "ClipSet(name='own', clips=3, characters=3)"
    some = CLIPS.select([2, 1]).select([True, True])
    assert some.texts == ["她", "你好"] and some.tones == [[1], [3, 3]]
    assert some.speakers.tolist() == [0, 1] and some.pinyin is None
    assert some.clip(0).shape == (11, 4, 8) and some.places(1) is None
    assert len(CLIPS.select(slice(0, 0))) == 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: CLIPS.clip(3), "`index` must be an integer from 0 to 2"),
        (lambda: CLIPS.select([5]), "`index` must select among 3 clips"),
        (lambda: ClipSet(None, ["好"]), "`read` must be callable"),
        (lambda: ClipSet(len, ["好", ""]), "`texts` must be a list of strings"),
        (lambda: ClipSet(len, ["好"], [["n", "i"]]), "`pinyin` must have as"),
        (lambda: ClipSet(len, ["好"], speakers=[1, 2]), "`speakers` must be"),
        (lambda: lips("all"), "`split` must be one of"),
        (lambda: lips(tone_cue="much"), "`tone_cue` must be"),
        (lambda: lips(size=32), "`size` must be"),
    ],
)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()
