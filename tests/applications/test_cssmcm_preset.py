"""The lip reader of the package, on generated clips."""

import numpy as np
import pytest

from keras_vipa.applications import CSSMCM
from keras_vipa.datasets import lips
from keras_vipa.export import run_litert
from keras_vipa.export import to_litert
from keras_vipa.metrics import error_rates

pytestmark = pytest.mark.tensorflow


@pytest.fixture(scope="module")
def model():
    return CSSMCM(weights="cssmcm_lips")


@pytest.fixture(scope="module")
def unseen():
    return lips("unseen", size=CSSMCM.sizes["small"]).select(slice(50))


def test_reading(model, unseen):
    """Most of what speakers say whom it has not seen."""
    said, readings = unseen.said(), model.read(unseen, width=1)
    for stage, most in (("pinyin", 0.45), ("tones", 0.4), ("characters", 0.5)):
        found = [one.tokens[stage] for one in readings]
        assert error_rates(said[stage], found)["rate"] < most
    texts = [one.text for one in readings]
    # What others say is not as like it.
    others = [*texts[1:], texts[0]]
    assert error_rates(unseen.texts, others)["rate"] > 0.8


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["float32", "float16"])
def test_litert(model, unseen, precision, tmp_path):
    """Files read token by token what Keras reads."""
    paths = {
        name: to_litert(part, tmp_path / f"{name}.tflite", precision)
        for name, part in model.parts().items()
    }

    def run(name, inputs):
        return run_litert(paths[name], inputs)

    whole = model.read(unseen, width=1)
    clips = [unseen.clip(number) for number in range(len(unseen))]
    found = [model.read_parts(run, clip) for clip in clips]
    equal = np.mean([a == b.tokens for a, b in zip(found, whole)])
    assert equal == 1.0 if precision == "float32" else equal >= 0.9
