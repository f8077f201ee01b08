"""Image classification sets of TensorFlow Datasets."""

import numpy as np

from keras_vipa.datasets.image_set import ImageSet
from keras_vipa.utils import checks
from keras_vipa.utils.images import check_size
from keras_vipa.utils.images import fit_picture


def tfds(
    name, split="train", size=None, label="label", data_dir=None, limit=None
):
    """Return an image set of TensorFlow Datasets.

    Such as those of the amalgamation papers: `"stanford_dogs"`,
    `"caltech_birds2011"`, `"cars196"`. The first use of a set downloads it.
    The images are loaded into memory: `n * height * width * 3` bytes, and
    twice that while they are being read.

    Args:
        name: str. Name of the set, as `tensorflow_datasets.load` takes it.
        split: str. Which part, such as `"test"` or `"train[:10%]"`.
        size: int, or pair of ints `(height, width)`. Size of the images in
            pixels: the short side is scaled and the centre cropped, as in
            `folder`. Defaults to `None`: as they are, all of one size.
        label: str. The feature that holds the class, or `None` for images
            only.
        data_dir: str. Where TensorFlow Datasets keeps its files. Defaults to
            its own place.
        limit: int. How many images to take, from the beginning. Defaults to
            all.

    Returns:
        An `ImageSet` in the order of the files.

    Raises:
        ImportError: If tensorflow-datasets is not installed.
        ValueError: If there is no such set, if it has no 8-bit feature
            `"image"` or no class label of that name, if it is empty, or if
            sizes differ and `size` is not given.

    Example:

    ```python
    birds = keras_vipa.datasets.tfds("caltech_birds2011", size=64)
    student.fit(birds.to_tf_dataset(), epochs=10)
    ```
    """
    try:
        import tensorflow_datasets
    except ImportError as error:
        raise ImportError(
            "`tfds` needs tensorflow-datasets: "
            'pip install "keras_vipa[datasets]"'
        ) from error
    size = None if size is None else check_size(size)
    if limit is not None:
        checks.integer("limit", limit)
    builder = _builder(tensorflow_datasets, name, data_dir)
    _check_features(name, builder.info.features, label, tensorflow_datasets)
    builder.download_and_prepare()
    examples = _part(builder, split, name)
    examples = examples if limit is None else examples.take(limit)
    images, classes = [], []
    for example in tensorflow_datasets.as_numpy(examples):
        images.append(_picture(example["image"], size, name))
        if images[-1].shape != images[0].shape:
            raise ValueError(
                "Images must share one size; pass `size` to resize them. "
                f"Received: name={name!r}, with {images[0].shape} and "
                f"{images[-1].shape}"
            )
        if label is not None:
            classes.append(example[label])
    if not images:
        raise ValueError(
            "`split` and `limit` must select an image. Received: "
            f"name={name!r}, split={split!r}, limit={limit!r}"
        )
    labels, class_names = None, None
    if label is not None:
        labels = {label: np.asarray(classes)}
        class_names = {label: builder.info.features[label].names}
    return ImageSet(
        np.stack(images),
        labels=labels,
        class_names=class_names,
        name=name,
    )


def _builder(tensorflow_datasets, name, data_dir):
    """The builder of a set; one line where the library lists all it knows."""
    try:
        if not isinstance(name, str) or not name.strip():
            raise ValueError("no name")
        return tensorflow_datasets.builder(name, data_dir=data_dir)
    # Names that it cannot read are an assertion, an attribute, a value ...
    except Exception as error:
        reason = str(error).strip().partition("\n")[0][:100]
        raise ValueError(
            "`name` must be a set of TensorFlow Datasets, as listed at "
            "https://www.tensorflow.org/datasets/catalog or by "
            "`tensorflow_datasets.list_builders()`. Received: "
            f"name={checks.shown(name)} ({type(error).__name__}: {reason})"
        ) from error


def _part(builder, split, name):
    try:
        return builder.as_dataset(split=split, shuffle_files=False)
    except (ValueError, TypeError, AttributeError) as error:
        known = sorted(builder.info.splits)
        rule = f"`split` must be a part of {name!r}, such as of {known}"
        raise ValueError(
            f"{rule}. Received: split={checks.shown(split)}"
        ) from error


def _check_features(name, features, label, tensorflow_datasets):
    kinds = {
        "image": tensorflow_datasets.features.Image,
        label: tensorflow_datasets.features.ClassLabel,
    }
    kinds.pop(None, None)
    for key, kind in kinds.items():
        if key not in features or not isinstance(features[key], kind):
            raise ValueError(
                f"The set must have a feature {key!r} of kind "
                f"{kind.__name__}. Received: name={name!r}, with "
                f"{sorted(features)}"
            )


def _picture(image, size, name):
    if image.dtype != "uint8" or image.shape[-1] not in (1, 3):
        raise ValueError(
            "Images must be uint8 with one or three channels. Received: "
            f"name={name!r}, with {image.dtype} and shape {image.shape}"
        )
    image = np.broadcast_to(image, (*image.shape[:2], 3))
    return image if size is None else fit_picture(image, size)
