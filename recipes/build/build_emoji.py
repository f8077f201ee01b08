"""Make the embedded emoji from three npm packages.

```
npm pack emoji-datasource-google@16.0.0
npm pack emoji-datasource-twitter@16.0.0
npm pack emojibase-data@17.0.0
mkdir google twitter emojibase
tar -xzf emoji-datasource-google-16.0.0.tgz -C google
tar -xzf emoji-datasource-twitter-16.0.0.tgz -C twitter
tar -xzf emojibase-data-17.0.0.tgz -C emojibase
python recipes/build/build_emoji.py \
    google/package twitter/package emojibase/package keras_vipa/datasets
```

Writes `emoji_noto.webp`, `emoji_twemoji.webp` (sheets, without loss) and
`emoji.csv` (one row an emoji, in the order of the sheets). The same packages
give the same pixels and the same table.
"""

import argparse
import collections
import csv
import json
import os
import re

import numpy as np
from PIL import Image
from sheets import write_sheet

from keras_vipa.datasets.emoji import DESIGNS
from keras_vipa.datasets.emoji import SIZE
from keras_vipa.datasets.emoji import SPLITS

FIELDS = (
    "hexcode",
    "name",
    "family",
    "category",
    "subcategory",
    "skin_tone",
    "gender",
    "split",
    "keywords",
)
SHARES = {"train": 0.7, "validation": 0.1, "test": 0.2}
SEED = 0
# Variants not counted: a keyword of one emoji says no more than its name.
FAMILIES_PER_KEYWORD = 5
PICTURES_PER_KEYWORD = 20

TONES = {"1F3FB": 1, "1F3FC": 2, "1F3FD": 3, "1F3FE": 4, "1F3FF": 5}
# What makes a variant when it is joined to an emoji: female, male, facing
# right; red, curly, no and white hair.
JOINED = {"2640", "2642", "27A1", "1F9B0", "1F9B1", "1F9B2", "1F9B3"}
# Emoji of one thing that Unicode does not spell alike.
ADULT, CHILD = "1F9D1", "1F9D2"
SAME = {
    "1F468": ADULT,  # man
    "1F469": ADULT,  # woman
    "1F471": ADULT,  # person: blond hair
    "1F466": CHILD,  # boy
    "1F467": CHILD,  # girl
    "1F474": "1F9D3",  # old man
    "1F475": "1F9D3",  # old woman
    "1F934": "1FAC5",  # prince
    "1F478": "1FAC5",  # princess
    "1F936": "1F385",  # Mrs. Claus
    "1F57A": "1F483",  # man dancing
    "1FAC3": "1F930",  # pregnant man
    "1FAC4": "1F930",  # pregnant person
    "1F46C": "1F46B",  # men holding hands
    "1F46D": "1F46B",  # women holding hands
}
SAME_SEQUENCE = {
    f"{ADULT}-1F384": "1F385",  # Mx Claus
    f"{ADULT}-1F91D-{ADULT}": "1F46B",  # people holding hands
    f"{ADULT}-2764-{ADULT}": "1F491",  # couple with heart
    f"{ADULT}-2764-1F48B-{ADULT}": "1F48F",  # kiss
    f"{ADULT}-1F37C": "1F931",  # breast-feeding
}
WOMAN_WORDS = {"woman", "women", "girl", "mermaid", "princess", "mrs."}
MAN_WORDS = {"man", "men", "boy", "merman", "prince", "santa"}


def family_of(hexcode):
    """Return what all variants of an emoji share.

    Args:
        hexcode: string. Code points, as in `"1F3C3-1F3FB-200D-2640-FE0F"`.

    Returns:
        A str: the code points of the plainest variant.

    Example:

    >>> family_of("1F3C3-1F3FB-200D-2640-FE0F"), family_of("1F468-200D-1F373")
    ('1F3C3', '1F9D1-1F373')
    """
    parts = []
    for place, part in enumerate(hexcode.split("-200D-")):
        codes = [c for c in part.split("-") if c not in TONES and c != "FE0F"]
        if place == 0 or not set(codes) <= JOINED:
            parts.append("-".join(SAME.get(code, code) for code in codes))
    if len(parts) > 1 and set(parts) <= {ADULT, CHILD}:
        return "1F46A"
    sequence = "-".join(parts)
    return SAME_SEQUENCE.get(sequence, sequence)


def gender_of(name, category, subcategory):
    """Return 1 for a woman, 2 for a man, 0 for neither or both.

    Args:
        name: string. Such as `"man running"`.
        category: string. Only people have a gender.
        subcategory: string. Families are drawn as silhouettes: none.

    Returns:
        An int.

    Example:

    >>> gender_of("man running", "People & Body", "person-activity")
    2
    """
    if category != "People & Body" or name.startswith("family"):
        return 0
    words = set(name.lower().replace(":", " ").replace(",", " ").split())
    return {(True, False): 1, (False, True): 2}.get(
        (bool(words & WOMAN_WORDS), bool(words & MAN_WORDS)), 0
    )


def read_rows(google_dir, emojibase_dir):
    """Return one row for each emoji and each variant of one skin tone.

    Args:
        google_dir: string. The unpacked package emoji-datasource-google.
        emojibase_dir: string. The unpacked package emojibase-data.

    Returns:
        A list of dicts in Unicode's order. `"image"` is the file's name and
        `"keywords"` a list of str.
    """
    words = _read_words(emojibase_dir)
    rows = []
    emoji = _read_json(google_dir, "emoji.json")
    for entry in sorted(emoji, key=lambda entry: entry["sort_order"]):
        if entry["category"] == "Component":
            continue
        variants = {"": entry, **entry.get("skin_variations", {})}
        for tones, variant in variants.items():
            tones = set(tones.split("-"))
            if len(tones) == 1:
                rows.append(_row(entry, variant, tones.pop(), words))
    return rows


def _read_json(*parts):
    with open(os.path.join(*parts), encoding="utf-8") as file:
        return json.load(file)


def _read_words(emojibase_dir):
    entries = _read_json(emojibase_dir, "en", "data.json")
    known = {tag for entry in entries for tag in entry.get("tags", [])}
    words = {}
    for entry in entries:
        # emojibase does not repeat the name: a cat has no tag "cat".
        named = re.findall(r"[\w’]+", entry["label"].lower())
        keywords = {*entry.get("tags", []), *known.intersection(named)}
        for variant in [entry, *entry.get("skins", [])]:
            plain = variant["hexcode"].replace("-FE0F", "")
            words[plain] = variant["label"], sorted(keywords)
    return words


def _row(entry, variant, tone, words):
    hexcode = variant["unified"]
    name, keywords = words[hexcode.replace("-FE0F", "")]
    category, subcategory = entry["category"], entry["subcategory"]
    return {
        "hexcode": hexcode,
        "name": name,
        "family": family_of(hexcode),
        "category": category,
        "subcategory": subcategory,
        "skin_tone": TONES.get(tone, 0),
        "gender": gender_of(name, category, subcategory),
        "keywords": keywords,
        "image": variant["image"],
    }


def read_pictures(rows, google_dir, twitter_dir):
    """Return the rows whose pictures exist in both designs, and these.

    A picture that equals an earlier one says nothing new, and its labels may
    say the opposite: France and St. Martin share a flag, and a snowboarder
    under his helmet looks the same in each skin tone. Such emoji are left out
    in both designs.

    Args:
        rows: list of dicts. As `read_rows` returns them.
        google_dir: string. The unpacked package emoji-datasource-google.
        twitter_dir: string. The unpacked package emoji-datasource-twitter.

    Returns:
        A pair: the rows that are kept, a list of n dicts, and their pictures,
        a uint8 array `(2, n, 32, 32, 3)`.
    """
    folders = [
        os.path.join(google_dir, "img", "google", "64"),
        os.path.join(twitter_dir, "img", "twitter", "64"),
    ]
    kept, pictures, seen = [], [], set()
    for row in rows:
        paths = [os.path.join(folder, row["image"]) for folder in folders]
        if not all(map(os.path.exists, paths)):
            continue
        pair = [_on_white(path) for path in paths]
        content = {picture.tobytes() for picture in pair}
        if content & seen:
            continue
        seen |= content
        kept.append(row)
        pictures.append(pair)
    return kept, np.array(pictures).swapaxes(0, 1)


def _on_white(path):
    picture = Image.open(path).convert("RGBA")
    white = Image.new("RGBA", picture.size, "white")
    picture = Image.alpha_composite(white, picture).convert("RGB")
    # Each pixel becomes the mean of four.
    return np.asarray(picture.resize((SIZE, SIZE), Image.Resampling.BOX))


def keep_common_keywords(rows):
    """Drop, in place, the keywords that too few emoji share.

    What is kept has at least 20 pictures and 5 families, and lies on the side
    of training as on that of the test.

    Args:
        rows: list of dicts, with splits.
    """
    found = collections.defaultdict(list)
    for row in rows:
        for word in row["keywords"]:
            found[word].append(row)
    common = {
        word
        for word, with_word in found.items()
        if len(with_word) * len(DESIGNS) >= PICTURES_PER_KEYWORD
        and len({row["family"] for row in with_word}) >= FAMILIES_PER_KEYWORD
        and {"train", "test"} <= {row["split"] for row in with_word}
    }
    for row in rows:
        row["keywords"] = [word for word in row["keywords"] if word in common]


def add_splits(rows):
    """Give each row, in place, its `"split"`: whole families, by quota.

    Within a category, families come by sub-category and at random inside of
    it; each goes to the split that is furthest behind its share, so that the
    sub-categories are divided evenly, too.

    Args:
        rows: list of dicts. As `read_rows` returns them.
    """
    families = collections.defaultdict(list)
    for row in rows:
        families[row["family"]].append(row)
    chance = np.random.default_rng(SEED)
    order = sorted(
        (found[0]["category"], found[0]["subcategory"], chance.random(), family)
        for family, found in families.items()
    )
    given = collections.defaultdict(collections.Counter)
    for category, _, _, family in order:
        found = families[family]
        counts = given[category]
        total = counts.total() + len(found)
        split = max(SPLITS, key=lambda s: SHARES[s] * total - counts[s])
        counts[split] += len(found)
        for row in found:
            row["split"] = split


def write_table(path, rows):
    """Write `emoji.csv`; keywords are joined by `|`.

    Args:
        path: string. The file.
        rows: list of dicts.
    """
    with open(path + ".part", "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(
            file, FIELDS, extrasaction="ignore", lineterminator="\n"
        )
        writer.writeheader()
        for row in rows:
            writer.writerow({**row, "keywords": "|".join(row["keywords"])})
    os.replace(path + ".part", path)


def build_emoji(google_dir, twitter_dir, emojibase_dir, out):
    """Write the two sheets and the table.

    Args:
        google_dir: string. The unpacked package emoji-datasource-google.
        twitter_dir: string. The unpacked package emoji-datasource-twitter.
        emojibase_dir: string. The unpacked package emojibase-data.
        out: string. The folder to write to.
    """
    rows = read_rows(google_dir, emojibase_dir)
    rows, pictures = read_pictures(rows, google_dir, twitter_dir)
    add_splits(rows)
    keep_common_keywords(rows)
    for design, of_design in zip(DESIGNS, pictures):
        write_sheet(os.path.join(out, f"emoji_{design}.webp"), of_design)
    write_table(os.path.join(out, "emoji.csv"), rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Make the embedded emoji.")
    for directory in ("google_dir", "twitter_dir", "emojibase_dir", "out"):
        parser.add_argument(directory)
    build_emoji(**vars(parser.parse_args()))
