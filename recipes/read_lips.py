"""Read Mandarin from silent clips of a mouth.

    python recipes/read_lips.py

reads six clips of two speakers whom the network of the package,
`cssmcm_lips`, has never seen. Both speakers and clips are **generated**
(`keras_vipa.datasets.lips`): it reads no people.

    python recipes/read_lips.py clip.mp4 --weights cssmcm.keras \
        --box 210 300 160 80

reads clips of yours with a network that `train_cssmcm.py` has written. A clip
is a video (`pip install "keras_vipa[lips]"`), an animated GIF, a folder of
frames or a `.npz` file, 25 frames a second, grey or made grey; `--box` says
where the mouth is (left, top, width and height in pixels), or `--landmarks`, a
`.npy` file `(frames, points, 2)`.

Written to `--output`: `readings.png`, frames of each clip, what is said where
that is known, what was read, syllables in the colour of their tone over
characters, and where in the clip each character looked; `report.json`, a row a
clip: `pinyin`, `tones`, `characters`, the logarithm `score` of the probability
of the latter, and what else it might have been. Errors of generated clips are
counted in `per`, `ter` and `cer` (syllables, tones, characters).
"""

import pathlib

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
    add("clips", nargs="*", metavar="CLIP", help="videos, or folders of frames")
    add("--weights", default=PRESET, help="a .keras file of train_cssmcm.py")
    add(
        "--box",
        type=types.whole(0),
        nargs=4,
        metavar="PIXELS",
        help="of the mouth",
    )
    add("--landmarks", metavar="FILE", help="where it is in each frame")
    add("--width", type=int, default=4, help="of the beam")
    add("--penalty", type=types.number(), default=0.0, help="of short readings")
    add("--count", type=int, default=6, help="of generated clips")


def load(weights):
    """A `CSSMCM`."""
    if weights == PRESET:
        return CSSMCM(weights=PRESET)
    model = recipe.read_model(weights)
    stages = list(lip_readers.RATES)
    if not isinstance(model, CSSMCM) or list(model.stages) != stages:
        raise ValueError(
            f"This is no network of train_cssmcm.py. Received: {weights}"
        )
    return model


def box_of(args):
    """What `read_clip` takes as `box`."""
    if args.box and args.landmarks:
        raise ValueError("--box and --landmarks exclude one another.")
    if not args.landmarks:
        return args.box
    try:
        return np.load(args.landmarks)
    except (ValueError, EOFError) as error:
        raise ValueError(
            f"This is no .npy file. Received: {args.landmarks}"
        ) from error


def row_of(name, reading):
    """A row of the report."""
    said = {stage: " ".join(tokens) for stage, tokens in reading.tokens.items()}
    said["characters"] = reading.text
    scores = {"score": reading.scores["characters"], "others": reading.others}
    return {"clip": name, **said, **scores}


def main(args):
    """Read the clips, then draw them."""
    model, more = load(args.weights), {}
    reader = model.reader(args.width, args.penalty)
    if args.clips:
        box = box_of(args)
        names = [pathlib.Path(path).name for path in args.clips]
        clips = [datasets.read_clip(p, model.size, box) for p in args.clips]
        readings = reader.read(clips)
        figure = reading_sheet.draw(clips, readings, names=names)
    else:
        clips = datasets.lips("unseen", size=model.size)
        clips = clips.select(slice(args.count))
        names = [f"unseen {number}" for number in range(len(clips))]
        readings = reader.read(clips)
        figure = reading_sheet.of_set(clips, readings)
        more["rates"] = lip_readers.rates(clips.said(), readings)
    for number, (name, reading) in enumerate(zip(names, readings)):
        said = "" if args.clips else f", said: {clips.texts[number]}"
        print(f"{name}: {reading.text}{said}")
    if more:
        print({name: round(rate, 3) for name, rate in more["rates"].items()})
    with recipe.results(args) as folder:
        figure.savefig(folder / "readings.png", dpi=120)
        rows = list(map(row_of, names, readings))
        recipe.write_report(args, rows, folder, **more)
    print(f"Written to {args.output}")


if __name__ == "__main__":
    recipe.run(
        main,
        options,
        seeds=None,
        smoke={"count": 2},
        writes=["readings.png"],
    )
