"""A zero-shot classifier that knows when to keep silent (ECCV 2018)."""

import keras
import numpy as np
from keras import layers
from keras import ops

from keras_vipa.applications.selective_zero_shot.attributes import (
    check_signatures,
)
from keras_vipa.applications.selective_zero_shot.attributes import confidence
from keras_vipa.applications.selective_zero_shot.attributes import (
    initial_prototypes,
)
from keras_vipa.applications.selective_zero_shot.attributes import leave_one_out
from keras_vipa.applications.selective_zero_shot.attributes import likeness
from keras_vipa.applications.selective_zero_shot.attributes import log_softmax
from keras_vipa.applications.selective_zero_shot.attributes import overlap
from keras_vipa.applications.selective_zero_shot.attributes import (
    reconstruction,
)
from keras_vipa.applications.selective_zero_shot.attributes import unit
from keras_vipa.applications.selective_zero_shot.tuning import copy_of
from keras_vipa.applications.selective_zero_shot.tuning import search
from keras_vipa.training import PhasedModel
from keras_vipa.utils import checks
from keras_vipa.utils import classes

WEIGHTS = {
    "defined": 1.0,
    "residual": 1.0,
    "overlap": 1.0,
    "transfer": 10.0,
    "attributes": 0.0,
}


@keras.saving.register_keras_serializable(package="keras_vipa")
class SelectiveZeroShot(PhasedModel):
    """Classifies what was never seen by its attributes, or keeps silent.

    Classes have known attributes, their signatures `phi_d`; images of some of
    them, the seen ones, are trained on. An image of an unseen class is like the
    signature of its class, but those who wrote down attributes forgot some. So
    `residual` attributes, which nobody has defined, are learnt too; they do not
    decide, but tell how much the decision is to be trusted. With two linear
    maps `a_d` and `a_r` of the features of an image, and a vector `phi_r` of
    each seen class, which is learnt:

        s_d(x, c) = t cos(a_d(x), phi_d(c))        s_r with a_r and phi_r
        L = L_d + L_r + L_comp + 10 L_trans
        L_d, L_r    cross-entropy of softmax(s_d), of softmax(s_r)
        L_comp      mean square of the correlations of a_d and a_r in a batch
        L_trans     mean |norm(sum_c' b_cc' phi_r(c')) - norm(phi_r(c))|^2

    where `b_cc'` make the signature of a class, and 1, of those of all others,
    by ridge regression, so that residual attributes are such as can be told of
    a class from its kin. Those of unseen classes are told so:

        phi_r(u) = norm(sum_c b_uc phi_r(c))
        decision    y = argmax_u s_d(x, u)
        confidence  (1 - m) p_d(y | x) + m p_r(y | x)      softmax over unseen

    Args:
        signatures: float array `(classes, attributes)`, of the seen classes.
            Centred by their mean. Some may be equal: residual attributes may
            tell apart what the defined ones do not.
        backbone: `keras.Model`, images to features `(n, channels)`. Defaults
            to `None`: inputs are features, which are standardized by what
            `adapt` has seen.
        channels: integer. Size of the features, without a backbone.
        residual: integer. Residual attributes. Defaults to as many as defined.
        hidden: integer. Units of a shared layer; 0 for none.
        dropout: float. Behind that layer, in training.
        temperature: float. `t`.
        ridge: float. Of the regression.
        mix: float in [0, 1]. `m`; 0 for the defined attributes alone.
        calibration: pair of floats. Temperatures that `s_d` and `s_r` of unseen
            classes are divided by before softmax, so that probabilities are
            truthful. `tune` finds both, and `mix`.
        weights: dict, term -> float: `"defined"`, `"residual"`, `"overlap"`
            (`L_comp`), `"transfer"` (`L_trans`), and `"attributes"`, the mean
            squared error of `a_d` to the signature, 0 by default.
        learning_rate: float. Of Adam; it falls to 0 as a cosine.
        seed: integer.
        **kwargs: `name` and `dtype`, as for any `keras.Model`.

    Call arguments:
        inputs: images, or features `(n, channels)`.
        training: boolean. Whether to drop out.

    Returns:
        Pair of tensors, `a_d` `(n, attributes)` and `a_r` `(n, residual)`.

    Raises:
        ValueError: If an argument is not as above, or two classes have equal
            signatures.

    Differences from the paper: it could not be read beyond its abstract. All
    of the above is a reconstruction of ours that obeys what the abstract says:
    residual attributes are learnt jointly with the defined ones, decisions are
    made by the defined ones only, confidence by both.

    Reference:
        Song, Shen, Lei, Zeng, Ou, Tao, Song. "Selective Zero-Shot
        Classification with Augmented Attributes". ECCV 2018.
        https://arxiv.org/abs/1807.07437
    """

    def __init__(
        self,
        signatures,
        backbone=None,
        channels=None,
        residual=None,
        hidden=512,
        dropout=0.3,
        temperature=10.0,
        ridge=0.3,
        mix=0.5,
        calibration=(1.0, 1.0),
        weights=None,
        learning_rate=1e-3,
        seed=0,
        **kwargs,
    ):
        signatures = check_signatures("signatures", signatures)
        weights = _checked_weights(weights)
        channels = _checked_channels(backbone, channels)
        super().__init__({"attributes": weights}, seed, **kwargs)
        count = signatures.shape[1]
        residual = count if residual is None else residual
        self.residual = checks.integer("residual", residual)
        self.hidden = checks.integer("hidden", hidden, 0)
        self.weights_of_terms = weights
        self.signatures, self.backbone = signatures, backbone
        self.channels = channels
        self.dropout = checks.number("dropout", dropout, 0.0, 1.0)
        self.temperature = checks.number("temperature", temperature)
        self.ridge = checks.number("ridge", ridge, above=True)
        self.mix = checks.number("mix", mix, 0.0, 1.0)
        self.calibration = _checked_calibration(calibration)
        self.learning_rate = checks.number("learning_rate", learning_rate)
        self.learning_rates = {"attributes": self.learning_rate}
        self.mean = signatures.mean(axis=0)
        self.kin = leave_one_out(self._affine(signatures), ridge)
        self._add_layers(seed)
        self.set_phase("attributes")
        width = (None, self.channels)
        self.build(backbone.input_shape if backbone else width)

    def _add_layers(self, seed):
        def dense(units, number, **options):
            kernel = keras.initializers.GlorotUniform(10 * seed + number)
            return layers.Dense(units, kernel_initializer=kernel, **options)

        self.standard = layers.Normalization() if not self.backbone else None
        self.shared = None
        if self.hidden:
            self.shared = dense(self.hidden, 1, activation="relu")
        self.drop = layers.Dropout(self.dropout, seed=seed)
        self.defined_head = dense(self.signatures.shape[1], 2)
        self.residual_head = dense(self.residual, 3)
        start = initial_prototypes(
            self._affine(self.signatures), self.residual, 10 * seed + 4
        )
        self.prototypes = self.add_weight(
            start.shape, "zeros", name="prototypes"
        )
        self.prototypes.assign(start)

    def build(self, input_shape=None):
        width = self.channels
        if self.standard:
            self.standard.build((None, width))
        if self.shared:
            self.shared.build((None, width))
            width = self.hidden
        self.defined_head.build((None, width))
        self.residual_head.build((None, width))
        self.built = True

    def adapt(self, features):
        """Standardize features by their mean and deviation, of training.

        Args:
            features: float array `(n, channels)`.

        Raises:
            ValueError: If there is a backbone.
        """
        if self.standard is None:
            raise ValueError("Only features without a backbone are adapted to.")
        self.standard.adapt(np.asarray(features, "float32"))

    def call(self, inputs, training=None):
        if self.backbone:
            x = self.backbone(inputs, training=training)
        else:
            x = self.standard(inputs)
        if self.shared:
            x = self.drop(self.shared(x), training=training)
        return self.defined_head(x), self.residual_head(x)

    def loss_terms(self, inputs, outputs, labels):
        defined, residual = outputs
        labels = ops.cast(ops.reshape(labels, (-1,)), "int32")
        known = self.signatures - self.mean
        both = (defined, known), (residual, self.prototypes)
        entropies = [
            keras.losses.sparse_categorical_crossentropy(
                labels, likeness(a, phi, self.temperature), True
            )
            for a, phi in both
        ]
        told = unit(ops.matmul(self.kin, unit(self.prototypes)))
        apart = ops.sum((told - unit(self.prototypes)) ** 2, axis=-1)
        wanted = ops.take(ops.convert_to_tensor(known), labels, axis=0)
        return {
            "defined": entropies[0],
            "residual": entropies[1],
            "overlap": overlap(defined, residual),
            "transfer": ops.mean(apart),
            "attributes": ops.mean((defined - wanted) ** 2, axis=-1),
        }

    def residual_prototypes(self, signatures):
        """What residual attributes other classes would have.

        Args:
            signatures: float array `(classes, attributes)`.

        Returns:
            Float array `(classes, residual)`, of length 1.
        """
        made_of = reconstruction(
            self._affine(signatures), self._affine(self.signatures), self.ridge
        )
        own = ops.convert_to_numpy(unit(self.prototypes))
        found = made_of @ own
        return found / np.linalg.norm(found, axis=1, keepdims=True)

    def _affine(self, signatures):
        """Centred, with a constant, so that parts of a class add up to 1."""
        centred = np.asarray(signatures) - self.mean
        return np.pad(centred, [(0, 0), (0, 1)], constant_values=1.0)

    def predict(
        self,
        x,
        signatures=None,
        batch_size=None,
        like_seen=False,
        **kwargs,
    ):
        """Classify images of unseen classes; or attributes, as any model.

        Args:
            x: images or features, as in `call`.
            signatures: float array `(classes, attributes)`, of the classes to
                choose from, none of which was trained on.
            like_seen: boolean. Whether they may have signatures of seen
                classes, as other classes may where attributes are few.
            batch_size: integer, and
            **kwargs: as of `keras.Model.predict`.

        Returns:
            Dict: `"labels"`, int32 `(n,)`, rows of `signatures`;
            `"confidence"`, float64 `(n,)` in [0, 1]; `"defined"` and
            `"residual"`, logarithms of the probabilities of both parts,
            `(n, classes)`. Without `signatures`, a pair of arrays as of `call`.

        Raises:
            ValueError: If `signatures` are not as above.
        """
        attributes = super().predict(x, batch_size, **kwargs)
        if signatures is None:
            return attributes
        signatures = self._check_unseen(signatures, like_seen)
        phis = signatures - self.mean, self.residual_prototypes(signatures)
        logs = [
            self._log_likely(*both)
            for both in zip(attributes, phis, self.calibration)
        ]
        labels = logs[0].argmax(axis=-1).astype("int32")
        return {
            "labels": labels,
            "confidence": confidence(*logs, labels, self.mix),
            "defined": logs[0],
            "residual": logs[1],
        }

    def _check_unseen(self, signatures, like_seen):
        count = self.signatures.shape[1]
        signatures = check_signatures("signatures", signatures, count, False)
        same = (signatures[:, None] == self.signatures).all(axis=-1)
        if same.any() and not like_seen:
            new, old = np.argwhere(same)[0].tolist()
            raise ValueError(
                "`signatures` must be of unseen classes. Received: class "
                f"{new} with those of the seen class {old}"
            )
        return signatures

    def _log_likely(self, attributes, prototypes, calibration):
        """Logarithms of probabilities, in double precision: no ties at 1."""
        a, phi = (
            x / np.maximum(np.linalg.norm(x, axis=-1, keepdims=True), 1e-12)
            for x in (np.asarray(attributes, "float64"), prototypes)
        )
        return log_softmax(self.temperature / calibration * a @ phi.T)

    @classmethod
    def tune(
        cls,
        x,
        labels,
        signatures,
        grid=None,
        held=None,
        share=0.2,
        epochs=40,
        batch_size=128,
        seed=0,
        **options,
    ):
        """Choose settings where some seen classes pass for unseen ones.

        For each combination of the grid a model is trained on the other seen
        classes. On those that were held out, temperatures are fitted to the
        probabilities of both parts, and the mix is chosen. The combination with
        the least area under the risk-coverage curve wins. Nothing of a class
        that is unseen is asked for.

        Args:
            x: images or features of seen classes.
            labels: integer array `(n,)`, rows of `signatures`.
            signatures: float array `(classes, attributes)`, of seen classes.
            grid: dict, argument of `SelectiveZeroShot` -> list of values.
                Defaults to one model, for the mix and the temperatures only.
            held: integers, the classes to hold out. Defaults to a random part.
            share: float in (0, 1), how large a part.
            epochs: integer, and
            batch_size: integer. Of `fit_stages`.
            seed: integer. Of the part, and of the models.
            **options: further arguments of `SelectiveZeroShot`; each model gets
                a copy of a `backbone`.

        Returns:
            A dict of arguments, the options with what was chosen; and a list of
            dicts, one for each combination, with `"accuracy"` and `"aurc"`.

        Raises:
            ValueError: If an argument is not as above, or too few classes
                differ.
        """
        signatures = check_signatures("signatures", signatures)
        count = len(signatures)
        samples = checks.length("x", x)
        if checks.length("labels", labels) != samples:
            rule = f"`labels` must be one for each of the {samples} samples"
            checks.fail(rule, "labels", labels)
        checks.number("share", share, 0.0, 1.0)
        checks.integer("seed", seed, 0)
        if held is None:
            held = classes.draw_classes(count, share, seed)
        kept, new = classes.hold_out(labels, signatures, held)

        def predicted(chosen):
            more = {**options, **chosen}
            if "backbone" in more:
                more["backbone"] = copy_of(more["backbone"])
            else:
                more["channels"] = x.shape[1]
            model = cls(kept.signatures, seed=seed, **more)
            own = x[kept.chosen]
            if "backbone" not in more:
                model.adapt(own)
            stages = {"attributes": epochs}
            model.fit_stages(own, stages, batch_size, kept.labels, verbose=0)
            return model.predict(
                x[new.chosen], new.signatures, like_seen=True, verbose=0
            )

        best, rows = search(predicted, new.labels, grid)
        return {**options, **best}, rows

    def get_config(self):
        return {
            **super().get_config(),
            "signatures": self.signatures.tolist(),
            "backbone": keras.saving.serialize_keras_object(self.backbone),
            "channels": None if self.backbone else self.channels,
            "residual": self.residual,
            "hidden": self.hidden,
            "dropout": self.dropout,
            "temperature": self.temperature,
            "ridge": self.ridge,
            "mix": self.mix,
            "calibration": self.calibration,
            "weights": self.weights_of_terms,
            "learning_rate": self.learning_rate,
            "seed": self.seed,
        }

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        backbone = keras.saving.deserialize_keras_object(config["backbone"])
        return cls(**{**config, "backbone": backbone})


def _checked_weights(weights):
    """Weights of all terms."""
    weights = {} if weights is None else weights
    if not isinstance(weights, dict) or set(weights) - set(WEIGHTS):
        rule = f"`weights` must be a dict of {tuple(WEIGHTS)}"
        checks.fail(rule, "weights", weights)
    return {**WEIGHTS, **weights}


def _checked_calibration(calibration):
    """A pair of temperatures."""
    pair = checks.positives("calibration", calibration)
    if len(pair) != 2:
        checks.fail("`calibration` must be a pair", "calibration", pair)
    return pair


def _checked_channels(backbone, channels):
    """Size of the features."""
    if (backbone is None) == (channels is None):
        raise ValueError(
            "Either `backbone` or `channels` must be given. Received: "
            f"{'none of them' if backbone is None else 'both'}"
        )
    if backbone is None:
        return checks.integer("channels", channels)
    if not isinstance(backbone, keras.Model):
        checks.fail("`backbone` must be a model", "backbone", backbone)
    return backbone.output_shape[-1]
