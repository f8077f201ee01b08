"""Zero-shot classifiers in closed form, and data to compare them on.

All of them are functions of features `(n, channels)` of seen classes, their
labels, the signatures of these classes, and settings, and return a function of
features and signatures of other classes to scores `(n, classes)`.
"""

import dataclasses
import functools

import keras
import numpy as np
from shared.labelled import fit

from keras_vipa import datasets

# What ridges are chosen from.
RIDGES = [10.0**power for power in range(-2, 4)]
DRAWN_SEED = 1000
# Each fifth seen class passes for an unseen one where settings are chosen.
SHARE = 5


@dataclasses.dataclass
class Task:
    """Features of seen and of unseen classes.

    Args:
        data: `ZeroShotSet` of features.
        held: integers, seen classes that pass for unseen ones where settings
            are chosen; no network has seen them.
        images: uint8 array, pictures of `data.new_x`, or `None`.
    """

    data: datasets.ZeroShotSet
    held: np.ndarray
    images: np.ndarray = None

    @functools.cached_property
    def pretended(self):
        """Seen classes only, of which some pass for unseen ones."""
        return self.data.holding_out(self.held)


def held_out(count):
    """Each fifth class, or each second of few: networks are for all seeds.

    Raises:
        ValueError: If there are too few classes.
    """
    if count < 4:
        raise ValueError(
            "Settings are chosen where some seen classes pass for unseen ones, "
            f"so there must be four seen classes. Received: {count}"
        )
    step = min(SHARE, count // 2)
    return np.arange(count)[step - 1 :: step]


def defined(data, share, seed):
    """A random part of the attributes; unseen classes that are equal are one.

    Of the seen classes, those may be equal.
    """
    columns = data.signatures.shape[1]
    order = np.random.default_rng(seed).permutation(columns)
    order = order[: max(2, round(share * columns))]
    # What is the same for all seen classes is of no use.
    differs = np.ptp(data.signatures[:, order], axis=0) > 0
    kept = np.sort(order[differs])
    new, back = np.unique(
        data.new_signatures[:, kept], axis=0, return_inverse=True
    )
    return datasets.ZeroShotSet(
        data.x,
        data.y,
        data.signatures[:, kept],
        data.new_x,
        back.ravel()[data.new_y],
        new,
        data.names,
        attributes=[data.attributes[column] for column in kept],
    )


def merged(task):
    """The same, with seen classes that are equal as one."""
    data = task.data
    rows, back = np.unique(data.signatures, axis=0, return_inverse=True)
    y = back.ravel()[data.y]
    own = {"y": y, "signatures": rows, "names": None, "new_names": None}
    data = dataclasses.replace(data, **own)
    return Task(data, held_out(len(rows)), task.images)


@functools.cache
def drawn(steps, smoke=False):
    """Features of critters, by a network that has seen most seen classes."""
    signatures, names = datasets.critter_signatures()
    parts = [datasets.critters(split) for split in ("train", "unseen")]
    if smoke:
        parts = [part.select(slice(None, None, 6)) for part in parts]
    seen, unseen = parts
    count = int(seen.y().max()) + 1
    data = datasets.ZeroShotSet(
        seen.array(),
        seen.y(),
        signatures[:count],
        unseen.array(),
        unseen.y() - count,
        signatures[count:],
        attributes=names,
    )
    return with_features(data, steps), held_out(count), unseen.images


@functools.cache
def own(folder, path, unseen, size, steps):
    """Features of pictures of a user's, labelled by sub-folders."""
    pictures = datasets.folder(folder, size)
    names, attributes, values = datasets.read_signatures(path)
    found = pictures.class_names.get("class", [])
    for name in unseen:
        if name not in found:
            raise ValueError(f"--unseen must be sub-folders. Received: {name}")
    missing = sorted(set(found) - set(names))
    if missing or not found:
        raise ValueError(
            "Each sub-folder of the pictures must be a class of the "
            f"signatures. Received: {', '.join(missing) or 'no sub-folder'}"
        )
    old = [name for name in found if name not in unseen]
    parts, rows = [], []
    for kept in (old, list(unseen)):
        part = pictures.of_classes(kept)
        images = part.array()
        own_names = part.class_names["class"]
        rows.append([own_names[label] for label in part.y()])
        labels = np.array([kept.index(name) for name in rows[-1]])
        table = values[[names.index(name) for name in kept]]
        parts += [images, labels, table]
    data = datasets.ZeroShotSet(*parts, old, list(unseen), attributes)
    images = (255 * data.new_x).astype("uint8")
    return with_features(data, steps), held_out(len(old)), images


@functools.cache
def benchmark(folder, unseen):
    """Features of a benchmark."""
    data = datasets.gbu(folder, list(unseen) or None)
    return data, held_out(len(data.names)), None


def with_features(data, steps):
    """Images become features, by a network that tells seen classes apart.

    It has not seen those classes that are held out where settings are chosen.
    """
    count = len(data.names)
    kept = np.setdiff1d(np.arange(count), held_out(count))
    keras.utils.set_random_seed(0)
    chosen = np.isin(data.y, kept)
    network = classifier(data.x.shape[1:], len(kept))
    labels = np.searchsorted(kept, data.y[chosen])
    fit(network, data.x[chosen], labels, steps, 64)
    features = keras.Model(network.inputs, network.layers[-2].output)
    x, new_x = (features.predict(x, verbose=0) for x in (data.x, data.new_x))
    return dataclasses.replace(data, x=x, new_x=new_x)


def classifier(shape, classes, seed=0):
    """A small network, images `shape` to logits of classes."""
    x = image = keras.Input(shape)
    for number, width in enumerate((32, 64, 128)):
        kernel = keras.initializers.HeNormal(10 * seed + number)
        x = keras.layers.Conv2D(
            width, 3, padding="same", use_bias=False, kernel_initializer=kernel
        )(x)
        x = keras.layers.BatchNormalization()(x)
        x = keras.layers.ReLU()(x)
        x = keras.layers.MaxPooling2D()(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    kernel = keras.initializers.GlorotUniform(10 * seed + 3)
    return keras.Model(
        image, keras.layers.Dense(classes, kernel_initializer=kernel)(x)
    )


def synthetic(seed, smoke=False):
    """Features of classes whose attributes have few factors in common."""
    generator = np.random.default_rng([DRAWN_SEED, seed])
    seen, unseen, count = 40, 12, 24
    factors = generator.normal(size=(seen + unseen, 10))
    signatures = factors @ generator.normal(size=(10, count)) / np.sqrt(10)
    signatures += 0.25 * generator.normal(size=signatures.shape)
    shown = generator.normal(size=(count, 128)) / np.sqrt(count)
    nuisance = generator.normal(size=(20, 128)) / np.sqrt(20)

    def draw(classes, each):
        y = np.repeat(classes, each)
        hardness = generator.uniform(0.4, 1.6, (len(y), 1))
        own = signatures[y] + hardness * generator.normal(size=(len(y), count))
        x = own @ shown + generator.normal(size=(len(y), 20)) @ nuisance
        return np.log1p(np.exp(2 * x)).astype("float32"), y

    each = (4, 6) if smoke else (40, 60)
    x, y = draw(np.arange(seen), each[0])
    new_x, new_y = draw(np.arange(seen, seen + unseen), each[1])
    data = datasets.ZeroShotSet(
        x, y, signatures[:seen], new_x, new_y - seen, signatures[seen:]
    )
    return data, held_out(seen), None


def task_of(args, seed):
    """What a seed is about.

    Args:
        args: the arguments of the recipe.
        seed: integer. It draws which attributes are defined.

    Returns:
        A `Task`.
    """
    unseen = tuple(args.unseen or ())
    if args.features:
        data, held, images = benchmark(args.features, unseen)
    elif args.images:
        table = args.signatures
        data, held, images = own(args.images, table, unseen, 64, args.steps)
    elif args.data == "synthetic":
        data, held, images = synthetic(seed, args.smoke)
    else:
        data, held, images = drawn(args.steps, args.smoke)
    is_own = args.features or args.images
    share = args.defined or (1.0 if is_own else 1 / 3)
    return Task(defined(data, share, seed), held, images)


def standardized(x, *others):
    """Features with the mean and deviation of the first ones."""
    mean, deviation = x.mean(axis=0), x.std(axis=0) + 1e-6
    return [(one - mean) / deviation for one in (x, *others)]


def eszsl(x, y, signatures, ridge, other_ridge):
    """ESZSL (Romera-Paredes and Torr, 2015): `x' V s`, in closed form."""
    targets = 2.0 * np.eye(len(signatures))[y] - 1.0
    square = x.T @ x + ridge * np.eye(x.shape[1])
    kin = signatures.T @ signatures
    kin += other_ridge * np.eye(signatures.shape[1])
    v = np.linalg.solve(square, x.T @ targets @ signatures)
    v = np.linalg.solve(kin.T, v.T).T
    return lambda x, others: x @ v @ others.T


def sae(x, y, signatures, ridge):
    """SAE (Kodirov et al., 2017): a map to signatures, and back.

    It solves `A W + W B = C`, where `A` and `B` are symmetric, in their
    eigenvectors.
    """
    s = signatures[y]
    a, u = np.linalg.eigh(s.T @ s)
    b, v = np.linalg.eigh(ridge * x.T @ x)
    c = (1.0 + ridge) * s.T @ x
    w = u @ ((u.T @ c @ v) / (a[:, None] + b + 1e-9)) @ v.T

    def scores(x, others):
        found = x @ w.T
        found = found / (np.linalg.norm(found, axis=1, keepdims=True) + 1e-9)
        others = others / (np.linalg.norm(others, axis=1, keepdims=True) + 1e-9)
        return 10.0 * found @ others.T

    return scores


def dap(x, y, signatures, ridge):
    """DAP (Lampert et al., 2009): each attribute by itself.

    Ridge regression on -1 and 1, as a logit, instead of support vectors.
    """
    middle = np.median(signatures, axis=0)
    binary = (signatures > middle) | (signatures >= 1.0)
    ones = np.pad(x, [(0, 0), (0, 1)], constant_values=1.0)
    square = ones.T @ ones + ridge * np.eye(ones.shape[1])
    w = np.linalg.solve(square, ones.T @ (2.0 * binary[y] - 1.0))
    prior = np.clip(binary.mean(axis=0), 0.05, 0.95)

    def scores(x, others):
        wanted = (others > middle) | (others >= 1.0)
        ones = np.pad(x, [(0, 0), (0, 1)], constant_values=1.0)
        logits = 2.0 * ones @ w
        yes, no = (-np.logaddexp(0.0, sign * logits) for sign in (-1.0, 1.0))
        yes, no = yes - np.log(prior), no - np.log(1.0 - prior)
        return yes @ wanted.T + no @ (~wanted).T

    return scores


CLOSED = {
    "dap": (dap, [(ridge,) for ridge in RIDGES]),
    "eszsl": (eszsl, [(one, two) for one in RIDGES for two in RIDGES]),
    "sae": (sae, [(ridge,) for ridge in RIDGES]),
}


def chosen(name, task):
    """Scores of unseen classes, with settings that are best where some pretend.

    Args:
        name: string. A key of `CLOSED`.
        task: `Task`.

    Returns:
        Float array `(n, classes)`; those of classes that pass for unseen ones;
        and the settings.
    """
    function, settings = CLOSED[name]

    def scorer(part):
        x, new_x = standardized(part.x, part.new_x)
        return lambda setting: function(x, part.y, part.signatures, *setting)(
            new_x, part.new_signatures
        )

    of_pretended, right = scorer(task.pretended), task.pretended.new_y
    found = {setting: of_pretended(setting) for setting in settings}
    best = max(
        settings, key=lambda s: (found[s].argmax(axis=1) == right).mean()
    )
    return scorer(task.data)(best), found[best], best
