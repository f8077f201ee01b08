"""What recipes that amalgamate classifiers have in common.

The task, which is a user's classifiers and pictures, or a data set with
classifiers of its classes; a row for each teacher; results in one folder.
"""

import json
import pathlib

import matplotlib.pyplot as plt
import numpy as np
from shared import seeds

from keras_vipa import applications
from keras_vipa import datasets
from keras_vipa import metrics
from keras_vipa.utils import recipe
from keras_vipa.utils import scoreboard
from keras_vipa.utils import types

FEW = 250


class Task:
    """Teachers and pictures of a recipe.

    Args:
        args: the parsed arguments, of which some are of `options`.
        presets: dict, data set -> names of its trained classifiers in
            `applications.WEIGHTS`, which share its classes; the first set is
            the default.
        train_one: callable, `(args, data, number, seed)` to a new classifier
            of the classes of an `ImageSet`, as teacher `number`.

    Attributes:
        models: list of `keras.Model`; `None` if they are not the user's.
        train: `ImageSet`.
        test: `ImageSet`.
        groups: list of lists, the classes of each teacher; `None` if they are
            not known.
    """

    def __init__(self, args, presets, train_one):
        name = args.images or ("" if args.teachers else next(iter(presets)))
        if not name:
            raise ValueError("--teachers need --images, a folder of pictures.")
        args.images = name
        self.args, self.train_one = args, train_one
        self.names = () if args.train_teachers else presets.get(name, ())
        is_known = name in presets or name.startswith(("folder:", "tfds:"))
        name = name if is_known else f"folder:{name}"
        self.models = self.groups = None
        if args.teachers:
            self.models = [recipe.read_model(path) for path in args.teachers]
            self.train, self.test = self._pictures(name)
        else:
            self.train, self.test = few_of(args, datasets.named(name))
            self.groups = datasets.class_groups(
                self.train.num_classes(), len(presets.get(name, "ab"))
            )

    def _pictures(self, name):
        """Pictures of the size that the first teacher takes."""
        size = self.models[0].input_shape[1:3]
        sets = datasets.named(name, None if None in size else size)
        sizes = sets[0].info.get("original_size", [size])
        if None not in size and np.any(np.array(sizes) != size):
            print(f"Pictures of another size are resized to {size}.")
        return sets

    def teachers(self, seed):
        """The user's classifiers, those of the data set, or new ones."""
        if self.models:
            return self.models
        if self.names:
            return [applications.load_model(name) for name in self.names]
        parts = [self.train.of_classes(g, relabel=True) for g in self.groups]
        return [
            self.train_one(self.args, part, number, seed)
            for number, part in enumerate(parts, 1)
        ]

    def arrays(self, models):
        """Training and test pictures, grey if all of the networks want that."""
        channels = max(model.input_shape[-1] for model in models)
        return [s.array(None, channels) for s in (self.train, self.test)]

    def places(self, images):
        """Place of each picture's class among the logits, or `None`."""
        if not self.groups:
            return None
        # They are ordered by teacher.
        return np.argsort(np.concatenate(self.groups))[images.y()]

    @property
    def measures(self):
        """What the scores are."""
        return "accuracy" if self.groups else "agreement with the teachers"


def few_of(args, sets):
    """Data sets as they are, or about 250 pictures of each under `--smoke`."""
    if not args.smoke:
        return sets
    steps = [max(1, len(images) // FEW) for images in sets]
    return [
        images.select(slice(None, None, step))
        for images, step in zip(sets, steps)
    ]


def check_set(args, name, option="--dataset"):
    """Raise unless the only data set that there is is asked for, or none.

    Args:
        args: the parsed arguments; `images` is set to its name.
        name: string.
        option: string. What the error calls it.
    """
    if args.images not in (None, name):
        raise ValueError(
            f"{option} must be {name}, unless there are --teachers. "
            f"Received: {args.images}"
        )
    args.images = name


def read_entries(path, read):
    """Read the teachers of a JSON file.

    Args:
        path: string.
        read: callable, `(folder, **entry)` to what is kept of one of its
            entries; paths are beside the file, in `folder`.

    Returns:
        List of what that returns.
    """
    path = pathlib.Path(path)
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
        found = [read(path.parent, **entry) for entry in entries]
    except (json.JSONDecodeError, TypeError, KeyError) as error:
        raise ValueError(
            f"{path} is not a list of teachers as --help shows it: {error}"
        ) from error
    if not found:
        raise ValueError(f"{path} must have a teacher. Received: none")
    return found


def options(add):
    """The options."""
    add("--teachers", nargs="+", metavar="KERAS_FILE", help="of yours")
    add("--images", "--dataset", metavar="SET", help="folder or a name")
    add("--white", type=types.positive, default=1.0, help="of --teachers")
    add("--compare", action="store_true", help="train the baseline, too")
    add("--train-teachers", action="store_true", help="anew for each seed")


def board_of(task, slices, teachers, logits, seed):
    """Scoreboard with a row for each teacher, and for all side by side.

    Args:
        task: `Task`.
        slices: list of `slice`, the logits of each teacher.
        teachers: list of `keras.Model`.
        logits: array `(n, classes)`, of all of them for the test pictures.
        seed: integer.

    Returns:
        A `Scoreboard`, of accuracies, or of agreement with the teachers where
        classes are not known.
    """
    if not np.isfinite(logits).all():
        raise ValueError("The scores of teachers must be finite on the images.")
    labels = task.places(task.test)
    score = metrics.by_part(metrics.accuracy, labels, slices)
    if labels is None:
        score = metrics.by_part(metrics.agreement, logits, slices)
    board = scoreboard.Scoreboard(score, seed=seed)
    board.add_teachers(teachers, logits)
    return board


def run(args, task, run_seed, draw, columns=("parts", "joint")):
    """Run all seeds, then write what came out.

    Args:
        args: the parsed arguments.
        task: `Task`, or what has its `models`, `names` and `measures`.
        run_seed: callable, as `seeds.run` has it.
        draw: callable, `(axis, curves)`, the left part of `report.png`.
        columns: tuple of strings. The scores of a row, in percent.
    """
    label = f"{task.measures} in %"
    task.columns = dict.fromkeys(columns, 100)

    def figures(summary, _, curves):
        figure, axes = plt.subplots(1, 2, figsize=(11, 4.2), layout="tight")
        draw(axes[0], curves)
        scoreboard.draw_bars(axes[1], summary, columns, label)
        return {"report.png": figure}

    summary = seeds.run(args, task, run_seed, figures)
    print(f"{label}, mean and standard deviation over seeds")
    print(scoreboard.format_summary(summary, {"seconds": 0, "parameters": 0}))
    print(f"Written to {args.output}")
