"""What the amalgamator of common features is told, checked."""

from keras_vipa.amalgamation.common_feature.calibration import KINDS
from keras_vipa.amalgamation.inputs import check_augmentation
from keras_vipa.amalgamation.inputs import check_weights
from keras_vipa.utils import checks

TARGETS = ("joint", "separate", "both")
WEIGHTS = {"soft_targets": 1.0, "common": 1.0, "reconstruction": 1.0}


def checked(options, augmentation, count):
    """The options, with defaults where there are none, if they are right.

    Args:
        options: dict of those of `CommonFeatureAmalgamator`.
        augmentation: its argument.
        count: integer. Teachers.

    Returns:
        A dict.

    Raises:
        ValueError: If one is not as it should be.
    """
    checks.number("ratio", options["ratio"], above=True)
    checks.choice("targets", options["targets"], TARGETS)
    checks.integer("hidden", options["hidden"])
    checks.integer("warm_up", options["warm_up"], 0)
    checks.number("temperature", options["temperature"], above=True)
    if options["calibrate"] is not None:
        checks.choice("calibrate", options["calibrate"], KINDS)
    if options["bandwidths"] != "median":
        checks.positives("bandwidths", options["bandwidths"])
    check_augmentation(augmentation)
    return {
        **options,
        "taps": _checked_taps(options["taps"], count),
        "weights": check_weights(options["weights"], WEIGHTS),
        "rates": _checked_rates(options["rates"]),
    }


def _checked_taps(taps, count):
    if taps is None:
        return [None] * (count + 1)
    if not isinstance(taps, list | tuple) or len(taps) != count + 1:
        rule = f"`taps` must be a list of {count} layers and the student's"
        checks.fail(rule, "taps", taps)
    return list(taps)


def _checked_rates(rates):
    rates = {} if rates is None else rates
    if not isinstance(rates, dict) or not set(rates) <= {"head", "block"}:
        rule = "`rates` must be a dict of 'head' and 'block'"
        checks.fail(rule, "rates", rates)
    for part, rate in rates.items():
        checks.number(f"rates['{part}']", rate)
    return {"head": 1.0, "block": 1.0, **rates}
