"""Outfits of a generated wardrobe, right and wrong by declared rules."""

import numpy as np

from keras_vipa.datasets.wardrobe import COLORS
from keras_vipa.datasets.wardrobe import SHAPES
from keras_vipa.utils import checks

# What an outfit has one of each of.
KINDS = (("top", "bottom", "shoes", "bag"), ("dress", "shoes", "bag"))
# Neutral colours go with all; other ones with themselves, and in these pairs.
NEUTRAL = ("black", "grey")
HARMONIES = (
    ("brown", "green"),
    ("brown", "yellow"),
    ("brown", "blue"),
    ("yellow", "green"),
    ("green", "blue"),
    ("blue", "purple"),
    ("purple", "red"),
)
# What is not of both occasions.
OCCASIONS = {
    "leisure": ("T-shirt", "sneaker"),
    "town": ("pullover", "dress", "ankle boot"),
}
# The rules, by the label that each is about.
RULES = ("color", "pattern", "shape")


def wardrobe_outfits(items, count=1000, seed=0):
    """Return outfits that are right by three rules, and wrong variants.

    An outfit is a top and a bottom, or a dress, with shoes and a bag.

    - `color`: each two colours go together: a neutral one with all, any with
      itself, others in seven pairs.
    - `pattern`: at most one item is not plain.
    - `shape`: all suit one occasion: T-shirts and sneakers leisure; pullovers,
      dresses and ankle boots the town; trousers and bags both.

    Args:
        items: `ImageSet`, of `wardrobe`.
        count: int. How many outfits.
        seed: int. The same seed gives the same outfits.

    Returns:
        A list of dicts:

        - `items`: numbers in `items`, an item of each category.
        - `corrupted`: the same with another item of the same category in
          place `place`, which breaks `rule`, and none of the others.
        - `choices`: four items of one category for place `blank`, the first
          of which is that of `items`; the others break a rule each.

    Raises:
        ValueError: If `items` is no wardrobe, or too small to make outfits
            of.

    Example:

    >>> from keras_vipa.datasets import wardrobe
    >>> items = wardrobe("test", count=500)
    >>> outfit = wardrobe_outfits(items, 1)[0]
    >>> len(outfit["choices"]), outfit["rule"] in ("color", "pattern", "shape")
    (4, True)
    """
    _check_items(items, (*RULES, "category"))
    checks.integer("count", count)
    checks.integer("seed", seed, 0)
    closet = Closet(items)
    generator = np.random.default_rng(seed)
    found = []
    for _ in range(20 * count + 100):
        outfit = closet.outfit(generator)
        if outfit:
            found.append(outfit)
        if len(found) == count:
            return found
    raise ValueError(
        f"`items` must be enough to make outfits of. Received: {len(items)}"
    )


def _check_items(items, labels=RULES):
    if not set(labels) <= set(getattr(items, "class_names", {})):
        rule = "`items` must be an `ImageSet` of `wardrobe`"
        checks.fail(rule, "items", items)


class Closet:
    """Items by what the rules are about.

    Args:
        items: `ImageSet`.
    """

    def __init__(self, items):
        self.labels = {rule: items.y(rule) for rule in RULES}
        names = items.class_names["category"]
        self.category = np.array(names)[items.y("category")]
        self.agree = agreement()

    def right(self, rule, others):
        """Which of all items keep a rule beside others, boolean `(n,)`."""
        value = self.labels[rule]
        if rule == "pattern":
            return (value == 0) | ~value[others].any()
        return self.agree[rule][value][:, value[others]].all(axis=1)

    def right_outfit(self, generator):
        """Numbers of items that keep all rules, or `None`."""
        categories = KINDS[generator.integers(len(KINDS))]
        allowed = np.ones(len(self.category), bool)
        if generator.random() < 0.5:
            allowed = self.labels["pattern"] == 0
        found = {}
        # In any order, since the first one is the freest.
        for category in generator.permutation(categories):
            fits = allowed & (self.category == category)
            others = list(found.values())
            for rule in RULES if others else ():
                fits = fits & self.right(rule, others)
            if not fits.any():
                return None
            found[category] = int(generator.choice(np.flatnonzero(fits)))
        return [found[category] for category in categories]

    def outfit(self, generator):
        """An outfit as `wardrobe_outfits` returns it, or `None`."""
        items = self.right_outfit(generator)
        if items is None:
            return None
        wrong, choices = [], []
        for place in range(len(items)):
            same, right = self.replacements(items, place)
            for rule in RULES:
                others_hold = [right[r] for r in RULES if r != rule]
                fits = same & ~right[rule] & np.all(others_hold, axis=0)
                wrong.append((rule, place, np.flatnonzero(fits)))
            breaks = np.flatnonzero(same & ~np.all([*right.values()], axis=0))
            if len(breaks) >= 3:
                choices.append((place, breaks))
        wrong = [found for found in wrong if len(found[2])]
        if not wrong or not choices:
            return None
        rules = sorted({rule for rule, _, _ in wrong})
        wanted = rules[generator.integers(len(rules))]
        wrong = [found for found in wrong if found[0] == wanted]
        rule, place, fits = wrong[generator.integers(len(wrong))]
        blank, breaks = choices[generator.integers(len(choices))]
        corrupted = list(items)
        corrupted[place] = int(generator.choice(fits))
        others = generator.choice(breaks, 3, replace=False)
        return {
            "items": items,
            "corrupted": corrupted,
            "rule": rule,
            "place": place,
            "choices": [items[blank], *others.tolist()],
            "blank": blank,
        }

    def replacements(self, items, place):
        """Items of the same category, and which rules they would keep."""
        others = items[:place] + items[place + 1 :]
        same = self.category == self.category[items[place]]
        return same, {rule: self.right(rule, others) for rule in RULES}


def broken_rules(items, outfit):
    """Return the rules of `wardrobe_outfits` that an outfit breaks.

    Args:
        items: `ImageSet`, of `wardrobe`.
        outfit: list of int. Numbers in `items`.

    Returns:
        A list of some of `"color"`, `"pattern"` and `"shape"`.

    Raises:
        ValueError: If an argument is not as above.
    """
    _check_items(items)
    rule = f"`outfit` must be integers of 0 to {len(items) - 1}"
    outfit = checks.array("outfit", outfit, rule, ndim=1, kinds="iu")
    if outfit.min() < 0 or outfit.max() >= len(items):
        checks.fail(rule, "outfit", outfit)
    labels = {rule: items.y(rule)[outfit] for rule in RULES}
    tables = agreement()
    broken = []
    for rule, values in labels.items():
        if rule == "pattern":
            is_right = np.count_nonzero(values) <= 1
        else:
            is_right = tables[rule][np.ix_(values, values)].all()
        if not is_right:
            broken.append(rule)
    return broken


def agreement():
    """Which two values of a label go together: dict of boolean matrices."""
    colors, shapes = [*COLORS], [*SHAPES]
    color = np.eye(len(colors), dtype=bool)
    for name in NEUTRAL:
        color[colors.index(name)] = color[:, colors.index(name)] = True
    for one, other in HARMONIES:
        pair = colors.index(one), colors.index(other)
        color[pair] = color[pair[::-1]] = True
    shape = np.ones((len(shapes), len(shapes)), bool)
    sides = [np.isin(shapes, names) for names in OCCASIONS.values()]
    shape[np.ix_(*sides)] = shape[np.ix_(*sides[::-1])] = False
    return {"color": color, "shape": shape}
