"""Generated mouths that speak Mandarin, drawn from embedded tables."""

import functools
from importlib import resources

import numpy as np

from keras_vipa.datasets.clip_set import ClipSet
from keras_vipa.datasets.mouths import LIFT
from keras_vipa.datasets.mouths import PAUSE
from keras_vipa.datasets.mouths import RATE
from keras_vipa.datasets.mouths import TRAITS
from keras_vipa.datasets.mouths import draw
from keras_vipa.datasets.mouths import melody
from keras_vipa.datasets.mouths import motion
from keras_vipa.datasets.mouths import sounds_of
from keras_vipa.datasets.mouths import sway
from keras_vipa.utils import checks

# Of the last split, speakers are others.
COUNTS = {"train": 16000, "validation": 1000, "test": 2000, "unseen": 2000}
SPEAKERS, SEEN, UNSEEN = 10, (0, 1, 2, 3, 4, 5, 6, 7), (8, 9)
# Characters of a sentence, and milliseconds that times are counted in.
LONGEST, UNIT = 8, 2


def lips(split="train", tone_cue=1.0, size=(32, 64), seed=0, speakers=8):
    """Return generated mouths that speak Mandarin, with what they say.

    Clips of 25 grey frames a second, of made-up speakers. Sentences of two
    to eight characters are put together from 600 frequent words and mean
    nothing; what is as in the language is which characters sound alike, and,
    from a speech synthesiser, how long each sound takes. Sources, licences,
    counts, and how the mouths are drawn: `README.md` beside this file and
    `mouths.py`. All that is read from them is about **synthetic**
    mouths.

    Nothing is drawn before it is asked for, and each clip is the same whenever
    that is.

    Args:
        split: string. `"train"`, `"validation"`, `"test"` or `"unseen"`. The
            last one has two speakers who are in none of the others; no
            sentence is in two of them.
        tone_cue: float. How much tones show, in how long sounds are and in how
            far the mouth is lifted with the pitch of the voice (at 1, by up to
            2.8 % of the height, about as far as heads move anyway). At 0
            nothing tells tones apart.
        size: tuple `(height, width)` of the frames.
        seed: integer. Seed of how carelessly sounds are spoken, of movement,
            light and noise.
        speakers: integer. How many take turns in `"train"`: the first eight,
            who are all there are in `"validation"` and `"test"`, and others
            whose faces are drawn, within the same limits.

    Returns:
        A `ClipSet`. `speakers` are 0 to 7; 8 and 9 in `"unseen"`; from 10 on,
        those who are drawn.

    Raises:
        ValueError: If an argument is not as above.

    Example:

    >>> clips = lips("test", size=(16, 32))
    >>> clips.texts[0], clips.clip(0).shape[1:]
    ('保证社会正常要', (16, 32))
    """
    checks.choice("split", split, tuple(COUNTS))
    checks.number("tone_cue", tone_cue)
    size = checks.sizes("size", size, 2)
    checks.integer("seed", seed, 0)
    checks.integer("speakers", speakers)
    tables, order = _tables(), list(COUNTS)
    first = sum(COUNTS[name] for name in order[: order.index(split)])
    turns = UNSEEN if split == "unseen" else SEEN
    if split == "train":
        drawn = range(SPEAKERS, SPEAKERS + speakers - len(SEEN))
        turns = [*SEEN[:speakers], *drawn]
    spoken = [
        tables.sentence(number, turns[number % len(turns)], tone_cue)
        for number in range(first, first + COUNTS[split])
    ]

    def read(index):
        return spoken[index].drawn(size, tone_cue, seed)

    return ClipSet(
        read,
        [one.text for one in spoken],
        pinyin=[one.pinyin for one in spoken],
        tones=[one.tones for one in spoken],
        speakers=[one.speaker for one in spoken],
        lengths=[one.frames for one in spoken],
        places=lambda index: spoken[index].places(),
        name="lips",
    )


class Sentence:
    """What is said in a clip, by whom, and when.

    Args:
        number: integer, among all.
        words: list of pairs `(characters, syllables)`, `ni3` for example.
        parts: list of pairs, initial and final of each syllable.
        seconds: float array `(syllables, 2)`, of each of these.
        speaker: integer.
        face: dict, the traits of the speaker.
    """

    def __init__(self, number, words, parts, seconds, speaker, face):
        syllables = [s for _, spoken in words for s in spoken]
        self.number, self.speaker, self.face = number, speaker, face
        self.text = "".join(characters for characters, _ in words)
        self.pinyin = [syllable[:-1] for syllable in syllables]
        self.tones = [int(syllable[-1]) for syllable in syllables]
        self.parts = parts
        ends = np.cumsum(seconds.ravel()) / face["tempo"]
        ends = PAUSE + np.concatenate([[0.0], ends])
        # Begin, vowel, end.
        self.times = np.stack([ends[:-2:2], ends[1::2], ends[2::2]], axis=1)
        self.frames = int(np.ceil((ends[-1] + PAUSE) * RATE))

    def drawn(self, size, tone_cue, seed):
        """Uint8 array `(frames, *size)`."""
        generator = np.random.default_rng([seed, self.number])
        sounds = [
            sound
            for parts, times in zip(self.parts, self.times)
            for sound in sounds_of(*parts, times)
        ]
        parts = motion(sounds, self.frames, generator)
        shift = self.face["sway"] * sway(self.frames, generator)
        pitch = melody(self.tones, self.times, self.frames)
        shift[:, 1] -= tone_cue * LIFT * pitch
        return draw(parts, shift, self.face, size, generator)

    def places(self):
        """Which syllable each frame is of, -1 for none: `(frames,)`."""
        middle = (np.arange(self.frames) + 0.5) / RATE
        place = np.searchsorted(self.times[:, 2], middle, "right")
        is_spoken = (middle >= self.times[0, 0]) & (place < len(self.times))
        return np.where(is_spoken, place, -1)


class Tables:
    """What `lips.npz` holds.

    Args:
        stored: dict of arrays.
    """

    def __init__(self, stored):
        words = str(stored["words"]).split()
        readings = str(stored["readings"]).split()
        self.words = [(w, r.split("-")) for w, r in zip(words, readings)]
        entries = [p.split("+") for p in str(stored["parts"]).split()]
        self.parts = {syllable: tuple(rest) for syllable, *rest in entries}
        self.sentences = np.split(
            stored["sentences"], np.cumsum(stored["lengths"])[:-1]
        )
        sizes = [
            sum(len(self.words[n][0]) for n in numbers)
            for numbers in self.sentences
        ]
        self.starts = np.cumsum([0, *sizes])
        self.times = {
            name: stored[name] * (UNIT / 1000) for name in ("toned", "flat")
        }
        self.faces = [
            dict(zip(TRAITS, traits.tolist())) for traits in stored["faces"]
        ]

    def face(self, speaker):
        """The traits of a speaker."""
        if speaker < len(self.faces):
            return self.faces[speaker]
        generator = np.random.default_rng(speaker)
        return {k: generator.uniform(*limits) for k, limits in TRAITS.items()}

    def sentence(self, number, speaker, tone_cue):
        """The sentence of a number, among all, as a speaker says it."""
        words = [self.words[n] for n in self.sentences[number]]
        parts = [self.parts[s] for _, spoken in words for s in spoken]
        mine = slice(self.starts[number], self.starts[number + 1])
        toned, flat = self.times["toned"][mine], self.times["flat"][mine]
        seconds = np.maximum(flat + tone_cue * (toned - flat), 0.0)
        face = self.face(speaker)
        return Sentence(number, words, parts, seconds, speaker, face)


@functools.cache
def _tables():
    path = resources.files("keras_vipa.datasets") / "lips.npz"
    with path.open("rb") as file, np.load(file) as stored:
        return Tables(dict(stored))
