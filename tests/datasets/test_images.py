import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from keras_vipa.utils.images import check_size
from keras_vipa.utils.images import contact_sheet
from keras_vipa.utils.images import decode_picture
from keras_vipa.utils.images import find_pictures
from keras_vipa.utils.images import fit_picture
from keras_vipa.utils.images import read_picture
from keras_vipa.utils.images import save_picture
from keras_vipa.utils.images import scale_picture
from keras_vipa.utils.ranges import to_range

# Four corners that differ: red, green, blue, grey, as in (top left, top
# right, bottom left, bottom right).
CORNERS = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (90, 90, 90)]


def corners(height=16, width=32):
    picture = np.zeros((height, width, 3), "uint8")
    top, left = height // 2, width // 2
    picture[:top, :left], picture[:top, left:] = CORNERS[:2]
    picture[top:, :left], picture[top:, left:] = CORNERS[2:]
    return picture


def corner_colours(picture):
    return picture[[2, 2, -3, -3], [2, -3, 2, -3]].astype(int)


@pytest.mark.parametrize("ending", ["png", "bmp", "gif", "webp", "jpg"])
def test_formats(tmp_path, ending):
    path = tmp_path / f"picture.{ending}"
    options = {"webp": {"lossless": True}, "jpg": {"quality": 98}}
    Image.fromarray(corners()).save(path, **options.get(ending, {}))
    picture = read_picture(path)
    assert picture.dtype == "uint8" and picture.shape == (16, 32, 3)
    close = 8 if ending == "jpg" else 0
    assert np.abs(corner_colours(picture) - CORNERS).max() <= close


@pytest.mark.parametrize(
    "orientation, order",
    [
        # Where the stored corners 0 1 / 2 3 belong.
        (1, [0, 1, 2, 3]),
        (3, [3, 2, 1, 0]),
        (6, [2, 0, 3, 1]),
        (8, [1, 3, 0, 2]),
    ],
)
def test_exif_rotation(tmp_path, orientation, order):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "phone.jpg"
    Image.fromarray(corners()).save(path, quality=98, exif=exif)
    picture = read_picture(path)
    turned = orientation in (6, 8)
    assert picture.shape == ((32, 16, 3) if turned else (16, 32, 3))
    expected = np.array(CORNERS)[order]
    assert np.abs(corner_colours(picture) - expected).max() <= 8


def test_grey(tmp_path):
    path = tmp_path / "grey.png"
    Image.fromarray(np.array([[0, 7, 255]], "uint8")).save(path)
    assert read_picture(path).tolist() == [
        [[0, 0, 0], [7, 7, 7], [255, 255, 255]]
    ]


def test_sixteen_bit_grey_is_scaled(tmp_path):
    path = tmp_path / "deep.png"
    levels = np.array([[0, 257, 32896, 65535]], "uint16")
    Image.fromarray(levels).save(path)
    assert read_picture(path)[0, :, 1].tolist() == [0, 1, 128, 255]


def test_one_bit(tmp_path):
    path = tmp_path / "bits.png"
    Image.fromarray(np.array([[True, False]])).save(path)
    assert read_picture(path)[0, :, 0].tolist() == [255, 0]


def test_alpha_lies_on_white(tmp_path):
    path = tmp_path / "alpha.png"
    pixels = [[[200, 0, 0, 0], [200, 0, 0, 51], [200, 0, 0, 255]]]
    Image.fromarray(np.array(pixels, "uint8")).save(path)
    found = read_picture(path)[0].astype(int)
    # 0.2 * colour + 0.8 * white.
    expected = [[255, 255, 255], [244, 204, 204], [200, 0, 0]]
    assert np.abs(found - expected).max() <= 1


def test_grey_with_alpha(tmp_path):
    path = tmp_path / "grey_alpha.png"
    pixels = np.array([[[0, 0], [0, 255]]], "uint8")
    Image.fromarray(pixels, "LA").save(path)
    assert read_picture(path)[0].tolist() == [[255] * 3, [0] * 3]


def test_palette_with_transparency(tmp_path):
    path = tmp_path / "palette.png"
    picture = Image.new("P", (2, 1))
    picture.putpalette([10, 20, 30, 40, 50, 60])
    picture.putdata([0, 1])
    picture.save(path, transparency=0)
    assert read_picture(path)[0].tolist() == [[255, 255, 255], [40, 50, 60]]


def test_first_frame_of_gif(tmp_path):
    path = tmp_path / "film.gif"
    frames = [Image.new("RGB", (4, 4), c) for c in ("red", "lime", "blue")]
    frames[0].save(path, save_all=True, append_images=frames[1:])
    assert read_picture(path)[0, 0].tolist() == [255, 0, 0]


def test_cmyk_jpeg(tmp_path):
    path = tmp_path / "print.jpg"
    Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(path, quality=98)
    found = read_picture(path)[4, 4].astype(int)
    assert np.abs(found - [255, 0, 0]).max() <= 8


def write_truncated(path):
    Image.fromarray(corners(64, 64)).save(path)
    path.write_bytes(path.read_bytes()[:-60])


def write_text(path):
    path.write_text("not a picture")


def write_nothing(path):
    path.write_bytes(b"")


def write_tiff(path):
    Image.fromarray(corners()).save(path, "TIFF")


@pytest.mark.parametrize(
    "write", [write_truncated, write_text, write_nothing, write_tiff]
)
def test_unreadable(tmp_path, write):
    path = tmp_path / "broken.png"
    write(path)
    with pytest.raises(ValueError, match="Received: path=.*broken.png"):
        read_picture(path)


def test_missing(tmp_path):
    with pytest.raises(ValueError, match="no such file"):
        read_picture(tmp_path / "missing.png")
    with pytest.raises(ValueError, match="no such file"):
        read_picture(tmp_path)


def test_bomb_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "bomb.png"
    Image.new("1", (40, 40)).save(path)
    assert read_picture(path).shape == (40, 40, 3)
    # Above the limit Pillow only warns; above twice the limit it raises.
    for limit in (1000, 100):
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
        with pytest.raises(ValueError, match="DecompressionBomb"):
            read_picture(path)


def test_fit_crops_the_centre():
    picture = np.zeros((10, 40, 3), "uint8")
    picture[:, 15:25] = 200
    assert (fit_picture(picture, 10) == 200).all()
    tall = picture.swapaxes(0, 1)
    assert (fit_picture(tall, (10, 10)) == 200).all()
    assert fit_picture(picture, (5, 8)).shape == (5, 8, 3)


def test_fit_keeps_a_picture_of_the_size():
    picture = corners()
    np.testing.assert_array_equal(fit_picture(picture, (16, 32)), picture)


def test_fit_smooths_when_it_shrinks():
    stripes = np.zeros((64, 64, 3), "uint8")
    stripes[:, ::2] = 255
    inner = fit_picture(stripes, 8)[2:-2, 2:-2].astype(int)
    assert np.abs(inner - 127).max() < 12


@pytest.mark.parametrize("size", [0, -3, 2.5, (4,), (4, 0), (1, 2, 3), "32"])
def test_wrong_size(size):
    with pytest.raises(ValueError, match="Received: size="):
        check_size(size)


def test_save_rounds_cuts_and_leaves_nothing_behind(tmp_path):
    path = tmp_path / "saved.png"
    levels = np.array([-1.0, 0.0, 0.5, 1.0, 7.0, 100 / 255])
    save_picture(path, levels.astype("float32").repeat(3).reshape(1, 6, 3))
    found = read_picture(path)[0, :, 0].tolist()
    assert found == [0, 0, 128, 255, 255, 100]
    assert [file.name for file in tmp_path.iterdir()] == ["saved.png"]


@pytest.mark.parametrize(
    "name, picture",
    [
        ("a.png", np.zeros((4, 4), "uint8")),
        ("a.png", np.zeros((4, 4, 3), "int64")),
        ("a.xyz", np.zeros((4, 4, 3), "uint8")),
        ("a", np.zeros((4, 4, 3), "uint8")),
    ],
)
def test_save_refuses(tmp_path, name, picture):
    with pytest.raises(ValueError, match="Received: "):
        save_picture(tmp_path / name, picture)
    assert not list(tmp_path.iterdir())


def test_decode_is_read(tmp_path):
    path = tmp_path / "picture.jpg"
    Image.fromarray(corners()).save(path)
    decoded = decode_picture(path.read_bytes())
    np.testing.assert_array_equal(decoded, read_picture(path))


@pytest.mark.parametrize("data", [b"", b"text", b"\x89PNG\r\n\x1a\n"])
def test_decode_refuses(data):
    message = rf"\(UnidentifiedImageError\). Received: {len(data)} bytes"
    with pytest.raises(ValueError, match=message):
        decode_picture(data)


def test_decode_refuses_bombs(tmp_path, monkeypatch):
    save_picture(tmp_path / "bomb.png", corners())
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 400)
    with pytest.raises(ValueError, match="DecompressionBombWarning"):
        decode_picture((tmp_path / "bomb.png").read_bytes())


def test_find_pictures(tmp_path):
    for name in ("b.PNG", "a.webp", "c.txt", ".d.png"):
        (tmp_path / name).write_text("")
    found = [path.name for path in find_pictures(tmp_path)]
    assert found == ["a.webp", "b.PNG"]
    assert find_pictures(tmp_path / "c.txt") == [tmp_path / "c.txt"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="Received: .*empty"):
        find_pictures(tmp_path / "empty")


@pytest.mark.parametrize(
    "size, side, shape",
    [
        (16, "long", (8, 16)),
        (64, "long", (32, 64)),
        (32, "short", (32, 64)),
        (1, "long", (1, 1)),
    ],
)
def test_scale(size, side, shape):
    scaled = scale_picture(corners(), size, side)
    assert scaled.shape == (*shape, 3)
    if min(shape) > 4:
        assert np.abs(corner_colours(scaled) - CORNERS).max() <= 8


def test_scale_refuses():
    for size, side in ((0, "long"), (2.5, "long"), (8, "left")):
        with pytest.raises(ValueError, match="Received: "):
            scale_picture(corners(), size, side)


def test_contact_sheet():
    colours = [np.full((16, 24, 3), 40 * n, "uint8") for n in range(5)]
    title = np.full((80, 40, 3), 200, "uint8")
    sheet = contact_sheet(colours, [None, title], gap=2)
    # Cells of 4 + 16 rows and 24 columns, with 2 between, in two rows.
    assert sheet.shape == (2 * 24, 3 * 26 + 2, 3)
    for number in range(5):
        top, left = 6 + 24 * (number // 3), 2 + 26 * (number % 3)
        assert (sheet[top : top + 16, left : left + 24] == 40 * number).all()
        assert (sheet[top - 6 : top - 4] == 255).all()
    # The title is two rows high and as wide as its proportions say.
    found = np.argwhere(sheet[..., 0] == 200)
    assert found.min(0).tolist() == [2, 28] and found.max(0).tolist() == [3, 28]


def test_contact_sheet_of_tiny_and_of_long_pictures():
    line = np.zeros((1, 900, 3), "uint8")
    tiny = np.zeros((2, 3, 3), "uint8")
    assert contact_sheet([tiny], [line]).shape == (19, 19, 3)
    assert contact_sheet([tiny], [line.swapaxes(0, 1)]).shape == (19, 19, 3)


def exif_data(*entries, orientation=6):
    """An EXIF block of an orientation and of raw entries."""
    entries = [(0x0112, 3, 1, struct.pack("<HH", orientation, 0)), *entries]
    parts = [
        struct.pack("<HHL", *entry[:3]) + entry[3] for entry in sorted(entries)
    ]
    head = b"Exif\0\0II*\0" + struct.pack("<LH", 8, len(parts))
    return head + b"".join(parts) + bytes(4)


@pytest.mark.parametrize("ending", ["png", "webp", "jpg"])
def test_odd_exif_beside_an_orientation(tmp_path, ending):
    path = tmp_path / f"turned.{ending}"
    for odd in (
        (0x9999, 200, 1, b"abcd"),
        (0x010E, 2, 100, struct.pack("<L", 10**6)),
        (0x8769, 4, 1, struct.pack("<L", 8)),
        (0x0102, 8, 1, struct.pack("<hh", -5, 0)),
        (0x8769, 9, 1, struct.pack("<l", -5)),
        (0x011A, 3, 1, struct.pack("<HH", 7, 0)),
    ):
        picture = Image.fromarray(corners())
        picture.save(path, quality=95, exif=exif_data(odd))
        found = read_picture(path)
        assert found.shape == (32, 16, 3)
        expected = np.array(CORNERS)[[2, 0, 3, 1]]
        assert np.abs(corner_colours(found) - expected).max() < 40


@pytest.mark.parametrize("ending", ["png", "webp", "jpg"])
def test_exif_that_is_none(tmp_path, ending):
    path = tmp_path / f"sound.{ending}"
    for data in (b"none", b"Exif\0\0", b"Exif\0\0MM\0*\0\0\0\x08\xff\xff"):
        Image.fromarray(corners()).save(path, exif=data)
        assert read_picture(path).shape == (16, 32, 3)


def test_sixteen_bit_grey_with_a_transparent_level():
    levels = np.array([[0, 257 * 100, 65535]], ">u2")
    parts = {
        b"IHDR": struct.pack(">LLBBBBB", 3, 1, 16, 0, 0, 0, 0),
        b"tRNS": struct.pack(">H", 257 * 100),
        b"IDAT": zlib.compress(b"\0" + levels.tobytes()),
        b"IEND": b"",
    }
    data = b"\x89PNG\r\n\x1a\n"
    for kind, part in parts.items():
        check = struct.pack(">L", zlib.crc32(kind + part))
        data += struct.pack(">L", len(part)) + kind + part + check
    assert decode_picture(data)[0, :, 0].tolist() == [0, 255, 255]


@pytest.mark.parametrize("white", [1.0, 255.0])
def test_to_range(white):
    levels = np.arange(12, dtype="uint8").reshape(1, 2, 2, 3) * 23
    floats = levels.astype("float32") * np.float32(white / 255)
    scaled = to_range(levels, white)
    assert scaled.dtype == "float32"
    np.testing.assert_allclose(scaled, floats, rtol=1e-6)
    assert to_range(floats, white) is floats
    other = floats * (255 if white == 1 else 1 / 255)
    with pytest.raises(ValueError, match="`white.*Received: numbers up to"):
        to_range(other, white)
    vectors = 1000.0 * np.ones((3, 4))
    assert to_range(vectors, white) is vectors


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        (to_range, (None,)),
        (to_range, (np.zeros((1, 2, 2, 3)), 0)),
        (check_size, (None,)),
        (check_size, (10**7,)),
        (check_size, (True,)),
        (check_size, ([3, None],)),
        (fit_picture, (None, 4)),
        (fit_picture, (np.zeros((2, 2, 3)), 4)),
        (fit_picture, (np.zeros((0, 2, 3), "uint8"), 4)),
        (scale_picture, (corners(), 10**7)),
        (scale_picture, (corners(), (3, 4))),
        (scale_picture, (corners(), 4, [])),
        (contact_sheet, ([], [])),
        (contact_sheet, (None, None)),
        (contact_sheet, ([corners()], [None, None])),
        (contact_sheet, ([corners(), corners(8)], [])),
        (contact_sheet, ([corners()], [], -1)),
        (contact_sheet, ([corners()], [], 10**9)),
        (find_pictures, (None,)),
        (find_pictures, ("",)),
        (read_picture, (0,)),
        (read_picture, (None,)),
        (decode_picture, (None,)),
        (decode_picture, ("text",)),
    ],
)
def test_bad_arguments(function, arguments):
    with pytest.raises(ValueError, match="Received: ") as error:
        function(*arguments)
    assert "\n" not in str(error.value)
