"""What the adaptive amalgamator is told, checked."""

from keras_vipa.amalgamation.inputs import check_weights
from keras_vipa.amalgamation.inputs import computed
from keras_vipa.amalgamation.students import KINDS
from keras_vipa.utils import checks

TARGETS = ("probabilities", "logits")
RULES = ("least_entropy", "all", "random")
# Those of the features are our choice, on the validation pictures.
WEIGHTS = {"features": 0.1, "soft_targets": 1.0, "norm": 1.0}


def checked(options):
    """The options, with defaults where there are none, if they are right.

    Args:
        options: dict of those of `AdaptiveAmalgamator`.

    Returns:
        A dict.

    Raises:
        ValueError: If one is not as it should be.
    """
    tasks = options["tasks"]
    is_list = isinstance(tasks, list | tuple) and len(tasks) > 0
    names = [t for t in tasks if isinstance(t, str) and t] if is_list else []
    if not is_list or len(set(names)) != len(tasks):
        rule = "`tasks` must be a list of different names of tasks"
        checks.fail(rule, "tasks", tasks)
    checks.choice("component", options["component"], KINDS)
    checks.choice("targets", options["targets"], TARGETS)
    checks.choice("rule", options["rule"], RULES)
    checks.number("ratio", options["ratio"], above=True)
    if not isinstance(options["select"], bool):
        rule = "`select` must be a boolean"
        checks.fail(rule, "select", options["select"])
    weights = check_weights(options["weights"], WEIGHTS)
    return {**options, "tasks": list(tasks), "weights": weights}


def phases_of(weights):
    """Terms of both phases; in the second one nothing is normalized."""
    target = computed({**weights, "norm": 0.0})
    # Without features there is nothing to be normalized.
    norm = weights["norm"] if weights["features"] else 0.0
    return {"components": computed({**weights, "norm": norm}), "target": target}
