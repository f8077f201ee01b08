"""Networks that read parts of drawn people, or a user's, and their pictures."""

import keras
import numpy as np
from shared.classifiers import check_set
from shared.classifiers import few_of
from shared.classifiers import read_entries
from shared.labelled import fit

from keras_vipa import applications
from keras_vipa import datasets
from keras_vipa.amalgamation import new_student
from keras_vipa.utils import recipe

WANTED = ["hat", "outfit", "mouth"]
# Of each source: task -> the half of its classes that most labels are of, other
# tasks, and the kind of the network.
SOURCES = (
    ({"hat": 0, "outfit": 0}, ["eyes"], "residual"),
    ({"hat": 1, "mouth": 0}, [], "plain"),
    ({"outfit": 1, "mouth": 1}, ["skin"], "plain"),
    ({"hat": 0}, ["glasses"], "residual"),
    ({"outfit": 0}, ["shoes"], "separable"),
    ({"mouth": 1}, ["trousers"], "plain"),
)
NAMES = [f"people_{number}" for number in range(1, 7)]
LABELLED, LABELS, OF_A_HALF, STEPS, SIZE = 3000, 600, 0.8, 800, 60_000
HALVES = 7


class Task:
    """Teachers, tasks and pictures: drawn people, or the user's."""

    def __init__(self, args):
        self.args, self.models, self.names = args, None, ()
        if args.teachers:
            if not args.images or not args.tasks:
                raise ValueError("--teachers need --images and --tasks.")
            self.models = read_teachers(args.teachers)
            first = self.models[0]
            first = first[0] if isinstance(first, tuple) else first
            size = first.input_shape[1:3]
            folder = args.images.removeprefix("folder:")
            size = None if None in size else size
            sets = datasets.named(f"folder:{folder}", size)
            self.tasks, self.labelled = args.tasks, None
            self.train, self.test = sets
            return
        check_set(args, "people")
        self.tasks = args.tasks or WANTED
        self.names = () if args.train_teachers else NAMES
        whole = datasets.people("train")
        self.labelled = whole.select(slice(LABELLED))
        rest = whole.select(slice(LABELLED, None)), datasets.people("test")
        self.train, self.test = few_of(args, rest)

    def teachers(self, seed):
        """The user's networks, those of the package, or new ones."""
        if self.models:
            return self.models
        if self.names:
            return [applications.load_model(name) for name in self.names]
        return [
            train_source(self.args, self.labelled, number, seed)
            for number in range(len(SOURCES))
        ]

    @property
    def measures(self):
        """What the scores are."""
        return "agreement" if self.models else "accuracy"


def read_teachers(paths):
    """Models, or pairs of a model and slices of its output."""
    if not paths[0].endswith(".json"):
        return [recipe.read_model(path) for path in paths]
    return read_entries(paths[0], read_entry)


def read_entry(folder, model, outputs=None, tasks=None):
    """A teacher of a JSON file."""
    model = recipe.read_model(folder / model)
    if outputs:
        flat = keras.tree.flatten(model.output)
        named = dict(zip(model.output_names, flat))
        chosen = {task: named[name] for name, task in outputs.items()}
        model = keras.Model(model.inputs, chosen)
    if tasks:
        return model, {task: slice(*ends) for task, ends in tasks.items()}
    return model


def train_source(args, people, number, seed):
    """A network that has seen a few labels, most of one half of the classes."""
    halves, others, kind = SOURCES[number]
    chances = np.ones(len(people))
    for task, half in halves.items():
        count = people.num_classes(task)
        order = np.random.default_rng(HALVES).permutation(count)
        is_in = np.isin(people.y(task), np.array_split(order, 2)[half])
        chances *= np.where(is_in, OF_A_HALF, 1 - OF_A_HALF)
    generator = np.random.default_rng([seed, number])
    chosen = generator.choice(
        len(people), LABELS, replace=False, p=chances / chances.sum()
    )
    few, tasks = people.select(chosen), [*halves, *others]
    counts = {task: people.num_classes(task) for task in tasks}
    shape = few.images.shape[1:]
    model = new_student(kind, shape, counts, SIZE, seed=10 * seed + number)
    labels = {task: few.y(task) for task in tasks}
    steps = 2 if args.smoke else STEPS
    return fit(model, few.array(), labels, steps, 32, shift=1 / 16)
