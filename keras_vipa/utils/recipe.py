"""What every recipe has around its method: options, folder, errors, report."""

import argparse
import contextlib
import inspect
import logging
import pathlib
import shutil
import sys
import warnings
import zlib

from keras_vipa.utils import reports
from keras_vipa.utils.quiet import quiet_start

_EXPECTED = (
    ValueError,
    OSError,
    ImportError,
    RuntimeError,
    FloatingPointError,
)


def run(main, options, seeds=(0,), smoke=None, folder=True):
    """Parse the command line of a recipe and run it.

    Name and description are those of the file that has `main`. What the user
    can mend is printed as one line, with exit code 2; warnings are printed as
    one line too.

    Args:
        main: callable, takes the parsed arguments.
        options: callable, takes `add_argument` and adds the recipe's options.
        seeds: default of `--seeds`; `None` for a recipe without.
        smoke: dict, option -> its default under `--smoke`, so that the recipe
            is tried in a minute; `None` for a recipe without.
        folder: boolean. Whether there is an option `--output`, a folder, which
            is `results/<name>` by default and is made; the recipe puts its
            report there with `write_report`.

    Example:

    ```python
    if __name__ == "__main__":
        recipe.run(main, options, smoke={"epochs": 1})
    ```
    """
    parser = make_parser(main, options, seeds, smoke, folder)
    arguments = parser.parse_intermixed_args()
    if smoke is not None and arguments.smoke:
        parser.set_defaults(**smoke)
        arguments = parser.parse_intermixed_args()
    warnings.formatwarning = lambda message, *_: f"warning: {message}\n"
    try:
        with quiet_start():
            import keras

            keras.distribution.list_devices()
        # A network for each row is what recipes are there for.
        logging.getLogger("tensorflow").setLevel(logging.ERROR)
        with _folder(arguments if folder else None):
            main(arguments)
    except _EXPECTED as error:
        line = " ".join(str(error).split()) or type(error).__name__
        print(f"{parser.prog}: error: {line}", file=sys.stderr)
        sys.exit(2)


@contextlib.contextmanager
def _folder(arguments):
    """Makes the folder; after an error, it is there only if it holds a file."""
    if arguments is None:
        yield
        return
    folder = arguments.output = pathlib.Path(arguments.output)
    is_new = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except BaseException:
        if is_new and not any(folder.iterdir()):
            folder.rmdir()
        raise


def make_parser(main, options, seeds=(0,), smoke=None, folder=True):
    """The parser of a recipe; arguments as those of `run`."""
    path = pathlib.Path(inspect.getfile(main))
    parser = argparse.ArgumentParser(
        prog=path.name,
        description=main.__globals__["__doc__"],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    options(parser.add_argument)
    if seeds is not None:
        parser.add_argument("--seeds", nargs="+", type=int, default=list(seeds))
    if folder:
        parser.add_argument(
            "--output", default=f"results/{path.stem}", metavar="FOLDER"
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


def write_report(arguments, results, **more):
    """Write `report.json` into the recipe's folder.

    Args:
        arguments: the parsed arguments.
        results: list of dicts.
        **more: further entries.
    """
    path = arguments.output / "report.json"
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
