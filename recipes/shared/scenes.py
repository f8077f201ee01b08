"""Networks that see something of each pixel of a room, and their pictures."""

import pathlib

import keras
import numpy as np
from keras import ops
from shared.classifiers import check_set
from shared.labelled import train

from keras_vipa import applications
from keras_vipa import datasets
from keras_vipa import losses
from keras_vipa import metrics
from keras_vipa.utils import recipe
from keras_vipa.utils.macs import count_macs
from keras_vipa.utils.scoreboard import Scoreboard

# Kind of a task -> the loss of the amalgamator, its weight, the activation of a
# network for it.
KINDS = {
    "parsing": ("classes", 1.0, None),
    "depth": ("depth", 5.0, "softplus"),
    "normals": ("normals", 1.0, "unit"),
}
NAMES = {task: f"rooms_{task}" for task in KINDS}
# Score -> factor in a table.
COLUMNS = {
    "miou": 100,
    "pixel_accuracy": 100,
    "abs_rel": 100,
    "rmse": 1,
    "delta_1": 100,
    "mean_angle": 1,
    "within_11": 100,
    "within_30": 100,
}
LABELS = {
    "miou": "mean IoU in %",
    "abs_rel": "relative error of depth in %",
    "mean_angle": "angle of normals in degrees",
}
WIDTH, DEPTH, BATCH, STEPS = 16, 4, 8, 1400


class Task:
    """Teachers, tasks and pictures: rooms of the package, or the user's.

    Attributes:
        tasks: list of names, each a key of `KINDS`.
        models: list of `keras.Model`; `None` if they are not the user's.
        train: array `(n, height, width, 3)` in [0, 1] of pictures without
            labels.
        test: `RoomSet`, of which some maps may be `None`.
        labelled: `RoomSet`; `None` where it is the user's pictures.
    """

    columns = COLUMNS

    def __init__(self, args):
        self.args, self.models, self.names = args, None, ()
        if args.tasks and len(set(args.tasks)) < max(2, len(args.tasks)):
            raise ValueError(
                "--tasks must be at least two, and all different. Received: "
                f"{' '.join(args.tasks)}"
            )
        if args.teachers:
            if not args.images or not args.tasks:
                raise ValueError("--teachers need --images and --tasks.")
            if len(args.tasks) != len(args.teachers):
                raise ValueError(
                    "--tasks must name one for each of --teachers. Received: "
                    f"{len(args.tasks)} for {len(args.teachers)}"
                )
            self.tasks, self.labelled = args.tasks, None
            self.models = [recipe.read_model(path) for path in args.teachers]
            size = self.models[0].input_shape[1:3]
            rooms = read_rooms(args.images, None if None in size else size)
            is_test = np.arange(len(rooms)) % 5 == 0
            self.train = rooms.select(~is_test).array()
            self.test = rooms.select(is_test)
            return
        check_set(args, "rooms", "--images")
        self.tasks = args.tasks or list(KINDS)
        if not args.train_teachers:
            self.names = [NAMES[task] for task in self.tasks]
        every = 100 if args.smoke else 1
        sets = [
            datasets.rooms(split).select(slice(None, None, every))
            for split in ("unlabelled", "train", "validation", "test")
        ]
        self.train = sets[0].array()
        _, self.labelled, self.validation, self.test = sets

    def teachers(self, seed):
        """Dict, task -> the user's network, the package's, or a new one."""
        models = self.models
        if self.names:
            models = [applications.load_model(name) for name in self.names]
        if models is None:
            models = [self._new_teacher(task, seed) for task in self.tasks]
        return dict(zip(self.tasks, models))

    def _new_teacher(self, task, seed):
        """A network that has seen labels of a third of the labelled rooms."""
        number = list(KINDS).index(task)
        few = self.labelled.select(slice(number, None, len(KINDS)))
        channels = {"parsing": len(few.class_names), "depth": 1, "normals": 3}
        model = applications.SegNet(
            channels[task],
            KINDS[task][2],
            WIDTH,
            DEPTH,
            image_shape=few.images.shape[1:],
            seed=10 * seed + number,
        )
        image = keras.Input(model.input_shape[1:])
        whole = keras.Model(image, {task: model(image)})
        steps = 2 if self.args.smoke else STEPS
        fit_labels(whole, few, self.validation, [task], steps)
        return model

    @property
    def measures(self):
        """What each task is compared with."""
        known = {task: truth(self.test, task) for task in self.tasks}
        return {
            task: "the teacher" if maps is None else "the truth"
            for task, maps in known.items()
        }

    def board(self, teachers, seed):
        """Scoreboard with a row for each teacher.

        Args:
            teachers: dict, task -> `keras.Model`.
            seed: integer.
        """
        x = self.args.white * self.test.array()
        found = {
            task: model.predict(x, verbose=0)
            for task, model in teachers.items()
        }
        right = {
            task: decided(task, found[task])
            if truth(self.test, task) is None
            else truth(self.test, task)
            for task in teachers
        }
        sizes = [model.count_params() for model in teachers.values()]
        board = Scoreboard(lambda x: scores(right, x), sum(sizes), seed=seed)
        for (task, model), size in zip(teachers.items(), sizes):
            name, only = f"teacher_{task}", {task: found[task]}
            board.add(name, only, size, macs=macs_of(model, x))
        return board


def read_rooms(path, size):
    """Pictures of a folder, with their maps where it is one of rooms."""
    folder = pathlib.Path(path.removeprefix("folder:"))
    if (folder / "rgb").is_dir():
        maps = ("labels", "depth", "normals")
        maps = [name for name in maps if (folder / name).is_dir()]
        return datasets.room_folder(folder, size, maps)
    sets = datasets.named(f"folder:{folder}", size)
    images = np.concatenate([s.images for s in sets])
    return datasets.RoomSet(images)


def truth(rooms, task):
    """What is true of each pixel; `None` where it is not known."""
    return rooms.labels if task == "parsing" else getattr(rooms, task)


def decided(task, outputs):
    """What a teacher says, as the truth would be given."""
    if task == "parsing":
        return outputs.argmax(axis=-1).astype("uint8")
    return outputs[..., 0] if task == "depth" else outputs


def scores(right, found):
    """All scores of what a network returns, `None` for tasks it has not."""
    measured = dict.fromkeys(COLUMNS)
    for task, outputs in found.items():
        outputs = outputs[..., 0] if task == "depth" else outputs
        measure = {
            "parsing": metrics.parsing_scores,
            "depth": metrics.depth_scores,
            "normals": metrics.normal_scores,
        }[task]
        measured |= measure(right[task], outputs)
    return measured


def macs_of(model, images):
    """Multiply-adds for one image, where they can be counted."""
    if keras.config.backend() != "tensorflow":
        return None
    return count_macs(model, (1, *images.shape[1:]))


def flipped(rooms):
    """The rooms, and as they are in a mirror."""
    mirrored = rooms.normals[:, :, ::-1] * np.array([-1, 1, 1], "float32")
    both = {
        "images": [rooms.images, rooms.images[:, :, ::-1]],
        "labels": [rooms.labels, rooms.labels[:, :, ::-1]],
        "depth": [rooms.depth, rooms.depth[:, :, ::-1]],
        "normals": [rooms.normals, mirrored],
    }
    both = {name: np.concatenate(pair) for name, pair in both.items()}
    return datasets.RoomSet(**both, class_names=rooms.class_names)


def fit_labels(model, rooms, validation, tasks, steps):
    """Train with labels, of mirror images too.

    The weights that are best on validation rooms are kept.

    Args:
        model: `keras.Model`, images to a dict, task -> map.
        rooms: `RoomSet`.
        validation: `RoomSet`.
        tasks: list of the keys of `KINDS`.
        steps: integer. At least so many.
    """
    rooms = flipped(rooms)
    kept = keras.callbacks.EarlyStopping(
        "val_loss", patience=10**6, restore_best_weights=True
    )

    def maps(rooms):
        return {task: labels(rooms, task) for task in tasks}

    validation = validation.array(), maps(validation)
    more = {"validation_data": validation, "callbacks": [kept]}
    parsing = keras.losses.SparseCategoricalCrossentropy(True, 255)
    _fit(model, rooms.array(), maps(rooms), parsing, steps, more)


def fit_outputs(model, images, targets, steps):
    """Train with what the teachers say; arguments as of `fit_labels`."""
    _fit(model, images, targets, mean_of(losses.soft_cross_entropy), steps, {})


def labels(rooms, task):
    """What is true of each pixel, as a network returns it."""
    found = truth(rooms, task)
    return found if task == "normals" else found[..., None]


def mean_of(loss):
    """The mean of all that a loss returns, however many pixels it is of."""
    return lambda right, found: ops.mean(loss(right, found))


def _fit(model, images, targets, parsing, steps, more):
    """Train by the losses of all tasks, of which only one has a choice."""
    compared = {
        "parsing": parsing,
        "depth": mean_of(losses.scale_invariant_error),
        "normals": mean_of(losses.cosine_error),
    }
    train(
        model,
        images,
        targets,
        {task: compared[task] for task in targets},
        steps,
        BATCH,
        loss_weights={task: KINDS[task][1] for task in targets},
        jit_compile=keras.config.backend() == "jax",
        **more,
    )
