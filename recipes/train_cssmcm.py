"""Train CSSMCM, which reads Mandarin from lips, syllables and tones first.

    python recipes/train_cssmcm.py

trains it on the generated mouths of the package (`keras_vipa.datasets.lips`),
16,000 sentences of two to eight characters, by eight speakers: the encoder of
the clips first, from what is said while a window is seen; then the three
stages, each with the true syllables and tones; then all together, each with
what the one before says.

The rates of errors in `report.json`, of syllables (`per`), tones (`ter`) and
characters (`cer`), are of sentences that were not trained on: by the same
speakers (`test`) and by two others (`unseen`); as it reads, and
(`..._true_inputs`) with stages that get the true syllables and tones. They are
of **synthetic** mouths, and say nothing of people.

`cssmcm.keras` has the network with its vocabularies
(`keras.saving.load_model`), `cssmcm.weights.h5` its weights in 16 bits. A run
that is interrupted goes on where it was if it is started again with the same
options.
"""

import time

from keras_vipa.utils import recipe

# isort: split

import keras
from shared import lip_readers

from keras_vipa import datasets
from keras_vipa.applications import CSSMCM
from keras_vipa.applications import CSSMCMTrainer
from keras_vipa.applications import save_float16
from keras_vipa.utils import types

PHASES = ("encoder", "parts", "joint")
SPLITS = ("train", "validation", "test", "unseen")
SMOKE = {"epochs": [1, 1, 1], "batch": 16}
WRITES = ["cssmcm.keras", "cssmcm.weights.h5"]


def options(add):
    """The options."""
    add("--epochs", type=types.whole(0), nargs=3, default=(8, 10, 12))
    add("--batch", type=int, default=64)
    add("--variant", choices=["small", "paper"], default="small")
    add("--tone-cue", type=float, default=1.0, help="how much tones show")


class Report(keras.callbacks.Callback):
    """Prints a line an epoch."""

    def on_epoch_end(self, epoch, logs=None):
        losses = " ".join(f"{k} {v:.4f}" for k, v in logs.items())
        print(f"{self.model.phase} {epoch + 1}: {losses}", flush=True)


def main(args):
    """Train, then read what was not trained on."""
    seed, rows = args.seeds[0], []
    size = (16, 32) if args.variant == "small" else (64, 128)
    clips = {
        split: datasets.lips(split, args.tone_cue, size) for split in SPLITS
    }
    words = lip_readers.vocabularies(clips["train"])
    words.pop("syllables")
    longest = max(map(len, clips["train"].texts))
    clips = {s: lip_readers.fewer(clips[s], args) for s in SPLITS}
    model = CSSMCM(words, args.variant, length=longest, seed=seed)
    trainer = CSSMCMTrainer(model, seed=seed)
    start = time.time()
    with recipe.backup_folder(args) as backup:
        print(f"Drawing {len(clips['train'])} clips", flush=True)
        trainer.fit_stages(
            model.examples(clips["train"]),
            dict(zip(PHASES, args.epochs)),
            args.batch,
            backup_dir=backup,
            callbacks=[Report()],
            verbose=0,
        )
        hours = (time.time() - start) / 3600
        reader = model.reader(lip_readers.WIDTH)
        for split in SPLITS[1:]:
            said = clips[split].said()
            for name, true in ((split, False), (f"{split}_true_inputs", True)):
                read = reader.read(clips[split], true=true)
                rates = lip_readers.rates(said, read)
                rows.append({"clips": name, "seed": seed, **rates})
                print(name, rates, flush=True)
        with recipe.results(args) as folder:
            model.save(folder / "cssmcm.keras")
            save_float16(model, folder / "cssmcm.weights.h5")
            recipe.write_report(args, [*rows, {"hours": hours}], folder)
    print(f"Written to {args.output}")


if __name__ == "__main__":
    recipe.run(main, options, smoke=SMOKE, writes=WRITES)
