"""Read Mandarin from silent clips of a mouth, with a trained `CSSMCM`.

    python recipes/read_lips.py

reads generated clips of two speakers that `cssmcm_lips` was not trained on, and
draws them: the mouth, what is said and what was read, each syllable in the
colour of its tone, and where in the clip each character was looked for. Chinese
characters are in the picture if matplotlib finds a font that has them.

    python recipes/read_lips.py CLIP --weights cssmcm.keras --box 210 300 160 80

reads clips of yours, such as videos (`keras_vipa.datasets.read_clip`), with a
network that `train_cssmcm.py` has trained; `--box` is where the mouth is: left,
top, width and height in pixels. `cssmcm_lips` was trained on **synthetic**
mouths alone: it cannot read people.

Written to `--output`: `report.json`, what was read, with scores, and
`readings.png`.
"""

from keras_vipa.utils import recipe

# isort: split

import numpy as np
from shared import lip_readers
from shared import reading_sheet

from keras_vipa import datasets
from keras_vipa.applications import CSSMCM
from keras_vipa.utils import types

PRESET = "cssmcm_lips"


def options(add):
    """The options."""
    add("clips", nargs="*", help="videos, GIFs, folders of frames, arrays")
    add("--weights", metavar="KERAS_FILE", help="of train_cssmcm.py")
    add("--box", type=int, nargs=4, metavar="PIXELS", help="of the mouth")
    add("--width", type=types.whole(1), default=lip_readers.WIDTH, help="beam")
    add("--count", type=types.whole(1), default=6, help="of generated clips")


def load(weights):
    """The preset, or a network of a file."""
    if weights is None:
        return CSSMCM(weights=PRESET, length=8)
    model = recipe.read_model(weights)
    if not isinstance(model, CSSMCM):
        raise ValueError(f"This is no CSSMCM. Received: {weights}")
    return model


def main(args):
    """Read the clips and draw them."""
    model = load(args.weights)
    if args.clips:
        clips = [
            datasets.read_clip(path, model.size, args.box)
            for path in args.clips
        ]
        spoken = None
    else:
        spoken = datasets.lips("unseen", size=model.size)
        generator = np.random.default_rng(args.seeds[0])
        clips = spoken = spoken.select(
            generator.choice(len(spoken), args.count, replace=False)
        )
    readings = model.read(clips, args.width)
    rows = []
    for number, reading in enumerate(readings):
        row = {"read": reading.text}
        if spoken:
            row["said"] = spoken.texts[number]
        row["syllables"] = " ".join(
            map("".join, zip(reading.tokens["pinyin"], reading.tokens["tones"]))
        )
        print("  ".join(f"{key}: {value}" for key, value in row.items()))
        others = dict(reading.others)
        rows.append({**row, "scores": reading.scores, "others": others})
    if spoken:
        figure = reading_sheet.of_set(spoken, readings)
    else:
        figure = reading_sheet.draw(clips, readings, names=args.clips)
    with recipe.results(args) as folder:
        figure.savefig(folder / "readings.png", dpi=120)
        recipe.write_report(args, rows, folder)
    print(f"Written to {args.output}")


if __name__ == "__main__":
    recipe.run(main, options, smoke={"count": 2}, writes=["readings.png"])
