"""Similarities as products of vectors, against plain restatements."""

import numpy as np
import pytest

from keras_vipa.transferability import affinities

# Arrays alone: the same on every backend.
pytestmark = pytest.mark.tensorflow


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def cosine(one, other):
    one, other = one.ravel(), other.ravel()
    return one @ other / np.linalg.norm(one) / np.linalg.norm(other)


def spearman(one, other):
    """Without ties."""
    ranks = [np.argsort(np.argsort(values)) for values in (one, other)]
    return np.corrcoef(*ranks)[0, 1]


ONE, OTHER = normal(5, 8, 6), normal(5, 8, 6, seed=1) + normal(5, 8, 6)
FEATURES, MORE = normal(6, 7), normal(6, 3, seed=1)
PAIRS = [(i, j) for i in range(6) for j in range(i + 1, 6)]


class TestMaps:
    def product(self, one, other, **options):
        vectors = [affinities.map_vector(x, **options)[0] for x in (one, other)]
        return float(vectors[0] @ vectors[1])

    def test_mean_cosine(self):
        expected = np.mean([cosine(*pair) for pair in zip(ONE, OTHER)])
        assert self.product(ONE, OTHER) == pytest.approx(expected, abs=1e-6)
        assert self.product(ONE, ONE) == pytest.approx(1.0)
        assert self.product(ONE, -ONE) == pytest.approx(-1.0)

    def test_each_map_has_its_own_scale(self):
        scales = np.array([1.0, 20.0, 0.1, 3.0, 1e-3])[:, None, None]
        expected = self.product(ONE, OTHER)
        assert self.product(scales * ONE, OTHER) == pytest.approx(
            expected, abs=1e-6
        )

    def test_dead_maps_have_no_cosine(self):
        dead = ONE.copy()
        dead[[1, 3]] = 0.0
        vector, count = affinities.map_vector(dead)
        assert count == 2 and np.isfinite(vector).all()
        assert float(vector @ vector) == pytest.approx(3 / 5)

    def test_pooling(self):
        cells = ONE.reshape(5, 2, 4, 2, 3).mean(axis=(2, 4))
        np.testing.assert_allclose(affinities.pooled(ONE, 2), cells)
        others = OTHER.reshape(5, 2, 4, 2, 3).mean(axis=(2, 4))
        expected = np.mean([cosine(*pair) for pair in zip(cells, others)])
        assert self.product(ONE, OTHER, pool=2) == pytest.approx(
            expected, abs=1e-6
        )

    def test_cells_of_unequal_sizes(self):
        ramp = np.arange(5.0)[None, :, None] * np.ones((1, 5, 5))
        # Rows 0 1 and 2 3 4.
        np.testing.assert_allclose(
            affinities.pooled(ramp, 2)[0], [[0.5, 0.5], [3.0, 3.0]]
        )

    def test_projection_keeps_cosines_about_as_they_are(self):
        big = normal(50, 20, 20), normal(50, 20, 20, seed=1)
        big = big[0], big[0] + 0.5 * big[1]
        expected = self.product(*big)
        actual = self.product(*big, projection=100)
        assert actual == pytest.approx(expected, abs=0.03)
        assert self.product(*big, projection=100, seed=1) != actual


class TestFeatures:
    def product(self, function, one=FEATURES, other=MORE):
        return float(function(one) @ function(other))

    def test_edges(self):
        one, other = (x - x.mean(axis=0) for x in (FEATURES, MORE))
        edges = [[cosine(x[i], x[j]) for i, j in PAIRS] for x in (one, other)]
        expected = spearman(*edges)
        actual = self.product(affinities.edge_vector)
        assert actual == pytest.approx(expected, abs=1e-6)

    def test_rsa(self):
        one, other = (x - x.mean(axis=0) for x in (FEATURES, MORE))
        pairs = [
            [np.corrcoef(x[i], x[j])[0, 1] for i, j in PAIRS]
            for x in (one, other)
        ]
        actual = self.product(affinities.rsa_vector)
        assert actual == pytest.approx(spearman(*pairs), abs=1e-6)

    def test_cka(self):
        one, other = (x - x.mean(axis=0) for x in (FEATURES, MORE))
        # |Y'X|^2 / (|X'X| |Y'Y|), with Frobenius norms.
        expected = np.linalg.norm(other.T @ one) ** 2 / (
            np.linalg.norm(one.T @ one) * np.linalg.norm(other.T @ other)
        )
        actual = self.product(affinities.cka_vector)
        assert actual == pytest.approx(expected, abs=1e-6)

    @pytest.mark.parametrize(
        "name", ["edge_vector", "rsa_vector", "cka_vector"]
    )
    def test_what_does_not_matter(self, name):
        function = getattr(affinities, name)
        rotation, _ = np.linalg.qr(normal(7, 7, seed=2))
        expected = self.product(function)
        if name != "rsa_vector":
            turned = FEATURES @ rotation
            assert self.product(function, turned) == pytest.approx(
                expected, abs=1e-5
            )
        other = 3.0 * FEATURES + normal(7, seed=3)
        assert self.product(function, other) == pytest.approx(
            expected, abs=1e-5
        )
        assert self.product(function, MORE, MORE) == pytest.approx(1.0)

    def test_graph_is_nodes_and_edges(self):
        nodes = [affinities.map_vector(x)[0] for x in (ONE, OTHER)]
        edges = [affinities.edge_vector(x) for x in (FEATURES, MORE)]
        graphs = [affinities.graph_vector(*x, 0.3) for x in zip(nodes, edges)]
        expected = nodes[0] @ nodes[1] + 0.3 * (edges[0] @ edges[1])
        assert graphs[0] @ graphs[1] == pytest.approx(expected, abs=1e-6)

    def test_equal_features_have_no_edges(self):
        vector = affinities.edge_vector(np.ones((4, 3)))
        np.testing.assert_array_equal(vector, 0.0)


def test_average_ranks():
    ranks = affinities.average_ranks(np.array([3.0, 1.0, 3.0, 2.0, 3.0]))
    assert ranks.tolist() == [4.0, 1.0, 4.0, 2.0, 4.0]
