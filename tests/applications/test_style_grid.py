import numpy as np
import pytest

from keras_vipa.applications.din.style_grid import style_grid


class Adder:
    """Stands in for `DIN`: the drawing is the photograph plus the style."""

    def style_code(self, style):
        return style[0, 0]

    def transfer(self, photograph, code, grain):
        return photograph + code + int(grain)


def plain(level, size=16):
    return np.full((size, size, 3), level, "uint8")


def test_rows_are_photographs_and_columns_styles():
    model, photographs = Adder(), [plain(10), plain(20)]
    styles = [plain(1), plain(2), plain(3)]
    grid = style_grid(model, photographs, styles)
    assert grid.shape == (3 * 16, 4 * 16, 3)
    cells = [[255, 1, 2, 3], [10, 11, 12, 13], [20, 21, 22, 23]]
    np.testing.assert_array_equal(grid[8::16, 8::16, 0], cells)


def test_grain_is_laid_over_the_photographs():
    grid = style_grid(Adder(), [plain(10)], [plain(1)], grain=2.0)
    cells = [[255, 1], [10, 13]]
    np.testing.assert_array_equal(grid[8::16, 8::16, 0], cells)


def test_cells_are_scaled():
    grid = style_grid(Adder(), [plain(10, 40)], [plain(1, 24)], size=8)
    assert grid.shape == (16, 16, 3)
    np.testing.assert_array_equal(grid[4::8, 4::8, 0], [[255, 1], [10, 11]])


@pytest.mark.parametrize(
    "pictures", [[], None, "ab", [None], [np.ones((8, 8))]]
)
def test_no_pictures(pictures):
    for lists in ([pictures, [plain(1)]], [[plain(10)], pictures]):
        with pytest.raises(ValueError, match="must be.*Received: "):
            style_grid(Adder(), *lists)
