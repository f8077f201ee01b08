"""Pictures drawn in tiles, whose feature maps do not fit in memory.

The levels need the moments of the whole picture, so that the tiles are gone
through four times: for those of the first level, for those of the second with
those of the first given, likewise for those of the third, and to draw with all.
Each tile is computed with as much of the picture around it as its pixels depend
on, and ends with it only where the picture ends. Beside the picture as float32
and the result, the features of one tile are in memory.
"""

import math

import keras
import numpy as np

from keras_vipa.applications.din.networks import SMALLEST
from keras_vipa.applications.din.networks import STRIDE
from keras_vipa.layers import DoubleSize2D
from keras_vipa.layers import DynamicInstanceNorm
from keras_vipa.layers import ReflectionPadding2D
from keras_vipa.layers import WhiteningColoring
from keras_vipa.utils import checks


def draw_in_tiles(model, image, code, tile):
    """Draw a large picture tile by tile, as `DIN.draw` draws it whole.

    Args:
        model: `DIN`, not with `sampling="spherical"`, whose kernels depend on
            the place.
        image: float32 array `(height, width, 3)`.
        code: array `(length,)`.
        tile: integer. Height and width of a tile in pixels, without what is
            around it; rounded up to a multiple of 4.

    Yields:
        The tile's place in the picture, a pair of slices, and the drawing
        `(height, width, 3)` there, not cut off at 0 and 1.
    """
    *halos, halo = _halos(model)
    moments = []
    for level, level_halo in zip(model.levels, halos):
        maps = _draw_tiles(model, image, code, moments, tile, level_halo)
        maps = (features for _, features in maps)
        of_colors = isinstance(level, WhiteningColoring)
        moments.append(_color_moments(maps) if of_colors else _moments(maps))
    for place, drawn in _draw_tiles(model, image, code, moments, tile, halo):
        height, width = image[place].shape[:2]
        yield place, drawn[:height, :width]


def check_tile(model, tile):
    """Raise a `ValueError` if a model cannot draw in such tiles."""
    if model.sampling == "spherical":
        raise ValueError(
            "A panorama cannot be drawn in tiles. "
            f"Received: model.sampling={model.sampling!r}"
        )
    checks.integer("tile", tile, SMALLEST)


def _halos(model):
    """How far from a pixel lies what the levels and the result depend on.

    Returns:
        List of four integers, in pixels, multiples of 4: for what each level
        reads, and for the result.
    """
    halos, reach, cell = [], 0.0, 1
    chain = [*model.encoder.layers, model.levels[0]]
    chain += [*model.middle.layers, model.levels[1], *model.decoder.layers]
    for layer in [*chain, model.levels[2]]:
        if layer in model.levels:
            halos.append(reach)
        if isinstance(layer, DynamicInstanceNorm):
            reach += cell * _level_reach(layer)
        elif isinstance(layer, ReflectionPadding2D):
            reach += cell * layer.padding
        elif isinstance(layer, DoubleSize2D):
            reach += cell
            cell /= 2
        else:
            cell *= getattr(layer, "strides", (1,))[0]
    return [math.ceil(r / STRIDE) * STRIDE for r in [*halos, reach]]


def _level_reach(level):
    """Cells from the centre to the farthest one that a level reads."""
    reach = level.dilation_rate * (level.kernel_size // 2)
    if level.sampling == "deformable":
        reach += math.ceil(level.max_offset) + 1
    return reach


def _draw_tiles(model, image, code, moments, tile, halo):
    """Features or drawing, as far as the moments reach, of each tile.

    Yields:
        The tile's place in the picture, a pair of slices, and the array
        `(height, width, channels)` for it, which goes on beyond the picture
        where the picture's sides are no multiples of 4.
    """
    rows, columns = (
        np.pad(np.arange(side), (0, -side % STRIDE), mode="reflect")
        for side in image.shape[:2]
    )
    for y, wide_y in _spans(len(rows), tile, halo):
        for x, wide_x in _spans(len(columns), tile, halo):
            part = image[rows[wide_y]][:, columns[wide_x]]
            drawn = _draw(model, part[None], code[None], moments)
            drawn = keras.ops.convert_to_numpy(drawn)[0]
            inner_y = _inside(y, wide_y, len(part) / len(drawn))
            inner_x = _inside(x, wide_x, len(part) / len(drawn))
            yield (y, x), drawn[inner_y, inner_x]


def _draw(model, image, code, moments):
    x = model.encoder(image)
    if not moments:
        return x
    x = model.middle(model.level(0, x, code, moments[0]))
    if len(moments) == 1:
        return x
    x = model.decoder(model.level(1, x, code, moments[1]))
    return x if len(moments) == 2 else model.level(2, x, code, moments[2])


def _spans(length, tile, halo):
    """Slices of about equal length, and these with the halo around them."""
    parts = math.ceil(length / tile)
    step = math.ceil(length / parts / STRIDE) * STRIDE
    for start in range(0, length, step):
        stop = min(start + step, length)
        wide = slice(max(start - halo, 0), min(stop + halo, length))
        yield slice(start, stop), wide


def _inside(span, wide, ratio):
    """A span of pixels in cells, `ratio` pixels each, of its wide span."""
    start, stop = span.start - wide.start, span.stop - wide.start
    return slice(int(start / ratio), int(stop / ratio))


def _moments(maps):
    """Mean and variance of each channel over all maps together.

    Args:
        maps: iterable of arrays `(height, width, channels)`.

    Returns:
        Two float32 arrays `(1, 1, 1, channels)`.
    """
    mean, covariance = _color_moments(maps)
    variance = np.diagonal(covariance, axis1=1, axis2=2)
    return [m[:, None, None] for m in (mean, variance)]


def _color_moments(maps):
    """Mean and covariance of the channels over all maps together.

    Returns:
        Two float32 arrays, `(1, channels)` and `(1, channels, channels)`.
    """
    sizes, means, covariances = [], [], []
    for features in maps:
        pixels = features.reshape(-1, features.shape[-1]).astype("float64")
        sizes.append(len(pixels))
        means.append(pixels.mean(0))
        covariances.append(np.cov(pixels.T, bias=True))
    mean = np.average(means, 0, sizes)
    # Within the maps and between them: no difference of large squares.
    between = [np.outer(part - mean, part - mean) for part in means]
    covariance = np.average(np.add(covariances, between), 0, sizes)
    return [m.astype("float32")[None] for m in (mean, covariance)]
