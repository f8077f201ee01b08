"""A clip of the user's: video, GIF, folder of frames or array."""

from zipfile import BadZipFile

import numpy as np
from PIL import Image
from PIL import ImageSequence
from PIL import UnidentifiedImageError

from keras_vipa.utils import checks
from keras_vipa.utils.images import find_pictures
from keras_vipa.utils.images import read_picture

# Frames a second.
RATE = 25
PICTURES = (".gif", ".webp", ".png")
# Of 68 points of a face, those of the mouth.
MOUTH = slice(48, 68)
# Width of what is cut out, of that of the mouth.
WIDER = 1.6


def read_clip(path, size=(64, 128), box=None):
    """Read the grey frames of a mouth, 25 a second.

    Videos and animated pictures have times, by which frames are left out or
    doubled; frames in a folder or an array are taken as 25 a second. Colour
    becomes grey.

    Args:
        path: str or path. A video (needs `keras_vipa[lips]`), an animated GIF,
            WebP or PNG, a folder of pictures whose names are in order, or a
            `.npy` or `.npz` file of an array `(frames, height, width)` or
            `(frames, height, width, 3)`, uint8.
        size: tuple `(height, width)` of the result.
        box: what is cut out, in pixels. Integers `(left, top, width,
            height)`; or where the mouth is, floats `(frames, points, 2)`, x
            and y, for each of the 25 frames a second: all points of it, or
            the 68 of a face, of which the last 20 are. Then what is cut out
            follows their middle, is 1.6 times as wide as the mouth, and has
            the proportions of `size`. Defaults to all.

    Returns:
        A uint8 array `(frames, *size)`.

    Raises:
        ImportError: If a video is to be read without `keras_vipa[lips]`.
        ValueError: If there is no such clip, or `box` does not fit it.

    Example:

    ```python
    clip = keras_vipa.datasets.read_clip("me.mp4", box=(210, 300, 160, 80))
    ```
    """
    size = checks.sizes("size", size, 2)
    path = checks.path("path", path)
    if not path.exists():
        raise ValueError(f"There is no clip. Received: {path}")
    frames = _read(path)
    if not frames:
        raise ValueError(f"There is no frame in this clip. Received: {path}")
    if len({frame.size for frame in frames}) > 1:
        raise ValueError(f"Frames must be of one size. Received: {path}")
    boxes = _boxes(box, frames, size)
    pairs = zip(frames, boxes, strict=True)
    # Pillow wants width first.
    shape = size[::-1]
    parts = [f.resize(shape, Image.Resampling.BOX, box=b) for f, b in pairs]
    return np.stack([np.asarray(part) for part in parts])


def _read(path):
    """Grey `PIL.Image`s, 25 a second."""
    ending = path.suffix.lower()
    if path.is_dir():
        pictures = map(read_picture, find_pictures(path))
        return [Image.fromarray(p).convert("L") for p in pictures]
    if ending in (".npy", ".npz"):
        return _of_array(path)
    frames = _animated(path) if ending in PICTURES else _of_video(path)
    return at_rate(*frames) if frames[0] else []


def at_rate(frames, times, end):
    """Frames 25 a second: of each moment, the last one that has begun.

    Args:
        frames: list.
        times: list of floats, seconds when each begins, from 0 on.
        end: float. Seconds when the last one ends.

    Returns:
        A list of some of the frames.
    """
    moments = np.arange(max(1, round(end * RATE))) / RATE
    # A little later, so that rounding does not matter.
    chosen = np.searchsorted(times, moments + 0.25 / RATE, "right") - 1
    return [frames[number] for number in chosen]


def _of_array(path):
    try:
        stored = np.load(path)
        clip = stored[stored.files[0]] if hasattr(stored, "files") else stored
    except (OSError, ValueError, IndexError, EOFError, BadZipFile) as error:
        raise ValueError(f"This is no array. Received: {path}") from error
    is_clip = clip.dtype == "uint8" and clip.size
    if not is_clip or clip.ndim != 3 and clip.shape[3:] != (3,):
        raise ValueError(
            "A clip must be uint8 (frames, height, width) or (frames, height, "
            f"width, 3). Received: {clip.dtype} {clip.shape}, {path}"
        )
    return [Image.fromarray(frame).convert("L") for frame in clip]


def _animated(path):
    try:
        with Image.open(path) as file:
            frames, seconds = [], []
            for frame in ImageSequence.Iterator(file):
                frames.append(frame.convert("L"))
                # Viewers take what is not given as a tenth of a second.
                seconds.append(frame.info.get("duration", 0) / 1000 or 0.1)
    except (OSError, UnidentifiedImageError) as error:
        raise ValueError(f"This is no picture. Received: {path}") from error
    times = np.cumsum([0.0, *seconds])
    return frames, times[:-1], times[-1]


def _of_video(path):
    try:
        import av
    except ImportError as error:
        raise ImportError(
            '`read_clip` needs av for videos: pip install "keras_vipa[lips]"'
        ) from error
    try:
        with av.open(str(path)) as file:
            found = list(file.decode(video=0))
            rate = float(file.streams.video[0].average_rate or RATE)
    except (av.FFmpegError, IndexError) as error:
        raise ValueError(f"This is no video. Received: {path}") from error
    frames = [frame.to_image().convert("L") for frame in found]
    times = [
        frame.time if frame.time is not None else number / rate
        for number, frame in enumerate(found)
    ]
    times = [time - times[0] for time in times]
    return frames, times, times[-1] + 1 / rate if times else 0.0


def _boxes(box, frames, size):
    """Left, top, right and bottom for each frame."""
    width, height = frames[0].size
    if box is None:
        return [(0, 0, width, height)] * len(frames)
    try:
        box = np.asarray(box, "float64")
    except (TypeError, ValueError):
        checks.fail("`box` must be numbers", "box", box)
    if box.shape == (4,):
        left, top, across, down = box.tolist()
        found = [(left, top, left + across, top + down)] * len(frames)
    elif box.ndim == 3 and box.shape[0] == len(frames) and box.shape[2] == 2:
        found = _around(box[:, MOUTH] if box.shape[1] == 68 else box, size)
    else:
        raise ValueError(
            "`box` must be (left, top, width, height), or points (frames, "
            f"points, 2). Received: shape {box.shape} for {len(frames)} frames"
        )
    for left, top, right, bottom in found:
        inside = 0 <= left < right <= width and 0 <= top < bottom <= height
        if not inside:
            raise ValueError(
                "What `box` cuts out must be inside the frames. Received: "
                f"left {left:g}, top {top:g}, right {right:g}, bottom "
                f"{bottom:g} of frames {width} x {height}"
            )
    return found


def _around(points, size):
    """Boxes around the points of a mouth, all of one size."""
    across = np.ptp(points[..., 0], axis=1)
    half = WIDER * np.median(across) / 2 * np.array([1.0, size[0] / size[1]])
    middle = points.mean(axis=1)
    corners = np.concatenate([middle - half, middle + half], axis=1)
    return [tuple(corner) for corner in corners.tolist()]
