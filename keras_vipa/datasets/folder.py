"""A folder of the user's own pictures."""

import os
import warnings

import numpy as np

from keras_vipa.datasets.image_set import ImageSet
from keras_vipa.utils import checks
from keras_vipa.utils.images import check_size
from keras_vipa.utils.images import fit_picture
from keras_vipa.utils.images import read_picture

# A warning that names a thousand files hides the first one.
NAMES_SHOWN = 20


def folder(path, size=None, strict=False):
    """Return the pictures of a folder, labelled by its sub-folders.

    PNG, JPEG, WebP, BMP and the first frame of GIF, at any depth, in the
    sorted order of their paths. The names of the folder's direct sub-folders
    are the classes of the label `"class"`; a picture that lies beside the
    sub-folders has the class -1, and without sub-folders there is no label.
    Names that begin with a dot are left out, and symbolic links followed.
    Files of any other kind count as unreadable, and so do pictures of more
    pixels than Pillow takes for harmless.

    Pictures are turned as their EXIF data says, transparent pixels lie on
    white, and with `size` a picture keeps its proportions: its short side is
    scaled (Lanczos) and its centre cropped. The set takes
    `n * height * width * 3` bytes of memory: 10,000 pictures of 128 x 128
    pixels take half a gigabyte.

    Args:
        path: str or path. The folder.
        size: int, or pair of ints `(height, width)`. Size of the images in
            pixels. Defaults to `None`: as they are, all of one size.
        strict: bool. Whether an unreadable file is an error. By default such
            files are skipped, and one warning names them.

    Returns:
        An `ImageSet`; `info["path"]` holds the path of each image, relative
        to the folder, with `/` between its parts, and `info["original_size"]`
        the height and width of its file, `(n, 2)`.

    Raises:
        ValueError: If there is no such folder or no readable picture in it,
            if sizes differ and `size` is not given, or, with `strict`, if a
            file is unreadable.

    Example:

    >>> import os, tempfile
    >>> import numpy as np
    >>> from keras_vipa.utils.images import save_picture
    >>> with tempfile.TemporaryDirectory() as pets:
    ...     for name in ("cat", "dog"):
    ...         os.mkdir(os.path.join(pets, name))
    ...         save_picture(os.path.join(pets, name, "1.png"),
    ...                      np.zeros((30, 40, 3)))
    ...     images = folder(pets, size=16)
    >>> images.images.shape, images.class_names["class"], images.info["path"][1]
    ((2, 16, 16, 3), ['cat', 'dog'], np.str_('dog/1.png'))
    """
    path = os.path.expanduser(checks.path("path", path))
    if not os.path.isdir(path):
        checks.fail("`path` must be a folder", "path", path)
    size = None if size is None else check_size(size)
    names = _file_names(path)
    images, read, original_sizes = _read_all(path, names, size, strict)
    labels, class_names = _sub_folder_labels(path, read)
    return ImageSet(
        images,
        labels=labels,
        class_names=class_names,
        name=os.path.basename(os.path.abspath(path)),
        info={"path": read, "original_size": original_sizes},
    )


def _file_names(path, prefix="", parents=()):
    """Paths of files, relative to the folder; links are followed, once."""
    real = os.path.realpath(path)
    if real in parents:
        return []
    names = []
    for entry in os.scandir(path):
        name = f"{prefix}{entry.name}"
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            below = _file_names(entry.path, f"{name}/", (*parents, real))
            names.extend(below)
        else:
            names.append(name)
    return sorted(names)


def _read_all(path, names, size, strict):
    images, read, original_sizes, unreadable = None, [], [], []
    for name in names:
        try:
            picture = read_picture(os.path.join(path, name))
        except ValueError:
            if strict:
                raise
            unreadable.append(name)
            continue
        original_size = picture.shape[:2]
        if size is not None:
            picture = fit_picture(picture, size)
        if images is None:
            # Filled in place: a list and its stack would take twice the room.
            images = np.empty((len(names), *picture.shape), "uint8")
        if picture.shape != images.shape[1:]:
            raise ValueError(
                "Pictures must share one size; pass `size` to resize them. "
                f"Received: {read[0]!r} has (height, width)="
                f"{images.shape[1:3]}, {name!r} has {picture.shape[:2]}"
            )
        images[len(read)] = picture
        read.append(name)
        original_sizes.append(original_size)
    if unreadable:
        _warn_of(unreadable, path)
    if images is None:
        raise ValueError(
            "`path` must hold a readable PNG, JPEG, WebP, GIF or BMP picture. "
            f"Received: path={path!r}, with {len(names)} file(s)"
        )
    return images[: len(read)], read, original_sizes


def _warn_of(unreadable, path):
    shown = ", ".join(unreadable[:NAMES_SHOWN])
    more = len(unreadable) - NAMES_SHOWN
    rest = f" and {more} more" if more > 0 else ""
    warnings.warn(
        f"Skipped {len(unreadable)} unreadable file(s) of {path!r}: "
        f"{shown}{rest}",
        stacklevel=4,
    )


def _leads_back(path, link):
    """Whether a link is to the folder itself, or to one that it lies in."""
    real, target = os.path.realpath(path), os.path.realpath(link)
    return os.path.commonpath([real, target]) == target


def _sub_folder_labels(path, read):
    if not any("/" in name for name in read):
        return None, None
    classes = sorted(
        entry.name
        for entry in os.scandir(path)
        if entry.is_dir()
        and not entry.name.startswith(".")
        and not _leads_back(path, entry.path)
    )
    first = [name.split("/")[0] if "/" in name else None for name in read]
    index = [-1 if name is None else classes.index(name) for name in first]
    return {"class": index}, {"class": classes}
