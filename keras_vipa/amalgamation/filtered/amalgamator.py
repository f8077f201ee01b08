"""Amalgamating Filtered Knowledge (IJCAI 2019)."""

import itertools
import types

import keras
from keras import ops

from keras_vipa.amalgamation.branch_points import BranchPointAmalgamator
from keras_vipa.amalgamation.filtered.labels import checked_teachers
from keras_vipa.amalgamation.filtered.labels import checked_wanted
from keras_vipa.amalgamation.filtered.labels import mean_logits
from keras_vipa.amalgamation.filtered.labels import mean_said
from keras_vipa.amalgamation.filtered.units import Streams
from keras_vipa.amalgamation.filtered.units import read_all
from keras_vipa.amalgamation.inputs import check_teachers
from keras_vipa.amalgamation.students import renewed
from keras_vipa.layers import ChannelGate
from keras_vipa.training import in_blocks
from keras_vipa.utils import checks

TARGETS = ("soft", "hard")


@keras.saving.register_keras_serializable(package="keras_vipa")
class FilteredAmalgamator(BranchPointAmalgamator):
    """A network for just the labels you want, from teachers that know more.

    Teachers are residual networks of equal units, each of which says of some
    labels whether they are present. Labels of images are never used. There is a
    stream for each teacher that knows a wanted label. All of them pass the same
    units of the student, but each has a filter of its own in each unit, which
    weighs what is carried over by what is new:

        u_i = body(x_i)
        a_i = sigmoid(W2_i relu(W1_i mean(u_i)))
        y_i = join(u_i, a_i * skip(x_i))

    With `n` units shared, the rest of teacher `i` makes its logits of the
    stream, of which only the wanted are there, `z_i^n = T_i[n:](x_i^n)`, and

        L_i^n = mean_k -(q_k log s(z_ik^n) + (1 - q_k) log(1 - s(z_ik^n)))

    over the wanted labels `k` that it knows, where `s` is the sigmoid, and
    `q_k` the probability of label `k`: the mean over the teachers that know it.
    In the phase of the blocks, the shared units and the filters are trained by
    `sum_i L_i^n`, for random `n` or one after the other. Then stream `i` leaves
    at the `n` of its least loss, for a copy of the rest of its teacher, and all
    of it is trained, by the same losses.

    Args:
        teachers: dict, tuple of names of labels -> functional `keras.Model`
            (`keras_vipa.applications.BottleneckNet`), images to a logit for
            each of them.
        wanted: list of names, each known to a teacher. Defaults to all.
        student: functional `keras.Model` like a teacher, whose head is not
            used. Defaults to the layers of the first, with new weights.
        filters: boolean. Whether there are filters.
        targets: string. `"soft"`, the teachers' probabilities; or `"hard"`,
            their decisions.
        points: dict, key of `teachers` -> integer, how many units are shared
            with it, if that is not to be chosen.
        schedule: string. `"random"`: one phase `"blocks"`, in which each
            stream has another random `n` in each step; or `"stepwise"`: phases
            `"block_1"` and so on. The least `n` is behind the units of the
            first size of map.
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
        Dict, `"labels_1"` and so on, by the number of the stream -> pair of the
        targets and the logits `(batch, labels)`.

    Attributes:
        student: functional `keras.Model`, images to logits `(batch, wanted)`,
            with the branch points that have been chosen; before that, with all
            units shared. A label of several streams has the logit of their mean
            probability.
        wanted: list of names, of these logits.
        points: dict, key of `teachers` with a wanted label -> integer; `None`
            before. May be set, to try others in phase `"target"`.
        curve: dict, `"labels_1"` and so on -> list of `L_i^n`.

    Raises:
        ValueError: If an argument is not as above, or units do not fit
            together.

    Example:

    >>> def teacher(outputs):
    ...     return keras_vipa.applications.BottleneckNet(
    ...         outputs, width=2, units=(1, 1), image_shape=(8, 8, 3))
    >>> amalgamator = keras_vipa.amalgamation.FilteredAmalgamator(
    ...     {("hat", "tie"): teacher(2), ("tie", "cape", "beard"): teacher(3)},
    ...     wanted=["beard", "tie"])
    >>> history = amalgamator.fit_stages(
    ...     np.random.rand(32, 8, 8, 3).astype("float32"),
    ...     {"blocks": 1, "target": 1}, batch_size=16, verbose=0)
    >>> amalgamator.student.output_shape
    (None, 2)

    Differences from the paper (as far as the authors' later program tells; the
    text was not at hand beyond its beginning):

    1. Probabilities instead of decisions of the teachers.
    2. Streams pass the units as one batch, instead of one after the other, so
       that batch normalization has statistics of all.
    3. Only the wanted rows of a teacher's last layer are there at all, and only
       streams that have one; there, logits are put in order.
    4. Labels of two teachers: ours.
    5. The schedule, and Adam with one rate that falls as a cosine: as in
       `BranchingAmalgamator`.

    Reference:
        Ye, Wang, Ji, Ou, Song. "Amalgamating Filtered Knowledge: Learning
        Task-customized Student from Multi-task Teachers". IJCAI 2019.
        https://arxiv.org/abs/1905.11569
    """

    def __init__(
        self,
        teachers,
        wanted=None,
        student=None,
        filters=True,
        targets="soft",
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
        wanted = checked_wanted(wanted, teachers)
        if filters not in (True, False):
            checks.fail("`filters` must be a boolean", "filters", filters)
        checks.choice("targets", targets, TARGETS)
        trunk = renewed(models[0], seed) if student is None else student
        net, nets = read_all(trunk, teachers)
        streams = [n for n, x in enumerate(teachers) if set(x) & set(wanted)]
        keys = [list(teachers)[n] for n in streams]
        terms = [f"labels_{number}" for number in range(1, len(keys) + 1)]
        super().__init__(
            models,
            {key: [term] for key, term in zip(keys, terms)},
            range(net.first_place(), len(net.units) + 1),
            dict.fromkeys(terms, 1.0),
            trunk,
            points,
            schedule,
            augmentation,
            seed,
            white,
            **kwargs,
        )
        self.labels, self.wanted = [list(x) for x in teachers], wanted
        self.filters, self.targets = filters, targets
        self._add_layers(net, [nets[n] for n in streams], keys, seed)
        self.begin(phase)

    def _add_layers(self, net, others, keys, seed):
        """Filters of all units, and copies with the wanted rows."""
        # Of the labels that a stream knows, in the order of the wanted.
        known = [[k for k in self.wanted if k in key] for key in keys]
        rows = [[key.index(k) for k in mine] for key, mine in zip(keys, known)]
        copies = [
            other.copied(f"stream_{number}", chosen)
            for number, (other, chosen) in enumerate(zip(others, rows), 1)
        ]
        # What is made of layers, beside the layers, of which Keras keeps track.
        self.nets = types.SimpleNamespace(
            trunk=net,
            teachers=others,
            copies=copies,
            known=known,
            rows=rows,
        )
        self.copied_layers = [copy.rest_layers(0) for copy in copies]
        seeds = itertools.count(seed * len(keys) * len(net.units))
        # By unit, then by stream.
        self.gates = [
            [
                self._gate(unit, f"filter_{place}_{number}", next(seeds))
                for number in range(1, len(keys) + 1)
            ]
            for place, unit in enumerate(net.units, 1)
            if self.filters
        ]

    def _gate(self, unit, name, seed):
        new, carried = (x.shape for x in unit.join.input)
        gate = ChannelGate(2, seed, name=name, dtype=self.dtype_policy)
        gate.build(carried, new)
        return gate

    def student_outputs(self, image, points):
        logits = self._target(image, points)
        return mean_logits(logits, self.nets.known, self.wanted)

    def _shared(self, images, places, **options):
        """Features of each stream behind all units up to the last place.

        Args:
            images: tensor.
            places: list of integers. Behind how many units a stream leaves.
            **options: of each call, such as `training`.

        Returns:
            List of dicts, one a stream, number of units -> features.
        """
        trunk, found = self.nets.trunk, [{} for _ in places]
        x = trunk.stem(images, **options)
        left = list(range(len(places)))
        streams = Streams([x] * len(left))
        for place, unit in enumerate(trunk.units[: max(places)], 1):
            gates = None
            if self.filters:
                gates = [self.gates[place - 1][n] for n in left]
            streams = unit.run(streams, gates, **options)
            for n, x in zip(left, streams.features):
                found[n][place] = x
            stay = [i for i, n in enumerate(left) if places[n] > place]
            if stay:
                streams = streams.select(stay)
            left = [left[i] for i in stay]
        return found

    def _target(self, images, places, **options):
        """Logits of each stream of TargetNet."""
        features = self._shared(images, places, **options)
        return [
            copy.rest({place: x[place]}, place, **options)
            for copy, x, place in zip(self.nets.copies, features, places)
        ]

    def _mimicked(self, images, training):
        """Wanted logits that the rest of each teacher makes of its stream."""
        places = self.phase_places()
        options = {"training": training}
        last = [places[-1]] * len(self.terms)
        features = self._shared(images, last, **options)
        found = []
        for teacher, x, rows in zip(
            self.nets.teachers, features, self.nets.rows
        ):
            x = {place: x[place] for place in places}
            chosen = self.random_place() if len(x) > 1 else places[0]
            logits = teacher.rest(x, chosen, training=False)
            found.append(ops.take(logits, rows, axis=-1))
        return found

    def teacher_probabilities(self, images, batch_size=256):
        """What the teachers say of the wanted labels, the targets.

        Args:
            images: float array `(n, height, width, channels)`.
            batch_size: integer. Images in a batch.

        Returns:
            Array `(n, wanted)` in [0, 1]: the mean over the teachers that know
            a label.
        """
        checks.integer("batch_size", batch_size)
        found = in_blocks(self.frozen_features, {"images": images}, batch_size)
        return found["probabilities"]

    def student_layers(self):
        parts = [*self.copied_layers, *self.gates]
        return self.nets.trunk.layers() + [x for part in parts for x in part]

    def target_layers(self, points):
        layers = self._trunk_layers(max(points))
        for place, gates in enumerate(self.gates, 1):
            pairs = zip(gates, points)
            layers += [gate for gate, last in pairs if place <= last]
        for copy, place in zip(self.nets.copies, points):
            layers += copy.rest_layers(place)
        return layers

    def block_layers(self, places):
        gates = [x for part in self.gates[: places[-1]] for x in part]
        return self._trunk_layers(places[-1]) + gates

    def _trunk_layers(self, last):
        trunk = self.nets.trunk
        units = [x for unit in trunk.units[:last] for x in unit.layers()]
        return [trunk.stem, *units]

    def feature_names(self):
        return () if self.augmentation is not None else ("probabilities",)

    def frozen_features(self, inputs):
        """Probability of each wanted label, `(batch, wanted)`."""
        images = inputs["images"]
        said = [
            ops.sigmoid(ops.cast(teacher(images, training=False), "float32"))
            for teacher in self.teachers
        ]
        return {"probabilities": mean_said(said, self.labels, self.wanted)}

    def call(self, inputs, training=None):
        features = self.seen_features(inputs, training)
        images = features["images"]
        if self.phase == "target":
            points = self.plan.points
            found = self._target(images, points, training=training)
        else:
            found = self._mimicked(images, training)
        targets = ops.stop_gradient(features["probabilities"])
        if self.targets == "hard":
            targets = ops.cast(targets > 0.5, "float32")
        outputs = {}
        for term, labels, logits in zip(self.terms, self.nets.known, found):
            columns = [self.wanted.index(label) for label in labels]
            outputs[term] = ops.take(targets, columns, axis=-1), logits
        return outputs

    def loss_terms(self, inputs, outputs):
        return {
            term: ops.mean(
                ops.binary_crossentropy(
                    target, ops.cast(logits, "float32"), from_logits=True
                ),
                axis=-1,
            )
            for term, (target, logits) in outputs.items()
        }

    def get_config(self):
        serialize = keras.saving.serialize_keras_object
        return {
            **super().get_config(),
            "teachers": [
                [labels, serialize(model)]
                for labels, model in zip(self.labels, self.teachers)
            ],
            "wanted": self.wanted,
            "filters": self.filters,
            "targets": self.targets,
        }

    @classmethod
    def from_config(cls, config):
        load = keras.saving.deserialize_keras_object
        teachers = {tuple(x): load(model) for x, model in config["teachers"]}
        wanted = set(config["wanted"])
        return cls.restored(
            [key for key in teachers if wanted & set(key)],
            {
                **config,
                "teachers": teachers,
            },
        )
