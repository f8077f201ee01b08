import numpy as np
import pytest

from keras_vipa.datasets import ImageSet
from keras_vipa.datasets import broken_rules
from keras_vipa.datasets import wardrobe
from keras_vipa.datasets import wardrobe_outfits
from keras_vipa.datasets.wardrobe import COLORS
from keras_vipa.datasets.wardrobe import FAVOURITES
from keras_vipa.datasets.wardrobe import PATTERNS
from keras_vipa.datasets.wardrobe import SHAPES
from keras_vipa.datasets.wardrobe import patterns
from keras_vipa.datasets.wardrobe import silhouettes


@pytest.fixture(scope="module")
def items():
    return wardrobe("test")


def dependence(one, other):
    """Mutual information in nats, of two integer arrays."""
    joint = np.histogram2d(one, other, (one.max() + 1, other.max() + 1))[0]
    joint = joint / joint.sum()
    alone = joint.sum(1, keepdims=True) * joint.sum(0)
    return (joint * np.log(np.maximum(joint, 1e-12) / alone)).sum()


def test_colour_follows_shape_in_training_only(items):
    train = wardrobe("train")
    assert (len(train), len(items)) == (4000, 2000)
    color, shape = train.y("color"), train.y("shape")
    # Half of each shape has its colour, and of the others an eighth, too.
    for index, name in enumerate(FAVOURITES):
        mine = color[shape == index] == [*COLORS].index(name)
        assert abs(mine.mean() - 0.5 * (1 + 1 / 8)) < 0.06
    assert dependence(color, shape) > 0.4
    for labels in (train, items):
        assert dependence(labels.y("pattern"), labels.y("shape")) < 0.02
        assert dependence(labels.y("pattern"), labels.y("color")) < 0.02
    assert dependence(items.y("color"), items.y("shape")) < 0.03
    assert wardrobe("train", 50, correlation=0.0).labels.keys()


def test_category_follows_from_shape(items):
    names = items.class_names
    for shape, category in zip(items.y("shape"), items.y("category")):
        known = SHAPES[names["shape"][shape]]
        assert names["category"][category] == known


def test_pictures_show_their_labels(items):
    """Colour by the middle of plain garments, pattern by its contrast."""
    images, mask = items.array(), items.info["mask"]
    assert (images[mask == 0] == 1).all()
    assert 0.15 < mask.mean() < 0.6
    inside = (mask > 0.99)[..., None]
    mean = (images * inside).sum((1, 2)) / np.maximum(inside.sum((1, 2)), 1)
    palette = np.array(list(COLORS.values())) / 255
    far = ((mean[:, None] - palette) ** 2).sum(-1)
    plain = items.y("pattern") == 0
    assert (far.argmin(1) == items.y("color"))[plain].mean() > 0.95
    spread = ((images - mean[:, None, None]) ** 2 * inside).sum((1, 2, 3))
    spread = spread / np.maximum(inside.sum((1, 2, 3)), 1)
    medians = [
        np.median(spread[items.y("pattern") == kind]) for kind in range(4)
    ]
    assert 5 * medians[0] < min(medians[1:])


def test_patterns_are_what_they_are_called():
    kinds = np.arange(len(PATTERNS))
    ink = dict(zip(PATTERNS, patterns(kinds, np.random.default_rng(0))))
    assert not ink["plain"].any()
    stripes, checks, dots = (ink[n] for n in ("stripes", "checks", "dots"))
    assert (stripes == stripes[:, :1]).all() and np.ptp(stripes[:, 0]) == 1
    # Whole lines in both directions, and none.
    for axis in (0, 1):
        assert (checks.min(axis) > 0.9).any() and np.ptp(checks) == 1
        assert (dots.max(axis) < 0.1).any() and dots.max() == 1


def test_silhouette_of_a_ring():
    """A dark pixel inside is garment, a gap is not, edges are soft."""
    level = np.zeros((1, 12, 12), "float32")
    level[0, 2:10, 2:10] = 1.0
    level[0, 7, 7] = 0.0
    level[0, 2:6, 5] = 0.0
    mask = silhouettes(level)[0]
    assert mask[7, 7] == 1.0
    assert (mask[2:6, 5] == 0).all() and mask[1].max() == 0
    assert 0 < mask[9, 2] < mask[9, 4] < 1
    assert mask[8, 8] == 1.0


def test_same_seed_same_garments(items):
    again = wardrobe("test", seed=0)
    np.testing.assert_array_equal(again.images, items.images)
    other = wardrobe("test", seed=1)
    assert (other.images != items.images).any()
    # Other photographs, so other silhouettes.
    validation = wardrobe("validation")
    both = np.concatenate([validation.info["mask"], items.info["mask"]])
    both = (both > 0).reshape(4000, -1)
    seen = {row.tobytes() for row in both[:2000]}
    assert np.mean([row.tobytes() in seen for row in both[2000:]]) < 0.01


def test_outfits_keep_the_rules_and_corruptions_break_one(items):
    outfits = wardrobe_outfits(items, 300)
    category = items.y("category")
    for outfit in outfits:
        right, wrong = outfit["items"], outfit["corrupted"]
        assert broken_rules(items, right) == []
        assert broken_rules(items, wrong) == [outfit["rule"]]
        changed = [a != b for a, b in zip(right, wrong, strict=True)]
        assert changed.index(True) == outfit["place"] and sum(changed) == 1
        assert (category[right] == category[wrong]).all()
        assert category[right].tolist() in ([0, 1, 3, 4], [2, 3, 4])
        choices, blank = outfit["choices"], outfit["blank"]
        assert choices[0] == right[blank] and len(set(choices)) == 4
        for choice in choices[1:]:
            filled = [*right[:blank], choice, *right[blank + 1 :]]
            assert category[choice] == category[right[blank]]
            assert broken_rules(items, filled)
    rules = [outfit["rule"] for outfit in outfits]
    assert min(map(rules.count, ("color", "pattern", "shape"))) > 30
    assert wardrobe_outfits(items, 3, seed=1) != outfits[:3]
    assert wardrobe_outfits(items, 3) == outfits[:3]


def labelled(**labels):
    """A wardrobe of given labels, without pictures."""
    count = len(labels["color"])
    names = wardrobe("test", 1).class_names
    names = {key: names[key] for key in labels}
    labels = {k: np.array(v, "int32") for k, v in labels.items()}
    images = np.zeros((count, 32, 32, 3), "uint8")
    return ImageSet(images, labels, names, "shape", "made")


def test_rules_by_hand():
    color, shape = [*COLORS].index, [*SHAPES].index
    items = labelled(
        color=[color(c) for c in ("red", "black", "green", "purple")],
        shape=[
            shape(s) for s in ("T-shirt", "trousers", "ankle boot", "sneaker")
        ],
        pattern=[1, 0, 2, 0],
    )
    assert broken_rules(items, [0, 1, 3]) == []
    assert broken_rules(items, [0, 1, 2]) == ["color", "pattern", "shape"]
    assert broken_rules(items, [1, 2]) == []
    assert broken_rules(items, [2, 3]) == ["color", "shape"]


def test_wrong_arguments(items):
    for options, text in (
        ({"split": "all"}, "split='all'"),
        ({"count": 0}, "count=0"),
        ({"count": 10**12}, ".*GB"),
        ({"correlation": 1.5}, "correlation=1.5"),
        ({"seed": -1}, "seed=-1"),
    ):
        with pytest.raises(ValueError, match=f"Received: {text}"):
            wardrobe(**options)
    with pytest.raises(ValueError, match="of `wardrobe`"):
        wardrobe_outfits([1, 2])
    with pytest.raises(ValueError, match="enough to make outfits"):
        wardrobe_outfits(items.select(items.y("category") < 3), 2)
