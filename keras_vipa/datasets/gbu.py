"""Features of the usual zero-shot benchmarks, from a folder of the user's."""

import warnings

import numpy as np

from keras_vipa.datasets.zero_shot_set import ZeroShotSet
from keras_vipa.utils import checks

FILES = "res101.mat", "att_splits.mat"


def gbu(path, unseen=None):
    """Return a benchmark as "the Good, the Bad and the Ugly" distributes it.

    Xian et al. (CVPR 2017, TPAMI 2019) give a folder for each of CUB, SUN, AwA
    and aPY (the archive `xlsa17`) with two MATLAB files: `res101.mat` has
    `features` of a ResNet-101, `(2048, n)`, and `labels`; `att_splits.mat` has
    the attributes `att` of the classes, `allclasses_names`, and the proposed
    split: `trainval_loc` of the seen classes, `test_unseen_loc` of the others
    (indices that begin with 1). Test pictures of seen classes are left out.
    Needs SciPy: `pip install "keras_vipa[gbu]"`.

    Args:
        path: str or path. The folder.
        unseen: list of str, names of the unseen classes, for another split,
            such as the standard one: all pictures of these are for testing,
            those of all others for training. Defaults to the proposed split.

    Returns:
        A `ZeroShotSet` of float32 features.

    Raises:
        ValueError: If a file is missing or not as above, or there is no such
            class.
        ImportError: If SciPy is missing.
    """
    folder = checks.path("path", path)
    contents = {}
    for name in FILES:
        contents |= read_matlab(folder / name)
    try:
        x = np.asarray(contents["features"], "float32").T
        y = np.ravel(contents["labels"]).astype("int64") - 1
        signatures = np.asarray(contents["att"], "float32").T
        names = [str(np.ravel(n)[0]) for n in contents["allclasses_names"].flat]
        places = [
            np.ravel(contents[name]).astype("int64") - 1
            for name in ("trainval_loc", "test_unseen_loc")
        ]
    except (KeyError, ValueError, IndexError, TypeError) as error:
        raise ValueError(
            f"{folder} must hold {FILES[0]} and {FILES[1]} of the benchmark. "
            f"Received: without {error}"
        ) from error
    check_fit(folder, x, y, signatures, names, places)
    if unseen is not None:
        places = other_split(y, names, unseen)
    return selected(x, y, signatures, names, places)


def read_matlab(path):
    """What is in a file of MATLAB, as a dict."""
    try:
        from scipy.io import loadmat
        from scipy.io.matlab import MatReadError
    except ImportError as error:
        raise ImportError(
            'Reading MATLAB files needs SciPy: pip install "keras_vipa[gbu]"'
        ) from error
    if not path.is_file():
        raise ValueError(f"There is no such file. Received: {path}")
    try:
        return loadmat(path)
    except (MatReadError, NotImplementedError, ValueError, OSError) as error:
        raise ValueError(f"{path} is not a file of MATLAB: {error}") from error


def check_fit(folder, x, y, signatures, names, places):
    """Raise a `ValueError` if these are not of one benchmark."""
    inside = np.concatenate(places)
    fits = len(x) == len(y) and len(signatures) == len(names)
    fits = fits and min(map(len, places)) and y.min() >= 0
    fits = fits and y.max() < len(names)
    if not fits or inside.min() < 0 or inside.max() >= len(x):
        raise ValueError(
            f"The two files of {folder} must be of one benchmark. Received: "
            f"{len(x)} features, {len(y)} labels, {len(signatures)} signatures "
            f"and {len(names)} names of classes"
        )


def other_split(y, names, unseen):
    """Places of samples for training and for testing, by named classes."""
    rule = "`unseen` must be a list of classes of the benchmark"
    if not isinstance(unseen, list | tuple):
        checks.fail(rule, "unseen", unseen)
    missing = [name for name in unseen if name not in names]
    if missing or not unseen:
        checks.fail(rule, "unseen", missing)
    is_new = np.isin(y, [names.index(name) for name in unseen])
    return np.flatnonzero(~is_new), np.flatnonzero(is_new)


def selected(x, y, signatures, names, places):
    """A `ZeroShotSet` of the classes that occur at two places."""
    old, new = (np.unique(y[place]) for place in places)
    differs = (signatures[old] != signatures[old[0]]).any(axis=0)
    if not differs.all():
        warnings.warn(
            f"Left out {int((~differs).sum())} attribute(s) that are the same "
            "for all seen classes",
            stacklevel=3,
        )
    parts = []
    for place, kept in zip(places, (old, new)):
        rows = signatures[kept][:, differs]
        parts += [x[place], np.searchsorted(kept, y[place]), rows]
    kept_names = [[names[c] for c in kept] for kept in (old, new)]
    return ZeroShotSet(*parts, *kept_names)
