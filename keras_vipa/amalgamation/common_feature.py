"""Knowledge Amalgamation by Common Feature Learning (IJCAI 2019)."""

import itertools

import keras
import numpy as np
from keras import layers
from keras import ops

from keras_vipa.amalgamation.amalgamator import Amalgamator
from keras_vipa.amalgamation.classifiers import fitted
from keras_vipa.amalgamation.classifiers import resized
from keras_vipa.amalgamation.classifiers import tapped
from keras_vipa.amalgamation.inputs import check_teachers
from keras_vipa.amalgamation.students import new_student
from keras_vipa.losses import BANDWIDTHS
from keras_vipa.losses import maximum_mean_discrepancy
from keras_vipa.losses import soft_cross_entropy
from keras_vipa.losses import squared_error
from keras_vipa.training.phased_model import mean_of_each
from keras_vipa.utils import checks

TERMS = ("soft_targets", "common", "reconstruction")
# Of the authors' program.
WEIGHTS = {"soft_targets": 1.0, "common": 10.0, "reconstruction": 10.0}


@keras.saving.register_keras_serializable(package="keras_vipa")
class CommonFeatureAmalgamator(Amalgamator):
    """One student from classifiers of any architecture, in a common space.

    Teacher `i` scores `C_i` classes; the student scores all `C_1 + ... + C_N`,
    in the order of the teachers, and is of any architecture. Labels are never
    used. With `F_i` the last feature map of teacher `i`, `F_S` the student's,
    and `o_i`, `o_S` the logits:

        f_i  = E(relu(A_i F_i))        adaptation A: 1x1, without bias
        f_S  = E(relu(A_S F_S))        extractor E: three residual blocks,
        F_i' = D_i f_i                 shared; decoder D_i: 3x3, relu, 1x1

        L_M  = sum_i MMD^2(f_S, f_i)
        L_R  = sum_i mean((F_i' - F_i)^2)
        L_C  = T^2 CE(softmax(o_S / T) <- softmax(concat(o_1, ..., o_N) / T))
        L    = L_C + 10 (L_M + L_R)

    `MMD^2` is `keras_vipa.losses.maximum_mean_discrepancy`. Only `L_C`
    compares sample by sample; what the block `A, E, D` has learnt is left out
    of the student. There is one phase, `"joint"`.

    Args:
        teachers: list of at least two functional or sequential `keras.Model`:
            an image of any size, grey or RGB, to class scores `(batch, C_i)`,
            logits or behind a softmax, which is left out.
        student: functional `keras.Model` with one image as its input and
            `C_1 + ... + C_N` logits; or `"separable"` or `"residual"`, a new
            network (`keras_vipa.amalgamation.new_student`).
        ratio: float. Most weights of a new student, as part of the teachers'
            together.
        image_shape: tuple `(height, width, channels)` of what a new student
            takes. Defaults to that of the first teacher.
        taps: list of strings, one for each teacher and one for the student:
            the layers whose outputs are `F_i` and `F_S`; `None` in it, or for
            all, for the last maps (`tapped`). Teachers' maps are resized to the
            student's; if one has vectors, all maps become their means.
        hidden: integer. Channels of the common space.
        targets: string. `"joint"`, one softmax over all classes, or
            `"separate"`, one for each teacher, so that `L_C` is a sum: where
            teachers do not know each other's classes, the most confident
            one does not decide then.
        temperature: float. `T`.
        calibrate: boolean. Whether `fit_stages` first divides the logits of
            each teacher by their deviation over the images, in units of the
            mean of all teachers: those that were trained apart are not of one
            scale.
        weights: dict, `"soft_targets"`, `"common"`, `"reconstruction"` ->
            float. Of `L_C`, `L_M` and `L_R`; what is 0 is not computed.
        warm_up: integer. Steps in which the weights of `L_M` and `L_R` grow
            from 0.
        bandwidths: tuple of floats or `"median"`, as of the MMD.
        augmentation: `keras.Layer` that changes images at random in training,
            or `None`. Teachers and student see the changed images. Without it,
            what the teachers say of arrays is computed once.
        seed: integer. Seed of the initial weights, and of the order of the
            images in `fit_stages`.
        white: float. What white is in the images, 1.0 or 255.0.
        **kwargs: `name` and `dtype`, as for any `keras.Model`.

    Call arguments:
        inputs: float tensor of images `(batch, height, width, channels)` of any
            size (each network gets them resized to its own), or a dict with the
            key `"images"`.
        training: boolean. Whether to augment, and to drop out in the student.

    Returns:
        Dict of what the terms compare: `"targets"` and `"logits"`, and, as
        lists with an item for each teacher, `"features"`, `"decoded"` and
        `"teacher_codes"`; `"student_code"`.

    Attributes:
        student: functional `keras.Model`, images to logits.
        slices: list of `slice`, the logits of each teacher.

    Raises:
        ValueError: If an argument is not as above, or no features are found.

    Example:

    >>> def teacher(size, num_classes):
    ...     return keras.Sequential([
    ...         keras.Input((size, size, 3)),
    ...         keras.layers.Conv2D(6, 3, activation="relu"),
    ...         keras.layers.GlobalAveragePooling2D(),
    ...         keras.layers.Dense(num_classes),
    ...     ])
    >>> amalgamator = keras_vipa.amalgamation.CommonFeatureAmalgamator(
    ...     [teacher(8, 2), teacher(12, 3)], ratio=20.0, hidden=4)
    >>> history = amalgamator.fit_stages(
    ...     np.random.rand(64, 8, 8, 3).astype("float32"), {"joint": 1},
    ...     verbose=0)
    >>> amalgamator.student.output_shape
    (None, 5)

    Differences from the paper (compared with the authors' program, since the
    text was not at hand beyond abstract and figures):

    1. Small networks from random weights instead of ImageNet's, Adam without
       decay of the weights, and a rate that falls as a cosine.
    2. Maps of different sizes are resized; the program takes networks whose
       maps are equal.
    3. `targets`, `calibrate`, `warm_up`, `bandwidths` and `augmentation` are
       ours; their defaults are the program's, but for the augmentation, of
       which the program has crops and flips.

    Reference:
        Luo, Wang, Fang, Hu, Tao, Song. "Knowledge Amalgamation from
        Heterogeneous Networks by Common Feature Learning". IJCAI 2019.
        https://arxiv.org/abs/1906.10546
    """

    learning_rates = {"joint": 3e-3}
    backup_seconds = 20

    def __init__(
        self,
        teachers,
        student="separable",
        ratio=0.4,
        image_shape=None,
        taps=None,
        hidden=128,
        targets="joint",
        temperature=1.0,
        calibrate=False,
        weights=None,
        warm_up=0,
        bandwidths=BANDWIDTHS,
        augmentation=None,
        seed=0,
        white=1.0,
        **kwargs,
    ):
        teachers = check_teachers(teachers, 2)
        checks.choice("targets", targets, ("joint", "separate"))
        checks.integer("hidden", hidden)
        checks.integer("warm_up", warm_up, 0)
        checks.number("temperature", temperature, above=True)
        if not isinstance(augmentation, keras.Layer | None):
            rule = "`augmentation` must be a `keras.Layer` or None"
            checks.fail(rule, "augmentation", augmentation)
        taps = _checked_taps(taps, len(teachers))
        weights = {**WEIGHTS, **_checked_weights(weights)}
        weights = {term: weights[term] for term in TERMS if weights[term]}
        super().__init__(teachers, {"joint": weights}, seed, white, **kwargs)
        self.options = {
            "ratio": ratio,
            "taps": taps,
            "hidden": hidden,
            "targets": targets,
            "temperature": temperature,
            "calibrate": calibrate,
            "weights": weights,
            "warm_up": warm_up,
            "bandwidths": bandwidths,
        }
        self.augmentation = augmentation
        self.views = [
            tapped(teacher, tap, f"teacher_{number}")
            for number, (teacher, tap) in enumerate(zip(teachers, taps), 1)
        ]
        counts = [view.output["logits"].shape[-1] for view in self.views]
        ends = [0, *np.cumsum(counts).tolist()]
        self.slices = [slice(a, b) for a, b in zip(ends, ends[1:])]
        if isinstance(student, str):
            shape = image_shape or self.views[0].input_shape[1:]
            most = ratio * sum(teacher.count_params() for teacher in teachers)
            student = new_student(student, shape, ends[-1], most, seed)
        self.student = student
        self.student_view = tapped(student, taps[-1], "student")
        logits = self.student_view.output["logits"]
        if logits.shape[-1] != ends[-1]:
            raise ValueError(
                f"The student must score all {ends[-1]} classes of the "
                f"teachers. Received: {logits.shape[-1]} classes"
            )
        self.scales = self.add_weight(
            shape=(len(teachers),),
            initializer="ones",
            trainable=False,
            name="scales",
        )
        self.space = None
        if "common" in weights or "reconstruction" in weights:
            channels = [
                view.output["features"].shape[-1] for view in self.views
            ]
            self.space = CommonSpace(channels, hidden, seed, name="space")
        self.set_phase("joint")
        self.build(self.student.input_shape)

    @property
    def image_shape(self):
        """Images may be of any size."""
        return None

    def build(self, input_shape):
        if self.space is not None:
            shapes = [
                view.output["features"].shape
                for view in (self.student_view, *self.views)
            ]
            self.space.build(*_common_shapes(*shapes))
        self.built = True

    def fit_stages(self, data, epochs, batch_size=64, labels=None, **kwargs):
        if self.options["calibrate"] and hasattr(data, "shape"):
            self.calibrate(self._in_range(data, {})[0], batch_size)
        return super().fit_stages(data, epochs, batch_size, labels, **kwargs)

    def calibrate(self, images, batch_size=64):
        """Find the scales of the teachers' logits; see `calibrate` above.

        Args:
            images: float array `(n, height, width, channels)`.
            batch_size: integer.
        """
        deviations = []
        for view in self.views:
            parts = [
                ops.convert_to_numpy(self._seen(view, part)["logits"])
                for part in np.array_split(
                    images, -(-len(images) // batch_size)
                )
            ]
            deviations.append(np.concatenate(parts).std(axis=-1).mean())
        self.scales.assign(np.mean(deviations) / np.maximum(deviations, 1e-6))

    def _seen(self, view, images):
        """What a frozen teacher makes of images."""
        return view(fitted(images, view.input_shape[1:]), training=False)

    def feature_names(self):
        if self.augmentation is not None:
            return ()
        kinds = ("logits", "features") if self.space else ("logits",)
        numbers = range(1, len(self.views) + 1)
        return [f"{kind}_{number}" for kind in kinds for number in numbers]

    def frozen_features(self, inputs):
        """`logits_1`, `features_1` and so on: what each teacher returns."""
        if "images" not in inputs:
            rule = "Inputs as a dict must have the key 'images'"
            checks.fail(rule, "keys", list(inputs))
        found = {}
        for number, view in enumerate(self.views, 1):
            seen = self._seen(view, inputs["images"])
            size = self._map_size()
            found[f"logits_{number}"] = seen["logits"]
            found[f"features_{number}"] = _as_map(seen["features"], size)
        return found

    def _map_size(self):
        """Height and width of all maps; (1, 1) if one has vectors."""
        views = (self.student_view, *self.views)
        shapes = [view.output["features"].shape for view in views]
        return _common_shapes(*shapes)[0][1:3]

    def call(self, inputs, training=None):
        if self.augmentation is not None:
            images = inputs["images"] if isinstance(inputs, dict) else inputs
            images = self.augmentation(images, training=training)
            inputs = {"images": images}
            features = {**inputs, **self.frozen_features(inputs)}
        else:
            features = self.with_features(inputs)
        numbers = range(1, len(self.views) + 1)
        logits = [features[f"logits_{number}"] for number in numbers]
        shape = self.student.input_shape[1:]
        student = self.student_view(
            fitted(features["images"], shape), training=training
        )
        outputs = {
            "targets": [ops.stop_gradient(x) for x in logits],
            "logits": student["logits"],
        }
        if self.space is None:
            return outputs
        maps = [features[f"features_{number}"] for number in numbers]
        maps = [ops.stop_gradient(x) for x in maps]
        own = _as_map(student["features"], self._map_size())
        return {**outputs, "features": maps, **self.space(own, maps)}

    def loss_terms(self, inputs, outputs):
        options = self.options
        targets = [
            self.scales[number] * ops.cast(target, "float32")
            for number, target in enumerate(outputs["targets"])
        ]
        logits, temperature = outputs["logits"], options["temperature"]
        if options["targets"] == "joint":
            pairs = [(ops.concatenate(targets, axis=-1), logits)]
        else:
            parts = [logits[:, part] for part in self.slices]
            pairs = list(zip(targets, parts))
        terms = {
            "soft_targets": sum(
                soft_cross_entropy(*pair, temperature) for pair in pairs
            )
        }
        if self.space is not None:
            started = self._started()
            terms["common"] = started * sum(
                maximum_mean_discrepancy(
                    code, outputs["student_code"], options["bandwidths"]
                )
                for code in outputs["teacher_codes"]
            )
            pairs = zip(outputs["features"], outputs["decoded"])
            terms["reconstruction"] = started * sum(
                mean_of_each(squared_error(*pair)) for pair in pairs
            )
        return {name: terms[name] for name in options["weights"]}

    def _started(self):
        """The part of the warm-up that is over, in [0, 1]."""
        steps = self.options["warm_up"]
        optimizer = getattr(self, "optimizer", None)
        if not steps or optimizer is None:
            return 1.0
        done = ops.cast(optimizer.iterations, "float32")
        return ops.minimum(1.0, (done + 1.0) / steps)

    def get_config(self):
        serialize = keras.saving.serialize_keras_object
        return {
            **super().get_config(),
            **self.options,
            "teachers": [serialize(teacher) for teacher in self.teachers],
            "student": serialize(self.student),
            "augmentation": serialize(self.augmentation),
            "seed": self.seed,
            "white": self.white,
        }

    @classmethod
    def from_config(cls, config):
        load = keras.saving.deserialize_keras_object
        return cls(
            **{
                **config,
                "teachers": [load(teacher) for teacher in config["teachers"]],
                "student": load(config["student"]),
                "augmentation": load(config["augmentation"]),
            }
        )


class CommonSpace(layers.Layer):
    """The block that is thrown away: adaptations, extractor, decoders.

    Args:
        channels: list of integers, of each teacher's features.
        hidden: integer. Channels of the common space.
        seed: integer. Seed of the initial weights.
        **kwargs: arguments of `keras.Layer`.

    Call arguments:
        student: tensor `(batch, height, width, channels)`, features.
        teachers: list of such tensors, of equal sizes.

    Returns:
        Dict: `"student_code"` `(batch, height, width, hidden)`, and lists
        `"teacher_codes"` of such tensors and `"decoded"` of tensors like
        `teachers`.
    """

    def __init__(self, channels, hidden, seed=0, **kwargs):
        super().__init__(**kwargs)
        self.channels, self.hidden = list(channels), hidden
        seeds = itertools.count(1000 * seed)

        def convolution(width, size, use_bias=True, activation=None):
            return layers.Conv2D(
                width,
                size,
                padding="same",
                use_bias=use_bias,
                activation=activation,
                kernel_initializer=keras.initializers.HeUniform(next(seeds)),
                data_format="channels_last",
                dtype=self.dtype_policy,
            )

        def linear(width, size, activation=None):
            return convolution(width, size, False, activation)

        self.adaptations = [
            linear(2 * hidden, 1, "relu") for _ in (None, *channels)
        ]
        self.blocks = [
            {
                "first": convolution(hidden, 3, activation="relu"),
                "second": convolution(hidden, 3),
            }
            for _ in range(3)
        ]
        self.shortcut = linear(hidden, 1)
        self.decoders = [
            (linear(width, 3, "relu"), linear(width, 1)) for width in channels
        ]

    def build(self, student_shape, *teacher_shapes):
        shapes = (student_shape, *teacher_shapes)
        for layer, shape in zip(self.adaptations, shapes, strict=True):
            layer.build(shape)
        places = student_shape[:-1]
        width = 2 * self.hidden
        self.shortcut.build((*places, width))
        for block in self.blocks:
            block["first"].build((*places, width))
            block["second"].build((*places, self.hidden))
            width = self.hidden
        for (first, second), channels in zip(self.decoders, self.channels):
            first.build((*places, self.hidden))
            second.build((*places, channels))
        self.built = True

    def call(self, student, teachers):
        own, *others = self.adaptations
        codes = [
            self.extract(adapt(features))
            for adapt, features in zip(others, teachers)
        ]
        decoded = [
            second(first(code))
            for (first, second), code in zip(self.decoders, codes)
        ]
        return {
            "student_code": self.extract(own(student)),
            "teacher_codes": codes,
            "decoded": decoded,
        }

    def extract(self, x):
        """The extractor E: blocks without normalization."""
        shortcut = self.shortcut(x)
        for block in self.blocks:
            x = ops.relu(block["second"](block["first"](x)) + shortcut)
            shortcut = x
        return x


def _as_map(features, size):
    """A map of some size; for (1, 1) its mean."""
    if tuple(size) != (1, 1):
        return resized(features, size)
    if len(features.shape) == 4:
        features = ops.mean(features, axis=(1, 2))
    return features[:, None, None, :]


def _common_shapes(student, *teachers):
    """Shapes of all maps as the block takes them, the student's first."""
    shapes = (student, *teachers)
    has_vectors = any(len(shape) == 2 for shape in shapes)
    size = (1, 1) if has_vectors else tuple(student[1:3])
    return [(None, *size, shape[-1]) for shape in shapes]


def _checked_taps(taps, count):
    if taps is None:
        return [None] * (count + 1)
    if not isinstance(taps, list | tuple) or len(taps) != count + 1:
        rule = f"`taps` must be a list of {count} layers and the student's"
        checks.fail(rule, "taps", taps)
    return list(taps)


def _checked_weights(weights):
    weights = {} if weights is None else weights
    if not isinstance(weights, dict) or not set(weights) <= set(TERMS):
        rule = f"`weights` must be a dict of some of {TERMS}"
        checks.fail(rule, "weights", weights)
    for term, weight in weights.items():
        checks.number(f"weights['{term}']", weight)
    if weights.get("soft_targets") == 0:
        rule = "`weights['soft_targets']` must be positive"
        checks.fail(rule, "weights", weights)
    return weights
