"""Embedded pictures: many of one size side by side in one file."""

from importlib import resources

import numpy as np
from PIL import Image

# Pictures in one row of a sheet.
COLUMNS = 64


def read_sheet(name, size, count):
    """Return the pictures of a sheet of the package, row by row.

    Args:
        name: string. The file in `keras_vipa.datasets`.
        size: integer. Height and width of a picture.
        count: integer. How many there are; the rest of the last row is empty.

    Returns:
        A uint8 array `(count, size, size, 3)`.
    """
    path = resources.files("keras_vipa.datasets") / name
    with path.open("rb") as file, Image.open(file) as picture:
        sheet = np.asarray(picture.convert("RGB"))
    cells = sheet.reshape(-1, size, COLUMNS, size, 3).swapaxes(1, 2)
    return cells.reshape(-1, size, size, 3)[:count]
