"""Networks as points: what is kept, compared, ranked, saved."""

import keras
import numpy as np
import pytest
from keras import layers
from PIL import Image
from test_case import TestCase

from keras_vipa.transferability import ModelSpace
from keras_vipa.transferability import attribution_maps
from keras_vipa.transferability import gradient_curves
from keras_vipa.transferability.affinities import cka_vector
from keras_vipa.transferability.affinities import edge_vector
from keras_vipa.transferability.affinities import map_vector
from keras_vipa.transferability.affinities import rsa_vector

ALL = ("maps", "graph", "edges", "curves", "rsa", "cka")


def encoder(seed=0, size=12, filters=4, scale=1.0):
    """A small encoder; one of equal seed has equal kernels."""
    keras.utils.set_random_seed(seed)
    x = keras.Input((size, size, 3))
    y = layers.Conv2D(filters, 3, activation="relu")(x)
    y = layers.Conv2D(6, 3, activation="relu")(y)
    model = keras.Model(x, y, name="encoder")
    last = model.layers[-1]
    last.set_weights([scale * weight for weight in last.get_weights()])
    return model


def probes(count=5, size=12):
    return np.random.default_rng(0).uniform(size=(count, size, size, 3))


def near(seed):
    """Nearly the encoder of that seed."""
    model = encoder(seed)
    for weight in model.weights:
        noise = np.random.default_rng(0).normal(size=weight.shape)
        weight.assign(weight + 0.01 * noise)
    return model


@pytest.fixture(scope="module")
def space():
    space = ModelSpace(probes(), measures=ALL, steps=4)
    for seed in range(4):
        space.add(f"net {seed}", encoder(seed))
    return space


@pytest.fixture(scope="module")
def grown(space, tmp_path_factory):
    """Written, read, and two networks more."""
    path = tmp_path_factory.mktemp("spaces") / "space.npz"
    space.save(path)
    grown = ModelSpace.load(path)
    grown.add("again", encoder(1))
    grown.add("near 2", near(2))
    return grown


class TestAffinity(TestCase):
    def test_mean_cosine_of_maps(self, space):
        """In the pixels of the probe images, scaled to [-1, 1]."""
        x = keras.Input((12, 12, 3))
        maps = []
        for seed in range(2):
            framed = keras.Model(x, encoder(seed)(0.5 * x + 0.5))
            images = (2 * probes() - 1).astype("float32")
            found = attribution_maps(framed, images, reduction="mean")
            maps.append(found.reshape(5, -1))
        norms = [np.linalg.norm(found, axis=1) for found in maps]
        cosines = np.sum(maps[0] * maps[1], axis=1) / norms[0] / norms[1]
        actual = space.affinity()[0, 1]
        assert actual == pytest.approx(cosines.mean(), abs=2e-3)

    @pytest.mark.parametrize("measure", ALL)
    def test_symmetric_and_one_with_itself(self, space, measure):
        affinity = space.affinity(measure)
        assert affinity.shape == (4, 4)
        self.assert_all_close(affinity, affinity.T)
        most = 1.25 if measure == "graph" else 1.0
        self.assert_all_close(np.diag(affinity), np.full(4, most), atol=5e-3)
        assert (affinity <= most + 5e-3).all()

    def test_graph(self, space):
        self.assert_all_close(
            space.affinity("graph"),
            space.affinity("maps") + 0.25 * space.affinity("edges"),
            atol=5e-3,
        )

    @pytest.mark.tensorflow
    def test_pixels_are_the_same_for_networks_of_all_kinds(self):
        """Another range or size of the input changes little or nothing."""
        space = ModelSpace(probes(), measures=["maps", "cka"])
        space.add("plain", encoder(0))
        space.add("of bytes", encoder(0), preprocess=lambda x: x / 255.0)
        space.add("scaled", encoder(0, scale=7.0))
        space.add("large", encoder(0, size=24))
        for measure in ("maps", "cka"):
            affinity = space.affinity(measure)[0]
            self.assert_all_close(affinity[:3], np.ones(3), atol=5e-3)
            assert affinity[3] < 0.99

    @pytest.mark.tensorflow
    @pytest.mark.parametrize("options", [{}, {"pool": 3}, {"projection": 9}])
    def test_compression(self, options):
        space = ModelSpace(probes(), measures=["maps"], **options)
        assert space.bytes_per_model() == {}
        space.add("net", encoder())
        size = 9 if options else 144
        assert space.bytes_per_model() == {"maps": 2 * 5 * size}

    @pytest.mark.tensorflow
    def test_dead_maps_are_counted(self):
        space = ModelSpace(probes(), measures=["maps"])
        silent = encoder(0)
        kernel, bias = silent.layers[-1].get_weights()
        silent.layers[-1].set_weights([kernel, bias - 1e3])
        space.add("silent", silent)
        space.add("net", encoder(1))
        assert space.dead == {"silent": 5, "net": 0}
        affinity = space.affinity()
        assert affinity[0, 1] == 0.0 and affinity[0, 0] == 0.0


def head(kernel, bias, seed):
    """An encoder with a dense layer at the end, of such weights."""
    body = encoder(seed)
    last = layers.Dense(6)
    model = keras.Model(body.input, last(body.output))
    weights, zeros = last.get_weights()
    last.set_weights([kernel * weights, zeros + bias])
    return model


@pytest.mark.tensorflow
class TestDead:
    """Networks that return the same for all images."""

    @pytest.fixture
    def space(self, eager):
        space = ModelSpace(
            probes(7), measures=[m for m in ALL if m != "curves"]
        )
        for name, *options in (
            ("still", 0.0, 0.1, 0),
            ("also still", 0.0, -0.3, 1),
            ("faint", 1e-38, 0.7, 1),
            ("one", 1.0, 0.1, 2),
            ("two", 1.0, 0.1, 3),
        ):
            space.add(name, head(*options))
        return space

    def test_noticed_and_not_ranked(self, space):
        counts = {"still": 7, "also still": 7, "faint": 7, "one": 0, "two": 0}
        assert space.dead == counts
        for measure in ("maps", "graph", "edges", "rsa", "cka"):
            affinity = space.affinity(measure)
            assert not affinity[:3].any() and not affinity[:, :3].any()
            assert [name for name, _ in space.rank("one", measure)] == ["two"]
            with pytest.raises(ValueError, match="no sources.*'also still'"):
                space.rank("also still", measure)


def test_maps_of_rounding_errors():
    maps = np.random.default_rng(0).normal(size=(4, 3, 3)).astype("float32")
    vector, dead = map_vector(maps, pool=None)
    assert dead == 0
    faint = maps * np.reshape([1, 1e-3, 1e-9, 0], (4, 1, 1))
    found, dead = map_vector(faint.astype("float32"))
    assert dead == 2
    np.testing.assert_allclose(found[:18], vector[:18], rtol=1e-5)
    assert not found[18:].any()
    assert map_vector(1e-20 * maps)[1] == 0


def test_features_that_vary_by_rounding():
    generator = np.random.default_rng(0)
    features = generator.normal(size=(7, 4)).astype("float32")
    noise = 1 + 1e-7 * generator.normal(size=(7, 4)).astype("float32")
    for vector in (cka_vector, edge_vector, rsa_vector):
        assert not vector(noise).any()
        assert vector(1e-20 * features).any()
    both = cka_vector(np.c_[features, noise])
    np.testing.assert_allclose(both, cka_vector(features), atol=1e-6)


@pytest.mark.tensorflow
class TestRank:
    def test_order(self, space):
        affinity = space.affinity("cka")
        ranking = space.rank("net 2", "cka")
        names = [name for name, _ in ranking]
        assert sorted(names) == ["net 0", "net 1", "net 3"]
        scores = [score for _, score in ranking]
        assert scores == sorted(scores, reverse=True)
        for name, score in ranking:
            expected = affinity[2, space.names.index(name)]
            assert score == pytest.approx(float(expected))

    def test_relative_comes_first(self, grown):
        for measure in ("maps", "edges"):
            assert grown.rank("near 2", measure)[0][0] == "net 2"
            assert grown.rank("net 2", measure)[0][0] == "near 2"

    def test_tree(self, grown, tmp_path):
        hierarchy = pytest.importorskip("scipy.cluster.hierarchy")
        tree = grown.tree()
        assert tree.shape == (5, 4)
        # The two that are equal are joined first, then those nearly so.
        assert set(tree[0, :2]) == {1, 4} and set(tree[1, :2]) == {2, 5}
        assert tree[0, 2] == pytest.approx(0.0, abs=0.01)
        leaves = hierarchy.dendrogram(tree, no_plot=True)["leaves"]
        assert abs(leaves.index(2) - leaves.index(5)) == 1
        grown.plot(tmp_path / "space.png")
        with Image.open(tmp_path / "space.png") as picture:
            assert picture.size == (1100, 500)


@pytest.mark.tensorflow
class TestFiles(TestCase):
    def test_saved_and_loaded(self, space, grown):
        """Another network meets the same images and settings."""
        assert grown.names == [*space.names, "again", "near 2"]
        assert grown.dead == {**space.dead, "again": 0, "near 2": 0}
        for measure in ALL:
            affinity = grown.affinity(measure)
            self.assert_all_close(
                affinity[:4, :4], space.affinity(measure), atol=1e-6
            )
            self.assert_all_close(
                affinity[4, :4], space.affinity(measure)[1], atol=1e-6
            )

    def test_other_files(self, tmp_path):
        path = tmp_path / "space.npz"
        with pytest.raises(ValueError, match=r"FileNotFoundError.*space\.npz"):
            ModelSpace.load(path)
        np.savez(path, x=np.zeros(3))
        with pytest.raises(ValueError, match=r"KeyError.*space\.npz"):
            ModelSpace.load(path)


class TestCurves(TestCase):
    def test_of_a_linear_network(self):
        """The gradient is the same everywhere: a straight way."""
        x = keras.Input((4, 4, 3))
        model = keras.Model(x, layers.Dense(1)(layers.Flatten()(x)))
        weights = np.reshape(model.get_weights()[0], (4, 4, 3))
        images = probes(3, 4).astype("float32")
        curves = gradient_curves(model, images, steps=3, seed=0)
        assert curves.shape == (3, 3, 4, 4)
        shares = np.cumsum(np.polynomial.legendre.leggauss(3)[1] / 2)
        whole = curves[-1]
        for share, curve in zip(shares, curves):
            self.assert_all_close(curve, share * whole, atol=1e-6)
        # Ends at w (x - x'), with another image as x'.
        for image, end in zip(images, whole):
            ways = [(image - other) * weights for other in images]
            distances = [np.abs(w.mean(-1) - end).max() for w in ways]
            assert sorted(distances)[0] < 1e-6
            assert np.abs(end).max() > 1e-3

    @pytest.mark.tensorflow
    def test_levels(self):
        model = encoder(0, size=8)
        levels = (255 * probes(3, 8)).astype("uint8")
        self.assert_all_close(
            gradient_curves(model, levels),
            gradient_curves(model, levels / np.float32(255)),
            atol=1e-6,
        )
        with pytest.raises(ValueError, match="another one.*1 images"):
            gradient_curves(model, levels[:1])

    def test_complete(self):
        """The end of a curve sums to the difference of both outputs."""
        model = encoder(0, size=8)
        images = probes(2, 8).astype("float32")
        curves = gradient_curves(model, images, steps=64)
        outputs = np.array(model.predict(images, verbose=0)).sum(axis=(1, 2, 3))
        ends = 3 * curves[-1].sum(axis=(1, 2))
        expected = [outputs[0] - outputs[1], outputs[1] - outputs[0]]
        self.assert_all_close(ends, np.array(expected), atol=0.02)


@pytest.mark.tensorflow
class TestErrors:
    @pytest.mark.parametrize(
        "images, options, message",
        [
            (probes(2), {}, r"three or more.*\(2, 12, 12, 3\)"),
            (probes()[..., :1], {}, r"three or more.*\(5, 12, 12, 1\)"),
            (255 * probes(), {}, r"in \[0, 1\] if"),
            (np.full((3, 4, 4, 3), np.nan), {}, r"in \[0, 1\] if"),
            (probes(), {"measures": ["mmd"]}, "some of.*'mmd'"),
            (probes(), {"measures": []}, "some of"),
            (probes(), {"pool": 13}, "from 1 to 12.*13"),
            (probes(), {"projection": 0}, "from 1 to 144.*projection=0"),
            (probes(), {"method": "lime"}, "`method` must be.*'lime'"),
        ],
    )
    def test_options(self, images, options, message):
        with pytest.raises(ValueError, match=message):
            ModelSpace(images, **options)

    def test_name(self, space):
        with pytest.raises(ValueError, match="of that name: 'net 1'"):
            space.add("net 1", encoder())

    def test_target(self, space):
        with pytest.raises(ValueError, match="target='net 9'"):
            space.rank("net 9")

    def test_measure(self):
        with pytest.raises(ValueError, match="one of .*'maps'.*'cka'"):
            ModelSpace(probes(), measures=["maps"]).affinity("cka")

    def test_too_few(self):
        space = ModelSpace(probes(), measures=["cka"])
        space.add("one", encoder())
        with pytest.raises(ValueError, match="two networks.*1"):
            space.affinity("cka")

    def test_networks(self):
        space = ModelSpace(probes(), measures=["cka"])
        x, y = keras.Input((12, 12, 3)), keras.Input((12, 12, 3))
        with pytest.raises(ValueError, match="'pair' with inputs"):
            space.add("pair", keras.Model([x, y], x + y))
        z = keras.Input((7,))
        with pytest.raises(ValueError, match="'table' with inputs"):
            space.add("table", keras.Model(z, layers.Dense(2)(z)))
        broken = encoder()
        broken.set_weights([np.nan * w for w in broken.get_weights()])
        with pytest.raises(ValueError, match="not finite"):
            space.add("broken", broken)
        assert space.names == [] and space.dead == {}
