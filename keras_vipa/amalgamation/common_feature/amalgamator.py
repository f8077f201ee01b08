"""Knowledge Amalgamation by Common Feature Learning (IJCAI 2019)."""

import keras
import numpy as np
from keras import ops

from keras_vipa.amalgamation.amalgamator import Amalgamator
from keras_vipa.amalgamation.classifiers import fitted
from keras_vipa.amalgamation.classifiers import tapped
from keras_vipa.amalgamation.common_feature.calibration import Calibration
from keras_vipa.amalgamation.common_feature.options import checked
from keras_vipa.amalgamation.common_feature.space import CommonSpace
from keras_vipa.amalgamation.common_feature.space import as_map
from keras_vipa.amalgamation.common_feature.space import common_shapes
from keras_vipa.amalgamation.inputs import check_teachers
from keras_vipa.amalgamation.inputs import computed
from keras_vipa.amalgamation.students import new_student
from keras_vipa.losses import BANDWIDTHS
from keras_vipa.losses import maximum_mean_discrepancy
from keras_vipa.losses import soft_cross_entropy
from keras_vipa.losses import squared_error
from keras_vipa.training.phased_model import mean_of_each
from keras_vipa.utils import checks


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
        L    = L_C + a L_M + b L_R

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
        targets: string. What is compared in `L_C`: `"joint"`, one softmax
            over all classes; `"separate"`, one for each teacher, so that `L_C`
            is a sum: where teachers do not know each other's classes, the most
            confident one does not decide then, but nobody decides between
            them; or `"both"`, the sum of these.
        temperature: float. `T`.
        calibrate: string or `None`. How `fit_stages` makes the logits of
            teachers that were trained apart comparable, from about 1,000 of
            the images. With `"classes"`, the teacher decides for which a class
            is unusually likely: with means `m_i` and deviations `d_i` over
            these images of `c_i`, the place of `o_i` is taken by

                z_i = log softmax(o_i) + max((c_i - m_i) / d_i),
                c_i = o_i - mean(o_i)

            The images should show the classes of all teachers. `"teachers"`
            divides by a temperature for each, so that their logits have one
            deviation.
        weights: dict, `"soft_targets"`, `"common"`, `"reconstruction"` ->
            float. Of `L_C`, `L_M` and `L_R`, 1 where there is none; what is 0
            is not computed.
        rates: dict, `"head"`, `"block"` -> float. Learning rates of the
            student's last layer and of what is left out of it, in units of the
            student's. Defaults to 1; the authors, who start from ImageNet,
            have 10 for the head and 5 or 10 for the block.
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
    3. Teachers that were trained apart are neither calibrated against each
       other nor ignorant in the same way, so `targets` and `calibrate` are
       ours, and so are the weights `a = b = 1`. The program's are
       `targets="joint"`, `calibrate=None` and 10 for both, which in our
       trials let the most confident teacher decide, and drowned `L_C`.
    4. `warm_up`, `bandwidths="median"` and `augmentation` are ours and off;
       the program crops and flips the images.

    Reference:
        Luo, Wang, Fang, Hu, Tao, Song. "Knowledge Amalgamation from
        Heterogeneous Networks by Common Feature Learning". IJCAI 2019.
        https://arxiv.org/abs/1906.10546
    """

    learning_rates = {"joint": 3e-3}
    backup_seconds = 20
    # Images that logits are made comparable from.
    looks_at = 1000

    def __init__(
        self,
        teachers,
        student="separable",
        ratio=0.4,
        image_shape=None,
        taps=None,
        hidden=128,
        targets="both",
        temperature=1.0,
        calibrate="classes",
        weights=None,
        rates=None,
        warm_up=0,
        bandwidths=BANDWIDTHS,
        augmentation=None,
        seed=0,
        white=1.0,
        **kwargs,
    ):
        teachers = check_teachers(teachers, 2)
        options = {
            "ratio": ratio,
            "taps": taps,
            "hidden": hidden,
            "targets": targets,
            "temperature": temperature,
            "calibrate": calibrate,
            "weights": weights,
            "rates": rates,
            "warm_up": warm_up,
            "bandwidths": bandwidths,
        }
        options = checked(options, augmentation, len(teachers))
        phases = {"joint": computed(options["weights"])}
        super().__init__(teachers, phases, seed, white, **kwargs)
        self.options = options
        self.augmentation = augmentation
        self.views = _views(teachers, options["taps"])
        self.slices = _slices(self.views)
        if isinstance(student, str):
            shape = image_shape or self.views[0].input_shape[1:]
            student = self._new_student(student, shape)
        self.student = student
        self.student_view = _view_of(student, options["taps"], self.slices)
        self._add_state()
        self.set_phase("joint")
        self.build(self.student.input_shape)

    def _new_student(self, kind, image_shape):
        together = sum(teacher.count_params() for teacher in self.teachers)
        most = self.options["ratio"] * together
        count = self.slices[-1].stop
        return new_student(kind, image_shape, count, most, self.seed)

    def _add_state(self):
        """What is trained or kept beside the student."""

        def variable(name, *shape, initializer):
            return self.add_weight(
                shape=shape,
                initializer=initializer,
                trainable=False,
                aggregation="only_first_replica",
                name=name,
            )

        counts = [part.stop - part.start for part in self.slices]
        kind = self.options["calibrate"]
        self.calibration = Calibration(kind, counts, dtype="float32")
        self.calibration.build()
        # Of training, this one included.
        self.steps = variable("steps", initializer="zeros")
        self.space = None
        if set(self.phases["joint"]) > {"soft_targets"}:
            channels = [
                view.output["features"].shape[-1] for view in self.views
            ]
            hidden = self.options["hidden"]
            self.space = CommonSpace(channels, hidden, self.seed, name="space")

    @property
    def _image_shape(self):
        """Images may be of any size."""
        return None

    def build(self, input_shape):
        if self.space is not None:
            student, *teachers = self._map_shapes()
            self.space.build(student, teachers)
        self.built = True

    def look_at(self, images, batch_size):
        if self.options["calibrate"]:
            self.calibrate(images, batch_size)

    def calibrate(self, images, batch_size=64):
        """Make the teachers' logits comparable; see the argument `calibrate`.

        Args:
            images: float array `(n, height, width, channels)`.
            batch_size: integer.
        """
        self.calibration.adapt(self._logits_of(images, batch_size))

    def teacher_logits(self, images, batch_size=64, calibrated=True):
        """What the student is to learn, one teacher beside the other.

        Args:
            images: float array `(n, height, width, channels)`.
            batch_size: integer.
            calibrated: boolean. Whether as the argument `calibrate` has it, and
                not as the teachers return them.

        Returns:
            A float32 array `(n, C_1 + ... + C_N)`.
        """
        logits = self._logits_of(images, batch_size)
        if calibrated:
            logits = self.calibration(logits)
        return ops.convert_to_numpy(ops.concatenate(logits, axis=-1))

    def _logits_of(self, images, batch_size):
        """List of float32 arrays, of each teacher."""
        found = []
        for part in np.array_split(images, -(-len(images) // batch_size)):
            seen = [self._seen(view, part)["logits"] for view in self.views]
            found.append([ops.convert_to_numpy(x) for x in seen])
        return [np.concatenate(x).astype("float32") for x in zip(*found)]

    def _seen(self, view, images):
        """What a frozen teacher makes of images."""
        return view(fitted(images, view.input_shape[1:]), training=False)

    def default_optimizer(self, steps, factor=1.0):
        optimizer = super().default_optimizer(steps, factor)
        rates = self.options["rates"]
        if set(rates.values()) == {1.0}:
            return optimizer
        logits = self.student_view.output["logits"]
        parts = {"head": logits._keras_history.operation, "block": self.space}
        chosen = {
            id(variable): part
            for part, layer in parts.items()
            if layer is not None
            for variable in layer.trainable_variables
        }
        groups = {
            part: super(CommonFeatureAmalgamator, self).default_optimizer(
                steps, factor * rate
            )
            for part, rate in rates.items()
        }
        return keras.optimizers.MultiOptimizer(
            lambda variable: groups.get(chosen.get(id(variable)), optimizer)
        )

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
            found[f"logits_{number}"] = seen["logits"]
            if self.space is not None:
                found[f"features_{number}"] = self._as_map(seen["features"])
        return found

    def _map_shapes(self):
        """Shapes of the maps that the block takes, the student's first."""
        views = (self.student_view, *self.views)
        return common_shapes(*(view.output["features"].shape for view in views))

    def _as_map(self, features):
        """Features as a map of the size of all."""
        return as_map(features, self._map_shapes()[0][1:3])

    def call(self, inputs, training=None):
        if training and self.options["warm_up"]:
            self.steps.assign_add(1.0)
        features = self.seen_features(inputs, training)
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
        own = self._as_map(student["features"])
        return {**outputs, "features": maps, **self.space(own, maps)}

    def loss_terms(self, inputs, outputs):
        options = self.options
        targets = self.calibration(outputs["targets"])
        logits, temperature = outputs["logits"], options["temperature"]
        pairs = []
        if options["targets"] != "separate":
            pairs.append((ops.concatenate(targets, axis=-1), logits))
        if options["targets"] != "joint":
            pairs += zip(targets, [logits[:, part] for part in self.slices])
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
        return {name: terms[name] for name in self.phases["joint"]}

    def _started(self):
        """The part of the warm-up that is over, in [0, 1]."""
        steps = self.options["warm_up"]
        return ops.minimum(1.0, self.steps / steps) if steps else 1.0

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


def _views(teachers, taps):
    """Features and logits of each teacher."""
    return [
        tapped(*pair, f"teacher_{number}")
        for number, pair in enumerate(zip(teachers, taps), 1)
    ]


def _slices(views):
    """Places of each teacher's classes among all."""
    counts = [view.output["logits"].shape[-1] for view in views]
    ends = [0, *np.cumsum(counts).tolist()]
    return [slice(a, b) for a, b in zip(ends, ends[1:])]


def _view_of(student, taps, slices):
    """The student's features and logits, if they are of all classes."""
    view, count = tapped(student, taps[-1], "student"), slices[-1].stop
    found = view.output["logits"].shape[-1]
    if found != count:
        raise ValueError(
            f"The student must score all {count} classes of the teachers. "
            f"Received: {found} classes"
        )
    return view
