"""What each choice of the branching amalgamator is worth.

    python recipes/studies/ablate_branching.py --seeds 0 1 2

The three networks of `amalgamate_branching.py`, which are inside the package,
become students that differ in one thing:

- `default`: random places in the phase of the blocks, points of the least loss;
- `stepwise`: one place after the other, for as many steps in all;
- `not chosen`: no phase of the blocks, branches at the first place, and as many
  steps of fine-tuning as both phases have;
- `decisions`: cross-entropy with the parsing teacher's decisions;
- `absolute`: the absolute difference of depths;
- `gates only`: branches as they are cut, without fine-tuning.

Scored on the validation rooms, with which defaults are chosen, or on the test
rooms. `--images` takes fewer unlabelled rooms, for as many steps. Means and
standard deviations over seeds of the students; the teachers are the same.
Written to `--output`: `report.json` and `report.png`.
"""

from keras_vipa.utils import recipe

# isort: split

import bars
import keras

from keras_vipa import applications
from keras_vipa import datasets
from keras_vipa import metrics
from keras_vipa.amalgamation import BranchingAmalgamator

LOSSES = {"parsing": "classes", "depth": "depth", "normals": "normals"}
WEIGHTS, BATCH = {"parsing": 1.0, "depth": 5.0, "normals": 1.0}, 8
FIRST = dict.fromkeys(LOSSES, 0)
VARIANTS = {
    "default": {},
    "stepwise": {"schedule": "stepwise"},
    "not chosen": {"points": FIRST},
    "decisions": {"losses": {**LOSSES, "parsing": "hard_classes"}},
    "absolute": {"losses": {**LOSSES, "depth": "absolute_depth"}},
    "gates only": {},
}
SMOKE = {"steps": (1, 1), "images": 8, "variants": ["not chosen"]}
COLUMNS = {"miou": 100, "abs_rel": 100, "mean_angle": 1}


def options(add):
    """The options."""
    add("--steps", type=int, nargs=2, default=(400, 400), help="of phases")
    add("--images", type=int, default=800, help="unlabelled ones")
    add("--split", choices=["validation", "test"], default="validation")
    add("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS))


def train(name, images, steps, seed):
    """An amalgamator that has been trained."""
    change = {"losses": LOSSES, **VARIANTS[name]}
    teachers = {t: applications.load_model(f"rooms_{t}") for t in LOSSES}
    made = BranchingAmalgamator(teachers, weights=WEIGHTS, seed=seed, **change)
    blocks, target = steps
    *first, last = made.phases
    if name == "not chosen":
        first, target = [], blocks + target
    if name == "gates only":
        target = 0
    each = max(1, len(images) // BATCH)
    plan = {phase: -(-blocks // (each * len(first))) for phase in first}
    plan[last] = -(-target // each)
    made.fit_stages(images, plan, BATCH, verbose=0)
    return made


def main(args):
    """Train and score all variants."""
    unlabelled = datasets.rooms("unlabelled").array(slice(args.images))
    scored = datasets.rooms(args.split)
    rows = []
    for seed in args.seeds:
        for name in args.variants:
            keras.utils.set_random_seed(seed)
            made = train(name, unlabelled, args.steps, seed)
            found = made.student.predict(scored.array(), verbose=0)
            scores = {
                **metrics.parsing_scores(scored.labels, found["parsing"]),
                **metrics.depth_scores(scored.depth, found["depth"][..., 0]),
                **metrics.normal_scores(scored.normals, found["normals"]),
            }
            scores = {key: scores[key] for key in COLUMNS}
            more = {"points": made.points, "curve": made.curve}
            rows.append({"variant": name, "seed": seed, **scores, **more})
            print(rows[-1], flush=True)
    bars.write(args, rows, "variant", COLUMNS, label="score")


if __name__ == "__main__":
    recipe.run(main, options, smoke=SMOKE, writes=["report.png"])
