"""From clips to what is said in them."""

import dataclasses

import keras
import numpy as np

from keras_vipa.applications.cssmcm.front_ends import WINDOW
from keras_vipa.applications.cssmcm.front_ends import windows_of
from keras_vipa.layers.beam_search import NEVER
from keras_vipa.utils import checks

# Frames of arrays are so many, or a multiple; clips in memory are so many
# batches.
ROUNDED, BLOCK = 20, 32


@dataclasses.dataclass
class Reading:
    """What was read from a clip.

    Attributes:
        tokens: dict, stage -> list of strings: syllables without tones, tones
            `"1"` to `"5"`, characters.
        scores: dict, stage -> float: the logarithm of the probability of what
            was read, over a function of the length (`CascadeToneDecoder.beam`).
        others: list of pairs `(text, score)`: what else of the last stage was
            followed to the end, the likeliest first.
        attention: dict, stage -> float array `(tokens, steps)`: how much each
            token looked at each step of the first that its stage attends to,
            in CSSMCM the windows of the clip.
    """

    tokens: dict
    scores: dict
    others: list
    attention: dict

    @property
    def text(self):
        """What the last stage read, as a string."""
        return "".join([*self.tokens.values()][-1])


def is_plain(clips):
    """Whether clips are a list of arrays; if not, they must be a `ClipSet`."""
    if not isinstance(clips, list) and not hasattr(clips, "said"):
        rule = "`clips` must be a `ClipSet` or a list of arrays"
        checks.fail(rule, "clips", clips)
    return isinstance(clips, list)


def examples(model, clips, with_text=True, folder=None):
    """`CSSMCM.examples`."""
    is_list = is_plain(clips)
    if not len(clips):
        raise ValueError("There is no clip.")
    if is_list and with_text:
        raise ValueError("What is said in a list of arrays is not known.")
    read = clips.__getitem__ if is_list else clips.clip
    counts = None if is_list else clips.lengths
    if counts is None:
        counts = [len(read(number)) for number in range(len(clips))]
    counts = np.asarray(counts, "int32")
    shape = len(clips), int(-(-counts.max() // ROUNDED) * ROUNDED)
    shape_of_all = *shape, *model.size
    if folder is None:
        frames = np.zeros(shape_of_all, "uint8")
    else:
        path = checks.path("folder", folder) / "clips.npy"
        frames = np.lib.format.open_memmap(path, "w+", "uint8", shape_of_all)
    found = {"frames": counts, "clips": frames}
    has_places = with_text and clips.places(0) is not None
    if with_text:
        said = clips.said()
        for stage, words in model.vocabularies.items():
            found[stage] = words.encode(said[stage], model.length)
    if has_places:
        found["places"] = np.full(shape, -1, "int32")
    for number, count in enumerate(counts):
        frames[number, :count] = _checked(read(number), number, model.size)
        if has_places:
            found["places"][number, :count] = clips.places(number)
    return found


def _checked(clip, number, size):
    clip = np.asarray(clip)
    if clip.dtype != "uint8" or clip.ndim != 3 or clip.shape[1:] != size:
        raise ValueError(
            f"A clip must be uint8 grey frames (frames, {size[0]}, {size[1]})."
            f" Received: clip {number}, {clip.dtype} of shape {clip.shape}"
        )
    if len(clip) < WINDOW:
        raise ValueError(
            f"A clip must have at least {WINDOW} frames. Received: clip "
            f"{number} with {len(clip)}"
        )
    return clip


class Reader(keras.Model):
    """Reads clips, compiled once for all that are about equally long.

    Args:
        model: `CSSMCM`.
        width: integer, and
        penalty: float, as of `CSSMCM.read`.
    """

    def __init__(self, model, width=4, penalty=0.0):
        super().__init__()
        self.width = checks.integer("width", width)
        self.penalty = checks.number("penalty", penalty, 0.0)
        self.model = model
        self.built = True

    def call(self, inputs):
        model = self.model
        video = model.see(inputs["clips"], inputs["frames"], False)
        known = {s: inputs[s] for s in model.stages if s in inputs}
        return model.read_encoded(video, self.width, self.penalty, known)

    def read(self, clips, batch_size=32, true=False):
        """Read some clips; arguments and result as of `CSSMCM.read`."""
        checks.integer("batch_size", batch_size)
        choose = clips.__getitem__ if is_plain(clips) else clips.select
        found, block = [], BLOCK * batch_size
        for start in range(0, max(1, len(clips)), block):
            some = choose(slice(start, start + block))
            found += self._read(some, batch_size, true)
        return found

    def _read(self, clips, batch_size, true):
        inputs = examples(self.model, clips, with_text=true)
        found = self.predict(inputs, batch_size, verbose=0)
        tokens = {
            stage: list(map(self.model.vocabularies[stage].decode, p["tokens"]))
            for stage, p in found.items()
        }
        return [
            _reading({s: rows[n] for s, rows in tokens.items()}, n, found, size)
            for n, size in enumerate(windows_of(inputs["frames"]).tolist())
        ]


def _reading(tokens, number, found, windows):
    """What was read from one clip."""
    *_, last = tokens
    scores = {s: found[s]["scores"][number].tolist() for s in tokens}
    others = list(zip(map("".join, tokens[last]), scores[last]))[1:]
    return Reading(
        {stage: rows[0] for stage, rows in tokens.items()},
        {stage: values[0] for stage, values in scores.items()},
        # Where fewer can be said than are followed, some never end.
        [(text, score) for text, score in others if score > NEVER / 2],
        {
            stage: found[stage]["attention"][number][: len(rows[0]), :windows]
            for stage, rows in tokens.items()
        },
    )
