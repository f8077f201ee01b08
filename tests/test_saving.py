"""What is saved here, a process that knows only the files can load."""

import keras
import numpy as np
import pytest
from amalgamation import networks
from applications.networks import tiny_features
from test_case import run_python

from keras_vipa.amalgamation import LayerwiseAmalgamator
from keras_vipa.applications import DIN
from keras_vipa.layers import AttributionGradient

pytestmark = pytest.mark.tensorflow

LOAD = """
import sys
import keras
import numpy as np

def check(name):
    model = keras.saving.load_model(f"{name}.keras", safe_mode=True)
    arrays = list(np.load(f"{name}.npz").values())
    outputs = model(arrays[1:] if len(arrays) > 2 else arrays[1])
    np.testing.assert_allclose(outputs, arrays[0], atol=1e-5)

for name in sys.argv[1:]:
    if name == "student":
        assert "keras_vipa" not in sys.modules
    check(name)
    import keras_vipa
"""


def student():
    """Of no class of ours: it comes first, before the package is imported."""
    teachers = [networks.residual_teacher(n) for n in (2, 3)]
    amalgamator = LayerwiseAmalgamator(teachers)
    return amalgamator.student, [networks.images(2)]


def style_transfer():
    pictures = networks.images(1, 32, 0), networks.images(1, 32, 1)
    return DIN("mobile", features=tiny_features()), list(pictures)


def maps():
    images = keras.Input((8, 8, 3))
    layer = AttributionGradient(networks.conv_teacher(3), "epsilon_lrp", 1)
    return keras.Model(images, layer(images)), [networks.images(2)]


def test_fresh_process(tmp_path):
    cases = {f.__name__: f() for f in (student, style_transfer, maps)}
    for name, (model, inputs) in cases.items():
        output = model(inputs if len(inputs) > 1 else inputs[0])
        model.save(tmp_path / f"{name}.keras")
        np.savez(tmp_path / f"{name}.npz", output, *inputs)
    run_python("-c", LOAD, *cases, cwd=tmp_path)
