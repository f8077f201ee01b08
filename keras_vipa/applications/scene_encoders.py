"""Small encoders of the tasks on generated scenes, one a task."""

import keras
import numpy as np
from keras import layers

from keras_vipa.applications.weights import load_weights

# Those of `keras_vipa.datasets.scene_task`, which is imported where it is used.
TASKS = (
    "autoencode",
    "denoise",
    "inpaint",
    "colorize",
    "edge2d",
    "segment",
    "objedge",
    "depth",
    "pose",
    "shape",
    "color",
    "bgori",
    "bgcol",
)


def SceneEncoders(weights=None, tasks=TASKS):  # noqa: N802
    """Thirteen small encoders, to try transferability with.

    Each has four convolutions of stride 2, 2, 2 and 1 with batch normalization
    and ReLU, and was trained on the generated scenes for its own task.

    Args:
        weights: `None` for random weights; `"scene_encoders"`, which comes with
            the package; or the path of a `.weights.h5` file of this network.
        tasks: tuple of strings, names of `scene_task`. Files have all.

    Returns:
        A `keras.Model`, images `(batch, 32, 32, 3)` in [0, 1] to a dict, task
        -> features `(batch, 4, 4, 16)`, not negative. Its layer of the name of
        a task is the encoder alone, a `keras.Model`.

    Raises:
        ValueError: If `weights` is none of these, or a task is unknown.

    Example:

    >>> encoder = keras_vipa.applications.SceneEncoders().get_layer("depth")
    >>> encoder.output_shape
    (None, 4, 4, 16)
    """
    unknown = set(tasks) - set(TASKS)
    if unknown or not tasks:
        raise ValueError(
            f"`tasks` must be some of {TASKS}. Received: tasks={tuple(tasks)}"
        )
    # In a file they are told apart by their order alone.
    encoders = {task: make_encoder(task) for task in TASKS}
    if weights is not None:
        load_weights(_side_by_side(encoders), weights)
    return _side_by_side({task: encoders[task] for task in tasks})


def _side_by_side(encoders):
    images = keras.Input((32, 32, 3), name="images")
    outputs = {task: encoder(images) for task, encoder in encoders.items()}
    return keras.Model(images, outputs, name="scene_encoders")


def make_encoder(task):
    """The encoder of one task, random."""
    x = images = keras.Input((32, 32, 3))
    for filters, strides in ((16, 2), (32, 2), (32, 2), (16, 1)):
        convolution = {"padding": "same", "use_bias": False}
        x = layers.Conv2D(filters, 3, strides, **convolution)(x)
        x = layers.ReLU()(layers.BatchNormalization()(x))
    return keras.Model(images, x, name=task)


def train_scene_encoders(world, epochs=10, seed=0, tasks=TASKS, verbose=0):
    """Train an encoder for each task, independently.

    Each with a small decoder of its own, which is then dropped; Adam with a
    rate that falls from 0.002 to 0, batches of 64, mean square error, and for
    classes cross-entropy.

    Args:
        world: `ImageSet`, of `scenes`.
        epochs: integer.
        seed: integer. Seed of weights, order and the tasks' noise.
        tasks: tuple of strings.
        verbose: 0, or 1 to print a line for each task.

    Returns:
        A `keras.Model`, as `SceneEncoders`.
    """
    from keras_vipa.datasets.scene_tasks import FAMILIES
    from keras_vipa.datasets.scene_tasks import scene_task

    model = SceneEncoders(tasks=tasks)
    for number, task in enumerate(tasks):
        keras.utils.set_random_seed(1000 * seed + number)
        inputs, targets = scene_task(world, task, seed)
        encoder = make_encoder(task)
        network = keras.Sequential([encoder, *_decoder(targets)])
        is_class = task in FAMILIES["semantic"]
        loss = "mean_squared_error"
        if is_class:
            loss = keras.losses.CategoricalCrossentropy(from_logits=True)
        steps = epochs * -(-len(inputs) // 64)
        rate = keras.optimizers.schedules.CosineDecay(2e-3, steps)
        network.compile(keras.optimizers.Adam(rate), loss, jit_compile=False)
        history = network.fit(inputs, targets, 64, epochs, verbose=0)
        model.get_layer(task).set_weights(encoder.get_weights())
        if verbose:
            print(f"  {task:12s} loss {history.history['loss'][-1]:.4f}")
    return model


def _decoder(targets):
    """Layers from features `(4, 4, 16)` to what a task says."""
    if targets.ndim == 2:
        return [
            layers.Flatten(),
            layers.Dense(64, activation="relu"),
            layers.Dense(targets.shape[-1]),
        ]
    up = {"strides": 2, "padding": "same"}
    return [
        layers.Conv2DTranspose(32, 4, activation="relu", **up),
        layers.Conv2DTranspose(16, 4, activation="relu", **up),
        layers.Conv2DTranspose(targets.shape[-1], 4, **up),
    ]


def features_and_targets(encoders, world, seed=0):
    """What every encoder gives for what every task sees.

    Args:
        encoders: dict, name -> encoder, images to features.
        world: `ImageSet`, of `scenes`.
        seed: integer. Seed of the tasks' noise.

    Returns:
        A dict, task -> a dict of name -> features `(n, size)`, and the targets
        as float rows; pixels as means over 8 x 8 cells.
    """
    from keras_vipa.datasets.scene_tasks import scene_task

    problems, known = {}, []
    for task in TASKS:
        inputs, targets = scene_task(world, task, seed)
        same = [found for seen, found in known if np.array_equal(seen, inputs)]
        if not same:
            own = {
                name: encoder.predict(inputs, batch_size=256, verbose=0)
                for name, encoder in encoders.items()
            }
            own = {name: x.reshape(len(x), -1) for name, x in own.items()}
            known.append((inputs, own))
            same = [own]
        problems[task] = same[0], _cells(targets)
    return problems


def readout_errors(problems, labels=300):
    """Measure transfer: readouts of every encoder for every task.

    The encoders are frozen, and a ridge regression from their features to the
    targets is fitted on few labels. Its strength is the best one on a fifth of
    these.

    Args:
        problems: dict, of `features_and_targets`.
        labels: integer. How many images to learn from, the first ones; the
            rest is to test on.

    Returns:
        A float array `(encoders, tasks)`: mean square error on the test
        images, over the targets' variance; 1 is no better than the mean.
    """
    columns = [
        [_ridge_error(own, targets, labels) for own in features.values()]
        for features, targets in problems.values()
    ]
    return np.array(columns).T


def _cells(targets):
    """Targets as rows; pixels as means over 8 x 8 cells."""
    if targets.ndim == 4:
        count, size, _, channels = targets.shape
        side = size // 8
        parts = targets.reshape(count, 8, side, 8, side, channels)
        targets = parts.mean(axis=(2, 4))
    return targets.reshape(len(targets), -1).astype("float64")


def _ridge_error(features, targets, labels):
    mean, deviation = features[:labels].mean(0), features[:labels].std(0)
    features = (features - mean) / (deviation + 1e-3)
    features = features.astype("float64")
    fit = labels - labels // 5
    strengths = 10.0 ** np.arange(-1, 5)
    tried = [
        _squared_error(features, targets, slice(fit), slice(fit, labels), s)
        for s in strengths
    ]
    best = strengths[int(np.argmin(tried))]
    test = slice(labels, None)
    error = _squared_error(features, targets, slice(labels), test, best)
    return error / targets[test].var(axis=0).sum()


def _squared_error(features, targets, train, test, strength):
    x, center = features[train], targets[train].mean(axis=0)
    kernel = x @ x.T + strength * np.eye(len(x))
    weights = x.T @ np.linalg.solve(kernel, targets[train] - center)
    difference = features[test] @ weights + center - targets[test]
    return np.mean(np.sum(difference**2, axis=1))
