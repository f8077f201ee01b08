"""Mouths that speak: from the sounds of a sentence to small grey pictures.

What lips do in a sound, and how they are drawn, is made up by us from how
mouths look; it is no model of anybody.
"""

import numpy as np

RATE = 25  # frames a second
# What moves, in the order of the tables below: how far the mouth is open, how
# wide, how round; how much of teeth and tongue is seen. Mostly 0 to 1.
PARTS = ("opening", "width", "rounding", "teeth", "tongue")
REST = (0.02, 0.5, 0.1, 0.0, 0.0)
# Sounds that look alike have one row.
INITIALS = {
    "b p m": (0.0, 0.5, 0.1, 0.0, 0.0),
    "f": (0.1, 0.55, 0.0, 1.0, 0.0),
    "d t n l": (0.3, 0.6, 0.0, 0.5, 0.9),
    "g k h": (0.45, 0.5, 0.1, 0.2, 0.2),
    "j q x": (0.2, 0.85, 0.0, 1.0, 0.1),
    "zh ch sh r": (0.28, 0.35, 0.7, 0.9, 0.2),
    "z c s": (0.14, 0.72, 0.0, 1.0, 0.1),
}
VOWELS = {
    "a": (1.0, 0.6, 0.0, 0.4, 0.2),
    "o": (0.5, 0.3, 0.9, 0.0, 0.0),
    "e": (0.5, 0.5, 0.1, 0.2, 0.3),
    "ê": (0.55, 0.8, 0.0, 0.6, 0.2),
    "i": (0.2, 0.95, 0.0, 0.9, 0.1),
    "-i": (0.15, 0.65, 0.2, 0.9, 0.0),
    "u": (0.2, 0.15, 1.0, 0.0, 0.0),
    "ü": (0.18, 0.25, 0.85, 0.2, 0.1),
    "n": (0.3, 0.6, 0.0, 0.5, 0.8),
    "ng": (0.42, 0.5, 0.1, 0.1, 0.1),
    "r": (0.4, 0.45, 0.4, 0.2, 0.5),
}
# How much a sound insists on each part; 1 where nothing is said. Lips that have
# to close do so whatever comes next, and are round already if that is round.
INSISTS = {
    "b p m": (8.0, 1.0, 1.0, 4.0, 4.0),
    "f": (4.0, 1.0, 1.0, 4.0, 2.0),
    "a": (2.0, 1.0, 1.0, 1.0, 1.0),
    "o": (1.0, 2.0, 2.0, 1.0, 1.0),
    "u": (2.0, 3.0, 3.0, 2.0, 1.0),
    "ü": (2.0, 2.0, 2.0, 1.0, 1.0),
}
# Finals as pypinyin writes them, `v` for ü, as what lips go through.
FINALS = {
    "a": "a",
    "o": "o",
    "e": "e",
    "i": "i",
    "-i": "-i",
    "u": "u",
    "v": "ü",
    "er": "e r",
    "ai": "a i",
    "ei": "ê i",
    "ao": "a u",
    "ou": "o u",
    "an": "a n",
    "en": "e n",
    "ang": "a ng",
    "eng": "e ng",
    "ong": "u ng",
    "ia": "i a",
    "ie": "i ê",
    "iao": "i a u",
    "iou": "i o u",
    "ian": "i ê n",
    "in": "i n",
    "iang": "i a ng",
    "ing": "i ng",
    "iong": "ü ng",
    "ua": "u a",
    "uo": "u o",
    "uai": "u a i",
    "uei": "u ê i",
    "uan": "u a n",
    "uen": "u e n",
    "uang": "u a ng",
    "ueng": "u e ng",
    "ve": "ü ê",
    "van": "ü ê n",
    "vn": "ü n",
}
# Pitch at the beginning, the middle and the end of a syllable, -1 to 1: Chao's
# tone letters 55, 35, 21(4), 51 and a low neutral tone.
PITCH = {
    1: (1.0, 1.0, 1.0),
    2: (0.0, 0.2, 1.0),
    3: (-0.5, -1.0, -0.1),
    4: (1.0, 0.3, -1.0),
    5: (0.0, -0.2, -0.4),
}
# What differs between faces, and within which limits. Lengths are parts of the
# height of the picture, brightness of the whole range.
TRAITS = {
    "scale": (1.2, 1.55),
    "upper": (0.055, 0.1),
    "lower": (0.08, 0.14),
    "bow": (0.15, 0.5),
    "skin": (0.5, 0.8),
    "lips": (0.62, 0.8),
    "stubble": (0.0, 0.03),
    "light": (-0.25, 0.25),
    "x": (-0.05, 0.05),
    "y": (-0.04, 0.04),
    "tilt": (-0.08, 0.08),
    "sway": (0.5, 1.5),
    "gain": (0.75, 1.15),
    "tempo": (0.85, 1.15),
}
# Seconds of rest at either end, and how far one sound reaches into another.
PAUSE, REACH = 0.12, 0.033
# By how much pitch lifts a mouth, and how it moves anyway, parts of the height.
LIFT, SWAY = 0.028, 0.02
# Deviations of how a sound is spoken, and of the pixels.
SLACK, GRAIN = 0.06, 0.04


def sounds_of(initial, final, times):
    """What lips do in a syllable.

    Args:
        initial: string, such as `"zh"`; `""` for none.
        final: string, a key of `FINALS`.
        times: three floats, in seconds: the beginning of the initial and of
            the final, and the end.

    Returns:
        List of tuples `(time, half, target, insists)`: the middle of a sound,
        half its length, and five numbers each in the order of `PARTS`.
    """
    begin, vowel, end = times
    found = []
    for names, target in INITIALS.items():
        if initial in names.split():
            middle, half = (begin + vowel) / 2, (vowel - begin) / 2
            found.append((middle, half, target, _insists(names)))
    path = FINALS[final].split()
    half = (end - vowel) / len(path) / 2
    for place, name in enumerate(path):
        middle = vowel + (2 * place + 1) * half
        found.append((middle, half, VOWELS[name], _insists(name)))
    return found


def _insists(name):
    return INSISTS.get(name, (1.0,) * len(PARTS))


def motion(sounds, frames, generator=None):
    """How the parts of a mouth move in a sentence.

    Sounds blend into one another: a part is the mean of what all sounds want,
    by how much each insists on it and how near it is, as in Cohen and Massaro,
    "Modeling Coarticulation in Synthetic Visual Speech", 1993.

    Args:
        sounds: list of tuples as of `sounds_of`, in their order.
        frames: integer.
        generator: `numpy.random.Generator`, of how carelessly each sound is
            spoken; `None` for exactly.

    Returns:
        Float array `(frames, 5)`.
    """
    middle, half, target, insists = (np.array(x) for x in zip(*sounds))
    if generator is not None:
        target = target + generator.normal(0, SLACK, target.shape)
    # Rest, before and behind.
    first, last = middle[0] - half[0] - PAUSE, middle[-1] + half[-1] + PAUSE
    middle = np.concatenate([[first], middle, [last]])
    half = np.concatenate([[PAUSE / 2], half, [PAUSE / 2]])
    target = np.concatenate([[REST], target, [REST]])
    firmly = np.full((1, len(PARTS)), 4.0)
    insists = np.concatenate([firmly, insists, firmly])
    time = np.clip(_times(frames), middle[0], middle[-1])
    far = np.abs(time[:, None] - middle) / (half + REACH)
    near = np.exp(-1.2 * far**1.5)[:, :, None] * insists
    return (near * target).sum(axis=1) / near.sum(axis=1)


def melody(tones, times, frames):
    """The pitch of a sentence, -1 to 1, and 0 where nobody speaks.

    Args:
        tones: list of integers, 1 to 5. A third tone before another is spoken
            as a second.
        times: float array `(syllables, 3)`, as of `sounds_of`.
        frames: integer.

    Returns:
        Float array `(frames,)`.
    """
    time, pitch = _times(frames), np.zeros(frames)
    following = [*tones[1:], None]
    for tone, other, (begin, _, end) in zip(tones, following, times):
        tone = 2 if tone == other == 3 else tone
        inside = (time >= begin) & (time < end)
        passed = (time[inside] - begin) / (end - begin)
        pitch[inside] = np.interp(passed, (0, 0.5, 1), PITCH[tone])
    return _smooth(pitch)


def sway(frames, generator):
    """How a head moves anyway, x and y; float array `(frames, 2)`."""
    moved = generator.normal(0, 2 * SWAY, (frames, 2))
    return np.stack([_smooth(column) for column in moved.T], axis=1)


def draw(parts, shift, face, size=(32, 64), generator=None):
    """Pictures of a mouth.

    Args:
        parts: float array `(frames, 5)`, in the order of `PARTS`.
        shift: float array `(frames, 2)`, to the right and down, in heights of
            the picture.
        face: dict, key of `TRAITS` -> float.
        size: tuple `(height, width)`.
        generator: `numpy.random.Generator`, of light and noise; `None` for
            neither.

    Returns:
        Uint8 array `(frames, height, width)`.
    """
    height, width = size
    rows = (np.arange(height, dtype="float32") + 0.5) / height - 0.5
    columns = (np.arange(width, dtype="float32") + 0.5 - width / 2) / height
    parts, shift = (np.asarray(a, "float32") for a in (parts, shift))
    face = {name: np.float32(value) for name, value in face.items()}
    x = columns[None, None] - shift[:, 0, None, None] - face["x"]
    y = rows[None, :, None] - shift[:, 1, None, None] - face["y"]
    x, y = x + face["tilt"] * y, y - face["tilt"] * x
    picture = _drawn(
        x, y, parts.clip(0.0, 1.3).T[..., None, None], face, height
    )
    if generator is not None:
        beard = generator.standard_normal(size, "float32") * face["stubble"]
        picture = picture + beard * (np.abs(rows) > 0.15)[:, None]
        contrast, light = generator.normal((1.0, 0.0), (0.1, 0.04))
        picture = (picture - 0.5) * np.float32(contrast) + np.float32(
            0.5 + light
        )
        noise = generator.standard_normal(picture.shape, "float32")
        picture = picture + np.float32(GRAIN) * noise
    return (255 * picture).clip(0, 255).astype("uint8")


def _drawn(x, y, parts, face, height):
    """Brightness of each point of a face; 0 to 1, about."""
    opening, wide, round_, teeth, tongue = parts
    scale, skin = face["scale"], face["skin"]
    # Of the lips, and of the hole between them, of which the jaw moves most.
    half = scale * (0.36 + 0.22 * wide - 0.16 * round_)
    inner = half * (0.9 - 0.25 * round_)
    hole = 0.24 * scale * opening * face["gain"]
    upper = scale * face["upper"] * (1 + 0.5 * round_)
    lower = scale * face["lower"] * (1 + 0.35 * round_)
    along, beside = np.abs(x) / half, np.abs(x)
    arch = np.sqrt((1 - along**2).clip(0, 1))
    within = np.sqrt((1 - (x / inner) ** 2).clip(0, 1))
    bow = 1 - face["bow"] * _bump(x, 0.07 * scale)
    above = -0.35 * hole * arch - upper * bow * (1 - along**1.7).clip(0, 1)
    below = 0.65 * hole * arch + lower * (1 - along**2.2).clip(0, 1)
    top, bottom = -0.35 * hole * within, 0.65 * hole * within
    edge = 0.5 / height

    def less(one, other, width=edge):
        """1 where one is less than the other, with a soft edge."""
        return 1 / (1 + np.exp(-((other - one) / width).clip(-30, 30)))

    lips = less(above, y) * less(y, below) * less(beside, half)
    inside = less(top, y) * less(y, bottom) * less(beside, inner)
    inside = inside * (hole * height).clip(0, 1)
    # Skin, with the shadows of the nose, above, below and beside the lips.
    shade = skin * (1 + face["light"] * x - 0.12 * y)
    shade = shade - 0.1 * _bump(y + 0.5, 0.1) * _bump(x, 0.18)
    shade = shade - 0.05 * _bump(x, 0.035) * less(y, above, 4 * edge)
    shade = shade - 0.1 * _bump(y - below - 0.09, 0.05) * _bump(x, 0.3)
    shade = shade - 0.1 * _bump(beside - half - 0.02, 0.04) * _bump(y, 0.05)
    # Lips, of which the lower one shines.
    is_lower = less(0.15 * hole, y, 4 * edge)
    shine = _bump(y - bottom - 0.45 * lower, 0.3 * lower) * _bump(x, half / 2)
    lip = (
        skin * face["lips"] * (1 + face["light"] * x) * (0.88 + 0.16 * is_lower)
    )
    lip = lip + 0.12 * shine * is_lower + 0.05 * round_
    # Behind them.
    row = top + (0.6 * hole).clip(0, 0.085 * scale)
    tooth = teeth * less(y, row) * less(beside, 0.8 * inner, 2 * edge)
    tip = 0.65 * hole - 0.55 * hole * tongue
    flesh = (
        tongue * less(tip, y, 2 * edge) * less(beside, 0.6 * inner, 3 * edge)
    )
    dark = 0.08 + 1.07 * skin * tooth * (1 - 0.25 * beside / inner)
    dark = dark + 0.3 * flesh * (1 - tooth)
    return shade * (1 - lips) + lips * (lip * (1 - inside) + dark * inside)


def _bump(x, width):
    """1 at 0, and falling to both sides."""
    return np.exp(-((x / width) ** 2))


def _times(frames):
    """The middle of each frame, in seconds."""
    return (np.arange(frames) + 0.5) / RATE


def _smooth(x):
    """Over five frames."""
    return np.convolve(np.pad(x, 2, "edge"), (0.1, 0.2, 0.4, 0.2, 0.1), "valid")
