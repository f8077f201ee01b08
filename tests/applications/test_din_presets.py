"""The trained DIN of the package, and its LiteRT files."""

import functools

import numpy as np
import pytest
from test_case import ROOT

from keras_vipa import datasets
from keras_vipa import export
from keras_vipa.applications import DIN
from keras_vipa.applications.weights import WEIGHTS
from keras_vipa.utils.images import fit_picture

FILES = sorted((ROOT / "saved_models").glob("din_*.tflite"))
# Largest differences.
FLOAT16_LIMIT = 1e-2
# Mean ones of int8: a style's relative to the size of codes, and a drawing's.
INT8_LIMITS = {"style": 0.2, "transfer": 0.05}

pytestmark = pytest.mark.tensorflow


@pytest.fixture(scope="module")
def model():
    return DIN("mobile", weights="din_mobile")


@pytest.fixture(scope="module")
def samples():
    return datasets.style_samples()


def test_all_files_are_there():
    names = {path.name for path in FILES}
    for precision in ("float16", "int8"):
        assert f"din_mobile_style_256_{precision}.tflite" in names
        for size in (256, 384, 512, "any"):
            assert f"din_mobile_transfer_{size}_{precision}.tflite" in names


@pytest.fixture(scope="module")
def code(model, painting):
    return model.style_code(painting)


@pytest.fixture(scope="module")
def painting(samples):
    return fit_picture(samples["paintings"]["night_cafe"], 256)


@pytest.fixture(scope="module")
def draw(model, samples, code):
    """Content and drawing of a size, drawn once for all precisions."""

    @functools.cache
    def draw(size):
        photograph = fit_picture(samples["photographs"]["cat"], size)
        content = photograph[None].astype("float32") / 255.0
        return content, model.transfer(content, code)

    return draw


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_litert_agrees_with_keras(path, draw, code, painting):
    *_, part, size, precision = path.stem.split("_")
    if part == "style":
        style = painting[None].astype("float32") / 255.0
        actual, expected = export.run_litert(path, style), code[None]
        scale = np.abs(expected).mean()
        # Colours are too few to show in a mean.
        colors = np.abs(actual - expected)[:, -13:]
        assert colors.max() < 0.02 < np.abs(expected[:, -13:]).mean()
    else:
        content, expected = draw(320 if size == "any" else int(size))
        inputs = {"content": content, "code": code[None]}
        actual = export.run_litert(path, inputs)
        scale = 1.0
    difference = np.abs(actual - expected) / scale
    if precision == "int8":
        assert difference.mean() <= INT8_LIMITS[part]
    else:
        assert difference.max() <= FLOAT16_LIMIT


def test_parameters(model):
    entry = WEIGHTS["din_mobile"]
    assert model.network().count_params() == entry["parameters"]


def test_styles_differ_and_photograph_comes_back(model, samples):
    photograph = fit_picture(samples["photographs"]["cat"], 128)
    paintings = [fit_picture(p, 128) for p in samples["paintings"].values()]
    codes = [model.style_code(painting) for painting in paintings]
    drawings = [model.transfer(photograph, code) for code in codes]
    for number, drawing in enumerate(drawings):
        others = [d for n, d in enumerate(drawings) if n != number]
        changes = [np.abs(drawing - other.astype("float")) for other in others]
        assert np.mean(changes) > 5.0
    back = model.transfer(photograph, model.photograph_code())
    assert np.abs(back - photograph.astype("float")).mean() < 20.0
