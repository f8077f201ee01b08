"""How well a composer tells outfits that somebody put together from others."""

import keras
import numpy as np
from shared.partitions import ATTRIBUTES
from shared.partitions import words_of

from keras_vipa import datasets
from keras_vipa import metrics
from keras_vipa.applications import OutfitComposer


def joined(embedding):
    """An embedding of one part, all parts side by side."""
    pixels = keras.Input(embedding_size(embedding))
    parts = embedding(pixels)
    return keras.Model(
        pixels, {"whole": keras.ops.concatenate(list(parts.values()), axis=-1)}
    )


def embedding_size(embedding):
    """Shape of the images that an embedding was built for."""
    return tuple(embedding.get_build_config()["input_shape"][1:])


def adapted(embedding, items, count, seed, **options):
    """A composer that has learnt from outfits of a wardrobe."""
    composer = OutfitComposer(embedding, seed=seed, **options)
    outfits = datasets.wardrobe_outfits(items, count, seed)
    categories, labels = words_of(items)
    right = [outfit["items"] for outfit in outfits]
    composer.adapt(items.array(), categories, right, labels)
    return composer


def questions(composer, items, count, seed):
    """Outfits of other items, which the composer is shown first.

    Returns:
        Dict of lists of outfits: `right`, `wrong`, one wrong for each right
        one; `choices`, of four outfits each; and `rules`, what is wrong.
    """
    categories, labels = words_of(items)
    numbers = np.array(composer.add(items.array(), categories, labels))
    outfits = datasets.wardrobe_outfits(items, count, seed)

    def filled(outfit, choice):
        place = outfit["blank"]
        kept = outfit["items"]
        return numbers[[*kept[:place], choice, *kept[place + 1 :]]].tolist()

    return {
        "right": [numbers[outfit["items"]].tolist() for outfit in outfits],
        "wrong": [numbers[outfit["corrupted"]].tolist() for outfit in outfits],
        "choices": [
            [filled(outfit, choice) for choice in outfit["choices"]]
            for outfit in outfits
        ],
        "rules": [outfit["rule"] for outfit in outfits],
    }


def compatibility(scores, asked):
    """Fill-in-the-blank and AUC of a function of a list of outfits."""
    every = [outfit for choices in asked["choices"] for outfit in choices]
    filled = np.reshape(scores(every), (len(asked["choices"]), -1))
    return {
        "fill_in": metrics.fill_in_accuracy(filled),
        "auc": metrics.compatibility_auc(
            scores(asked["right"]), scores(asked["wrong"])
        ),
    }


def popularity(composer):
    """Scores by how often items of their kind are in outfits, and no more."""
    graph = composer.graph
    often = np.log(graph.counts[0].sum(axis=1) + 1.0)
    of_category = np.bincount(graph.node_categories, often)
    often -= (of_category / np.bincount(graph.node_categories))[
        graph.node_categories
    ]
    return lambda outfits: np.array(
        [often[graph.nodes[0, outfit]].mean() for outfit in outfits]
    )


def reasons(composer, asked):
    """Whether the part that is blamed is what is wrong, and what it matters.

    Returns:
        Dict of `blame`, the part of the wrong outfits whose weakest match is
        in the part of the rule that is broken (chance is a third); and how
        often the right outfit has the better score: by all parts
        (`preferred`), without the part that is blamed, and without another.
    """
    place = {name: number for number, name in enumerate(ATTRIBUTES)}
    blamed = np.array(
        [
            place[composer.explain(outfit)["weakest"]["part"]]
            for outfit in asked["wrong"]
        ]
    )
    broken = np.array([place[rule] for rule in asked["rules"]])
    columns = [list(composer.part_weights).index(name) for name in ATTRIBUTES]
    right, wrong = (
        np.log(composer.part_scores(asked[kind])[:, columns])
        for kind in ("right", "wrong")
    )

    def preferred(left_out=None):
        kept = np.ones_like(right)
        if left_out is not None:
            kept[np.arange(len(kept)), left_out] = 0.0
        better = (kept * (right - wrong)).sum(axis=1)
        return float(np.mean((better > 0) + 0.5 * (better == 0)))

    others = [preferred((blamed + step) % 3) for step in (1, 2)]
    return {
        "blame": float(np.mean(blamed == broken)),
        "preferred": preferred(),
        "without_blamed": preferred(blamed),
        "without_another": float(np.mean(others)),
    }


def answered(composer, requests):
    """Pairs of requests and what was found for them, which is printed."""
    found = []
    for request in requests:
        found.append((request, composer.recommend(request, k=3)))
        for outfit in found[-1][1]:
            print(f"{request}: {outfit['items']} {outfit['total']:.3f}")
            print("\n".join(f"    {line}" for line in outfit["sentences"]))
    return found


def compared(embedding, known, items, learnt, seed):
    """A composer of a wardrobe, its scores and those of baselines.

    Args:
        embedding: `PartitionedEmbedding`.
        known: `ImageSet`, the wardrobe that it learns from.
        items: `ImageSet`, items that are added, and asked about.
        learnt: integer. Outfits to learn from.
        seed: integer.

    Returns:
        The composer, rows of scores, and what `reasons` returns.
    """
    more = known, learnt, seed
    composer = adapted(embedding, *more)
    whole = adapted(joined(embedding), *more)
    count = min(1000, learnt)
    asked = questions(composer, items, count, seed + 1)
    questions(whole, items, 1, seed)
    lot = np.random.default_rng(seed)
    scorers = {
        "partitioned": composer.scores,
        "mixed": whole.scores,
        "popularity": popularity(whole),
        "random": lambda some: lot.random(len(some)),
    }
    rows = [
        {"model": name, **compatibility(scores, asked), "seed": seed}
        for name, scores in scorers.items()
    ]
    why = reasons(composer, asked)
    equal = composer.part_weights
    every = datasets.wardrobe_outfits(known, learnt, seed)
    fitted = composer.fit_weights(
        [outfit["items"] for outfit in every],
        [outfit["corrupted"] for outfit in every],
    )
    found = compatibility(composer.scores, asked)
    rows.append({"model": "fitted", **found, "seed": seed, "weights": fitted})
    composer.part_weights = equal
    return composer, rows, why
