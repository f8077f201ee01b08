"""What the amalgamation methods share: frozen teachers, and no labels."""

from keras import ops

from keras_vipa.amalgamation.classifiers import fitted
from keras_vipa.amalgamation.inputs import NO_LABELS
from keras_vipa.amalgamation.inputs import check_teachers
from keras_vipa.amalgamation.inputs import in_range
from keras_vipa.amalgamation.inputs import some_images
from keras_vipa.training import PhasedModel
from keras_vipa.utils import checks


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
        white: float. What white is in the images that the teachers take: 1.0,
            or 255.0 if they were trained on 0..255. Arrays of uint8 are
            scaled to it, and images that are clearly in another range are
            refused (`keras_vipa.utils.ranges.to_range`).
        **kwargs: `name` and `dtype`, as for any `keras.Model`.
    """

    looks_at = 0

    def __init__(self, teachers, phases, seed=0, white=1.0, **kwargs):
        teachers = check_teachers(teachers)
        white = checks.number("white", white, above=True)
        super().__init__(phases, seed, **kwargs)
        self.teachers = teachers
        self.white = white
        for teacher in self.teachers:
            # Toggled, since on TensorFlow a reloaded model that is already
            # marked as frozen would keep trainable layers.
            teacher.trainable = True
            teacher.trainable = False

    @property
    def _image_shape(self):
        """Shape of an image, a tuple; `None` if there is no rule."""
        shape = getattr(self.student, "input_shape", None)
        return shape[1:] if isinstance(shape, tuple) else None

    def fitted_images(self, images):
        """Images as the student takes them, for its `predict`.

        Args:
            images: float array `(n, height, width, channels)`.

        Returns:
            An array `(n, *shape)` of the size and the channels of the student.
        """
        shape = self.student.input_shape[1:]
        return ops.convert_to_numpy(fitted(images, shape))

    def fit(self, x=None, y=None, *args, **kwargs):
        # Refused here already, since an error inside of the training step
        # would leave the model without values on JAX.
        if y is not None:
            raise ValueError(NO_LABELS)
        x, kwargs = self._in_range(x, kwargs)
        return super().fit(x, None, *args, **kwargs)

    def compute_loss(
        self, x=None, y=None, y_pred=None, sample_weight=None, training=True
    ):
        if y is not None:
            raise ValueError(NO_LABELS)
        return super().compute_loss(x, None, y_pred, sample_weight, training)

    def fit_stages(self, data, epochs, batch_size=64, labels=None, **kwargs):
        if labels is not None:
            raise ValueError(NO_LABELS)
        data, kwargs = self._in_range(data, kwargs)
        if self.looks_at:
            self.look_at(some_images(data, self.looks_at), batch_size)
        return super().fit_stages(data, epochs, batch_size, **kwargs)

    def look_at(self, images, batch_size):
        """What `fit_stages` does first, with about `looks_at` images."""

    def seen_features(self, inputs, training=None):
        """Inputs as `call` gets them, augmented, with what teachers return.

        Teachers and student see the same images.
        """
        if self.augmentation is None:
            return self.with_features(inputs)
        images = inputs["images"] if isinstance(inputs, dict) else inputs
        images = self.augmentation(images, training=training)
        inputs = {"images": images}
        return {**inputs, **self.frozen_features(inputs)}

    def _in_range(self, data, options):
        """Data, and the validation data of some options, as floats."""
        shape = self._image_shape
        held_back = options.get("validation_data")
        if isinstance(held_back, tuple) and len(held_back) == 1:
            (held_back,) = held_back
        if held_back is not None:
            held_back = in_range(held_back, self.white, shape)
            options = {**options, "validation_data": held_back}
        return in_range(data, self.white, shape), options
