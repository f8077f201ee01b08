"""Which trained network to start from, without labels, and how well it is told.

    python recipes/rank_transferability.py

Thirteen small encoders, one a task of a generated world (`SceneEncoders`; they
come with the package, `--train` makes others, one set a seed), are compared by
what they do with unlabelled probe images. What transfer really does is measured
beside: the encoder of each task is frozen, and a readout for each other task is
fitted on 300 labels. Every measure is then one line of a table:

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

import argparse
import pathlib
import time

import matplotlib
import matplotlib.pyplot as plt
import numpy as np

from keras_vipa import datasets
from keras_vipa import transferability
from keras_vipa.applications import SceneEncoders
from keras_vipa.applications import scene_encoders
from keras_vipa.applications import train_scene_encoders
from keras_vipa.datasets.scene_tasks import FAMILIES
from keras_vipa.datasets.scene_tasks import TASKS
from keras_vipa.datasets.style_samples import pictures_of
from keras_vipa.transferability import comparison
from keras_vipa.utils import reports
from keras_vipa.utils.files import read_model
from keras_vipa.utils.images import fit_picture

matplotlib.use("Agg")
LABELS, TESTS, RELEVANT, PREDICTABLE = 300, 1000, 3, 0.85
METHODS = (
    "gradient_x_input",
    "saliency",
    "epsilon_lrp",
    "integrated_gradients",
)
SMOKE = {"probes": 10, "methods": ["gradient_x_input", "saliency"]}


def parse():
    """The options."""
    parser = argparse.ArgumentParser(
        prog="rank_transferability.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--models", nargs="+", metavar="KERAS_FILE", help="encoders of yours")
    add("--images", metavar="FOLDER", help="probe images for --models")
    add("--size", type=int, default=128, help="of these, pixels")
    add("--methods", nargs="+", default=METHODS, help="attribution methods")
    add("--probe", default="scenes", choices=("scenes", "noise"))
    add("--probes", type=int, default=200, help="images")
    add("--pool", type=int, help="compare maps as so many cells a side")
    add("--train", action="store_true", help="encoders for each of --seeds")
    add("--epochs", type=int, default=10)
    add("--seeds", type=int, nargs="+", default=[0])
    add("--output", default="results/rank_transferability", metavar="FOLDER")
    add("--smoke", action="store_true", help="few probe images and measures")
    return parser


def study(args, seed):
    """All measures against measured transfer, for one set of encoders."""
    if args.train:
        world = datasets.scenes(4000, seed=100 + seed)
        model = train_scene_encoders(world, args.epochs, seed, verbose=1)
    else:
        model = SceneEncoders("scene_encoders")
    encoders = {task: model.get_layer(task) for task in TASKS}
    start = time.perf_counter()
    problems = scene_encoders.features_and_targets(
        encoders, datasets.scenes(LABELS + TESTS, seed=200 + seed)
    )
    errors = scene_encoders.readout_errors(problems, LABELS)
    seconds = time.perf_counter() - start
    probes = datasets.pink_noise(args.probes, 300 + seed)
    if args.probe == "scenes":
        probes = datasets.scenes(args.probes, seed=300 + seed).images
    found, space = comparison.affinities(
        encoders, probes, args.methods, pool=args.pool
    )
    free = len(found)
    found |= comparison.label_scores(problems, LABELS, FAMILIES["semantic"])
    rows = []
    for number, (name, (scores, took)) in enumerate(found.items()):
        row = {"measure": name, "labels": "no" if number < free else "yes"}
        row |= comparison.judge(scores, errors, PREDICTABLE, RELEVANT, seed)
        row = {k: None if v != v else v for k, v in row.items()}
        rows.append({**row, "seconds": took, "seed": seed})
    print(f"seed {seed}: readouts {seconds:.1f} s", flush=True)
    return rows, space


def table_of(rows):
    """A line a measure; mean and deviation over seeds."""
    table = []
    for name in dict.fromkeys(row["measure"] for row in rows):
        own = [row for row in rows if row["measure"] == name]
        cells = {"measure": name, "labels": own[0]["labels"]}
        for key in ("rho", "rho, all", "P@1", f"P@{RELEVANT}", "p", "seconds"):
            values = [row[key] for row in own]
            if None in values:
                cells[key] = ""
                continue
            cells[key] = f"{np.mean(values):.3f}"
            if len(values) > 1:
                cells[key] += f" ± {np.std(values, ddof=1):.3f}"
        table.append(cells)
    return reports.format_table(table)


def plot(path, space):
    """Affinities in the order of the tree, and the tree."""
    links = space.tree()
    from scipy.cluster import hierarchy

    figure, axes = plt.subplots(1, 2, figsize=(11, 5), layout="constrained")
    tree = hierarchy.dendrogram(
        links, labels=space.names, orientation="right", ax=axes[1]
    )
    order = tree["leaves"]
    names = [space.names[i] for i in order]
    affinity = space.affinity()[np.ix_(order, order)]
    # The diagonal is 1, and would leave no colours for the rest.
    most = np.max(affinity - 2.0 * np.eye(len(order)))
    shown = axes[0].imshow(affinity, "viridis", vmax=most)
    axes[0].set_xticks(range(len(names)), names, rotation=90)
    axes[0].set_yticks(range(len(names)), names)
    axes[0].set_title("affinity: mean cosine of maps")
    axes[1].set_title("tree: 1 - affinity")
    axes[1].invert_yaxis()
    figure.colorbar(shown, ax=axes[0])
    figure.savefig(path)
    plt.close(figure)


def rank_own(args):
    """Encoders of the user's: the ranking for each as the target."""
    found = pictures_of(args.images, "probes", args.probes, seed=args.seeds[0])
    probes = [fit_picture(picture, args.size) for picture in found.values()]
    space = transferability.ModelSpace(
        np.stack(probes), args.methods[0], pool=args.pool
    )
    for path in args.models:
        space.add(path, read_model(path))
    rows = []
    for target in space.names:
        others = {k: dict(space.rank(target, k)) for k in ("graph", "cka")}
        for source, affinity in space.rank(target):
            row = {"target": target, "source": source, "maps": affinity}
            rows.append(row | {k: own[source] for k, own in others.items()})
    print(reports.format_table(rows))
    return rows, space


def main(args):
    """Compare, print, write."""
    if args.smoke:
        vars(args).update(SMOKE)
    if bool(args.models) != bool(args.images):
        raise ValueError("--models and --images go together.")
    output = pathlib.Path(args.output)
    output.mkdir(parents=True, exist_ok=True)
    if args.models:
        rows, space = rank_own(args)
    else:
        studies = [study(args, seed) for seed in args.seeds]
        rows = [row for found, _ in studies for row in found]
        space = studies[0][1]
        print(table_of(rows))
    reports.write_report(output / "report.json", vars(args), args.seeds, rows)
    plot(output / "report.png", space)


if __name__ == "__main__":
    reports.run_recipe(main, parse())
