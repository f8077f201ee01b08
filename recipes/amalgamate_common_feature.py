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
(`concatenated`; `calibrated`: their logits brought to one scale, as the student
gets them). In this comparison, and with `--compare`, also beside the same
network trained on their logits alone (`soft_targets`) and, where labels are
known, on the labels of all pictures (`labelled`), for as many steps. A part is
scored within the classes of its teacher, `joint` among all classes. Without
labels the scores are agreement with the teachers' own decisions, on a fifth of
the pictures that is not trained on.

Written to `--output`: `report.json`, `report.png`, and `student.keras`,
`student.tflite` and, if they were trained, the teachers of the first seed.

Differences from the authors' program: see `CommonFeatureAmalgamator`; targets
are compared within each teacher's classes and among all of them, and scaled
(`targets="both"`, `calibrate=True`), with weights of 1 for the terms of the
common space, whose choice is in `amalgamate_common_feature.md`.
"""

from keras_vipa.utils import recipe

# isort: split

import time

import keras
import numpy as np
from shared import classifiers

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
SETTINGS = {"targets": "both", "calibrate": True, "hidden": 32}
LABELS_PER_CLASS, TEACHER_STEPS = 40, 600


def options(add):
    """The options."""
    classifiers.options(add)
    add("--student", default="separable", help="or residual, or a file")
    add("--epochs", type=int)


def train_on_few(args, data, number, seed):
    """A residual classifier, or a plain one for slightly larger pictures."""
    few = data.few_per_class(LABELS_PER_CLASS, seed)
    height, width = few.images.shape[1:3]
    shape, classes = (height, width, 3), few.num_classes()
    rate = 3e-3
    if number % 2:
        model = new_student("residual", shape, classes, 77_000, seed)
    else:
        shape, rate = (height * 8 // 7, width * 8 // 7, 3), 1.5e-3
        sizes = (16, 32, 64), 64
        model = applications.SmallConvNet(shape, classes, *sizes)
    steps = 2 if args.smoke else TEACHER_STEPS
    images = keras.ops.image.resize(few.array(), shape[:2], antialias=True)
    fit(model, keras.ops.convert_to_numpy(images), few.y(), steps, rate, 32)
    return model
