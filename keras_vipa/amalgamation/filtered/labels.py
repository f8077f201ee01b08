"""Labels of several teachers: which are wanted, and what is said of them."""

from keras import ops

from keras_vipa.utils import checks


def checked_teachers(teachers):
    """Dict, tuple of labels -> model, if it is one."""
    rule = "`teachers` must be a dict, tuple of different labels -> model"
    if not isinstance(teachers, dict):
        checks.fail(rule, "teachers", teachers)
    for key in teachers:
        names = [k for k in key if isinstance(k, str)] if key else []
        is_tuple = isinstance(key, tuple) and len(set(names)) == len(key)
        if not is_tuple or not key:
            checks.fail(rule, "labels", key)
    return teachers


def checked_wanted(wanted, teachers):
    """List of labels, in the order of the wanted, or of the teachers."""
    known = list(dict.fromkeys(label for key in teachers for label in key))
    if wanted is None:
        return known
    rule = "`wanted` must be a list of different labels"
    if isinstance(wanted, str) or not isinstance(wanted, list | tuple):
        checks.fail(rule, "wanted", wanted)
    if not wanted or len(set(wanted)) != len(wanted):
        checks.fail(rule, "wanted", wanted)
    for label in wanted:
        checks.choice("wanted", label, known)
    return list(wanted)


def mean_said(said, labels, wanted):
    """Mean over the teachers that know a label, for each of the wanted.

    Args:
        said: list of tensors `(batch, labels)`, one a teacher.
        labels: list of lists of names, of their columns.
        wanted: list of names.

    Returns:
        Tensor `(batch, wanted)`.
    """
    columns = _columns(said, labels, wanted)
    return ops.stack([sum(x) / len(x) for x in columns], axis=-1)


def mean_logits(logits, labels, wanted):
    """Logit of the mean probability over the streams that have a label.

    Of several logits `z_i` of one label:

        z = logsumexp_i log s(z_i) - logsumexp_i log s(-z_i)

    Args:
        logits: list of tensors `(batch, labels)`, one a stream.
        labels: list of lists of names, of their columns.
        wanted: list of names.

    Returns:
        Tensor `(batch, wanted)`.
    """
    return ops.stack(
        [_mean_logit(parts) for parts in _columns(logits, labels, wanted)],
        axis=-1,
    )


def _mean_logit(logits):
    """Of one label, as above."""
    if len(logits) == 1:
        return logits[0]
    z = ops.stack(logits, axis=-1)
    present, absent = ops.log_sigmoid(z), ops.log_sigmoid(-z)
    return ops.logsumexp(present, -1) - ops.logsumexp(absent, -1)


def _columns(outputs, labels, wanted):
    """For each of the wanted what is said of it, a list of columns."""
    return [
        [
            x[:, names.index(label)]
            for x, names in zip(outputs, labels)
            if label in names
        ]
        for label in wanted
    ]
