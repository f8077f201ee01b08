import sys

import numpy as np
import pytest

from keras_vipa import datasets


@pytest.fixture
def mock_data():
    library = pytest.importorskip("tensorflow_datasets")

    def examples(builder, **options):
        """Four pictures of known colours, of two sizes."""
        import tensorflow as tf

        def generate():
            for i in range(4):
                image = np.full((40 + 8 * (i % 2), 60, 3), 50 * i, "uint8")
                yield {"image": image, "label": i}

        return tf.data.Dataset.from_generator(
            generate,
            output_signature={
                "image": tf.TensorSpec((None, None, 3), "uint8"),
                "label": tf.TensorSpec((), "int64"),
            },
        )

    with library.testing.mock_data(as_dataset_fn=examples):
        yield


def test_known_pictures(mock_data, tmp_path):
    birds = datasets.tfds("caltech_birds2011", size=16, data_dir=str(tmp_path))
    assert birds.images.shape == (4, 16, 16, 3)
    assert birds.images[:, 8, 8, 0].tolist() == [0, 50, 100, 150]
    assert birds.y().tolist() == [0, 1, 2, 3]
    assert birds.num_classes() == 200 and birds.name == "caltech_birds2011"


def test_limit_and_no_label(mock_data, tmp_path):
    some = datasets.tfds(
        "caltech_birds2011",
        size=(8, 12),
        label=None,
        limit=3,
        data_dir=str(tmp_path),
    )
    assert some.images.shape == (3, 8, 12, 3)
    assert some.labels == {} and some.label is None


def test_sizes_that_differ(mock_data, tmp_path):
    with pytest.raises(ValueError, match="pass `size`.*caltech_birds2011"):
        datasets.tfds("caltech_birds2011", data_dir=str(tmp_path))


def test_unknown_label(mock_data, tmp_path):
    with pytest.raises(ValueError, match="'colour'.*'bbox'.*'label'"):
        datasets.tfds(
            "caltech_birds2011", label="colour", data_dir=str(tmp_path)
        )
    with pytest.raises(ValueError, match="ClassLabel.*Received"):
        datasets.tfds("caltech_birds2011", label="bbox", data_dir=str(tmp_path))


@pytest.mark.parametrize("name", ["stanford_dogs", "mnist"])
def test_random_examples(name, tmp_path):
    library = pytest.importorskip("tensorflow_datasets")
    with library.testing.mock_data(num_examples=3):
        found = datasets.tfds(name, "test", size=20, data_dir=str(tmp_path))
    assert found.images.shape == (3, 20, 20, 3)
    assert found.y().shape == (3,)


def test_class_names(tmp_path):
    library = pytest.importorskip("tensorflow_datasets")
    with library.testing.mock_data(num_examples=2):
        found = datasets.tfds("oxford_iiit_pet", size=8, data_dir=str(tmp_path))
    assert found.num_classes() == 37
    assert found.class_names["label"][:2] == ["Abyssinian", "american_bulldog"]


def test_empty(mock_data, tmp_path):
    with pytest.raises(ValueError, match="Received: .*limit=0"):
        datasets.tfds(
            "caltech_birds2011", size=8, limit=0, data_dir=str(tmp_path)
        )


def test_missing_library(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)
    with pytest.raises(
        ImportError, match=r'pip install "keras_vipa\[datasets\]"'
    ):
        datasets.tfds("stanford_dogs")
