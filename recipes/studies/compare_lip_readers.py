"""What tones, and a second look at the clip, are worth in lip reading.

    python recipes/studies/compare_lip_readers.py --seeds 0 1 2

Readers of the parts of `CSSMCM`, of as many weights within 10 %, trained on the
same generated clips for as many epochs: `cssmcm`; `without_video`, whose later
stages do not see the clip; `without_tones`, syllables and then characters, both
with the clip; `lipch_net` (syllables from the clip, characters from these);
`joint_syllables`, syllables with their tones as one token; `was` (characters
from the clip), and `was_end_to_end`, whose encoder has seen no alignment.
Controls: `tones_shuffled`, CSSMCM that was taught random tones; with
`--tone-cue 0` nothing in the clips tells tones apart.

Rows, for speakers that were trained on (`seen`) and two others: rates of errors
in syllables, tones and characters (`per`, `ter`, `cer`), as it reads, and where
later stages get the true syllables and tones (`ter_true`, `cer_true`); and how
steadily characters look ahead in the clip (`ahead`: rank correlation of the
window that a character looks at most with its place). Differences of `cer` to
`cssmcm` have an interval of 95 %, by resampling the sentences of all seeds.

Written to `--output`: `report.json`, with errors by length and what is taken
for what, and `report.png`.
"""

import collections
import json

from keras_vipa.utils import recipe

# isort: split

import bars
import numpy as np

from keras_vipa import datasets
from keras_vipa import metrics
from keras_vipa.applications import CSSMCM
from keras_vipa.applications import CSSMCMTrainer
from keras_vipa.utils import types
from keras_vipa.utils.files import written_beside

V, P, T, S = "video", "pinyin", "tones", "syllables"
# Name -> stages and what they attend to, and units.
MODELS = {
    "cssmcm": ({P: [V], T: [V, P], "characters": [V, P, T]}, 64),
    "without_video": ({P: [V], T: [P], "characters": [P, T]}, 72),
    "without_tones": ({P: [V], "characters": [V, P]}, 84),
    "lipch_net": ({P: [V], "characters": [P]}, 92),
    "joint_syllables": ({S: [V], "characters": [V, S]}, 84),
    "was": ({"characters": [V]}, 132),
    "was_end_to_end": ({"characters": [V]}, 132),
    "tones_shuffled": ({P: [V], T: [V, P], "characters": [V, P, T]}, 64),
}
PHASES = ("encoder", "parts", "joint")
RATES = {P: "per", T: "ter", "characters": "cer"}
COLUMNS = ("per", "ter", "cer", "ter_true", "cer_true", "ahead")
SMOKE = {"models": ["cssmcm", "was"], "epochs": [1, 1, 1], "clips": 40}
KINDS = ("seen", "unseen")
SPEAKERS, RESAMPLED = 1000, 1000


def options(add):
    """The options."""
    add("--models", nargs="+", choices=list(MODELS), default=list(MODELS))
    add("--epochs", type=types.whole(1), nargs=3, default=(5, 6, 8))
    add("--clips", type=types.whole(1), default=16000, help="to train on")
    add("--tone-cue", type=float, default=1.0, help="how much tones show")


def trained(args, name, seed, clips, backup):
    """A reader."""
    sources, units = MODELS[name]
    words = clips.vocabularies()
    model = CSSMCM(words, length=8, sources=sources, units=units, seed=seed)
    at_once = name == "was_end_to_end"
    trainer = CSSMCMTrainer(model, seed=seed, frozen=not at_once)
    data = model.examples(clips.select(slice(args.clips)))
    if name == "tones_shuffled":
        generator = np.random.default_rng(seed)
        tones = data[T]
        tones[tones > 0] = generator.permutation(tones[tones > 0])
    epochs = dict(zip(PHASES, args.epochs))
    if at_once:
        epochs["parts"] += epochs.pop("encoder")
    folder = backup / f"{name}_{seed}"
    trainer.fit_stages(data, epochs, backup_dir=folder, verbose=2)
    return model


def edits(said, read):
    """Edits of each sentence."""
    return [
        round(metrics.error_rates([one], [other])["rate"] * len(one))
        for one, other in zip(said, read)
    ]


def ahead(readings):
    """Mean rank correlation of places looked at with places in the text."""
    found = []
    for one in readings:
        looked = one.attention["characters"].argmax(axis=-1)
        if len(looked) > 2:
            found.append(rank_correlation(looked, np.arange(len(looked))))
    return float(np.mean(found)) if found else None


def rank_correlation(*values):
    """Spearman's, of two arrays; 0 where one of them is constant."""
    ranks = [
        (x[:, None] > x).sum(axis=1) + (x[:, None] == x).sum(axis=1) / 2
        for x in values
    ]
    if not all(map(np.ptp, ranks)):
        return 0.0
    return np.corrcoef(*ranks)[0, 1]


def read(model, clips, reader):
    """A row, edits of characters of all sentences, and what was read."""
    said, readings = clips.said(), reader.read(clips)
    row = dict.fromkeys(COLUMNS)
    for stage, name in RATES.items():
        if stage in model.stages:
            found = [one.tokens[stage] for one in readings]
            row[name] = metrics.error_rates(said[stage], found)["rate"]
    if len(model.stages) > 1:
        alone = reader.read(clips, true=True)
        for stage in model.stages[1:]:
            found = [one.tokens[stage] for one in alone]
            rate = metrics.error_rates(said[stage], found)["rate"]
            row[f"{RATES[stage]}_true"] = rate
    if V in model.sources["characters"]:
        row["ahead"] = ahead(readings)
    texts = [one.tokens["characters"] for one in readings]
    return row, edits(said["characters"], texts), texts


def result(args, name, seed, clips, backup):
    """What `read` finds for both kinds of speakers, kept once it is known."""
    path = backup / f"{name}_{seed}.json"
    if path.is_file():
        return json.loads(path.read_text())
    model = trained(args, name, seed, clips["train"], backup)
    reader = model.reader()
    found = {kind: read(model, clips[kind], reader) for kind in KINDS}
    for row, _, _ in found.values():
        row["parameters"] = model.count_params()
    with written_beside(path) as part:
        part.write_text(json.dumps(found))
    return found


def interval(one, other, lengths):
    """Difference of two rates, and 95 % of those of resampled sentences.

    Args:
        one: integer array `(seeds, sentences)`, edits.
        other: the same of another reader.
        lengths: integer array `(sentences,)`.
    """
    generator = np.random.default_rng(0)
    # A sentence is drawn with all its readings.
    differ = np.subtract(one, other).mean(axis=0)
    found = [differ.sum() / lengths.sum()]
    for _ in range(RESAMPLED):
        chosen = generator.integers(0, len(differ), len(differ))
        found.append(differ[chosen].sum() / lengths[chosen].sum())
    return [found[0], *np.quantile(found[1:], [0.025, 0.975]).tolist()]


def by_length(counts, lengths):
    """Rate of errors for sentences of each length."""
    return {
        int(size): float(counts[lengths == size].mean() / size)
        for size in np.unique(lengths)
    }


def confusions(clips, texts):
    """What is most often taken for what, where lengths are equal."""
    pairs = collections.Counter(
        (right, wrong)
        for row, other in zip(clips.texts, texts)
        if len(row) == len(other)
        for right, wrong in zip(row, other)
        if right != wrong
    )
    return [["".join(pair), count] for pair, count in pairs.most_common(20)]


def main(args):
    """Train all readers for all seeds, and compare."""
    splits = {"train": "train", "seen": "test", "unseen": "unseen"}
    clips = {
        kind: datasets.lips(split, args.tone_cue, (16, 32), speakers=SPEAKERS)
        for kind, split in splits.items()
    }
    if args.smoke:
        for kind in KINDS:
            clips[kind] = clips[kind].select(slice(10))
    rows, all_edits, more = [], collections.defaultdict(list), {}
    with recipe.backup_folder(args) as backup:
        for seed in args.seeds:
            for name in args.models:
                print(f"Seed {seed}: {name}", flush=True)
                found = result(args, name, seed, clips, backup)
                for kind, (row, counts, texts) in found.items():
                    start = {"model": f"{name}, {kind}", "seed": seed}
                    rows.append({**start, "seen": kind == "seen", **row})
                    all_edits[name, kind].append(counts)
                    if seed == args.seeds[0]:
                        pairs = confusions(clips[kind], texts)
                        more[f"{name}, {kind}"] = {"confusions": pairs}
                print(rows[-2:], flush=True)
        for (name, kind), counts in all_edits.items():
            lengths = np.array([len(text) for text in clips[kind].texts])
            known = more[f"{name}, {kind}"]
            known["by_length"] = by_length(np.mean(counts, axis=0), lengths)
            if "cssmcm" in args.models:
                first = all_edits["cssmcm", kind]
                known["cer_minus_cssmcm"] = interval(counts, first, lengths)
                print(name, kind, known["cer_minus_cssmcm"], flush=True)
        columns = dict.fromkeys(COLUMNS, 100) | {"ahead": 1}
        columns |= {"parameters": 1}
        bars.write(
            args,
            rows,
            "model",
            columns,
            ["per", "ter", "cer"],
            "errors in %",
            sentences=more,
        )


if __name__ == "__main__":
    recipe.run(main, options, smoke=SMOKE, writes=["report.png"])
