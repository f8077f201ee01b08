"""Reuse, merge, explain and deploy trained networks with Keras 3.

The classes of all methods are registered for loading once `keras_vipa` is
imported; `datasets` and `export` are imported when they are first used.
"""

import importlib

from keras_vipa.utils.quiet import quiet_start

with quiet_start():
    from keras_vipa import amalgamation as amalgamation
    from keras_vipa import applications as applications
    from keras_vipa import layers as layers
    from keras_vipa import losses as losses
    from keras_vipa import metrics as metrics
    from keras_vipa import training as training
    from keras_vipa import transferability as transferability

__version__ = "0.1.0"

_LAZY = ("datasets", "export")


def __getattr__(name):
    if name in _LAZY:
        return importlib.import_module(f"keras_vipa.{name}")
    raise AttributeError(f"module 'keras_vipa' has no attribute '{name}'")


def __dir__():
    return sorted([*globals(), *_LAZY])
