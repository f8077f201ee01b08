"""Outfits in the form of Polyvore Outfits, from the user's disk."""

import json
import os

from keras_vipa.datasets.folder import folder
from keras_vipa.datasets.image_set import ImageSet
from keras_vipa.utils import checks

METADATA = "polyvore_item_metadata.json"
KINDS = ("disjoint", "nondisjoint")


def polyvore(path, split="train", size=128, kind="nondisjoint"):
    """Return the items and outfits of a folder of Polyvore Outfits.

    As Vasileva et al. (ECCV 2018) published it, as we know it from programs
    that read it; only tried on a made-up folder. Its images are for research
    only, and are not here:

    ```
    path/images/<item>.jpg
    path/polyvore_item_metadata.json    item -> {"semantic_category": ...}
    path/<kind>/<split>.json            [{"set_id": ..., "items":
                                          [{"item_id": ..., "index": ...}]}]
    path/<kind>/fill_in_blank_<split>.json
        [{"question": ["<set>_<index>", ...], "answers": [...]}]
    path/<kind>/compatibility_<split>.txt   lines "1 <set>_<index> ..."
    ```

    Args:
        path: str or path. The folder.
        split: str. `"train"`, `"valid"` or `"test"`.
        size: int, or pair of ints. Size of the images.
        kind: str. `"nondisjoint"` or `"disjoint"`.

    Returns:
        An `ImageSet` of the items of the split's outfits, labelled
        `"category"`, with `info["item"]`; and a dict of lists of lists of
        numbers in it: `outfits`; `right` and `wrong`, of the compatibility
        file; and `questions`, dicts of `items`, a partial outfit, and
        `choices`, what may be added, the right one first. Where there is no
        such file, lists are empty.

    Raises:
        ValueError: If a file is missing, or not as above.
    """
    path = os.path.expanduser(checks.path("path", path))
    checks.choice("split", split, ("train", "valid", "test"))
    checks.choice("kind", kind, KINDS)
    metadata = _read(os.path.join(path, METADATA))
    sets = _read(os.path.join(path, kind, f"{split}.json"))
    try:
        items_of = {
            f"{one['set_id']}_{item['index']}": str(item["item_id"])
            for one in sets
            for item in one["items"]
        }
        outfits = [
            [str(item["item_id"]) for item in one["items"]] for one in sets
        ]
        categories = {
            item: metadata[item]["semantic_category"]
            for item in items_of.values()
        }
    except (KeyError, TypeError) as error:
        raise ValueError(
            f"The files of {path!r} must be those of Polyvore Outfits. "
            f"Received: no {error}"
        ) from error
    items = _items(folder(os.path.join(path, "images"), size), categories)
    place = {item: number for number, item in enumerate(items.info["item"])}

    def numbered(found):
        """Numbers of items; without those that have no image."""
        return [place[item] for item in found if item in place]

    def named(words):
        try:
            return numbered([items_of[word] for word in words])
        except KeyError as error:
            raise ValueError(f"No outfit has an item {error}") from error

    start = os.path.join(path, kind)
    compatible = os.path.join(start, f"compatibility_{split}.txt")
    blanks = os.path.join(start, f"fill_in_blank_{split}.json")
    right, wrong = _compatibility(compatible, named)
    found = {
        "outfits": [numbered(outfit) for outfit in outfits],
        "right": right,
        "wrong": wrong,
    }
    # One item alone is no outfit.
    found = {k: [o for o in v if len(o) > 1] for k, v in found.items()}
    return items, {**found, "questions": _questions(blanks, named)}


def _items(pictures, categories):
    """The pictures of items whose category is known, as a set."""
    numbers = {
        os.path.splitext(os.path.basename(name))[0]: number
        for number, name in enumerate(pictures.info["path"])
    }
    kept = [item for item in categories if item in numbers]
    if not kept:
        raise ValueError("There must be images of the items. Received: none")
    names = sorted({categories[item] for item in kept})
    return ImageSet(
        pictures.select([numbers[item] for item in kept]).images,
        {"category": [names.index(categories[item]) for item in kept]},
        {"category": names},
        name="polyvore",
        info={"item": kept},
    )


def _read(path):
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except (OSError, ValueError) as error:
        raise ValueError(
            f"There must be a JSON file {path!r}: {error}"
        ) from error


def _compatibility(path, named):
    """Lists of right and of wrong outfits."""
    right, wrong = [], []
    if os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            for line in filter(str.strip, file):
                label, *words = line.split()
                (right if label == "1" else wrong).append(named(words))
    return right, wrong


def _questions(path, named):
    """Partial outfits, and what may be added, the right one first."""
    if not os.path.exists(path):
        return []
    found = []
    for question in _read(path):
        own = question["question"][0].rsplit("_", 1)[0]
        # The right answer is of the same set.
        answers = sorted(
            question["answers"], key=lambda word: word.rsplit("_", 1)[0] != own
        )
        items, choices = named(question["question"]), named(answers)
        if items and len(choices) == len(answers):
            found.append({"items": items, "choices": choices})
    return found
