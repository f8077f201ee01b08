"""Make the embedded critters with DiceBear.

```
pip install dicebear-core==10.7.0 dicebear-styles==10.6.0 resvg-py==0.5.0
python recipes/build/build_critters.py keras_vipa/datasets
```

Writes `critters.webp` (a sheet, without loss) and `critters.npz` (the parts of
each class). Classes are drawn until each attribute is true of at least two seen
classes, all classes differ in their attributes, and none has a part that is in
no seen class.
"""

import argparse
import io
import json
import os
from importlib import resources

import numpy as np
from PIL import Image
from sheets import write_sheet

from keras_vipa.datasets.critters import ATTRIBUTES
from keras_vipa.datasets.critters import COUNTS
from keras_vipa.datasets.critters import PARTS
from keras_vipa.datasets.critters import SEEN
from keras_vipa.datasets.critters import SIZE
from keras_vipa.datasets.critters import UNSEEN
from keras_vipa.datasets.critters import attributes_of

# Factors of kinship, and how much a part depends on anything else.
FACTORS, ALONE = 4, 0.1
FIXED = {
    "size": SIZE,
    "backgroundColor": ["ffffff"],
    "animationVariant": ["none"],
}


def draw_classes(generator):
    """Part of each class, dict of arrays: what suits its factors best.

    What has an attribute in common suits the same factors. Of candidates, the
    first ones are taken that differ in their attributes.
    """
    count = 4 * (SEEN + UNSEEN)
    kinship = generator.normal(size=(count, FACTORS))
    suits = {name: generator.normal(size=FACTORS) for name in ATTRIBUTES}
    found = {}
    for part, variants in PARTS.items():
        liked = np.zeros((len(variants), FACTORS))
        for name, (owner, some) in ATTRIBUTES.items():
            if owner == part:
                for variant in some.split():
                    liked[variants.index(variant)] += suits[name]
        liked += ALONE * generator.normal(size=liked.shape)
        score = kinship @ liked.T
        score += ALONE * generator.gumbel(size=score.shape)
        found[part] = score.argmax(axis=1)
    _, first = np.unique(attributes_of(found), axis=0, return_index=True)
    chosen = np.sort(first)[: SEEN + UNSEEN]
    return {part: values[chosen] for part, values in found.items()}


def is_good(parts):
    """Whether what unseen classes are can be learnt from seen ones."""
    true = attributes_of(parts)
    differ = len(true) == SEEN + UNSEEN
    often = true[:SEEN].sum(axis=0)
    known = all(
        set(values[SEEN:]) <= set(values[:SEEN]) for values in parts.values()
    )
    return differ and known and often.min() >= 2 and often.max() <= SEEN * 0.6


def draw(style, parts, colors, generator):
    """A creature of a class."""
    import resvg_py
    from dicebear import Avatar

    options = {
        "seed": str(generator.integers(2**31)),
        "rotate": int(generator.integers(-8, 9)) % 360,
        "scale": float(generator.uniform(0.8, 0.95)),
        "translateX": int(generator.integers(-5, 6)),
        "translateY": int(generator.integers(-4, 5)),
        "bodyColor": [colors[parts["color"]]],
        "topProbability": 0 if PARTS["top"][parts["top"]] == "none" else 100,
    }
    for part in ("body", "eyes", "mouth", "top"):
        variant = PARTS[part][parts[part]]
        if variant != "none":
            options[f"{part}Variant"] = [variant]
    avatar = Avatar(style, {**FIXED, **options})
    png = bytes(resvg_py.svg_to_bytes(svg_string=avatar.to_string()))
    with Image.open(io.BytesIO(png)) as picture:
        white = Image.new("RGBA", picture.size, "white")
        white.alpha_composite(picture.convert("RGBA"))
    return np.asarray(white.convert("RGB"))


def build_critters(out):
    """Write both files.

    Args:
        out: string. The folder to write to.
    """
    from dicebear import Style

    text = resources.files("dicebear_styles").joinpath("critters.json")
    described = json.loads(text.read_text())
    style, colors = Style(described), described["colors"]["body"]["values"]
    generator = np.random.default_rng(0)
    parts = draw_classes(generator)
    while not is_good(parts):
        parts = draw_classes(generator)
    pictures = []
    for number in range(SEEN + UNSEEN):
        kinds = ("train", "validation") if number < SEEN else ("unseen",)
        own = {part: values[number] for part, values in parts.items()}
        for _ in range(sum(COUNTS[kind] for kind in kinds)):
            pictures.append(draw(style, own, colors, generator))
    write_sheet(os.path.join(out, "critters.webp"), np.stack(pictures))
    path = os.path.join(out, "critters.npz")
    with open(path + ".part", "wb") as file:
        np.savez_compressed(
            file, **{part: x.astype("int8") for part, x in parts.items()}
        )
    os.replace(path + ".part", path)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Make the critters.")
    parser.add_argument("out", help="the folder to write to")
    build_critters(parser.parse_args().out)
