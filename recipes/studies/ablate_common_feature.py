"""What each term and each choice of common feature learning is worth.

    python recipes/studies/ablate_common_feature.py --seeds 0 1 2 3 4

The teachers of `amalgamate_common_feature.py` on garments, which are inside the
package, become students of equal sizes and steps, that differ in one thing:

- `soft targets`: `L_C` alone; `+ common`: with `L_M`; `+ reconstruction`: with
  `L_R`; `both`: with both, the defaults of `CommonFeatureAmalgamator`;
- `weights 10`: as the authors' program weights both; `warm-up`: these, growing
  over the first half of the steps; `median`: bandwidths from the distances;
- `joint`, `separate`: one softmax over all classes, or one a teacher, instead
  of the sum; `temperatures`: logits of one deviation; `not calibrated`: as they
  are;
- `authors`: `joint`, `weights 10`, `not calibrated`.

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
from keras_vipa.amalgamation import CommonFeatureAmalgamator

TEACHERS, BATCH, HIDDEN = ("garments_0_4", "garments_5_9"), 64, 32


def weights(common, reconstruction):
    """As an option of the amalgamator."""
    return {"weights": {"common": common, "reconstruction": reconstruction}}


VARIANTS = {
    "soft targets": weights(0, 0),
    "+ common": weights(1, 0),
    "+ reconstruction": weights(0, 1),
    "both": {},
    "weights 10": weights(10, 10),
    "warm-up": {**weights(10, 10), "warm_up": 0.5},
    "median": {"bandwidths": "median"},
    "joint": {"targets": "joint"},
    "separate": {"targets": "separate"},
    "temperatures": {"calibrate": "teachers"},
    "not calibrated": {"calibrate": None},
    "authors": {**weights(10, 10), "targets": "joint", "calibrate": None},
}
SMOKE = {"steps": 1, "images": 64, "variants": ["soft targets"]}


def options(add):
    """The options."""
    add("--steps", type=int, default=1000)
    add("--images", type=int, default=5800, help="unlabelled ones")
    add("--split", choices=["validation", "test"], default="validation")
    add("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS))


def train(change, images, steps, seed):
    """An amalgamator that has been trained."""
    change = dict(change)
    if "warm_up" in change:
        change["warm_up"] = round(change["warm_up"] * steps)
    amalgamator = CommonFeatureAmalgamator(
        [applications.load_model(name) for name in TEACHERS],
        image_shape=images.shape[1:],
        hidden=HIDDEN,
        seed=seed,
        **change,
    )
    epochs = -(-steps // max(1, len(images) // BATCH))
    amalgamator.fit_stages(images, {"joint": epochs}, BATCH, verbose=0)
    return amalgamator


def main(args):
    """Train and score all variants."""
    unlabelled = datasets.garments("train").array(slice(args.images))
    scored = datasets.garments(args.split)
    rows = []
    for seed in args.seeds:
        for name in args.variants:
            keras.utils.set_random_seed(seed)
            made = train(VARIANTS[name], unlabelled, args.steps, seed)
            logits = made.student.predict(scored.array(), verbose=0)
            score = metrics.by_part(metrics.accuracy, scored.y(), made.slices)
            rows.append({"variant": name, "seed": seed, **score(logits)})
            print(rows[-1], flush=True)
    columns = {"parts": 100, "joint": 100}
    bars.write(args, rows, "variant", columns)


if __name__ == "__main__":
    recipe.run(main, options, smoke=SMOKE, writes=["report.png"])
