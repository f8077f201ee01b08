"""What the branching amalgamator is told, checked."""

from keras import ops

from keras_vipa.losses import cosine_error
from keras_vipa.losses import scale_invariant_error
from keras_vipa.losses import soft_cross_entropy
from keras_vipa.losses import squared_error
from keras_vipa.utils import checks


def hard_cross_entropy(target, output):
    """Cross-entropy of the class that a teacher decides for."""
    count = target.shape[-1]
    decided = ops.one_hot(ops.argmax(target, axis=-1), count, dtype="float32")
    scores = ops.log_softmax(ops.cast(output, "float32"), axis=-1)
    return -ops.sum(decided * scores, axis=-1)


def absolute_error(target, output):
    """Mean absolute difference over the channels."""
    target, output = (ops.cast(x, "float32") for x in (target, output))
    return ops.mean(ops.abs(target - output), axis=-1)


LOSSES = {
    "classes": soft_cross_entropy,
    "hard_classes": hard_cross_entropy,
    "depth": scale_invariant_error,
    "absolute_depth": absolute_error,
    "normals": cosine_error,
    "values": squared_error,
}


def tasks_of(key):
    """Tasks of a teacher, of its key in the dict of teachers."""
    return list(key) if isinstance(key, tuple) else [key]


def key_of(tasks):
    """The key of a teacher, of a list of its tasks."""
    return tasks[0] if len(tasks) == 1 else tuple(tasks)


def checked_teachers(teachers):
    """Dict, key of tasks -> model, if it is one of different tasks."""
    if not isinstance(teachers, dict) or len(teachers) < 2:
        rule = "`teachers` must be a dict, task -> model, of at least two"
        checks.fail(rule, "teachers", teachers)
    tasks = [task for key in teachers for task in tasks_of(key)]
    names = [task for task in tasks if isinstance(task, str) and task]
    if len(set(names)) != len(tasks):
        rule = "Tasks of `teachers` must be different names"
        checks.fail(rule, "tasks", tasks)
    return {key_of(tasks_of(key)): model for key, model in teachers.items()}


def checked_losses(losses, tasks):
    """Dict, task -> name or function, in the order of the tasks."""
    if not isinstance(losses, dict) or set(losses) != set(tasks):
        rule = f"`losses` must be a dict with a loss for each of {tasks}"
        checks.fail(rule, "losses", losses)
    for task, loss in losses.items():
        if not callable(loss):
            checks.choice(f"losses['{task}']", loss, LOSSES)
    return {task: losses[task] for task in tasks}
