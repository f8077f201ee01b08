"""Times and memory of files and models."""

import time

import keras
import pytest

from keras_vipa import export
from keras_vipa.utils import latency


def test_all_take_turns():
    calls = []

    def runner(name, seconds):
        def run():
            calls.append(name)
            time.sleep(seconds)

        return run

    runners = {"a": runner("a", 0.0), "b": runner("b", 0.01)}
    medians = latency.take_turns(runners, rounds=3)
    # Once before, then three rounds.
    assert calls == ["a", "b"] * 4
    assert medians["a"] < 0.01 <= medians["b"]


@pytest.mark.tensorflow
def test_litert_and_keras_runners(tmp_path):
    model = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Flatten()])
    path = export.to_litert(model, tmp_path / "model.tflite")
    latency.litert_runner(path)()
    assert latency.keras_runner(model)().shape == (1, 16)
    megabytes = latency.in_new_process(latency.peak_memory, path)
    assert 0 < megabytes < 100
