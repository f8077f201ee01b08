"""Who decides between teachers that do not know each other's classes.

    python recipes/studies/compare_calibrations.py --seeds 10 11 12

The ten kinds of garments are divided at random among two teachers of five, two
of three and seven, or five of two classes, residual and plain ones in turn,
each trained on 40 labels a class. Rows: joint accuracy of the teachers' logits
side by side on the validation pictures, with which the default was chosen, or
on the test pictures, for each `calibrate` of `CommonFeatureAmalgamator`:
`None`, `teachers`, `classes`; and of `own`, where the teacher that knows the
class decides, which no rule can surpass. `rare`: the unlabelled pictures are
taken so that some classes are four times as frequent in them as others. Written
to `--output`: `report.json` and `report.png`.
"""

from keras_vipa.utils import recipe

# isort: split

import bars
import keras
import numpy as np
from keras import layers

from keras_vipa import applications
from keras_vipa import datasets
from keras_vipa.amalgamation import CommonFeatureAmalgamator
from keras_vipa.amalgamation import new_student

LABELS_PER_CLASS, BATCH = 40, 32
DIVISIONS = {"5+5": (5, 5), "3+7": (3, 7), "2+2+2+2+2": (2,) * 5}
RULES = (None, "teachers", "classes")
SOFT = {"common": 0.0, "reconstruction": 0.0}
SMOKE = {"steps": 2, "divisions": ["5+5"]}


def options(add):
    """The options."""
    add("--steps", type=int, default=400, help="of each teacher")
    add("--split", choices=["validation", "test"], default="validation")
    names = list(DIVISIONS)
    add("--divisions", nargs="+", choices=names, default=names)


def train_teacher(images, number, steps, seed):
    """A residual classifier, or a plain one."""
    count = images.num_classes()
    if number % 2:
        model = new_student("residual", (28, 28, 3), count, 77e3, seed)
    else:
        model = applications.SmallConvNet((28, 28, 3), count, (16, 32, 64), 64)
    few = images.few_per_class(LABELS_PER_CLASS, seed)
    shift = layers.RandomTranslation(1 / 14, 1 / 14, "constant", seed=seed)
    trained = keras.Sequential([keras.Input((28, 28, 3)), shift, model])
    rate = keras.optimizers.schedules.CosineDecay(2e-3, steps)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    trained.compile(keras.optimizers.Adam(rate), loss)
    epochs = -(-steps * BATCH // len(few))
    trained.fit(few.array(), few.y(), BATCH, epochs, verbose=0)
    return model


def scores(teachers, unlabelled, images, places):
    """Rule -> part of the images that are right among all classes."""
    found = {}
    for rule in RULES:
        made = CommonFeatureAmalgamator(
            teachers, weights=SOFT, calibrate=rule, ratio=1.0
        )
        if rule:
            made.calibrate(unlabelled)
        logits = made.teacher_logits(images)
        found[str(rule)] = float((logits.argmax(-1) == places).mean())
    own = logits.copy()
    for part in made.slices:
        is_own = (places >= part.start) & (places < part.stop)
        own[is_own, part] += 1e6
    found["own"] = float((own.argmax(-1) == places).mean())
    return found


def main(args):
    """Train the teachers of all divisions, and compare."""
    train = datasets.garments("train")
    scored = datasets.garments(args.split)
    if args.smoke:
        scored = scored.select(slice(64))
    rows = []
    for seed in args.seeds:
        generator = np.random.default_rng(seed)
        chances = generator.permutation(np.linspace(0.25, 1.0, 10))[train.y()]
        rare = generator.random(len(train)) < chances
        for name in args.divisions:
            keras.utils.set_random_seed(seed)
            ends = np.cumsum(DIVISIONS[name])[:-1]
            groups = np.split(generator.permutation(10), ends)
            teachers = [
                train_teacher(
                    train.of_classes(sorted(group.tolist()), relabel=True),
                    number,
                    args.steps,
                    seed,
                )
                for number, group in enumerate(groups, 1)
            ]
            order = np.concatenate([np.sort(group) for group in groups])
            places = np.argsort(order)[scored.y()]
            for kind, x in (
                ("all", np.arange(len(train))),
                ("rare", np.flatnonzero(rare)),
            ):
                x = train.array(x[:64] if args.smoke else x)
                found = scores(teachers, x, scored.array(), places)
                row = {"division": f"{name}, {kind}", "seed": seed}
                rows.append({**row, "joint": found})
                print(rows[-1], flush=True)
    columns = {"joint": 100}
    bars.write(args, rows, "division", columns)


if __name__ == "__main__":
    recipe.run(main, options, smoke=SMOKE, writes=["report.png"])
