import numpy as np
import pytest

from keras_vipa.datasets import cmlr

pytest.importorskip("pypinyin")
NAMES = ["section_4_002.92_004.59", "section_1_000.00_000.40"]
WORDS = ["银行 0.1 0.3", "里 0.3 0.4", "的 0.4 0.5", "绿色 0.5 0.7"]
TEXTS = ["\n".join(["银行 里 的 绿色", *WORDS]), "你好"]


@pytest.fixture
def corpus(tmp_path):
    """Two clips of ten frames, of which one is in a folder twice as deep."""
    (tmp_path / "test.csv").write_text(
        f"s4/20110304_{NAMES[0]}\ns11/20110304/{NAMES[1]}\n", "utf-8"
    )
    for number, place in enumerate(["s4", "s11/s11"]):
        for kind in ("video", "text"):
            folder = tmp_path / kind / place / "20110304"
            folder.mkdir(parents=True)
            if kind == "text":
                path = folder / f"{NAMES[number]}.txt"
                path.write_text(TEXTS[number], "utf-8")
                continue
            frames = np.full((20, 8, 16), 50 + number, "uint8")
            np.savez(folder / f"{NAMES[number]}.npz", frames)
    return tmp_path


def test_what_is_said(corpus):
    clips = cmlr(corpus, "test", (4, 8))
    assert clips.texts == ["银行里的绿色", "你好"]
    assert clips.pinyin[0] == ["yin", "hang", "li", "de", "lü", "se"]
    assert clips.tones == [[2, 2, 3, 5, 4, 4], [3, 3]]
    assert clips.speakers.tolist() == [4, 11]
    assert clips.clip(1).shape == (20, 4, 8) and (clips.clip(1) == 51).all()
    assert len(cmlr(corpus, "test", limit=1)) == 1


def test_places(corpus):
    """Where times are known; characters share the time of their word."""
    clips = cmlr(corpus, "test", (4, 8), limit=1)
    # Frames are in the middle of 0.00 to 0.04 and so on.
    expected = [-1] * 2 + [0] * 3 + [1] * 2 + [2] * 3 + [3] * 2 + [4] * 3
    assert clips.places(0).tolist() == [*expected, 5, 5, -1, -1, -1]
    assert cmlr(corpus, "test").places(0) is None


def test_boxes(corpus):
    asked = []

    def boxes(name):
        asked.append(name)
        return 0, 0, 8, 4

    assert cmlr(corpus, "test", (4, 8), boxes).clip(0).shape == (20, 4, 8)
    assert asked == [f"s4/20110304/{NAMES[0]}"]


def test_errors(corpus):
    with pytest.raises(ValueError, match="no such list. .*train.csv"):
        cmlr(corpus)
    text = corpus / "text" / "s4" / "20110304" / f"{NAMES[0]}.txt"
    for content, message in (
        ("", "must be a sentence"),
        ("你好\n你 0.1 0.2", "and then its words"),
        ("你好\n你好 0.1", "a word and two times"),
        ("GDP", "Chinese characters alone. Received: GDP"),
    ):
        text.write_text(content, "utf-8")
        with pytest.raises(ValueError, match=message):
            cmlr(corpus, "test")
    text.unlink()
    with pytest.raises(ValueError, match="A file of CMLR is missing. .*txt"):
        cmlr(corpus, "test")
    (corpus / "val.csv").write_text("nothing")
    with pytest.raises(ValueError, match="lines such as .*'nothing'"):
        cmlr(corpus, "validation")
