"""Silent clips of somebody who speaks, with what is said."""

import numpy as np

from keras_vipa.utils import checks


class ClipSet:
    """Clips that are read when they are asked for, and what is said in them.

    In Mandarin a character is a syllable with a tone, so what is said is given
    three times, character by character.

    Args:
        read: callable, integer from 0 on to a uint8 array `(frames, height,
            width)`, grey in [0, 255].
        texts: list of str. The characters of each clip.
        pinyin: list of lists of str. Syllables without tones, `"lü"` for
            example. Defaults to `None`: not known.
        tones: list of lists of int. 1 to 4, and 5 for the neutral one.
        speakers: list of int. Who speaks.
        lengths: list of int. Frames of each clip, where they are known before
            it is read.
        places: callable, integer to an integer array `(frames,)`: the place in
            the text of what is being said, -1 for nothing.
        name: str. A short name for reports.

    Attributes:
        texts, pinyin, tones: lists as above.
        speakers, lengths: int32 arrays `(n,)`, or `None`.
        name: str.

    Raises:
        ValueError: If these do not fit together.

    Example:

    >>> clips = ClipSet(lambda i: np.zeros((9, 4, 8), "uint8"), ["好", "你好"])
    >>> len(clips), clips.select([1]).texts, clips.clip(0).shape
    (2, ['你好'], (9, 4, 8))
    """

    def __init__(
        self,
        read,
        texts,
        pinyin=None,
        tones=None,
        speakers=None,
        lengths=None,
        places=None,
        name="clips",
    ):
        if not callable(read):
            checks.fail("`read` must be callable", "read", read)
        if places is not None and not callable(places):
            checks.fail("`places` must be callable or None", "places", places)
        self._read, self._places = read, places
        is_list = isinstance(texts, list)
        if not is_list or not all(isinstance(t, str) and t for t in texts):
            rule = "`texts` must be a list of strings that are not empty"
            checks.fail(rule, "texts", texts)
        self.texts, self.name = texts, name
        self.pinyin = self._said("pinyin", pinyin)
        self.tones = self._said("tones", tones)
        self.speakers = self._numbers("speakers", speakers)
        self.lengths = self._numbers("lengths", lengths)

    def _said(self, name, values):
        """A list for each text, with an item for each of its characters."""
        if values is None:
            return None
        is_list = isinstance(values, list) and all(
            isinstance(one, list | tuple) for one in values
        )
        if not is_list or [*map(len, values)] != [*map(len, self.texts)]:
            rule = f"`{name}` must have as many items as texts have characters"
            checks.fail(rule, name, values)
        return [list(one) for one in values]

    def _numbers(self, name, values):
        if values is None:
            return None
        rule = f"`{name}` must be integers, {len(self.texts)} as the texts"
        found = checks.array(name, values, rule, 1, "iu", allow_empty=True)
        if len(found) != len(self.texts):
            checks.fail(rule, name, found)
        return found.astype("int32")

    def __len__(self):
        """Return the number of clips."""
        return len(self.texts)

    def __repr__(self):
        """Return the name and the counts in one line."""
        characters = len(set("".join(self.texts)))
        return (
            f"ClipSet(name={self.name!r}, clips={len(self)}, "
            f"characters={characters})"
        )

    def clip(self, index):
        """Return the frames of a clip.

        Args:
            index: int.

        Returns:
            A uint8 array `(frames, height, width)`.

        Raises:
            ValueError: If there is no such clip.
        """
        return self._read(self._checked(index))

    def places(self, index):
        """Return the place in the text of what each frame of a clip says.

        Args:
            index: int.

        Returns:
            An integer array `(frames,)`, -1 where nothing is said; or `None`
            where that is not known.

        Raises:
            ValueError: If there is no such clip.
        """
        index = self._checked(index)
        return self._places and self._places(index)

    def said(self):
        """Return what is said in all clips, as a reader says it.

        Returns:
            Dict of lists of lists of strings, one for each character:
            `"pinyin"`, `"tones"`, `"syllables"` with their tones, and
            `"characters"`.

        Raises:
            ValueError: If syllables or tones are not known.

        Example:

        >>> clips = ClipSet(lambda i: None, ["好"], [["hao"]], [[3]])
        >>> clips.said()["syllables"]
        [['hao3']]
        """
        if self.pinyin is None or self.tones is None:
            raise ValueError("Syllables and tones of the clips must be known.")
        tones = [[str(tone) for tone in one] for one in self.tones]
        syllables = [
            [syllable + tone for syllable, tone in zip(*one)]
            for one in zip(self.pinyin, tones)
        ]
        return {
            "pinyin": [list(one) for one in self.pinyin],
            "tones": tones,
            "syllables": syllables,
            "characters": [list(text) for text in self.texts],
        }

    def vocabularies(self):
        """Return all tokens that are said, dict, stage of `said` -> list."""
        return {
            stage: sorted({token for row in rows for token in row})
            for stage, rows in self.said().items()
        }

    def _checked(self, index):
        if not checks.is_integer(index, 0) or index >= len(self):
            rule = f"`index` must be an integer from 0 to {len(self) - 1}"
            checks.fail(rule, "index", index)
        return int(index)

    def select(self, index):
        """Return some of the clips, with what is said in them.

        Args:
            index: slice, list or array of integers, or boolean mask.

        Returns:
            A `ClipSet`.

        Raises:
            ValueError: If `index` does not fit the number of clips.
        """
        try:
            chosen = np.atleast_1d(np.arange(len(self))[index]).tolist()
        except (IndexError, TypeError, ValueError):
            rule = f"`index` must select among {len(self)} clips"
            checks.fail(rule, "index", index)

        def some(values):
            return values and [values[n] for n in chosen]

        read, places = self._read, self._places
        return ClipSet(
            lambda n: read(chosen[n]),
            some(self.texts),
            some(self.pinyin),
            some(self.tones),
            None if self.speakers is None else self.speakers[chosen],
            None if self.lengths is None else self.lengths[chosen],
            places and (lambda n: places(chosen[n])),
            self.name,
        )
