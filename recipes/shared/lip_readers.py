"""What lip readers are trained on, and how well they read."""

from keras_vipa import metrics

# Stage -> what its error rate is called.
RATES = {"pinyin": "per", "tones": "ter", "characters": "cer"}
WIDTH = 4


def rates(said, readings):
    """Error rates of what was read: `per`, `ter`, `cer`, and edits of the last.

    Args:
        said: dict, stage -> list of rows, as of `ClipSet.said`.
        readings: list of `Reading`.

    Returns:
        Dict of floats; `None` for what is not read.
    """
    found = dict.fromkeys(RATES.values())
    for stage, name in RATES.items():
        if stage in readings[0].tokens:
            read = [one.tokens[stage] for one in readings]
            each = metrics.error_rates(said[stage], read)
            found[name] = each["rate"]
    kinds = "sentence_rate", "substitutions", "deletions", "insertions"
    return {**found, **{kind: each[kind] for kind in kinds}}
