"""Files that are whole or not there."""

import contextlib
import pathlib
import tempfile


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
