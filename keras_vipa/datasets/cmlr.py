"""CMLR, Mandarin of newsreaders, from a folder of the user's."""

import functools
import re

import numpy as np

from keras_vipa.datasets.clip_set import ClipSet
from keras_vipa.datasets.read_clip import RATE
from keras_vipa.datasets.read_clip import read_clip
from keras_vipa.utils import checks

LISTS = {"train": "train.csv", "validation": "val.csv", "test": "test.csv"}
ENTRY = re.compile(r"(s\d+)/(\d{8})[_/](section_\S+)")
ENDINGS = (".mp4", "", ".gif", ".npz", ".avi", ".mkv", ".mov")


def cmlr(path, split="train", size=(64, 128), boxes=None, limit=None):
    """Return the clips of CMLR that are in a folder.

    Zhao, Xu, Song: 102,072 sentences by 11 newsreaders; its authors give it to
    universities and institutes for research. Nobody of us has it: the layout
    is that of its lists and of programs that read it, and was tested with
    made-up clips.

    - `train.csv`, `val.csv`, `test.csv`: lines such as
      `s4/20110304_section_4_002.92_004.59`;
    - `video/s4/20110304/section_4_002.92_004.59.mp4`, or another clip that
      `read_clip` reads, such as a folder of frames;
    - `text/s4/20110304/section_4_002.92_004.59.txt`: the sentence in the first
      line; in each of the next ones a word, and the seconds in the clip when
      it begins and ends, which may be left out.

    Syllables and tones are those that pypinyin finds for the sentence, with
    the neutral tone as 5.

    Args:
        path: str or path. The folder.
        split: str. `"train"`, `"validation"` or `"test"`.
        size: tuple `(height, width)` of the frames.
        boxes: callable, str such as `"s4/20110304/section_4_002.92_004.59"` to
            a `box` of `read_clip`: where the mouth is. Defaults to `None`:
            clips are of the mouth alone.
        limit: int. How many clips to take, from the beginning. Defaults to
            all.

    Returns:
        A `ClipSet`, whose clips are read when they are asked for; `speakers`
        are the numbers after the `s`.

    Raises:
        ImportError: If pypinyin is not installed (`keras_vipa[lips]`).
        ValueError: If an argument is not as above, or a file is missing or of
            another form.

    Example:

    ```python
    clips = keras_vipa.datasets.cmlr("CMLR", "test")
    ```
    """
    checks.choice("split", split, tuple(LISTS))
    size = checks.sizes("size", size, 2)
    folder = checks.path("path", path)
    if boxes is not None and not callable(boxes):
        checks.fail("`boxes` must be callable or None", "boxes", boxes)
    if limit is not None:
        checks.integer("limit", limit)
    pinyin = _pypinyin()
    entries = _entries(folder / LISTS[split])[:limit]
    sentences = [_sentence(folder / "text", entry) for entry in entries]
    texts = [text for text, _ in sentences]
    spoken = [pinyin(text) for text in texts]

    # `places` asks for the clip that was read last.
    @functools.lru_cache(maxsize=1)
    def read(index):
        entry = entries[index]
        clip = _found(folder / "video", entry, ENDINGS)
        return read_clip(clip, size, boxes and boxes("/".join(entry)))

    def places(index):
        return _places(texts[index], sentences[index][1], len(read(index)))

    return ClipSet(
        read,
        texts,
        pinyin=[[syllable[:-1] for syllable in one] for one in spoken],
        tones=[[int(syllable[-1]) for syllable in one] for one in spoken],
        speakers=[int(speaker[1:]) for speaker, _, _ in entries],
        places=places if all(times for _, times in sentences) else None,
        name="cmlr",
    )


def _pypinyin():
    """A function, text to syllables with the number of their tone."""
    try:
        import pypinyin
    except ImportError as error:
        raise ImportError(
            '`cmlr` needs pypinyin: pip install "keras_vipa[lips]"'
        ) from error

    def read(text):
        found = pypinyin.lazy_pinyin(
            text,
            pypinyin.Style.TONE3,
            v_to_u=True,
            neutral_tone_with_five=True,
        )
        if len(found) != len(text) or not all(s[-1].isdigit() for s in found):
            rule = "Sentences must be Chinese characters alone"
            raise ValueError(f"{rule}. Received: {text}")
        return found

    return read


def _entries(path):
    """Speaker, day and name of each clip of a list."""
    if not path.is_file():
        raise ValueError(f"There is no such list. Received: {path}")
    lines = path.read_text("utf-8").split()
    found = [ENTRY.match(line) for line in lines]
    if not found or not all(found):
        wrong = [line for line, match in zip(lines, found) if not match]
        raise ValueError(
            "A list must have lines such as s4/20110304_section_4_002.92_004.59"
            f". Received: {path}, {wrong[:1] or 'which is empty'}"
        )
    return [match.groups() for match in found]


def _found(folder, entry, endings):
    """The file of a clip; some copies have the speaker's folder twice."""
    speaker, day, name = entry
    for part in (folder / speaker, folder / speaker / speaker):
        for ending in endings:
            path = part / day / (name + ending)
            if path.exists():
                return path
    path = folder / speaker / day / (name + endings[0])
    raise ValueError(f"A file of CMLR is missing. Received: {path}")


def _sentence(folder, entry):
    """The sentence, and `(word, begin, end)` of each of its words."""
    path = _found(folder, entry, [".txt"])
    first, *lines = path.read_text("utf-8").strip().splitlines() or [""]
    text = "".join(first.split())
    words = [line.split() for line in lines if line.strip()]
    try:
        times = [(word, float(begin), float(end)) for word, begin, end in words]
    except ValueError as error:
        rule = "Lines after the first must be a word and two times"
        raise ValueError(f"{rule}. Received: {path}") from error
    if not text or times and "".join(word for word, _, _ in times) != text:
        rule = "A text must be a sentence, and then its words"
        raise ValueError(f"{rule}. Received: {path}")
    return text, times


def _places(text, times, frames):
    """Which character each frame is of, as if all of a word took as long."""
    starts, ends = [], []
    for word, begin, end in times:
        edges = np.linspace(begin, end, len(word) + 1)
        starts += edges[:-1].tolist()
        ends += edges[1:].tolist()
    middle = (np.arange(frames) + 0.5) / RATE
    place = np.searchsorted(ends, middle, "right")
    last = np.minimum(place, len(text) - 1)
    spoken = (place < len(text)) & (middle >= np.array(starts)[last])
    return np.where(spoken, place, -1)
