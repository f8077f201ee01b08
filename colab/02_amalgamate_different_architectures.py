"""# Two classifiers of different kinds become one, without labels

**Author:** keras_vipa authors<br>
**Date created:** 2026/11/27<br>
**Description:** One light network learns the classes of two trained
classifiers that have different architectures and input sizes.

## The problem

The networks that you have are rarely alike: one is a residual network for 28 x
28 pixels, the other a plain stack of convolutions for 32 x 32; each knows some
of the classes that you need, and nobody has kept the labels. Common feature
learning ([Luo et al., IJCAI 2019](https://arxiv.org/abs/1906.10546)) makes one
student of them, which may be of a third kind: what the last layers of all
networks compute is brought into a common space, in which the student learns to
look like each of its teachers.
"""  # noqa: D415

import keras
import matplotlib.pyplot as plt
import numpy as np

import keras_vipa
from keras_vipa import metrics

keras.utils.set_random_seed(0)

"""
## The pictures

Garments of Fashion-MNIST come with the package, so nothing is downloaded. The
training pictures are used without their labels; the labels of the test
pictures only serve to count mistakes.
"""

train, test = keras_vipa.datasets.named("garments")
images, test_images = train.array(), test.array()
labels = test.y()
names = test.class_names["garment"]
print(train)
print(test)

figure, axes = plt.subplots(1, 10, figsize=(11, 1.5), layout="tight")
for label, axis in enumerate(axes):
    axis.imshow(test_images[np.flatnonzero(labels == label)[0]])
    axis.set_title(names[label], fontsize=8)
    axis.axis("off")
plt.show()

"""
## The teachers

The first knows the five classes on the left, the second those on the right.
Both were trained on 40 labelled pictures a class, and neither has been told
that there are other classes.
"""

teachers = [
    keras_vipa.applications.load_model("garments_0_4"),
    keras_vipa.applications.load_model("garments_5_9"),
]
for number, teacher in enumerate(teachers, 1):
    kinds = {type(layer).__name__ for layer in teacher.layers}
    print(
        f"teacher {number}: {teacher.input_shape[1:3]} pixels, "
        f"{teacher.count_params():,} parameters, of {', '.join(sorted(kinds))}"
    )

"""
## The amalgamator

It finds in each network the last features before pooling, and feeds each with
the pictures in its own size. The student is new: separable convolutions, at
most 0.4 times the parameters of the teachers together. A `keras.Model` of
yours works as well.
"""

amalgamator = keras_vipa.amalgamation.CommonFeatureAmalgamator(
    teachers, student="separable", ratio=0.4, hidden=32, seed=0
)
student = amalgamator.student
total = sum(teacher.count_params() for teacher in teachers)
print(f"the student has {student.count_params() / total:.0%} of {total:,}")

"""
## Side by side, they talk over each other

The obvious way to know all ten classes is to run both networks and take the
largest of their ten logits. But each teacher has to choose one of its own
classes for every picture, and what it does not know it puts into a few of
them.
"""

parts = [slice(0, 5), slice(5, 10)]
side_by_side = amalgamator.teacher_logits(test_images, calibrated=False)

figure, axes = plt.subplots(1, 2, figsize=(10, 3), layout="tight", sharey=True)
for number, axis in enumerate(axes):
    part = parts[number]
    named = side_by_side[:, part].argmax(axis=1)
    is_own = labels // 5 == number
    below = np.bincount(named[is_own], minlength=5) / len(labels)
    above = np.bincount(named[~is_own], minlength=5) / len(labels)
    axis.bar(names[part], below, label="its own garments")
    axis.bar(names[part], above, bottom=below, label="the other's garments")
    axis.axhline(0.1, color="black", linewidth=0.8)
    axis.set_title(f"Teacher {number + 1}: what it names")
    axis.tick_params(axis="x", labelsize=8)
axes[0].set_ylabel("part of all test pictures")
axes[0].legend()
plt.show()

"""
In truth, each class is a tenth of the pictures (the black line). What a teacher
says often is mostly wrong, and that shows without any label. So `calibrate`
compares each class with what its teacher says of it elsewhere:

$$z_i = \\log \\mathrm{softmax}(o_i) + \\max \\frac{c_i - m_i}{d_i}$$

with the logits $o_i$ of teacher $i$, and the means $m_i$ and deviations $d_i$
of the centred logits $c_i$ over the unlabelled pictures. Between its own
classes each teacher decides as before; between teachers the one decides for
which a class is unusually likely. This is ours, not the paper's;
`calibrate=None` leaves it out.
"""

amalgamator.calibrate(images)
calibrated = amalgamator.teacher_logits(test_images)


def show_scores(name, logits):
    """Print the accuracy within each teacher's classes, and among all ten."""
    found = [metrics.accuracy(labels, logits, part) for part in parts]
    found.append(metrics.accuracy(labels, logits))
    cells = [f"{value:9.1%}" for value in found]
    print(f"{name:24s}", *cells)


header = f"{'':24s} {'part 1':>9s} {'part 2':>9s} {'all ten':>9s}"
print(header)
show_scores("teachers side by side", side_by_side)
show_scores("teachers, calibrated", calibrated)

"""
## Training

The loss has three terms. The student learns what the teachers say
(`soft_targets`); in the common space, its features are to be distributed as
those of each teacher (`common`, the maximum mean discrepancy); and from the
common space each teacher's features have to be decoded again
(`reconstruction`), since otherwise a space in which everything is the same
would do. `fit_stages` calibrates first, as above.
"""

history = amalgamator.fit_stages(images, {"joint": 11}, verbose=0)["joint"]

figure, axis = plt.subplots(figsize=(6, 3), layout="tight")
for name in ("soft_targets", "common", "reconstruction"):
    axis.semilogy(range(1, 12), history[name], label=name)
axis.set_xlabel("epoch")
axis.set_ylabel("term of the loss")
axis.legend()
plt.show()

"""
## The common space

Features of test pictures in the common space, seen from the two directions in
which they differ most. Teachers and student have no layer in common; still,
garments that a teacher knows lie in the student's picture about where that
teacher has them: trousers as for the first, shoes as for the second.
"""

outputs = amalgamator(test_images[:500], training=False)
codes = [outputs["student_code"], *outputs["teacher_codes"]]
codes = [keras.ops.convert_to_numpy(code).reshape(500, -1) for code in codes]
codes = [x / np.linalg.norm(x, axis=1, keepdims=True) for x in codes]
together = np.concatenate(codes)
_, _, directions = np.linalg.svd(together - together.mean(axis=0), False)
figure, axes = plt.subplots(
    1, 3, figsize=(11, 3.4), sharex=True, sharey=True, layout="constrained"
)
titles = ["Student", "Teacher 1", "Teacher 2"]
for axis, title, code in zip(axes, titles, codes):
    x, y = directions[:2] @ (code - together.mean(axis=0)).T
    points = axis.scatter(x, y, c=labels[:500], cmap="tab10", s=8)
    axis.set_title(title)
handles, _ = points.legend_elements()
figure.legend(handles, names, loc="outside right upper", fontsize=8)
plt.show()
"""
## What the student knows

The last row is one network, which was never shown a label.
"""

logits = student.predict(test_images, verbose=0)
print(header)
show_scores("teachers side by side", side_by_side)
show_scores("teachers, calibrated", calibrated)
show_scores("student", logits)

"""
This is one run with one pair of teachers. The recipe named at the end repeats
it for several seeds, and adds a student that is trained on the logits alone,
and one that is trained on labels.

## Keep it

The student is a plain Keras model; what made the common space is not part of
it. For a phone or a small board it becomes a LiteRT file. Running a LiteRT file
in Python takes `pip install "keras_vipa[lite]"`.
"""

student.save("student.keras")
for name, model in (
    ("student", student),
    ("teacher_1", teachers[0]),
    ("teacher_2", teachers[1]),
):
    path = keras_vipa.export.to_litert(model, f"{name}.tflite", "float16")
    print(f"{path.name}: {path.stat().st_size:,} bytes")
lite = keras_vipa.export.run_litert("student.tflite", test_images)
same = np.sum(lite.argmax(axis=1) == logits.argmax(axis=1))
print(f"{same} of {len(labels)} decisions as in Keras")

"""
## Your own classifiers

Teachers are functional or sequential Keras models, of any architecture, input
size and number, grey or RGB, that return logits or probabilities. Pictures come
from a folder, with values in [0, 1], and should show classes of all teachers.

```python
teachers = [keras.saving.load_model(path) for path in ("a.keras", "b.keras")]
images = keras_vipa.datasets.folder("pictures", size=64).array()
amalgamator = keras_vipa.amalgamation.CommonFeatureAmalgamator(teachers)
amalgamator.fit_stages(images, {"joint": 30})
amalgamator.student.save("student.keras")
```

## What to read next

- The recipe `recipes/amalgamate_common_feature.py` does all of this from the
  command line, on several seeds and against baselines:
  `python recipes/amalgamate_common_feature.py --teachers a.keras b.keras
  --images pictures`.
- `help(keras_vipa.amalgamation.CommonFeatureAmalgamator)` has the formulas, and
  what differs from the authors' program.
- Where teachers know several tasks, and overlap, there is
  `keras_vipa.amalgamation.AdaptiveAmalgamator`.
"""
