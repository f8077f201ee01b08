import ast
from importlib import resources

import numpy as np
import pytest

from keras_vipa.datasets import ImageSet
from keras_vipa.datasets import class_groups


def small_set(**arguments):
    """Eight 2x3 images; every pixel of image i is 10 * i."""
    images = np.zeros((8, 2, 3, 3), "uint8")
    images += (np.arange(8, dtype="uint8") * 10)[:, None, None, None]
    return ImageSet(
        images,
        labels={
            "pet": [0, 1, 2, 0, 1, 0, -1, 0],
            "tags": np.eye(8, 4, dtype=int),
        },
        class_names={"pet": ["cat", "dog", "hen"]},
        info={"path": [f"{i}.png" for i in range(8)]},
        **{"label": "pet", "name": "small", **arguments},
    )


def tens(image_set):
    return (image_set.images[:, 0, 0, 0] // 10).tolist()


class TestImageSet:
    def test_attributes(self):
        pets = small_set()
        assert len(pets) == 8
        assert pets.y().dtype == "int32" and pets.y("tags").dtype == "uint8"
        assert pets.num_classes() == 3 and pets.num_classes("tags") == 4
        assert pets.class_names["tags"] == ["0", "1", "2", "3"]
        assert repr(pets) == (
            "ImageSet(name='small', shape=(8, 2, 3, 3), "
            "classes={'pet': 3, 'tags': 4})"
        )

    def test_array_is_float32_between_0_and_1(self):
        images = np.array([0, 51, 255], "uint8").reshape(1, 1, 1, 3)
        array = ImageSet(images).array()
        assert array.dtype == "float32"
        np.testing.assert_allclose(array.ravel(), [0.0, 0.2, 1.0], rtol=1e-7)
        np.testing.assert_array_equal(
            small_set().array([3, 1]), small_set().array()[[3, 1]]
        )
        assert small_set().array(2).shape == (2, 3, 3)

    def test_greyscale_is_the_luminance(self):
        images = np.array([255, 0, 0, 0, 255, 0, 51, 51, 51], "uint8")
        array = ImageSet(images.reshape(1, 1, 3, 3)).array(channels=1)
        assert array.shape == (1, 1, 3, 1) and array.dtype == "float32"
        np.testing.assert_allclose(array.ravel(), [0.299, 0.587, 0.2], 1e-6)
        with pytest.raises(ValueError, match="must be 1 or 3.*channels=2"):
            small_set().array(channels=2)

    def test_the_only_label_is_the_default(self):
        images = np.zeros((2, 1, 1, 3), "uint8")
        assert ImageSet(images, {"a": [0, 1]}).label == "a"
        assert ImageSet(images, {"a": [0, 1], "b": [0, 1]}).label is None
        assert ImageSet(images).label is None

    def test_unknown_label_lists_the_known(self):
        with pytest.raises(ValueError, match=r"\('pet', 'tags'\).*'colour'"):
            small_set().y("colour")
        with pytest.raises(ValueError, match="Received: label=None"):
            ImageSet(np.zeros((1, 1, 1, 3), "uint8")).y()
        with pytest.raises(ValueError, match="Received: label='colour'"):
            small_set(label="colour")

    @pytest.mark.parametrize(
        "arguments, message",
        [
            ({"images": np.zeros((2, 4, 4, 3))}, "float64"),
            ({"images": np.zeros((2, 4, 4, 1), "uint8")}, r"\(2, 4, 4, 1\)"),
            ({"labels": {"a": [0]}}, "each of the 2 images"),
            ({"labels": {"a": [0.0, 1.0]}}, "float64"),
            ({"labels": {"a": [0, -2]}}, "between -1 and 0"),
            ({"labels": {"a": [0, 2**32]}}, "np.unique.*4294967296"),
            ({"labels": {"a": [0, 10**6]}}, "between -1 and 999999"),
            ({"labels": ["a"]}, "`labels` must be a dict"),
            ({"class_names": {"a": ["x"]}}, "must be for labels"),
            (
                {"labels": {"a": [0, 1]}, "class_names": {"a": 3}},
                "list of names",
            ),
            (
                {"labels": {"a": [0, 2]}, "class_names": {"a": ["x", "y"]}},
                "between -1 and 1",
            ),
            ({"labels": {"a": [[0, 2], [1, 0]]}}, "between 0 and 1"),
            (
                {"labels": {"a": [[0], [1]]}, "class_names": {"a": ["x", "y"]}},
                "1 columns and 2 names",
            ),
            ({"info": {"path": ["one"]}}, "each of the 2 images"),
        ],
    )
    def test_what_does_not_fit_is_refused(self, arguments, message):
        arguments = {"images": np.zeros((2, 4, 4, 3), "uint8"), **arguments}
        with pytest.raises(ValueError, match=message):
            ImageSet(**arguments)

    @pytest.mark.parametrize(
        "index, expected",
        [
            ([5, 2], [5, 2]),
            (slice(1, 6, 2), [1, 3, 5]),
            (np.arange(8) > 5, [6, 7]),
            ([], []),
            (4, [4]),
            (-1, [7]),
        ],
    )
    def test_select_takes_everything_along(self, index, expected):
        chosen = small_set().select(index)
        whole = small_set()
        assert tens(chosen) == expected
        assert chosen.y().tolist() == [int(whole.y()[i]) for i in expected]
        assert chosen.info["path"].tolist() == [f"{i}.png" for i in expected]
        assert chosen.y("tags").shape == (len(expected), 4)
        assert chosen.label == "pet" and chosen.num_classes() == 3

    @pytest.mark.parametrize("index", [[8], np.ones(7, bool), 99])
    def test_select_outside(self, index):
        with pytest.raises(ValueError, match="among 8 images"):
            small_set().select(index)

    def test_of_classes(self):
        chosen = small_set().of_classes([2, 0])
        assert tens(chosen) == [0, 2, 3, 5, 7]
        assert chosen.y().tolist() == [0, 2, 0, 0, 0]
        assert chosen.num_classes() == 3

    def test_of_classes_relabelled_in_the_order_given(self):
        whole = small_set()
        chosen = whole.of_classes(["hen", 0], relabel=True)
        assert tens(chosen) == [0, 2, 3, 5, 7]
        assert chosen.y().tolist() == [1, 0, 1, 1, 1]
        assert chosen.class_names["pet"] == ["hen", "cat"]
        assert whole.class_names["pet"] == ["cat", "dog", "hen"]
        assert whole.y().tolist() == [0, 1, 2, 0, 1, 0, -1, 0]

    @pytest.mark.parametrize("classes", [[3], [-1], [0, 0], [0, "cat"], ["x"]])
    def test_of_classes_unknown_or_twice(self, classes):
        with pytest.raises(ValueError, match="3 classes of 'pet'"):
            small_set().of_classes(classes)

    def test_few_per_class(self):
        few = small_set().few_per_class(2)
        # Four cats, two dogs, one hen, one unknown.
        assert np.bincount(few.y(), minlength=3).tolist() == [2, 2, 1]
        assert tens(few) == sorted(tens(few))

    def test_few_per_class_seed(self):
        many = ImageSet(
            np.repeat(
                np.arange(200, dtype="uint8")[:, None, None, None], 3, axis=3
            ),
            {"a": np.arange(200) % 2},
        )

        def chosen(n, seed):
            return many.few_per_class(n, seed=seed).images[:, 0, 0, 0].tolist()

        assert chosen(10, 1) == chosen(10, 1)
        assert chosen(10, 1) != chosen(10, 2)
        assert set(chosen(10, 1)) < set(chosen(20, 1))

    def test_few_per_class_refuses(self):
        for n in (0, 1.5):
            with pytest.raises(ValueError, match=f"Received: n={n}"):
                small_set().few_per_class(n)
        with pytest.raises(ValueError, match="multi-hot"):
            small_set().few_per_class(1, label="tags")


def test_labels_of_any_integers():
    images = np.zeros((3, 2, 2, 3), "uint8")
    for dtype, values in (
        ("uint8", [255, 0, 1]),
        ("int8", [127, -1, 1]),
        ("uint64", [999_999, 0, 1]),
    ):
        labels = np.array(values, dtype)
        assert ImageSet(images, {"a": labels}).y().tolist() == values


def test_few_of_many_classes():
    images = np.zeros((3, 2, 2, 3), "uint8")
    sparse = ImageSet(images, {"a": [999_999, 5, 5]})
    assert len(sparse.few_per_class(1)) == 2


@pytest.mark.parametrize(
    "call",
    [
        lambda s: s.select("x"),
        lambda s: s.select([1.5]),
        lambda s: s.array("x"),
        lambda s: s.array(99),
        lambda s: s.y([]),
        lambda s: s.of_classes(None),
        lambda s: s.of_classes("cat"),
        lambda s: s.of_classes([[0]]),
        lambda s: s.few_per_class(1, seed=None),
        lambda s: s.to_tf_dataset(True),
    ],
)
def test_bad_arguments(call):
    with pytest.raises(ValueError, match="Received: "):
        call(small_set())


class TestToTfDataset:
    def test_images_only_by_default(self):
        import tensorflow as tf

        dataset = small_set().to_tf_dataset(batch_size=3)
        assert isinstance(dataset.element_spec, tf.TensorSpec)
        assert dataset.element_spec.dtype == tf.float32
        assert dataset.element_spec.shape.as_list() == [None, 2, 3, 3]
        assert dataset.cardinality() == 3

    def test_equals_the_arrays(self):
        levels = np.arange(256, dtype="uint8").repeat(3)
        images = ImageSet(levels.reshape(4, 8, 8, 3), {"a": [3, 1, 2, 0]})
        dataset = images.to_tf_dataset(batch_size=3, label="a", shuffle=False)
        batches = list(dataset.as_numpy_iterator())
        assert [len(batch[0]) for batch in batches] == [3, 1]
        np.testing.assert_allclose(
            np.concatenate([batch[0] for batch in batches]),
            images.array(),
            rtol=2e-7,
        )
        labels = np.concatenate([batch[1] for batch in batches])
        assert labels.tolist() == [3, 1, 2, 0] and labels.dtype == "int32"

    def test_shuffles_by_seed_and_anew_each_epoch(self):
        def epochs(seed):
            dataset = small_set().to_tf_dataset(2, label="tags", seed=seed)
            pairs = [list(dataset.as_numpy_iterator()) for _ in range(2)]
            return [
                np.concatenate([b[0][:, 0, 0, 0] for b in p]) for p in pairs
            ]

        first, second = epochs(1)
        np.testing.assert_array_equal(epochs(1), [first, second])
        assert first.tolist() != second.tolist()
        assert first.tolist() != epochs(2)[0].tolist()
        np.testing.assert_allclose(
            np.sort(first), small_set().array()[:, 0, 0, 0], rtol=2e-7
        )

    def test_images_and_labels_stay_together(self):
        dataset = small_set().to_tf_dataset(3, label="pet", seed=5)
        for images, labels in dataset.as_numpy_iterator():
            places = np.round(images[:, 0, 0, 0] * 25.5).astype(int)
            assert labels.tolist() == small_set().y()[places].tolist()

    def test_refuses(self):
        with pytest.raises(ValueError, match="Received: batch_size=0"):
            small_set().to_tf_dataset(batch_size=0)
        with pytest.raises(ValueError, match="Received: label='colour'"):
            small_set().to_tf_dataset(label="colour")


class TestClassGroups:
    def test_by_hand(self):
        assert class_groups(10, 3) == [[0, 1, 2, 3], [4, 5, 6], [7, 8, 9]]
        assert class_groups(9, 3, overlap=1) == [
            [0, 1, 2, 3],
            [3, 4, 5, 6],
            [0, 6, 7, 8],
        ]
        assert class_groups(4, 2, overlap=1) == [[0, 1, 2], [2, 3]]
        assert class_groups(3, 1) == [[0, 1, 2]]

    @pytest.mark.parametrize("seed", [None, 0, 7])
    @pytest.mark.parametrize("num_groups", [2, 3, 5])
    @pytest.mark.parametrize("overlap", [0, 1, 4])
    def test_covers_and_shares(self, num_groups, overlap, seed):
        groups = class_groups(22, num_groups, overlap, seed)
        assert len(groups) == num_groups
        assert set().union(*groups) == set(range(22))
        for i, group in enumerate(groups):
            following = groups[(i + 1) % num_groups]
            assert group == sorted(set(group))
            assert len(set(group) & set(following)) == overlap
        total = sum(len(group) for group in groups)
        borders = 1 if num_groups == 2 else num_groups
        assert total == 22 + borders * overlap

    def test_seed(self):
        assert class_groups(20, 4, seed=3) == class_groups(20, 4, seed=3)
        assert class_groups(20, 4, seed=3) != class_groups(20, 4, seed=4)
        assert class_groups(20, 4, seed=3) != class_groups(20, 4)

    @pytest.mark.parametrize(
        "arguments",
        [(3, 4), (3, 0), (10, 3, 4), (10, 3, -1), (5, 1, 1)],
    )
    def test_refuses(self, arguments):
        with pytest.raises(ValueError, match="Received: "):
            class_groups(*arguments)


def test_no_module_imports_tensorflow_at_its_top():
    place = resources.files("keras_vipa.datasets")
    files = [file for file in place.iterdir() if file.name.endswith(".py")]
    assert len(files) >= 8
    for file in files:
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Import | ast.ImportFrom):
                assert "tensorflow" not in ast.unparse(node), file.name
