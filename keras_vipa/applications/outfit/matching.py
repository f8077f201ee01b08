"""Composition graph, attribute matching maps and scores of outfits.

A node is a category and a cluster of one part of its items, `v = (g, k, m)`;
nodes of all categories are counted on in one row.
"""

import itertools

import numpy as np
from keras import ops


def k_means(points, count, seed=0, rounds=50):
    """Centres of clusters: k-means++ (Arthur and Vassilvitskii), then Lloyd.

    Short, and the only use of it here; a library for it would be one more to
    install.

    Args:
        points: float array `(n, numbers)`.
        count: integer, at most `n`.
        seed: integer.
        rounds: integer. At most so many of Lloyd's.

    Returns:
        A float32 array `(count, numbers)`.
    """
    generator = np.random.default_rng(seed)
    points = np.asarray(points, "float64")
    centers = points[generator.integers(len(points))][None]
    while len(centers) < count:
        far = _squares(points, centers).min(axis=1)
        # All points may be centres already.
        far = far / far.sum() if far.sum() > 0 else None
        chosen = generator.choice(len(points), p=far)
        centers = np.concatenate([centers, points[chosen][None]])
    for _ in range(rounds):
        near = _squares(points, centers).argmin(axis=1)
        moved = centers.copy()
        for number in np.unique(near):
            moved[number] = points[near == number].mean(axis=0)
        if np.array_equal(moved, centers):
            break
        centers = moved
    return centers.astype("float32")


def directions(points, mean):
    """Points on a sphere around a mean.

    How far out a part is says how sure an encoder was; what is read from it is
    the direction.

    Args:
        points: float array or tensor `(n, numbers)`.
        mean: float array `(numbers,)`.

    Returns:
        A float32 tensor `(n, numbers)`.
    """
    around = ops.cast(points, "float32") - mean
    squares = ops.sum(ops.square(around), axis=-1, keepdims=True)
    return around / ops.sqrt(squares + 1e-9)


def nearest(points, centers):
    """Number of the nearest centre of each point, and how far it is.

    Args:
        points: float array `(n, numbers)`.
        centers: float array `(count, numbers)`.

    Returns:
        Arrays `(n,)`, integers and distances.
    """
    squares = _squares(np.asarray(points, "float64"), centers)
    return squares.argmin(axis=1), np.sqrt(squares.min(axis=1))


def _squares(points, centers):
    """Squared distances `(n, count)`."""
    product = points @ np.asarray(centers, "float64").T
    sums = [np.square(x).sum(axis=1) for x in (points, centers)]
    return np.maximum(sums[0][:, None] - 2 * product + sums[1][None], 0.0)


def pairs_of(outfits):
    """Both orders of all pairs of items of each outfit: array `(n, 2)`.

    Args:
        outfits: list of lists of integers.
    """
    found = [
        pair for outfit in outfits for pair in itertools.permutations(outfit, 2)
    ]
    return np.array(found, int).reshape(-1, 2)


def composition_graph(nodes, pairs, count):
    """How many outfits have an item of each of two nodes: `(count, count)`.

    Args:
        nodes: integer array, node of each item.
        pairs: integer array `(n, 2)` of items, in both orders.
        count: integer. All nodes.
    """
    graph = np.zeros((count, count))
    np.add.at(graph, (nodes[pairs[:, 0]], nodes[pairs[:, 1]]), 1.0)
    return graph


def matching_map(counts, smoothing):
    """How well nodes of two categories match, from how often they meet.

    The pointwise mutual information, smoothed towards that of independent
    nodes, so that what is rare counts little, and put between 0 and 1:

        e_mm' = n_m n_m' / N
        PMI   = log (n_mm' + a) / (e_mm' + a)
        M     = 1 / (1 + exp(-PMI))

    This is how probably two items are of one outfit and not taken at random,
    if both are equally likely before: 1/2 for nodes that have nothing to do
    with one another, 0 for those that avoid each other.

    Args:
        counts: float array `(nodes, others)`, `n_mm'`.
        smoothing: float, `a`, positive.

    Returns:
        A float array of the same shape.
    """
    total = max(counts.sum(), 1.0)
    expected = counts.sum(axis=1)[:, None] * counts.sum(axis=0)[None] / total
    together, apart = counts + smoothing, expected + smoothing
    return together / (together + apart)


def matching_maps(graph, categories, smoothing):
    """`matching_map` of each pair of categories, in one symmetric matrix.

    Args:
        graph: float array `(nodes, nodes)`.
        categories: integer array `(nodes,)`.
        smoothing: float.
    """
    found = np.zeros_like(graph)
    for pair in itertools.product(np.unique(categories), repeat=2):
        block = np.ix_(*(np.flatnonzero(categories == one) for one in pair))
        found[block] = matching_map(graph[block], smoothing)
    return found


def part_scores(logs, nodes, outfits):
    """`S_k`, geometric mean over pairs of `M_k`: array `(outfits, parts)`.

    Args:
        logs: float array `(parts, nodes, nodes)`, `log M_k`.
        nodes: integer array `(parts, items)`.
        outfits: integer array `(outfits, places)`, filled with -1.
    """
    total = np.zeros((len(outfits), len(logs)))
    count = np.zeros(len(outfits))
    for one, other in itertools.combinations(range(outfits.shape[1]), 2):
        first, second = outfits[:, one], outfits[:, other]
        there = (first >= 0) & (second >= 0)
        for k, (matrix, node) in enumerate(zip(logs, nodes)):
            total[:, k] += there * matrix[node[first], node[second]]
        count += there
    return np.exp(total / np.maximum(count, 1)[:, None])


def beam_search(pair_scores, candidates, width):
    """The best choices of one candidate in each place, by sums of pairs.

    Args:
        pair_scores: callable, integer arrays of items `(a,)` and `(b,)` to
            scores `(a, b)`.
        candidates: list of integer arrays, for each place; of choices with
            equal sums those come first whose candidates do.
        width: integer. Beginnings that are followed at once.

    Returns:
        Integer array `(found, places)`, the best first, and its sums.
    """
    chosen = np.asarray(candidates[0])[:, None]
    sums = np.zeros(len(chosen))
    for items in candidates[1:]:
        more = sums[:, None] + sum(
            pair_scores(column, items) for column in chosen.T
        )
        order = np.argsort(-more, axis=None, kind="stable")[:width]
        start, last = np.unravel_index(order, more.shape)
        chosen = np.column_stack([chosen[start], np.asarray(items)[last]])
        sums = more.ravel()[order]
    return chosen[:width], sums[:width]


def fitted_weights(right, wrong, rounds=2000, rate=0.5):
    """Weights of the parts, of a logistic regression; none below 0, sum 1.

    Args:
        right: float array `(n, parts)`, `log S_k` of real outfits.
        wrong: float array `(m, parts)`, of others.
        rounds: integer. Steps of exponentiated gradient.
        rate: float. Of each step.

    Returns:
        A float array `(parts,)`.
    """
    scores = np.concatenate([right, wrong])
    is_right = np.repeat([1.0, 0.0], [len(right), len(wrong)])
    scores = (scores - scores.mean(axis=0)) / max(scores.std(), 1e-9)
    weights = np.ones(scores.shape[1])
    for _ in range(rounds):
        off = 1.0 / (1.0 + np.exp(-scores @ weights)) - is_right
        # Multiplied, so that none changes its sign.
        weights = weights * np.exp(-rate * scores.T @ off / len(off))
    return weights / weights.sum()
