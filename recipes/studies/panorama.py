"""Panoramas made, cut into cube faces, and measured; how flat pictures are."""

import math

import numpy as np


def directions_of_panorama(height):
    """Unit vectors of the pixels of a panorama, north pole above.

    Args:
        height: integer. The width is twice as large.

    Returns:
        An array `(height, 2 * height, 3)`: east, north, and out of the picture.
    """
    latitude = (0.5 - (np.arange(height) + 0.5) / height) * math.pi
    longitude = ((np.arange(2 * height) + 0.5) / height - 1) * math.pi
    latitude, longitude = np.meshgrid(latitude, longitude, indexing="ij")
    flat = np.cos(latitude)
    parts = flat * np.sin(longitude), np.sin(latitude), flat * np.cos(longitude)
    return np.stack(parts, axis=-1)


def random_panorama(height, waves=120, seed=0):
    """Make a panorama that looks the same in every direction.

    Args:
        height: integer. The width is twice as large.
        waves: integer. Plane waves through space that are added up.
        seed: integer.

    Returns:
        A float32 array `(height, 2 * height, 3)` in [0, 1].
    """
    generator = np.random.default_rng(seed)
    directions = directions_of_panorama(height)
    panorama = np.zeros((*directions.shape[:2], 3))
    for _ in range(waves):
        wave = generator.normal(size=3)
        wave *= np.exp(generator.uniform(0.5, 3.0)) / np.linalg.norm(wave)
        phase = generator.uniform(0, 2 * math.pi)
        color = generator.normal(size=3) / np.linalg.norm(wave) ** 0.5
        panorama += np.sin(directions @ wave + phase)[..., None] * color
    panorama = 0.5 + 0.2 * panorama / panorama.std()
    return panorama.clip(0, 1).astype("float32")


def cube_faces(panorama, size):
    """Project a panorama to the six faces of a cube around it.

    Args:
        panorama: array `(height, 2 * height, channels)`.
        size: integer. Pixels of a face's side.

    Returns:
        A dict of `front`, `right`, `back`, `left`, `up` and `down`, each an
        array `(size, size, channels)`.
    """
    grid = (np.arange(size) + 0.5) / size * 2 - 1
    x, y = np.meshgrid(grid, -grid)
    one = np.ones_like(x)
    faces = {
        "front": (x, y, one),
        "right": (one, y, -x),
        "back": (-x, y, -one),
        "left": (-one, y, x),
        "up": (x, one, -y),
        "down": (x, -one, y),
    }
    return {
        name: _read(panorama, *direction) for name, direction in faces.items()
    }


def _read(panorama, east, north, out):
    height, width = panorama.shape[:2]
    latitude = np.arctan2(north, np.hypot(east, out))
    longitude = np.arctan2(east, out)
    row = (0.5 - latitude / math.pi) * height - 0.5
    row = row.clip(0, height - 1)
    column = (longitude / math.pi + 1) * height - 0.5
    top, left = np.floor(row).astype(int), np.floor(column).astype(int)
    down, right = (row - top)[..., None], (column - left)[..., None]
    below = np.minimum(top + 1, height - 1)
    left, after = left % width, (left + 1) % width
    upper = panorama[top, left] * (1 - right) + panorama[top, after] * right
    lower = panorama[below, left] * (1 - right) + panorama[below, after] * right
    return upper * (1 - down) + lower * down


def stroke_size(picture):
    """Half-width of the autocorrelation of a picture's fine structure.

    Args:
        picture: array `(height, width, 3)`.

    Returns:
        Float. Pixels at which the correlation of the luminance, less its
        means over 17 x 17 pixels, has fallen to a half, averaged over both
        directions.
    """
    grey = np.asarray(picture, "float64").mean(axis=-1)
    grey = grey - _box(grey, 17)
    size = [2 * side for side in grey.shape]
    power = np.abs(np.fft.rfft2(grey - grey.mean(), size)) ** 2
    correlation = np.fft.irfft2(power, size)
    correlation /= correlation[0, 0]
    return (_half(correlation[0]) + _half(correlation[:, 0])) / 2


def deviation(grey, cell):
    """Standard deviation around each cell of pictures.

    Args:
        grey: array `(n, height, width)`.
        cell: integer. Pixels of a cell's side, a divisor of the sides; the
            window around a cell is about four cells wide.

    Returns:
        An array `(n, height / cell, width / cell)`.
    """
    size = 4 * cell + 1
    maps = []
    for picture in grey:
        variance = _box(picture**2, size) - _box(picture, size) ** 2
        maps.append(np.sqrt(variance.clip(0)))
    return np.stack(maps)[:, cell // 2 :: cell, cell // 2 :: cell]


def _box(grey, size):
    """Means over windows, borders repeated."""
    for axis in (0, 1):
        pad = [(0, 0), (0, 0)]
        pad[axis] = (size // 2, size // 2)
        padded = np.pad(grey, pad, mode="edge")
        windows = np.lib.stride_tricks.sliding_window_view(padded, size, axis)
        grey = windows.mean(axis=-1)
    return grey


def _half(values):
    """Where values that fall from 1 cross a half, between the samples."""
    end = int(np.argmax(values < 0.5))
    return end - 1 + (values[end - 1] - 0.5) / (values[end - 1] - values[end])
