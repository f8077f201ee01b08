"""Whether parts mean one attribute each, and what makes them.

    python recipes/studies/compare_partitions.py --seeds 0 1 2

trains the embedding of `compose_outfits.py` in several ways, for as many steps
of the encoders each:

- `autoencoder`: reconstruction alone;
- `attributes`: and an attribute read from the part of its name;
- `predictors, 1 step` (3, 6): and networks that predict each part from all
  others, with so many steps for each of the encoders;
- `classifiers, 3 steps`: networks that read each attribute from the parts that
  are not its own, in their place;
- `distance correlation`: of all pairs of parts, in their place.

Rows: accuracy of what is read of an attribute from the part of its name
(`own`) and from others (`leak`), 0 for chance, and their difference (`gap`), by
networks with a hidden layer and by linear ones; block MIG; `r2`, how well new
predictors tell a part from the others; `reconstruction`, mean squared error;
`swap`, exchanged parts that took their attribute along and nothing else. Probes
learn from the validation garments. They are judged on the second half of these
(`--split validation`, with which settings are chosen), or on the test garments.

Written to `--output`: `report.json`, `leakage.png` and `report.png`.
"""

import pathlib
import sys

from keras_vipa.utils import recipe

# What recipes share.
sys.path.append(str(pathlib.Path(__file__).resolve().parents[1]))

# isort: split

import bars
from shared import outfit_pictures
from shared import partitions

from keras_vipa import datasets

SMOKE = {
    "items": 160,
    "epochs": [1, 1],
    "steps": 2,
    "variants": ["attributes", "predictors, 1 step"],
}
COLUMNS = {
    "own": 100,
    "leak": 100,
    "gap": 100,
    "linear_leak": 100,
    "mig": 100,
    "r2": 100,
    "reconstruction": 1000,
    "swap": 100,
    "seconds": 1,
}


def options(add):
    """The options."""
    add("--variants", nargs="+", choices=partitions.VARIANTS)
    add("--items", type=int, default=12000, help="to train on")
    add("--epochs", type=int, nargs=2, help="of warm-up and game")
    add("--beta", type=float, help="of the game; its default")
    add("--steps", type=int, default=1500, help="of what reads the parts")
    add("--split", choices=["validation", "test"], default="validation")


def wardrobes(args, seed):
    """What probes learn from, and what they are judged on."""
    known = datasets.wardrobe("validation", seed=seed)
    if args.split == "test":
        return known, datasets.wardrobe("test", seed=seed)
    half = len(known) // 2
    return known.select(slice(half)), known.select(slice(half, None))


def main(args):
    """Train and judge all variants."""
    rows, matrices = [], {}
    classify = partitions.reader(args.items, args.steps)
    for seed in args.seeds:
        items = datasets.wardrobe(count=args.items, seed=seed)
        known, judged = wardrobes(args, seed)
        for name in args.variants or partitions.VARIANTS:
            options = dict(partitions.VARIANTS[name])
            if args.beta is not None:
                options["beta"] = args.beta
            made, seconds = partitions.trained(
                items, seed, args.epochs, **options
            )
            scores, found = partitions.judged(
                made, known, judged, classify, args.steps, seed
            )
            row = {"model": name, "seed": seed, "seconds": seconds, **scores}
            rows.append(row)
            matrices.setdefault(name, found["deep"])
            print(row, flush=True)
    figure = outfit_pictures.draw_leakage(matrices)
    with recipe.results(args) as folder:
        figure.savefig(folder / "leakage.png", dpi=120)
    bars.write(args, rows, "model", COLUMNS, ["own", "leak", "gap"], "in %")


if __name__ == "__main__":
    recipe.run(main, options, smoke=SMOKE, writes=["report.png", "leakage.png"])
