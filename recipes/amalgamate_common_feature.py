"""Amalgamate classifiers of any architecture into one light student.

    python recipes/amalgamate_common_feature.py --teachers a.keras b.keras \
        --images folder

makes one student of classifiers of yours, of any number, architecture and input
size, from pictures without labels, and writes it to `--output`. It is trained
for about 1,000 steps, though not for less than 5 epochs or more than 200.
`--student` is `separable` or `residual`, a new network of at most 0.4 times the
teachers' weights, or a `.keras` file of yours with a logit for each class of
all teachers.

    python recipes/amalgamate_common_feature.py

checks, at small scale, what "Knowledge Amalgamation from Heterogeneous Networks
by Common Feature Learning" (Luo et al., IJCAI 2019) claims: one student of
several networks of different architectures is on par with each of them, and
better than they are side by side. It takes a residual network for five kinds of
garments at 28 x 28 pixels and a plain one for the other five at 32 x 32, which
were trained on 40 labels a class and are inside the package, and 5,800
unlabelled pictures. `--dataset garments+emoji` has four teachers, of garments
and of emoji; `digits`, `emoji`, `folder:PATH` and `tfds:NAME` are others.

The student is scored beside the teachers, and the teachers side by side
(`concatenated`; `calibrated`: their logits made comparable, as the student gets
them). In this comparison, and with `--compare`, also beside the same
network trained on their logits alone (`soft_targets`) and, where labels are
known, on the labels of all pictures (`labelled`), for as many steps. A part is
scored within the classes of its teacher, `joint` among all classes. Without
labels the scores are agreement with the teachers' own decisions, on a fifth of
the pictures that is not trained on.

Written to `--output`: `report.json`, `report.png`, and `student.keras`,
`student.tflite` and, if they were trained, the teachers of the first seed.

Differences from the authors' program: small networks and pictures instead of
ResNets and photographs, a common space of 32 channels instead of 128, and those
of `CommonFeatureAmalgamator`.
"""

from keras_vipa.utils import recipe

# isort: split

import time

import keras
from shared import classifiers
from shared import seeds
from shared.labelled import fit

from keras_vipa import applications
from keras_vipa import training
from keras_vipa.amalgamation import CommonFeatureAmalgamator
from keras_vipa.amalgamation import new_student

PRESETS = {
    "garments": ("garments_0_4", "garments_5_9"),
    "digits": ("digits_0_4", "digits_5_9"),
    "emoji": ("emoji_0_4", "emoji_5_8"),
}
PRESETS["garments+emoji"] = PRESETS["garments"] + PRESETS["emoji"]
LABELS_PER_CLASS, TEACHER_STEPS, BATCH, HIDDEN = 40, 600, 64, 32
SOFT = {"common": 0.0, "reconstruction": 0.0}
STUDENTS = ("separable", "residual")


def options(add):
    """The options."""
    classifiers.options(add)
    add("--student", default="separable", help="or residual, or a file")
    add("--epochs", type=int)


def train_on_few(args, data, number, seed):
    """A residual classifier, or a plain one for slightly larger pictures."""
    few = data.few_per_class(LABELS_PER_CLASS, seed)
    height, width = few.images.shape[1:3]
    count, rate = few.num_classes(), 3e-3
    if number % 2:
        model = new_student("residual", (height, width, 3), count, 77e3, seed)
    else:
        shape, rate = (height * 8 // 7, width * 8 // 7, 3), 1.5e-3
        model = applications.SmallConvNet(shape, count, (16, 32, 64), 64)
    images = keras.ops.image.resize(
        few.array(), model.input_shape[1:3], antialias=True
    )
    images = keras.ops.convert_to_numpy(images)
    steps = 2 if args.smoke else TEACHER_STEPS
    labels, shift = few.y(), 1 / 14
    return fit(model, images, labels, steps, 32, rate, shift, "constant")


def board_of(task, amalgamator, x, x_test, seed):
    """Scoreboard with rows for the teachers, as they are and calibrated."""
    logits = amalgamator.teacher_logits(x_test, calibrated=False)
    amalgamator.calibrate(x)
    calibrated = amalgamator.teacher_logits(x_test)
    if not task.groups:
        # What the student is told: nothing else says who is right.
        logits = calibrated
    board = classifiers.board_of(
        task, amalgamator.slices, amalgamator.teachers, logits, seed
    )
    if task.groups:
        board.add("calibrated", calibrated, board.reference)
    return board


def run_seed(args, seed, task, backup):
    """Train for one seed; returns rows, amalgamator, curves."""
    models = task.teachers(seed)
    x, x_test = (args.white * x for x in task.arrays(models))
    epochs = args.epochs or training.default_epochs(len(x), BATCH)

    def new(weights=None):
        """An amalgamator with a student of random weights, or a file's."""
        is_file = args.student not in STUDENTS
        student = recipe.read_model(args.student) if is_file else args.student
        return CommonFeatureAmalgamator(
            models,
            student,
            image_shape=x.shape[1:],
            hidden=HIDDEN,
            weights=weights,
            seed=seed,
            white=args.white,
        )

    def train(name, text, weights=None):
        print(f"Seed {seed}: a student from {text}", flush=True)
        start, made = time.time(), new(weights)
        plan = {"joint": epochs}, BATCH
        folder = backup / f"{name}_{seed}"
        history = made.fit_stages(x, *plan, backup_dir=folder)
        board.add_model(name, made.student, x_seen, start)
        return made, history

    last = new()
    x_seen = last.fitted_images(x_test)
    if seed == args.seeds[0]:
        baselines = (1 + bool(task.groups)) * (
            args.compare or not args.teachers
        )
        times = len(args.seeds) * (1 + baselines)
        training.announce(new(), x, {"joint": epochs}, times)
    board = board_of(task, last, x, x_test, seed)
    if args.compare or not args.teachers:
        train("soft_targets", "the logits alone", SOFT)
    if task.groups:
        print(f"Seed {seed}: a student from labels", flush=True)
        start, labelled = time.time(), new(SOFT).student
        steps, rate = epochs * (len(x) // BATCH), last.learning_rates["joint"]
        labels = task.places(task.train)
        images = last.fitted_images(x)
        fit(labelled, images, labels, steps, BATCH, rate)
        board.add_model("labelled", labelled, x_seen, start)
    last, history = train("student", "common features")
    return board.rows, last, history.get("joint", {})


def draw_terms(axis, curves):
    """The terms of the loss, epoch by epoch."""
    for name, values in curves.items():
        if name != "loss":
            axis.plot(range(1, len(values) + 1), values, label=name)
    axis.set(xlabel="epoch", ylabel="term, without its weight", yscale="log")
    axis.legend()


def main(args):
    """Run all seeds, then write what came out."""
    task = classifiers.Task(args, PRESETS, train_on_few)
    classifiers.run(args, task, run_seed, draw_terms)


if __name__ == "__main__":
    recipe.run(main, options, smoke={"epochs": 1}, writes=seeds.WRITES)
