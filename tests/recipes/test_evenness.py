"""Lines, contrast and halos of drawings by hand."""

import numpy as np
import pytest


@pytest.fixture(scope="module")
def evenness(load_recipe):
    return load_recipe("evenness")


def grey(levels):
    levels = np.broadcast_to(levels, (384, 384))
    return np.repeat(levels[..., None], 3, axis=-1).astype("uint8")


def test_lines(evenness):
    lines = grey(np.where(np.arange(384) % 2, 100, 140))
    assert evenness.share_of_lines(lines) == pytest.approx(1.0, abs=0.01)
    turned = lines.transpose(1, 0, 2)
    assert evenness.share_of_lines(turned) == pytest.approx(1.0, abs=0.01)
    # Two levels, 20 from their mean; a ninth of it is in the mean of nine.
    expected = 20 * 8 / 9 / 255
    assert evenness.contrast(lines) == pytest.approx(expected, rel=0.01)
    noise = grey(np.random.default_rng(0).integers(100, 140, (384, 384)))
    assert evenness.share_of_lines(noise) < 0.01
    flat = grey(100)
    assert evenness.share_of_lines(flat) == evenness.contrast(flat) == 0.0


def test_slow_changes_are_no_detail(evenness):
    for picture in evenness.gradients().values():
        assert picture.shape == (384, 384, 3)
        assert evenness.contrast(picture) < 0.003


@pytest.mark.parametrize("width", [0, 16, 48])
def test_halo(evenness, width):
    plain = grey(100)
    axis = np.arange(384) - 191.5
    distance = np.hypot(axis[:, None], axis)
    drawing = grey(np.where(distance < 64 + width, 160, 110))
    expected = pytest.approx(width / 64, abs=0.02)
    assert evenness.halo(drawing, plain) == expected


def test_what_copies_has_no_halo(evenness):
    rows = evenness.evenness(lambda picture: picture)
    assert len(rows) == 4 and all(row["halo"] < 0.03 for row in rows)
