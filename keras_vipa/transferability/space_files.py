"""Files of `ModelSpace`: replaced by none but their kind, read if whole."""

import json
import zipfile

import numpy as np

from keras_vipa.utils import checks
from keras_vipa.utils.files import written_beside


def write_space(path, state, probe_images, vectors):
    """Write a space, whole or not at all.

    Args:
        path: string or path of a `.npz` file.
        state: dict of settings, names and dead maps.
        probe_images: array.
        vectors: dict, measure -> list of arrays, one for each network.

    Raises:
        ValueError: If the path is of another kind of file.
    """
    _check_target(path)
    arrays = {f"of {k}": np.stack(v) for k, v in vectors.items() if v}
    with written_beside(path) as part, open(part, "wb") as file:
        np.savez(
            file,
            state=json.dumps(state),
            probe_images=probe_images,
            **arrays,
        )


def read_space(path, make):
    """Read a space.

    Args:
        path: string or path.
        make: class of the space.

    Returns:
        What `make` returns, with networks.

    Raises:
        ValueError: If the file is missing, of another kind, or damaged.
    """
    checks.path("path", path)
    try:
        with np.load(path, allow_pickle=False) as file:
            state = json.loads(str(file["state"]))
            space = make(file["probe_images"], **state["settings"])
            space.names, space.dead = state["names"], state["dead"]
            _check_names(space)
            for key in space._vectors if space.names else ():
                rows = _read_vectors(space, key, file[f"of {key}"])
                space._vectors[key] = list(rows)
    except Exception as error:
        reason = type(error).__name__
        if isinstance(error, ValueError):
            reason = f"{reason}: {' '.join(str(error).split())}"
        raise ValueError(
            f"A space must be in a file of `ModelSpace.save` ({reason}). "
            f"Received: {path}"
        ) from error
    return space


def _check_target(path):
    """Raise an error unless a path is, or may become, a file of a space."""
    path = checks.path("path", path)
    if path.suffix.lower() != ".npz":
        rule = "A space is written to a path that ends in .npz"
        checks.fail(rule, "path", path)
    if not path.is_file() or not path.stat().st_size:
        return
    try:
        with zipfile.ZipFile(path) as file:
            names = set(file.namelist())
    except zipfile.BadZipFile:
        names = set()
    if not {"state.npy", "probe_images.npy"} <= names:
        raise ValueError(
            "A space replaces no other kind of file; move it away or name "
            f"another. Received: path='{path}'"
        )


def _check_names(space):
    names, dead = space.names, space.dead
    is_list = isinstance(names, list) and isinstance(dead, dict)
    if not is_list or not all(isinstance(name, str) for name in names):
        raise ValueError(
            "It must have a list of names, and a number of dead maps for "
            f"each. Received: {checks.shown(names)} and {checks.shown(dead)}"
        )
    if len(set(names)) != len(names) or set(dead) != set(names):
        raise ValueError(
            "Names must differ, and have a number of dead maps each. "
            f"Received: {checks.shown(names)} and {checks.shown(list(dead))}"
        )
    for count in dead.values():
        checks.integer("dead", count, least=0, most=len(space.probe_images))


def _read_vectors(space, measure, rows):
    """The vectors of all networks, if they are what would be computed."""
    count, height, width = space.probe_images.shape[:3]
    settings = space.settings
    pool = settings["pool"]
    cells = pool**2 if pool else height * width
    pairs = count * (count - 1) // 2
    nodes = count * (settings["projection"] or cells)
    size = {
        "maps": nodes,
        "edges": pairs,
        "graph": nodes + pairs,
        "curves": settings["steps"] * count * cells,
        "rsa": pairs,
        "cka": count**2,
    }[measure]
    shape = (len(space.names), size)
    if rows.shape != shape or rows.dtype != "float16":
        rule = f"Vectors of {measure!r} must be float16 of shape {shape}"
        checks.fail(rule, "vectors", rows)
    if not np.isfinite(rows).all():
        raise ValueError(
            f"Vectors of {measure!r} must be finite. Received: "
            f"{np.sum(~np.isfinite(rows))} numbers that are not"
        )
    return rows
