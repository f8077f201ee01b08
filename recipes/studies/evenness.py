"""What drawings make of places without detail: lines, contrast, halos."""

import numpy as np

# Weights of red, green and blue, in ITU-R BT.601.
LUMINANCE = np.array([0.299, 0.587, 0.114], "float32")
SIZE = 384
# Of the disc, and how far from it the surroundings are of their own.
RADIUS, FAR = 64, 2.0
# Detail is what differs from the mean of so many pixels a side.
WINDOW, BORDER = 9, 16


def gradients():
    """Four 8-bit pictures in which one colour flows into another.

    None of them along a side: of a picture whose rows are constant, any
    network of convolutions makes rows.

    Returns:
        Dict, name -> uint8 array `(384, 384, 3)`.
    """
    axis = np.linspace(0.0, 1.0, SIZE)
    down, across = np.meshgrid(axis, axis, indexing="ij")
    places = {
        "sky": (0.8 * down + 0.2 * across, (70, 120, 190), (210, 225, 240)),
        "wall": (np.hypot(down, across), (200, 190, 170), (150, 140, 125)),
        "dusk": ((down + across) / 2, (240, 150, 90), (60, 50, 110)),
        "fog": (down * across, (225, 225, 225), (140, 150, 150)),
    }
    return {
        name: np.rint(
            np.array(first) + place[..., None] * np.subtract(second, first)
        ).astype("uint8")
        for name, (place, first, second) in places.items()
    }


def with_disc(picture):
    """The picture with a dark disc of 64 pixels' radius in its middle."""
    dark = picture // 3
    return np.where((_distance() < RADIUS)[..., None], dark, picture)


def detail(picture):
    """Luminance less its mean of 9 x 9 pixels, without the border.

    Args:
        picture: uint8 array `(height, width, 3)`.

    Returns:
        Float array, in [-1, 1].
    """
    grey = picture.astype("float32") @ LUMINANCE / 255.0
    sides = (WINDOW, WINDOW)
    means = np.lib.stride_tricks.sliding_window_view(grey, sides).mean((2, 3))
    margin = WINDOW // 2
    rest = grey[margin:-margin, margin:-margin] - means
    cut = BORDER - margin
    return rest[cut:-cut, cut:-cut]


def contrast(picture):
    """Deviation of the detail."""
    return float(detail(picture).std())


def share_of_lines(picture):
    """Part of the detail's variance that is in rows and columns as a whole.

    0 if there is no detail at all; 1 for straight lines along the sides.
    """
    rest = detail(picture)
    lines = rest.mean(axis=0).var() + rest.mean(axis=1).var()
    return float(lines / max(rest.var(), 1e-12))


def halo(drawing, plain):
    """How far around a disc a drawing differs from that without the disc.

    Args:
        drawing: uint8 array `(384, 384, 3)`, of `with_disc(picture)`.
        plain: likewise, of the picture itself.

    Returns:
        Float, in radii of the disc: where the difference of the levels, in the
        mean of rings and over that beyond twice the radius, falls below a
        tenth of the largest one for good.
    """
    difference = np.abs(drawing.astype("float32") - plain).mean(axis=-1)
    ring = _distance().astype(int).ravel()
    rings = np.bincount(ring, difference.ravel()) / np.bincount(ring)
    far = int(FAR * RADIUS)
    rings = rings[:far] - rings[far : SIZE // 2].mean()
    differs = np.flatnonzero(rings > 0.1 * rings.max())
    end = differs.max(initial=0) + 1
    return float(max(end - RADIUS, 0) / RADIUS)


def evenness(draw):
    """All three of a way to draw.

    Args:
        draw: callable, uint8 picture `(384, 384, 3)` to its drawing.

    Returns:
        List of dicts, one for each of `gradients()`: `lines`, `contrast` and
        `halo`.
    """
    rows = []
    for picture in gradients().values():
        plain = draw(picture)
        row = {"lines": share_of_lines(plain), "contrast": contrast(plain)}
        rows.append({**row, "halo": halo(draw(with_disc(picture)), plain)})
    return rows


def _distance():
    axis = np.arange(SIZE) - (SIZE - 1) / 2
    return np.hypot(axis[:, None], axis)
