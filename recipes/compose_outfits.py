"""Compose outfits, with a reason for each match.

    python recipes/compose_outfits.py --train

learns an embedding of garments whose parts mean colour, shape and pattern, and
nothing else, of generated garments (`keras_vipa.datasets.wardrobe`), in which
colours tell something of shapes; embeds a wardrobe of others, in which they do
not; learns from `--learnt` outfits which clusters of each part go together;
and prints the outfits that it finds for `--requests`, each with its reasons.

Rows of `results`: `partitioned`, with equal weights of colour, shape and
pattern; `fitted`, with weights that tell the outfits of the wardrobe from wrong
ones; `mixed`, all parts as one; `popularity`, of each kind of item; `random`.
Columns: what can be read of an attribute from the part of its own name and
from others (`own`, `leak`, `gap`, by networks with one hidden layer; 0 is
chance, 1 all is right), the mean squared error of decoded images
(`reconstruction`), exchanged parts that took their attribute along, and
nothing else (`swap`); and of outfits of items that were in no outfit that was
learnt from: `fill_in`, the right one of four items is chosen, and `auc`. The
`reasons` of the report say how often the part of the weakest match is that of
the rule that is broken (`blame`; by chance a third), and how often the right
outfit has the better score with all parts (`preferred`), without the one that
is blamed, and without another.

    python recipes/compose_outfits.py --images folder --attributes items.csv \
        --outfits outfits.json --requests "a red top"

does it with a wardrobe of yours, of pictures on a plain ground: a CSV file with
the columns `file`, `category`, and one for each attribute that is to have a
part; and outfits, a JSON list of lists of files. It learns an embedding of
these first, unless `--embedding` has one. Nothing is compared.

Written to `--output`: `report.json`; `outfits.png`, `maps.png`, the matching
maps, `leakage.png` and `swaps.png`; `trainer.keras`, the embedding with its
decoder (`--embedding` takes it again), and `composer.keras`.
"""

from keras_vipa.utils import recipe

# isort: split

import keras
import numpy as np
from shared import outfit_pictures
from shared import outfits
from shared import own_wardrobe
from shared import partitions

from keras_vipa import datasets
from keras_vipa.utils import types

REQUESTS = ["a red top, plain trousers", "a dress and a black bag", "sneakers"]
MAPS = [
    ("color", "top", "bottom"),
    ("pattern", "top", "bag"),
    ("shape", "top", "shoes"),
]
SMOKE = {
    "items": 160,
    "learnt": 20,
    "epochs": [1, 1],
    "steps": 2,
    "train": True,
}
WRITES = [
    "outfits.png",
    "maps.png",
    "leakage.png",
    "swaps.png",
    "trainer.keras",
    "composer.keras",
]
SHOWN = 12


def options(add):
    """The options."""
    add("--requests", nargs="+", default=REQUESTS, metavar="WORDS")
    add("--embedding", type=types.file, metavar="FILE", help="trainer.keras")
    add("--train", action="store_true", help="an embedding, at first")
    add("--images", type=types.folder, metavar="FOLDER", help="of yours")
    add("--attributes", type=types.file, metavar="FILE", help="CSV, of these")
    add("--outfits", type=types.file, metavar="FILE", help="JSON, of these")
    add("--items", type=types.whole(100), default=12000, help="to train on")
    add("--learnt", type=int, default=2000, help="outfits to learn from")
    add("--epochs", type=int, nargs=2, help="of warm-up and game")
    add("--steps", type=int, default=1500, help="of what reads the parts")


def read_trainer(args, seed, backup):
    """An embedding with its decoder, trained now or before."""
    if args.embedding:
        return recipe.read_model(args.embedding)
    if not args.train:
        raise ValueError("There is no embedding yet: --train or --embedding")
    items = datasets.wardrobe(count=args.items, seed=seed)
    print(f"Training on {len(items)} items", flush=True)
    made, seconds = partitions.trained(items, seed, args.epochs, backup)
    print(f"Trained for {seconds:.0f} seconds", flush=True)
    return made


def draw(args, trainer, composer, known, items, matrices):
    """All pictures, with what was found for each request."""
    images, found = items.array(), outfits.answered(composer, args.requests)
    pictures = np.concatenate([known.array(), images])
    one, other = images[:SHOWN], images[SHOWN : 2 * SHOWN]
    decoded = {
        part: keras.ops.convert_to_numpy(trainer.swap(one, other, part))
        for part in trainer.embedding.parts
    }
    itself = keras.ops.convert_to_numpy(trainer.swap(one, one, "rest"))
    parts = list(partitions.ATTRIBUTES)
    return {
        "outfits.png": outfit_pictures.draw_outfits(pictures, found, parts),
        "maps.png": outfit_pictures.draw_maps(composer, MAPS),
        "leakage.png": outfit_pictures.draw_leakage(matrices),
        "swaps.png": outfit_pictures.draw_swaps(one, other, itself, decoded),
    }


def main(args):
    """Embed, judge, compose, draw."""
    if args.images or args.attributes or args.outfits:
        own_wardrobe.compose(args)
        print(f"Written to {args.output}")
        return
    rows, reasons, first = [], [], None
    with recipe.backup_folder(args) as backup:
        for seed in args.seeds:
            trainer = read_trainer(args, seed, backup / str(seed))
            small = {"count": args.items} if args.smoke else {}
            known, items = (
                datasets.wardrobe(split, seed=seed, **small)
                for split in ("validation", "test")
            )
            classify = partitions.reader(args.items, args.steps)
            scores, matrices = partitions.judged(
                trainer, known, items, classify, args.steps, seed
            )
            composer, found, why = outfits.compared(
                trainer.embedding, known, items, args.learnt, seed
            )
            found[0].update(scores)
            rows += found
            reasons.append({"seed": seed, **why})
            print(found[0], why, flush=True)
            first = first or (trainer, composer, known, items, matrices)
        figures = draw(args, *first)
        with recipe.results(args) as folder:
            for name, figure in figures.items():
                figure.savefig(folder / name, dpi=120)
            first[0].save(folder / "trainer.keras")
            first[1].save(folder / "composer.keras")
            recipe.write_report(args, rows, folder, reasons=reasons)
    print(f"Written to {args.output}")


if __name__ == "__main__":
    recipe.run(main, options, smoke=SMOKE, writes=WRITES)
