"""From clips to what is said in them."""

import dataclasses

import keras
import numpy as np

from keras_vipa.applications.cssmcm.front_ends import WINDOW
from keras_vipa.applications.cssmcm.front_ends import windows_of
from keras_vipa.utils import checks

# Frames of arrays are so many, or a multiple.
ROUNDED = 20


@dataclasses.dataclass
class Reading:
    """What was read from a clip.

    Attributes:
        tokens: dict, stage -> list of strings: syllables without tones, tones
            `"1"` to `"5"`, characters.
        scores: dict, stage -> float: the logarithm of the probability of what
            was read, over a function of the length (`CascadeToneDecoder.beam`).
        others: list of pairs `(characters, score)`: what else was followed to
            the end, the likeliest first.
        attention: dict, stage -> float array `(tokens, windows)`: how much each
            token looked at each window of the clip.
    """

    tokens: dict
    scores: dict
    others: list
    attention: dict

    @property
    def text(self):
        """The characters, as a string."""
        return "".join(self.tokens["characters"])


def examples(model, clips, with_text=True, folder=None):
    """`CSSMCM.examples`."""
    is_list = isinstance(clips, list)
    if not is_list and not hasattr(clips, "said"):
        rule = "`clips` must be a `ClipSet` or a list of arrays"
        checks.fail(rule, "clips", clips)
    if not len(clips):
        raise ValueError("There is no clip.")
    read = clips.__getitem__ if is_list else clips.clip
    with_text = with_text and not is_list
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
    if clip.ndim != 3 or clip.shape[1:] != size:
        raise ValueError(
            f"A clip must be grey frames (frames, {size[0]}, {size[1]}). "
            f"Received: clip {number} of shape {clip.shape}"
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
        inputs = examples(self.model, clips, with_text=true)
        found = self.predict(inputs, batch_size, verbose=0)
        words = {
            stage: list(
                map(self.model.vocabularies[stage].decode, part["tokens"])
            )
            for stage, part in found.items()
        }
        return [
            _reading(
                {s: rows[n] for s, rows in words.items()}, n, found, frames
            )
            for n, frames in enumerate(inputs["frames"].tolist())
        ]


def _reading(words, number, found, frames):
    """What was read from one clip."""
    attention = {
        stage: found[stage]["attention"][number][: len(rows[0]), :size]
        for stage, rows in words.items()
        for size in [windows_of(frames)]
    }
    scores = {s: found[s]["scores"][number].tolist() for s in words}
    texts = ["".join(row) for row in words["characters"]]
    return Reading(
        {stage: rows[0] for stage, rows in words.items()},
        {stage: values[0] for stage, values in scores.items()},
        list(zip(texts, scores["characters"]))[1:],
        attention,
    )
