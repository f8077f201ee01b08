import itertools

import keras
import numpy as np
import pytest
from keras import ops
from test_case import TestCase

from keras_vipa import export
from keras_vipa.applications import OutfitComposer
from keras_vipa.applications.outfit import matching
from keras_vipa.applications.outfit.requests import Request
from keras_vipa.layers import PartitionedEmbedding

COLORS, PATTERNS = ["red", "green", "black"], ["plain", "striped"]
CATEGORIES = ["top", "trousers", "ankle boot"]


def toy_items(copies=2):
    """Items of one pixel that says colour and pattern, all combinations."""
    every = list(itertools.product(CATEGORIES, COLORS, PATTERNS, range(copies)))
    images = np.zeros((len(every), 1, 1, 6), "float32")
    for image, (_, color, pattern, copy) in zip(images, every):
        image[0, 0, COLORS.index(color)] = 1 + 0.01 * copy
        image[0, 0, 3 + PATTERNS.index(pattern)] = 1
    labels = {
        "color": [color for _, color, _, _ in every],
        "pattern": [pattern for _, _, pattern, _ in every],
    }
    return images, [category for category, *_ in every], labels


def toy_embedding():
    pixel = keras.Input((1, 1, 6))
    parts = {"color": pixel[:, 0, 0, :3], "pattern": pixel[:, 0, 0, 3:5]}
    return keras.Model(pixel, {**parts, "rest": pixel[:, 0, 0, 5:]})


def is_right(outfit, labels):
    """Red and green do not go together, and one pattern is enough."""
    colors = {labels["color"][item] for item in outfit}
    striped = [labels["pattern"][item] for item in outfit].count("striped")
    return not {"red", "green"} <= colors and striped <= 1


def toy_outfits(categories, labels, right=True, count=400):
    generator = np.random.default_rng(0)
    places = [
        [n for n, found in enumerate(categories) if found == name]
        for name in CATEGORIES
    ]
    found = []
    while len(found) < count:
        outfit = [int(generator.choice(place)) for place in places]
        if is_right(outfit, labels) == right:
            found.append(outfit)
    return found


@pytest.fixture(scope="module")
def toy():
    images, categories, labels = toy_items()
    composer = OutfitComposer(toy_embedding(), clusters=4)
    outfits = toy_outfits(categories, labels)
    composer.adapt(images, categories, outfits, labels)
    return composer, categories, labels


class TestMatching(TestCase):
    def test_pmi_by_hand(self):
        """Two nodes that always meet, of four meetings."""
        found = matching.matching_map(np.array([[2.0, 0.0], [0.0, 2.0]]), 1.0)
        # 1 is expected of each: (2 + 1) : (1 + 1), and (0 + 1) : (1 + 1).
        self.assert_all_close(found, np.array([[0.6, 1 / 3], [1 / 3, 0.6]]))

    def test_against_the_formula(self):
        counts = np.random.default_rng(0).integers(0, 9, (3, 5)).astype(float)
        found = matching.matching_map(counts, 0.5)
        for m, o in itertools.product(range(3), range(5)):
            expected = counts[m].sum() * counts[:, o].sum() / counts.sum()
            pmi = np.log((counts[m, o] + 0.5) / (expected + 0.5))
            np.testing.assert_allclose(found[m, o], 1 / (1 + np.exp(-pmi)))

    def test_independent_and_rare_nodes(self):
        counts = np.outer([1.0, 20.0, 300.0], [2.0, 50.0])
        found = matching.matching_map(counts, 1.0)
        self.assert_all_close(found, np.full((3, 2), 0.5))
        assert (matching.matching_map(np.zeros((2, 2)), 1.0) == 0.5).all()
        # One meeting of two that are rare says little.
        rare = np.array([[1.0, 0.0], [0.0, 1000.0]])
        assert 0.5 < matching.matching_map(rare, 1.0)[0, 0] < 0.7
        assert matching.matching_map(rare, 1e-9)[0, 0] > 0.99

    def test_another_meeting_makes_a_better_match(self):
        counts = np.random.default_rng(0).integers(0, 9, (4, 4)).astype(float)
        before = matching.matching_map(counts, 1.0)
        counts[1, 2] += 1
        assert matching.matching_map(counts, 1.0)[1, 2] > before[1, 2]

    def test_graph_by_hand(self):
        nodes = np.array([0, 1, 2, 2])
        pairs = matching.pairs_of([[0, 2], [1, 2], [0, 3]])
        expected = [[0, 0, 2], [0, 0, 1], [2, 1, 0]]
        found = matching.composition_graph(nodes, pairs, 3)
        np.testing.assert_array_equal(found, expected)

    def test_k_means(self):
        generator = np.random.default_rng(0)
        middles = np.array([[0, 0], [9, 0], [0, 9]])
        points = np.concatenate(
            [middle + generator.normal(0, 0.3, (20, 2)) for middle in middles]
        )
        centers = matching.k_means(points, 3, seed=1)
        near, far = matching.nearest(points, centers)
        for number in range(3):
            mine = points[20 * number : 20 * number + 20]
            (cluster,) = set(near[20 * number : 20 * number + 20])
            self.assert_all_close(centers[cluster], mine.mean(0).astype("f4"))
        self.assert_all_close(
            far, np.linalg.norm(points - centers[near], axis=1), atol=1e-3
        )
        # As many as there are points, and equal points.
        assert len(matching.k_means(points[:5], 5)) == 5
        assert (matching.k_means(np.ones((4, 2)), 3) == 1).all()

    def test_directions(self):
        points = np.random.default_rng(0).normal(size=(5, 3))
        mean = np.array([0.5, -1.0, 2.0])
        around = points - mean
        expected = around / np.linalg.norm(around, axis=1, keepdims=True)
        found = matching.directions(points, mean)
        self.assert_all_close(found, expected.astype("float32"))
        # How far out does not matter, and nor does a constant part.
        found = matching.directions(mean + 9 * around, mean)
        self.assert_all_close(found, expected.astype("float32"))
        middle = ops.convert_to_numpy(matching.directions(mean[None], mean))
        assert not middle.any()

    def test_beam_search_equals_enumeration(self):
        generator = np.random.default_rng(0)
        table = generator.random((12, 12))
        table = table + table.T
        candidates = [np.arange(4), np.arange(4, 7), np.arange(7, 12)]
        found, sums = matching.beam_search(
            lambda a, b: table[np.ix_(np.atleast_1d(a), b)], candidates, 60
        )
        every = sorted(
            itertools.product(*candidates),
            key=lambda o: -sum(table[p] for p in itertools.combinations(o, 2)),
        )
        np.testing.assert_array_equal(found, every)
        self.assert_all_close(
            sums,
            np.array(
                [
                    sum(table[p] for p in itertools.combinations(outfit, 2))
                    for outfit in every
                ]
            ),
        )
        narrow, _ = matching.beam_search(
            lambda a, b: table[np.ix_(np.atleast_1d(a), b)], candidates, 12
        )
        assert len(narrow) == 12
        np.testing.assert_array_equal(narrow[0], every[0])

    def test_fitted_weights(self):
        generator = np.random.default_rng(0)
        right, wrong = generator.random((2, 200, 3))
        right[:, 1] += 0.5
        # What is better in wrong outfits counts nothing.
        wrong[:, 2] += 0.5
        weights = matching.fitted_weights(right, wrong)
        assert weights.min() >= 0
        np.testing.assert_allclose(weights.sum(), 1.0)
        assert weights[1] > 0.7 and weights[2] < 0.05


class TestRequests:
    categories = ["top", "top", "trousers", "trousers", "ankle boot"]
    labels = {
        "color": ["red", "black", "red", "black", "red"],
        "pattern": ["plain", "stripes", "dots", "plain", "plain"],
    }

    def items(self, text, category):
        request = Request(text, self.categories, self.labels)
        return request.items(category).tolist()

    def test_phrases(self):
        text = "a red top, plain trousers"
        assert self.items(text, "top") == [0]
        assert self.items(text, "trousers") == [3]
        assert self.items(text, "ankle boot") == [4]
        assert self.items("a striped top and ankle-boots", "top") == [1]
        assert self.items("Dotted Trousers in red", "trousers") == [2]
        assert self.items(None, "top") == [0, 1]
        wanted = {"trousers": {"color": "black"}, "top": {}}
        assert self.items(wanted, "trousers") == [3]
        # Only one thing has stripes, so that this says which.
        assert self.items("one with stripes", "top") == [1]

    @pytest.mark.parametrize(
        ("request_", "message"),
        [
            ("a pink top", "Nothing is called 'pink'"),
            ("a red top, striped trousers", "'trousers' as well as 'stripes'"),
            ("black ankle boots", "'ankle boot' as well as 'black'"),
            ("red", "'red' must say of which item"),
            ({"hat": {}}, "No item is 'hat'"),
            ({"top": {"size": "XL"}}, "Nothing is known of 'size'"),
            ({"top": {"color": "pink"}}, "No item is 'pink'"),
            ("a red top, a black top", "No top can be 'a black top'"),
            (3, "must be words or a dict"),
        ],
    )
    def test_what_nobody_can_satisfy(self, request_, message):
        with pytest.raises(ValueError, match=message):
            Request(request_, self.categories, self.labels)


class TestComposer(TestCase):
    def test_maps_are_symmetric_and_say_the_rules(self, toy):
        composer, _, _ = toy
        for part in ("color", "pattern", "rest"):
            one, rows, columns = composer.matching_map(part, "top", "trousers")
            other, *_ = composer.matching_map(part, "trousers", "top")
            self.assert_all_close(one, other.T)
        for maps in composer.graph.maps:
            self.assert_all_close(maps, maps.T)
        values, rows, columns = composer.matching_map(
            "color", "top", "trousers"
        )
        for value, (row, column) in zip(
            values.ravel(), itertools.product(rows, columns)
        ):
            clash = {row, column} == {"red", "green"}
            # Two black ones meet a little less than by chance.
            assert value < 0.15 if clash else value > 0.45

    def test_scores(self, toy):
        """Geometric means over pairs of what the maps say, and of these."""
        composer, _, _ = toy
        outfit = [0, 15, 30]
        found = composer.score(outfit)
        nodes, maps = composer.graph.nodes, composer.graph.maps
        for k, part in enumerate(("color", "pattern", "rest")):
            each = [
                maps[k][nodes[k, a], nodes[k, b]]
                for a, b in itertools.combinations(outfit, 2)
            ]
            expected = np.prod(each) ** (1 / 3)
            np.testing.assert_allclose(found["parts"][part], expected)
            pairs = [pair["parts"][part] for pair in found["pairs"]]
            np.testing.assert_allclose(pairs, each)
        # What has no labels gives no reasons.
        assert composer.part_weights == {
            "color": 0.5,
            "pattern": 0.5,
            "rest": 0.0,
        }
        total = (found["parts"]["color"] * found["parts"]["pattern"]) ** 0.5
        np.testing.assert_allclose(found["total"], total)
        # Many at once, of different sizes.
        many = composer.scores([outfit, outfit[:2]])
        np.testing.assert_allclose(many[0], total)
        pair = composer.score(outfit[:2])["total"]
        np.testing.assert_allclose(many[1], pair)

    def test_order_of_items_does_not_matter(self, toy):
        composer, _, _ = toy
        every = list(itertools.permutations([3, 14, 27]))
        np.testing.assert_allclose(
            np.ptp(composer.scores(every)), 0, atol=1e-12
        )

    def test_explanations_blame_what_is_wrong(self, toy):
        composer, categories, labels = toy
        find = {
            key: n
            for n, key in reversed(
                list(enumerate(zip(categories, *labels.values())))
            )
        }
        outfit = [
            find["top", "red", "plain"],
            find["trousers", "green", "plain"],
            find["ankle boot", "black", "striped"],
        ]
        found = composer.explain(outfit)
        assert found["weakest"]["part"] == "color"
        assert found["weakest"]["items"] == outfit[:2]
        first, second = found["sentences"]
        assert first.startswith(
            "color clashes: red (top) with green (trousers) (0."
        )
        assert second.startswith("pattern agrees (0.")
        outfit[1] = find["trousers", "red", "striped"]
        found = composer.explain(outfit)
        assert found["weakest"]["part"] == "pattern"
        assert found["weakest"]["items"] == outfit[1:]

    def test_found_outfits_are_right_and_as_asked(self, toy):
        composer, categories, labels = toy
        found = composer.recommend("a red striped top, ankle boots", k=8)
        assert len(found) == 8
        totals = [one["total"] for one in found]
        assert totals == sorted(totals, reverse=True)
        for one in found:
            outfit = one["items"]
            assert is_right(outfit, labels)
            assert sorted(categories[n] for n in outfit) == sorted(CATEGORIES)
            top = [n for n in outfit if categories[n] == "top"][0]
            assert labels["color"][top] == "red"
            assert labels["pattern"][top] == "striped"
            np.testing.assert_allclose(one["total"], composer.scores([outfit]))
        best = max(
            composer.scores([[a, b, c]])[0]
            for a, b, c in itertools.product(
                range(12), range(12, 24), range(24, 36)
            )
            if labels["color"][a] == "red" and labels["pattern"][a] == "striped"
        )
        np.testing.assert_allclose(totals[0], best)
        for one in composer.complete([5], {"trousers": {"color": "black"}}, 3):
            assert 5 in one["items"]
            trousers = [n for n in one["items"] if categories[n] == "trousers"]
            assert labels["color"][trousers[0]] == "black"

    def test_weights(self, toy):
        composer, categories, labels = toy
        outfit = [0, 15, 30]
        try:
            composer.part_weights = {"pattern": 3.0}
            assert composer.part_weights["pattern"] == 1.0
            found = composer.score(outfit)
            np.testing.assert_allclose(
                found["total"], found["parts"]["pattern"]
            )
            assert len(composer.explain(outfit)["sentences"]) == 1
            right = toy_outfits(categories, labels, count=100)
            wrong = toy_outfits(categories, labels, right=False, count=100)
            weights = composer.fit_weights(right, wrong)
            assert weights == composer.part_weights
            assert weights["rest"] < min(weights["color"], weights["pattern"])
            for bad in ({"size": 1.0}, {"color": -1.0}, {"color": 0.0}, 3):
                with pytest.raises(ValueError, match="part_weights"):
                    composer.part_weights = bad
        finally:
            composer.part_weights = {"color": 1.0, "pattern": 1.0}

    def test_items_are_added_without_refitting(self):
        images, categories, labels = toy_items()
        composer = OutfitComposer(toy_embedding(), clusters=4)
        outfits = toy_outfits(categories, labels, count=50)
        composer.adapt(images, categories, outfits, labels)
        maps, before = composer.graph.maps.copy(), composer.scores(outfits)
        more = {"color": ["green"], "pattern": ["plain"]}
        green = labels["color"].index("green")
        (number,) = composer.add(images[[green]], ["top"], more)
        assert number == 36
        self.assert_all_close(composer.graph.maps, maps)
        np.testing.assert_array_equal(composer.scores(outfits), before)
        assert (
            composer.scores([[number, 15]]) == composer.scores([[green, 15]])
        ).all()
        found = composer.complete([number], k=1)[0]["items"]
        assert number in found
        with pytest.raises(ValueError, match="categories='hat'"):
            composer.add(images[:1], ["hat"], more)
        with pytest.raises(ValueError, match="`labels` must be a dict of"):
            composer.add(images[:1], ["top"])

    def test_save_and_load(self, tmp_path):
        generator = np.random.default_rng(0)
        images = generator.random((36, 8, 8, 3), "float32")
        _, categories, labels = toy_items()
        parts = {"color": 2, "pattern": 2}
        embedding = PartitionedEmbedding(parts, (4,))
        composer = OutfitComposer(embedding, clusters=3, smoothing=0.5)
        outfits = toy_outfits(categories, labels, count=30)
        composer.adapt(images, categories, outfits, labels)
        composer.part_weights = {"color": 1.0, "pattern": 3.0}
        composer.save(tmp_path / "a.keras")
        loaded = keras.saving.load_model(tmp_path / "a.keras")
        assert loaded.part_weights == composer.part_weights
        outfit = [0, 15, 30]
        assert loaded.explain(outfit) == composer.explain(outfit)
        request = "a red top, plain trousers"
        assert loaded.recommend(request) == composer.recommend(request)
        self.assert_all_close(loaded(images), composer(images))
        more = {"color": ["red"], "pattern": ["plain"]}
        (number,) = loaded.add(images[:1], ["top"], more)
        assert (
            loaded.scores([[number, 15]]) == composer.scores([[0, 15]])
        ).all()

    @pytest.mark.parametrize("lite", [False, True])
    def test_scorer(self, toy, lite, tmp_path):
        """Of pictures what the composer says of items, on phones, too."""
        composer, _, labels = toy
        images, _, _ = toy_items()
        model = composer.scorer(CATEGORIES, (1, 1, 6))
        outfits = np.array([[0, 15, 30], [5, 12, 35], [2, 22, 24]])
        pictures = [images[column] for column in outfits.T]
        if lite:
            pytest.importorskip("ai_edge_litert")
            if keras.config.backend() != "tensorflow":
                pytest.skip("LiteRT files are written on TensorFlow")
            path = tmp_path / "score.tflite"
            export.to_litert(model, path, batch_size=3)
            names = [name.replace(" ", "_") for name in CATEGORIES]
            found = export.run_litert(path, dict(zip(names, pictures)))
        else:
            found = model(pictures)
        total = ops.convert_to_numpy(found["total"])
        np.testing.assert_allclose(total, composer.scores(outfits), rtol=1e-4)
        each = composer.part_scores(outfits)
        for part, expected in zip(("color", "pattern", "rest"), each.T):
            one = ops.convert_to_numpy(found[part])
            np.testing.assert_allclose(one, expected, rtol=1e-4)

    def test_errors(self, toy):
        composer, _, _ = toy
        for outfit in ([3], [], [1, 1], [0, 36], [0, -1], [0.5, 1], 3, "ab"):
            with pytest.raises(ValueError, match="2 or more different items"):
                composer.score(outfit)
        for call, text in (
            (lambda: composer.complete([0, 1]), "different categories"),
            (lambda: composer.recommend(k=0), "k=0"),
            (lambda: composer.recommend("a pink top"), "'pink'"),
            (lambda: composer.complete([0], "a black top"), "as requested"),
            (lambda: composer.matching_map("size", "top", "top"), "size"),
            (lambda: composer.matching_map("color", "top", "hat"), "hat"),
            (lambda: composer.scorer(["top"], (1, 1, 6)), "two or more"),
            (lambda: composer.scorer(["top", "hat"], (1, 1, 6)), "hat"),
            (lambda: OutfitComposer(3), "`embedding`"),
            (lambda: OutfitComposer(toy_embedding(), clusters=0), "clusters=0"),
            (
                lambda: OutfitComposer(toy_embedding()).score([0, 1]),
                "`adapt` has to be called first",
            ),
        ):
            with pytest.raises(ValueError, match=text):
                call()
        images, categories, labels = toy_items()
        fresh = OutfitComposer(toy_embedding())
        for changed, text in (
            ({"categories": categories[:3]}, "36 strings"),
            ({"outfits": []}, "at least one"),
            ({"outfits": [[0, 99]]}, "of 0 to 35"),
            ({"labels": {"color": [1] * 36}}, "36 strings"),
            ({"images": images[0]}, "`images`"),
        ):
            right = {
                "images": images,
                "categories": categories,
                "outfits": [[0, 15]],
                "labels": labels,
            }
            with pytest.raises(ValueError, match=text):
                fresh.adapt(**{**right, **changed})
