"""How `CSSMCM` is trained: the encoder, then the stages, then all together."""

import keras
from keras import layers
from keras import ops

from keras_vipa.applications.cssmcm.clip_batches import ClipBatches
from keras_vipa.applications.cssmcm.front_ends import STRIDE
from keras_vipa.applications.cssmcm.front_ends import WINDOW
from keras_vipa.applications.cssmcm.front_ends import are_there
from keras_vipa.applications.cssmcm.front_ends import windows_of
from keras_vipa.applications.cssmcm.model import CSSMCM
from keras_vipa.applications.cssmcm.model import Encoded
from keras_vipa.applications.cssmcm.vocabulary import END
from keras_vipa.applications.cssmcm.vocabulary import PAD
from keras_vipa.applications.cssmcm.vocabulary import SPECIAL
from keras_vipa.training import PhasedModel
from keras_vipa.utils import checks

# What is said while a window is seen, and the weight of its loss.
FRAMES = {"pinyin": 1.0, "tones": 0.5}
# Of the joint phase, in which own tokens take the place of the true ones.
BLENDED = 0.5
# The longest that a gradient may be.
CLIPPED = 5.0


@keras.saving.register_keras_serializable(package="keras_vipa")
class CSSMCMTrainer(PhasedModel):
    """Trains a `CSSMCM` on clips and what is said in them.

    With `|` for a cross-entropy, mean over all places of a batch and the end:

        encoder:  what is said while a window is seen, by two heads that are
                  left out afterwards, seen_pinyin + 0.5 seen_tones; CTC of
                  both where it is not known when each syllable is said
        parts:    L_p + L_t + L_c with the true pinyin and tones
        joint:    L_p + L_t + L_c with those that the decoders say; in the first
                  half of the epochs, fewer and fewer clips have the true ones

    After the first phase the front end and the encoder of the clips are frozen
    by default, so that what they say is computed once.

    Args:
        model: `CSSMCM`.
        sampling: float. Scheduled sampling of the decoders, in the second half
            of `"parts"` and in `"joint"`.
        corruption: float. In `"parts"`, the part of the first stage's tokens
            that its encoder gets wrong, drawn from all, since it will not
            always get the right ones.
        moved: float. In `"encoder"`, by how much of their sides clips are moved
            and zoomed at most, a clip as a whole; half of them are mirrored,
            too, unless it is 0.
        frozen: boolean. Whether what sees the clips is frozen after the first
            phase.
        in_order: integer. First epochs of each phase whose batches go from
            short clips to long ones.
        learning_rate: float. The highest, of Adam.
        phase: string. What `fit` trains at first; `fit_stages` sets it.
        seed: integer. Seed of what is random, and of the order of the clips.
        **kwargs: `name` and `dtype`, as for any `keras.Model`.

    Call arguments:
        inputs: dict of arrays, as `CSSMCM` takes them; in phase `"encoder"`
            with `pinyin` and `tones`, and if that is known `places`, integers
            `(batch, frames)`, the place in the text of what each frame says,
            -1 for nothing.
        training: boolean.

    Returns:
        Dict of pairs of logits and what is right.

    Raises:
        ValueError: If an argument is not as above.

    Differences from the paper (as we understand it):

    1. Phase `"encoder"`, the corruption, and the mixture in the joint phase are
       ours; without the first one the decoders learn the language, and vision
       comes last. What sees the clips is frozen in the joint phase, too, unless
       `frozen` is `False`.
    2. The part of own tokens is fixed, instead of growing to 0.3, and they are
       what is said where all before them are true: two passes in place of one
       token after the other.
    3. The curriculum is `in_order`, instead of groups of lengths; the rate
       is ours and falls as a cosine; gradients of at most length 5.
    """

    backup_seconds = 60
    cache_bytes = 2**31

    def __init__(
        self,
        model,
        sampling=0.2,
        corruption=0.25,
        moved=0.1,
        frozen=True,
        in_order=1,
        learning_rate=3e-3,
        phase="encoder",
        seed=0,
        **kwargs,
    ):
        if not isinstance(model, CSSMCM):
            checks.fail("`model` must be a `CSSMCM`", "model", model)
        all_stages = dict.fromkeys(model.stages, 1.0)
        seen = [stage for stage in FRAMES if stage in model.vocabularies]
        phases = {
            "encoder": {f"seen_{stage}": FRAMES[stage] for stage in seen},
            "parts": all_stages,
            "joint": all_stages,
        }
        if not seen:
            rule = f"`model` must have a vocabulary of {' or '.join(FRAMES)}"
            checks.fail(rule, "model.vocabularies", list(model.vocabularies))
        super().__init__(phases, seed, **kwargs)
        self.model = model
        self.sampling = checks.number("sampling", sampling, 0.0, 1.0)
        self.corruption = checks.number("corruption", corruption, 0.0, 1.0)
        self.moved = checks.number("moved", moved, 0.0, 1.0)
        if not isinstance(frozen, bool):
            checks.fail("`frozen` must be a boolean", "frozen", frozen)
        self.frozen = frozen
        self.in_order = checks.integer("in_order", in_order, 0)
        self.learning_rate = checks.number("learning_rate", learning_rate)
        self.learning_rates = dict.fromkeys(phases, self.learning_rate)
        self._add_layers(seen)
        # How far a phase is, from 0 to 1.
        self.progress = self.add_weight(
            initializer="zeros", trainable=False, name="progress"
        )
        self.draws = keras.random.SeedGenerator(seed)
        self.set_phase(phase)
        self.build()

    def _add_layers(self, seen):
        """Heads of what is seen."""
        self.heads = {}
        for number, stage in enumerate(seen, 1000 * self.seed):
            kernel = keras.initializers.GlorotUniform(number)
            self.heads[stage] = layers.Dense(
                len(self.model.vocabularies[stage]), kernel_initializer=kernel
            )

    def build(self, input_shape=None):
        width = self.model.video_encoder.units * 2
        for head in self.heads.values():
            head.build((None, None, width))
        self.built = True

    def set_phase(self, phase):
        super().set_phase(phase)
        model, sees = self.model, phase == "encoder"
        seeing = [model.front_end, model.video_encoder]
        reading = [
            *model.tables.values(),
            *model.token_encoders.values(),
            *model.decoders.values(),
        ]
        for layer in seeing:
            layer.trainable = sees or not self.frozen
        for layer in reading:
            layer.trainable = not sees
        for layer in self.heads.values():
            layer.trainable = sees

    def fit_stages(self, data, epochs, batch_size=64, **kwargs):
        if kwargs.get("minutes"):
            raise ValueError(
                "`minutes` must be None: how far a phase is decides what it "
                "gets, and is counted in epochs."
            )
        more = kwargs.pop("callbacks", ())
        callbacks = [PhaseProgress(self, epochs), *more]
        return super().fit_stages(
            data, epochs, batch_size, callbacks=callbacks, **kwargs
        )

    def phase_batches(self, data, labels, batch_size, cache_bytes, cache_dtype):
        if not isinstance(data, dict):
            return data
        data = self.cached(data, batch_size, cache_bytes, cache_dtype)
        return ClipBatches(data, batch_size, self.seed, self.in_order)

    def default_optimizer(self, steps, factor=1.0):
        optimizer = super().default_optimizer(steps, factor)
        optimizer.global_clipnorm = CLIPPED
        return optimizer

    def feature_names(self):
        if self.phase == "encoder" or not self.frozen:
            return ()
        return ("video", "video_states")

    def frozen_features(self, inputs):
        """What the frozen encoder says of the clips."""
        video = self.model.see(inputs["clips"], inputs["frames"], False)
        states = ops.stack(video.states, axis=1)
        return {"video": video.values, "video_states": states}

    def call(self, inputs, training=None):
        if self.phase == "encoder":
            return self._seen(inputs, training)
        if self.frozen:
            video = self._kept(self.with_features(inputs), training)
        else:
            video = self.model.see(inputs["clips"], inputs["frames"], training)
        known = {stage: inputs[stage] for stage in self.model.stages}
        is_joint = self.phase == "joint"
        true = 1.0 - self.progress / BLENDED if is_joint else 1.0
        late = ops.cast(self.progress >= 0.5, "float32")
        part = self.sampling * (1.0 if is_joint else late)
        fed = known if is_joint or not training else self._corrupted(known)
        sampling = part if training else None
        logits = self.model.cascade(
            video, known, true, sampling, training, fed=fed
        )
        return {
            stage: (logits[stage], *with_end(known[stage]))
            for stage in self.model.stages
        }

    def _kept(self, inputs, training):
        """What the frozen encoder says, with dropout."""
        encoder, states = self.model.video_encoder, inputs["video_states"]
        values = encoder.drop(inputs["video"], training=training)
        steps = values.shape[1] or ops.shape(values)[1]
        return Encoded(
            values,
            are_there(windows_of(inputs["frames"]), steps),
            [states[:, number] for number in range(encoder.depth)],
        )

    def _seen(self, inputs, training):
        """Logits of each window, and what is said in its middle, or at all."""
        clips = inputs["clips"]
        if training and self.moved:
            clips = moved(clips, self.moved, self.draws)
        video = self.model.see(clips, inputs["frames"], training)
        steps = video.values.shape[1] or ops.shape(video.values)[1]
        found = {}
        for stage, head in self.heads.items():
            said = ops.cast(inputs[stage], "int32")
            if "places" in inputs:
                middle = inputs["places"][:, WINDOW // 2 :: STRIDE]
                middle = ops.cast(middle, "int32")[:, :steps]
                place = ops.maximum(middle, 0)
                said = ops.take_along_axis(said, place, axis=1)
                said = ops.where(middle < 0, PAD, said)
            found[f"seen_{stage}"] = head(video.values), said, video.mask
        return found

    def _corrupted(self, known):
        """The same with some of the first stage's tokens replaced."""
        first = self.model.stages[0]
        right = ops.cast(known[first], "int32")
        words = len(self.model.vocabularies[first])
        shape = ops.shape(right)
        other = keras.random.randint(
            shape, len(SPECIAL), words, seed=self.draws
        )
        drawn = keras.random.uniform(shape, seed=self.draws)
        chosen = (drawn < self.corruption) & (right >= len(SPECIAL))
        return {**known, first: ops.where(chosen, other, right)}

    def get_config(self):
        return {
            **super().get_config(),
            "model": keras.saving.serialize_keras_object(self.model),
            "sampling": self.sampling,
            "corruption": self.corruption,
            "moved": self.moved,
            "frozen": self.frozen,
            "in_order": self.in_order,
            "learning_rate": self.learning_rate,
            "phase": self.phase,
            "seed": self.seed,
        }

    @classmethod
    def from_config(cls, config):
        model = keras.saving.deserialize_keras_object(config["model"])
        return cls(**{**config, "model": model})

    def loss_terms(self, inputs, outputs):
        is_aligned = self.phase != "encoder" or "places" in inputs
        loss = mean_entropy if is_aligned else mean_ctc
        return {name: loss(*found) for name, found in outputs.items()}


class PhaseProgress(keras.callbacks.Callback):
    """Tells a trainer how far its phase is.

    Args:
        trainer: `CSSMCMTrainer`.
        epochs: dict, phase -> integer.
    """

    def __init__(self, trainer, epochs):
        super().__init__()
        self.trainer, self.epochs = trainer, epochs

    def on_epoch_begin(self, epoch, logs=None):
        last = max(1, self.epochs[self.trainer.phase] - 1)
        self.trainer.progress.assign(epoch / last)


def moved(clips, most, draws):
    """Clips moved and zoomed, and half of them mirrored.

    All frames of a clip alike; between pixels, linearly, and beyond the edge as
    at the edge. Rows and columns are drawn apart, as

        place(i) = middle + (1 + zoom) (i - middle) + shift,

    and are products of matrices, which XLA compiles, too.

    Args:
        clips: tensor `(batch, frames, height, width)`.
        most: float. The largest zoom and shift, parts of a side.
        draws: `keras.random.SeedGenerator`.

    Returns:
        A float32 tensor of the same shape.
    """
    clips = ops.cast(clips, "float32")
    batch = ops.shape(clips)[0]

    def drawn():
        return keras.random.uniform((batch, 1), -most, most, seed=draws)

    def weights(size, side):
        """Of each pixel in each new one, `(batch, 1, size, size)`."""
        pixels = ops.arange(size, dtype="float32")
        middle = (size - 1) / 2
        place = middle + side * (1 + drawn()) * (pixels - middle)
        place = ops.clip(place + size * drawn(), 0, size - 1)
        return ops.relu(1 - ops.abs(place[:, None, :, None] - pixels))

    _, _, height, width = clips.shape
    mirrored = keras.random.uniform((batch, 1), seed=draws) < 0.5
    rows = weights(height, 1.0)
    columns = weights(width, ops.where(mirrored, -1.0, 1.0))
    return rows @ clips @ ops.swapaxes(columns, 2, 3)


def with_end(tokens):
    """Tokens with their end, and which places count.

    Args:
        tokens: integer tensor `(batch, length)`, filled with 0.

    Returns:
        Int32 and boolean tensors `(batch, length + 1)`.
    """
    tokens = ops.pad(ops.cast(tokens, "int32"), [[0, 0], [0, 1]])
    size = ops.sum(ops.cast(tokens != PAD, "int32"), axis=1, keepdims=True)
    place = ops.arange(tokens.shape[1] or ops.shape(tokens)[1])[None]
    return ops.where(place == size, END, tokens), place <= size


def mean_entropy(logits, right, mask):
    """The mean cross-entropy of the places that count."""
    each = keras.losses.sparse_categorical_crossentropy(right, logits, True)
    mask = ops.cast(mask, each.dtype)
    return ops.sum(each * mask) / ops.maximum(ops.sum(mask), 1.0)


def mean_ctc(logits, said, mask):
    """CTC, in which it is not known when each token is said; 0 is blank.

    Args:
        logits: tensor `(batch, windows, vocabulary)`.
        said: int32 tensor `(batch, length)`, filled with 0.
        mask: boolean tensor `(batch, windows)`.

    Returns:
        The mean over clips, each divided by its tokens.
    """
    sizes = ops.sum(ops.cast(said != PAD, "int32"), axis=1)
    windows = ops.sum(ops.cast(mask, "int32"), axis=1)
    each = ops.ctc_loss(said, logits, sizes, windows, mask_index=PAD)
    return ops.mean(each / ops.cast(ops.maximum(sizes, 1), each.dtype))
