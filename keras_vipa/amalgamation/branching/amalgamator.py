"""Student Becoming the Master (CVPR 2019)."""

import dataclasses
import functools
import itertools
import types

import keras
from keras import ops

from keras_vipa.amalgamation.amalgamator import Amalgamator
from keras_vipa.amalgamation.branching.options import LOSSES
from keras_vipa.amalgamation.branching.options import SCHEDULES
from keras_vipa.amalgamation.branching.options import best_points
from keras_vipa.amalgamation.branching.options import checked_losses
from keras_vipa.amalgamation.branching.options import checked_points
from keras_vipa.amalgamation.branching.options import checked_teachers
from keras_vipa.amalgamation.branching.options import key_of
from keras_vipa.amalgamation.branching.tree import Branch
from keras_vipa.amalgamation.branching.tree import Net
from keras_vipa.amalgamation.branching.tree import check_blocks
from keras_vipa.amalgamation.branching.tree import enter_at
from keras_vipa.amalgamation.branching.tree import read
from keras_vipa.amalgamation.branching.tree import renewed
from keras_vipa.amalgamation.inputs import check_augmentation
from keras_vipa.amalgamation.inputs import check_teachers
from keras_vipa.amalgamation.inputs import check_weights
from keras_vipa.layers import ChannelGate
from keras_vipa.utils import checks

RATE = 3e-3


@keras.saving.register_keras_serializable(package="keras_vipa")
class BranchingAmalgamator(Amalgamator):
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
        points: dict, key of `teachers` -> integer; `None` before.
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

    backup_seconds = 20
    # Images that branch points are found from.
    looks_at = 500

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
        checks.choice("schedule", schedule, SCHEDULES)
        check_augmentation(augmentation)
        nets = [
            read(model, list(key), f"teacher_{number}")
            for number, (key, model) in enumerate(teachers.items(), 1)
        ]
        count = len(nets[0].encoder)
        tasks = [task for key in teachers for task in key]
        terms = check_weights(weights, dict.fromkeys(tasks, 1.0), tasks)
        losses = checked_losses(losses, tasks)
        points = checked_points(points, list(teachers), count)
        names = ["blocks"]
        if schedule == "stepwise":
            names = [f"block_{place + 1}" for place in range(count)]
        phases = {name: terms for name in (*names, "target")}
        self.learning_rates = dict.fromkeys(phases, RATE)
        super().__init__(models, phases, seed, white, **kwargs)
        self.keys, self.tasks, self.count = list(teachers), tasks, count
        self.task_losses, self.schedule = losses, schedule
        self.augmentation = augmentation
        self.given_points = points
        self.trunk = student
        if student is None:
            # Of one task.
            alike = min(models, key=lambda model: len(model.outputs))
            self.trunk = renewed(alike, seed)
        self._add_layers(nets, seed)
        self._add_state()
        self.set_phase(phase or ("target" if points else names[0]))
        self.build(self.trunk.input_shape)

    def _add_layers(self, nets, seed):
        """The trunk, gates for all places, and copies of the teachers."""
        trunk = read(self.trunk, ["outputs"], "The student")
        shapes = trunk.shapes()
        for number, net in enumerate(nets, 1):
            check_blocks(shapes, net.shapes(), f"teacher_{number}")
        names = ["_".join(key) for key in self.keys]
        copies = [net.root.copied(name) for net, name in zip(nets, names)]
        # What is made of layers, beside the layers, of which Keras keeps track.
        self.nets = types.SimpleNamespace(
            trunk=trunk,
            teachers=nets,
            copies=copies,
            target=None,
            student=None,
            sample=None,
        )
        self.copied_layers = [copy.layers() for copy in copies]
        self.gates = [
            [
                self._gate(f"{name}_gate", seed + place, shape)
                for place, shape in enumerate(shapes)
            ]
            for name, seed in zip(names, itertools.count(seed, self.count))
        ]

    def _gate(self, name, seed, shape):
        gate = ChannelGate(seed=seed, name=name, dtype=self.dtype_policy)
        gate.build(shape)
        return gate

    def _add_state(self):
        """Losses of all places, what is chosen, and what is tried."""

        def variable(name, shape, value, dtype):
            return self.add_weight(
                shape=shape,
                initializer=keras.initializers.Constant(value),
                trainable=False,
                dtype=dtype,
                name=name,
            )

        self.losses_seen = variable(
            "losses_seen", (len(self.tasks), self.count), 0.0, "float32"
        )
        self.chosen = variable("chosen", (len(self.keys),), -1, "int32")
        if self.given_points:
            self.chosen.assign(self.given_points)
        # A place for all teachers; -1 for random ones.
        self.place = variable("place", (), -1, "int32")
        self.seeds = keras.random.SeedGenerator(self.seed)

    def build(self, input_shape=None):
        if self.augmentation is not None and not self.augmentation.built:
            self.augmentation.build(input_shape)
        self.built = True

    @property
    def _image_shape(self):
        return self.trunk.input_shape[1:]

    @property
    def points(self):
        found = ops.convert_to_numpy(self.chosen).tolist()
        if min(found) < 0:
            return None
        return {key_of(key): n for key, n in zip(self.keys, found)}

    @property
    def curve(self):
        found = ops.convert_to_numpy(self.losses_seen).tolist()
        return dict(zip(self.tasks, found))

    @property
    def student(self):
        places = tuple((self.points or {}).values())
        places = places or (self.count - 1,) * len(self.keys)
        known = self.nets.student
        if known is None or known[0] != places:
            image = keras.Input(self.trunk.input_shape[1:], name="image")
            outputs = self._target(places).run(image)
            outputs = {task: outputs[task] for task in self.tasks}
            model = keras.Model(image, outputs, name="student")
            self.nets.student = known = places, model
        return known[1]

    def _target(self, places):
        """TargetNet: the trunk as far as it is needed, and a branch each."""
        trunk = self.nets.trunk
        branches = [
            dataclasses.replace(copy.entered(place), gate=gates[place])
            for copy, gates, place in zip(self.nets.copies, self.gates, places)
        ]
        blocks = trunk.root.blocks[: max(places)]
        return Net(trunk.encoder, Branch(0, None, blocks, None, branches))

    def set_phase(self, phase):
        super().set_phase(phase)
        self.trunk.trainable = True
        for layers in (*self.copied_layers, *self.gates):
            for layer in layers:
                layer.trainable = False
        blocks = self.nets.trunk.root.blocks
        if phase == "target":
            if self.points is None:
                raise ValueError(
                    "Branch points are not known yet: train the phases of the "
                    "blocks with `fit_stages`, or give `points`."
                )
            self.nets.target = self._target(tuple(self.points.values()))
            used = [
                x for b in self.nets.target.root.branches for x in b.layers()
            ]
            last = len(self.nets.target.root.blocks)
        else:
            places = self._places()
            used = [gates[place] for gates in self.gates for place in places]
            last = places[-1]
        for layer in used:
            layer.trainable = True
        for block in blocks[last:]:
            block.trainable = False

    def _places(self):
        """The places that a phase of the blocks is about."""
        number = self.phase.removeprefix("block_")
        return [int(number) - 1] if number.isdigit() else [*range(self.count)]

    def look_at(self, images, batch_size):
        self.nets.sample = images, batch_size

    def finish_phase(self):
        """Find the losses of the places, and then the branch points."""
        if self.phase == "target":
            return
        images, batch_size = self.nets.sample
        options = {"batch_size": batch_size, "verbose": 0, "return_dict": True}
        seen = ops.convert_to_numpy(self.losses_seen).copy()
        for place in self._places():
            self.place.assign(place)
            logs = self.evaluate(images, **options)
            seen[:, place] = [logs[task] for task in self.tasks]
        self.place.assign(-1)
        self.losses_seen.assign(seen)
        if self._places()[-1] == self.count - 1 and not self.given_points:
            of_tasks = dict(zip(self.tasks, seen))
            weights = self.phases["target"]
            self.chosen.assign(best_points(of_tasks, self.keys, weights))

    def feature_names(self):
        return () if self.augmentation is not None else self.tasks

    def frozen_features(self, inputs):
        """The teachers' maps, by task."""
        found = {}
        for key, teacher in zip(self.keys, self.teachers):
            outputs = teacher(inputs["images"], training=False)
            found |= outputs if isinstance(outputs, dict) else {key[0]: outputs}
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
            for task in self.tasks
        }

    def _mimicked(self, images, training):
        """What the rest of each teacher makes of the student's features."""
        trunk, places = self.nets.trunk, self._places()
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
            enter = functools.partial(enter_at, self._random_place(), gated)
            found |= net.root.run(gated[0], indices, enter, training=False)
        return found

    def _random_place(self):
        """A place for one teacher in one step, or the one that is tried."""
        chosen = keras.random.randint((), 0, self.count, seed=self.seeds)
        place = ops.convert_to_tensor(self.place)
        return ops.where(place < 0, chosen, place)

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
                [list(key), serialize(model)]
                for key, model in zip(self.keys, self.teachers)
            ],
            "losses": serialize(dict(self.task_losses)),
            "student": serialize(self.trunk),
            "weights": self.phases["target"],
            "points": self.points and list(self.points.values()),
            "schedule": self.schedule,
            "augmentation": serialize(self.augmentation),
            "phase": self.phase,
            "seed": self.seed,
            "white": self.white,
        }

    @classmethod
    def from_config(cls, config):
        load = keras.saving.deserialize_keras_object
        keys = [key_of(tuple(key)) for key, _ in config["teachers"]]
        models = [load(model) for _, model in config["teachers"]]
        points = config["points"] and dict(zip(keys, config["points"]))
        return cls(
            **{
                **config,
                "teachers": dict(zip(keys, models)),
                "losses": load(config["losses"]),
                "student": load(config["student"]),
                "points": points,
                "augmentation": load(config["augmentation"]),
            }
        )
