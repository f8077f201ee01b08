"""Training and judging embeddings whose parts mean one attribute each."""

import time

import keras
import numpy as np
from shared.labelled import train

from keras_vipa import datasets
from keras_vipa import metrics
from keras_vipa.applications import PartitionTrainer
from keras_vipa.layers import PartitionedEmbedding

ATTRIBUTES = ("color", "shape", "pattern")
NUMBERS, BATCH = 16, 64
# Epochs of the two phases; `only` are those of the first one, if there is no
# game, for as many steps of the encoders.
EPOCHS = (1, 4)
VARIANTS = {
    "autoencoder": {"alpha": 0.0, "only": True},
    "attributes": {"only": True},
    "predictors, 1 step": {"steps": 1},
    "predictors, 3 steps": {"steps": 3},
    "predictors, 6 steps": {"steps": 6},
    "classifiers, 3 steps": {"steps": 3, "opponents": "classifiers"},
    "distance correlation": {"opponents": "distance"},
}


def labels_of(items):
    """Dict of integer arrays, of all attributes that have a part."""
    return {name: items.y(name) for name in ATTRIBUTES}


def names_of(items):
    """Dict of lists of strings: what each item is, in words."""
    labels = {}
    for name in (*ATTRIBUTES, "category"):
        words = np.array(items.class_names[name])
        labels[name] = words[items.y(name)].tolist()
    return labels.pop("category"), labels


def new_trainer(items, seed, filters=(16, 32, 48), only=False, **options):
    """A trainer that has not been trained, for the images of a set."""
    parts = {name: NUMBERS for name in (*ATTRIBUTES, "rest")}
    return PartitionTrainer(
        PartitionedEmbedding(parts, filters, seed=seed),
        {name: items.num_classes(name) for name in ATTRIBUTES},
        size=items.images.shape[1:3],
        seed=seed,
        **options,
    )


def trained(items, seed, epochs=EPOCHS, backup_dir=None, **options):
    """A trainer that has been trained, and the seconds that it took."""
    keras.utils.set_random_seed(seed)
    made, start = new_trainer(items, seed, **options), time.time()
    first, second = (sum(epochs), 0) if options.get("only") else epochs
    made.fit_stages(
        items.array(),
        {"warm_up": first, "separate": second},
        BATCH,
        labels=labels_of(items),
        backup_dir=backup_dir,
        verbose=0,
    )
    return made, time.time() - start


def judged(trainer, known, items, classify, steps=1500, seed=0):
    """What is in which part, and what comes of exchanging parts.

    Args:
        trainer: `PartitionTrainer`.
        known: `ImageSet` that probes learn from.
        items: `ImageSet` that is judged.
        classify: callable, images to a dict of labels.
        steps: integer. Of the probes.
        seed: integer.

    Returns:
        A dict of scores, and the leakage matrices, linear and not.
    """
    outputs = [
        trainer.predict(some.array(), batch_size=256, verbose=0)
        for some in (known, items)
    ]
    parts = [found["parts"] for found in outputs]
    labels = [labels_of(some) for some in (known, items)]
    linear, deep = (
        metrics.leakage_matrix(
            parts[0], labels[0], parts[1], labels[1], hidden, steps, seed
        )
        for hidden in (0, 64)
    )
    predicted = metrics.residual_predictability(*parts, steps=steps, seed=seed)

    def swap(images, donors, part):
        found = [
            trainer.swap(images[at : at + 256], donors[at : at + 256], part)
            for at in range(0, len(images), 256)
        ]
        return np.concatenate([keras.ops.convert_to_numpy(f) for f in found])

    swaps = metrics.swap_accuracy(
        swap, classify, items.array(), labels[1], seed
    )
    error = np.square(outputs[1]["images"] - items.array())
    return {
        **{key: deep[key] for key in ("own", "leak", "gap")},
        **{f"linear_{key}": linear[key] for key in ("own", "leak", "gap")},
        "mig": metrics.block_mig(deep),
        "r2": float(np.mean([*predicted.values()])),
        "reconstruction": float(error.mean()),
        "swap": float(np.mean([found["both"] for found in swaps.values()])),
        "swaps": swaps,
        "r2_of_parts": predicted,
    }, {"linear": linear, "deep": deep}


def reader(count, steps, seed=1000):
    """A classifier of all attributes that no embedding has to do with.

    Returns:
        A function of images: dict of labels, by attribute.
    """
    items = datasets.wardrobe(count=count, correlation=0.0, seed=seed)
    keras.utils.set_random_seed(seed)
    pixels = keras.Input(items.images.shape[1:])
    x = pixels
    for channels in (24, 48, 64):
        x = keras.layers.Conv2D(channels, 4, 2, "same", activation="relu")(x)
        x = keras.layers.BatchNormalization()(x)
    x = keras.layers.Dropout(0.3)(keras.layers.Flatten()(x))
    model = keras.Model(
        pixels,
        {
            name: keras.layers.Dense(items.num_classes(name), name=name)(x)
            for name in ATTRIBUTES
        },
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    losses = dict.fromkeys(ATTRIBUTES, loss)
    train(model, items.array(), labels_of(items), losses, steps, BATCH, 2e-3)

    def classify(images):
        found = model.predict(images, batch_size=256, verbose=0)
        return {name: logits.argmax(-1) for name, logits in found.items()}

    return classify
