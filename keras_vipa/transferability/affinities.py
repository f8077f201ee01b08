"""What two networks have in common, as products of unit vectors.

Each function turns what a network gives for the probe images into one vector of
length 1, so that the product of two networks' vectors is their similarity: no
network is needed again when another one is added.
"""

import numpy as np

# Of the largest of a network's maps, and of what a feature is in the mean:
# what is smaller is rounding error in 32 bits. Maps of so little are no more.
DEAD, STILL, NOTHING = 1e-6, 1e-6, 1e-35


def map_vector(maps, pool=None, projection=None, seed=0):
    """Attribution maps: the product is the mean cosine of maps.

    `S = mean_k cos(a_k, b_k)` over images k (Song et al., NeurIPS 2019). A map
    that is 0 everywhere, or a millionth of the network's largest, has cosine 0
    with all.

    Args:
        maps: array `(n, height, width)`.
        pool: integer. Height and width of the grid of cells whose means are
            compared; at most those of the maps. Defaults to `None`: pixels.
        projection: integer. Numbers to which each map is brought by a random
            matrix, which keeps cosines about as they are. Defaults to `None`.
        seed: integer. Seed of that matrix.

    Returns:
        A float32 array `(n * size,)`, and how many maps are taken for 0.
    """
    rows = pooled(maps, pool) if pool else maps
    rows = rows.reshape(len(rows), -1).astype("float64")
    if projection:
        generator = np.random.default_rng(seed)
        rows = rows @ generator.normal(size=(rows.shape[1], projection))
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    dead = norms <= max(DEAD * norms.max(), NOTHING)
    rows = np.where(dead, 0.0, rows)
    rows = rows / np.where(dead, 1.0, norms) / np.sqrt(len(rows))
    return rows.ravel().astype("float32"), int(dead.sum())


def curve_vector(curves, pool=None):
    """ModelGiF's curves: the product is the mean cosine over their points.

    `1 - d` for `d(A, B) = mean_{x, m} [1 - cos(gamma_m^A(x), gamma_m^B(x))]`
    (Song et al., ICCV 2023).

    Args:
        curves: array `(steps, n, height, width)`, of `gradient_curves`.
        pool: integer, as in `map_vector`.

    Returns:
        A float32 array `(steps * n * size,)`.
    """
    return map_vector(curves.reshape(-1, *curves.shape[2:]), pool)[0]


def edge_vector(features):
    """DEPARA's edges: the product is Spearman's correlation of cosines.

    An edge is the cosine of the features of two images, once the mean over
    images has been taken away (Song et al., CVPR 2020).

    Args:
        features: array `(n, size)`.

    Returns:
        A float32 array `(n (n - 1) / 2,)`.
    """
    return ranks_of_pairs(centred(features))


def rsa_vector(features):
    """Representational similarity analysis, a product of ranks likewise.

    As `edge_vector`, with Pearson's correlation in the place of the cosine
    (Dwivedi, Roig, CVPR 2019).

    Args:
        features: array `(n, size)`.

    Returns:
        A float32 array `(n (n - 1) / 2,)`.
    """
    rows = centred(features)
    return ranks_of_pairs(rows - rows.mean(axis=1, keepdims=True))


def cka_vector(features):
    """Linear centred kernel alignment: `<K, L> / (|K| |L|)` (Kornblith, 2019).

    Args:
        features: array `(n, size)`.

    Returns:
        A float32 array `(n^2,)`, the centred Gram matrix K.
    """
    rows = centred(features).astype("float64")
    return unit((rows @ rows.T).ravel())


def graph_vector(nodes, edges, weight=0.25):
    """DEPARA's graph: the product is `s_V + weight * s_E`.

    Args:
        nodes: array, of `map_vector`.
        edges: array, of `edge_vector`.
        weight: float. The authors' code has 0.25, 0.03 or 0.27, set on the
            evaluation itself.

    Returns:
        A float32 array; its length is not 1.
    """
    return np.concatenate([nodes, np.sqrt(np.float32(weight)) * edges])


def centred(features, still=STILL):
    """Features minus their mean over images; 0 if they are all the same.

    Args:
        features: float array `(n, size)`.
        still: float. The part of its largest value by which a feature varies
            at least, unless it is rounding error.

    Returns:
        An array `(n, size)`.
    """
    largest = np.abs(features).max(axis=0)
    is_still = np.ptp(features, axis=0) <= still * largest
    return np.where(is_still, 0.0, features - features.mean(axis=0))


def pooled(maps, size):
    """Means over a grid of `size` x `size` cells.

    Args:
        maps: array `(n, height, width)`.
        size: integer, at most height and width.

    Returns:
        An array `(n, size, size)`.
    """
    for axis in (1, 2):
        edges = np.arange(size + 1) * maps.shape[axis] // size
        sums = np.add.reduceat(maps, edges[:-1], axis=axis)
        shape = [1, 1, 1]
        shape[axis] = size
        maps = sums / np.diff(edges).reshape(shape)
    return maps


def ranks_of_pairs(rows):
    """Standardized ranks of the cosines of all pairs of rows."""
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    rows = rows / np.where(norms > 0, norms, 1.0)
    cosines = (rows @ rows.T)[np.triu_indices(len(rows), 1)]
    ranks = average_ranks(cosines)
    return unit(ranks - ranks.mean())


def average_ranks(values):
    """Ranks from 1 on; equal values share the mean of theirs."""
    _, places, counts = np.unique(
        values, return_inverse=True, return_counts=True
    )
    last = np.cumsum(counts)
    return (last - (counts - 1) / 2)[places]


def unit(vector):
    """A vector of length 1, or 0 if it is none."""
    norm = np.linalg.norm(vector)
    return (vector / (norm if norm > 0 else 1.0)).astype("float32")
