"""The composition graph of items that a composer has learnt from."""

import collections
import itertools
import json

import numpy as np
from keras import ops

from keras_vipa.applications.outfit.matching import beam_search
from keras_vipa.applications.outfit.matching import composition_graph
from keras_vipa.applications.outfit.matching import directions
from keras_vipa.applications.outfit.matching import k_means
from keras_vipa.applications.outfit.matching import matching_maps
from keras_vipa.applications.outfit.matching import nearest
from keras_vipa.applications.outfit.matching import pairs_of
from keras_vipa.applications.outfit.matching import part_scores
from keras_vipa.utils import checks


class CompositionGraph:
    """Items, the clusters of their parts, and how often these meet.

    `learn` makes one of outfits, `restore` one of arrays that were saved.

    Args:
        parts: dict, name of a part -> float array `(items, numbers)`.
        labels: dict, attribute -> string array `(items,)`.
        categories: string array `(items,)`.
        means: dict, part -> float array `(numbers,)`.
        centers: dict, part -> float array `(nodes, numbers)`, of directions
            from these.
        counts: float array `(parts, nodes, nodes)`, edges of the graph.
        about: dict of what is no array: `names` of the categories, the
            category of each node (`nodes`), the `kinds` of outfits, and
            `node_names`, for each part.
        smoothing: float, of the maps.
    """

    def __init__(
        self,
        parts,
        labels,
        categories,
        means,
        centers,
        counts,
        about,
        smoothing,
    ):
        self.parts, self.labels = parts, labels
        self.categories, self.means, self.centers = categories, means, centers
        self.about, self.node_categories = about, np.array(about["nodes"])
        self._assign()
        self._count(counts, smoothing)

    @classmethod
    def learn(
        cls, parts, categories, outfits, labels, clusters, smoothing, seed
    ):
        """Cluster items, and count in outfits.

        Args:
            parts: as above.
            categories: as above.
            outfits: list of lists of integers.
            labels: as above.
            clusters: integer. Of each category, if it has so many items.
            smoothing: float.
            seed: integer.
        """
        names = np.unique(categories).tolist()
        nodes, centers = [], collections.defaultdict(list)
        means = {part: values.mean(axis=0) for part, values in parts.items()}
        around = {k: on_sphere(v, means[k]) for k, v in parts.items()}
        for number, name in enumerate(names):
            mine = categories == name
            count = min(clusters, int(mine.sum()))
            nodes += [number] * count
            for part, values in around.items():
                found = k_means(values[mine], count, seed)
                centers[part].append(found)
        centers = {k: np.concatenate(v) for k, v in centers.items()}
        kinds, orders = collections.Counter(), {}
        for outfit in outfits:
            kind = categories[outfit].tolist()
            kinds[tuple(sorted(kind))] += 1
            orders.setdefault(tuple(sorted(kind)), kind)
        about = {
            "names": names,
            "nodes": nodes,
            "kinds": [orders[kind] for kind, _ in kinds.most_common()],
        }
        shape = len(parts), len(nodes), len(nodes)
        made = cls(
            parts,
            labels,
            categories,
            means,
            centers,
            np.zeros(shape),
            about,
            smoothing,
        )
        pairs = pairs_of(outfits)
        counts = [composition_graph(n, pairs, len(nodes)) for n in made.nodes]
        about["node_names"] = made.names_of_nodes()
        made._count(np.stack(counts), smoothing)
        return made

    def add(self, parts, categories, labels):
        """Add items; returns their numbers. Clusters and maps stay."""
        first = len(self.categories)

        def both(old, new):
            return {k: np.concatenate([v, new[k]]) for k, v in old.items()}

        self.parts = both(self.parts, parts)
        self.labels = both(self.labels, labels)
        self.categories = np.concatenate([self.categories, categories])
        self._assign()
        return list(range(first, len(self.categories)))

    def _count(self, counts, smoothing):
        """Keep the edges of the graph, and the maps that follow from them."""
        self.counts = counts
        self.maps = np.stack(
            [matching_maps(c, self.node_categories, smoothing) for c in counts]
        )
        self.logs = np.log(self.maps)

    def _assign(self):
        """The nodes of all items, and how far these are from their centres."""
        count = len(self.categories)
        self.nodes = np.zeros((len(self.parts), count), int)
        self.distance = np.zeros(count)
        for number, (part, values) in enumerate(self.parts.items()):
            values = on_sphere(values, self.means[part])
            for name in self.about["names"]:
                mine, nodes = self.categories == name, self.nodes_of(name)
                centers = self.centers[part][nodes]
                near, far = nearest(values[mine], centers)
                self.nodes[number, mine] = nodes[near]
                self.distance[mine] += far

    def names_of_nodes(self):
        """The most frequent label of each node, lists of strings."""
        found = []
        for part, nodes in zip(self.parts, self.nodes):
            labels = self.labels.get(part)
            names = []
            for node in range(len(self.node_categories)):
                mine = nodes == node
                if labels is None or not mine.any():
                    names.append(f"kind {node}")
                    continue
                values, counts = np.unique(labels[mine], return_counts=True)
                names.append(str(values[counts.argmax()]))
            found.append(names)
        return found

    def nodes_of(self, category):
        """Numbers of the nodes of a category."""
        place = self.about["names"].index(category)
        return np.flatnonzero(self.node_categories == place)

    def described(self, part, item):
        """What an item is like in a part, by its cluster."""
        number = list(self.parts).index(part)
        name = self.about["node_names"][number][self.nodes[number, item]]
        return f"{name} ({self.categories[item]})"

    def matching_map(self, part, *categories):
        """Map of two categories, and the names of its rows and columns."""
        number = list(self.parts).index(part)
        places = [self.nodes_of(name) for name in categories]
        names = np.array(self.about["node_names"][number])
        values = self.maps[number][np.ix_(*places)]
        return values, *(names[place].tolist() for place in places)

    def part_scores(self, outfits):
        """`S_k` of checked outfits: float array `(outfits, parts)`."""
        table = list(itertools.zip_longest(*outfits, fillvalue=-1))
        table = np.array(table, int).reshape(len(table), len(outfits)).T
        return part_scores(self.logs, self.nodes, table)

    def pair_scores(self, weights):
        """A function, items `(a,)` and `(b,)` to `sum_k w_k log M_k`."""

        def scores(one, other):
            return sum(
                weight * matrix[np.ix_(nodes[one], nodes[other])]
                for weight, matrix, nodes in zip(weights, self.logs, self.nodes)
                if weight
            )

        return scores

    def search(self, kind, given, request, weights, width):
        """The best outfits of some categories.

        Args:
            kind: list of strings, the categories.
            given: dict, category -> item that is there already.
            request: `Request`.
            weights: float array `(parts,)`.
            width: integer. Of the beam.

        Returns:
            List of pairs of a score and a list of items, in the order of
            `kind`.
        """
        # What is given, and what is asked for, is chosen first.
        order = sorted(
            kind, key=lambda c: (c not in given, c not in request.allowed)
        )
        candidates = []
        for category in order:
            items = request.items(category)
            # Of equals, the most typical come first.
            items = items[np.argsort(self.distance[items], kind="stable")]
            is_given = category in given
            candidates.append([given[category]] if is_given else items)
        if not all(len(items) for items in candidates):
            return []
        pairs = self.pair_scores(weights)
        chosen, sums = beam_search(pairs, candidates, width)
        places = [order.index(category) for category in kind]
        count = max(len(kind) * (len(kind) - 1) // 2, 1)
        return [
            (float(np.exp(total / count)), row[places].tolist())
            for row, total in zip(chosen, sums)
        ]

    def arrays(self):
        """All that `restore` needs, dict of arrays."""
        texts = {
            "about": self.about,
            "categories": self.categories.tolist(),
            "labels": {k: v.tolist() for k, v in self.labels.items()},
            "parts": list(self.parts),
        }
        return {
            "texts": np.frombuffer(json.dumps(texts).encode(), "uint8"),
            "counts": self.counts,
            **{
                f"{kind}_{number}": values[name]
                for kind in ("parts", "means", "centers")
                for values in [getattr(self, kind)]
                for number, name in enumerate(self.parts)
            },
        }

    @classmethod
    def restore(cls, store, smoothing):
        """A graph of what `arrays` returned.

        Args:
            store: dict-like of arrays.
            smoothing: float.
        """
        texts = json.loads(np.asarray(store["texts"]).tobytes())
        parts, means, centers = (
            {
                name: np.array(store[f"{kind}_{number}"])
                for number, name in enumerate(texts["parts"])
            }
            for kind in ("parts", "means", "centers")
        )
        labels = {k: np.array(v) for k, v in texts["labels"].items()}
        categories = np.array(texts["categories"])
        counts = np.array(store["counts"])
        return cls(
            parts,
            labels,
            categories,
            means,
            centers,
            counts,
            texts["about"],
            smoothing,
        )


def on_sphere(values, mean):
    """`directions` as a NumPy array."""
    return ops.convert_to_numpy(directions(values, mean))


def checked_strings(name, values, count):
    """Return strings as an array, if there are so many.

    Args:
        name: string.
        values: list of strings.
        count: integer.
    """
    values = list(values) if np.iterable(values) else []
    if len(values) != count or not all(isinstance(v, str) for v in values):
        rule = f"`{name}` must be {count} strings, one an item"
        checks.fail(rule, name, values)
    return np.array(values, str)


def checked_labels(labels, count):
    """Return a dict of string arrays.

    Args:
        labels: dict of lists of strings, or `None` for none.
        count: integer.
    """
    labels = {} if labels is None else labels
    if not isinstance(labels, dict):
        rule = "`labels` must be a dict of lists of strings"
        checks.fail(rule, "labels", labels)
    return {
        name: checked_strings(f"labels['{name}']", values, count)
        for name, values in labels.items()
    }
