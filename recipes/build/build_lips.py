"""Make the tables of spoken sentences that generated mouths are drawn from.

```
apt-get install libespeak-ng1
pip install jieba==0.42.1 pypinyin==0.55.0
python recipes/build/build_lips.py keras_vipa/datasets
```

Writes `lips.npz`: words by frequency (jieba) with their readings (pypinyin), in
about 120 syllables of many homophones; sentences of two to eight characters
made of these words, which say nothing, but in which each word has ten likely
successors; what espeak-ng takes for the initial and the final of each syllable,
with its tones, and with the first tone all over; and what speakers look like.
"""

import argparse
import collections
import ctypes
import os

import jieba
import numpy as np
from pypinyin import Style
from pypinyin import pinyin
from pypinyin.contrib.tone_convert import to_finals
from pypinyin.contrib.tone_convert import to_initials

from keras_vipa.datasets.lips import COUNTS
from keras_vipa.datasets.lips import LONGEST
from keras_vipa.datasets.lips import SPEAKERS
from keras_vipa.datasets.lips import UNIT
from keras_vipa.datasets.mouths import FINALS
from keras_vipa.datasets.mouths import TRAITS

SYLLABLES, CHARACTERS, WORDS, SINGLE, FREQUENT = 120, 320, 600, 80, 8000
# Of the neutral tone, among others; of few homophones.
PARTICLES = "de le men zi me ne ma ba zhe ge".split()
# Not of one character, or said in several ways.
LEFT_OUT = "n m ng hm hng er o yo lo ei ê".split()
# Successors of a word, how often one of them follows, and the exponent of
# frequencies, without which a few words are most of all.
SUCCESSORS, FOLLOWS, EXPONENT = 10, 0.7, 0.5
SEED = 0


class Event(ctypes.Structure):
    """`espeak_EVENT` of its header `speak_lib.h`."""

    _fields_ = [
        ("type", ctypes.c_int),
        ("identifier", ctypes.c_uint),
        ("position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("milliseconds", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user", ctypes.c_void_p),
        ("name", ctypes.c_char * 8),
    ]


class Speaker:
    """Phones and their times, of espeak-ng's voice `cmn-latn-pinyin`."""

    def __init__(self):
        self.library = ctypes.CDLL("libespeak-ng.so.1")
        # Synchronous, with events for phones, in IPA.
        rate = self.library.espeak_Initialize(2, 0, None, 1 | 2)
        found = self.library.espeak_SetVoiceByName(b"cmn-latn-pinyin")
        if rate <= 0 or found != 0:
            raise RuntimeError("espeak-ng with the voice cmn-latn-pinyin")
        kind = ctypes.CFUNCTYPE(
            ctypes.c_int,
            ctypes.POINTER(ctypes.c_short),
            ctypes.c_int,
            ctypes.POINTER(Event),
        )
        self.events, self.callback = [], kind(self._collect)
        self.library.espeak_SetSynthCallback(self.callback)

    def _collect(self, wave, count, events):
        place = 0
        while events[place].type:
            event = events[place]
            name = event.name if event.type == 7 else event.type
            self.events.append((event.milliseconds, name))
            place += 1
        return 0

    def words(self, text):
        """For each word a list of times, of its phones and of its end."""
        self.events.clear()
        text = text.encode()
        self.library.espeak_Synth(text, len(text) + 1, 0, 1, 0, 1, None, None)
        self.library.espeak_Synchronize()
        found = []
        for time, name in self.events:
            if name == 1:
                start = time
                found.append([])
            elif isinstance(name, bytes) and found:
                is_end = name == b""
                # The closure before a first phone belongs to it.
                found[-1].append((time if found[-1] else start, is_end))
        return [
            [t for t, is_end in word if not is_end] + [max(t for t, _ in word)]
            for word in found
            # Behind the last one, there may be an end of nothing.
            if not all(is_end for _, is_end in word)
        ]


def readings():
    """Frequent words `(frequency, word, syllables)`, `ni3` for example."""
    path = os.path.join(os.path.dirname(jieba.__file__), "dict.txt")
    words = []
    with open(path, encoding="utf-8") as file:
        for line in file:
            word, frequency, _ = line.split(" ")
            if len(word) <= 3 and all("\u4e00" <= c <= "\u9fff" for c in word):
                words.append((int(frequency), word))
    words.sort(reverse=True)
    found = []
    for frequency, word in words[:FREQUENT]:
        syllables = [
            one[0]
            for one in pinyin(
                word, Style.TONE3, neutral_tone_with_five=True, v_to_u=False
            )
        ]
        is_read = len(syllables) == len(word) and all(
            x[-1].isdigit() and x[:-1] not in LEFT_OUT for x in syllables
        )
        if is_read:
            found.append((frequency, word, syllables))
    return found


def choose(words, speaker):
    """The most frequent words in some syllables, that espeak-ng can split."""
    characters = collections.defaultdict(set)
    for _, word, syllables in words:
        for character, syllable in zip(word, syllables):
            characters[syllable[:-1]].add(character)
    kept = sorted(characters, key=lambda s: -len(characters[s]))[:SYLLABLES]
    kept, chosen, seen, single = {*kept, *PARTICLES}, [], set(), 0
    for frequency, word, syllables in words:
        fits = (
            len(chosen) < WORDS
            and all(x[:-1] in kept for x in syllables)
            and len(seen | set(word)) <= CHARACTERS
            and (len(word) > 1 or single < SINGLE)
        )
        said = [
            phones(speaker, [word]) for word in (syllables, flat(syllables))
        ]
        if fits and all(rows is not None for rows in said):
            seen |= set(word)
            single += len(word) == 1
            chosen.append((frequency, word, syllables))
    return chosen


def flat(syllables):
    """Syllables in the first tone."""
    return [syllable[:-1] + "1" for syllable in syllables]


def parts(syllable):
    """Initial and final of a syllable with its tone."""
    initial = to_initials(syllable, strict=True)
    final = to_finals(syllable, strict=True, v_to_u=False)
    final = {"ue": "ve"}.get(final, final).replace("ü", "v")
    if final == "i" and initial in ("zh", "ch", "sh", "r", "z", "c", "s"):
        final = "-i"
    if final not in FINALS:
        raise ValueError(f"{syllable} has an unknown final, {final}")
    return initial, final


COUNTED = {}


def count(speaker, syllable):
    """Phones of a syllable by itself."""
    if syllable not in COUNTED:
        (times,) = speaker.words(syllable)
        COUNTED[syllable] = len(times) - 1
    return COUNTED[syllable]


def phones(speaker, words):
    """Milliseconds of initial and final of each syllable of some words.

    Returns:
        Integer array `(syllables, 2)`; `None` if the phones of a word are not
        those of its syllables.
    """
    found = speaker.words(" ".join("".join(word) for word in words))
    if len(found) != len(words):
        return None
    rows = []
    for word, times in zip(words, found):
        counts = [count(speaker, syllable) for syllable in word]
        if sum(counts) != len(times) - 1:
            return None
        ends = np.cumsum([0, *counts])
        for syllable, start, end in zip(word, ends[:-1], ends[1:]):
            vowel = start + bool(parts(syllable)[0])
            rows.append(np.diff([times[start], times[vowel], times[end]]))
    return np.array(rows)


def sentences(words, generator):
    """Lists of numbers of words, of different texts, for all clips."""
    weights = np.array([frequency for frequency, *_ in words]) ** EXPONENT
    weights /= weights.sum()
    near = 1 / np.arange(1, SUCCESSORS + 1)
    near /= near.sum()
    after = [
        generator.choice(len(words), SUCCESSORS, replace=False, p=weights)
        for _ in words
    ]
    found = {}
    while len(found) < sum(COUNTS.values()):
        length = generator.integers(2, LONGEST + 1)
        one = [generator.choice(len(words), p=weights)]
        while (size := sum(len(words[n][1]) for n in one)) < length:
            follows = generator.random() < FOLLOWS
            one.append(
                generator.choice(after[one[-1]], p=near)
                if follows
                else generator.choice(len(words), p=weights)
            )
        if size == length:
            found["".join(words[n][1] for n in one)] = one
    return [*found.values()]


def describe(words, spoken):
    """Print what is in the tables, and how ambiguous it is."""
    totals = {"syllable": collections.defaultdict(collections.Counter)}
    totals["with its tone"] = collections.defaultdict(collections.Counter)
    tones, count = collections.Counter(), 0
    for numbers in spoken:
        for number in numbers:
            for character, syllable in zip(*words[number][1:]):
                totals["syllable"][syllable[:-1]][character] += 1
                totals["with its tone"][syllable][character] += 1
                tones[syllable[-1]] += 1
                count += 1
    characters = {c for group in totals["syllable"].values() for c in group}
    print(f"{len(spoken)} sentences, {count} characters, {len(words)} words")
    for name, groups in totals.items():
        shared = {c for g in groups.values() if len(g) > 1 for c in g}
        best = sum(max(group.values()) for group in groups.values()) / count
        print(
            f"{name}: {len(groups)}, shared by {len(shared)} of "
            f"{len(characters)} characters; the most frequent is right in "
            f"{best:.1%}"
        )
    print({tone: f"{n / count:.1%}" for tone, n in sorted(tones.items())})


def build_lips(out):
    """Write the tables to a folder."""
    generator, speaker = np.random.default_rng(SEED), Speaker()
    words = choose(readings(), speaker)
    spoken, times = [], {"toned": [], "flat": []}
    for numbers in sentences(words, generator):
        said = [words[number][2] for number in numbers]
        level = [flat(word) for word in said]
        found = phones(speaker, said), phones(speaker, level)
        if any(rows is None for rows in found):
            raise ValueError(f"the phones of {said} could not be counted")
        for name, rows in zip(times, found):
            times[name].append(rows)
        spoken.append(numbers)
    describe(words, spoken)
    longest = 255 * UNIT
    tables = {
        name: np.rint(np.minimum(np.concatenate(rows), longest) / UNIT)
        for name, rows in times.items()
    }
    limits = np.array([*TRAITS.values()]).T
    every = sorted({s for _, _, syllables in words for s in syllables})
    np.savez_compressed(
        os.path.join(out, "lips.npz"),
        words=" ".join(word for _, word, _ in words),
        readings=" ".join("-".join(syllables) for _, _, syllables in words),
        parts=" ".join("+".join((s, *parts(s))) for s in every),
        sentences=np.concatenate(spoken).astype("uint16"),
        lengths=np.array([len(numbers) for numbers in spoken], "uint8"),
        faces=generator.uniform(*limits, (SPEAKERS, len(TRAITS))),
        **{name: table.astype("uint8") for name, table in tables.items()},
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("out", help="folder to write to")
    build_lips(parser.parse_args().out)
