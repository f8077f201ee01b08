"""ModelGiF's curves through the field of a network's gradients."""

import numpy as np

from keras_vipa.layers import AttributionGradient
from keras_vipa.layers.attribution_gradient import MAX_STEPS
from keras_vipa.transferability.attribution import as_float
from keras_vipa.transferability.attribution import batches_of
from keras_vipa.transferability.attribution import check_fit
from keras_vipa.transferability.attribution import check_images
from keras_vipa.transferability.attribution import map_runner
from keras_vipa.utils import checks


def gradient_curves(
    model, images, steps=10, target=None, batch_size=32, seed=0
):
    """ModelGiF's curves through the field of gradients.

    `gamma_m(x) = (x - x') sum_{k <= m} w_k grad f(x' + alpha_k (x - x'))`, a
    mean over channels, with Gauss-Legendre nodes `alpha_k` and weights `w_k`,
    and another of the images as `x'`.

    Args:
        model: Keras model with one input.
        images: array `(n, height, width, channels)`, two or more; uint8 is
            scaled to [0, 1].
        steps: integer. Nodes.
        target: `None` for the sum of the outputs (the authors' code has the
            sum over channels of the spatial maximum), or a callable, of
            `AttributionGradient`.
        batch_size: integer.
        seed: integer. Seed of the order in which images are the others'
            baselines.

    Returns:
        A float32 array `(steps, n, height, width)`.

    Raises:
        ValueError: If an argument is not as above, if there are fewer than two
            images, if a curve is not finite, or if what is explained is the
            same for all images, as is the sum of a softmax.
    """
    checks.integer("steps", steps, most=MAX_STEPS)
    checks.integer("batch_size", batch_size)
    checks.integer("seed", seed, least=0)
    layer = AttributionGradient(model, "gradient", target)
    images = as_float(check_images(images))
    if len(images) < 2:
        raise ValueError(
            "Each image needs another one as its baseline. "
            f"Received: {len(images)} images"
        )
    check_fit(model, images)
    order = np.random.default_rng(seed).permutation(len(images))
    ways = np.empty_like(images)
    # From the next one in a circle: never itself.
    ways[order] = images[order] - images[np.roll(order, 1)]
    run = map_runner(layer, images)
    nodes, weights = np.polynomial.legendre.leggauss(steps)
    curves, total = [], np.zeros_like(images)
    for node, weight in zip((nodes + 1) / 2, weights / 2):
        places = images - np.float32(1.0 - node) * ways
        for part in batches_of(len(images), batch_size):
            total[part] += np.float32(weight) * run(places[part], None)
        curves.append((ways * total).mean(axis=-1))
    curves = np.stack(curves)
    if not np.isfinite(curves).all():
        raise ValueError(
            f"The curves of {model.name!r} are not finite: check its weights "
            "and the images for NaN. "
            f"Received: {np.sum(~np.isfinite(curves))} such numbers"
        )
    return curves
