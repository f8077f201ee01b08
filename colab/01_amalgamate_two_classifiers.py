"""# Two classifiers become one, without labels

**Author:** keras_vipa authors<br>
**Date created:** 2026/11/23<br>
**Description:** One small network learns the classes of two trained
classifiers from pictures that nobody has labelled.

## The problem

Two trained networks each know some of the classes that you need, and the
labels they were trained with are not at hand. What you have is a pile of
pictures without labels, and one small device that should know all classes.
Layer-wise amalgamation
([Shen et al., AAAI 2019](https://arxiv.org/abs/1811.02796)) makes one student
of the two teachers: first it compresses what they compute, then it teaches the
student to compute that, layer by layer.
"""  # noqa: D415

import keras
import matplotlib.pyplot as plt
import numpy as np

import keras_vipa
from keras_vipa import metrics

keras.utils.set_random_seed(0)

"""
## The pictures

Handwritten digits come with the package, so nothing is downloaded. The
training pictures are used without their labels; the labels of the test
pictures only serve to count mistakes.
"""

train, test = keras_vipa.datasets.named("digits")
images = train.array()
test_images = test.array()
labels = test.y()
print(train)
print(test)

colors = ["tab:blue", "tab:orange"]
known = ["0 to 4", "5 to 9"]
figure = plt.figure(figsize=(10, 1.6))
for number, half in enumerate(figure.subfigures(1, 2)):
    half.suptitle(f"Teacher {number + 1} knows", color=colors[number])
    half.subplots_adjust(bottom=0.2, top=0.8, wspace=0.1)
    for place, axis in enumerate(half.subplots(1, 5)):
        digit = 5 * number + place
        example = np.flatnonzero(labels == digit)[6]
        axis.imshow(test_images[example])
        axis.set_title(digit, y=-0.3)
        axis.axis("off")
plt.show()

"""
## The teachers

Each is a small convolutional network, trained on a few labelled examples of
its own five digits. Neither has ever been told that the other five exist.
"""

teachers = [
    keras_vipa.applications.load_model("digits_0_4"),
    keras_vipa.applications.load_model("digits_5_9"),
]
for number, teacher in enumerate(teachers, 1):
    print(f"teacher {number}: {teacher.count_params():,} parameters")

"""
## Side by side, they talk over each other

The obvious way to know all ten digits is to run both networks and take the
largest of their ten logits. But a classifier has to choose one of its own
classes for every picture, and it is often sure of it even where all of them
are wrong.
"""

slices = [slice(0, 5), slice(5, 10)]
teacher_logits = [t.predict(test_images, verbose=0) for t in teachers]
side_by_side = np.concatenate(teacher_logits, axis=1)

figure, axes = plt.subplots(1, 2, figsize=(10, 3), sharey=True)
bins = np.linspace(0.2, 1.0, 17)
for number, axis in enumerate(axes):
    probabilities = keras.ops.softmax(teacher_logits[number])
    confidence = keras.ops.convert_to_numpy(probabilities).max(axis=1)
    is_own = labels // 5 == number
    sure = np.mean(confidence[~is_own] > 0.9)
    print(
        f"teacher {number + 1} is more than 90% sure of its answer "
        f"on {sure:.0%} of the other teacher's digits"
    )
    axis.hist(
        [confidence[is_own], confidence[~is_own]],
        bins,
        label=["its own digits", "the other's digits"],
        color=[colors[number], "silver"],
    )
    axis.set_title(f"Teacher {number + 1}, which knows {known[number]}")
    axis.set_xlabel("probability it gives to its answer")
    axis.legend(loc="upper left")
axes[0].set_ylabel("test pictures")
figure.tight_layout()
plt.show()

"""
The price shows in the accuracy among all ten digits. The columns of the two
parts only count the pictures of the digits that a teacher knows, and only its
own five logits.
"""


def show_scores(name, logits):
    """Print the accuracy within each teacher's digits, and among all ten."""
    found = [metrics.accuracy(labels, logits, part) for part in slices]
    found.append(metrics.accuracy(labels, logits))
    cells = [f"{value:9.1%}" for value in found]
    print(f"{name:24s}", *cells)


header = f"{'':24s} {'0 to 4':>9s} {'5 to 9':>9s} {'all ten':>9s}"
print(header)
show_scores("teachers side by side", side_by_side)

"""
## The student

The student has the layers of a teacher, somewhat wider, and one logit for
every class of every teacher. By default it is smaller than the teachers
together; `widths=` makes it smaller or larger. The augmentation belongs to the
last phase.
"""

amalgamator = keras_vipa.amalgamation.LayerwiseAmalgamator(
    teachers,
    augmentation=keras.layers.RandomTranslation(
        0.125, 0.125, fill_mode="nearest"
    ),
    seed=0,
)
student = amalgamator.student
total = sum(teacher.count_params() for teacher in teachers)
share = student.count_params() / total
print(f"channels of its layers: {amalgamator.widths}")
print(f"{share:.0%} of the {total:,} parameters of the two teachers")

"""
### Phase 1: compress the teachers' features

In every layer, the outputs of both teachers before the activation are put side
by side. A linear auto-encoder squeezes them into as many channels as the
student has there, and is trained on the mean squared difference between what
goes in and what comes back.
"""

histories = amalgamator.fit_stages(images, {"autoencoders": 60}, verbose=0)

curves = keras_vipa.amalgamation.width_curves(amalgamator, test_images)
for name, curve in curves.items():
    print(
        f"{name}: {curve['channels']} channels in {curve['width']}, "
        f"{curve['error']:.2%} of the variance lost"
    )

"""
### Phase 2: teach the student, layer by layer

Each layer of the student is trained by itself. It is given the compressed
features of the layer before, and its loss is the mean squared difference
between its output and the compressed features of its own layer; the first
layer is given the pictures, and the last has to return the teachers' logits. A
linear code has no sign or scale that a ReLU could use, so a linear adaptation
layer is learned in between, and multiplied into the student's weights when the
phase ends.
"""

histories |= amalgamator.fit_stages(images, {"layers": 60}, verbose=0)
layer_by_layer = student.predict(test_images, verbose=0)

"""
### Phase 3: train the whole student

Now the layers learn to work together: the loss is the mean squared difference
between the student's ten logits and those of the teachers side by side. The
student sees every picture shifted a little at random, and has to answer what
the teachers answer to the picture in its place.
"""

histories |= amalgamator.fit_stages(images, {"joint": 60}, verbose=0)
whole = student.predict(test_images, verbose=0)

"""
Each phase minimises its own sum, shown here term by term. The curves of
different layers are in the units of their own features, so only the fall of
each curve can be compared, not its height. The loss of phase 3 is measured on
shifted pictures, so it does not start where phase 2 ended.
"""

figure, axes = plt.subplots(1, 3, figsize=(12, 3.4))
for number, (phase, history) in enumerate(histories.items()):
    axis = axes[number]
    for name, values in history.items():
        if name != "loss":
            label = name.removesuffix("_reconstruction")
            axis.semilogy(range(1, len(values) + 1), values, label=label)
    axis.set_title(f"Phase {number + 1}: {phase}")
    axis.set_xlabel("epoch")
    axis.legend()
axes[0].set_ylabel("mean squared error")
figure.tight_layout()
plt.show()

"""
## What the student knows

The last row is one network, which was never shown a label.
"""

print(header)
show_scores("teachers side by side", side_by_side)
show_scores("student, before phase 3", layer_by_layer)
show_scores("student", whole)

"""
This is one run on one small test set, in which a few pictures more or less
mean little. The recipe named at the end repeats it for several seeds, and adds
a student that is trained on the logits alone.

## Keep it

The student is a plain Keras model. It can be saved, loaded in a program that
does not import `keras_vipa`, trained on, or used as a teacher of the next
amalgamation.
"""

student.summary()
student.save("student.keras")
loaded = keras.saving.load_model("student.keras")
difference = np.abs(loaded.predict(test_images, verbose=0) - whole).max()
print(f"largest difference of a logit after loading: {difference:.1e}")

"""
For a phone or a small board it becomes a LiteRT file. The int8 file computes
in whole numbers, whose ranges come from the pictures given as `samples`.
Running a LiteRT file in Python takes `pip install "keras_vipa[lite]"`.
"""

decisions = whole.argmax(axis=1)
for precision in ("float32", "int8"):
    path = keras_vipa.export.to_litert(
        student, f"student_{precision}.tflite", precision, samples=images[:200]
    )
    lite = keras_vipa.export.run_litert(path, test_images)
    same = np.sum(lite.argmax(axis=1) == decisions)
    print(
        f"{path.name}: {path.stat().st_size:,} bytes, "
        f"{same} of {len(decisions)} decisions as in Keras"
    )

"""
## Your own classifiers

Teachers are functional or sequential Keras models that take images of one
size and correspond layer by layer; their widths and numbers of classes may
differ, and there may be more than two. Pictures come from a folder, with
values in [0, 1]; if your classifiers expect another range, multiply.

```python
teachers = [keras.saving.load_model(path) for path in ("a.keras", "b.keras")]
images = keras_vipa.datasets.folder("pictures", size=32).array()
amalgamator = keras_vipa.amalgamation.LayerwiseAmalgamator(teachers)
amalgamator.fit_stages(
    images, {"autoencoders": 60, "layers": 60, "joint": 60}
)
amalgamator.student.save("student.keras")
```

## What to read next

- The recipe `recipes/amalgamate_layerwise.py` does all of this from the
  command line, on several seeds and against baselines:
  `python recipes/amalgamate_layerwise.py --teachers a.keras b.keras --images
  pictures`.
- `help(keras_vipa.amalgamation.LayerwiseAmalgamator)` has the formulas, and
  what differs from the paper.
- The README has the other methods and the measured results.
"""
