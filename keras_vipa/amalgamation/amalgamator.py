"""What the amalgamation methods share: frozen teachers, and no labels."""

from keras_vipa.training import PhasedModel

_NO_LABELS = (
    "An amalgamator learns from images alone. Received: images with labels. "
    "Pass an array of images, or `dataset.map(lambda images, labels: images)`."
)


class Amalgamator(PhasedModel):
    """One student from several frozen teachers, without labels (abstract).

    A method has a `student`, an attribute that is a `keras.Model` of its own,
    and what `PhasedModel` asks for; `frozen_features` gives what the
    teachers return for images.

    Args:
        teachers: list of `keras.Model`. They belong to the amalgamator from
            now on, and are frozen.
        phases: dict, phase -> dict, term -> float, as for `PhasedModel`.
        seed: integer. Seed of what is random in `fit_stages`.
        **kwargs: `name` and `dtype`, as for any `keras.Model`.
    """

    def __init__(self, teachers, phases, seed=0, **kwargs):
        super().__init__(phases, seed, **kwargs)
        self.teachers = list(teachers)
        for teacher in self.teachers:
            # Toggled, since on TensorFlow a reloaded model that is already
            # marked as frozen would keep trainable layers.
            teacher.trainable = True
            teacher.trainable = False

    def fit(self, x=None, y=None, *args, **kwargs):
        # Refused here already, since an error inside of the training step
        # would leave the model without values on JAX.
        if y is not None:
            raise ValueError(_NO_LABELS)
        return super().fit(x, None, *args, **kwargs)

    def compute_loss(
        self, x=None, y=None, y_pred=None, sample_weight=None, training=True
    ):
        if y is not None:
            raise ValueError(_NO_LABELS)
        return super().compute_loss(x, None, y_pred, sample_weight, training)

    def fit_stages(self, data, epochs, *args, **kwargs):
        if kwargs.get("labels") is not None or isinstance(data, tuple):
            raise ValueError(_NO_LABELS)
        return super().fit_stages(data, epochs, *args, **kwargs)
