"""Classify what was never seen, and keep silent where it is unsure.

    python recipes/classify_selectively.py

compares zero-shot classifiers on critters, drawn creatures (in the package): of
40 classes there are pictures, of 12 others only attributes, and of these only a
third has been defined (`--defined`). Classes that it does not tell apart count
as one. `--data synthetic` takes features of classes with a few factors in
common instead.

Predictors, all on the same features, of a small network that has learnt to tell
the seen classes: `dap`, `eszsl` and `sae`, in closed form; `cosine`, the
defined attributes of `SelectiveZeroShot` alone; `augmented`, with residual
attributes, which decides as it would without them; and, as a control,
`both_decide`, whose residual attributes decide, too. Confidences: the softmax
`maximum`, `margin` and negative `entropy` of each; of `augmented` also `both`,
of defined and residual attributes.

Settings are chosen where some seen classes pass for unseen ones. Rows of
`results`: `accuracy`, also as a mean over classes, the areas under curves of
risk and coverage (`aurc`, `e_aurc`, `augrc`), `coverage_at_5` and
`coverage_at_10`, the largest part that can be answered with at most 5 or 10 %
of errors; and with a threshold from a half of the test pictures that promises a
risk of at most `--risk` (with a probability of 95 %), the risk and coverage of
the other half.

Written to `--output`: `report.json`, `report.png`, curves of the first seed,
and `critters.png`, what was answered and what was not.
"""

from keras_vipa.utils import recipe

# isort: split

import numpy as np
from shared import risk_pictures
from shared import zero_shot

from keras_vipa import metrics
from keras_vipa.applications import SelectiveZeroShot
from keras_vipa.utils import scoreboard
from keras_vipa.utils import types

KINDS = ("maximum", "margin", "entropy")
MIXES = [number / 10 for number in range(11)]
SOURCES = {"critters": zero_shot.drawn, "synthetic": zero_shot.synthetic}
COLUMNS = {
    "accuracy": 100,
    "class_accuracy": 100,
    "aurc": 100,
    "e_aurc": 100,
    "augrc": 100,
    "coverage_at_5": 100,
    "coverage_at_10": 100,
    "kept_risk": 100,
    "kept_coverage": 100,
}
SMOKE = {"epochs": 2, "steps": 2}
WRITES = ["report.png", "critters.png"]
DELTA = 0.05
# With so few attributes, an unseen class may look as a seen one.
HOW = {"like_seen": True, "verbose": 0}


def options(add):
    """The options."""
    add("--data", choices=list(SOURCES), default="critters")
    add("--defined", type=types.share, default=1 / 3, help="of the attributes")
    add("--residual", type=types.whole(1), default=16, help="attributes")
    add("--epochs", type=types.whole(1), default=60)
    add("--steps", type=types.whole(1), default=800, help="of the features")
    add("--risk", type=types.share, default=0.2, help="that is promised")


def trained(args, data, seed, **options):
    """`SelectiveZeroShot` of some data."""
    model = SelectiveZeroShot(
        data.signatures,
        channels=data.x.shape[1],
        residual=args.residual,
        seed=seed,
        **options,
    )
    model.adapt(data.x)
    epochs = {"attributes": args.epochs}
    model.fit_stages(data.x, epochs, 128, labels=data.y, verbose=0)
    return model


def scores_of(confidence, correct, labels, args, seed):
    """A row of the table."""
    found = metrics.selective_scores(confidence, correct)
    classes = [correct[labels == c].mean() for c in np.unique(labels)]
    found["class_accuracy"] = float(np.mean(classes))
    half = np.random.default_rng(seed).permutation(len(correct)) % 2 == 0
    found |= {"promised_risk": args.risk, "kept_risk": None}
    found["kept_coverage"] = 0.0
    try:
        threshold = metrics.threshold_for_risk(
            confidence[half], correct[half], args.risk, DELTA
        )["threshold"]
    except ValueError:
        # Nothing can be promised, so nothing is answered.
        return found
    answered = confidence[~half] >= threshold
    found["kept_coverage"] = float(answered.mean())
    if answered.any():
        found["kept_risk"] = float(1 - correct[~half][answered].mean())
    return found


def predictors(args, data, seed):
    """Name -> scores of unseen classes `(n, classes)`; what ours predicts."""
    pretended = data.pretended(seed)
    found = {}
    for name in zero_shot.CLOSED:
        found[name], settings = zero_shot.chosen(name, data, pretended)
        print(f"Seed {seed}: {name}, settings {settings}", flush=True)
    alone = {"residual": 0.0, "overlap": 0.0, "transfer": 0.0}
    model = trained(args, data, seed, weights=alone)
    outputs = model.predict(data.new_x, data.new_signatures, **HOW)
    found["cosine"] = outputs["defined"]
    mix = best_mix(trained(args, pretended, seed), pretended)
    print(f"Seed {seed}: augmented, mix {mix}", flush=True)
    model = trained(args, data, seed, mix=mix)
    ours = model.predict(data.new_x, data.new_signatures, **HOW)
    found["augmented"] = ours["defined"]
    found["both_decide"] = ours["defined"] + ours["residual"]
    return found, ours, mix


def best_mix(model, data):
    """The mix whose area is the least, where classes pretend to be unseen."""
    sure = []
    for mix in (0.0, 1.0):
        model.mix = mix
        found = model.predict(data.new_x, data.new_signatures, **HOW)
        sure.append(found["confidence"])
    correct = found["labels"] == data.new_y

    def area(mix):
        confidence = (1.0 - mix) * sure[0] + mix * sure[1]
        return metrics.selective_scores(confidence, correct)["aurc"]

    return min(MIXES, key=area)


def run_seed(args, seed):
    """Rows, and for figures the confidence of each, who was right, the data."""
    data = SOURCES[args.data](args, seed)
    scores, ours, mix = predictors(args, data, seed)
    rows, kept = [], {}

    def add(name, kind, confidence, correct):
        row = scores_of(confidence, correct, data.new_y, args, seed)
        start = {"model": f"{name}, {kind}", "predictor": name}
        start |= {"confidence": kind, "seed": seed, "mix": mix}
        rows.append({**start, **row})
        kept[f"{name}, {kind}"] = confidence, correct

    for name, found in scores.items():
        correct = found.argmax(axis=1) == data.new_y
        for kind in KINDS:
            sure = metrics.confidence_of(found, kind, from_logits=True)
            add(name, kind, np.asarray(sure), correct)
        if name == "augmented":
            add(name, "both", ours["confidence"], correct)
    return rows, kept, data


def main(args):
    """Run all seeds, then write what came out."""
    rows = []
    for seed in args.seeds:
        found, kept, data = run_seed(args, seed)
        rows += found
        if seed == args.seeds[0]:
            figures = {"report.png": risk_pictures.draw_curves(kept)}
            if data.images is not None:
                sheet = risk_pictures.draw_images(
                    *kept["augmented, both"], data.images
                )
                figures["critters.png"] = sheet
    summary = scoreboard.summarize(rows, "model", COLUMNS)
    print(scoreboard.format_summary(summary))
    with recipe.results(args) as folder:
        for name, figure in figures.items():
            figure.savefig(folder / name, dpi=120)
        recipe.write_report(args, rows, folder, summary=summary)
    print(f"Written to {args.output}")


if __name__ == "__main__":
    recipe.run(main, options, smoke=SMOKE, writes=WRITES)
