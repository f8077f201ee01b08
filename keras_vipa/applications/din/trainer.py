"""How `DIN` is trained: content and style losses on frozen VGG features."""

import math

import keras
from keras import ops

from keras_vipa.applications.din.model import DIN
from keras_vipa.applications.din.style_pairs import StylePairs
from keras_vipa.applications.vgg_features import FEATURES
from keras_vipa.layers.dynamic_instance_norm import instance_norm
from keras_vipa.training import PhasedModel
from keras_vipa.training.batches import in_blocks
from keras_vipa.training.phased_model import mean_of_each
from keras_vipa.utils import checks
from keras_vipa.utils.colors import LUMINANCE

# Of the terms of the loss.
WEIGHTS = {
    "content": 1.0,
    "style": 2.0,
    "variation": 0.1,
    "photograph": 2.0,
    "tone": 0.0,
}
WARMUP_STEPS = 200
CONTENT_FEATURES = ("relu3_1", "relu4_1")
MAPS = (
    *(f"content_{name}" for name in CONTENT_FEATURES),
    "style_relu4_1",
    "style_relu3_1",
)
FEATURE_NAMES = (
    *MAPS,
    "style_colors",
    *(f"statistics_{name}" for name in FEATURES),
)
# Under the root of a standard deviation: it has no slope at 0, where the
# dead channels of a VGG are.
EPSILON = 1e-3


@keras.saving.register_keras_serializable(package="keras_vipa")
class DINTrainer(PhasedModel):
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
    `"reconstruct"`, in which only `photograph` counts, so that encoder and
    decoder learn to draw the photograph first, and `"stylize"`.

    `fit_stages` takes `StylePairs`. By default it uses Adam with the norm of
    each gradient cut at 1, a rate that rises over 200 steps (half of a phase
    that is shorter than 400) and falls to 0 as a cosine, and a moving average
    of the weights, which is the result. What the VGG says of contents and
    styles is computed once for all of them if it fits into `cache_bytes`, its
    maps in float16: about half of what a step would take, for 3 MB of memory a
    pair of pictures of 128 and 192 pixels.

    Args:
        model: `DIN`. Its VGG is also the one of the losses.
        loss_weights: dict, name of a term -> float, for the terms whose
            weight is not to be the default: content 1, style 2,
            variation 0.1, photograph 2, tone 0 (our choices).
        learning_rate: float. The highest rate, in both phases.
        phase: string. `"reconstruct"` or `"stylize"`. The style nets are frozen
            in the first.
        **kwargs: arguments of `keras.Model`.

    Call arguments:
        inputs: dict. `content` and `style`: images `(batch, height, width,
            3)` in [0, 1], those of the content with sides that are multiples
            of 16. What `frozen_features` returns may stand beside them, and is
            then not computed again. `grain` `(batch,
            height, width, 1)` is noise that is laid over the content before it
            is drawn, not before it is compared.

    Returns:
        A dict of images, `photograph` and in phase `"stylize"` `drawing`, and
        then `targets`, what the drawing is compared with.

    Raises:
        ValueError: If an argument is not as above, or in `fit_stages` if a
            side of the contents is no multiple of 16.

    Example:

    ```python
    model = DIN("mobile", features=VGGFeatures())
    trainer = DINTrainer(model)
    pairs = StylePairs(
        {"content": photographs}, {"style": paintings}, 4, steps=100
    )
    trainer.fit_stages(pairs, {"reconstruct": 5, "stylize": 40})
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

    cache_bytes = 2**33

    def __init__(
        self,
        model,
        loss_weights=None,
        learning_rate=1e-3,
        phase="reconstruct",
        **kwargs,
    ):
        if not isinstance(model, DIN):
            checks.fail("`model` must be a `DIN`", "model", model)
        loss_weights = {} if loss_weights is None else loss_weights
        is_dict = isinstance(loss_weights, dict)
        if not is_dict or not set(loss_weights) <= set(WEIGHTS):
            rule = f"`loss_weights` must be a dict of some of {sorted(WEIGHTS)}"
            checks.fail(rule, "loss_weights", loss_weights)
        for term, weight in loss_weights.items():
            checks.number(f"loss_weights['{term}']", weight)
        checks.number("learning_rate", learning_rate)
        weights = {**WEIGHTS, **loss_weights}
        checks.choice("phase", phase, ("reconstruct", "stylize"))
        phases = {
            "reconstruct": {"photograph": weights["photograph"]},
            "stylize": {
                name: weight
                for name, weight in weights.items()
                if weight or WEIGHTS[name]
            },
        }
        super().__init__(phases, **kwargs)
        self.model = model
        self.loss_weights = weights
        self.learning_rate = learning_rate
        self.learning_rates = dict.fromkeys(phases, learning_rate)
        self.set_phase(phase)
        self.build()

    def set_phase(self, phase):
        super().set_phase(phase)
        # They have no gradient in the first phase.
        self.model.style_net.trainable = phase == "stylize"

    def build(self, input_shape=None):
        self.built = True

    def feature_names(self):
        return FEATURE_NAMES if self.phase == "stylize" else ()

    def frozen_features(self, inputs):
        """All that is used of content and style beside the content itself."""
        return {
            **self.content_features(inputs["content"]),
            **self.style_features(inputs["style"]),
        }

    def content_features(self, images):
        """`content_relu3_1` and `content_relu4_1` of images."""
        features = self.model.features(images, training=False)
        return {f"content_{name}": features[name] for name in CONTENT_FEATURES}

    def style_features(self, images):
        """What the style nets read of a style, and its statistics."""
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

    def call(self, inputs):
        model, content = self.model, inputs["content"]
        if self.phase == "reconstruct":
            return {"photograph": self._photograph(content)}
        # Only kept in mind, and a drawing costs time: a quarter will do.
        part = content[: (ops.shape(content)[0] + 3) // 4]
        targets = self.with_features(inputs)
        code = self.encode_styles(targets)
        if "grain" in inputs:
            content = content + inputs["grain"]
        return {
            "photograph": self._photograph(part),
            "drawing": model.draw(content, code),
            "targets": targets,
        }

    def encode_styles(self, inputs):
        """Codes `(batch, length)` of inputs with their frozen features."""
        names = ("relu4_1", "relu3_1", "colors")
        return self.model.style_net([inputs[f"style_{name}"] for name in names])

    def _photograph(self, content):
        """The content drawn with the code of the photograph."""
        code = ops.convert_to_tensor(self.model.photograph_code())
        shape = (ops.shape(content)[0], code.shape[0])
        return self.model.draw(content, ops.broadcast_to(code, shape))

    def loss_terms(self, inputs, outputs):
        photograph = outputs["photograph"]
        content = inputs["content"][: ops.shape(photograph)[0]]
        terms = {"photograph": mean_of_each(ops.abs(photograph - content))}
        if self.phase == "reconstruct":
            return terms
        targets, drawing = outputs["targets"], outputs["drawing"]
        features = self.model.features(drawing, training=False)
        content_terms = [
            content_loss(features[name], targets[f"content_{name}"])
            for name in CONTENT_FEATURES
        ]
        terms["content"] = sum(content_terms) / len(content_terms)
        statistics = {name: targets[f"statistics_{name}"] for name in FEATURES}
        terms["style"] = style_loss(style_statistics(features), statistics)
        terms["variation"] = mean_of_each(
            ops.abs(drawing[:, 1:] - drawing[:, :-1])
        ) + mean_of_each(ops.abs(drawing[:, :, 1:] - drawing[:, :, :-1]))
        if "tone" in self.phases["stylize"]:
            terms["tone"] = content_loss(
                small_luminance(drawing), small_luminance(inputs["content"])
            )
        return terms

    def phase_batches(self, data, labels, batch_size, cache_bytes, cache_dtype):
        if not isinstance(data, StylePairs):
            return data
        contents, styles = data.parts
        shape = contents["content"].shape
        if any(side % 16 for side in shape[1:3]):
            raise ValueError(
                "The sides of the contents must be multiples of 16. "
                f"Received: content.shape={shape}"
            )
        if self.phase == "reconstruct":
            return data.with_parts(contents, styles, grain=0.0)
        kinds = (
            (contents, "content", self.content_features),
            (styles, "style", self.style_features),
        )
        if sum(_bytes_of(*kind) for kind in kinds) > cache_bytes:
            return data
        dtypes = dict.fromkeys(MAPS, "float16")
        contents, styles = (
            {**part, **in_blocks(_scaled(function), part[name], 8, dtypes)}
            for part, name, function in kinds
        )
        del styles["style"]
        return data.with_parts(contents, styles)

    def default_optimizer(self, steps):
        rate = self.learning_rates[self.phase]
        if steps:
            warmup = min(WARMUP_STEPS, steps // 2)
            rate = keras.optimizers.schedules.CosineDecay(
                rate / 20,
                steps - warmup,
                warmup_target=rate,
                warmup_steps=warmup,
            )
        return keras.optimizers.Adam(
            rate, clipnorm=1.0, use_ema=True, ema_momentum=0.998
        )

    def get_config(self):
        return {
            **super().get_config(),
            "model": keras.saving.serialize_keras_object(self.model),
            "loss_weights": self.loss_weights,
            "learning_rate": self.learning_rate,
            "phase": self.phase,
            "seed": self.seed,
        }

    @classmethod
    def from_config(cls, config):
        model = keras.saving.deserialize_keras_object(config["model"])
        return cls(**{**config, "model": model})


def _scaled(function):
    """A function of uint8 images instead of images in [0, 1]."""
    return lambda images: function(images.astype("float32") / 255.0)


def _bytes_of(part, name, function):
    """Memory of what a function says of all images of a part."""
    features = _scaled(function)(part[name][:1])
    sizes = [
        (2 if key in MAPS else 4) * math.prod(feature.shape)
        for key, feature in features.items()
    ]
    return len(part[name]) * sum(sizes)


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
    return mean_of_each(ops.square(difference))


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
