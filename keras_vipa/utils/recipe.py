"""What every recipe has around its method: options, folder, errors, report."""

import argparse
import inspect
import pathlib
import sys
import warnings

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
        smoke: dict, option -> value that `--smoke` gives it, so that the recipe
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
    warnings.formatwarning = lambda message, *_: f"warning: {message}\n"
    try:
        with quiet_start():
            import keras

            keras.distribution.list_devices()
        if folder:
            arguments.output = pathlib.Path(arguments.output)
            arguments.output.mkdir(parents=True, exist_ok=True)
        main(arguments)
    except _EXPECTED as error:
        line = " ".join(str(error).split()) or type(error).__name__
        print(f"{parser.prog}: error: {line}", file=sys.stderr)
        sys.exit(2)


def make_parser(main, options, seeds=(0,), smoke=None, folder=True):
    """The parser of a recipe; arguments as those of `run`."""
    path = pathlib.Path(inspect.getfile(main))
    parser = argparse.ArgumentParser(
        prog=path.name,
        description=inspect.getmodule(main).__doc__,
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
            action=_Smoke,
            smoke=smoke,
            help="try everything at a small size",
        )
    return parser


class _Smoke(argparse.Action):
    """Sets several options at once."""

    def __init__(self, smoke, **kwargs):
        super().__init__(nargs=0, default=False, **kwargs)
        self.smoke = smoke

    def __call__(self, parser, namespace, values, option_string=None):
        vars(namespace).update(self.smoke, smoke=True)


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
