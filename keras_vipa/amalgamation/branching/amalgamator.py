"""Student Becoming the Master (CVPR 2019)."""

import dataclasses
import functools
import itertools
import types

import keras
from keras import ops

from keras_vipa.amalgamation.branch_points import BranchPointAmalgamator
from keras_vipa.amalgamation.branching.options import LOSSES
from keras_vipa.amalgamation.branching.options import checked_losses
from keras_vipa.amalgamation.branching.options import checked_teachers
from keras_vipa.amalgamation.branching.options import key_of
from keras_vipa.amalgamation.branching.options import tasks_of
from keras_vipa.amalgamation.branching.tree import Branch
from keras_vipa.amalgamation.branching.tree import Net
from keras_vipa.amalgamation.branching.tree import check_blocks
from keras_vipa.amalgamation.branching.tree import enter_at
from keras_vipa.amalgamation.branching.tree import read
from keras_vipa.amalgamation.inputs import check_teachers
from keras_vipa.amalgamation.inputs import check_weights
from keras_vipa.amalgamation.students import renewed
from keras_vipa.layers import ChannelGate


@keras.saving.register_keras_serializable(package="keras_vipa")
class BranchingAmalgamator(BranchPointAmalgamator):
    """One network that sees all that its teachers see, pixel by pixel.

    Teachers are encoder-decoders of equal blocks, each of other tasks. Labels
    are never used. With `F_n` the student's features on the input of block `n`
    of its decoder, `n = 0` to `N - 1`, and `G_i,n` a gate of channels
    (`keras_vipa.layers.ChannelGate`) for teacher `i`, the rest of the teacher
    makes its output of them, with the student's places of maxima:

        o_i^n = T_i[n:](G_i,n(F_n))
        L_i^n = loss_i(o_i^n, o_i)         o_i: what the teacher says itself
        p_i   = argmin_n L_i^n

    In the phase of the blocks the student and the gates are trained, by
    `sum_i L_i^n`, for one `n` after the other, or for random ones. Then the
    branches are cut: up to the last of the `p_i` all tasks share the student's
    blocks; from `p_i` on, task `i` has its gate and a copy of the rest of its
    teacher. In phase `"target"` all of these are trained, by the same losses.

    Args:
        teachers: dict, task -> functional `keras.Model` of blocks
            (`keras_vipa.applications.SegNet`), image to a map of any channels.
            A student of this class is a teacher of several tasks, under a
            tuple of them.
        losses: dict, task -> what is compared: `"classes"`, cross-entropy with
            the teacher's probabilities, or `"hard_classes"`, with its
            decision; `"depth"`, the scale-invariant error, or
            `"absolute_depth"`; `"normals"`, one less the cosine; `"values"`,
            the squared error; or a function `(target, output)` to `(batch,
            ...)`.
        student: functional `keras.Model` like a teacher of one task, whose last
            block is not used. Defaults to the layers of the first of them, with
            new weights.
        weights: dict, task -> float. Of the losses, 1 where there is none.
        points: dict, key of `teachers` -> integer `p_i`, if they are not to be
            chosen.
        schedule: string. `"random"`: one phase `"blocks"`, in which each
            teacher has another random `n` in each step; or `"stepwise"`: phases
            `"block_1"` to `"block_N"`, for `n = 0` to `N - 1`.
        augmentation: `keras.Layer` that changes images at random in training,
            or `None`. Teachers and student see the changed images.
        phase: string. What `fit` trains at first; `fit_stages` sets it.
        seed: integer. Seed of the initial weights, of random places, and of the
            order of the images in `fit_stages`.
        white: float. What white is in the images, 1.0 or 255.0.
        **kwargs: `name` and `dtype`, as for any `keras.Model`.

    Call arguments:
        inputs: float tensor of images `(batch, height, width, channels)`, or a
            dict with the key `"images"`.
        training: boolean. Whether to augment, and to normalize by the batch.

    Returns:
        Dict, task -> pair of the teacher's map and the student's.

    Attributes:
        student: functional `keras.Model`, images to a dict, task -> map, with
            the branch points that have been chosen; before that, with the last
            ones.
        points: dict, key of `teachers` -> integer; `None` before. May be set,
            to try others in phase `"target"`.
        curve: dict, task -> list of `L_i^n`, one for each `n`.

    Raises:
        ValueError: If an argument is not as above, or blocks do not fit
            together.

    Example:

    >>> def teacher(outputs, activation=None):
    ...     return keras_vipa.applications.SegNet(
    ...         outputs, activation, width=2, depth=2, image_shape=(8, 8, 3))
    >>> amalgamator = keras_vipa.amalgamation.BranchingAmalgamator(
    ...     {"parsing": teacher(4), "normals": teacher(3, "unit")},
    ...     {"parsing": "classes", "normals": "normals"})
    >>> history = amalgamator.fit_stages(
    ...     np.random.rand(32, 8, 8, 3).astype("float32"),
    ...     {"blocks": 1, "target": 1}, batch_size=16, verbose=0)
    >>> {task: x.shape for task, x in amalgamator.student.output.items()}
    {'parsing': (None, 8, 8, 4), 'normals': (None, 8, 8, 3)}

    Differences from the paper (as far as the authors' later program and its
    discussions tell; the text was not at hand beyond abstract and figures):

    1. Probabilities instead of decisions of the parsing teacher, as in the
       later program.
    2. The schedule is the later program's: in a step-wise one, what is
       measured for a block depends on how long the student has been trained
       before. `schedule="stepwise"` is the paper's.
    3. The student begins with random weights instead of ImageNet's, Adam with
       one rate that falls as a cosine.
    4. Added to a finished student (`teachers` with a tuple), a task enters a
       branch behind its gate without the gate, which is for other features.

    Reference:
        Ye, Ji, Wang, Ou, Tao, Song. "Student Becoming the Master: Knowledge
        Amalgamation for Joint Scene Parsing, Depth Estimation, and More".
        CVPR 2019. https://arxiv.org/abs/1904.10167
    """

    def __init__(
        self,
        teachers,
        losses,
        student=None,
        weights=None,
        points=None,
        schedule="random",
        augmentation=None,
        phase=None,
        seed=0,
        white=1.0,
        **kwargs,
    ):
        teachers = checked_teachers(teachers)
        models = check_teachers(list(teachers.values()), 2)
        nets = [
            read(model, tasks_of(key), f"teacher_{number}")
            for number, (key, model) in enumerate(teachers.items(), 1)
        ]
        branches = {key: tasks_of(key) for key in teachers}
        tasks = [task for found in branches.values() for task in found]
        weights = check_weights(weights, dict.fromkeys(tasks, 1.0), tasks)
        losses = checked_losses(losses, tasks)
        if student is None:
            # Of one task.
            alike = min(models, key=lambda model: len(model.outputs))
            student = renewed(alike, seed)
        super().__init__(
            models,
            branches,
            range(len(nets[0].encoder)),
            weights,
            student,
            points,
            schedule,
            augmentation,
            seed,
            white,
            **kwargs,
        )
        self.task_losses = losses
        self._add_layers(nets, seed)
        self.begin(phase)

    def _add_layers(self, nets, seed):
        """The trunk, gates for all places, and copies of the teachers."""
        trunk = read(self.trunk, ["outputs"], "The student")
        shapes = trunk.shapes()
        for number, net in enumerate(nets, 1):
            check_blocks(shapes, net.shapes(), f"teacher_{number}")
        names = ["_".join(tasks) for tasks in self.plan.branches.values()]
        copies = [net.root.copied(name) for net, name in zip(nets, names)]
        # What is made of layers, beside the layers, of which Keras keeps track.
        self.nets = types.SimpleNamespace(
            trunk=trunk, teachers=nets, copies=copies, target=None
        )
        self.copied_layers = [copy.layers() for copy in copies]
        count = len(self.plan.places)
        self.gates = [
            [
                self._gate(f"{name}_gate", seed + place, shape)
                for place, shape in enumerate(shapes)
            ]
            for name, seed in zip(names, itertools.count(seed, count))
        ]

    def _gate(self, name, seed, shape):
        gate = ChannelGate(seed=seed, name=name, dtype=self.dtype_policy)
        gate.build(shape)
        return gate

    def student_outputs(self, image, points):
        outputs = self._target(points).run(image)
        return {task: outputs[task] for task in self.terms}

    def _target(self, places):
        """TargetNet: the trunk as far as it is needed, and a branch each."""
        trunk = self.nets.trunk
        branches = [
            dataclasses.replace(copy.entered(place), gate=gates[place])
            for copy, gates, place in zip(self.nets.copies, self.gates, places)
        ]
        blocks = trunk.root.blocks[: max(places)]
        return Net(trunk.encoder, Branch(0, None, blocks, None, branches))

    def student_layers(self):
        trunk = self.nets.trunk
        rest = [x for part in (self.copied_layers, self.gates) for x in part]
        layers = [*trunk.encoder, *trunk.root.blocks]
        return layers + [layer for part in rest for layer in part]

    def target_layers(self, points):
        self.nets.target = self._target(points)
        return [*self.nets.trunk.encoder, *self.nets.target.root.layers()]

    def block_layers(self, places):
        trunk = self.nets.trunk
        layers = [*trunk.encoder, *trunk.root.blocks[: places[-1]]]
        return layers + [g[place] for g in self.gates for place in places]

    def feature_names(self):
        return () if self.augmentation is not None else self.terms

    def frozen_features(self, inputs):
        """The teachers' maps, by task."""
        found = {}
        for tasks, teacher in zip(self.plan.branches.values(), self.teachers):
            outputs = teacher(inputs["images"], training=False)
            is_dict = isinstance(outputs, dict)
            found |= outputs if is_dict else {tasks[0]: outputs}
        return found

    def call(self, inputs, training=None):
        features = self.seen_features(inputs, training)
        images = features["images"]
        if self.phase == "target":
            found = self.nets.target.run(images, training=training)
        else:
            found = self._mimicked(images, training)
        return {
            task: (ops.stop_gradient(features[task]), found[task])
            for task in self.terms
        }

    def _mimicked(self, images, training):
        """What the rest of each teacher makes of the student's features."""
        trunk, places = self.nets.trunk, self.phase_places()
        x, indices = trunk.encode(images, training=training)
        features = [x]
        for block, kept in zip(trunk.root.blocks[: places[-1]], indices):
            x = block([x, kept], training=training)
            features.append(x)
        found = {}
        for number, net in enumerate(self.nets.teachers):
            gates = self.gates[number]
            if len(places) == 1:
                (place,) = places
                gated = gates[place](features[place])
                rest = net.root.entered(place)
                found |= rest.run(gated, indices, training=False)
                continue
            gated = [gate(x) for gate, x in zip(gates, features)]
            enter = functools.partial(enter_at, self.random_place(), gated)
            found |= net.root.run(gated[0], indices, enter, training=False)
        return found

    def loss_terms(self, inputs, outputs):
        return {
            task: LOSSES.get(self.task_losses[task], self.task_losses[task])(
                *pair
            )
            for task, pair in outputs.items()
        }

    def get_config(self):
        serialize = keras.saving.serialize_keras_object
        return {
            **super().get_config(),
            "teachers": [
                [tasks, serialize(model)]
                for tasks, model in zip(
                    self.plan.branches.values(), self.teachers
                )
            ],
            "losses": serialize(dict(self.task_losses)),
            "weights": self.phases["target"],
        }

    @classmethod
    def from_config(cls, config):
        load = keras.saving.deserialize_keras_object
        keys = [key_of(tasks) for tasks, _ in config["teachers"]]
        models = [load(model) for _, model in config["teachers"]]
        return cls.restored(
            keys,
            {
                **config,
                "teachers": dict(zip(keys, models)),
                "losses": load(config["losses"]),
            },
        )
