"""Transfer bridges of Adaptive Amalgamation (ICCV 2019)."""

import itertools

import keras
from keras import layers
from keras import ops

from keras_vipa.amalgamation.classifiers import resized


class Bridge(layers.Layer):
    """Features of a teacher and of a student, made comparable, stage by stage.

        distance = sum_l mean((B_l F_s,l - A_l F_t,l)^2)
        norm     = sum_l mean_k(|A_l,k|^2 - 1)^2

    with 1x1 convolutions `A_l` and `B_l`, `A_l,k` being the filter of channel
    `k`. `norm` is there because `A = B = 0` would make the distance 0.

    Args:
        student: list of integers. Channels of the student's stages.
        teacher: list of integers. Channels of the teacher's stages, as many.
        widths: list of integers. Common channels, as many; `None` for those of
            the teacher as they are, without `A`.
        seed: integer. Seed of the initial weights.
        **kwargs: arguments of `keras.Layer`.

    Call arguments:
        student: list of tensors `(batch, height, width, channels)`, one a
            stage.
        teacher: list of such tensors, resized to the student's heights and
            widths.

    Returns:
        A tensor `(batch,)`, the distance.
    """

    def __init__(self, student, teacher, widths=None, seed=0, **kwargs):
        super().__init__(**kwargs)
        seeds = itertools.count(1000 * seed)

        def convolution(width):
            return layers.Conv2D(
                width,
                1,
                kernel_initializer=keras.initializers.GlorotUniform(
                    next(seeds)
                ),
                data_format="channels_last",
                dtype=self.dtype_policy,
            )

        self.channels = list(student), list(teacher)
        self.student_side = [convolution(w) for w in widths or teacher]
        self.teacher_side = [convolution(w) for w in widths or ()]

    def build(self, *_):
        sides = self.student_side, self.teacher_side
        for convolutions, channels in zip(sides, self.channels):
            for convolution, count in zip(convolutions, channels):
                convolution.build((None, None, None, count))
        self.built = True

    def call(self, student, teacher):
        distance = 0.0
        for stage, (own, other) in enumerate(zip(student, teacher)):
            other = resized(other, own.shape[1:3])
            if self.teacher_side:
                other = self.teacher_side[stage](other)
            error = self.student_side[stage](own) - other
            error = ops.square(ops.cast(error, "float32"))
            distance += ops.mean(error, axis=(1, 2, 3))
        return distance

    def norm(self):
        """The norm term, a scalar."""
        total = 0.0
        for convolution in self.teacher_side:
            kernel = ops.cast(convolution.kernel, "float32")
            squares = ops.sum(ops.square(kernel), axis=(0, 1, 2))
            total += ops.mean(ops.square(squares - 1.0))
        return total
