"""The parsers of recipes, for the tests of options and of pages."""

import functools
import runpy
import sys
from unittest import mock

from keras_vipa.utils import recipe


@functools.cache
def parser_of(path):
    """The parser of a recipe, and its `options`; `None` if it has no parser.

    The recipe's file is run up to its last line.
    """
    found = []

    def keep(main, options, *arguments, **more):
        more.pop("writes", None)
        parser = recipe.make_parser(main, options, *arguments, **more)
        # An option has to be written out.
        parser.allow_abbrev = False
        found.append((parser, options))

    if "recipe.run(" in path.read_text(encoding="utf-8"):
        with (
            mock.patch.object(recipe, "run", keep),
            mock.patch.object(sys, "path", [str(path.parent), *sys.path]),
        ):
            runpy.run_path(str(path), run_name="__main__")
    return found[0] if found else None
