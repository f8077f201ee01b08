"""Writes the sheets that `keras_vipa/datasets/sheets.py` reads."""

import os

import numpy as np
from PIL import Image

from keras_vipa.datasets.sheets import COLUMNS


def write_sheet(path, pictures):
    """Write pictures side by side as one WebP file, without loss.

    Args:
        path: string. The file.
        pictures: uint8 array `(n, size, size, 3)`.
    """
    count, size = pictures.shape[:2]
    lines = -(-count // COLUMNS)
    cells = np.full((lines * COLUMNS, size, size, 3), 255, "uint8")
    cells[:count] = pictures
    sheet = cells.reshape(lines, COLUMNS, size, size, 3).swapaxes(1, 2)
    sheet = sheet.reshape(lines * size, COLUMNS * size, 3)
    Image.fromarray(sheet).save(
        path + ".part", "WEBP", lossless=True, quality=100, method=6
    )
    os.replace(path + ".part", path)
