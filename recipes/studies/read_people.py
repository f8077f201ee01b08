"""How well a small network reads the parts of the drawn people.

    python recipes/studies/read_people.py

One network with a head for each part is trained on the training pictures,
shifted by up to two pixels, and scored on the test pictures. `majority` is how
often the most frequent class is right. Written to `--output`: `report.json`
and `report.png`, some of the people with what is read wrongly of them.
"""

from keras_vipa.utils import recipe

# isort: split

import keras
import matplotlib.pyplot as plt
import numpy as np
from keras import layers

from keras_vipa import datasets
from keras_vipa.utils import reports

RATE, BATCH = 2e-3, 64
WRITES = ["report.png"]


def options(add):
    """The options."""
    add("--epochs", type=int, default=25)
    add("--limit", type=int, default=5600, help="pictures to train on")


def network(counts):
    """Part to number of classes: a network with a head for each part."""
    x = inputs = keras.Input((32, 32, 3))
    x = layers.RandomTranslation(1 / 16, 1 / 16, fill_mode="nearest")(x)
    for filters, strides in ((32, 1), (64, 2), (96, 2), (128, 2)):
        x = layers.Conv2D(filters, 3, strides, "same", use_bias=False)(x)
        x = layers.ReLU()(layers.BatchNormalization()(x))
    x = layers.Dense(192, activation="relu")(layers.Flatten()(x))
    heads = {part: layers.Dense(n, name=part)(x) for part, n in counts.items()}
    return keras.Model(inputs, heads)


def draw(people, scores, parts):
    """Eighteen people; wrongly read parts are named."""
    figure, axes = plt.subplots(3, 6, figsize=(12, 7), layout="constrained")
    for number, axis in enumerate(axes.flat):
        wrong = [
            f"{part}: {people.class_names[part][scores[part][number].argmax()]}"
            for part in parts
            if people.y(part)[number] not in (-1, scores[part][number].argmax())
        ]
        axis.imshow(people.images[number])
        axis.set_title("\n".join(wrong), fontsize=8)
        axis.axis("off")
    return figure


def main(args):
    """Train, score, write."""
    train, test = datasets.people("train"), datasets.people("test")
    train = train.select(slice(args.limit))
    parts = [part for part in train.labels if part != "attributes"]
    seed = args.seeds[0]
    keras.utils.set_random_seed(seed)
    model = network({part: train.num_classes(part) for part in parts})
    steps = args.epochs * -(-len(train) // BATCH)
    rate = keras.optimizers.schedules.CosineDecay(RATE, steps)
    loss = keras.losses.SparseCategoricalCrossentropy(True, ignore_class=-1)
    model.compile(keras.optimizers.Adam(rate), dict.fromkeys(parts, loss))
    labels = {part: train.y(part) for part in parts}
    model.fit(train.array(), labels, BATCH, args.epochs, verbose=0)
    scores = model.predict(test.array(), verbose=0)
    rows = []
    for part in parts:
        known = test.y(part) >= 0
        classes = test.y(part)[known]
        right = scores[part].argmax(axis=-1)[known] == classes
        majority = np.bincount(classes).max() / len(classes)
        row = {"part": part, "classes": test.num_classes(part)}
        row |= {"accuracy": float(right.mean()), "majority": float(majority)}
        rows.append({**row, "seed": seed})
    shown = [
        row | {k: f"{row[k]:.3f}" for k in ("accuracy", "majority")}
        for row in rows
    ]
    print(reports.format_table(shown))
    figure = draw(test, scores, parts)
    with recipe.results(args) as folder:
        figure.savefig(folder / "report.png", dpi=120)
        recipe.write_report(args, rows, folder)


if __name__ == "__main__":
    recipe.run(main, options, smoke={"epochs": 1, "limit": 64}, writes=WRITES)
