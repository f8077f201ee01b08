"""Training with labels: of teachers, and of what students are compared with."""

import keras


def fit(
    model,
    images,
    targets,
    steps,
    batch_size,
    rate=3e-3,
    shift=0.0,
    fill_mode="nearest",
    loss=None,
):
    """Train a classifier with Adam, whose rate falls to 0 as a cosine.

    Args:
        model: `keras.Model`, images to logits, or to a dict of them.
        images: float array `(n, height, width, channels)`.
        targets: array `(n,)` of classes, or `(n, classes)` of probabilities; or
            a dict of such arrays.
        steps: integer. At least so many.
        batch_size: integer.
        rate: float. Learning rate at the beginning.
        shift: float. By how much of their sides images are moved at most.
        fill_mode: string. What comes in then, as for `RandomTranslation`.
        loss: `keras.Loss`, or a dict of such. Defaults to the cross-entropy of
            one class.

    Returns:
        The model, which does not keep the state of the optimizer.
    """
    moved = keras.layers.RandomTranslation(shift, shift, fill_mode)
    whole = keras.Sequential([keras.Input(images.shape[1:]), moved, model])
    losses = loss or keras.tree.map_structure(_cross_entropy, targets)
    train(whole, images, targets, losses, steps, batch_size, rate)
    return model


def train(
    model,
    images,
    targets,
    losses,
    steps,
    batch_size,
    rate=3e-3,
    loss_weights=None,
    jit_compile=False,
    **more,
):
    """Train any network with Adam, whose rate falls to 0 as a cosine.

    Args:
        model: `keras.Model`.
        images: array.
        targets: array, or a dict of such, of the same length.
        losses: as of `compile`.
        steps: integer. At least so many.
        batch_size: integer.
        rate: float. Learning rate at the beginning.
        loss_weights: as of `compile`.
        jit_compile: as of `compile`.
        **more: arguments of `fit`.
    """
    rate = keras.optimizers.schedules.CosineDecay(rate, steps)
    optimizer = keras.optimizers.Adam(rate)
    model.compile(optimizer, losses, loss_weights, jit_compile=jit_compile)
    epochs = -(-steps // -(-len(images) // batch_size))
    model.fit(images, targets, batch_size, epochs, verbose=0, **more)


def _cross_entropy(targets):
    if targets.ndim == 1:
        return keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return keras.losses.CategoricalCrossentropy(from_logits=True)
