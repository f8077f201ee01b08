"""Images with optional labels: what every function of `datasets` returns."""

import numpy as np

from keras_vipa.utils import checks
from keras_vipa.utils.colors import LUMINANCE

# More classes than anyone has names for; a larger number is an id.
MAX_CLASSES = 10**6


class ImageSet:
    """Images in memory, with any number of labels or with none.

    A label is a named column: one class per image (int32, `-1` where it is
    not known) or any number of classes per image (multi-hot uint8). An image
    set holds `n * height * width * 3` bytes of pixels.

    Args:
        images: uint8 array `(n, height, width, 3)`. RGB in [0, 255].
        labels: dict of str to array. Label name to an integer array `(n,)`
            of class indices, -1 where not known, or to a multi-hot array
            `(n, num_classes)` of zeros and ones. Defaults to no label.
        class_names: dict of str to list of str. Label name to the names of
            its classes. A label without names gets "0", "1" and so on.
        label: str. The label that methods use when they are not told which.
            Defaults to the only label where there is one, else to `None`.
        name: str. A short name for reports.
        info: dict of str to sequence of length n. What else is known of each
            image, such as its `"path"`. Kept as arrays.

    Attributes:
        images: uint8 array `(n, height, width, 3)`.
        labels: dict of str to int32 array `(n,)` or uint8 array
            `(n, num_classes)`.
        class_names: dict of str to list of str.
        label: str or `None`.
        name: str.
        info: dict of str to array `(n,)`.

    Raises:
        ValueError: If images, labels, names and info do not fit together.

    Example:

    >>> import numpy as np
    >>> images = np.zeros((4, 8, 8, 3), "uint8")
    >>> pets = ImageSet(images, {"pet": [0, 1, 1, -1]}, {"pet": ["cat", "dog"]})
    >>> len(pets), pets.array().shape, pets.num_classes()
    (4, (4, 8, 8, 3), 2)
    >>> pets.of_classes(["dog"]).y().tolist()
    [1, 1]
    """

    def __init__(
        self,
        images,
        labels=None,
        class_names=None,
        label=None,
        name="images",
        info=None,
    ):
        images = np.asarray(images)
        _check_dicts(labels=labels, class_names=class_names, info=info)
        if images.dtype != "uint8" or images.ndim != 4 or images.shape[3] != 3:
            raise ValueError(
                "`images` must be a uint8 array (n, height, width, 3). "
                f"Received: shape={images.shape}, dtype={images.dtype}"
            )
        self.images = images
        self.name = name
        self.labels = {}
        self.class_names = {}
        for key in set(class_names or {}) - set(labels or {}):
            rule = f"`class_names` must be for labels of {list(labels or {})}"
            checks.fail(rule, "class_names", key)
        for key, values in (labels or {}).items():
            self._add_label(key, values, (class_names or {}).get(key))
        if label is None and len(self.labels) == 1:
            label = next(iter(self.labels))
        self.label = label if label is None else self._label_name(label)
        self.info = {}
        for key, values in (info or {}).items():
            self.info[key] = _as_array(key, values)
            self._check_length(key, self.info[key])

    def _add_label(self, key, values, names):
        values = _as_array(key, values)
        self._check_length(key, values)
        multi_hot = values.ndim == 2
        if values.ndim not in (1, 2) or values.dtype.kind not in "iub":
            raise ValueError(
                f"Label {key!r} must hold whole numbers, as an array (n,) or "
                f"(n, num_classes). Received: shape={values.shape}, "
                f"dtype={values.dtype}"
            )
        # As Python integers, which do not overflow.
        found = (int(values.min()), int(values.max())) if values.size else ()
        if names is None:
            count = values.shape[1] if multi_hot else max(found, default=-1) + 1
            names = range(min(count, MAX_CLASSES))
        elif isinstance(names, str) or not np.iterable(names):
            rule = f"`class_names[{key!r}]` must be a list of names"
            checks.fail(rule, "class_names", names)
        names = list(names)
        smallest, largest = (0, 1) if multi_hot else (-1, len(names) - 1)
        if found and not smallest <= found[0] <= found[1] <= largest:
            raise ValueError(
                f"Label {key!r} must lie between {smallest} and {largest}; "
                "numbers of another kind become classes by `np.unique(values, "
                "return_inverse=True)`. "
                f"Received: values from {found[0]} to {found[1]}"
            )
        values = values.astype("int32")
        if multi_hot and len(names) != values.shape[1]:
            raise ValueError(
                f"Label {key!r} must have one name for each of its columns. "
                f"Received: {values.shape[1]} columns and {len(names)} names"
            )
        self.labels[key] = values.astype("uint8") if multi_hot else values
        self.class_names[key] = [str(name) for name in names]

    def _check_length(self, key, values):
        if values.ndim == 0 or len(values) != len(self.images):
            raise ValueError(
                f"{key!r} must have one entry for each of the "
                f"{len(self.images)} images. Received: shape={values.shape}"
            )

    def _label_name(self, label):
        label = self.label if label is None else label
        return checks.choice("label", label, sorted(self.labels))

    def _one_class_label(self, label):
        label = self._label_name(label)
        if self.labels[label].ndim == 2:
            raise ValueError(
                "`label` must have one class per image here, not several. "
                f"Received: label={label!r}, which is multi-hot"
            )
        return label

    def __len__(self):
        """Return the number of images."""
        return len(self.images)

    def __repr__(self):
        """Return the name, the shape and the labels in one line."""
        labels = {key: self.num_classes(key) for key in self.labels}
        return (
            f"ImageSet(name={self.name!r}, shape={self.images.shape}, "
            f"classes={labels})"
        )

    def array(self, index=None, channels=3):
        """Return images as the networks of this package take them.

        Args:
            index: int, slice, index array or boolean mask. Which images.
                Defaults to all of them.
            channels: int. 3 for RGB, or 1 for greyscale (luminance).

        Returns:
            A float32 array `(n, height, width, channels)` in [0, 1]; without
            the first axis if `index` is an int.

        Raises:
            ValueError: If `index` does not fit the number of images, or
                `channels` is neither 1 nor 3.
        """
        if checks.integer("channels", channels) not in (1, 3):
            checks.fail("`channels` must be 1 or 3", "channels", channels)
        images = self.images if index is None else self._at(index)
        images = images.astype("float32") / np.float32(255.0)
        return images if channels == 3 else images @ LUMINANCE[:, np.newaxis]

    def y(self, label=None):
        """Return a label as an array.

        Args:
            label: str. Which label. Defaults to the set's default label.

        Returns:
            An int32 array `(n,)` of class indices, -1 where not known, or a
            multi-hot uint8 array `(n, num_classes)`.

        Raises:
            ValueError: If there is no such label.
        """
        return self.labels[self._label_name(label)]

    def num_classes(self, label=None):
        """Return the number of classes of a label.

        Args:
            label: str. Which label. Defaults to the set's default label.

        Returns:
            An int, which counts classes without an image, too.

        Raises:
            ValueError: If there is no such label.
        """
        return len(self.class_names[self._label_name(label)])

    def select(self, index):
        """Return some of the images, with their labels.

        Args:
            index: slice, index array or boolean mask. Which images, in which
                order.

        Returns:
            An `ImageSet` (a view of this one for a slice, else a copy).

        Raises:
            ValueError: If `index` does not fit the number of images.
        """
        if not isinstance(index, slice):
            index = np.atleast_1d(np.asarray(index))
            # NumPy makes an empty list a float array, which indexes nothing.
            index = index.astype(int) if index.size == 0 else index
            if index.ndim != 1:
                rule = (
                    "`index` must be a slice, or a list of numbers or booleans"
                )
                checks.fail(rule, "index", index)
        return ImageSet(
            self._at(index),
            labels={key: value[index] for key, value in self.labels.items()},
            class_names=self.class_names,
            label=self.label,
            name=self.name,
            info={key: value[index] for key, value in self.info.items()},
        )

    def _at(self, index):
        """Some of the images."""
        # A string, or a list of them, would name a field.
        try:
            return self.images[index]
        except (IndexError, TypeError, ValueError) as error:
            raise ValueError(
                f"`index` must select among {len(self)} images. "
                f"Received: index={checks.shown(index)}"
            ) from error

    def of_classes(self, classes, label=None, relabel=False):
        """Return the images of some classes.

        Args:
            classes: sequence of int or str. Class indices or class names.
            label: str. The label they belong to. Defaults to the set's
                default label.
            relabel: bool. Whether to count these classes from 0 in the order
                given, and to forget the names of the others.

        Returns:
            An `ImageSet` in the order of this one.

        Raises:
            ValueError: If there is no such label or class, if a class is
                given twice, or if the label is multi-hot.

        Example:

        >>> from keras_vipa.datasets import digits
        >>> two = digits("test").of_classes([7, 3], relabel=True)
        >>> two.class_names["digit"], sorted(set(two.y().tolist()))
        (['7', '3'], [0, 1])
        """
        label = self._one_class_label(label)
        names = self.class_names[label]
        if isinstance(classes, str) or not np.iterable(classes):
            rule = "`classes` must be a list of names or indices"
            checks.fail(rule, "classes", classes)
        wanted = [
            names.index(item) if item in names else item for item in classes
        ]
        whole = all(isinstance(item, int | np.integer) for item in wanted)
        known = range(len(names))
        if (
            not whole
            or not {*wanted} <= {*known}
            or len({*wanted}) < len(wanted)
        ):
            raise ValueError(
                f"`classes` must be different names or indices of the "
                f"{len(names)} classes of {label!r}. Received: "
                f"classes={checks.shown(classes)}"
            )
        chosen = self.select(np.isin(self.labels[label], wanted))
        if relabel:
            new_index = np.full(len(names), -1, "int32")
            new_index[wanted] = np.arange(len(wanted))
            chosen.labels[label] = new_index[chosen.labels[label]]
            chosen.class_names[label] = [names[index] for index in wanted]
        return chosen

    def few_per_class(self, n, seed=0, label=None):
        """Return a few labelled examples of each class.

        A class with fewer than `n` images keeps all of them; images whose
        class is not known are left out. With the same seed, a smaller `n`
        gives a part of what a larger one gives.

        Args:
            n: int. Images per class, positive.
            seed: int. Which ones: the same seed chooses the same images.
            label: str. The label that names the classes. Defaults to the
                set's default label.

        Returns:
            An `ImageSet` in the order of this one.

        Raises:
            ValueError: If `n` is not a positive integer, or the label is
                unknown or multi-hot.

        Example:

        >>> from keras_vipa.datasets import digits
        >>> len(digits("train").few_per_class(5))
        50
        """
        label = self._one_class_label(label)
        checks.integer("n", n)
        checks.integer("seed", seed, 0)
        order = np.random.default_rng(seed).permutation(len(self))
        shuffled = self.labels[label][order]
        chosen = [
            order[shuffled == index][:n]
            for index in np.unique(shuffled[shuffled >= 0])
        ]
        return self.select(np.sort(np.concatenate([[], *chosen]).astype(int)))

    def to_tf_dataset(self, batch_size=64, label=None, shuffle=True, seed=0):
        """Return the images, batch by batch, as a `tf.data.Dataset`.

        Labels are given only to those who ask: by default the data set has
        images and nothing else.

        Args:
            batch_size: int. Images per batch; the last batch may be smaller.
            label: str. The label to yield beside the images. Defaults to
                `None`: no label.
            shuffle: bool. Whether to shuffle, anew in each epoch.
            seed: int. Seed of the shuffling.

        Returns:
            A `tf.data.Dataset` of float32 images `(batch, height, width, 3)`,
            RGB in [0, 1]; with `label`, of pairs `(images, labels)`, with
            labels as in `y()`.

        Raises:
            ValueError: If there is no such label, or `batch_size` is not a
                positive integer.

        Example:

        >>> from keras_vipa.datasets import digits
        >>> dataset = digits("test").to_tf_dataset(batch_size=32)
        >>> dataset.element_spec.shape
        TensorShape([None, 8, 8, 3])
        """
        import tensorflow as tf

        checks.integer("batch_size", batch_size)
        checks.integer("seed", seed, 0)
        images = tf.constant(self.images)
        labels = None if label is None else tf.constant(self.y(label))

        def take(index):
            batch = tf.cast(tf.gather(images, index), "float32") / 255.0
            return batch if label is None else (batch, tf.gather(labels, index))

        # Shuffling indices costs no second copy of the images.
        dataset = tf.data.Dataset.range(len(self))
        if shuffle:
            dataset = dataset.shuffle(max(len(self), 1), seed=seed)
        dataset = dataset.batch(batch_size).map(take)
        return dataset.prefetch(tf.data.AUTOTUNE)


def class_groups(num_classes, num_groups, overlap=0, seed=None):
    """Split the classes 0..num_classes-1 into groups, one for each teacher.

    Sizes differ by one at most before the overlap. Group `i` also gets the
    first `overlap` classes of group `i + 1`, and the last group those of the
    first one, so that each group shares exactly `overlap` classes with each
    of its two neighbours. Two groups are neighbours once: the first gets
    classes of the second, and nothing comes back.

    Args:
        num_classes: int. Number of classes.
        num_groups: int. Number of groups, 1 to `num_classes`.
        overlap: int. Number of classes that neighbouring groups share, from
            0 to the size of the smallest group.
        seed: int. Seed of a random assignment. Defaults to `None`: classes in
            order, as in 0 1 2 | 3 4 5.

    Returns:
        A list of `num_groups` sorted lists of ints.

    Raises:
        ValueError: If there are more groups than classes, or `overlap` is
            negative or larger than a group.

    Example:

    >>> class_groups(6, 3)
    [[0, 1], [2, 3], [4, 5]]
    >>> class_groups(6, 3, overlap=1)
    [[0, 1, 2], [2, 3, 4], [0, 4, 5]]
    """
    checks.integer("num_classes", num_classes, most=MAX_CLASSES)
    checks.integer("num_groups", num_groups, most=num_classes)
    # As large as the smallest group.
    most = num_classes // num_groups if num_groups > 1 else 0
    checks.integer("overlap", overlap, 0, most)
    if seed is not None:
        checks.integer("seed", seed, 0)
    order = np.arange(num_classes)
    if seed is not None:
        order = np.random.default_rng(seed).permutation(num_classes)
    parts = [part.tolist() for part in np.array_split(order, num_groups)]
    borrowed = [part[:overlap] for part in parts[1:] + parts[:1]]
    if num_groups == 2:
        borrowed[1] = []
    return [sorted(own + extra) for own, extra in zip(parts, borrowed)]


def _check_dicts(**given):
    for name, value in given.items():
        if value is not None and not isinstance(value, dict):
            checks.fail(f"`{name}` must be a dict of lists", name, value)


def _as_array(key, values):
    try:
        return np.asarray(values)
    except ValueError as error:
        raise ValueError(
            f"{key!r} must have entries of one kind. "
            f"Received: {checks.shown(values)}"
        ) from error
