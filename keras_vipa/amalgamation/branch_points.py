"""What methods share whose students branch: where, found from the losses."""

import types

import keras
import numpy as np
from keras import ops

from keras_vipa.amalgamation.amalgamator import Amalgamator
from keras_vipa.amalgamation.inputs import check_augmentation
from keras_vipa.utils import checks

SCHEDULES = ("random", "stepwise")
RATE = 3e-3


class BranchPointAmalgamator(Amalgamator):
    """A student with a branch for each teacher (abstract).

    In the phase of the blocks the student is trained up to all places at which
    a branch may begin, `L_i^n` being the loss of term `i` with a branch at
    place `n`; then each branch begins where its loss is least, and all is
    trained, in phase `"target"`.

    A method has `student_layers()`, all that may be trained; of these,
    `block_layers(places)` and `target_layers(points)`, what is trained in the
    phases; `student_outputs(image, points)`, of symbolic ones; and what
    `Amalgamator` asks for. In the phases of the blocks, it has a branch begin
    at the `random_place()`. Its constructor ends with `begin`.

    Args:
        teachers: list of `keras.Model`.
        branches: dict, what the user calls a branch -> list of its terms.
        places: range, of the places.
        weights: dict, term -> float.
        trunk: functional `keras.Model`, of which the student has the beginning.
        points: dict, key of `branches` -> place, if they are not to be chosen.
        schedule: string, `"random"` or `"stepwise"`.
        augmentation: `keras.Layer`, or `None`.
        seed: integer. Seed of random places, and of the order of the images.
        white: float. What white is in the images.
        **kwargs: `name` and `dtype`, as for any `keras.Model`.

    Attributes:
        student: functional `keras.Model`, with the points; before they are
            known, with the last place of all.
        points: dict, key of `branches` -> place; `None` before.
        curve: dict, term -> list of `L_i^n`, one for each place.
    """

    backup_seconds = 20
    # Images that branch points are found from.
    looks_at = 400

    def __init__(
        self,
        teachers,
        branches,
        places,
        weights,
        trunk,
        points=None,
        schedule="random",
        augmentation=None,
        seed=0,
        white=1.0,
        **kwargs,
    ):
        checks.choice("schedule", schedule, SCHEDULES)
        check_augmentation(augmentation)
        points = checked_points(points, list(branches), places)
        names = ["blocks"]
        if schedule == "stepwise":
            names = [f"block_{place + 1}" for place in range(len(places))]
        phases = {name: weights for name in (*names, "target")}
        self.learning_rates = dict.fromkeys(phases, RATE)
        super().__init__(teachers, phases, seed, white, **kwargs)
        # Beside what Keras keeps track of.
        self.plan = types.SimpleNamespace(
            branches=branches,
            places=places,
            images=None,
            points=None,
            student=(None, None),
        )
        self.terms = [term for terms in branches.values() for term in terms]
        self.schedule, self.given_points = schedule, points
        self.augmentation, self.trunk = augmentation, trunk
        self._add_state()

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

        shape = len(self.terms), len(self.plan.places)
        self.losses_seen = variable("losses_seen", shape, 0.0, "float32")
        self.chosen = variable(
            "chosen", (len(self.plan.branches),), -1, "int32"
        )
        if self.given_points:
            self.chosen.assign(self.given_points)
        # A place for all branches; -1 for random ones.
        self.place = variable("place", (), -1, "int32")
        self.seeds = keras.random.SeedGenerator(self.seed)

    def begin(self, phase):
        """Set the first phase, or the one that is asked for."""
        first = "target" if self.given_points else next(iter(self.phases))
        self.set_phase(phase or first)
        self.build(self.trunk.input_shape)

    def build(self, input_shape=None):
        if self.augmentation is not None and not self.augmentation.built:
            self.augmentation.build(input_shape)
        self.built = True

    @property
    def _image_shape(self):
        return self.trunk.input_shape[1:]

    @property
    def student(self):
        places = tuple((self.points or {}).values())
        places = places or (self.plan.places[-1],) * len(self.plan.branches)
        known, model = self.plan.student
        if known != places:
            image = keras.Input(self._image_shape, name="image")
            outputs = self.student_outputs(image, places)
            model = keras.Model(image, outputs, name="student")
            self.plan.student = places, model
        return model

    @property
    def points(self):
        found = ops.convert_to_numpy(self.chosen).tolist()
        return None if min(found) < 0 else dict(zip(self.plan.branches, found))

    @points.setter
    def points(self, points):
        found = checked_points(
            points, list(self.plan.branches), self.plan.places
        )
        self.chosen.assign(found)
        if self.phase == "target":
            self.set_phase("target")

    @property
    def curve(self):
        found = ops.convert_to_numpy(self.losses_seen).tolist()
        return dict(zip(self.terms, found))

    def set_phase(self, phase):
        super().set_phase(phase)
        if phase == "target" and self.points is None:
            raise ValueError(
                "Branch points are not known yet: train the phases of the "
                "blocks with `fit_stages`, or give `points`."
            )
        for layer in self.student_layers():
            layer.trainable = False
        if phase == "target":
            # Known where values of variables are not.
            self.plan.points = list(self.points.values())
            used = self.target_layers(self.plan.points)
        else:
            used = self.block_layers(self.phase_places())
        for layer in used:
            layer.trainable = True

    def phase_places(self):
        """The places that a phase of the blocks is about."""
        number = self.phase.removeprefix("block_")
        if not number.isdigit():
            return list(self.plan.places)
        return [self.plan.places[int(number) - 1]]

    def look_at(self, images, batch_size):
        self.plan.images = images, batch_size

    def finish_phase(self):
        """Find the losses of the places, and then the branch points."""
        if self.phase == "target":
            return
        images, batch_size = self.plan.images
        options = {"batch_size": batch_size, "verbose": 0, "return_dict": True}
        # What the teachers say is the same for all places.
        images = self.cached(images, batch_size)
        seen = ops.convert_to_numpy(self.losses_seen).copy()
        for place in self.phase_places():
            self.place.assign(place)
            logs = self.evaluate(images, **options)
            column = self.plan.places.index(place)
            seen[:, column] = [logs[term] for term in self.terms]
        self.place.assign(-1)
        self.losses_seen.assign(seen)
        is_last = self.phase_places()[-1] == self.plan.places[-1]
        if is_last and not self.given_points:
            weights = self.phases["target"]
            found = best_points(self.curve, self.plan.branches, weights)
            self.chosen.assign([self.plan.places[index] for index in found])

    def random_place(self):
        """A place for one branch in one step, or the one that is tried."""
        first, last = self.plan.places[0], self.plan.places[-1]
        chosen = keras.random.randint((), first, last + 1, seed=self.seeds)
        place = ops.convert_to_tensor(self.place)
        return ops.where(place < 0, chosen, place)

    def get_config(self):
        serialize = keras.saving.serialize_keras_object
        return {
            **super().get_config(),
            "student": serialize(self.trunk),
            "points": self.given_points,
            "chosen": self.points and list(self.points.values()),
            "schedule": self.schedule,
            "augmentation": serialize(self.augmentation),
            "phase": self.phase,
            "seed": self.seed,
            "white": self.white,
        }

    @classmethod
    def restored(cls, keys, config):
        """One of a configuration, whose points were given or chosen.

        Args:
            keys: list, the keys of `points`.
            config: dict of arguments; `points` and `chosen` are lists.
        """
        config = dict(config)
        for name in ("student", "augmentation"):
            loaded = keras.saving.deserialize_keras_object(config[name])
            config[name] = loaded
        chosen, phase = config.pop("chosen"), config.pop("phase")
        if config["points"]:
            config["points"] = dict(zip(keys, config["points"]))
        new = cls(**config)
        if chosen:
            new.points = dict(zip(keys, chosen))
        new.set_phase(phase)
        return new


def checked_points(points, keys, places):
    """List of integers, one a branch, or `None`."""
    if points is None:
        return None
    given = dict(points) if isinstance(points, dict) else {}
    found = [given.get(key) for key in keys]
    is_known = all(checks.is_integer(n, 0) and n in places for n in found)
    if len(given) != len(keys) or not is_known:
        rule = (
            "`points` must be a dict, for each key of `teachers` an integer "
            f"from {places[0]} to {places[-1]}"
        )
        checks.fail(rule, "points", points)
    return found


def best_points(losses, branches, weights):
    """For each branch the number of the place of its least loss.

    Args:
        losses: dict, term -> list of floats, one for each place.
        branches: dict, branch -> list of its terms.
        weights: dict, term -> float.

    Returns:
        List of integers, from 0.
    """
    return [
        int(np.argmin(sum(weights[t] * np.array(losses[t]) for t in terms)))
        for terms in branches.values()
    ]
