"""What a narrow layer loses of the teachers' features, and must lose."""

import numpy as np
from keras import ops

from keras_vipa.amalgamation.inputs import in_range
from keras_vipa.utils import checks


def relative_error(target, output):
    """Squared error relative to the variance of the target.

    Args:
        target: float array `(..., channels)`.
        output: float array of the same shape.

    Returns:
        Float: 0 if they are equal, 1 if the output is the mean of the target.
    """
    target = np.reshape(target, (-1, np.shape(target)[-1]))
    output = np.reshape(output, target.shape)
    deviation = target - target.mean(axis=0)
    return float(np.sum((output - target) ** 2) / np.sum(deviation**2))


def principal_component_errors(features):
    """Least relative error of a linear code, for each of its widths.

    Args:
        features: float array `(..., channels)`.

    Returns:
        Float array `(channels,)`: item `k - 1` is the part of the variance
        outside the first `k` principal components, which no linear
        auto-encoder of width `k` can go below.
    """
    features = np.reshape(features, (-1, np.shape(features)[-1]))
    variances = np.linalg.eigvalsh(np.cov(features.T))[::-1]
    variances = np.maximum(variances, 0.0)
    return 1.0 - np.cumsum(variances) / np.sum(variances)


def width_curves(amalgamator, images):
    """Reconstruction error of a `LayerwiseAmalgamator` against width.

    Args:
        amalgamator: `LayerwiseAmalgamator` with trained auto-encoders.
        images: array of images, as for `LayerwiseAmalgamator.fit_stages`.

    Returns:
        Dict, layer name -> dict with `width`, `channels`, the relative `error`
        of the auto-encoder, and `optimum`, the least errors of a linear code
        of 1, 2, ... channels.

    Raises:
        ValueError: If these are no images, or there is no auto-encoder.
    """
    if not hasattr(amalgamator, "encoders"):
        rule = "`amalgamator` must be a `LayerwiseAmalgamator`"
        checks.fail(rule, "amalgamator", amalgamator)
    checks.length("images", images)
    shape = amalgamator.student.input_shape[1:]
    images = in_range(images, amalgamator.white, shape)
    features = amalgamator.teacher_features.predict(images, verbose=0)
    curves = {}
    for name, encoder, decoder in zip(
        amalgamator.layer_names, amalgamator.encoders, amalgamator.decoders
    ):
        feature = features[name]
        decoded = ops.convert_to_numpy(decoder(encoder(feature)))
        curves[name] = {
            "width": encoder.units,
            "channels": feature.shape[-1],
            "error": relative_error(feature, decoded),
            "optimum": principal_component_errors(feature).tolist(),
        }
    return curves


def draw_width_curves(axis, curves):
    """Draw the errors, a line and a point a layer.

    Args:
        axis: `matplotlib.axes.Axes`.
        curves: dict, as `width_curves` returns it.

    Raises:
        ValueError: If these are no curves, or there is no axis.
    """
    keys = {"width", "channels", "error", "optimum"}
    items = list(curves.values()) if isinstance(curves, dict) else []
    if not items or not all(
        isinstance(c, dict) and keys <= {*c} for c in items
    ):
        rule = "`curves` must be what `width_curves` returns"
        checks.fail(rule, "curves", curves)
    if not hasattr(axis, "semilogy"):
        checks.fail("`axis` must be of matplotlib", "axis", axis)
    for name, curve in curves.items():
        share = np.arange(1, curve["channels"]) / curve["channels"]
        line = axis.semilogy(share, curve["optimum"][:-1], label=name)[0]
        point = curve["width"] / curve["channels"], max(curve["error"], 1e-12)
        axis.plot(*point, "o", color=line.get_color())
    axis.set_xlabel("width of the code / channels of all teachers")
    axis.set_ylabel("reconstruction error / variance")
    axis.set_title("Line: best linear code. Point: auto-encoder", fontsize=10)
    axis.set_ylim(1e-6, 1)
    axis.legend()
