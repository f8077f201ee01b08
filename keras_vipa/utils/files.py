"""Files that are whole or not there, and that replace nothing else."""

import contextlib
import os
import pathlib
import shutil
import tempfile

_SIGNATURES = (
    (b"\x89PNG", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"GIF8", "GIF"),
    (b"BM", "BMP"),
    (b"RIFF", "WebP"),
    (b"PK\3\4", "zip"),
    (b"\x89HDF", "HDF5"),
)


@contextlib.contextmanager
def written_beside(path, marker=None):
    """Yield a path to write to, which becomes `path` once it is complete.

    A file takes the place of a file of its own kind only, and keeps its
    permissions; of a symbolic link, what it points to is replaced.

    Args:
        path: string or path. The folder that it is in must exist.
        marker: string; `None` if a file is written. Name of a file that the
            folder written holds, and without which no folder is replaced.

    Raises:
        ValueError: If there is no such folder, or something else at `path`.

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
    check_target(path, marker)
    target = pathlib.Path(os.path.realpath(path))
    with _hidden(target.parent, path.parent) as hidden:
        part = hidden / path.name
        yield part
        _check_kind(part, path)
        _replace(part, path, marker)


@contextlib.contextmanager
def written_together(folder):
    """Yield a folder to write files to, which come into another one together.

    After an error, none of them does.

    Args:
        folder: string or path of the folder where they belong, which exists.

    Raises:
        ValueError: If one of them would replace something of another kind.

    Example:

    >>> import os, tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> with written_together(folder.name) as parts:
    ...     length = (parts / "a.txt").write_text("whole")
    ...     length = (parts / "b.txt").write_text("whole")
    >>> sorted(os.listdir(folder.name))
    ['a.txt', 'b.txt']
    >>> folder.cleanup()
    """
    folder = pathlib.Path(folder)
    with _hidden(folder, folder) as parts:
        yield parts
        pairs = [(part, folder / part.name) for part in parts.iterdir()]
        for part, path in pairs:
            check_target(path)
            _check_kind(part, path)
        for part, path in pairs:
            _replace(part, path)


def check_target(path, marker=None):
    """Raise a `ValueError` if `written_beside` could not write there."""
    path = pathlib.Path(path)
    if not path.parent.is_dir():
        raise ValueError(
            f"The folder of a file must exist. Received: path='{path}'"
        )
    if marker is None:
        if path.exists() and not path.is_file():
            raise ValueError(
                "A file does not replace a folder or a device. "
                f"Received: path='{path}'"
            )
    elif path.exists() and not (path / marker).is_file():
        raise ValueError(
            f"Only a folder with {marker} is replaced. Received: path='{path}'"
        )


def kind_of(path):
    """What a file is by its first bytes: `"PNG"`, `"text"`, `"other"`, ...

    Args:
        path: string or path of a file.

    Returns:
        A string; `None` for an empty file.
    """
    with open(path, "rb") as file:
        head = file.read(512)
    for signature, kind in _SIGNATURES:
        if head.startswith(signature):
            return kind
    if head[4:8] == b"TFL3":
        return "LiteRT"
    # The last character may be cut in two.
    text = head.decode("utf-8", "ignore").encode("utf-8")
    if b"\0" not in head and len(head) - len(text) < 4:
        return "text" if head else None
    return "other"


@contextlib.contextmanager
def _hidden(folder, shown):
    """A new folder in another one, which errors show in its place."""
    with tempfile.TemporaryDirectory(prefix=".", dir=folder) as hidden:
        try:
            yield pathlib.Path(hidden)
        except OSError as error:
            message = str(error)
            if hidden not in message:
                raise
            raise OSError(message.replace(hidden, str(shown))) from error


def _check_kind(part, path):
    if part.is_dir() or not path.is_file():
        return
    old, new = kind_of(path), kind_of(part)
    if None not in (old, new) and old != new:
        raise ValueError(
            f"A file is replaced by one of its kind only ({old} by {new}); "
            f"move it away or name another. Received: path='{path}'"
        )


def _replace(part, path, marker=None):
    target = pathlib.Path(os.path.realpath(path))
    if marker is None:
        if target.exists():
            shutil.copymode(target, part)
        part.replace(target)
        return
    old = part.with_name(".replaced")
    if target.exists():
        target.rename(old)
    try:
        part.replace(target)
    except BaseException:
        if old.exists():
            old.rename(target)
        raise
