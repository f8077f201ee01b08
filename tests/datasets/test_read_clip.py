import numpy as np
import pytest
from PIL import Image

from keras_vipa.datasets import read_clip
from keras_vipa.datasets.read_clip import at_rate

CLIP = (np.arange(6 * 8 * 16) % 251).astype("uint8").reshape(6, 8, 16)


def test_arrays_and_folders(tmp_path):
    np.save(tmp_path / "clip.npy", CLIP)
    np.savez(tmp_path / "clip.npz", frames=CLIP)
    (tmp_path / "UPPER.NPY").write_bytes((tmp_path / "clip.npy").read_bytes())
    (tmp_path / "frames").mkdir()
    for number, frame in enumerate(CLIP):
        Image.fromarray(frame).save(tmp_path / "frames" / f"{number:03}.png")
    for name in ("clip.npy", "UPPER.NPY", "clip.npz", "frames"):
        found = read_clip(tmp_path / name, (8, 16))
        assert found.dtype == "uint8" and (found == CLIP).all()
    # Each pixel of the result is the mean of those it covers.
    half = read_clip(tmp_path / "clip.npy", (4, 8))
    means = CLIP.reshape(6, 4, 2, 8, 2).mean(axis=(2, 4))
    assert np.abs(half - means).max() <= 1


def test_colour_becomes_grey(tmp_path):
    np.save(tmp_path / "clip.npy", np.repeat(CLIP[..., None], 3, axis=-1))
    assert (read_clip(tmp_path / "clip.npy", (8, 16)) == CLIP).all()


def test_at_rate():
    """Of each twenty-fifth of a second, the last frame that has begun."""
    assert at_rate([0, 1, 2], [0.0, 0.04, 0.08], 0.12) == [0, 1, 2]
    assert at_rate([0, 1], [0.0, 0.1], 0.2) == [0, 0, 0, 1, 1]
    fast = [n / 50 for n in range(6)]
    assert at_rate(list(range(6)), fast, 0.12) == [0, 2, 4]
    slow = [n / 24 for n in range(24)]
    assert at_rate(list(range(24)), slow, 1.0)[-1] == 23
    assert len(at_rate(list(range(24)), slow, 1.0)) == 25


def test_animated(tmp_path):
    frames = [Image.fromarray(frame) for frame in CLIP[:2]]
    frames[0].save(
        tmp_path / "clip.gif",
        save_all=True,
        append_images=frames[1:],
        duration=[80, 40],
    )
    found = read_clip(tmp_path / "clip.gif", (8, 16))
    assert found.shape == (3, 8, 16)
    assert (found[0] == found[1]).all() and (found[1] != found[2]).any()


def test_video(tmp_path):
    """One of 50 frames a second, of which every other one is left out."""
    av = pytest.importorskip("av")
    path = tmp_path / "clip.mp4"
    with av.open(str(path), "w") as file:
        stream = file.add_stream("mpeg4", rate=50)
        stream.width, stream.height, stream.pix_fmt = 64, 32, "yuv420p"
        for level in range(0, 200, 20):
            picture = np.full((32, 64, 3), level, "uint8")
            frame = av.VideoFrame.from_ndarray(picture, "rgb24")
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
    found = read_clip(path, (8, 16)).mean(axis=(1, 2))
    assert np.abs(found - [0, 40, 80, 120, 160]).max() < 8


class TestBox:
    def test_rectangle(self, tmp_path):
        np.save(tmp_path / "clip.npy", CLIP)
        found = read_clip(tmp_path / "clip.npy", (4, 8), box=(3, 2, 8, 4))
        assert (found == CLIP[:, 2:6, 3:11]).all()

    @pytest.mark.parametrize("points", [4, 68])
    def test_points(self, points, tmp_path):
        """What is cut out follows the mouth, and is as wide in all frames."""
        clip = np.zeros((3, 40, 80), "uint8")
        x = np.array([30.0, 34.0, 38.0])
        for frame, left in zip(clip, x.astype(int)):
            frame[18:22, left : left + 10] = 200
        # A mouth of 10 pixels; what is cut out is 16 wide and 8 high.
        corners = np.array([[0, 0], [10, 0], [5, -2], [5, 2]])
        mouth = corners + np.stack([x, np.full(3, 20.0)], axis=1)[:, None]
        if points == 68:
            mouth = np.concatenate(
                [np.zeros((3, 48, 2)), np.repeat(mouth, 5, axis=1)], axis=1
            )
        np.save(tmp_path / "clip.npy", clip)
        found = read_clip(tmp_path / "clip.npy", (8, 16), box=mouth)
        assert (found[0] == found[1]).all() and (found[1] == found[2]).all()
        assert (found[0][2:6, 3:13] == 200).all() and (
            found[0] == 0
        ).sum() == 88


def test_errors(tmp_path):
    np.save(tmp_path / "clip.npy", CLIP)
    np.save(tmp_path / "floats.npy", CLIP / 255)
    (tmp_path / "empty.npy").write_bytes(b"")
    (tmp_path / "sizes").mkdir()
    for number, size in enumerate([(16, 8), (8, 4)]):
        Image.new("L", size).save(tmp_path / "sizes" / f"{number}.png")
    (tmp_path / "text.gif").write_text("no")
    (tmp_path / "text.npz").write_text("no")
    (tmp_path / "text.mp4").write_text("no")
    good = tmp_path / "clip.npy"
    for path, box, message in (
        ("none.mp4", None, "There is no clip. Received: .*none.mp4"),
        ("floats.npy", None, "uint8 .*Received: float64"),
        ("text.gif", None, "This is no picture. Received: .*text.gif"),
        ("text.npz", None, "This is no array. Received: .*text.npz"),
        ("empty.npy", None, "This is no array"),
        ("sizes", None, "Frames must be of one size"),
        (good, (0, 0, 99, 2), "must be inside the frames. .*right 99"),
        (good, (0, 0, 2), r"`box` must be .*Received: shape \(3,\)"),
        (good, np.zeros((5, 4, 2)), r"\(5, 4, 2\) for 6 frames"),
    ):
        with pytest.raises(ValueError, match=message):
            read_clip(tmp_path / path, (8, 16), box)
    pytest.importorskip("av")
    with pytest.raises(ValueError, match="This is no video"):
        read_clip(tmp_path / "text.mp4")
