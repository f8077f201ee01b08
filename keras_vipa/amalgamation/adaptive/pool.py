"""The teachers of adaptive amalgamation, and which of them knows what."""

import keras

from keras_vipa.amalgamation.adaptive.staged import scores_of_tasks
from keras_vipa.amalgamation.adaptive.staged import staged
from keras_vipa.amalgamation.inputs import check_teachers
from keras_vipa.utils import checks


class Pool:
    """Teachers with their tasks.

    Args:
        teachers: as of `AdaptiveAmalgamator`.
        tasks: list of strings. The wanted ones.
        image_shape: tuple `(height, width, channels)`, or `None` for that of
            the first teacher.
        taps: list with an item a teacher, or `None`.

    Attributes:
        models: list of `keras.Model`.
        slices: list of dicts, task -> `slice`, or `None`.
        image_shape: tuple `(height, width, channels)`.
        views: dict, number of a teacher -> `staged` model of what is wanted of
            it; from 1 on, without those that know no such task.
        groups: dict, task -> list of numbers of teachers.
        counts: dict, task -> integer, its classes.

    Raises:
        ValueError: If no teacher knows a task, or two of them know different
            numbers of its classes.
    """

    def __init__(self, teachers, tasks, image_shape=None, taps=None):
        is_list = isinstance(teachers, list | tuple)
        pairs = [
            each if isinstance(each, list | tuple) else (each, None)
            for each in (teachers if is_list else ())
        ]
        if any(len(pair) != 2 for pair in pairs):
            rule = "`teachers` must be models, or pairs of a model and tasks"
            checks.fail(rule, "teachers", teachers)
        self.models = check_teachers([model for model, _ in pairs], 2)
        self.slices = [slices for _, slices in pairs]
        known = {
            number: scores_of_tasks(*pair, f"teacher_{number}")
            for number, pair in enumerate(pairs, 1)
        }
        self._check_known(tasks, known)
        self.image_shape = self._image_shape(image_shape)
        taps = [None] * len(pairs) if taps is None else taps
        if not isinstance(taps, list | tuple) or len(taps) != len(pairs):
            rule = f"`taps` must be a list of {len(pairs)} lists of layers"
            checks.fail(rule, "taps", taps)
        self.groups = {
            task: [n for n, scores in known.items() if task in scores]
            for task in tasks
        }
        self.views = {}
        for number, scores in known.items():
            wanted = {task: scores[task] for task in tasks if task in scores}
            if wanted:
                rest = taps[number - 1], f"teacher_{number}"
                model = self.models[number - 1]
                self.views[number] = staged(
                    model, wanted, self.image_shape, *rest
                )
        self.counts = {
            task: self._classes(task, numbers)
            for task, numbers in self.groups.items()
        }

    @staticmethod
    def _check_known(tasks, known):
        names = sorted({task for scores in known.values() for task in scores})
        for task in tasks:
            if task not in names:
                raise ValueError(
                    "Each task must be known to a teacher. Received: "
                    f"{task!r}; the teachers know {checks.shown(names)}"
                )

    def _image_shape(self, shape):
        if shape is None:
            shape = tuple(self.models[0].inputs[0].shape[1:])
        is_shape = isinstance(shape, list | tuple) and len(shape) == 3
        if not is_shape or not all(checks.is_integer(x, 1) for x in shape):
            rule = "`image_shape` must be (height, width, channels)"
            checks.fail(rule, "image_shape", shape)
        return tuple(shape)

    def _classes(self, task, numbers):
        counts = {
            number: self.views[number].output["logits"][task].shape[1]
            for number in numbers
        }
        if len(set(counts.values())) > 1:
            shown = ", ".join(f"teacher_{n}: {c}" for n, c in counts.items())
            raise ValueError(
                "Teachers of one task must score the same classes. Received: "
                f"{task!r} with different numbers of them, {shown}"
            )
        return counts[numbers[0]]

    def parameters(self, task):
        """Mean number of weights of the teachers of a task."""
        sizes = [self.models[n - 1].count_params() for n in self.groups[task]]
        return sum(sizes) / len(sizes)

    def config(self):
        """The teachers as `get_config` has them."""
        serialize = keras.saving.serialize_keras_object
        return [
            [serialize(model), slices and _as_lists(slices)]
            for model, slices in zip(self.models, self.slices)
        ]

    @staticmethod
    def from_config(config):
        """The argument `teachers` of what `config` returned."""
        load = keras.saving.deserialize_keras_object
        return [
            (load(model), slices and _as_slices(slices))
            for model, slices in config
        ]


def _as_lists(slices):
    return {task: [s.start, s.stop, s.step] for task, s in slices.items()}


def _as_slices(lists):
    return {task: slice(*numbers) for task, numbers in lists.items()}
