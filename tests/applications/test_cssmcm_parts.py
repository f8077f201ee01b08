import keras
import numpy as np
import pytest
from keras import ops
from test_case import TestCase

from keras_vipa.applications import CSSMCM
from keras_vipa.export import run_litert
from keras_vipa.export import to_litert

pytestmark = [pytest.mark.tensorflow, pytest.mark.usefixtures("eager")]
WORDS = {
    "pinyin": "ni hao ta men".split(),
    "tones": list("12345"),
    "characters": list("你好他她们"),
}


SEEN = {"state": np.zeros((1, 128)), "memory_pinyin": np.zeros((1, 3, 256))}


def clip(frames, seed):
    generator = np.random.default_rng(seed)
    return generator.integers(0, 255, (frames, 16, 32)).astype("uint8")


@pytest.fixture(scope="module")
def model():
    """One that says different things of different clips."""
    made = CSSMCM(WORDS, length=4, seed=1)
    generator = np.random.default_rng(0)
    for weight in made.weights:
        if weight.dtype == "float32":
            noise = generator.normal(0, 0.3, weight.shape)
            weight.assign(weight + noise.astype("float32"))
    return made


@pytest.fixture(scope="module")
def parts(model):
    return model.parts()


class TestParts(TestCase):
    def test_reading(self, model, parts):
        """In parts, what the whole network reads."""
        clips = [clip(frames, frames) for frames in (9, 14, 21)]
        whole = model.read(clips, width=1)

        def run(name, inputs):
            found = parts[name](inputs)
            return keras.tree.map_structure(ops.convert_to_numpy, found)

        found = [model.read_parts(run, one) for one in clips]
        assert found == [one.tokens for one in whole]
        assert len({str(one) for one in found}) > 1

    def test_nothing_is_read(self, model):
        """The end at once, and no stage has anything to say."""

        def run(name, inputs):
            logits = np.eye(7)[[2]].astype("float32")
            return {"logits": logits, "carry": inputs.get("carry"), **SEEN}

        found = model.read_parts(run, clip(9, 0))
        assert found == {"pinyin": [], "tones": [], "characters": []}

    @pytest.mark.parametrize(
        "name", ["see", "encode_pinyin", "step_characters"]
    )
    def test_litert(self, name, parts, tmp_path):
        """Each kind, with operations that are built in."""
        generator, sizes = np.random.default_rng(0), {None: 6}
        inputs = {}
        for key, tensor in parts[name].input.items():
            shape = [1, *(sizes.get(n, n) for n in tensor.shape[1:])]
            inputs[key] = generator.random(shape).astype("float32")
            if tensor.dtype == "int32":
                inputs[key] = np.full(shape, 4, "int32")
        expected = parts[name](inputs)
        path = to_litert(parts[name], tmp_path / f"{name}.tflite")
        found = run_litert(path, inputs)
        assert set(found) == set(expected)
        self.assert_all_close(found, expected, atol=1e-4)
