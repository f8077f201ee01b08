"""Zero-shot classifiers in closed form, and data to compare them on.

All of them are functions of features `(n, channels)` of seen classes, their
labels, the signatures of these classes, and settings, and return a function of
features and signatures of other classes to scores `(n, classes)`.
"""

import dataclasses

import keras
import numpy as np
from shared.labelled import fit

from keras_vipa import datasets

# What ridges are chosen from.
RIDGES = [10.0**power for power in range(-2, 4)]
DRAWN_SEED = 1000


@dataclasses.dataclass
class Data:
    """Features and labels of seen and of unseen classes.

    Args:
        x: float array `(n, channels)`, of seen classes.
        y: integer array `(n,)`, rows of `signatures`.
        signatures: float array `(classes, attributes)`.
        new_x, new_y, new_signatures: the same of unseen classes.
        images: `ImageSet` of `new_x`, or `None`.
    """

    x: np.ndarray
    y: np.ndarray
    signatures: np.ndarray
    new_x: np.ndarray
    new_y: np.ndarray
    new_signatures: np.ndarray
    images: object = None

    def pretended(self, seed, share=0.2):
        """The same of seen classes only, some of which pass for unseen ones."""
        count = len(self.signatures)
        order = np.random.default_rng(seed).permutation(count)
        new = np.sort(order[: max(2, round(share * count))])
        old = np.setdiff1d(order, new)
        parts = []
        for classes in (old, new):
            chosen = np.isin(self.y, classes)
            y = np.searchsorted(classes, self.y[chosen])
            parts += [self.x[chosen], y, self.signatures[classes]]
        return Data(*parts)


def drawn(args, seed):
    """Features of critters, by a network that has seen the seen classes."""
    count = round(args.defined * 30)
    generator = np.random.default_rng(seed)
    names = [*datasets.critter_signatures()[1]]
    chosen = generator.choice(names, count, replace=False).tolist()
    signatures, _ = datasets.critter_signatures(chosen)
    seen, unseen = datasets.critters("train"), datasets.critters("unseen")
    if args.smoke:
        seen, unseen = (s.select(slice(None, None, 6)) for s in (seen, unseen))
    network = classifier(seed)
    steps = 2 if args.smoke else args.steps
    fit(network, seen.array(), seen.y(), steps, 64, shift=0.1)
    features = keras.Model(network.inputs, network.layers[-2].output)
    x, new_x = (features.predict(s.array(), verbose=0) for s in (seen, unseen))
    old, new = signatures[:40], signatures[40:]
    # Classes that the chosen attributes do not tell apart are one.
    old, back = np.unique(old, axis=0, return_inverse=True)
    new, new_back = np.unique(new, axis=0, return_inverse=True)
    return Data(
        x,
        back.ravel()[seen.y()],
        old,
        new_x,
        new_back.ravel()[unseen.y() - 40],
        new,
        unseen,
    )


def classifier(seed, classes=40):
    """A small network for critters."""
    x = image = keras.Input((32, 32, 3))
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


def synthetic(args, seed):
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

    each = (4, 6) if args.smoke else (40, 60)
    x, y = draw(np.arange(seen), each[0])
    new_x, new_y = draw(np.arange(seen, seen + unseen), each[1])
    defined = max(2, round(args.defined * count))
    defined = generator.permutation(count)[:defined]
    known = signatures[:, defined].astype("float32")
    return Data(x, y, known[:seen], new_x, new_y - seen, known[seen:])


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


def chosen(name, data, pretended):
    """Scores of unseen classes, with settings that are best where some pretend.

    Args:
        name: string. A key of `CLOSED`.
        data: `Data`.
        pretended: `Data` of seen classes only.

    Returns:
        Float array `(n, classes)`, and the settings.
    """
    function, settings = CLOSED[name]

    def scorer(part):
        x, new_x = standardized(part.x, part.new_x)
        return lambda setting: function(x, part.y, part.signatures, *setting)(
            new_x, part.new_signatures
        )

    of_pretended = scorer(pretended)

    def accuracy(setting):
        decided = of_pretended(setting).argmax(axis=1)
        return (decided == pretended.new_y).mean()

    best = max(settings, key=accuracy)
    return scorer(data)(best), best
