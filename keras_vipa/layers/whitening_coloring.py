"""The colours of a drawing: whitening, then a convolution from the style."""

import keras
from keras import ops

from keras_vipa.layers.dynamic_instance_norm import check_bias
from keras_vipa.layers.dynamic_instance_norm import check_moments
from keras_vipa.layers.dynamic_instance_norm import shape_of
from keras_vipa.utils import checks


@keras.saving.register_keras_serializable(package="keras_vipa")
class WhiteningColoring(keras.layers.Layer):
    """Gives a picture the mean and covariance of a style's three colours.

    Whitening instead of the instance normalization of `DynamicInstanceNorm`,
    then its dense 1x1 convolution, with `cov = L L^T` (Cholesky) of the
    picture:

    ```
    white(x) = L^-1 (x - mean(x))
    y        = kernel white(x) + bias
    ```

    With the Cholesky factor and the mean of a style picture as kernel and bias
    (`ColorCode`), `y` has its mean and covariance.

    Args:
        epsilon: float. Added to the variances of the colours, so that a flat
            picture is not blown up.
        **kwargs: arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: tensor `(batch, height, width, 3)`.
        kernel: tensor `(batch, 1, 1, 3, 3)`, transposed as in
            `DynamicInstanceNorm`: inputs, outputs.
        bias: tensor `(batch, 3)`.
        moments: pair of tensors, mean `(batch, 3)` and covariance
            `(batch, 3, 3)` to use instead of those of `inputs`.

    Returns:
        A tensor `(batch, height, width, 3)`.

    Raises:
        ValueError: If `epsilon` is negative, or the shapes are not as above.

    Example:

    >>> x = keras.random.uniform((2, 8, 8, 3))
    >>> style = keras.random.uniform((2, 4, 4, 3))
    >>> code = keras_vipa.layers.ColorCode()(style)
    >>> kernel = keras.ops.reshape(code[:, :9], (2, 1, 1, 3, 3))
    >>> y = keras_vipa.layers.WhiteningColoring()(x, kernel, code[:, 9:])
    >>> bool(keras.ops.max(keras.ops.abs(
    ...     keras.ops.mean(y, (1, 2)) - keras.ops.mean(style, (1, 2)))) < 1e-4)
    True

    Reference:

    - Li et al., "Universal Style Transfer via Feature Transforms", NeurIPS
      2017, https://arxiv.org/abs/1705.08086, has the two transforms on
      features, with eigenvectors in the place of Cholesky factors.
    """

    def __init__(self, epsilon=1e-4, **kwargs):
        super().__init__(**kwargs)
        self.epsilon = checks.number("epsilon", epsilon)
        self.input_spec = keras.layers.InputSpec(ndim=4, axes={-1: 3})

    def call(self, inputs, kernel, bias, moments=None):
        self._check_shapes(inputs, kernel, bias, moments)
        height, width = ops.shape(inputs)[1:3]
        pixels = ops.reshape(inputs, (-1, height * width, 3))
        mean, covariance = moments or color_moments(inputs)
        inverse = _inverse(_cholesky(covariance, self.epsilon))
        kernel = ops.cast(kernel[:, 0, 0], inverse.dtype)
        matrix = ops.matmul(ops.transpose(inverse, (0, 2, 1)), kernel)
        matrix, mean = (ops.cast(t, inputs.dtype) for t in (matrix, mean))
        y = ops.matmul(pixels - mean[:, None], matrix) + bias[:, None]
        return ops.reshape(y, (-1, height, width, 3))

    def _check_shapes(self, inputs, kernel, bias, moments):
        if shape_of("kernel", kernel)[1:] != (1, 1, 3, 3):
            rule = "`kernel` must be of shape (None, 1, 1, 3, 3)"
            checks.fail(rule, "kernel.shape", tuple(kernel.shape))
        check_bias(bias, 3)
        if moments is not None:
            check_moments(moments, (3,), (3, 3))

    def compute_output_shape(
        self, inputs_shape, kernel_shape, bias_shape, moments_shape=None
    ):
        return inputs_shape

    def get_config(self):
        return {**super().get_config(), "epsilon": self.epsilon}


@keras.saving.register_keras_serializable(package="keras_vipa")
class ColorCode(keras.layers.Layer):
    """Kernel and bias of `WhiteningColoring` for style pictures.

    Args:
        epsilon: float. Added to the variances, against a division by zero. It
            gives a style without colours a tint of its root, at most a level
            of 255 by default.
        **kwargs: arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: tensor `(batch, height, width, 3)`.

    Returns:
        A tensor `(batch, 12)`: the transposed Cholesky factor row by row, and
        the mean.

    Raises:
        ValueError: If `epsilon` is negative, or the images have not three
            channels.

    Example:

    >>> style = keras.random.uniform((2, 4, 4, 3))
    >>> tuple(keras_vipa.layers.ColorCode()(style).shape)
    (2, 12)

    Reference: see `WhiteningColoring`.
    """

    def __init__(self, epsilon=1e-7, **kwargs):
        super().__init__(**kwargs)
        self.epsilon = checks.number("epsilon", epsilon)
        self.input_spec = keras.layers.InputSpec(ndim=4, axes={-1: 3})

    def call(self, inputs):
        mean, covariance = color_moments(inputs)
        factor = _cholesky(covariance, self.epsilon)
        kernel = ops.reshape(ops.transpose(factor, (0, 2, 1)), (-1, 9))
        code = ops.concatenate([kernel, mean], axis=-1)
        return ops.cast(code, inputs.dtype)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], 12)

    def get_config(self):
        return {**super().get_config(), "epsilon": self.epsilon}


def color_moments(images):
    """Mean and covariance of red, green and blue.

    Args:
        images: tensor `(batch, height, width, 3)`.

    Returns:
        Two float32 tensors, `(batch, 3)` and `(batch, 3, 3)`: in float16 the
        number of pixels of a picture would be infinite.
    """
    height, width = ops.shape(images)[1:3]
    pixels = ops.reshape(images, (-1, height * width, 3))
    pixels = ops.cast(pixels, "float32")
    mean = ops.mean(pixels, axis=1)
    centred = pixels - mean[:, None]
    covariance = ops.matmul(ops.transpose(centred, (0, 2, 1)), centred)
    return mean, covariance / ops.cast(height * width, covariance.dtype)


def _cholesky(covariance, epsilon):
    """Lower triangular L with L L^T = covariance + epsilon, of 3 x 3.

    By hand, since LiteRT has no such operation.
    """

    def at(row, column):
        return covariance[:, row, column]

    a = ops.sqrt(at(0, 0) + epsilon)
    b, d = at(1, 0) / a, at(2, 0) / a
    c = ops.sqrt(ops.maximum(at(1, 1) - b * b, 0.0) + epsilon)
    e = (at(2, 1) - d * b) / c
    f = ops.sqrt(ops.maximum(at(2, 2) - d * d - e * e, 0.0) + epsilon)
    return _lower(a, b, c, d, e, f)


def _inverse(factor):
    """The inverse of a lower triangular matrix of 3 x 3."""
    a, c, f = (1.0 / factor[:, i, i] for i in range(3))
    b, d, e = factor[:, 1, 0], factor[:, 2, 0], factor[:, 2, 1]
    return _lower(a, -b * a * c, c, (b * e * c - d) * a * f, -e * c * f, f)


def _lower(a, b, c, d, e, f):
    """Rows (a, 0, 0), (b, c, 0), (d, e, f)."""
    zero = ops.zeros_like(a)
    elements = [a, zero, zero, b, c, zero, d, e, f]
    return ops.reshape(ops.stack(elements, axis=-1), (-1, 3, 3))
