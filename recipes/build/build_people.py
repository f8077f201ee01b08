"""Make the embedded people with DiceBear.

```
pip install dicebear-core==10.7.0 dicebear-styles==10.6.0 resvg-py==0.5.0
python recipes/build/build_people.py keras_vipa/datasets
```

Writes `people.webp` (a sheet, without loss) and `people.npz` (seed and parts of
each person). Seeds count from 0; a picture that equals an earlier one is left
out.
"""

import argparse
import io
import json
import os
from importlib import resources

import numpy as np
from PIL import Image
from sheets import write_sheet

from keras_vipa.datasets.people import COUNTS
from keras_vipa.datasets.people import PARTS
from keras_vipa.datasets.people import SIZE

STYLE = "voxel-art.json"
# Ours to theirs; a part of which there may be none has a probability.
NAMES = {
    "hat": "topVariant",
    "outfit": "outfitVariant",
    "mouth": "mouthVariant",
    "glasses": "glassesVariant",
    "eyes": "eyesVariant",
    "skin": "skinColor",
    "hair": "hairColor",
    "trousers": "pantsColor",
    "shoes": "shoesColor",
}
# Beards would hide mouths.
FIXED = {
    "size": SIZE,
    "backgroundColor": ["ffffff"],
    "animationVariant": ["none"],
    "beardProbability": 0,
}
BALD = ("none", "cap", "beanie", "animalEars", "bunnyEars")


def draw(style, seed):
    """A picture `(32, 32, 3)` on white, and what was chosen for it."""
    import resvg_py
    from dicebear import Avatar

    avatar = Avatar(style, {"seed": str(seed), **FIXED})
    png = bytes(resvg_py.svg_to_bytes(svg_string=avatar.to_string()))
    with Image.open(io.BytesIO(png)) as picture:
        white = Image.new("RGBA", picture.size, "white")
        white.alpha_composite(picture.convert("RGBA"))
    chosen = avatar.to_json()
    chosen = json.loads(chosen) if isinstance(chosen, str) else chosen
    return np.asarray(white.convert("RGB")), chosen["options"]


def parts_of(chosen, colors):
    """Part to class, as `PARTS` counts them."""
    parts = {}
    for part, name in NAMES.items():
        value = chosen.get(name, "none")
        if name.endswith("Color"):
            values = colors[name.removesuffix("Color")]["values"]
            parts[part] = values.index(value[0]) if value != "none" else -1
        else:
            parts[part] = PARTS[part].index(value)
    if PARTS["hat"][parts["hat"]] in BALD:
        parts["hair"] = -1
    return parts


def build_people(out):
    """Write both files.

    Args:
        out: string. The folder to write to.
    """
    from dicebear import Style

    text = resources.files("dicebear_styles").joinpath(STYLE).read_text()
    described = json.loads(text)
    style, colors = Style(described), described["colors"]
    count, seed, pictures, rows = sum(COUNTS.values()), 0, {}, []
    while len(rows) < count:
        picture, chosen = draw(style, seed)
        if pictures.setdefault(picture.tobytes(), picture) is picture:
            rows.append({"seed": seed, **parts_of(chosen, colors)})
        seed += 1
    write_sheet(
        os.path.join(out, "people.webp"), np.stack([*pictures.values()])
    )
    columns = {
        key: np.array([row[key] for row in rows], "int8")
        for key in rows[0]
        if key != "seed"
    }
    columns["seed"] = np.array([row["seed"] for row in rows], "uint16")
    path = os.path.join(out, "people.npz")
    with open(path + ".part", "wb") as file:
        np.savez_compressed(file, **columns)
    os.replace(path + ".part", path)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Make the people.")
    parser.add_argument("out", help="the folder to write to")
    build_people(parser.parse_args().out)
