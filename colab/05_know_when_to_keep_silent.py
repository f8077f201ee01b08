"""# A classifier that knows when to keep silent

**Author:** keras_vipa authors<br>
**Date created:** 2026/11/27<br>
**Description:** Pictures of classes that were never seen are told by their
attributes, and only where the answer can be trusted.

## The problem

A biologist can describe an animal that nobody has photographed: it has horns,
one eye and a tail. A zero-shot classifier reads such attributes off a picture
and answers with the class whose description fits best. It is wrong much more
often than a classifier that has seen its classes, so it should say how sure it
is, and leave what it is not sure of to somebody else.

Selective zero-shot classification ([Song et al., ECCV
2018](https://arxiv.org/abs/1807.07437)) says why that is hard: those who wrote
the descriptions forgot something. So it learns *residual* attributes beside the
*defined* ones. The defined ones decide; both say how much the decision is to be
trusted.
"""  # noqa: D415

import keras
import matplotlib.pyplot as plt
import numpy as np

import keras_vipa
from keras_vipa import metrics

keras.utils.set_random_seed(0)

"""
## Creatures

Drawn creatures come with the package, so nothing is downloaded. There are
pictures of 160 classes to learn from. Twenty other classes are known by their
attributes only. Of thirty attributes, ten have been defined; what these do not
tell apart counts as one class.
"""

seen = keras_vipa.datasets.critters("train")
unseen = keras_vipa.datasets.critters("unseen")
_, names = keras_vipa.datasets.critter_signatures()
chosen = np.random.default_rng(0).choice(names, 10, replace=False).tolist()
signatures, _ = keras_vipa.datasets.critter_signatures(chosen)
known = signatures[:160]
new, row = np.unique(signatures[160:], axis=0, return_inverse=True)
labels = row.ravel()[unseen.y() - 160]
print(chosen)
print(f"{len(new)} of 20 unseen classes differ in these")

figure, axes = plt.subplots(2, 10, figsize=(11, 2.6), layout="tight")
for line, data in zip(axes, (seen, unseen)):
    for picture, axis in zip(data.images[:: len(data) // 10], line):
        axis.imshow(picture)
        axis.axis("off")
axes[0, 0].set_title("seen", loc="left")
axes[1, 0].set_title("unseen", loc="left")
plt.show()

"""
## Features

A small network learns to tell seen classes apart. It does so for four fifths of
them only: the others are to pass for unseen classes later, and have to be as
new to the network as those.
"""

held = np.arange(4, 160, 5)
kept = np.setdiff1d(np.arange(160), held)
x = image = keras.Input((32, 32, 3))
for width in (32, 64, 128):
    x = keras.layers.Conv2D(width, 3, padding="same", use_bias=False)(x)
    x = keras.layers.BatchNormalization()(x)
    x = keras.layers.ReLU()(x)
    x = keras.layers.MaxPooling2D()(x)
features = keras.Model(image, keras.layers.GlobalAveragePooling2D()(x))
network = keras.Sequential([features, keras.layers.Dense(len(kept))])
network.compile(
    keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(3e-3, 500)),
    keras.losses.SparseCategoricalCrossentropy(from_logits=True),
)
use = np.isin(seen.y(), kept)
targets = np.searchsorted(kept, seen.y()[use])
network.fit(seen.array()[use], targets, 64, epochs=10, verbose=0)

x, new_x = (features.predict(s.array(), verbose=0) for s in (seen, unseen))
print(x.shape, new_x.shape)

"""
## Settings

How much the residual attributes count, and the temperatures that make
probabilities truthful, are chosen where the classes that were held out pass for
unseen ones. This one call is not given anything of a class that is really
unseen, so it cannot choose what happens to suit it.
"""

settings, rows = keras_vipa.applications.SelectiveZeroShot.tune(
    x, seen.y(), known, held=held, epochs=30, residual=16
)
print(settings)
print({key: round(rows[0][key], 3) for key in ("accuracy", "aurc")})

model = keras_vipa.applications.SelectiveZeroShot(
    known, channels=x.shape[1], **settings
)
model.adapt(x)
model.fit_stages(x, {"attributes": 30}, 128, labels=seen.y(), verbose=0)

"""
## Answers

With attributes $a_d(x)$ of an image and the signature $\\phi_d(c)$ of a class,
both of length one, the answer is the class with the largest $a_d(x)^T
\\phi_d(c)$. The residual attributes of an unseen class, which nobody knows, are
put together of those of its kin. The confidence is

$$(1 - m)\\, p_d(y | x) + m\\, p_r(y | x)$$

Sorted by it, the curve shows how many of the answers are wrong if only the
surest part is given.
"""

found = model.predict(new_x, new, like_seen=True, verbose=0)
correct = found["labels"] == labels
print(f"right: {correct.mean():.1%}")

alone = metrics.confidence_of(found["defined"], "maximum", from_logits=True)
confidences = {"defined": np.asarray(alone), "both": found["confidence"]}
figure, axis = plt.subplots(figsize=(5, 3.4), layout="tight")
for name, confidence in confidences.items():
    curve = metrics.risk_coverage_curve(confidence, correct)
    scores = metrics.selective_scores(confidence, correct)
    label = f"{name}: area {100 * scores['aurc']:.1f}"
    axis.plot(100 * curve["coverage"], 100 * curve["risk"], label=label)
axis.axhline(100 * (1 - correct.mean()), color="gray", linewidth=0.8)
axis.set(xlabel="answered, %", ylabel="of these wrong, %", ylim=(0, None))
axis.legend()
plt.show()

"""
Which creatures are answered first, and which are left to somebody else? A frame
is red where the answer is wrong.
"""

order = np.argsort(-found["confidence"])
figure, axes = plt.subplots(2, 12, figsize=(11, 2.4), layout="tight")
for line, part in zip(axes, (order[:12], order[-12:])):
    for axis, number in zip(line, part):
        axis.imshow(unseen.images[number])
        axis.set(xticks=[], yticks=[])
        color = "green" if correct[number] else "red"
        plt.setp(axis.spines.values(), color=color, linewidth=2)
axes[0, 0].set_title("answered first", loc="left")
axes[1, 0].set_title("refused first", loc="left")
plt.show()

"""
## A promise

Say that at most one answer in five may be wrong. From one half of the pictures,
a threshold is found that keeps this promise with a probability of 95 %, by the
exact tail of the binomial distribution. The other half shows what it is worth.
A risk that no threshold can promise is an error, which says what could be.
"""

half = np.random.default_rng(0).permutation(len(correct)) % 2 == 0
try:
    promise = metrics.threshold_for_risk(
        found["confidence"][half], correct[half], risk=0.2
    )
    answered = found["confidence"][~half] >= promise["threshold"]
    wrong = 1 - correct[~half][answered].mean()
    print(f"answered: {answered.mean():.1%}, of these wrong: {wrong:.1%}")
except ValueError as error:
    print(error)

"""
## What to read next

- `recipes/classify_selectively.md`: other classifiers and confidences in the
  same table, over ten seeds, and where residual attributes do not help; your
  own pictures and the usual benchmarks.
- `keras_vipa.metrics.AURC` and its like: the same numbers for any classifier,
  in `compile`.
"""
