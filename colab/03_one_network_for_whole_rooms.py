"""# One network for whole rooms, from three that see one thing each

**Author:** keras_vipa authors<br>
**Date created:** 2026/11/27<br>
**Description:** Scene parsing, depth and surface normals in one network, made
of three trained ones without labels.

## The problem

A robot in a room wants to know what is where, how far it is, and how it is
turned. Networks for each of these exist, trained by different people on
different labelled rooms; running all three costs three times as much, and the
labels to train one for everything are nowhere. Student Becoming the Master ([Ye
et al., CVPR 2019](https://arxiv.org/abs/1904.10167)) makes one network of them,
which shares its first part between the tasks, and finds out by itself where the
tasks have to part.
"""  # noqa: D415

import keras
import matplotlib.pyplot as plt
import numpy as np

import keras_vipa
from keras_vipa import metrics

keras.utils.set_random_seed(0)

"""
## The rooms

Rendered interiors come with the package, so nothing is downloaded. The
unlabelled ones are pictures and nothing else; of the test rooms, whose
furniture is in no other room, we know everything, which only serves to count
mistakes.
"""

unlabelled = keras_vipa.datasets.rooms("unlabelled")
test = keras_vipa.datasets.rooms("test")
images, test_images = unlabelled.array(slice(800)), test.array()
print(unlabelled)
print(test)

figure, axes = plt.subplots(2, 8, figsize=(11, 3), layout="tight")
for picture, axis in zip(unlabelled.images, axes.flat):
    axis.imshow(picture)
    axis.axis("off")
plt.show()

"""
## The teachers

Three encoder-decoders of equal blocks. Each halves the picture four times and
remembers where its maxima were, then doubles it again, putting each value back
to its place. Each has seen 100 labelled rooms, and no room of the others.
"""

teachers = {
    task: keras_vipa.applications.load_model(f"rooms_{task}")
    for task in ("parsing", "depth", "normals")
}
for task, teacher in teachers.items():
    print(
        f"{task}: {teacher.output_shape[1:]}, "
        f"{teacher.count_params():,} parameters"
    )
print([layer.name for layer in teachers["depth"].layers])


def show(networks, number):
    """What some networks see in a test room, a line each."""
    figure, axes = plt.subplots(
        len(networks), 4, figsize=(7, 1.8 * len(networks)), layout="tight"
    )
    axes[0, 0].imshow(test.images[number])
    for line, (name, maps) in zip(axes, networks.items()):
        line[0].set_title(name, fontsize=9)
        line[1].imshow(maps["parsing"][number], cmap="tab20", vmin=0, vmax=19)
        line[2].imshow(maps["depth"][number], vmin=1, vmax=6)
        line[3].imshow((maps["normals"][number] + 1) / 2)
        for axis in line:
            axis.axis("off")
    plt.show()


def decided(outputs):
    """Maps as the truth is given: classes, metres, directions."""
    return {
        "parsing": outputs["parsing"].argmax(axis=-1),
        "depth": outputs["depth"][..., 0],
        "normals": outputs["normals"],
    }


truth = {"parsing": test.labels, "depth": test.depth, "normals": test.normals}
said = {
    task: teacher.predict(test_images, verbose=0)
    for task, teacher in teachers.items()
}
show({"Truth": truth, "Teachers": decided(said)}, 3)

"""
## Where to branch

The student has the same blocks, with new weights. With its features $F_n$ on
the input of block $n$ of the decoder, and a gate $G_{i,n}$ that weighs their
channels for teacher $i$, the rest of the teacher makes its output of them:

$$o_i^n = T_i^{n..N}(G_{i,n}(F_n))$$

Student and gates are trained so that this is what the teacher says itself,
from all places at random. What a task loses at each place says where it parts
from the others: a branch that begins early keeps most of the teacher, one that
begins late shares most of its parameters.
"""

amalgamator = keras_vipa.amalgamation.BranchingAmalgamator(
    teachers,
    losses={"parsing": "classes", "depth": "depth", "normals": "normals"},
    weights={"depth": 5.0},
    seed=0,
)
amalgamator.fit_stages(images, {"blocks": 2}, batch_size=8, verbose=0)
print(amalgamator.points)

figure, axis = plt.subplots(figsize=(5, 3), layout="tight")
for task, losses in amalgamator.curve.items():
    axis.plot(np.array(losses) / min(losses), "o-", label=task)
axis.set_xlabel("block of the decoder where the branch begins")
axis.set_ylabel("loss relative to the least")
axis.set_xticks(range(4))
axis.legend()
plt.show()

"""
## Fine-tuning

Now the branches are cut there. Each task keeps its gate and a copy of the rest
of its teacher; what comes before is shared. All of it is trained, by the same
losses.
"""

history = amalgamator.fit_stages(
    images, {"target": 2}, batch_size=8, verbose=0
)["target"]
student = amalgamator.student
total = sum(teacher.count_params() for teacher in teachers.values())
print({key: np.round(values, 3) for key, values in history.items()})
print(f"the student has {student.count_params() / total:.0%} of {total:,}")

"""
## What the student sees

One network, which was never shown a label.
"""

found = student.predict(test_images, verbose=0)
show({"Truth": truth, "Teachers": decided(said), "Student": decided(found)}, 3)


def show_scores(name, outputs):
    """Print a score of each task."""
    maps = decided(outputs)
    scores = {
        **metrics.parsing_scores(test.labels, outputs["parsing"]),
        **metrics.depth_scores(test.depth, maps["depth"]),
        **metrics.normal_scores(test.normals, maps["normals"]),
    }
    print(
        f"{name:10s} {scores['miou']:8.1%} {scores['abs_rel']:8.1%} "
        f"{scores['mean_angle']:7.1f}°"
    )


print(f"{'':10s} {'mean IoU':>8s} {'depth':>8s} {'normals':>8s}")
show_scores("teachers", said)
show_scores("student", found)

"""
Larger is better for the first (the mean over classes of intersection by
union), smaller for the others: the mean error relative to the depth, and the
mean angle. This is one short run; the recipe named at the end repeats it for
longer and with several seeds, against baselines.

## Keep it

The student is a plain Keras model with an output a task; it becomes one file
for a phone. Running a LiteRT file in Python takes
`pip install "keras_vipa[lite]"`.
"""

student.save("student.keras")
path = keras_vipa.export.to_litert(student, "student.tflite", "float16")
print(f"{path.name}: {path.stat().st_size:,} bytes")
lite = keras_vipa.export.run_litert("student.tflite", test_images[:8])
for task in teachers:
    difference = np.abs(lite[task] - found[task][:8])
    print(f"{task}: {difference.mean():.4f}, at most {difference.max():.4f}")

"""
Differences of single pixels are larger than half precision alone explains:
where two values of a window are almost equal, rounding decides which of them is
the maximum, and so which place it is put back to.

## One more task, later

A finished student can be a teacher itself, of several tasks, whose own teachers
are not needed any more:

```python
amalgamator = keras_vipa.amalgamation.BranchingAmalgamator(
    {("parsing", "depth"): student, "normals": teacher}, losses
)
```

## Your own networks

Teachers are functional Keras models of blocks, as
`keras_vipa.applications.SegNet` makes them for any size, depth and width, for
one image size. Pictures come from a folder, with values in [0, 1].

## What to read next

- The recipe `recipes/amalgamate_branching.py` does all of this from the command
  line, on several seeds and against baselines:
  `python recipes/amalgamate_branching.py --teachers p.keras d.keras n.keras
  --tasks parsing depth normals --images folder`.
- `help(keras_vipa.amalgamation.BranchingAmalgamator)` has the formulas, and
  what differs from the authors' program.
"""
