"""Logits of classifiers that do not know each other, made comparable."""

import keras
import numpy as np
from keras import ops

KINDS = ("classes", "teachers")


class Calibration(keras.layers.Layer):
    """Says which teacher is to be believed, from statistics without labels.

    Teachers that were trained apart are not of one scale, and each answers the
    images of the others with confidence, mostly by a few of its classes. With
    `kind="classes"`, what a teacher says is worth the less the more often it
    says so: if all classes are about equally frequent among the images, and a
    teacher says `c` of a part `f_c` of them, then of these a part proportional
    to `1 / f_c` are right. With probabilities `p_i` of teacher `i`, and `f_i`
    their mean over the images that were looked at:

        p_i = softmax(o_i)
        z_i = log p_i + log sum_c p_i,c / f_i,c

    Between its own classes a teacher decides as before, since the same number
    is added to all of them. With `"teachers"`, a temperature for each makes the
    deviations of their logits equal to their mean. With `None` logits stay as
    they are. Before `adapt`, all `f` and all temperatures are 1.

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
        sizes = [1] * len(self.counts)
        if self.kind == "classes":
            sizes = self.counts
        self.divisors = [
            self.add_weight(
                shape=(size,),
                initializer="ones",
                trainable=False,
                name=f"divisors_{number}",
            )
            for number, size in enumerate(sizes, 1)
        ]

    def adapt(self, logits):
        """Look at a list of arrays `(n, classes)`, one for each teacher."""
        if self.kind == "classes":
            found = [ops.mean(ops.softmax(x), axis=0) for x in logits]
        else:
            found = np.array([x.std(axis=-1).mean() for x in logits])
            found = found / found.mean()
        for divisor, value in zip(self.divisors, found):
            value = np.maximum(ops.convert_to_numpy(value), 1e-6)
            divisor.assign(value.reshape(-1))

    def call(self, logits):
        logits = [ops.cast(x, "float32") for x in logits]
        if self.kind is None:
            return logits
        found = zip(logits, self.divisors)
        if self.kind == "teachers":
            return [x / divisor for x, divisor in found]
        return [
            x + ops.logsumexp(x - ops.log(divisor), axis=-1, keepdims=True)
            for x, divisor in (
                (ops.log_softmax(x), divisor) for x, divisor in found
            )
        ]
