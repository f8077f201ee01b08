"""Pictures in tiles come out as in one piece."""

import numpy as np
import pytest
from applications.networks import tiny_features

from keras_vipa.applications import DIN
from keras_vipa.applications.din import tiles

CLOSE = 1e-4

# Which part is drawn when is plain Python; drawing itself is tried on JAX in
# the tests of DIN.
pytestmark = pytest.mark.tensorflow


@pytest.fixture(scope="module", params=["mobile", "base"])
def model(request):
    """Random, but bright enough to tell tiles apart."""
    model = DIN(request.param, features=tiny_features())
    for part in (model.encoder, model.middle, model.decoder):
        for weight in part.weights:
            weight.assign(1.3 * weight)
    model.decoder.layers[-1].bias.assign(np.full(3, 0.5))
    return model


def random_code(model, seed=0):
    length = model.photograph_code().shape
    code = 0.5 * np.random.default_rng(seed).normal(size=length)
    return code.astype("float32")


def photograph(height, width):
    """Noise on a slope, so that no tile has the moments of the whole."""
    rng = np.random.default_rng(0)
    slope = np.linspace(0, 0.7, height * width).reshape(height, width, 1)
    noise = 0.3 * rng.uniform(size=(height, width, 3))
    return (slope + noise).astype("float32")


def test_tiles_are_the_whole(model):
    content, code = photograph(130, 133), random_code(model)
    whole = model.transfer(content, code)
    tiled = model.transfer(content, code, tile=68)
    assert tiled.dtype == "float32"
    assert np.abs(tiled - whole).max() < CLOSE
    assert whole.std() > 0.02


def test_moments_are_those_of_the_whole(model):
    # Bright, so that the tiles' moments are far apart in any random network.
    content, code = 20 * photograph(64, 96), random_code(model)
    maps = tiles._draw_tiles(model, content, code, [], 32, 24)
    mean, variance = tiles._moments(features for _, features in maps)
    features = np.asarray(model.encoder(content[None]))
    axes = {"axis": (0, 1, 2), "keepdims": True}
    np.testing.assert_allclose(mean, features.mean(**axes), 1e-5, 1e-5)
    np.testing.assert_allclose(variance, features.var(**axes), 1e-5, 1e-5)
    # The tiles' own are others.
    tile = features[:, :8, :8]
    assert np.abs(tile.mean(**axes) - mean).max() > 0.01


def test_halos_reach_as_far_as_a_pixel_does(model):
    """A changed pixel moves nothing beyond the halo, given the moments."""
    content, code = photograph(16, 208), random_code(model)
    changed = content.copy()
    changed[:, 100:104] = 1.0 - changed[:, 100:104]
    features = np.asarray(model.encoder(content[None]))
    level = np.asarray(model.middle(model.level(0, features, code[None])))
    moments = [
        (x.mean((0, 1, 2), keepdims=True), x.var((0, 1, 2), keepdims=True))
        for x in (features, level)
    ]
    for number, halo in enumerate(tiles._halos(model)):
        pair = [
            np.asarray(
                tiles._draw(model, x[None], code[None], moments[:number])
            )
            for x in (content, changed)
        ]
        moved = np.abs(pair[0] - pair[1]).max((0, 1, 3)) > 0
        columns = np.flatnonzero(moved) * 208 // len(moved)
        assert columns.min() >= 100 - halo and columns.max() < 104 + halo
        assert columns.min() < 100 - halo // 2


def test_all_options(model):
    content = (255 * photograph(34, 90)).astype("uint8")
    mask = np.linspace(0, 1, 34 * 90).reshape(34, 90)
    options = (random_code(model), 0.5, True, mask, 0.05)
    whole = model.transfer(content, *options)
    tiled = model.transfer(content, *options, tile=48)
    assert tiled.dtype == "uint8"
    assert np.abs(tiled.astype(int) - whole).max() <= 1
    assert (tiled == whole).mean() > 0.99
    # The noise is that of the whole picture, and tells.
    even = model.transfer(content, *options[:-1], tile=48)
    assert (even != tiled).mean() > 0.01


def test_several_pictures_in_a_style():
    model = DIN("mobile", features=tiny_features())
    contents = np.stack([photograph(16, 36), photograph(16, 36)[:, ::-1]])
    style = photograph(32, 32)
    tiled = model.stylize(contents, style, tile=16)
    assert tiled.shape == contents.shape
    whole = model.stylize(contents, style)
    assert np.abs(tiled - whole).max() < CLOSE


def test_one_tile(model, monkeypatch):
    content, code = photograph(18, 32), random_code(model)
    monkeypatch.setattr(tiles, "_draw_tiles", None)
    one = model.transfer(content, code, tile=32)
    np.testing.assert_array_equal(one, model.transfer(content, code))


def test_deformable():
    model = DIN("mobile", features=tiny_features(), sampling="deformable")
    for level in model.levels[:2]:
        level.max_offset = 1.0
        kernel = level.offsets.kernel
        kernel.assign(0.2 * np.random.normal(size=kernel.shape))
    content, code = photograph(16, 150), random_code(model)
    whole = model.transfer(content, code)
    tiled = model.transfer(content, code, tile=76)
    assert np.abs(tiled - whole).max() < CLOSE


@pytest.mark.parametrize(
    "length, tile, halo", [(100, 32, 8), (64, 64, 4), (68, 64, 0), (16, 30, 4)]
)
def test_spans(length, tile, halo):
    spans = list(tiles._spans(length, tile, halo))
    kept = np.concatenate([np.arange(length)[span] for span, _ in spans])
    np.testing.assert_array_equal(kept, np.arange(length))
    for span, wide in spans:
        assert span.stop - span.start <= tile + 3
        assert wide.start == max(span.start - halo, 0)
        assert wide.stop == min(span.stop + halo, length)
        assert span.start % 4 == wide.start % 4 == wide.stop % 4 == 0


@pytest.mark.parametrize("tile", [15, 64.0])
def test_wrong_tile(tile):
    model = DIN("mobile", features=tiny_features())
    content, code = np.zeros((16, 64, 3)), model.photograph_code()
    with pytest.raises(ValueError, match=f"Received: tile={tile}"):
        model.transfer(content, code, tile=tile)


def test_panorama():
    model = DIN("mobile", features=tiny_features(), sampling="spherical")
    with pytest.raises(ValueError, match="panorama"):
        model.transfer(np.zeros((16, 64, 3)), model.photograph_code(), tile=32)
