"""What each term and each choice of adaptive amalgamation is worth.

    python recipes/studies/ablate_adaptive.py --seeds 0 1 2

The six networks of `amalgamate_adaptive.py`, which are inside the package,
become components and a student for hat, outfit and mouth, in equal steps, that
differ in one thing:

- `default`: all terms, the surest teacher acts;
- `features 1`: `L_feat` with ten times its weight;
- `no features`: without `L_feat` and `L_norm`; `no norm`: without `L_norm`;
- `all`, `random`: every teacher acts, or any of those that know a task;
- `logits`: their squared error, as in the authors' program;
- `select`: in the second phase only the surest component acts;
- `large`: a student of as many weights as the components together, instead of
  half as many.

Scored on the validation pictures, with which defaults are chosen, or on the
test pictures. `lengths` are the least and the largest length of the filters of
`A`, which `L_norm` keeps near 1. Means and standard deviations over seeds of
what is trained; the teachers are the same. Written to `--output`: `report.json`
and `report.png`.
"""

from keras_vipa.utils import recipe

# isort: split

import bars
import keras
import numpy as np

from keras_vipa import applications
from keras_vipa import datasets
from keras_vipa.amalgamation import AdaptiveAmalgamator

TEACHERS = [f"people_{number}" for number in range(1, 7)]
WANTED, BATCH = ["hat", "outfit", "mouth"], 64
# Pictures that the recipe takes labels of.
LABELLED = 3000
VARIANTS = {
    "default": {},
    "features 1": {"weights": {"features": 1.0}},
    "no features": {"weights": {"features": 0, "norm": 0}},
    "no norm": {"weights": {"norm": 0}},
    "all": {"rule": "all"},
    "random": {"rule": "random"},
    "logits": {"targets": "logits"},
    "select": {"select": True},
    "large": {"ratio": 1.0},
}
SMOKE = {"steps": 1, "images": 64, "variants": ["default"]}


def options(add):
    """The options."""
    add("--steps", type=int, default=1000, help="of each phase")
    add("--images", type=int, default=2600, help="unlabelled ones")
    add("--split", choices=["validation", "test"], default="validation")
    add("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS))


def train(change, images, steps, seed):
    """An amalgamator that has been trained."""
    amalgamator = AdaptiveAmalgamator(
        [applications.load_model(name) for name in TEACHERS],
        WANTED,
        seed=seed,
        **change,
    )
    epochs = -(-steps // max(1, len(images) // BATCH))
    plan = dict.fromkeys(amalgamator.phases, epochs)
    amalgamator.fit_stages(images, plan, BATCH, verbose=0)
    return amalgamator


def lengths(amalgamator):
    """The least and the largest length of a filter of `A`."""
    found = [
        np.sqrt((keras.ops.convert_to_numpy(side.kernel) ** 2).sum((0, 1, 2)))
        for bridge in amalgamator.bridges["components"].values()
        for side in bridge.teacher_side
    ]
    if not found:
        return {"shortest": None, "longest": None}
    found = np.concatenate(found)
    return {"shortest": float(found.min()), "longest": float(found.max())}


def main(args):
    """Train and score all variants."""
    whole = datasets.people("train")
    unlabelled = whole.array(slice(LABELLED, LABELLED + args.images))
    scored = datasets.people(args.split)
    x, rows = scored.array(), []

    def right(models, kind):
        """Part of the pictures that models read as labelled, by task."""
        found = {}
        for model in models:
            found |= model.predict(x, verbose=0)
        return {
            f"{task}, {kind}": float(
                (found[task].argmax(-1) == scored.y(task)).mean()
            )
            for task in WANTED
        }

    for seed in args.seeds:
        for name in args.variants:
            keras.utils.set_random_seed(seed)
            made = train(VARIANTS[name], unlabelled, args.steps, seed)
            rows.append(
                {
                    "variant": name,
                    "seed": seed,
                    "components": right(made.components, "component"),
                    "student": right([made.student], "student"),
                    "lengths": lengths(made),
                }
            )
            print(rows[-1], flush=True)
    columns = {"components": 100, "student": 100, "lengths": 1}
    bars.write(args, rows, "variant", columns, ["components", "student"])


if __name__ == "__main__":
    recipe.run(main, options, smoke=SMOKE, writes=["report.png"])
