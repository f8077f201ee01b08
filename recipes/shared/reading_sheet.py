"""A picture of clips, what is said in them and what was read."""

import matplotlib
import matplotlib.pyplot as plt
import numpy as np

# As learners of Mandarin often see them; the last one is the neutral tone.
COLORS = dict(
    zip("12345", ["#d62728", "#e08a00", "#2a8a2a", "#1f5fb4", "#666"])
)
MARKS = dict(zip("1234", "\u0304\u0301\u030c\u0300"))
# Which of these a machine has is its own matter; others are drawn without.
FONTS = [
    "Noto Sans CJK SC",
    "Noto Sans CJK JP",
    "Source Han Sans SC",
    "WenQuanYi Zen Hei",
    "Microsoft YaHei",
    "SimHei",
    "PingFang SC",
    "Hiragino Sans GB",
    "Arial Unicode MS",
]
FRAMES = 12


def marked(syllable, tone):
    """A syllable with the mark of its tone: `lu` and 4 to `lù`."""
    if tone not in MARKS:
        return syllable
    for vowel in "aeo":
        if vowel in syllable:
            place = syllable.index(vowel)
            break
    else:
        place = max(syllable.rfind(vowel) for vowel in "iuü")
    # Those without a vowel, such as `n`, are marked at their first letter.
    place = max(place, 0) + 1
    return syllable[:place] + MARKS[tone] + syllable[place:]


def chinese_font():
    """The name of a font with Chinese characters, or `None`."""
    known = {font.name for font in matplotlib.font_manager.fontManager.ttflist}
    return next((name for name in FONTS if name in known), None)


def write_tokens(axis, y, label, tokens, right=None):
    """A line of syllables over characters, each in the colour of its tone.

    Args:
        axis: matplotlib axis, from 0 to 1.
        y: float. The middle of the line.
        label: string, in front of it.
        tokens: dict, stage -> list.
        right: list of characters. Others are on a red ground.
    """
    font = chinese_font()
    lines = [("pinyin", y, {"fontsize": 10})]
    if font:
        large = {"fontsize": 12, "family": font}
        lines = [
            ("pinyin", y + 0.09, {"fontsize": 9}),
            ("characters", y - 0.08, large),
        ]
    axis.text(0.0, y, label, color="0.4", fontsize=8, va="center")
    space = min(0.108, 0.86 / max(1, len(tokens["characters"])))
    rows = zip(tokens["pinyin"], tokens["tones"], tokens["characters"])
    for number, (syllable, tone, character) in enumerate(rows):
        box = None
        if right and right[number : number + 1] != [character]:
            box = {"facecolor": "#ffdddd", "edgecolor": "none", "pad": 1.5}
        written = {"pinyin": marked(syllable, tone), "characters": character}
        for kind, height, style in lines:
            axis.text(
                0.13 + space * number,
                height,
                written[kind],
                color=COLORS.get(tone, "0.4"),
                ha="center",
                va="center",
                bbox=box,
                **style,
            )


def draw(clips, readings, said=None, names=None):
    """Draw all clips.

    Args:
        clips: list of uint8 arrays `(frames, height, width)`.
        readings: list of `Reading`.
        said: list of dicts, stage -> tokens: the truth, where it is known.
        names: list of titles.

    Returns:
        A matplotlib figure.
    """
    figure, axes = plt.subplots(
        len(clips),
        2,
        figsize=(10, 2.1 * len(clips)),
        width_ratios=[2.1, 1],
        squeeze=False,
        layout="constrained",
    )
    for number, (clip, reading) in enumerate(zip(clips, readings)):
        left, map_axis = axes[number]
        left.axis("off")
        left.set(xlim=(0, 1), ylim=(0, 1))
        strip = left.inset_axes([0, 0.68, 1, 0.32])
        chosen = np.linspace(0, len(clip) - 1, FRAMES).round().astype(int)
        frames = np.pad(clip[chosen], [(0, 0), (0, 0), (0, 1)], "maximum")
        strip.imshow(np.concatenate(frames, axis=1), cmap="gray")
        strip.axis("off")
        if names:
            strip.set_title(names[number], fontsize=8, loc="left", pad=2)
        truth = None if said is None else said[number]
        if truth:
            write_tokens(left, 0.47, "said", truth)
        wrong = truth and truth["characters"]
        write_tokens(left, 0.1 if truth else 0.3, "read", reading.tokens, wrong)
        weights = reading.attention["characters"]
        map_axis.imshow(weights, aspect="auto", cmap="magma_r", vmin=0)
        pairs = zip(reading.tokens["pinyin"], reading.tokens["tones"])
        labels = [marked(*pair) for pair in pairs]
        map_axis.set_yticks(range(len(labels)), labels)
        map_axis.tick_params(labelsize=7)
        map_axis.set_xlabel("window of the clip, 80 ms each", fontsize=7)
    return figure


def of_set(clips, readings):
    """Draw a `ClipSet`, with what is said in it."""
    said = clips.said()
    return draw(
        [clips.clip(number) for number in range(len(clips))],
        readings,
        [dict(zip(said, row)) for row in zip(*said.values())],
        [f"{clips.name}, speaker {number}" for number in clips.speakers],
    )
