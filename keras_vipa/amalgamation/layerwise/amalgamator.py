"""Amalgamating Knowledge towards Comprehensive Classification (AAAI 2019)."""

import math
import numbers
import pathlib
import zlib

import keras
import numpy as np
from keras import ops

from keras_vipa.amalgamation.amalgamator import Amalgamator
from keras_vipa.amalgamation.inputs import check_augmentation
from keras_vipa.amalgamation.inputs import check_teachers
from keras_vipa.amalgamation.layerwise.layer_list import LayerList
from keras_vipa.amalgamation.layerwise.layer_list import align_inputs
from keras_vipa.amalgamation.layerwise.layer_list import check_pairs
from keras_vipa.amalgamation.layerwise.layer_list import narrow
from keras_vipa.losses import squared_error
from keras_vipa.utils import checks

# The student's channels in those of the teachers together; 1 is enough.
_MOST = 100


@keras.saving.register_keras_serializable(package="keras_vipa")
class LayerwiseAmalgamator(Amalgamator):
    """One student from several classifiers of one architecture, layer by layer.

    Teacher `i` scores `C_i` classes; the student scores all `C_1 + ... + C_N`,
    in the order of the teachers. Labels are never used. With `F_i^l` the
    output of layer `l` of teacher `i` before the activation, of shape
    `(batch, height_l, width_l, channels_il)` or `(batch, channels_il)`:

    Phase `"autoencoders"` compresses the teachers' features, with a linear
    auto-encoder for every layer but the last:

        F_c^l  = concatenate(F_1^l, ..., F_N^l)
        F_a^l  = E^l F_c^l + b_E^l
        F_c'^l = D^l F_a^l + b_D^l
        loss   = sum_l mean((F_c'^l - F_c^l)^2)

    Phase `"layers"` trains each layer `S^l` of the student to compute the
    compressed feature of that layer from the compressed feature of the layer
    before. `A^l` is an adaptation layer, a square linear map which gives the
    activation behind it coordinates of its own choice:

        output^l = S^l(activation, pooling, ...(A^(l-1) F_a^(l-1) + a^(l-1)))
        loss     = sum_l mean((output^l - F_a^l)^2)

    where `output^1 = S^1(images)` and, for the last layer, the target is the
    concatenation of the teachers' logits. `fold()` then multiplies `A^l` into
    `S^l`; `fit_stages` calls it at the end of the phase, and who trains with
    `fit` has to.

    Phase `"joint"` trains the whole student on the concatenated logits:

        loss = mean((student(images) - concatenate(t_1(images), ...))^2)

    where the student, but not the teachers, may see the images augmented.

    The terms of the first two sums share no weight, so that one step on the
    sum is the independent step of every layer; the teachers run once a batch
    for all layers. (An optimizer with `global_clipnorm` would couple them.)
    For another optimizer for each layer compile with
    `keras.optimizers.MultiOptimizer`.

    Args:
        teachers: list of at least two functional or sequential
            `keras.Model`: images of one shape to class scores, `(batch,
            C_i)`. Their layers must correspond in all but width, and but for
            Rescaling, Normalization or BatchNormalization of the image: each
            keeps its own, the student gets that of the first. Conv and dense
            stacks, with or without BatchNormalization, and residual
            networks work. Copies in a plain form are trained from
            (`amalgamator.teachers`); the models themselves are left alone.
        widths: list of integers, the student's channels for each layer but
            the last; or a float, the ratio to the teachers' channels
            together. Defaults to `0.85 / sqrt(number of teachers)` (our
            choice: the inner layers of the student then have 0.72 times the
            weights of those of the teachers together).
        augmentation: `keras.Layer` that changes images at random in training,
            such as `keras.layers.RandomTranslation`, or `None`. In phase
            `"joint"` the student sees the changed images and has to return
            what the teachers return for the unchanged ones.
        phase: string. Phase to start with.
        seed: integer. Seed of the initial weights, and of the order of the
            images in `fit_stages`.
        white: float. What white is in the images that the teachers take: 1.0,
            or 255.0 if they were trained on 0..255; the student then takes
            the same. Arrays of uint8 are scaled to it.
        **kwargs: `name` and `dtype`, as for any `keras.Model`.

    Call arguments:
        inputs: float tensor of images `(batch, height, width, 3)`, or a dict
            with the key `"images"` and the teachers' features by layer name.
        training: boolean. Whether to augment and to drop out.

    Returns:
        Dict, name -> `(target, output)` for each term of the phase's loss.
        The predictions of the student are those of `amalgamator.student`.

    Attributes:
        student: functional `keras.Model` of ordinary Keras layers, images to
            logits `(batch, C_1 + ... + C_N)`.
        slices: list of `slice`, the logits of each teacher.

    Raises:
        ValueError: If there are fewer than two teachers, if their layers do
            not correspond, or if `widths` has the wrong length.

    Example:

    >>> def teacher(num_classes):
    ...     return keras.Sequential([
    ...         keras.Input((8, 8, 3)),
    ...         keras.layers.Conv2D(4, 3, activation="relu"),
    ...         keras.layers.Flatten(),
    ...         keras.layers.Dense(num_classes),
    ...     ])
    >>> amalgamator = keras_vipa.amalgamation.LayerwiseAmalgamator(
    ...     [teacher(2), teacher(3)], widths=[6])
    >>> history = amalgamator.fit_stages(
    ...     np.random.rand(64, 8, 8, 3).astype("float32"), verbose=0,
    ...     epochs={"autoencoders": 1, "layers": 1, "joint": 1})
    >>> amalgamator.student.output_shape
    (None, 5)

    Differences from the paper (its text was not at hand beyond the abstract;
    compared with the authors' first release, KamalEngine `e359a93`):

    1. Adam with one decaying rate instead of SGD with a rate for each layer.
    2. BatchNormalization, which AlexNet lacks, is absorbed into the layer in
       front of it; the student has biases instead.
    3. In residual networks, which the release does not cover, the layers are
       the blocks, and shortcuts are 1x1 convolutions (`layer_list.narrow`).
    4. The auto-encoders start as orthogonal projections, not from uniform
       noise: after as many steps they are much closer to the optimum.
    5. `augmentation` is ours; without it the student can only imitate.

    Reference:
        Shen, Wang, Song, Sun, Song. "Amalgamating Knowledge towards
        Comprehensive Classification". AAAI 2019.
        https://arxiv.org/abs/1811.02796
    """

    learning_rates = {"autoencoders": 1e-2, "layers": 1e-2, "joint": 3e-3}
    # Small students on few images have epochs that take less than a backup.
    backup_seconds = 20

    def __init__(
        self,
        teachers,
        widths=None,
        augmentation=None,
        phase="autoencoders",
        seed=0,
        white=1.0,
        **kwargs,
    ):
        lists = [
            LayerList.of(teacher, f"teacher_{number}")
            for number, teacher in enumerate(check_teachers(teachers, 2), 1)
        ]
        lists = align_inputs(lists)
        check_pairs(lists)
        check_augmentation(augmentation)
        names = lists[0].names[:-1]
        phases = {
            "autoencoders": [f"{name}_reconstruction" for name in names],
            "layers": [*names, "logits"],
            "joint": ["logits"],
        }
        phases = {phase: dict.fromkeys(t, 1.0) for phase, t in phases.items()}
        teachers = [item.model for item in lists]
        super().__init__(teachers, phases, seed, white, **kwargs)
        self.augmentation = augmentation
        self.layer_names = names
        self.teacher_features = _concatenated_features(lists)
        features = self.teacher_features.output
        channels = [features[name].shape[-1] for name in names]
        self.widths = _checked_widths(widths, channels, len(lists))
        self.student_layers = narrow(
            lists, self.widths, seed, self.dtype_policy
        )
        self.student = self.student_layers.model
        ends = [0, *np.cumsum([item.num_classes for item in lists]).tolist()]
        self.slices = [slice(a, b) for a, b in zip(ends, ends[1:])]
        orthogonal = keras.initializers.OrthogonalInitializer
        uniform = keras.initializers.LecunUniform
        self.encoders = self._linear_maps("encoder", self.widths, orthogonal)
        self.decoders = self._linear_maps("decoder", channels, orthogonal)
        self.adaptations = self._linear_maps("adaptation", self.widths, uniform)
        self.set_phase(phase)
        self.build(self.student.input_shape)

    def _linear_maps(self, role, widths, initializer):
        """A 1x1 convolution for each layer; `Dense` acts on the channels."""
        return [
            keras.layers.Dense(
                width,
                kernel_initializer=initializer(
                    seed=zlib.crc32(f"{self.seed} {role} {number}".encode())
                ),
                dtype=self.dtype_policy,
                name=f"{name}_{role}",
            )
            for number, (name, width) in enumerate(
                zip(self.layer_names, widths)
            )
        ]

    def build(self, input_shape):
        features = self.teacher_features.output
        for number, name in enumerate(self.layer_names):
            shape = features[name].shape
            code_shape = (*shape[:-1], self.widths[number])
            self.encoders[number].build(shape)
            self.decoders[number].build(code_shape)
            self.adaptations[number].build(code_shape)
            # The auto-encoder starts as an orthogonal projection.
            encoder, decoder = self.encoders[number], self.decoders[number]
            decoder.kernel.assign(ops.transpose(encoder.kernel))
        if self.augmentation is not None and not self.augmentation.built:
            self.augmentation.build(input_shape)
        self.built = True

    def set_phase(self, phase):
        super().set_phase(phase)
        for layer in (*self.encoders, *self.decoders):
            layer.trainable = phase == "autoencoders"
        for layer in self.adaptations:
            layer.trainable = phase == "layers"
        self.student.trainable = phase != "autoencoders"

    def finish_phase(self):
        if self.phase == "layers":
            self.fold()

    def call(self, inputs, training=None):
        # `training` is passed on everywhere, since the `training=False` of the
        # teachers would otherwise hold for the layers called after them.
        features = self.with_features(inputs)
        images = features["images"]
        if self.phase == "autoencoders":
            return self.reconstructions(features)
        if self.phase == "layers":
            return self.layer_outputs(images, features, training)
        if self.augmentation is not None:
            images = self.augmentation(images, training=training)
        logits = self.student(images, training=training)
        return {"logits": (features["logits"], logits)}

    def loss_terms(self, inputs, outputs):
        return {name: squared_error(*pair) for name, pair in outputs.items()}

    def reconstructions(self, features):
        """Each F_c with its image F_c' under the auto-encoder of the layer."""
        return {
            f"{name}_reconstruction": (
                features[name],
                decoder(encoder(features[name])),
            )
            for name, encoder, decoder in zip(
                self.layer_names, self.encoders, self.decoders
            )
        }

    def layer_outputs(self, images, features, training=None):
        """Each amalgamated feature F_a with the output of the student's layer.

        The layer reads the amalgamated feature of the layer before, so no
        layer waits for another. The last pair is the teachers' logits and the
        student's.
        """
        names = [*self.layer_names, "logits"]
        codes = [
            ops.stop_gradient(encoder(features[name]))
            for name, encoder in zip(self.layer_names, self.encoders)
        ]
        inputs = [
            images,
            *(adapt(code) for adapt, code in zip(self.adaptations, codes)),
        ]
        targets = [*codes, features["logits"]]
        return {
            name: (
                targets[number],
                self.student_layers.run(number, value, training),
            )
            for number, (name, value) in enumerate(zip(names, inputs))
        }

    def fold(self):
        """Multiply the adaptation layers into the student.

        For layer l and its adaptation `A`, `a`, which follows it directly:

            kernel' = kernel A
            bias'   = bias A + a

        A layer that ends in a sum has a kernel and bias for each of its
        terms; `a` is then added to one of them. The adaptation layers become
        the identity.
        """
        for number, adaptation in enumerate(self.adaptations):
            matrix, shift = adaptation.get_weights()
            for step in self.student_layers.end_steps(number):
                layer = self.student_layers.layers[step]
                kernel, bias = layer.get_weights()
                layer.set_weights([kernel @ matrix, bias @ matrix + shift])
                shift = np.zeros_like(shift)
            adaptation.set_weights([np.eye(len(matrix)), shift])

    def feature_names(self):
        if self.phase == "joint":
            return ["logits"]
        if self.phase == "layers":
            return [*self.layer_names, "logits"]
        return self.layer_names

    def frozen_features(self, inputs):
        """The concatenated features F_c of every layer."""
        if "images" not in inputs:
            rule = "Inputs as a dict must have the key 'images'"
            checks.fail(rule, "keys", list(inputs))
        return self.teacher_features(inputs["images"], training=False)

    def get_config(self):
        return {
            **super().get_config(),
            "teachers": keras.saving.serialize_keras_object(
                list(self.teachers)
            ),
            "widths": self.widths,
            "augmentation": keras.saving.serialize_keras_object(
                self.augmentation
            ),
            "phase": self.phase,
            "seed": self.seed,
            "white": self.white,
        }

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        for key in ("teachers", "augmentation"):
            config[key] = keras.saving.deserialize_keras_object(config[key])
        return cls(**config)


def amalgamate_incrementally(
    teachers,
    images,
    epochs,
    widths=None,
    augmentation=None,
    seed=0,
    backup_dir=None,
    white=1.0,
    **kwargs,
):
    """Amalgamate two teachers, then the result with the third, and so on.

    The alternative to giving all teachers to one `LayerwiseAmalgamator`, with
    smaller auto-encoders; the classes have the same order. (The authors'
    release has two teachers; this extension is as we remember the paper.)

    Args:
        teachers: list of at least two `keras.Model`, as for
            `LayerwiseAmalgamator`.
        images: as for `LayerwiseAmalgamator.fit_stages`.
        epochs: dict, phase -> integer, for each of the amalgamations.
        widths: float or list of integers, as for `LayerwiseAmalgamator`, for
            each of the amalgamations.
        augmentation: as for `LayerwiseAmalgamator`.
        seed: integer. Seed of weights and batches.
        backup_dir: string or path. Folder for the state of the training.
        white: float, as for `LayerwiseAmalgamator`.
        **kwargs: other arguments of `fit_stages`.

    Returns:
        The last `LayerwiseAmalgamator`; its `student` has all classes.

    Raises:
        ValueError: As `LayerwiseAmalgamator`.
    """
    merged = check_teachers(teachers, 2)[0]
    for number, teacher in enumerate(teachers[1:], 1):
        amalgamator = LayerwiseAmalgamator(
            [merged, teacher],
            widths,
            augmentation=augmentation,
            seed=seed,
            white=white,
        )
        folder = backup_dir and pathlib.Path(backup_dir, f"teachers_{number}")
        amalgamator.fit_stages(images, epochs, backup_dir=folder, **kwargs)
        merged = amalgamator.student
    return amalgamator


def _concatenated_features(lists):
    """One model of all teachers: image -> F_c of every layer, and logits."""
    image = keras.Input(lists[0].model.input_shape[1:], name="images")
    features = [
        keras.Model(item.model.inputs, item.features)(image) for item in lists
    ]
    outputs = {
        name: ops.concatenate(parts, axis=-1)
        for name, parts in zip([*lists[0].names[:-1], "logits"], zip(*features))
    }
    return keras.Model(image, outputs, name="teacher_features")


def _checked_widths(widths, channels, num_teachers):
    """One width for each layer but the last."""
    if widths is None:
        widths = 0.85 / math.sqrt(num_teachers)
    is_real = isinstance(widths, numbers.Real) and not isinstance(widths, bool)
    if is_real and not 0 < widths <= 1:
        raise ValueError(
            f"`widths` as a ratio must lie between 0 and 1. Received: {widths}"
        )
    if is_real:
        return [max(1, round(widths * total)) for total in channels]
    is_list = isinstance(widths, list | tuple | np.ndarray)
    whole = is_list and all(map(checks.is_integer, widths))
    if not whole or len(widths) != len(channels):
        rule = "`widths` must be a ratio or one positive number for each layer "
        checks.fail(
            f"{rule}but the last, here {len(channels)}", "widths", widths
        )
    for number, (width, total) in enumerate(zip(widths, channels)):
        name = f"widths[{number}]"
        if width > _MOST * total:
            rule = f"`widths` must be at most {_MOST} times the teachers'"
            checks.fail(rule, name, width)
    return [int(width) for width in widths]
