"""Networks that say which attributes people have, or a user's, and pictures."""

import keras
import numpy as np
from shared.classifiers import check_set
from shared.classifiers import few_of
from shared.classifiers import read_entries
from shared.labelled import fit

from keras_vipa import applications
from keras_vipa import datasets
from keras_vipa import metrics
from keras_vipa.applications import presets
from keras_vipa.utils import recipe
from keras_vipa.utils.scoreboard import Scoreboard

NAMES = ["attributes_1", "attributes_2"]
KNOWN = [presets.WEIGHTS[name]["labels"].split(",") for name in NAMES]
WANTED = (
    "headgear,long hair,glasses,dark glasses,dark skin,open jacket,long coat,"
    "pattern".split(",")
)
LABELLED, LABELS, STEPS, WIDTH, UNITS = 3000, 300, 800, 8, (1, 2, 2)


class Task:
    """Teachers, labels and pictures: drawn people, or the user's.

    Attributes:
        known: list of tuples of labels, of each teacher.
        wanted: list of labels.
        models: list of `keras.Model`; `None` if they are not the user's.
        train: `ImageSet`, without labels.
        test: `ImageSet`.
    """

    columns = {"parts": 100, "map_wanted": 100}

    def __init__(self, args):
        self.args, self.models, self.names = args, None, ()
        if args.teachers:
            if not args.images:
                raise ValueError("--teachers need --images.")
            found = read_entries(args.teachers, read_entry)
            self.known, self.models = zip(*found)
            size = self.models[0].input_shape[1:3]
            size = 32 if None in size else size
            folder = args.images.removeprefix("folder:")
            self.train, self.test = datasets.named(f"folder:{folder}", size)
            every = [label for labels in self.known for label in labels]
            self.wanted = args.wanted or list(dict.fromkeys(every))
            return
        check_set(args, "people")
        self.wanted = args.wanted or WANTED
        self.known = [tuple(labels) for labels in KNOWN]
        self.names = () if args.train_teachers else NAMES
        whole = datasets.people("train")
        self.labelled = whole.select(slice(LABELLED))
        rest = whole.select(slice(LABELLED, None)), datasets.people("test")
        self.train, self.test = few_of(args, rest)

    def teachers(self, seed):
        """Dict, labels -> the user's network, the package's, or a new one."""
        models = self.models
        if self.names:
            models = [applications.load_model(name) for name in self.names]
        if models is None:
            models = [self._new_teacher(n, seed) for n in range(len(KNOWN))]
        return dict(zip(self.known, models))

    def _new_teacher(self, number, seed):
        """A network that has seen few labels of its own."""
        generator = np.random.default_rng([seed, number])
        chosen = generator.choice(LABELLED, LABELS, replace=False)
        few = self.labelled.select(chosen)
        model = applications.BottleneckNet(
            len(KNOWN[number]), WIDTH, UNITS, seed=10 * seed + number
        )
        steps = 2 if self.args.smoke else STEPS
        right = labels_of(few, KNOWN[number])
        loss = keras.losses.BinaryCrossentropy(from_logits=True)
        more = {"shift": 1 / 16, "loss": loss}
        return fit(model, few.array(), right, steps, 16, **more)

    @property
    def measures(self):
        """What the scores are."""
        what = "the teachers' decisions" if self.models else "the labels"
        return f"mean average precision for {what}"

    def board(self, amalgamator, x, seed):
        """Scoreboard with a row for each teacher, and for all together.

        Args:
            amalgamator: `FilteredAmalgamator`.
            x: array of test images.
            seed: integer.
        """
        said = amalgamator.teacher_probabilities(x)
        right = (
            (said > 0.5).astype("uint8")
            if self.models
            else labels_of(self.test, self.wanted)
        )
        groups = [
            [self.wanted.index(label) for label in self.wanted if label in key]
            for key in self.known
        ]

        def score(scores):
            parts = [mean_precision(right, scores, g) for g in groups]
            whole = mean_precision(right, scores, range(len(self.wanted)))
            return {"parts": parts, "map_wanted": whole}

        sizes = [model.count_params() for model in amalgamator.teachers]
        board = Scoreboard(score, sum(sizes), seed=seed)
        for part, (model, labels) in enumerate(
            zip(amalgamator.teachers, self.known)
        ):
            # What it says itself, also of what others know.
            own, alone = model.predict(x, verbose=0), said.copy()
            for column in groups[part]:
                label = self.wanted[column]
                alone[:, column] = own[:, labels.index(label)]
            board.add(f"teacher_{part + 1}", alone, sizes[part], part=part)
        board.add("concatenated", said, sum(sizes))
        return board


def mean_precision(right, scores, columns):
    """Of some labels; `None` where nobody has one of them."""
    columns = [c for c in columns if (right[:, c] == 1).any()]
    if not columns:
        return None
    return metrics.mean_average_precision(right[:, columns], scores[:, columns])


def labels_of(people, names):
    """Multi-hot array of some attributes."""
    every = people.class_names["attributes"]
    columns = [every.index(name) for name in names]
    return people.y("attributes")[:, columns]


def read_entry(folder, model, labels):
    """Labels and model of a teacher of a JSON file."""
    return tuple(labels), recipe.read_model(folder / model)
