"""What each choice of the filtered amalgamator is worth.

    python recipes/studies/ablate_filtered.py --seeds 0 1 2

The two networks of `amalgamate_filtered.py`, which are inside the package,
become students for eight attributes that differ in one thing:

- `default`: filters, probabilities, random places, points of the least loss;
- `no filters`: streams differ only behind the shared units;
- `decisions`: the teachers' decisions, as in the authors' program;
- `stepwise`: one place after the other, for as many steps in all;
- `early`, `late`: the branches at the first or last place after the same phase
  of the blocks;
- `not chosen`: no phase of the blocks, branches at the first place, and as many
  steps of fine-tuning as both phases have.

Scored on the validation pictures, with which defaults are chosen, or on the
test pictures. `--images` takes fewer unlabelled pictures, for as many steps.
Means and standard deviations over seeds of the students; the teachers are the
same. Written to `--output`: `report.json` and `report.png`.
"""

from keras_vipa.utils import recipe

# isort: split

import bars
import keras

from keras_vipa import applications
from keras_vipa import datasets
from keras_vipa import metrics
from keras_vipa.amalgamation import FilteredAmalgamator
from keras_vipa.applications import presets

TEACHERS, BATCH = ("attributes_1", "attributes_2"), 16
KNOWN = [tuple(presets.WEIGHTS[t]["labels"].split(",")) for t in TEACHERS]
WANTED = [
    "headgear",
    "long hair",
    "glasses",
    "dark glasses",
    "dark skin",
    "open jacket",
    "long coat",
    "pattern",
]
# Pictures that the recipe takes labels of.
LABELLED = 3000
VARIANTS = {
    "default": {},
    "no filters": {"filters": False},
    "decisions": {"targets": "hard"},
    "stepwise": {"schedule": "stepwise"},
    "early": {},
    "late": {},
    "not chosen": {},
}
SMOKE = {"steps": (1, 1), "images": 16, "variants": ["early"]}


def options(add):
    """The options."""
    add("--steps", type=int, nargs=2, default=(200, 300), help="of phases")
    add("--images", type=int, default=2600, help="unlabelled ones")
    add("--split", choices=["validation", "test"], default="validation")
    add("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS))


def train(name, images, steps, seed):
    """An amalgamator that has been trained."""
    models = [applications.load_model(name) for name in TEACHERS]
    teachers = dict(zip(KNOWN, models))
    made = FilteredAmalgamator(teachers, WANTED, seed=seed, **VARIANTS[name])
    blocks, target = steps
    *first, last = made.phases
    if name == "not chosen":
        first, target = [], blocks + target
    each = max(1, len(images) // BATCH)
    for phase in first:
        epochs = -(-blocks // (each * len(first)))
        made.fit_stages(images, {phase: epochs}, BATCH, verbose=0)
    fixed = {"early": 0, "not chosen": 0, "late": -1}
    if name in fixed:
        made.points = dict.fromkeys(teachers, made.plan.places[fixed[name]])
    made.fit_stages(images, {last: -(-target // each)}, BATCH, verbose=0)
    return made


def main(args):
    """Train and score all variants."""
    whole = datasets.people("train")
    unlabelled = whole.array(slice(LABELLED, LABELLED + args.images))
    scored = datasets.people(args.split)
    every = scored.class_names["attributes"]
    columns = [every.index(label) for label in WANTED]
    right, rows = scored.y("attributes")[:, columns], []
    for seed in args.seeds:
        for name in args.variants:
            keras.utils.set_random_seed(seed)
            made = train(name, unlabelled, args.steps, seed)
            found = made.student.predict(scored.array(), verbose=0)
            rows.append(
                {
                    "variant": name,
                    "seed": seed,
                    "map": metrics.mean_average_precision(right, found),
                    "parameters": made.student.count_params(),
                    "points": list(made.points.values()),
                    "curve": made.curve,
                }
            )
            print(rows[-1], flush=True)
    columns = {"map": 100, "parameters": 1}
    bars.write(args, rows, "variant", columns, ["map"], "precision in %")


if __name__ == "__main__":
    recipe.run(main, options, smoke=SMOKE, writes=["report.png"])
