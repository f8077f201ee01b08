"""Outfits of items whose embedding has parts, each match with its reasons."""

import itertools

import keras
import numpy as np
from keras import ops

from keras_vipa.applications.outfit.graph import CompositionGraph
from keras_vipa.applications.outfit.graph import checked_labels
from keras_vipa.applications.outfit.graph import checked_strings
from keras_vipa.applications.outfit.matching import directions
from keras_vipa.applications.outfit.matching import fitted_weights
from keras_vipa.applications.outfit.requests import Request
from keras_vipa.utils import checks

# Matches of nodes that seem to avoid, or not to avoid, each other.
CLASH, AGREE = 0.3, 0.45


@keras.saving.register_keras_serializable(package="keras_vipa")
class OutfitComposer(keras.Model):
    """Scores, explains, completes and recommends outfits.

    Items of each category are put into clusters, by the direction of each part
    of their embedding from its mean; how often clusters meet in outfits that
    somebody put together is the composition graph, and how much more often
    than by chance the attribute matching map `M_k`. An outfit `o` has the
    scores

    ```
    S_k(o) = geometric mean over pairs of items of M_k[cluster of one, of the
             other]
    S(o)   = prod_k S_k(o)^w_k,  sum_k w_k = 1
    ```

    all in [0, 1]; the vector of the `S_k` is the explanation. `adapt`, which
    comes first, says what it learns from.

    Args:
        embedding: `PartitionedEmbedding`, trained, or any Keras model or layer
            that returns a dict of tensors `(batch, numbers)`.
        clusters: integer. Of each category, if it has so many items. More
            need more outfits: ten are for some thousands.
        smoothing: float. `a` of the maps: the larger, the less do rare
            clusters say.
        beam: integer. Beginnings of outfits that a search follows at once.
        seed: integer. Of the clusters.
        **kwargs: `name` and `dtype`, as for any `keras.Model`.

    Call arguments:
        images: tensor `(batch, height, width, 3)` in [0, 1].

    Returns:
        The parts, dict of tensors.

    Raises:
        ValueError: If an argument is not as above; further on, if an outfit
            has less than two items or one that is not there, a category is
            not known, or a request cannot be satisfied.

    Example:

    ```python
    composer = OutfitComposer(embedding)
    composer.adapt(images, categories, outfits, labels)
    for outfit in composer.recommend("a red top, plain trousers", k=3):
        print(outfit["items"], outfit["sentences"])
    ```

    With `n_mm'` the outfits in which clusters `m` and `m'` of two categories
    meet, and `e_mm'` what is expected of clusters that are as frequent but
    independent, a map is their pointwise mutual information, smoothed and put
    between 0 and 1,

    ```
    PMI = log (n_mm' + a) / (e_mm' + a)
    M   = 1 / (1 + exp(-PMI))
    ```

    which is how probably two items are of one outfit and not taken at random,
    if both are equally likely before. 1/2 is for what has nothing to do with
    one another.

    Differences from the paper: of this part of it only its purpose could be
    read, a composition graph, attribute matching maps and ranked outfits with
    a score of each attribute. All of the above is a reconstruction of ours.

    Reference:
        Feng, Yu, Yang, Jing, Jiang, Song. "Interpretable Partitioned Embedding
        for Customized Fashion Outfit Composition". ICMR 2018.
        https://arxiv.org/abs/1806.04845
    """

    def __init__(
        self, embedding, clusters=10, smoothing=0.5, beam=50, seed=0, **kwargs
    ):
        super().__init__(**kwargs)
        if not isinstance(embedding, keras.layers.Layer):
            rule = "`embedding` must be a `PartitionedEmbedding`"
            checks.fail(rule, "embedding", embedding)
        self.embedding = embedding
        self.clusters = checks.integer("clusters", clusters)
        self.smoothing = checks.number("smoothing", smoothing, above=True)
        self.beam = checks.integer("beam", beam)
        self.seed = checks.integer("seed", seed, 0)
        self.graph = None

    def build(self, input_shape=None):
        if not self.embedding.built:
            self.embedding.build(input_shape)
        self.built = True

    def call(self, images, training=None):
        return self.embedding(images, training=training)

    def adapt(self, images, categories, outfits, labels=None):
        """Learn from outfits which items go together.

        Args:
            images: float array `(n, height, width, 3)` in [0, 1], all items.
            categories: list of strings, one an item: what an outfit has one
                of.
            outfits: list of lists of integers, two or more items each.
            labels: dict, attribute, mostly the name of a part -> list of
                strings, one an item. They name the clusters, and requests are
                about them. Parts without count nothing, if others have some.
        """
        parts = self._embed(images)
        categories = checked_strings("categories", categories, len(images))
        labels = checked_labels(labels, len(images))
        outfits = [checked_outfit(items, len(images)) for items in outfits]
        if not outfits:
            raise ValueError("`outfits` must be at least one. Received: none")
        self.graph = CompositionGraph.learn(
            parts,
            categories,
            outfits,
            labels,
            self.clusters,
            self.smoothing,
            self.seed,
        )
        named = [float(part in labels) for part in parts]
        self._weigh(named if any(named) else [1.0] * len(parts))

    def add(self, images, categories, labels=None):
        """Add items, which are put into the clusters that there are.

        Args:
            images: float array `(n, height, width, 3)` in [0, 1].
            categories: list of strings, known ones.
            labels: dict, as of `adapt`, of the same attributes.

        Returns:
            List of the numbers of the items.
        """
        graph = self._learnt()
        categories = checked_strings("categories", categories, len(images))
        for name in categories.tolist():
            checks.choice("categories", name, tuple(graph.about["names"]))
        labels = checked_labels(labels, len(images))
        if set(labels) != set(graph.labels):
            rule = f"`labels` must be a dict of {sorted(graph.labels)}"
            checks.fail(rule, "labels", sorted(labels))
        return graph.add(self._embed(images), categories, labels)

    def fit_weights(self, right, wrong):
        """Choose the weights of the parts so that they tell outfits apart.

        Args:
            right: list of lists of integers, outfits that belong together.
            wrong: list of lists of integers, others.

        Returns:
            Dict, part -> weight; the sum is 1.
        """
        both = [np.log(self.part_scores(some)) for some in (right, wrong)]
        self._weigh(fitted_weights(*both))
        return self.part_weights

    @property
    def part_weights(self):
        """Dict, part -> weight, which can be set: those not named are 0."""
        return dict(zip(self._learnt().parts, self._weights.tolist()))

    @part_weights.setter
    def part_weights(self, weights):
        parts = list(self._learnt().parts)
        if not isinstance(weights, dict) or not set(weights) <= set(parts):
            rule = f"`part_weights` must be a dict of some of {parts}"
            checks.fail(rule, "part_weights", weights)
        for name, weight in weights.items():
            checks.number(f"part_weights['{name}']", weight)
        if not sum(weights.values()):
            rule = "`part_weights` must not all be 0"
            checks.fail(rule, "part_weights", weights)
        self._weigh([weights.get(part, 0.0) for part in parts])

    def _weigh(self, weights):
        weights = np.asarray(weights, "float64")
        self._weights = weights / weights.sum()

    def part_scores(self, outfits):
        """`S_k` of many outfits at once: float array `(outfits, parts)`.

        Args:
            outfits: list of lists of integers.
        """
        count = len(self._learnt().categories)
        outfits = [checked_outfit(outfit, count) for outfit in outfits]
        return self.graph.part_scores(outfits)

    def scores(self, outfits):
        """`S` of many outfits at once: float array `(outfits,)`.

        Args:
            outfits: list of lists of integers.
        """
        return self._total(self.part_scores(outfits))

    def _total(self, scores):
        """`S` of `S_k`, arrays `(..., parts)`."""
        return np.exp(np.log(scores) @ self._weights)

    def score(self, outfit):
        """Score an outfit.

        Args:
            outfit: list of integers, two or more items.

        Returns:
            Dict of `total`; `parts`, dict, part -> `S_k`; and `pairs`, list of
            dicts of `items`, two numbers, `total`, and `parts`.
        """
        pairs = [
            list(pair)
            for pair in itertools.combinations(
                checked_outfit(outfit, len(self._learnt().categories)), 2
            )
        ]
        each, whole = self.part_scores(pairs), self.part_scores([outfit])
        found = [
            {"items": items, **self._named(scores)}
            for items, scores in zip(pairs, each)
        ]
        return {**self._named(whole[0]), "pairs": found}

    def _named(self, scores):
        names = list(self.graph.parts)
        total = float(self._total(scores))
        return {"total": total, "parts": dict(zip(names, scores.tolist()))}

    def explain(self, outfit):
        """Say why an outfit matches, or does not.

        Args:
            outfit: list of integers, two or more items.

        Returns:
            Dict of what `score` returns; `weakest`, dict of the `items`, the
            `part` and the `score` of the worst match; and `sentences`, a list
            of strings, one a part that counts, that of the worst match first.
        """
        found, worst = self.score(outfit), []
        for part, weight in self.part_weights.items():
            if weight:
                pair = min(found["pairs"], key=lambda p: p["parts"][part])
                worst.append((pair["parts"][part], part, pair["items"]))
        worst.sort()
        score, part, items = worst[0]
        return {
            **found,
            "weakest": {"items": items, "part": part, "score": score},
            "sentences": [
                self._sentence(part, found["parts"][part], score, items)
                for score, part, items in worst
            ],
        }

    def _sentence(self, part, mean, score, items):
        if score >= AGREE:
            return f"{part} agrees ({mean:.2f})"
        verdict = "clashes" if score < CLASH else "is seldom so combined"
        one, other = (self.graph.described(part, item) for item in items)
        return f"{part} {verdict}: {one} with {other} ({score:.2f})"

    def complete(self, items, request=None, k=5):
        """Find what else goes with some items.

        Args:
            items: list of integers, of different categories; may be empty.
            request: string or dict: what the items are to be, such as `"plain
                trousers, a black bag"`, or `{"bag": {"color": "black"}}`.
            k: integer. How many outfits.

        Returns:
            List of at most `k` dicts, the best first, of `items` and all that
            `explain` returns.
        """
        graph = self._learnt()
        checks.integer("k", k)
        items = checked_outfit(items, len(graph.categories), 0)
        asked = Request(request, graph.categories, graph.labels)
        given = {str(graph.categories[item]): item for item in items}
        if len(given) < len(items):
            rule = "`items` must be of different categories"
            checks.fail(rule, "items", items)
        for category in set(given) & set(asked.allowed):
            if given[category] not in asked.items(category):
                raise ValueError(
                    f"The {category} that is given is not as requested. "
                    f"Received: item {given[category]}"
                )
        wanted = {*given, *asked.allowed}
        kinds = [k for k in graph.about["kinds"] if wanted <= set(k)]
        if not kinds:
            raise ValueError(
                "No outfit that was learnt from has all of "
                f"{', '.join(sorted(wanted))}"
            )
        width, found = max(k, self.beam), []
        for kind in kinds:
            found += graph.search(kind, given, asked, self._weights, width)
        found.sort(key=lambda pair: -pair[0])
        return [
            {"items": outfit, **self.explain(outfit)} for _, outfit in found[:k]
        ]

    def recommend(self, request=None, k=5):
        """Find outfits.

        Args:
            request: string or dict, as of `complete`.
            k: integer. How many.

        Returns:
            List of at most `k` dicts, as of `complete`.
        """
        return self.complete([], request, k)

    def matching_map(self, part, category, other):
        """How well the clusters of two categories match.

        Args:
            part: string.
            category: string, of the rows.
            other: string, of the columns.

        Returns:
            Float array in [0, 1], and the names of its rows and columns.
        """
        graph = self._learnt()
        checks.choice("part", part, tuple(graph.parts))
        for name in (category, other):
            checks.choice("category", name, tuple(graph.about["names"]))
        return graph.matching_map(part, category, other)

    def scorer(self, categories, image_shape):
        """A model that scores an outfit of pictures, for phones for example.

        It has all that is needed within it: items need not be known.

        Args:
            categories: list of strings, two or more.
            image_shape: tuple `(height, width, 3)`.

        Returns:
            A functional `keras.Model`, of a list of images `(batch, height,
            width, 3)`, one for each category, to a dict of tensors
            `(batch,)`: `total`, and for each part its `S_k`.
        """
        graph = self._learnt()
        for name in categories:
            checks.choice("categories", name, tuple(graph.about["names"]))
        if len(categories) < 2 or len({*categories}) < len(categories):
            rule = "`categories` must be two or more different ones"
            checks.fail(rule, "categories", categories)
        # Files of LiteRT know inputs by their names.
        names = [name.replace(" ", "_") for name in categories]
        images = [keras.Input(image_shape, name=name) for name in names]
        parts = [self.embedding(image) for image in images]
        places = [graph.nodes_of(name) for name in categories]
        scores, total = {}, 0.0
        for number, (part, weight) in enumerate(self.part_weights.items()):
            near = [
                one_hot(
                    directions(found[part], graph.means[part]),
                    graph.centers[part][place],
                )
                for found, place in zip(parts, places)
            ]
            logs = [
                log_match(
                    near[one],
                    near[other],
                    graph.maps[number][np.ix_(places[one], places[other])],
                )
                for one, other in itertools.combinations(range(len(near)), 2)
            ]
            mean = sum(logs) / len(logs)
            scores[part], total = ops.exp(mean), total + weight * mean
        return keras.Model(images, {"total": ops.exp(total), **scores})

    def _learnt(self):
        if self.graph is None:
            raise ValueError("`adapt` has to be called first.")
        return self.graph

    def _embed(self, images):
        images = checks.array(
            "images", images, "`images` must be (n, height, width, 3)", ndim=4
        )
        found = self.predict(images, batch_size=256, verbose=0)
        return {k: np.asarray(v, "float32") for k, v in found.items()}

    def save_own_variables(self, store):
        super().save_own_variables(store)
        if self.graph is not None:
            for name, array in self.graph.arrays().items():
                store[name] = array
            store["weights"] = self._weights

    def load_own_variables(self, store):
        if "texts" in store:
            self.graph = CompositionGraph.restore(store, self.smoothing)
            self._weights = np.array(store["weights"])

    def get_config(self):
        return {
            **super().get_config(),
            "embedding": keras.saving.serialize_keras_object(self.embedding),
            "clusters": self.clusters,
            "smoothing": self.smoothing,
            "beam": self.beam,
            "seed": self.seed,
        }

    @classmethod
    def from_config(cls, config):
        embedding = keras.saving.deserialize_keras_object(config["embedding"])
        return cls(**{**config, "embedding": embedding})


def one_hot(part, centers):
    """Which centre is the nearest: `(batch, centres)` of 0 and 1.

    Args:
        part: tensor `(batch, numbers)`.
        centers: float array `(centres, numbers)`.
    """
    # Without the square of the part, which is the same for all centres.
    squares = np.square(centers).sum(axis=1)
    far = ops.matmul(part, -2.0 * centers.T) + squares
    nearest = ops.min(far, axis=-1, keepdims=True)
    found = ops.cast(far <= nearest, "float32")
    # Of several, the first, as `nearest` has it.
    return found * ops.cast(ops.cumsum(found, axis=-1) <= 1.0, "float32")


def log_match(one, other, matches):
    """`log M` of two clusters each, `(batch,)`.

    Args:
        one: tensor `(batch, nodes)`, of `one_hot`.
        other: tensor `(batch, others)`.
        matches: float array `(nodes, others)`, `M`.
    """
    logs = np.log(matches).astype("float32")
    return ops.sum(ops.matmul(one, logs) * other, axis=-1)


def checked_outfit(outfit, count, least=2):
    """Return an outfit as a list of integers, if its items are there.

    Args:
        outfit: list of integers.
        count: integer. Items that there are.
        least: integer. The fewest of an outfit.
    """
    items = list(outfit) if np.iterable(outfit) else []
    fits = all(checks.is_integer(i, 0) and i < count for i in items)
    if not fits or len({*items}) < max(least, len(items)):
        rule = (
            f"An outfit must be {least} or more different items of 0 to "
            f"{count - 1}"
        )
        checks.fail(rule, "outfit", outfit)
    return [int(item) for item in items]
