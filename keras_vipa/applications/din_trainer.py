"""How `DIN` is trained: content and style losses on frozen VGG features."""

import math
import time

import keras
import numpy as np
from keras import ops

from keras_vipa.applications.vgg_features import FEATURES
from keras_vipa.layers.dynamic_instance_norm import instance_norm
from keras_vipa.utils.batches import StylePairs
from keras_vipa.utils.colors import LUMINANCE
from keras_vipa.utils.training import FiniteGuard

PHASES = ("reconstruct", "stylize")
STEPS_PER_EPOCH = 100
WARMUP_STEPS = 200
CONTENT_FEATURES = ("relu3_1", "relu4_1")
# Under the root of a standard deviation: it has no slope at 0, where the
# dead channels of a VGG are.
EPSILON = 1e-3


@keras.saving.register_keras_serializable(package="keras_vipa")
class DINTrainer(keras.Model):
    """Trains a `DIN` on photographs and style pictures.

    With `phi_l` the features of a frozen VGG, `out` the drawing of content `c`
    in style `s`, and `mu` and `sigma` mean and standard deviation of each
    channel over the picture, the loss is the weighted sum of

    ```
    content     = mean_l |IN(phi_l(out)) - IN(phi_l(c))|^2,  l = 3, 4
    style       = sum_l (|mu(phi_l(out)) - mu(phi_l(s))|^2
                  + |sigma(phi_l(out)) - sigma(phi_l(s))|^2)
                  / mean(phi_l(s)^2),                        l = 1..4
    variation   = mean |differences of neighbouring pixels of out|
    photograph  = mean |drawing of c with the photograph's code - c|
    tone        = mean |IN(small(out)) - IN(small(c))|^2
    ```

    where `|.|^2` is a mean over channels (and positions), and `small` the
    luminance, averaged over squares of 8 pixels. The phases are
    `"reconstruct"`, in which only the last term counts, so that encoder and
    decoder learn to draw the photograph first, and `"stylize"`.

    Args:
        model: `DIN`. Its VGG is also the one of the losses.
        loss_weights: dict, name of a term -> float, for the terms whose
            weight is not to be the default: content 1, style 2,
            variation 0.1, photograph 2, tone 0 (our choices).
        phase: string. `"reconstruct"` or `"stylize"`; see `set_phase`.
        **kwargs: arguments of `keras.Model`.

    Call arguments:
        inputs: dict. `content` and `style`: images `(batch, height, width,
            3)` in [0, 1], those of the content with sides that are multiples
            of 16. What `content_targets` and `style_targets` return may stand
            beside them, and is then not computed again. `grain` `(batch,
            height, width, 1)` is noise that is laid over the content before it
            is drawn, not before it is compared.

    Returns:
        A dict of images, `photograph` and in phase `"stylize"` `drawing`.

    Raises:
        ValueError: If `phase` or a term is unknown.

    Example:

    ```python
    model = DIN("mobile", features=VGGFeatures())
    trainer = DINTrainer(model)
    trainer.fit_stages(
        photographs, paintings, {"reconstruct": 500, "stylize": 4000}
    )
    ```

    Differences from the paper (its weights and loss layers were not at hand;
    the form is that of AdaIN, with the features of the content image as the
    target):

    1. Content features are compared after instance normalization: raw ones
       also hold on to the colours of the photograph.
    2. Each style term is divided by the mean square of its target, and 1e-3
       is added under the roots.
    3. `variation`, `photograph` and `tone` are ours. The last one keeps light
       parts light: features of a VGG say little of how light an even part is.
    """

    def __init__(self, model, loss_weights=None, phase="reconstruct", **kwargs):
        super().__init__(**kwargs)
        self.model = model
        self.loss_weights = {
            "content": 1.0,
            "style": 2.0,
            "variation": 0.1,
            "photograph": 2.0,
            "tone": 0.0,
        }
        unknown = set(loss_weights or {}) - set(self.loss_weights)
        if unknown:
            raise ValueError(
                f"Loss terms are {sorted(self.loss_weights)}. "
                f"Received: {sorted(unknown)}"
            )
        self.loss_weights.update(loss_weights or {})
        self.term_means = {
            name: keras.metrics.Mean(name=name) for name in self.loss_weights
        }
        # Scales with the number of replicas, as a bare mean would not.
        self.mean_loss = Mean()
        self.set_phase(phase)
        self.build()

    def set_phase(self, phase):
        """Change the phase; compile the trainer afterwards.

        The style nets are frozen in phase `"reconstruct"` only.

        Args:
            phase: string. `"reconstruct"` or `"stylize"`.
        """
        if phase not in PHASES:
            raise ValueError(
                f"`phase` must be one of {PHASES}. Received: phase={phase!r}"
            )
        self.phase = phase
        # Set by BackupAndRestore, and otherwise valid for the next `fit` too.
        self._initial_epoch = None
        # They have no gradient in the first phase.
        self.model.style_net.trainable = phase == "stylize"

    def build(self, input_shape=None):
        self.built = True

    def content_targets(self, images):
        """Dict of `content_relu3_1` and `content_relu4_1` of images."""
        features = self.model.features(images, training=False)
        return {
            f"content_{name}": ops.stop_gradient(features[name])
            for name in CONTENT_FEATURES
        }

    def style_targets(self, images):
        """Dict of all that is used of a style picture but the picture."""
        features = self.model.features(images, training=False)
        return {
            "style_relu4_1": features["relu4_1"],
            "style_relu3_1": features["relu3_1"],
            "style_colors": self.model.color_code(images),
            **{
                f"statistics_{name}": value
                for name, value in style_statistics(features).items()
            },
        }

    def _with_targets(self, x):
        x = dict(x)
        if "content_relu4_1" not in x:
            x.update(self.content_targets(x["content"]))
        if "style_colors" not in x:
            x.update(self.style_targets(x["style"]))
        return x

    def call(self, inputs):
        model, content = self.model, inputs["content"]
        first = content
        if self.phase == "stylize":
            # Only kept in mind, and a drawing costs time: a quarter will do.
            first = content[: (ops.shape(content)[0] + 3) // 4]
        code = ops.convert_to_tensor(model.photograph_code())
        code = ops.broadcast_to(code, (ops.shape(first)[0], code.shape[0]))
        drawings = {"photograph": model.draw(first, code)}
        if self.phase == "stylize":
            if "style_relu4_1" in inputs:
                names = ("relu4_1", "relu3_1", "colors")
                code = model.style_net([inputs[f"style_{n}"] for n in names])
            else:
                code = model.encode_style(inputs["style"])
            if "grain" in inputs:
                content = content + inputs["grain"]
            drawings["drawing"] = model.draw(content, code)
        return drawings

    def loss_terms(self, x, drawings):
        """Name of each term -> its values `(batch,)`."""
        photograph = drawings["photograph"]
        content = x["content"][: ops.shape(photograph)[0]]
        terms = {"photograph": mean_of(ops.abs(photograph - content))}
        if self.phase == "reconstruct":
            return terms
        x, drawing = self._with_targets(x), drawings["drawing"]
        features = self.model.features(drawing, training=False)
        content_terms = [
            content_loss(features[name], x[f"content_{name}"])
            for name in CONTENT_FEATURES
        ]
        terms["content"] = sum(content_terms) / len(content_terms)
        targets = {name: x[f"statistics_{name}"] for name in FEATURES}
        terms["style"] = style_loss(style_statistics(features), targets)
        terms["variation"] = mean_of(
            ops.abs(drawing[:, 1:] - drawing[:, :-1])
        ) + mean_of(ops.abs(drawing[:, :, 1:] - drawing[:, :, :-1]))
        if self.loss_weights["tone"]:
            terms["tone"] = content_loss(
                small_luminance(drawing), small_luminance(x["content"])
            )
        return terms

    def compute_loss(
        self, x=None, y=None, y_pred=None, sample_weight=None, training=True
    ):
        loss = 0.0
        for name, values in self.loss_terms(x, y_pred).items():
            self.term_means[name].update_state(values)
            loss += self.loss_weights[name] * self.mean_loss(None, values)
        return loss

    def fit_stages(
        self,
        contents,
        styles,
        steps,
        batch_size=4,
        learning_rate=1e-3,
        seed=0,
        backup_dir=None,
        jit_compile="auto",
        callbacks=(),
        verbose=0,
        minutes=None,
        grain=0.0,
        keep_targets=True,
        steps_per_epoch=STEPS_PER_EPOCH,
        workers=1,
    ):
        """Run the phases one after the other, on random pairs of pictures.

        Adam with the norm of each gradient cut at 1, a rate that rises over 200
        steps (half of a phase that is shorter than 400) and falls to 0 as a
        cosine, and a moving average of the weights,
        which are the result. What the VGG says of contents and styles is
        computed once, unless `keep_targets` is `False`: about half of what a
        step would take, for 3 MB of memory per pair of pictures of 128 and 192
        pixels.

        Args:
            contents: uint8 array `(n, height, width, 3)`, sides multiples of
                16.
            styles: uint8 array `(m, height, width, 3)`.
            steps: dict, phase -> number of steps, a multiple of
                `steps_per_epoch`.
            batch_size: integer. Pairs in a step.
            learning_rate: float. The highest rate.
            seed: integer. Seed of the pairs.
            backup_dir: string or path. Folder for the state of the training; a
                call with the same arguments continues after the last epoch
                there.
            jit_compile: boolean, or `"auto"`, as in `compile`. Whether XLA
                compiles the step.
            callbacks: list of `keras.callbacks.Callback`, for every phase. At
                the end of an epoch the weights are the averages.
            verbose: as in `fit`.
            minutes: float. When training is to end, counted from this call; the
                rate follows the clock then, epoch by epoch, and `steps` are
                what no phase goes beyond.
            grain: float. Largest deviation of the noise on the contents, in
                phase `"stylize"`: see `StylePairs`.
            keep_targets: boolean. Whether what the VGG says is computed once.
            steps_per_epoch: integer.
            workers: integer. Threads that make batches.

        Returns:
            Dict, phase -> history of its `fit` (a dict of lists).

        Raises:
            ValueError: If a phase is unknown, its steps are no multiple of
                `steps_per_epoch`, or a side of the contents is none of 16.
            FloatingPointError: If a loss is not finite. The weights are those
                of the last epoch in which all were.
        """
        if any(side % 16 for side in contents.shape[1:3]):
            raise ValueError(
                "The sides of `contents` must be multiples of 16. "
                f"Received: contents.shape={contents.shape}"
            )
        for phase, count in steps.items():
            if phase not in PHASES or count % steps_per_epoch:
                raise ValueError(
                    f"`steps` must be multiples of {steps_per_epoch} for the "
                    f"phases {PHASES}. Received: steps={steps}"
                )
        parts = {"content": contents}, {"style": styles}
        clock = None if minutes is None else _Clock(60 * minutes)
        histories = {}
        for phase in [phase for phase in PHASES if steps.get(phase)]:
            if phase == "stylize" and keep_targets:
                parts[0].update(in_blocks(self.content_targets, contents))
                parts[1].update(in_blocks(self.style_targets, styles))
                del parts[1]["style"]
            noise = grain if phase == "stylize" else 0.0
            pairs = StylePairs(
                *parts, batch_size, steps_per_epoch, seed, noise, workers=workers
            )
            self.set_phase(phase)
            own = [_Epoch(pairs)]
            if clock is not None:
                own.append(_TimedRate(clock, learning_rate))
            if backup_dir is not None:
                # Before the averages are put in the place of the weights.
                own.append(_backup(backup_dir, phase))
            own.append(keras.callbacks.SwapEMAWeights(True))
            optimizer = _optimizer(
                learning_rate, steps[phase], clock is not None
            )
            self.compile(optimizer, jit_compile=jit_compile)
            # A phase that was complete in the backup builds it nowhere else.
            optimizer.build(self.trainable_variables)
            with FiniteGuard(phase) as guard:
                history = self.fit(
                    pairs,
                    epochs=steps[phase] // steps_per_epoch,
                    shuffle=False,
                    callbacks=[guard, *own, *callbacks],
                    verbose=verbose,
                )
            histories[phase] = history.history
        return histories

    def get_config(self):
        return {
            **super().get_config(),
            "model": keras.saving.serialize_keras_object(self.model),
            "loss_weights": self.loss_weights,
            "phase": self.phase,
        }

    @classmethod
    def from_config(cls, config):
        model = keras.saving.deserialize_keras_object(config["model"])
        return cls(**{**config, "model": model})


class _Epoch(keras.callbacks.Callback):
    """Tells the pairs which epoch it is."""

    def __init__(self, pairs):
        super().__init__()
        self.pairs = pairs

    def on_epoch_begin(self, epoch, logs=None):
        self.pairs.set_epoch(epoch)


def _backup(folder, phase):
    return keras.callbacks.BackupAndRestore(
        f"{folder}/{phase}", double_checkpoint=True, delete_checkpoint=False
    )


class _Clock:
    """How much of the time is gone, and whether another epoch fits in."""

    def __init__(self, seconds):
        self.seconds = seconds
        self.start = time.monotonic()

    def share(self):
        return (time.monotonic() - self.start) / self.seconds


class _TimedRate(keras.callbacks.Callback):
    """A rate that falls with the clock as a cosine, and the end in time."""

    def __init__(self, clock, rate):
        super().__init__()
        self.clock = clock
        self.rate = rate

    def on_train_begin(self, logs=None):
        self.first = self.clock.share()

    def on_epoch_begin(self, epoch, logs=None):
        self.before = self.clock.share()
        share = (self.before - self.first) / max(1 - self.first, 1e-9)
        cosine = 0.5 + 0.5 * math.cos(math.pi * min(share, 1.0))
        # The first epoch instead of a rise.
        rate = self.rate / 4 if epoch == 0 else self.rate
        self.model.optimizer.learning_rate = rate * cosine

    def on_train_batch_end(self, batch, logs=None):
        if self.clock.share() > 1:
            self.model.stop_training = True

    def on_epoch_end(self, epoch, logs=None):
        now = self.clock.share()
        if now + (now - self.before) > 1:
            self.model.stop_training = True


def _optimizer(learning_rate, steps, is_timed=False):
    warmup = min(WARMUP_STEPS, steps // 2)
    rate = keras.optimizers.schedules.CosineDecay(
        learning_rate / 20,
        steps - warmup,
        warmup_target=learning_rate,
        warmup_steps=warmup,
    )
    if is_timed:
        rate = learning_rate
    return keras.optimizers.Adam(
        rate, clipnorm=1.0, use_ema=True, ema_momentum=0.998
    )


def in_blocks(function, images, block=8):
    """Apply a function to blocks of uint8 images.

    Args:
        function: callable, float images in [0, 1] to a dict of tensors.
        images: uint8 array `(n, height, width, 3)`.
        block: integer. Images in a block.

    Returns:
        A dict of arrays of length n; feature maps in float16.
    """
    results = {}
    for start in range(0, len(images), block):
        part = images[start : start + block].astype("float32") / 255.0
        for name, value in function(part).items():
            value = keras.ops.convert_to_numpy(value)
            if name not in results:
                dtype = "float16" if value.ndim == 4 else "float32"
                shape = (len(images), *value.shape[1:])
                results[name] = np.empty(shape, dtype)
            results[name][start : start + block] = value
    return results


class Mean(keras.losses.Loss):
    """The mean of `(batch,)` values that are losses already."""

    def __call__(self, y_true, y_pred, sample_weight=None):
        return super().__call__(ops.zeros_like(y_pred), y_pred)

    def call(self, y_true, y_pred):
        return y_pred


def mean_of(x):
    """Mean of each sample."""
    return ops.mean(x, axis=tuple(range(1, len(x.shape))))


def small_luminance(images, size=8):
    """Luminance, averaged over squares: `(batch, rows, columns, 1)`."""
    luminance = ops.matmul(images, LUMINANCE[:, None])
    return ops.average_pool(
        luminance, (size, size), (size, size), data_format="channels_last"
    )


def content_loss(feature, target):
    """`|IN(feature) - IN(target)|^2`, a mean over channels and positions.

    Args:
        feature: tensor `(batch, height, width, channels)`.
        target: tensor of the same shape.

    Returns:
        A tensor `(batch,)`.
    """
    target = ops.cast(target, feature.dtype)
    difference = instance_norm(feature, EPSILON) - instance_norm(
        target, EPSILON
    )
    return mean_of(ops.square(difference))


def style_statistics(features):
    """Mean and standard deviation of each channel over the picture.

    Args:
        features: dict of tensors `(batch, height, width, channels)`.

    Returns:
        A dict of tensors `(batch, 2 * channels)`, means and then deviations.
    """
    statistics = {}
    for name, feature in features.items():
        mean, variance = ops.moments(feature, axes=(1, 2))
        deviation = ops.sqrt(variance + EPSILON)
        statistics[name] = ops.concatenate([mean, deviation], axis=-1)
    return statistics


def style_loss(statistics, targets):
    """Distance of style statistics, relative to the target in each layer.

    Args:
        statistics: dict of tensors, of `style_statistics`.
        targets: dict of tensors with the same keys.

    Returns:
        A tensor `(batch,)`.
    """
    total = 0.0
    for name, target in targets.items():
        difference = ops.square(statistics[name] - target)
        # The mean square of a feature is that of its mean and deviation.
        total += ops.sum(difference, -1) / ops.sum(ops.square(target), -1)
    return total
