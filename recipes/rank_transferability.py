"""Which trained network to start from, without labels, and how well it is told.

    python recipes/rank_transferability.py

Thirteen small encoders, one a task of a generated world (`SceneEncoders`; they
come with the package, `build/train_scene_encoders.py` makes others, one set a
seed, for `--encoders`), are compared by what they do with unlabelled probe
images. What transfer really does is measured beside: the encoder of each task
is frozen, and a readout for each other task, ridge regression, is fitted on 300
labels. Every measure is then one line of a table:

- `labels`: whether it reads labels of the target;
- `rho`: Spearman's correlation with measured transfer, mean over the targets
  that any other source can predict (normalized error below 0.85); `rho, all`:
  without that filter;
- `P@1`, `P@3`: share of the best 1 or 3 sources by the measure that are among
  the truly best 3;
- `p`: share of 500 exchanges of the networks with a mean `rho` as high;
- `seconds`: for all networks; `readouts` is what they take the place of.

`graph`, `edges` (DEPARA), `curves` (ModelGiF), `rsa` and `cka` are explained in
`ModelSpace`; LogME reads the targets of the 300 labelled images, the H-score
those of the four tasks with classes.

Your own encoders, which take pictures in [0, 1], and a folder of pictures:

    python recipes/rank_transferability.py --models a.keras b.keras c.keras \
        --images pictures

Written to `--output`: `report.json`, and `report.png` with affinities and tree.
"""

import time

from keras_vipa.utils import recipe

# isort: split
import keras
import numpy as np

from keras_vipa import datasets
from keras_vipa import transferability
from keras_vipa.applications import SceneEncoders
from keras_vipa.utils import reports
from keras_vipa.utils import scoreboard
from keras_vipa.utils import types
from keras_vipa.utils.images import fit_picture

LABELS, TESTS, RELEVANT, PREDICTABLE = 300, 1000, 3, 0.85
METHODS = "gradient_x_input saliency epsilon_lrp integrated_gradients".split()
OTHERS = ("graph", "edges", "curves", "rsa", "cka")
OWN = ("maps", "graph", "cka")
SMOKE = {
    "tasks": ["shape", "color", "bgcol", "pose"],
    "methods": ["gradient_x_input"],
    "probes": 10,
}


def options(add):
    """The options."""
    add("--models", nargs="+", metavar="KERAS_FILE", help="encoders of yours")
    add("--images", metavar="FOLDER", help="probe images for --models")
    add("--size", type=int, default=128, help="of these, pixels")
    add("--white", type=types.positive, default=1.0, help="in what they take")
    add("--methods", nargs="+", choices=METHODS, default=METHODS)
    add("--probe", default="scenes", choices=("scenes", "noise"))
    add("--probes", type=int, default=200, help="images")
    add("--pool", type=int, help="compare maps as so many cells a side")
    add("--encoders", metavar="FOLDER", help="of train_scene_encoders.py")
    add("--tasks", nargs="+", help="encoders of these alone")


def fill_space(args, probes, encoders, method, measures):
    """A space of all encoders."""
    space = transferability.ModelSpace(probes, method, measures, pool=args.pool)
    start = time.perf_counter()
    white = args.white / 255.0
    preprocess = args.models and keras.layers.Rescaling(white)
    for name, encoder in encoders.items():
        space.add(name, encoder, preprocess)
        if args.models and len(space.names) == 1:
            left = (time.perf_counter() - start) * (len(encoders) - 1)
            print(f"{name} is done; about {left:.0f} s for the others")
    return space


def features_and_targets(model, world):
    """Task -> features by every encoder of what the task sees, and targets."""
    problems, known = {}, {}
    for task in model.output:
        inputs, targets = datasets.scene_task(world, task)
        key = inputs.tobytes()
        if key not in known:
            outputs = model.predict(inputs, batch_size=256, verbose=0)
            known[key] = {k: x.reshape(len(x), -1) for k, x in outputs.items()}
        if targets.ndim == 4:
            # Means over 8 x 8 cells.
            count, size, _, channels = targets.shape
            cells = (count, 8, size // 8, 8, size // 8, channels)
            targets = targets.reshape(cells).mean(axis=(2, 4))
        targets = targets.reshape(len(targets), -1).astype("float64")
        problems[task] = known[key], targets
    return problems


def readout_error(features, targets):
    """Measured transfer: 1 is no better than the mean of the targets."""
    return transferability.readout_error(features, targets, LABELS)


def log_me(features, targets):
    """LogME of the targets as values; those that never change say nothing."""
    targets = targets[:LABELS] - targets[:LABELS].mean(axis=0)
    targets = targets[:, targets.std(axis=0) > 0]
    return transferability.log_me(features[:LABELS], targets)


def h_score(features, targets):
    """The H-score; NaN if the targets are no classes, zeros and a one."""
    if not np.isin(targets, (0, 1)).all():
        return np.nan
    classes = targets[:LABELS].argmax(axis=1)
    return transferability.h_score(features[:LABELS], classes)


def matrix(function, problems):
    """What a function says of each source for each target; seconds."""
    start = time.perf_counter()
    columns = [
        [function(x, targets) for x in features.values()]
        for features, targets in problems.values()
    ]
    return np.array(columns).T, time.perf_counter() - start


def compare(args, seed):
    """All measures against measured transfer, for one set of encoders."""
    weights = args.encoders and f"{args.encoders}/seed_{seed}.weights.h5"
    chosen = {"tasks": args.tasks} if args.tasks else {}
    model = SceneEncoders(weights or "scene_encoders", **chosen)
    encoders = {task: model.get_layer(task) for task in model.output}
    start = time.perf_counter()
    world = datasets.scenes(LABELS + TESTS, seed=200 + seed)
    problems = features_and_targets(model, world)
    truth = -matrix(readout_error, problems)[0]
    np.fill_diagonal(truth, np.nan)
    seconds = time.perf_counter() - start
    print(f"seed {seed}: readouts {seconds:.1f} s", flush=True)
    probes = datasets.pink_noise(args.probes, 300 + seed)
    if args.probe == "scenes":
        probes = datasets.scenes(args.probes, seed=300 + seed).images

    jobs = [(method, method, "maps") for method in args.methods]
    jobs += [(measure, args.methods[0], measure) for measure in OTHERS]
    spaces, found = [], {}
    for name, method, measure in jobs:
        start = time.perf_counter()
        space = fill_space(args, probes, encoders, method, [measure])
        seconds = time.perf_counter() - start
        found[name] = "no", space.affinity(measure), seconds
        spaces.append(space)
    found["LogME"] = "yes", *matrix(log_me, problems)
    found["H-score"] = "yes", *matrix(h_score, problems)
    rows = []
    for name, (labels, scores, seconds) in found.items():
        row = {"measure": name, "labels": labels}
        row |= transferability.evaluate_ranking(
            scores, truth, RELEVANT, -PREDICTABLE, seed=seed
        )
        rows.append({**row, "seconds": seconds, "seed": seed})
    return rows, spaces[0]


def table_of(rows):
    """A line a measure; mean and deviation over seeds."""
    same = ["measure", "labels"]
    columns = [key for key in rows[0] if key not in (*same, "seed")]
    summary = scoreboard.summarize(rows, same, columns)
    return scoreboard.format_summary(summary, 3)


def rank_models(args):
    """Encoders of the user's: the ranking for each as the target."""
    models = {path: recipe.read_model(path) for path in args.models}
    found = datasets.read_pictures(
        args.images, "photographs", args.probes, seed=args.seeds[0]
    )
    probes = np.stack([fit_picture(p, args.size) for p in found.values()])
    print(f"{len(models)} networks, {len(probes)} pictures", flush=True)
    space = fill_space(args, probes, models, args.methods[0], OWN)
    rows = []
    for target in space.names:
        rankings = {
            measure: dict(space.rank(target, measure)) for measure in OWN
        }
        for source in rankings["maps"]:
            row = {"target": target, "source": source}
            # A network whose features never change may have maps that do.
            rows.append(row | {k: rankings[k].get(source) for k in OWN})
    print(reports.format_table(rows))
    return rows, space


def main(args):
    """Compare, print, write."""
    if bool(args.models) != bool(args.images):
        raise ValueError("--models and --images go together.")
    if args.models:
        rows, space = rank_models(args)
    else:
        print("Every measure, and readouts: about two minutes a seed.")
        sets = [compare(args, seed) for seed in args.seeds]
        rows, space = [row for rows, _ in sets for row in rows], sets[0][1]
        print(table_of(rows))
    with recipe.results(args) as folder:
        recipe.write_report(args, rows, folder)
        space.plot(folder / "report.png")


if __name__ == "__main__":
    recipe.run(main, options, smoke=SMOKE, writes=["report.png"])
