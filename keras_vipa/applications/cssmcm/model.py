"""CSSMCM: Mandarin read from lips, by syllables and tones (MM Asia 2019)."""

import dataclasses

import keras
from keras import layers
from keras import ops

from keras_vipa.applications.cssmcm.encoder import SequenceEncoder
from keras_vipa.applications.cssmcm.front_ends import WINDOW
from keras_vipa.applications.cssmcm.front_ends import Windows
from keras_vipa.applications.cssmcm.front_ends import are_there
from keras_vipa.applications.cssmcm.front_ends import patches
from keras_vipa.applications.cssmcm.front_ends import vgg_m
from keras_vipa.applications.cssmcm.front_ends import windows_of
from keras_vipa.applications.cssmcm.parts import parts
from keras_vipa.applications.cssmcm.parts import read_parts
from keras_vipa.applications.cssmcm.reading import Reader
from keras_vipa.applications.cssmcm.reading import examples
from keras_vipa.applications.cssmcm.vocabulary import SPECIAL
from keras_vipa.applications.cssmcm.vocabulary import START
from keras_vipa.applications.cssmcm.vocabulary import Vocabulary
from keras_vipa.applications.presets import WEIGHTS
from keras_vipa.applications.weights import load_weights
from keras_vipa.layers import CascadeToneDecoder
from keras_vipa.utils import checks

# What each stage of the paper attends to.
SOURCES = {
    "pinyin": ("video",),
    "tones": ("video", "pinyin"),
    "characters": ("video", "pinyin", "tones"),
}
# Sizes: of the frames, of what is seen in a window, of each direction of an
# encoder, half of those of a decoder and of embeddings; and how many GRUs are
# stacked.
VARIANTS = {
    "paper": {
        "front_end": vgg_m,
        "size": (64, 128),
        "features": 512,
        "units": 256,
        "depth": 2,
        "feeding": False,
        "dropout": 0.5,
    },
    "small": {
        "front_end": patches,
        "size": (16, 32),
        "features": 64,
        "units": 64,
        "depth": 1,
        "feeding": True,
        "dropout": 0.2,
    },
}


@dataclasses.dataclass
class Encoded:
    """A sequence that a decoder attends to.

    Args:
        values: tensor `(batch, steps, channels)`.
        mask: boolean tensor `(batch, steps)`.
        states: list of tensors `(batch, channels)`, what the encoder ends
            with, a GRU each.
    """

    values: object
    mask: object
    states: list


@keras.saving.register_keras_serializable(package="keras_vipa")
class CSSMCM(keras.Model):
    """Reads Mandarin from silent clips of a mouth.

    What lips show are syllables, without the pitch that tells tones apart; so
    syllables are read first, then tones from the clip and the syllables, then
    characters from all three:

        P(y | x) = sum_p sum_t P(y | p, t, x) P(t | p, x) P(p | x)

    of which the sums are left out. With encoders `e` and decoders `D`
    (`keras_vipa.layers.CascadeToneDecoder`):

        v = e_v(front_end(windows(x)))
        P(p_i | p_<i, x)       = D_p(v)             v as the first state
        P(t_i | t_<i, x, p)    = D_t(v, e_p(p))     e_p(p)
        P(y_i | y_<i, x, p, t) = D_c(v, e_p(p), e_t(t))     e_t(t)

    In place of the true `p` and `t`, the encoders get what the decoders before
    say of each place: the mean embedding `P_i E`, through which gradients go
    back, or the likeliest token.

    Other cascades are the same parts, otherwise joined: "Watch, Attend and
    Spell" (Chung et al., 2017) reads characters from the clip, LipCH-Net
    (Zhang et al., 2019, with a decoder instead of its CTC) from nothing but
    syllables.

    >>> watch_attend_spell = {"characters": ("video",)}
    >>> lipch_net = {"pinyin": ("video",), "characters": ("pinyin",)}

    Args:
        vocabularies: dict, stage -> list of tokens: `"pinyin"`, `"tones"`,
            `"characters"`, and others that are read or seen. Defaults to those
            of `weights`.
        variant: string. `"paper"`: VGG-M on frames of 64 x 128, two GRUs on top
            of each other, of 512 units; or `"small"`: squares of 4 x 4 pixels
            of frames of 16 x 32, one GRU of 128 units, which gets the contexts
            of the step before, too.
        weights: string or path. `None`, for random ones; `"cssmcm_lips"`; or
            the path of a `.weights.h5` file.
        length: integer. Most characters that are read.
        soft: boolean. Whether encoders get mean embeddings.
        sources: dict, stage -> tuple of what it attends to, `"video"` and
            stages before it, of which the last one gives the decoder's first
            state. Defaults to those of the paper.
        units: integer. Of each direction of an encoder, and half of those of a
            decoder. Defaults to those of the variant.
        seed: integer. Seed of the initial weights, and of what is random in
            training.
        **kwargs: arguments of `keras.Model`.

    Attributes:
        sizes: dict, variant -> `(height, width)` of its frames.

    Call arguments:
        inputs: dict of arrays. `clips`, grey `(batch, frames, height, width)`,
            in any range, at least five frames; `frames`, integers `(batch,)`,
            how many of these are there; and what is true, integers `(batch,
            length)` filled with 0, of all stages.
        true: float, or scalar tensor. The part of the clips of which the
            encoders get the true tokens.
        sampling: float, or scalar tensor, of `CascadeToneDecoder`.
        training: boolean. Whether to drop out, and to normalize by the batch.

    Returns:
        Dict of logits `(batch, length + 1, vocabulary)`.

    Raises:
        ValueError: If an argument is not as above.

    Differences from the paper (as we understand it: the text was not at hand
    beyond its first page):

    1. Not known, so ours: the layers of the front end, with batch
       normalization; the standardization of clips; dropout; sizes of
       embeddings; the decoders' first states, and the layer before their last.
    2. When reading, tones and characters are as many as syllables.
    3. `"small"` is ours, for few data and two cores.

    Reference:
        Zhao, Xu, Song. "A Cascade Sequence-to-Sequence Model for Chinese
        Mandarin Lip Reading". MM Asia 2019. https://arxiv.org/abs/1908.04917
    """

    sizes = {variant: parts["size"] for variant, parts in VARIANTS.items()}

    def __init__(
        self,
        vocabularies=None,
        variant="small",
        weights=None,
        length=29,
        soft=True,
        sources=None,
        units=None,
        seed=0,
        **kwargs,
    ):
        sources = _checked_sources(SOURCES if sources is None else sources)
        if vocabularies is None:
            vocabularies = vocabularies_of(weights)
        is_dict = isinstance(vocabularies, dict)
        if not is_dict or not set(vocabularies) >= set(sources):
            rule = f"`vocabularies` must be a dict of {tuple(sources)}"
            checks.fail(rule, "vocabularies", vocabularies)
        vocabularies = {
            stage: Vocabulary(tokens, stage)
            for stage, tokens in vocabularies.items()
        }
        checks.choice("variant", variant, tuple(VARIANTS))
        checks.integer("length", length)
        if not isinstance(soft, bool):
            checks.fail("`soft` must be a boolean", "soft", soft)
        checks.integer("seed", seed, 0)
        super().__init__(**kwargs)
        sizes = dict(VARIANTS[variant])
        if units is not None:
            sizes["units"] = checks.integer("units", units)
        self.vocabularies, self.variant = vocabularies, variant
        self.length, self.soft, self.seed = length, soft, seed
        self.sources, self.stages = sources, tuple(sources)
        self.units, self.size = sizes["units"], sizes["size"]
        self._add_layers(**sizes)
        self.build()
        if weights is not None:
            load_weights(self, weights)

    def _add_layers(
        self, front_end, size, features, units, depth, feeding, dropout
    ):
        seed = 10 * self.seed
        self.windows = Windows()
        self.front_end = front_end(size, features, seed)
        self.video_encoder = SequenceEncoder(units, depth, dropout, seed + 1)
        self.tables, self.token_encoders, self.decoders = {}, {}, {}
        fed = {name for names in self.sources.values() for name in names}
        for number, (stage, sources) in enumerate(self.sources.items(), 1):
            words = len(self.vocabularies[stage])
            self.decoders[stage] = CascadeToneDecoder(
                words,
                len(sources),
                2 * units,
                depth=depth,
                feeding=feeding,
                dropout=dropout,
                seed=seed + 1 + number,
            )
            if stage in fed:
                table = keras.initializers.RandomUniform(seed=seed + number)
                # Without a bias, it is the table of the embeddings.
                self.tables[stage] = layers.Dense(
                    2 * units, use_bias=False, kernel_initializer=table
                )
                self.token_encoders[stage] = SequenceEncoder(
                    units, depth, dropout, seed + 4 + number
                )
        self.draws = keras.random.SeedGenerator(seed)

    def build(self, input_shape=None):
        features = VARIANTS[self.variant]["features"]
        encoded = (None, None, 2 * self.units)
        self.video_encoder.build((None, None, features))
        for stage, sources in self.sources.items():
            if stage in self.tables:
                words = len(self.vocabularies[stage])
                self.tables[stage].build((None, None, words))
                self.token_encoders[stage].build(encoded)
            shapes = [encoded] * len(sources)
            self.decoders[stage].build((None, None), shapes)
        self.built = True

    def call(self, inputs, true=1.0, sampling=None, training=None):
        video = self.see(inputs["clips"], inputs["frames"], training)
        known = {stage: inputs[stage] for stage in self.stages}
        return self.cascade(video, known, true, sampling, training)

    def see(self, clips, frames=None, training=None):
        """Clips as the decoders attend to them: `Encoded`."""
        windows = self.windows(clips, frames)
        steps = windows.shape[1] or ops.shape(windows)[1]
        if training and frames is not None:
            windows = _repeated(windows, frames)
        flat = ops.reshape(windows, (-1, *self.size, WINDOW))
        x = self.front_end(flat, training=training)
        # LiteRT wants to know the batch.
        x = ops.reshape(x, (ops.shape(clips)[0], steps, x.shape[-1]))
        if frames is None:
            mask = None
        else:
            mask = are_there(windows_of(frames), steps)
        return self._encoded(self.video_encoder, x, mask, training)

    def _encoded(self, encoder, x, mask, training):
        values, states = encoder(x, mask=mask, training=training)
        return Encoded(values, mask, states)

    def encode(self, stage, tokens, mask, training=None):
        """Tokens of a stage as the decoders after it attend to them.

        Args:
            stage: string. One that others attend to.
            tokens: float tensor `(batch, length, vocabulary)`: what is said of
                each place, probabilities.
            mask: boolean tensor `(batch, length)`.
            training: boolean.

        Returns:
            An `Encoded`.
        """
        x = self.tables[stage](tokens)
        return self._encoded(self.token_encoders[stage], x, mask, training)

    def cascade(
        self,
        video,
        known,
        true=1.0,
        sampling=None,
        training=None,
        fed=None,
    ):
        """Logits of all stages, whose tokens are known.

        Args:
            video: `Encoded`.
            known: dict, stage -> integer tensor `(batch, length)`.
            true: float, and
            sampling: float, and
            training: boolean, as in `call`.
            fed: dict like `known`: what the encoders get where it is to be
                something else.

        Returns:
            Dict, stage -> logits `(batch, length + 1, vocabulary)`.
        """
        encoded, logits, fed = {"video": video}, {}, fed or known
        mask = known[self.stages[0]] >= len(SPECIAL)
        batch = ops.shape(known[self.stages[0]])[0]
        drawn = keras.random.uniform((batch, 1, 1), seed=self.draws)
        for stage in self.stages:
            tokens = known[stage]
            before = ops.pad(tokens, [[0, 0], [1, 0]], constant_values=START)
            logits[stage] = self.decoders[stage](
                before,
                *self._attended(stage, encoded),
                sampling=sampling,
                training=training,
            )
            if stage in self.tables:
                words = len(self.vocabularies[stage])
                own = self.said(logits[stage][:, :-1])
                right = ops.one_hot(fed[stage], words, dtype=own.dtype)
                mixed = ops.where(drawn < true, right, own)
                encoded[stage] = self.encode(stage, mixed, mask, training)
        return logits

    def _attended(self, stage, encoded):
        """Memory, masks and first state of a decoder."""
        sources = [encoded[name] for name in self.sources[stage]]
        memory = [source.values for source in sources]
        return memory, [source.mask for source in sources], sources[-1].states

    def said(self, logits):
        """What the next encoder gets of some logits."""
        if self.soft:
            return ops.softmax(logits)
        best = ops.argmax(logits, axis=-1)
        return ops.one_hot(best, logits.shape[-1], dtype=logits.dtype)

    def read_encoded(self, video, width=1, penalty=0.0, known=None):
        """What is read, the likeliest tokens that are found.

        There are as many tones and characters as syllables.

        Args:
            video: `Encoded`.
            width: integer, and
            penalty: float, of each stage, as of `CascadeToneDecoder.beam`.
            known: dict, stage -> integer tensor `(batch, length)`: what is
                true, which the encoders get in place of what is read, to see
                what each stage can do by itself.

        Returns:
            Dict, stage -> dict of tensors: `"tokens"` `(batch, width, length)`
            and `"scores"` `(batch, width)` as of `beam`; `"attention"`
            `(batch, length, steps)`, of the first ones on its first source.
        """
        encoded, found, sizes = {"video": video}, {}, None
        for stage in self.stages:
            decoder, memory = (
                self.decoders[stage],
                self._attended(stage, encoded),
            )
            found[stage] = decoder.beam(
                *memory, self.length + 1, width, penalty, sizes
            )
            # What is still not over then is cut off.
            found[stage]["tokens"] = found[stage]["tokens"][..., :-1]
            tokens = found[stage]["tokens"][:, 0]
            followed = decoder.follow(decoder.before(tokens), *memory)
            found[stage]["attention"] = followed["attention"][0]
            if stage not in self.tables:
                continue
            said = ops.softmax(followed["logits"])
            tokens = known[stage] if known else tokens
            if known or not self.soft:
                said = ops.one_hot(tokens, said.shape[-1], dtype=said.dtype)
            if sizes is None:
                mask = tokens >= len(SPECIAL)
                sizes = ops.sum(ops.cast(mask, "int32"), axis=1)
            encoded[stage] = self.encode(stage, said, mask, False)
        return found

    def examples(self, clips, with_text=True, folder=None):
        """Clips as arrays, all as long as the longest, or some frames longer.

        Args:
            clips: `keras_vipa.datasets.ClipSet`, or list of uint8 arrays
                `(frames, height, width)`, grey.
            with_text: boolean. Whether what is said is in them, too.
            folder: string or path. Where the frames are kept in a file,
                `clips.npy`. Defaults to `None`: in memory.

        Returns:
            Dict of arrays, as `call` and `CSSMCMTrainer` take them.

        Raises:
            ValueError: If a clip is not as above, has fewer than five frames,
                or if what is said is longer than `length` or has tokens that
                are not in the vocabularies.
        """
        return examples(self, clips, with_text, folder)

    def read(self, clips, width=4, penalty=0.0, batch_size=32, true=False):
        """Read some clips.

        Args:
            clips: as of `examples`.
            width: integer. Sequences that each stage follows at once.
            penalty: float. As of `CascadeToneDecoder.beam`.
            batch_size: integer. Clips that are read at once.
            true: boolean. Whether stages get what is said of the stages before
                them, in place of what was read: what each can do by itself.

        Returns:
            List of `Reading`, one a clip.

        Raises:
            ValueError: If an argument is not as above.
        """
        return self.reader(width, penalty).read(clips, batch_size, true)

    def reader(self, width=4, penalty=0.0):
        """A model that reads clips as `read` does, and is compiled only once.

        Args:
            width: integer, and
            penalty: float, as of `read`.

        Returns:
            A `keras.Model`, whose `read(clips, batch_size=32, true=False)` is
            that of this model.
        """
        return Reader(self, width, penalty)

    def parts(self):
        """The network in parts, without loops over tokens, for export.

        `read_parts` puts them together. Each takes and returns a
        dict of tensors; `memory_STAGE` is what the decoder of a stage attends
        to, with its keys.

        Returns:
            Dict of `keras.Model`, made of this model's layers: `"see"`, of
            `clip` `(batch, frames, height, width)`, all of them there;
            `"encode_STAGE"`, of `said` `(batch, length, vocabulary)`,
            probabilities; `"step_STAGE"`, a step of a decoder.
        """
        return parts(self)

    def read_parts(self, run, clip):
        """Read a clip with the parts, the likeliest token each time.

        What a program on a phone does.

        Args:
            run: callable, name of a part and dict of arrays to what it
                returns, a dict of arrays.
            clip: uint8 array `(frames, height, width)`, grey.

        Returns:
            Dict, stage -> list of tokens.
        """
        return read_parts(run, self, clip)

    def get_config(self):
        return {
            **super().get_config(),
            "vocabularies": {
                stage: words.tokens
                for stage, words in self.vocabularies.items()
            },
            "variant": self.variant,
            "length": self.length,
            "soft": self.soft,
            "sources": self.sources,
            "units": self.units,
            "seed": self.seed,
        }


def _repeated(windows, frames):
    """Windows, of which those that are not there repeat those that are.

    Else batch normalization would learn from them.
    """
    steps = windows.shape[1] or ops.shape(windows)[1]
    counts = ops.cast(windows_of(frames), "int32")[:, None]
    index = ops.arange(steps)[None] % counts
    return ops.take_along_axis(windows, index[..., None, None, None], axis=1)


def _checked_sources(sources):
    """Sources of stages, each of which comes after those that it attends to."""
    is_right, before = isinstance(sources, dict) and sources, ["video"]
    for stage, names in (sources if is_right else {}).items():
        is_right = is_right and isinstance(names, list | tuple) and names
        is_right = is_right and all(name in before for name in names)
        before.append(stage)
    if not is_right:
        rule = (
            "`sources` must be a dict, stage -> tuple of 'video' and stages "
            "before it"
        )
        checks.fail(rule, "sources", sources)
    return {stage: tuple(names) for stage, names in sources.items()}


def vocabularies_of(weights):
    """Those of a preset."""
    stored = WEIGHTS.get(weights, {}) if isinstance(weights, str) else {}
    if "vocabularies" not in stored:
        rule = (
            "`vocabularies` must be given, unless `weights` is a preset's name"
        )
        checks.fail(rule, "weights", weights)
    return {
        stage: tokens.split()
        for stage, tokens in stored["vocabularies"].items()
    }
