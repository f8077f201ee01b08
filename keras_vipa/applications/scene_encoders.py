"""Small encoders of the tasks on generated scenes, one a task."""

import keras
from keras import layers

from keras_vipa.applications.weights import load_weights
from keras_vipa.utils import checks

# Those of `keras_vipa.datasets.scene_task`, which networks do not import.
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
    is_list = isinstance(tasks, list | tuple) and len(tasks) > 0
    if not is_list or not all(task in TASKS for task in tasks):
        rule = f"`tasks` must be a tuple of some of {TASKS}"
        checks.fail(rule, "tasks", tasks)
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
        convolution = {
            "padding": "same",
            "use_bias": False,
            "data_format": "channels_last",
        }
        x = layers.Conv2D(filters, 3, strides, **convolution)(x)
        x = layers.ReLU()(layers.BatchNormalization()(x))
    return keras.Model(images, x, name=task)
