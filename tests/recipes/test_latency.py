"""Times and memory of files and models."""

import time

import keras
import pytest
from test_case import ROOT
from test_case import run_python

from keras_vipa import export


@pytest.fixture(scope="module")
def latency(load_recipe):
    return load_recipe("latency")


def test_all_take_turns(latency):
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
def test_litert_and_keras_runners(latency, tmp_path):
    model = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Flatten()])
    path = export.to_litert(model, tmp_path / "model.tflite")
    latency.litert_runner(path)()
    assert latency.keras_runner(model)().shape == (1, 16)


@pytest.mark.tensorflow
def test_memory_of_a_new_process(tmp_path):
    """By its name, as a script would import it from beside itself."""
    model = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Flatten()])
    path = export.to_litert(model, tmp_path / "model.tflite")
    script = (
        "import latency, pathlib, sys\n"
        "if __name__ == '__main__':\n"
        "    path = pathlib.Path(sys.argv[1])\n"
        "    print(latency.in_new_process(latency.peak_memory, path))\n"
    )
    (tmp_path / "script.py").write_text(script)
    studies = ROOT / "recipes" / "studies"
    megabytes = run_python(tmp_path / "script.py", path, path=studies)
    assert 0 < float(megabytes) < 100
