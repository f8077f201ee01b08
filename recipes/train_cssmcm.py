"""Train CSSMCM, which reads Mandarin from lips, syllables and tones first.

    python recipes/train_cssmcm.py

trains it on the generated mouths of the package (`keras_vipa.datasets.lips`),
16,000 sentences of two to eight characters, by `--speakers` speakers: the
encoder of the clips first, from what is said while a window is seen; then the
three stages, each with the true syllables and tones; then all together, each
with what the one before says.

The rates of errors in `report.json`, of syllables (`per`), tones (`ter`) and
characters (`cer`), are of sentences that were not trained on: by eight of the
same speakers (`validation`, `test`) and by two others (`unseen`, and once more
with stages that get the true syllables and tones). They are of **synthetic**
mouths, and say nothing of people.

    python recipes/train_cssmcm.py --data CMLR --variant paper --least 20

trains on CMLR, a folder as `keras_vipa.datasets.cmlr` describes it; `--box` or
`--landmarks`, a folder of `.npy` files, say where the mouths are if clips are
not of these alone. Sentences with a character that is said less than `--least`
times are not trained on. This has only been tried on made-up clips.

`cssmcm.keras` has the network with its vocabularies
(`keras.saving.load_model`), `cssmcm.weights.h5` its weights in 16 bits; `hours`
of the report are since the last start. A run that is interrupted goes on where
it was if it is started again with the same options.
"""

import collections
import pathlib
import time

from keras_vipa.utils import recipe

# isort: split

import keras
import numpy as np
from shared import lip_readers
from shared import reading_sheet

from keras_vipa import datasets
from keras_vipa.applications import CSSMCM
from keras_vipa.applications import CSSMCMTrainer
from keras_vipa.applications import save_float16
from keras_vipa.utils import types

PHASES = ("encoder", "parts", "joint")
SMOKE = {"epochs": [1, 1, 1], "batch": 8}
WRITES = ["cssmcm.keras", "cssmcm.weights.h5", "readings.png"]
SHOWN = 6


def options(add):
    """The options."""
    add("--epochs", type=types.whole(0), nargs=3, default=(8, 10, 12))
    add("--batch", type=int, default=64)
    add("--variant", choices=list(CSSMCM.sizes), default="small")
    add("--data", type=types.folder, metavar="FOLDER", help="of CMLR")
    add(
        "--box",
        type=types.whole(0),
        nargs=4,
        metavar="PIXELS",
        help="of CMLR's mouths",
    )
    add("--landmarks", type=types.folder, metavar="FOLDER", help="of these")
    add("--least", type=types.whole(1), default=1, help="times of a character")
    add("--tone-cue", type=float, default=1.0, help="how much tones show")
    add("--speakers", type=int, default=1000, help="generated, to train on")


class Report(keras.callbacks.Callback):
    """Prints a line an epoch."""

    def on_epoch_end(self, epoch, logs=None):
        losses = " ".join(f"{k} {v:.4f}" for k, v in logs.items())
        print(f"{self.model.phase} {epoch + 1}: {losses}", flush=True)


def read_clips(args, size):
    """All splits: of generated clips, or of CMLR."""
    if not args.data:
        splits = "train", "validation", "test", "unseen"
        more = {"size": size, "speakers": args.speakers}
        every = [datasets.lips(s, args.tone_cue, **more) for s in splits]
    else:
        splits = "train", "validation", "test"
        more = {"size": size, "boxes": boxes_of(args)}
        every = [datasets.cmlr(args.data, s, **more) for s in splits]
    return dict(zip(splits, every))


def boxes_of(args):
    """Where the mouths of CMLR are: a function of the name of a clip."""
    if args.landmarks:
        folder = pathlib.Path(args.landmarks)
        return lambda name: np.load(folder / f"{name}.npy")
    return args.box and (lambda name: args.box)


def without_rare(clips, least):
    """The clips all of whose characters are said so often."""
    counts = collections.Counter("".join(clips.texts))
    kept = [all(counts[c] >= least for c in text) for text in clips.texts]
    if not any(kept):
        raise ValueError(f"--least leaves no sentence. Received: {least}")
    return clips.select(np.array(kept))


def main(args):
    """Train, then read what was not trained on."""
    seed, rows = args.seeds[0], []
    clips = read_clips(args, CSSMCM.sizes[args.variant])
    train = without_rare(clips.pop("train"), args.least)
    words = train.vocabularies()
    words.pop("syllables")
    longest = max(map(len, train.texts))
    model = CSSMCM(words, args.variant, length=longest, seed=seed)
    trainer = CSSMCMTrainer(model, seed=seed)
    if args.smoke:
        train = train.select(slice(8))
        clips = {"test": clips["test"].select(slice(2))}
    start = time.time()
    with recipe.backup_folder(args) as backup:
        print(f"Reading {len(train)} clips", flush=True)
        # More than fit into memory stay on the disk.
        folder = backup if args.data else None
        trainer.fit_stages(
            model.examples(train, folder=folder),
            dict(zip(PHASES, args.epochs)),
            args.batch,
            backup_dir=backup / "training",
            callbacks=[Report()],
            verbose=0,
        )
        hours = (time.time() - start) / 3600
        reader = model.reader(lip_readers.WIDTH)
        for split, some in clips.items():
            said, readings = some.said(), reader.read(some)
            rates = lip_readers.rates(said, readings)
            rows.append({"clips": split, "seed": seed, **rates})
            print(split, rates, flush=True)
        if not args.data:
            true = reader.read(some, true=True)
            rates = lip_readers.rates(said, true)
            name = f"{split}, true inputs"
            rows.append({"clips": name, "seed": seed, **rates})
        shown = some.select(slice(SHOWN))
        figure = reading_sheet.of_set(shown, readings[:SHOWN])
        with recipe.results(args) as folder:
            model.save(folder / "cssmcm.keras")
            save_float16(model, folder / "cssmcm.weights.h5")
            figure.savefig(folder / "readings.png", dpi=120)
            recipe.write_report(args, rows, folder, hours=hours)
    print(f"Written to {args.output}")


if __name__ == "__main__":
    recipe.run(main, options, smoke=SMOKE, writes=WRITES)
