"""VGG up to relu4_1: what style is read from, and what the losses look at."""

import keras
import numpy as np
from keras import layers
from keras import ops

from keras_vipa.applications.weights import WEIGHTS
from keras_vipa.applications.weights import load_weights
from keras_vipa.layers import ReflectionPadding2D
from keras_vipa.utils import checks

# Convolutions of each block up to relu4_1, and their filters.
DEPTHS = {"vgg16": (2, 2, 3, 1), "vgg19": (2, 2, 4, 1)}
FILTERS = (64, 128, 256, 512)
FEATURES = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")
# What keras.applications.vgg16 and vgg19 expect: BGR in [0, 255] minus this.
MEAN_BGR = (103.939, 116.779, 123.68)


def VGGFeatures(  # noqa: N802
    weights="vgg16_features", depth="vgg16", dtype=None, filters=None
):
    """The first four blocks of VGG, with reflection padding.

    The network takes RGB in [0, 1]: what VGG expects (BGR in [0, 255] minus a
    mean) is part of its first convolution. Its activations are scaled to a
    mean of 1 over photographs, layer by layer, which changes none of the
    features but their size (Gatys et al., 2016).

    Args:
        weights: `None` for random weights; `"vgg16_features"`, which comes with
            the package; or the path of a `.weights.h5` file of this network.
            For the weights of `keras.applications`, see `convert_vgg`.
        depth: string. `"vgg16"`, or `"vgg19"`, of which no weights come with
            the package.
        dtype: string or `keras.DTypePolicy` of the convolutions, by default the
            global one. `"mixed_bfloat16"` makes training faster on processors
            that have bfloat16; features come as `keras.config.floatx()`.
        filters: list of integers, the filters of each convolution. Defaults to
            those of VGG, and with `"vgg16_features"` to those that it has:
            channels that are always silent are left out of it, see
            `without_silent_channels`.

    Returns:
        A frozen `keras.Model`, images `(batch, height, width, 3)` to a dict of
        `relu1_1` `(batch, height, width, 64)`, `relu2_1` `(batch, height / 2,
        width / 2, 128, or as `filters` says)`, `relu3_1` (a quarter, 256) and
        `relu4_1` (an eighth, 512). Sides of at least 16.

    Raises:
        ValueError: If `weights` or `depth` is none of these, or they and
            `filters` do not fit together.

    Example:

    >>> vgg = keras_vipa.applications.VGGFeatures(weights=None)
    >>> tuple(vgg(keras.ops.zeros((1, 32, 32, 3)))["relu4_1"].shape)
    (1, 4, 4, 512)

    Reference:

    - Simonyan, Zisserman, "Very Deep Convolutional Networks for Large-Scale
      Image Recognition", ICLR 2015, https://arxiv.org/abs/1409.1556
    """
    checks.choice("depth", depth, sorted(DEPTHS))
    if filters is None:
        entry = WEIGHTS.get(weights, {}) if isinstance(weights, str) else {}
        known = entry.get("filters", {})
        filters = known.get(depth) or ordinary_filters(depth)
    checks.sizes("filters", filters, sum(DEPTHS[depth]))
    dtype = _policy(dtype)
    left = iter(filters)
    images = keras.Input((None, None, 3), name="images")
    x, features = images, {}
    for block, count in enumerate(DEPTHS[depth], 1):
        if block > 1:
            name = f"pool{block - 1}"
            options = {"name": name, "dtype": dtype}
            x = layers.MaxPooling2D(2, data_format="channels_last", **options)(
                x
            )
        for number in range(1, count + 1):
            name = f"conv{block}_{number}"
            x = ReflectionPadding2D(1, name=f"pad_{name}", dtype=dtype)(x)
            x = layers.Conv2D(
                next(left),
                3,
                activation="relu",
                data_format="channels_last",
                name=name,
                dtype=dtype,
            )(x)
            features[f"relu{block}_{number}"] = x
    floatx = keras.config.floatx()
    outputs = {
        name: layers.Identity(dtype=floatx, name=name)(features[name])
        for name in FEATURES
    }
    model = keras.Model(images, outputs, name=f"{depth}_features")
    if weights is not None:
        load_weights(model, weights)
    model.trainable = False
    return model


def _policy(dtype):
    try:
        return None if dtype is None else keras.dtype_policies.get(dtype)
    except (TypeError, ValueError) as error:
        raise ValueError(
            "`dtype` must be the name of a float type, or a "
            f"`keras.DTypePolicy`. Received: dtype={checks.shown(dtype)}"
        ) from error


def ordinary_filters(depth):
    """Filters of each convolution of VGG up to relu4_1."""
    pairs = zip(FILTERS, DEPTHS[depth])
    return [filters for filters, count in pairs for _ in range(count)]


def convolutions(model):
    """The convolutions of a `VGGFeatures` in their order."""
    return [x for x in model.layers if type(x) is layers.Conv2D]


def convert_vgg(kernels, images, depth="vgg16"):
    """Make a `VGGFeatures` from the weights of an ordinary VGG.

    The input's preprocessing is put into the first convolution, and each
    convolution is scaled so that its mean activation over `images` is 1.

    Args:
        kernels: list of `(kernel, bias)` of the convolutions in their order,
            as arrays; those after relu4_1 are left out. Of a model of
            `keras.applications`: `[layer.get_weights() for layer in
            model.layers if "conv" in layer.name]`.
        images: float array `(n, height, width, 3)`. Photographs in [0, 1].
        depth: string. `"vgg16"` or `"vgg19"`.

    Returns:
        A `keras.Model`, as `VGGFeatures`.

    Raises:
        ValueError: If the kernels are too few or not of these shapes, if the
            images are no such array, if a convolution is silent on all of
            them, or if `depth` is unknown.

    Example:

    ```python
    vgg = keras.applications.VGG19(weights="imagenet", include_top=False)
    kernels = [l.get_weights() for l in vgg.layers if "conv" in l.name]
    features = convert_vgg(kernels, photographs, depth="vgg19")
    model = keras_vipa.applications.DIN("base", features=features)
    ```
    """
    model = VGGFeatures(weights=None, depth=depth)
    own = convolutions(model)
    kernels = _check_kernels(kernels, own, depth)
    images = _check_images(images)
    # BGR in [0, 255] minus a mean, of RGB in [0, 1]: with reflection, each
    # convolution sees three full rows, so that the mean is part of the bias.
    kernel, bias = kernels[0]
    bias -= np.einsum("hwio,i->o", kernel, np.array(MEAN_BGR, kernel.dtype))
    kernels[0] = [kernel[:, :, ::-1] * 255.0, bias]
    before = 1.0
    for layer, (kernel, bias) in zip(own, kernels):
        layer.set_weights([kernel * before, bias])
        part = keras.Model(model.inputs[0], layer.output)
        mean = np.mean([float(ops.mean(part(i[None]))) for i in images])
        if not 0 < mean < np.inf:
            raise ValueError(
                "Each convolution must be active on some of `images`. Received:"
                f" a mean activation of {mean:g} of {layer.name}"
            )
        layer.set_weights([kernel * before / mean, bias / mean])
        before = mean
    return model


def _check_kernels(kernels, own, depth):
    """As many copies of pairs as there are convolutions of their own."""
    is_list = isinstance(kernels, list | tuple)
    if not is_list or len(kernels) < len(own):
        rule = f"`kernels` must be a list of {len(own)} pairs for {depth}"
        checks.fail(rule, "kernels", len(kernels) if is_list else kernels)
    copies = []
    for layer, pair in zip(own, kernels):
        shapes = [tuple(weight.shape) for weight in layer.weights]
        is_pair = isinstance(pair, list | tuple) and len(pair) == 2
        arrays = [np.array(part) for part in pair] if is_pair else []
        given = [array.shape for array in arrays]
        kinds = {array.dtype.kind for array in arrays}
        if given != shapes or not kinds <= set("fiu"):
            rule = f"The kernel and bias of {layer.name} must be arrays of "
            rule += f"shapes {shapes}"
            checks.fail(rule, "kernels", given if is_pair else pair)
        if not all(np.isfinite(array).all() for array in arrays):
            raise ValueError(
                f"The kernel and bias of {layer.name} must be finite. "
                "Received: NaN or infinite values"
            )
        copies.append(arrays)
    return copies


def _check_images(images):
    """Images as an array that is as `convert_vgg` says."""
    rule = (
        "`images` must be a float array (n, height, width, 3), n >= 1, with "
        "sides of at least 16"
    )
    array = checks.array("images", images, rule, ndim=4, kinds="f")
    if array.shape[-1] != 3 or min(array.shape[1:3]) < 16:
        checks.fail(rule, "images", array)
    if not (np.abs(array - 0.5) <= 0.501).all():
        raise ValueError(
            "`images` must be in [0, 1]. Received: values from "
            f"{array.min():.4g} to {array.max():.4g}"
        )
    return array
