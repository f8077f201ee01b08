"""Logits of classifiers that do not know each other, made comparable."""

import keras
import numpy as np
from keras import ops

KINDS = ("classes", "teachers")


class Calibration(keras.layers.Layer):
    """Says which teacher is to be believed, from statistics without labels.

    Teachers that were trained apart are not of one scale, and each answers the
    images of the others with confidence, mostly by a few of its classes. With
    `kind="classes"`, a class is compared with what its teacher says of it
    elsewhere. With logits `o_i` of teacher `i`, and means `m_i` and deviations
    `d_i` of each of the `c_i` over the images that were looked at:

        c_i = o_i - mean(o_i)
        z_i = log softmax(o_i) + max((c_i - m_i) / d_i)

    Between its own classes a teacher decides as before, since the same number
    is added to all of them; between teachers, the one decides for which a class
    is unusually likely. With `"teachers"`, a temperature for each makes the
    deviations of their logits equal to their mean. With `None` logits stay as
    they are. Before `adapt` nothing is unusual, and all temperatures are 1.

    Args:
        kind: string or `None`, as above.
        counts: list of integers, the classes of each teacher.
        **kwargs: arguments of `keras.Layer`.

    Call arguments:
        logits: list of tensors `(batch, classes)`.

    Returns:
        A list of such tensors, in float32.
    """

    def __init__(self, kind, counts, **kwargs):
        super().__init__(trainable=False, **kwargs)
        self.kind, self.counts = kind, counts

    def build(self, input_shape=None):
        def vectors(name, value):
            return [
                self.add_weight(
                    shape=(count,),
                    initializer=keras.initializers.Constant(value),
                    trainable=False,
                    name=f"{name}_{number}",
                )
                for number, count in enumerate(self.counts, 1)
            ]

        self.means = vectors("means", 0.0)
        start = 1e9 if self.kind == "classes" else 1.0
        self.deviations = vectors("deviations", start)

    def adapt(self, logits):
        """Look at a list of arrays `(n, classes)`, one for each teacher."""
        if self.kind == "classes":
            logits = [x - x.mean(axis=-1, keepdims=True) for x in logits]
            means = [x.mean(axis=0) for x in logits]
            deviations = [x.std(axis=0) for x in logits]
        else:
            means = [np.zeros(count) for count in self.counts]
            each = np.array([x.std(axis=-1).mean() for x in logits])
            ones = [np.ones(count) for count in self.counts]
            deviations = [k * x for k, x in zip(each / each.mean(), ones)]
        for number, (mean, deviation) in enumerate(zip(means, deviations)):
            self.means[number].assign(mean)
            self.deviations[number].assign(np.maximum(deviation, 1e-6))

    def call(self, logits):
        logits = [ops.cast(x, "float32") for x in logits]
        if self.kind is None:
            return logits
        found = zip(logits, self.means, self.deviations)
        if self.kind == "teachers":
            return [x / deviation for x, _, deviation in found]
        return [
            ops.log_softmax(x) + _most_unusual(x, mean, deviation)
            for x, mean, deviation in found
        ]


def _most_unusual(logits, mean, deviation):
    """How far the likeliest class is above its mean, `(batch, 1)`."""
    centred = logits - ops.mean(logits, axis=-1, keepdims=True)
    return ops.max((centred - mean) / deviation, axis=-1, keepdims=True)
