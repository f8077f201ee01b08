"""Read, resize and save pictures with Pillow; for recipes and users too."""

import io
import itertools
import math
import os
import warnings

import numpy as np
from PIL import Image
from PIL import ImageOps

from keras_vipa.utils import checks
from keras_vipa.utils.files import written_beside

# Pillow knows some forty formats, and some of them start other programs.
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP")
ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp")
# By the value of the EXIF tag 0x0112.
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def check_size(size):
    """Return a picture size as `(height, width)`.

    Args:
        size: integer, or pair of integers `(height, width)`. In pixels,
            positive.

    Returns:
        A pair of integers `(height, width)`.

    Raises:
        ValueError: If `size` is anything else, or of more pixels than Pillow
            takes for harmless (`PIL.Image.MAX_IMAGE_PIXELS`).

    Example:

    >>> check_size(32)
    (32, 32)
    >>> check_size([24, 32])
    (24, 32)
    """
    is_pair = isinstance(size, tuple | list | np.ndarray)
    pair = tuple(size) if is_pair else (size, size)
    if len(pair) != 2 or not all(map(checks.is_integer, pair)):
        rule = "`size` must be a positive integer or a pair of them, "
        checks.fail(f"{rule}(height, width)", "size", size)
    height, width = int(pair[0]), int(pair[1])
    _check_pixels(height, width, size)
    return height, width


def _check_pixels(height, width, size):
    """As in reading: what Pillow takes for harmless."""
    limit = Image.MAX_IMAGE_PIXELS
    if limit is not None and height * width > limit:
        rule = f"`size` must be for pictures of at most {limit:,} pixels"
        checks.fail(rule, "size", size)


def check_picture(picture, name="picture"):
    """Return a picture, if it is one.

    Args:
        picture: uint8 array `(height, width, 3)`.
        name: string. What messages call it.

    Returns:
        The picture.

    Raises:
        ValueError: If it is anything else.
    """
    is_array = isinstance(picture, np.ndarray) and picture.dtype == "uint8"
    if not is_array or picture.ndim != 3 or picture.shape[2] != 3:
        rule = f"`{name}` must be a uint8 array (height, width, 3)"
        checks.fail(rule, name, picture)
    if 0 in picture.shape:
        checks.fail(f"`{name}` must have pixels", "shape", picture.shape)
    return picture


def fit_picture(picture, size):
    """Scale a picture until it covers `size`, then crop its centre.

    The proportions are kept: the side that is short compared to `size` is
    scaled to it with Lanczos' filter, and what the other side has too much is
    cut off, half of it at each end.

    Args:
        picture: uint8 array `(height, width, 3)`. RGB in [0, 255].
        size: integer, or pair of integers `(height, width)`. In pixels.

    Returns:
        A uint8 array `(height, width, 3)` of the size asked for.

    Raises:
        ValueError: If `size` is not a positive integer or a pair of them, or
            if this is no picture.

    Example:

    >>> import numpy as np
    >>> fit_picture(np.zeros((60, 80, 3), "uint8"), 32).shape
    (32, 32, 3)
    """
    height, width = check_size(size)
    fitted = ImageOps.fit(
        Image.fromarray(check_picture(picture)),
        (width, height),
        Image.Resampling.LANCZOS,
    )
    return np.asarray(fitted)


def scale_picture(picture, size, side="long"):
    """Scale a picture until one side has `size` pixels, keeping proportions.

    Args:
        picture: uint8 array `(height, width, 3)`. RGB in [0, 255].
        size: integer. In pixels, positive.
        side: string. `"long"` or `"short"`, the side that is meant.

    Returns:
        A uint8 array `(height, width, 3)`, scaled with Lanczos' filter.

    Raises:
        ValueError: If `size` is not a positive integer, `side` unknown, or if
            this is no picture.

    Example:

    >>> import numpy as np
    >>> scale_picture(np.zeros((60, 80, 3), "uint8"), 40).shape
    (30, 40, 3)
    """
    checks.integer("size", size)
    shape = check_picture(picture).shape[:2]
    sides = {"long": max(shape), "short": min(shape)}
    length = sides[checks.choice("side", side, sides)]
    height, width = (max(1, round(part * size / length)) for part in shape)
    _check_pixels(height, width, size)
    scaled = Image.fromarray(picture).resize(
        (width, height), Image.Resampling.LANCZOS
    )
    return np.asarray(scaled)


def contact_sheet(pictures, titles, gap=8):
    """Put pictures of one size into a grid, a small picture above each.

    The grid has about as many rows as columns and is filled row by row.

    Args:
        pictures: list of uint8 arrays `(height, width, 3)`.
        titles: list of pictures of any size, shown within a quarter of the
            height; `None`, or a list that is shorter, for pictures without.
        gap: integer. White pixels around each picture.

    Returns:
        A uint8 array `(sheet_height, sheet_width, 3)`.

    Raises:
        ValueError: If there is no picture, if their sizes differ, or if there
            are more titles than pictures.

    Example:

    >>> import numpy as np
    >>> picture = np.zeros((40, 60, 3), "uint8")
    >>> contact_sheet([picture] * 3, [None, picture, picture], gap=5).shape
    (120, 135, 3)
    """
    height, width = _check_sheet(pictures, titles)
    gap = checks.integer("gap", gap, 0)
    strip = math.ceil(height / 4)
    cell_height, cell_width = strip + height + 2 * gap, width + gap
    columns = math.ceil(math.sqrt(len(pictures)))
    rows = math.ceil(len(pictures) / columns)
    size = (columns * cell_width + gap, rows * cell_height)
    checks.memory("`pictures` and `gap`", 3 * size[0] * size[1])
    sheet = Image.new("RGB", size, "white")
    pairs = itertools.zip_longest(pictures, titles)
    for number, (picture, title) in enumerate(pairs):
        row, column = divmod(number, columns)
        left, top = column * cell_width + gap, row * cell_height + gap
        if title is not None:
            small = Image.fromarray(title)
            small.thumbnail(
                (width, max(1, strip - gap)), Image.Resampling.LANCZOS
            )
            sheet.paste(small, (left, top))
        sheet.paste(Image.fromarray(picture), (left, top + strip))
    return np.asarray(sheet)


def _check_sheet(pictures, titles):
    """Height and width of the pictures of a sheet."""
    for name, value in (("pictures", pictures), ("titles", titles)):
        if not isinstance(value, list | tuple | np.ndarray):
            checks.fail(f"`{name}` must be a list of pictures", name, value)
    shapes = [check_picture(p, "pictures").shape for p in pictures]
    if len(set(shapes)) != 1:
        rule = "`pictures` must be at least one picture, all of one size"
        checks.fail(rule, "shapes", shapes)
    if len(titles) > len(pictures):
        rule = f"`titles` must be for the pictures, at most {len(pictures)}"
        checks.fail(rule, "titles", len(titles))
    for title in titles:
        if title is not None:
            check_picture(title, "titles")
    return shapes[0][:2]


def find_pictures(place):
    """Find a picture file, or those directly in a folder, sorted by name.

    Args:
        place: string or path. A file, which is not looked at; or a folder, of
            which the files with a picture's ending are taken, without those
            whose names begin with a dot.

    Returns:
        List of `pathlib.Path`.

    Raises:
        ValueError: If there is no picture in the folder, or this is no path.

    Example:

    >>> find_pictures("photo.jpg")[0].name
    'photo.jpg'
    """
    place = checks.path("place", place)
    if not place.is_dir():
        return [place]
    paths = [
        path
        for path in sorted(place.iterdir())
        if path.suffix.lower() in ENDINGS and path.name[0] != "."
    ]
    if not paths:
        raise ValueError(
            "A folder must hold PNG, JPEG, WebP, GIF or BMP pictures. "
            f"Received: {str(place)!r}"
        )
    return paths


def read_picture(path):
    """Read a PNG, JPEG, WebP, GIF or BMP file as 8-bit RGB.

    The first frame is read and turned as its EXIF data says. Greyscale is
    repeated into the three channels, 16-bit greyscale is scaled to 8 bits,
    palettes and CMYK are converted and transparent pixels lie on white.

    Args:
        path: string or path. The file.

    Returns:
        A uint8 array `(height, width, 3)`, RGB in [0, 255].

    Raises:
        ValueError: If the file is missing, damaged or of another format, or
            has more pixels than Pillow takes for harmless
            (`PIL.Image.MAX_IMAGE_PIXELS`).

    Example:

    >>> import os, tempfile
    >>> import numpy as np
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = os.path.join(folder.name, "red.png")
    >>> save_picture(path, np.full((2, 3, 3), (255, 0, 0), "uint8"))
    >>> read_picture(path)[0, 0].tolist()
    [255, 0, 0]
    >>> folder.cleanup()
    """
    try:
        # A device or a pipe has a name too, and opening it can hang; so has
        # what is open already, by its number.
        if isinstance(path, int) or not os.path.isfile(path):
            raise FileNotFoundError("no such file")
        return _decode(path)
    # Pillow's decoders raise a dozen kinds of error on damaged files.
    except Exception as error:
        raise ValueError(
            "The file must be a readable PNG, JPEG, WebP, GIF or BMP picture "
            f"({type(error).__name__}: {error}). Received: path={str(path)!r}"
        ) from error


def decode_picture(data):
    """Read the bytes of a picture file, see `read_picture`.

    Args:
        data: bytes. All of the file, as it may come from standard input.

    Returns:
        A uint8 array `(height, width, 3)`, RGB in [0, 255].

    Raises:
        ValueError: If this is no picture, as with `read_picture`.

    Example:

    >>> import io
    >>> from PIL import Image
    >>> file = io.BytesIO()
    >>> Image.new("RGB", (3, 2), "red").save(file, "PNG")
    >>> decode_picture(file.getvalue()).shape
    (2, 3, 3)
    """
    try:
        return _decode(io.BytesIO(data))
    except Exception as error:
        raise ValueError(
            "The data must be a readable PNG, JPEG, WebP, GIF or BMP picture "
            f"({type(error).__name__}). Received: {_amount(data)}"
        ) from error


def _amount(data):
    return f"{len(data)} bytes" if isinstance(data, bytes) else type(data)


def _decode(file):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        with Image.open(file, formats=FORMATS) as picture:
            return _to_rgb(picture)


def _to_rgb(picture):
    picture = _upright(picture)
    if picture.mode.startswith("I"):
        # Pillow would cut 16-bit grey levels off at 255 instead of scaling.
        levels = np.asarray(picture).astype("int64")
        grey = ((levels + 128) // 257).clip(0, 255).astype("uint8")
        # One level may be marked as transparent; it lies on white.
        grey[levels == picture.info.get("transparency", -1)] = 255
        return np.repeat(grey[..., np.newaxis], 3, axis=-1)
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(white, picture)
    return np.asarray(picture.convert("RGB"))


def check_ending(path):
    """Raise a `ValueError` if no picture can be saved under this name.

    Args:
        path: string or path.
    """
    path = os.fspath(path)
    ending = os.path.splitext(path)[1].lower()
    # Pillow only reads some formats, and only says so once it has the file.
    if Image.registered_extensions().get(ending) not in Image.SAVE:
        raise ValueError(
            "The ending of `path` must name a format to save pictures in, as "
            f".png does. Received: path={path!r}"
        )


def _upright(picture):
    """Turn a picture as its EXIF data says, whatever else stands there."""
    # Damaged pixels are an error, and damaged EXIF data is not.
    picture.load()
    try:
        method = _UPRIGHT.get(picture.getexif().get(0x0112))
    except Exception:
        method = None
    if method is None:
        return picture
    turned = picture.transpose(method)
    turned.info = dict(picture.info)
    return turned


def save_picture(path, picture):
    """Save a picture; the ending of `path` says in which format.

    The file is written beside its place and renamed, so that `path` never
    holds half a picture.

    Args:
        path: string or path. The file; its folder must exist.
        picture: array `(height, width, 3)`. RGB: uint8 in [0, 255], or float
            in [0, 1], which is cut off at 0 and 1 and rounded.

    Raises:
        ValueError: If the array has another shape or dtype, or Pillow does
            not know the ending.

    Example:

    >>> import os, tempfile
    >>> import numpy as np
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = os.path.join(folder.name, "grey.png")
    >>> save_picture(path, np.full((2, 3, 3), 0.5))
    >>> read_picture(path)[0, 0].tolist()
    [128, 128, 128]
    >>> folder.cleanup()
    """
    picture = np.asarray(picture)
    if picture.dtype.kind == "f":
        levels = np.nan_to_num(picture.astype("float64")).clip(0.0, 1.0) * 255.0
        picture = np.floor(levels + 0.5).astype("uint8")
    if picture.ndim != 3 or picture.shape[-1] != 3 or picture.dtype != "uint8":
        raise ValueError(
            "A picture must be a uint8 or float array (height, width, 3). "
            f"Received: shape={picture.shape}, dtype={picture.dtype}"
        )
    check_ending(path)
    with written_beside(path) as part:
        Image.fromarray(picture).save(part, quality=95)
