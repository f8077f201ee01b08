"""Files that are whole or not there."""

import contextlib
import pathlib
import tempfile

import keras


@contextlib.contextmanager
def written_beside(path):
    """Yield a path to write to, which becomes `path` once it is complete.

    Args:
        path: string or path of a file or folder, which may exist; the folder
            that it is in must exist.

    Example:

    >>> import os, tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> with written_beside(os.path.join(folder.name, "a.txt")) as part:
    ...     length = part.write_text("whole")
    >>> os.listdir(folder.name)
    ['a.txt']
    >>> folder.cleanup()
    """
    path = pathlib.Path(path)
    with tempfile.TemporaryDirectory(prefix=".", dir=path.parent) as folder:
        part = pathlib.Path(folder, path.name)
        yield part
        if path.is_dir():
            path.rename(part.with_suffix(".replaced"))
        part.replace(path)


def read_model(path):
    """Load a Keras model that a user names.

    Args:
        path: string or path of a `.keras` file.

    Returns:
        A `keras.Model`, not compiled.

    Raises:
        ValueError: If there is no such file, or if it is not a Keras model;
            in one line.
    """
    if not pathlib.Path(path).is_file():
        raise ValueError(f"There is no model file. Received: {path}")
    try:
        return keras.saving.load_model(path, compile=False)
    except Exception as error:
        reason = str(error).split("\n")[0]
        raise ValueError(f"{path} is not a Keras model: {reason}") from error
