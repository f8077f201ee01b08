"""What every recipe has around its method: options, folder, errors, report."""

import argparse
import contextlib
import errno
import inspect
import logging
import os
import pathlib
import shutil
import signal
import sys
import threading
import warnings
import zlib

from keras_vipa.utils import files
from keras_vipa.utils import reports
from keras_vipa.utils import types
from keras_vipa.utils.quiet import quiet_start

try:
    import fcntl
except ImportError:  # Windows, where folders are not locked.
    fcntl = None

_EXPECTED = (
    ValueError,
    OSError,
    ImportError,
    RuntimeError,
    FloatingPointError,
)


def run(main, options, seeds=(0,), smoke=None, folder=True, writes=()):
    """Parse the command line of a recipe and run it.

    Name and description are those of the file that has `main`. What the user
    can mend is printed as one line, with exit code 2; warnings are printed as
    one line too. When the process is told to end, what is half written is
    removed first.

    Args:
        main: callable, takes the parsed arguments.
        options: callable, takes `add_argument` and adds the recipe's options;
            for their types see `keras_vipa.utils.types.usual`.
        seeds: default of `--seeds`; `None` for a recipe without.
        smoke: dict, option -> its default under `--smoke`, so that the recipe
            is tried in a minute; `None` for a recipe without.
        folder: boolean. Whether there is an option `--output`, a folder, which
            is `results/<name>` by default and is made. A second run into it
            stops at once.
        writes: names of files in this folder beside `report.json`, none of
            which may be one that was given to the recipe.

    Example:

    ```python
    if __name__ == "__main__":
        recipe.run(main, options, smoke={"epochs": 1})
    ```
    """
    parser = make_parser(main, options, seeds, smoke, folder)
    line = _command_line()
    arguments = parser.parse_intermixed_args(line)
    if smoke is not None and arguments.smoke:
        parser.set_defaults(**smoke)
        arguments = parser.parse_intermixed_args(line)
    warnings.formatwarning = lambda message, *_: f"warning: {message}\n"
    try:
        if folder:
            check_outputs(arguments, ["report.json", *writes])
        with _ended_in_order(), _folder(arguments if folder else None):
            with quiet_start():
                import keras

                # Devices are looked for, and libraries say what they miss.
                keras.ops.zeros(1)
            # A network for each row is what recipes are there for.
            logging.getLogger("tensorflow").setLevel(logging.ERROR)
            main(arguments)
    except _EXPECTED as error:
        parser.error(_line(error))
    except KeyboardInterrupt:
        print(f"{parser.prog}: interrupted", file=sys.stderr)
        sys.exit(130)


def _line(error):
    """What an error says, in one line."""
    if getattr(error, "errno", None) == errno.ENOSPC:
        # Libraries add where in which file they were.
        return os.strerror(errno.ENOSPC)
    return " ".join(str(error).split()) or type(error).__name__


def _command_line():
    """Words of the command line; names after `--` may begin with a dash.

    Where files and options may be mixed, `argparse` has no such rule.
    """
    words = sys.argv[1:]
    if "--" not in words:
        return words
    place = words.index("--")
    names = [
        f"./{word}" if word[:1] == "-" and word != "-" else word
        for word in words[place + 1 :]
    ]
    return words[:place] + names


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message):
        print(f"{self.prog}: error: {message}", file=sys.stderr)
        sys.exit(2)


@contextlib.contextmanager
def _ended_in_order():
    """Signals that end a process raise, so that contexts are left."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def leave(number, _):
        sys.exit(128 + number)

    names = ("SIGTERM", "SIGHUP")
    kinds = [getattr(signal, n) for n in names if hasattr(signal, n)]
    before = {kind: signal.signal(kind, leave) for kind in kinds}
    try:
        yield
    finally:
        for kind, handler in before.items():
            signal.signal(kind, handler)


@contextlib.contextmanager
def _folder(arguments):
    """Makes the folder for one run; after an error, no empty one is left."""
    if arguments is None:
        yield
        return
    folder = arguments.output
    made = [f for f in (folder, *folder.parents) if not f.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with _locked(folder):
            yield
    except BaseException:
        for place in made:
            if any(place.iterdir()):
                break
            place.rmdir()
        raise


@contextlib.contextmanager
def _locked(folder):
    if fcntl is None:
        yield
        return
    place = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(place, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ValueError(
                "Another run writes to this folder; wait for it, or name "
                f"another with --output. Received: {folder}"
            ) from None
        yield
    finally:
        os.close(place)


def check_outputs(arguments, names):
    """Raise a `ValueError` if results would replace what was given.

    Args:
        arguments: the parsed arguments.
        names: names of files in `arguments.output`.
    """
    given = {os.path.realpath(path) for path in _given(arguments)}
    folder = arguments.output
    for path in (folder, *(folder / name for name in names)):
        if os.path.realpath(path) in given:
            raise ValueError(
                "This was given, and results would replace it or lie within; "
                f"name another --output. Received: {path}"
            )
    for name in names:
        if folder.is_dir():
            files.check_target(folder / name)


def _given(arguments):
    """Paths among the arguments, other than the output, that are there."""
    for key, value in vars(arguments).items():
        for part in value if isinstance(value, list | tuple) else [value]:
            if isinstance(part, str) and key != "output":
                part = part.removeprefix("folder:")
                if os.path.exists(part):
                    yield part


def make_parser(main, options, seeds=(0,), smoke=None, folder=True):
    """The parser of a recipe; arguments as those of `run`."""
    path = pathlib.Path(inspect.getfile(main))
    parser = _Parser(
        prog=path.name,
        description=main.__globals__["__doc__"],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )

    def add(*names, **more):
        if "action" not in more and "choices" not in more:
            kind, metavar = more.get("type"), more.get("metavar")
            more["type"] = types.usual(names[-1], kind, metavar)
        parser.add_argument(*names, **more)

    options(add)
    if seeds is not None:
        parser.add_argument(
            "--seeds", nargs="+", type=types.seed, default=list(seeds)
        )
    if folder:
        parser.add_argument(
            "--output",
            type=types.output_folder,
            default=f"results/{path.stem}",
            metavar="FOLDER",
        )
    if smoke is not None:
        parser.add_argument(
            "--smoke",
            action="store_true",
            help="try everything at a small size",
        )
    return parser


@contextlib.contextmanager
def backup_folder(arguments):
    """A folder for the state of the training, removed once all is done.

    A run that was interrupted finds it again, if it has the same arguments.

    Args:
        arguments: the parsed arguments.
    """
    tag = zlib.crc32(repr(sorted(vars(arguments).items())).encode())
    folder = arguments.output / f"backup_{tag:08x}"
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def results(arguments):
    """A folder to write to, whose files come into `--output` together.

    Args:
        arguments: the parsed arguments.

    Returns:
        A context manager; its value is a `pathlib.Path`.
    """
    return files.written_together(arguments.output)


def write_report(arguments, results, folder=None, **more):
    """Write `report.json` into the recipe's folder.

    Args:
        arguments: the parsed arguments.
        results: list of dicts.
        folder: path; defaults to that of `--output`.
        **more: further entries.
    """
    path = (folder or arguments.output) / "report.json"
    seeds = getattr(arguments, "seeds", [])
    reports.write_report(path, vars(arguments), seeds, results, **more)


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
        import keras

        return keras.saving.load_model(path, compile=False)
    except Exception as error:
        reason = str(error).split("\n")[0]
        raise ValueError(f"{path} is not a Keras model: {reason}") from error
