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
from keras_vipa.applications.cssmcm.vocabulary import SPECIAL
from keras_vipa.applications.cssmcm.vocabulary import START
from keras_vipa.applications.cssmcm.vocabulary import Vocabulary
from keras_vipa.layers import CascadeToneDecoder
from keras_vipa.utils import checks

# What is read, one after the other.
STAGES = ("pinyin", "tones", "characters")
# Sizes: of the frames, of what is seen in a window, of each direction of an
# encoder, of a decoder, of embeddings; and how many GRUs are stacked.
VARIANTS = {
    "paper": {
        "front_end": vgg_m,
        "size": (64, 128),
        "features": 512,
        "encoder": 256,
        "depth": 2,
        "feeding": False,
        "dropout": 0.5,
    },
    "small": {
        "front_end": patches,
        "size": (16, 32),
        "features": 64,
        "encoder": 64,
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


def attended(sources):
    """Memory, masks and first state of a decoder: lists, of `Encoded`."""
    memory = [source.values for source in sources]
    return memory, [source.mask for source in sources], sources[-1].states


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

    Args:
        vocabularies: dict, `"pinyin"`, `"tones"` and `"characters"` -> list of
            tokens.
        variant: string. `"paper"`: VGG-M on frames of 64 x 128, two GRUs on top
            of each other, of 512 units; or `"small"`: squares of four pixels of
            frames of 16 x 32, one GRU of 128 units, which gets the contexts of
            the step before, too.
        length: integer. Most characters that are read.
        soft: boolean. Whether encoders get mean embeddings.
        seed: integer. Seed of the initial weights, and of what is random in
            training.
        **kwargs: arguments of `keras.Model`.

    Call arguments:
        inputs: dict of arrays. `clips`, grey `(batch, frames, height, width)`,
            in any range, at least five frames; `frames`, integers `(batch,)`,
            how many of these are there; and what is true, integers `(batch,
            length)` filled with 0: `pinyin`, `tones`, `characters`.
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

    1. Batch normalization in the front end; dropout; the decoders' first
       states; the layer before the last of a decoder.
    2. `"small"` is ours, for few data and two cores.

    Reference:
        Zhao, Xu, Song. "A Cascade Sequence-to-Sequence Model for Chinese
        Mandarin Lip Reading". MM Asia 2019. https://arxiv.org/abs/1908.04917
    """

    def __init__(
        self,
        vocabularies,
        variant="small",
        length=29,
        soft=True,
        seed=0,
        **kwargs,
    ):
        is_dict = isinstance(vocabularies, dict)
        if not is_dict or set(vocabularies) != set(STAGES):
            rule = f"`vocabularies` must be a dict of {STAGES}"
            checks.fail(rule, "vocabularies", vocabularies)
        vocabularies = {
            stage: Vocabulary(vocabularies[stage], stage) for stage in STAGES
        }
        checks.choice("variant", variant, tuple(VARIANTS))
        checks.integer("length", length)
        if not isinstance(soft, bool):
            checks.fail("`soft` must be a boolean", "soft", soft)
        checks.integer("seed", seed, 0)
        super().__init__(**kwargs)
        self.vocabularies, self.variant = vocabularies, variant
        self.length, self.soft, self.seed = length, soft, seed
        sizes = VARIANTS[variant]
        self.size = sizes["size"]
        self._add_layers(**sizes)
        self.build()

    def _add_layers(
        self, front_end, size, features, encoder, depth, feeding, dropout
    ):
        units, seed = 2 * encoder, 10 * self.seed
        self.windows = Windows()
        self.front_end = front_end(size, features, seed)
        self.video_encoder = SequenceEncoder(encoder, depth, dropout, seed + 1)
        self.tables, self.token_encoders, self.decoders = {}, {}, {}
        for number, stage in enumerate(STAGES, 1):
            words = len(self.vocabularies[stage])
            self.decoders[stage] = CascadeToneDecoder(
                words,
                number,
                units,
                depth=depth,
                feeding=feeding,
                dropout=dropout,
                seed=seed + 1 + number,
            )
            if stage != STAGES[-1]:
                table = keras.initializers.RandomUniform(seed=seed + number)
                # Without a bias, it is the table of the embeddings.
                self.tables[stage] = layers.Dense(
                    units, use_bias=False, kernel_initializer=table
                )
                self.token_encoders[stage] = SequenceEncoder(
                    encoder, depth, dropout, seed + 4 + number
                )
        self.draws = keras.random.SeedGenerator(seed)

    def build(self, input_shape=None):
        sizes = VARIANTS[self.variant]
        encoded = (None, None, 2 * sizes["encoder"])
        self.video_encoder.build((None, None, sizes["features"]))
        for number, stage in enumerate(STAGES, 1):
            if stage in self.tables:
                words = len(self.vocabularies[stage])
                self.tables[stage].build((None, None, words))
                self.token_encoders[stage].build(encoded)
            self.decoders[stage].build((None, None), [encoded] * number)
        self.built = True

    def call(self, inputs, true=1.0, sampling=None, training=None):
        video = self.see(inputs["clips"], inputs["frames"], training)
        known = {stage: inputs[stage] for stage in STAGES}
        return self.cascade(video, known, true, sampling, training)

    def see(self, clips, frames, training=None):
        """A clip as the decoders attend to it: `Encoded`."""
        windows = self.windows(clips, frames)
        steps = windows.shape[1] or ops.shape(windows)[1]
        flat = ops.reshape(windows, (-1, *self.size, WINDOW))
        x = self.front_end(flat, training=training)
        x = ops.reshape(x, (-1, steps, x.shape[-1]))
        mask = are_there(windows_of(frames), steps)
        return self._encoded(self.video_encoder, x, mask, training)

    def _encoded(self, encoder, x, mask, training):
        values, states = encoder(x, mask=mask, training=training)
        return Encoded(values, mask, states)

    def encode(self, stage, tokens, mask, training=None):
        """Tokens of a stage as the decoders after it attend to them.

        Args:
            stage: string. `"pinyin"` or `"tones"`.
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
        sources, logits, fed = [video], {}, fed or known
        mask = known[STAGES[0]] >= len(SPECIAL)
        batch = ops.shape(known[STAGES[0]])[0]
        drawn = keras.random.uniform((batch, 1, 1), seed=self.draws)
        for stage in STAGES:
            tokens = known[stage]
            before = ops.pad(tokens, [[0, 0], [1, 0]], constant_values=START)
            logits[stage] = self.decoders[stage](
                before,
                *attended(sources),
                sampling=sampling,
                training=training,
            )
            if stage != STAGES[-1]:
                words = len(self.vocabularies[stage])
                own = self.said(logits[stage][:, :-1])
                right = ops.one_hot(fed[stage], words, dtype=own.dtype)
                mixed = ops.where(drawn < true, right, own)
                sources.append(self.encode(stage, mixed, mask, training))
        return logits

    def said(self, logits):
        """What the next encoder gets of some logits."""
        if self.soft:
            return ops.softmax(logits)
        best = ops.argmax(logits, axis=-1)
        return ops.one_hot(best, logits.shape[-1], dtype=logits.dtype)

    def read_encoded(self, video):
        """What is read, the likeliest token of each place.

        Args:
            video: `Encoded`.

        Returns:
            Dict, stage -> dict as of `CascadeToneDecoder.greedy`.
        """
        sources, found = [video], {}
        for stage in STAGES:
            found[stage] = self.decoders[stage].greedy(
                *attended(sources), self.length + 1
            )
            if stage == STAGES[0]:
                tokens = found[stage]["tokens"][:, :-1]
                mask = tokens >= len(SPECIAL)
            if stage != STAGES[-1]:
                said = self.said(found[stage]["logits"][:, :-1])
                sources.append(self.encode(stage, said, mask, False))
        return found

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
            "seed": self.seed,
        }
