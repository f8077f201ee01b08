"""A picture of photographs drawn in styles."""

import numpy as np

from keras_vipa.utils import checks


def style_grid(model, photographs, styles, size=None, grain=0.0):
    """Draw each photograph in each style, and put all into one picture.

    Args:
        model: `DIN`.
        photographs: list of uint8 arrays `(height, width, 3)`.
        styles: list of uint8 arrays of the same kind.
        size: integer. Height and width of each picture on the grid, in pixels;
            defaults to that of the photographs and styles, which then must be
            of one size.
        grain: float. As in `DIN.transfer`.

    Returns:
        A uint8 array, with the styles in its first row, and the photographs in
        its first column, which begins with a white place.

    Raises:
        ValueError: If there is no photograph or no style, or an argument is
            not as above.
    """
    lists = {"photographs": photographs, "styles": styles}
    for name, pictures in lists.items():
        if not isinstance(pictures, list | tuple) or not pictures:
            rule = f"`{name}` must be a list of at least one picture"
            checks.fail(rule, name, pictures)
        rule = f"`{name}` must be uint8 arrays (height, width, 3)"
        for picture in pictures:
            array = checks.array(name, picture, rule, 3, kinds=("uint8",))
            if array.shape[2] != 3:
                checks.fail(rule, name, array)
    # Here, since importing the package leaves Pillow alone.
    from keras_vipa.utils.images import fit_picture

    def cell(picture):
        return picture if size is None else fit_picture(picture, size)

    rows = [[np.full_like(cell(styles[0]), 255), *map(cell, styles)]]
    codes = [model.style_code(style) for style in styles]
    for photograph in photographs:
        drawings = [
            model.transfer(photograph, code, grain=grain) for code in codes
        ]
        rows.append([cell(photograph), *map(cell, drawings)])
    return np.concatenate([np.concatenate(row, axis=1) for row in rows])
