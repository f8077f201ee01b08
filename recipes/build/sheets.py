"""Writes the sheets that `keras_vipa/datasets/sheets.py` reads."""

import os

import numpy as np
from PIL import Image

from keras_vipa.datasets.sheets import COLUMNS


def write_sheet(path, pictures, quality=None):
    """Write pictures side by side as one WebP file.

    Args:
        path: string. The file.
        pictures: uint8 array `(n, size, size, 3)`.
        quality: int, 0 to 100, or `None`: without loss.
    """
    count, size = pictures.shape[:2]
    lines = -(-count // COLUMNS)
    cells = np.full((lines * COLUMNS, size, size, 3), 255, "uint8")
    cells[:count] = pictures
    sheet = cells.reshape(lines, COLUMNS, size, size, 3).swapaxes(1, 2)
    sheet = sheet.reshape(lines * size, COLUMNS * size, 3)
    options = {"lossless": True, "quality": 100}
    if quality is not None:
        options = {"quality": quality}
    Image.fromarray(sheet).save(path + ".part", "WEBP", method=6, **options)
    os.replace(path + ".part", path)
