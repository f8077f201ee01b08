"""Training and judging embeddings whose parts mean one attribute each."""

import time

import keras
import numpy as np
from shared.labelled import train

from keras_vipa import datasets
from keras_vipa import metrics
from keras_vipa import training
from keras_vipa.applications import PartitionTrainer
from keras_vipa.layers import PartitionedEmbedding

ATTRIBUTES = ("color", "shape", "pattern")
NUMBERS, BATCH = 16, 64
# Of the encoders, in the two phases; `only` is the first, for as many in all.
STEPS = (188, 752)
VARIANTS = {
    "autoencoder": {"alpha": 0.0, "only": True},
    "attributes": {"only": True},
    "predictors, 1 step": {"steps": 1},
    "predictors, 3 steps": {"steps": 3},
    "predictors, 6 steps": {"steps": 6},
    "classifiers, 3 steps": {"steps": 3, "opponents": "classifiers"},
    "distance correlation": {"opponents": "distance"},
}


def attributes_of(items):
    """Names of the labels that are to have a part: all but the category."""
    return [name for name in items.class_names if name != "category"]


def labels_of(items):
    """Dict of integer arrays, of all attributes that have a part."""
    return {name: items.y(name) for name in attributes_of(items)}


def words_of(items):
    """Categories, and dict of lists of strings: what each item is, in words.

    What is not known is `"unknown"`.
    """
    words = {
        name: np.array([*names, "unknown"])[items.y(name)].tolist()
        for name, names in items.class_names.items()
    }
    return words.pop("category"), words


def trained(items, seed, epochs=None, backup_dir=None, **options):
    """A trainer that has been trained, and the seconds that it took."""
    keras.utils.set_random_seed(seed)
    names, only = attributes_of(items), options.pop("only", False)
    parts = {name: NUMBERS for name in (*names, "rest")}
    made = PartitionTrainer(
        PartitionedEmbedding(parts, seed=seed),
        {name: items.num_classes(name) for name in names},
        size=items.images.shape[1:3],
        seed=seed,
        **options,
    )
    first, second = epochs or [
        training.default_epochs(len(items), BATCH, steps, fewest=1)
        for steps in STEPS
    ]
    if only:
        first, second = first + second, 0
    start = time.time()
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
