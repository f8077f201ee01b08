"""Risk and coverage as Keras metrics, exact over a data set."""

import keras
from keras import ops

from keras_vipa.metrics.selective import CONFIDENCES
from keras_vipa.metrics.selective import confidence_of
from keras_vipa.utils import checks

GIVEN = "given"


class RiskCoverage(keras.metrics.Metric):
    """Keeps confidences and errors of all samples (abstract).

    Args:
        confidence: string. A kind of `keras_vipa.metrics.confidence_of`; or
            `"given"`: then `y_true` is whether an answer is right and `y_pred`
            how sure it is, both `(n,)`.
        from_logits: boolean. Whether outputs are logits.
        capacity: integer. The most samples; these take 12 bytes each, and the
            result sorts them, which TensorFlow does at each batch.
        name: string.
        dtype: string.

    Call arguments:
        y_true: integers `(n,)` or `(n, 1)`, classes; or `(n, classes)`, of
            which the largest is the class.
        y_pred: `(n, classes)`; or `(n, 1)`, of the second of two classes.
        sample_weight: `(n,)`.

    Raises:
        ValueError: If an argument is not as above.
    """

    def __init__(
        self,
        confidence="maximum",
        from_logits=False,
        capacity=10000,
        name=None,
        dtype=None,
    ):
        super().__init__(name=name, dtype=dtype)
        checks.choice("confidence", confidence, (*CONFIDENCES, GIVEN))
        if not isinstance(from_logits, bool):
            rule = "`from_logits` must be a boolean"
            checks.fail(rule, "from_logits", from_logits)
        if confidence == "energy" and not from_logits:
            raise ValueError(
                "`confidence` must not be 'energy' without logits."
            )
        self.confidence, self.from_logits = confidence, from_logits
        self.capacity = checks.integer("capacity", capacity)
        self.kept = {
            key: self.add_variable((capacity,), "zeros", "float32", name=key)
            for key in ("confidences", "errors", "weights")
        }
        self.count = self.add_variable((), "zeros", "int32", name="count")

    def update_state(self, y_true, y_pred, sample_weight=None):
        sure, errors = self._judged(y_true, y_pred)
        if sample_weight is None:
            weights = ops.ones_like(sure)
        else:
            weights = ops.cast(ops.reshape(sample_weight, (-1,)), "float32")
        size = ops.shape(sure)[0]
        # What is too much falls behind the end, and is noticed by `result`.
        place = ops.minimum(self.count, self.capacity) + ops.arange(size)
        place = ops.where(place < self.capacity, place, self.capacity)
        for key, values in (
            ("confidences", sure),
            ("errors", errors),
            ("weights", weights),
        ):
            room = ops.concatenate([self.kept[key], ops.zeros(1)])
            room = ops.scatter_update(room, place[:, None], values)
            self.kept[key].assign(room[:-1])
        self.count.assign(self.count + size)

    def _judged(self, y_true, y_pred):
        """Confidence and error of each sample."""
        if self.confidence == GIVEN:
            sure = ops.cast(ops.reshape(y_pred, (-1,)), "float32")
            right = ops.cast(ops.reshape(y_true, (-1,)), "float32")
            return sure, 1.0 - right
        outputs = ops.cast(y_pred, "float32")
        if outputs.shape[-1] == 1:
            first = ops.zeros_like(outputs) if self.from_logits else 1 - outputs
            outputs = ops.concatenate([first, outputs], axis=-1)
        y_true = ops.convert_to_tensor(y_true)
        if len(y_true.shape) == 2 and y_true.shape[1] > 1:
            classes = ops.argmax(y_true, axis=-1)
        else:
            classes = ops.reshape(y_true, (-1,))
        decided = ops.argmax(outputs, axis=-1)
        errors = decided != ops.cast(classes, decided.dtype)
        sure = confidence_of(outputs, self.confidence, self.from_logits)
        return sure, ops.cast(errors, "float32")

    def _smoothed(self, by_errors=False):
        """Risk and weight of the surest samples, and the weight of all.

        What is not there has no weight, and comes last. The errors of samples
        of equal confidence are their mean: the expectation over their orders.
        """
        there = ops.arange(self.capacity) < self.count
        sure = self.kept["confidences"]
        sure = -self.kept["errors"] if by_errors else sure
        rank = ops.where(there, -sure, float("inf"))
        order = ops.argsort(rank)
        rank = ops.take(rank, order)
        weights = ops.take(self.kept["weights"] * there, order)
        wrong = weights * ops.take(self.kept["errors"], order)
        covered, sums = ops.cumsum(weights), ops.cumsum(wrong)
        mean = self._of_group(rank, sums) / ops.maximum(
            self._of_group(rank, covered), 1e-30
        )
        risk = ops.cumsum(weights * mean) / ops.maximum(covered, 1e-30)
        return risk, weights, covered, rank

    def _of_group(self, rank, sums):
        """What is added by all of equal rank."""
        sums = ops.concatenate([ops.zeros(1), sums])
        first, last = (
            ops.searchsorted(rank, rank, side) for side in ("left", "right")
        )
        return ops.take(sums, last) - ops.take(sums, first)

    def result(self):
        risk, weights, covered, rank = self._smoothed()
        found = self.value(risk, weights, covered, rank)
        fits = (self.count > 0) & (self.count <= self.capacity)
        return ops.where(fits, found, float("nan"))

    def value(self, risk, weights, covered, rank):
        """The result; tensors `(capacity,)`, the surest first.

        Args:
            risk: of all up to each sample.
            weights: of each sample, 0 for what is not there.
            covered: sum of the weights up to each sample.
            rank: what they are sorted by.
        """
        raise NotImplementedError

    def get_config(self):
        return {
            "confidence": self.confidence,
            "from_logits": self.from_logits,
            "capacity": self.capacity,
            "name": self.name,
            "dtype": self.dtype,
        }


@keras.saving.register_keras_serializable(package="keras_vipa")
class AURC(RiskCoverage):
    """Area under the risk-coverage curve, lower is better.

    With the risks `r_k` of the `k` surest of `n` samples, `1/n sum_k r_k`; see
    `keras_vipa.metrics.selective_scores`.

    Args:
        confidence: string. `"maximum"`, `"margin"`, `"entropy"` or `"energy"`,
            see `keras_vipa.metrics.confidence_of`; or `"given"`: then `y_true`
            is whether an answer is right and `y_pred` how sure it is.
        from_logits: boolean. Whether outputs are logits.
        capacity: integer. The most samples; with more, the result is NaN. They
            take 12 bytes each, and the result sorts them, which TensorFlow does
            at each batch.
        name: string.
        dtype: string.

    Example:

    >>> metric = keras_vipa.metrics.AURC("given", capacity=8)
    >>> metric.update_state([True, True, False, True], [0.9, 0.8, 0.6, 0.1])
    >>> round(float(metric.result()), 4)
    0.1458
    """

    def value(self, risk, weights, covered, rank):
        return ops.sum(weights * risk) / ops.maximum(covered[-1], 1e-30)


@keras.saving.register_keras_serializable(package="keras_vipa")
class EAURC(AURC):
    """What `AURC` is above that of the best order of the same errors.

    Args:
        confidence: string, and
        from_logits: boolean, and
        capacity: integer, and
        name: string, and
        dtype: string, as of `AURC`.
    """

    def value(self, risk, weights, covered, rank):
        best = super().value(*self._smoothed(by_errors=True))
        # The surest is what is right.
        return super().value(risk, weights, covered, rank) - best


@keras.saving.register_keras_serializable(package="keras_vipa")
class AUGRC(RiskCoverage):
    """Mean risk of an undetected error (Traub et al., 2024), lower is better.

    With the risks `r_k` of the `k` surest of `n` samples, `1/n sum_k k/n r_k`.

    Args:
        confidence: string, and
        from_logits: boolean, and
        capacity: integer, and
        name: string, and
        dtype: string, as of `AURC`.
    """

    def value(self, risk, weights, covered, rank):
        total = ops.maximum(covered[-1], 1e-30)
        return ops.sum(weights * risk * covered) / total**2


@keras.saving.register_keras_serializable(package="keras_vipa")
class CoverageAtRisk(RiskCoverage):
    """The largest coverage of a threshold with at most this risk, or 0.

    Args:
        risk: float in [0, 1].
        confidence: string, and
        **kwargs: `from_logits`, `capacity`, `name` and `dtype`, as of `AURC`.
    """

    def __init__(self, risk=0.05, confidence="maximum", **kwargs):
        super().__init__(confidence, **kwargs)
        self.risk = checks.number("risk", risk, 0.0, 1.0)

    def value(self, risk, weights, covered, rank):
        # A threshold cannot part what is equally sure.
        is_last = ops.concatenate([rank[1:] != rank[:-1], ops.ones(1, "bool")])
        allowed = is_last & (risk <= self.risk + 1e-7)
        reached = ops.max(ops.where(allowed, covered, 0.0))
        return reached / ops.maximum(covered[-1], 1e-30)

    def get_config(self):
        return {**super().get_config(), "risk": self.risk}


@keras.saving.register_keras_serializable(package="keras_vipa")
class RiskAtCoverage(RiskCoverage):
    """The risk of the smallest surest part with at least this coverage.

    Args:
        coverage: float in [0, 1].
        confidence: string, and
        **kwargs: `from_logits`, `capacity`, `name` and `dtype`, as of `AURC`.
    """

    def __init__(self, coverage=0.8, confidence="maximum", **kwargs):
        super().__init__(confidence, **kwargs)
        self.coverage = checks.number("coverage", coverage, 0.0, 1.0)

    def value(self, risk, weights, covered, rank):
        wanted = self.coverage * covered[-1] * (1.0 - 1e-6)
        place = ops.searchsorted(covered, ops.reshape(wanted, (1,)))
        return ops.take(risk, place)[0]

    def get_config(self):
        return {**super().get_config(), "coverage": self.coverage}
