"""A wardrobe of the user's: pictures, what they show, and outfits."""

import csv
import json

from shared import outfit_pictures
from shared import partitions
from shared.outfits import answered

from keras_vipa import datasets
from keras_vipa.applications import OutfitComposer
from keras_vipa.utils import recipe

COLUMNS = ("file", "category")


def compose(args):
    """Compose outfits of the user's wardrobe."""
    seed, trainer = args.seeds[0], None
    if args.embedding:
        trainer = recipe.read_model(args.embedding)
    size = trainer.size if trainer else (32, 32)
    items, right = read(args.images, args.attributes, args.outfits, size)
    if not trainer:
        with recipe.backup_folder(args) as backup:
            trainer, _ = partitions.trained(items, seed, args.epochs, backup)
    composer = OutfitComposer(trainer.embedding, seed=seed)
    categories, words = partitions.words_of(items)
    composer.adapt(items.array(), categories, right, words)
    found = answered(composer, args.requests)
    parts = partitions.attributes_of(items)
    figure = outfit_pictures.draw_outfits(items.array(), found, parts)
    rows = [
        {"request": request, "items": one["items"], "total": one["total"]}
        for request, outfits_found in found
        for one in outfits_found
    ]
    with recipe.results(args) as folder:
        figure.savefig(folder / "outfits.png", dpi=120)
        trainer.save(folder / "trainer.keras")
        composer.save(folder / "composer.keras")
        recipe.write_report(args, rows, folder)


def read(images, attributes, outfits, size):
    """Read a wardrobe.

    Args:
        images: string. A folder of pictures.
        attributes: string. A CSV file with the columns `file`, relative to the
            folder, `category`, and one for each attribute; an empty cell is
            not known.
        outfits: string. A JSON file, a list of lists of such files.
        size: pair of integers, height and width.

    Returns:
        An `ImageSet` with a label for each column but the file, and a list of
        lists of integers.

    Raises:
        ValueError: If a file is not as above, or they do not fit together.
    """
    if not (images and attributes and outfits):
        raise ValueError(
            "A wardrobe of yours needs --images, --attributes and --outfits"
        )
    found = datasets.folder(images, size)
    rows = _read_rows(attributes)
    paths = [str(path) for path in found.info["path"]]
    missing = [path for path in rows if path not in paths]
    if missing:
        raise ValueError(f"--images has no picture {missing[0]!r}")
    found = found.select([paths.index(path) for path in rows])
    labels, names = {}, {}
    for column in next(iter(rows.values())):
        words = [row[column].strip() for row in rows.values()]
        names[column] = sorted({word for word in words if word})
        if len(names[column]) < 2:
            raise ValueError(
                f"Column {column!r} of --attributes must have at least two "
                f"values. Received: {names[column]}"
            )
        labels[column] = [
            names[column].index(word) if word else -1 for word in words
        ]
    if -1 in labels["category"]:
        raise ValueError("Each row of --attributes must have a category")
    items = datasets.ImageSet(
        found.images, labels, names, label="category", name="wardrobe"
    )
    return items, _read_outfits(outfits, list(rows))


def _read_rows(path):
    """Dict, file -> dict of its other columns."""
    try:
        with open(path, newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            rows = list(reader)
            columns = reader.fieldnames or []
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"--attributes must be a CSV file: {error}") from error
    if not rows or not {*COLUMNS} < {*columns}:
        raise ValueError(
            "--attributes must have the columns file and category, one or more "
            f"others, and rows. Received: {columns}"
        )
    for number, row in enumerate(rows, 2):
        if None in row or None in row.values():
            raise ValueError(
                f"Line {number} of --attributes must have {len(columns)} cells"
            )
    found = {row.pop("file"): row for row in rows}
    if len(found) < len(rows):
        raise ValueError("--attributes must name each file once")
    return found


def _read_outfits(path, files):
    """Lists of places in `files`."""
    try:
        with open(path, encoding="utf-8") as file:
            outfits = json.load(file)
    except ValueError as error:
        raise ValueError(f"--outfits must be a JSON file: {error}") from error
    is_list = isinstance(outfits, list) and outfits
    if not is_list or not all(isinstance(one, list) for one in outfits):
        raise ValueError("--outfits must be a list of lists of files")
    places = {name: number for number, name in enumerate(files)}
    unknown = [
        name for one in outfits for name in one if str(name) not in places
    ]
    if unknown:
        raise ValueError(
            f"--attributes has no row of {unknown[0]!r}, which --outfits names"
        )
    return [[places[name] for name in one] for one in outfits]
