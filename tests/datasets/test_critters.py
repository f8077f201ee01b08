from importlib import resources

import numpy as np

from keras_vipa.datasets import critter_signatures
from keras_vipa.datasets import critters
from keras_vipa.datasets.critters import ATTRIBUTES
from keras_vipa.datasets.critters import PARTS


def test_splits():
    """Of the seen classes, or of the others; no picture twice."""
    train, validation, unseen = (
        critters(split, 0.0) for split in ("train", "validation", "unseen")
    )
    assert np.bincount(train.y()).tolist() == [24] * 160
    assert np.bincount(validation.y()).tolist() == [6] * 160
    assert np.bincount(unseen.y()).tolist() == [0] * 160 + [60] * 20
    images = np.concatenate([s.images for s in (train, validation, unseen)])
    assert len(np.unique(images, axis=0)) == len(images) == 6000


def test_signatures():
    """They follow from the parts, and tell all classes apart."""
    signatures, names = critter_signatures()
    assert names == [*ATTRIBUTES] and signatures.shape == (180, 30)
    assert len(np.unique(signatures, axis=0)) == 180
    often = signatures[:160].sum(axis=0)
    assert often.min() >= 2 and often.max() <= 96
    classes = critters("unseen").class_names["class"]
    order = [*PARTS]
    for parts, row in zip(classes, signatures):
        variants = dict(zip(order, parts.split()))
        for name, is_true in zip(names, row):
            part, some = ATTRIBUTES[name]
            assert (variants[part] in some.split()) == is_true
    few, names = critter_signatures(["horns", "tall"])
    assert names == ["horns", "tall"]
    both = [[*ATTRIBUTES].index(name) for name in names]
    np.testing.assert_array_equal(few, signatures[:, both])


def test_attributes_are_related():
    """Some of them tell something of the others, in unseen classes too."""
    signatures, _ = critter_signatures()
    centred = signatures - signatures[:160].mean(axis=0)
    generator, explained = np.random.default_rng(0), []
    for _ in range(50):
        order = generator.permutation(30)
        x, y = centred[:, order[:10]], centred[:, order[10:]]
        ridge = x[:160].T @ x[:160] + 3 * np.eye(10)
        found = x[160:] @ np.linalg.solve(ridge, x[:160].T @ y[:160])
        explained.append(
            1 - ((y[160:] - found) ** 2).sum() / (y[160:] ** 2).sum()
        )
    # The README says so.
    assert round(100 * np.mean(explained)) == 24


def test_pictures_show_the_colours():
    """Where a body is, whatever else is different."""
    train = critters("train", 0.0)
    middle = train.array()[:, 20:26, 12:20].mean(axis=(1, 2))
    signatures, names = critter_signatures(["blue", "red", "green"])
    for name, channel in (("blue", 2), ("red", 0), ("green", 1)):
        has = signatures[train.y(), names.index(name)] == 1
        assert (middle[has].argmax(axis=1) == channel).mean() > 0.85


def test_difficulty():
    """More noise and wider bars, of what is hard, and always the same."""
    none, some = critters("unseen", 0.0), critters("unseen")
    np.testing.assert_array_equal(some.images, critters("unseen").images)
    change = np.abs(some.array() - none.array()).mean(axis=(1, 2, 3))
    hardness = some.info["hardness"]
    assert np.corrcoef(change, hardness)[0, 1] > 0.85
    assert change[hardness < 0.02].max() < 0.05
    more = np.abs(critters("unseen", 2.0).array() - none.array())
    assert more.mean() > 1.5 * change.mean()


def test_embedded_files_are_small():
    place = resources.files("keras_vipa.datasets")
    names = ("critters.webp", "critters.npz")
    assert sum(len((place / n).read_bytes()) for n in names) <= 2_500_000
