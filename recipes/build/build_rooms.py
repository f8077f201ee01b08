"""Make the embedded rooms from furniture of Sweet Home 3D.

```
pip install trimesh==5.2.0 embreex==4.4.0.post1 fast-simplification
apt-get download sweethome3d-furniture
dpkg -x sweethome3d-furniture_*.deb sweethome
unzip sweethome/usr/share/sweethome3d/furniture/BlendSwap-CC-0.sh3f \
    -d furniture
python recipes/build/build_rooms.py furniture keras_vipa/datasets
```

Writes `rooms.webp` (pictures), `rooms_surfaces.webp` (labels and normals) and
`rooms_depth.webp`, both without loss, and `rooms.npz` (seeds, cameras, and
which models are in a room). Takes some twenty minutes of one core; what is
ready lies in `--parts`, and a second call goes on from there. Seeds count
from 0 on each side of the split; rooms with too little in sight are left out.
"""

import argparse
import os

import numpy as np
from room_furniture import read_catalog
from room_furniture import read_model
from room_kinds import new_room
from room_renderer import Renderer
from sheets import write_sheet

from keras_vipa.datasets.rooms import CAMERA
from keras_vipa.datasets.rooms import CLASSES
from keras_vipa.datasets.rooms import COUNTS
from keras_vipa.datasets.rooms import MODEL_NAMES
from keras_vipa.datasets.rooms import MODELS
from keras_vipa.datasets.rooms import SIDES

FIRST_FURNITURE = CLASSES.index("bed")
OPENINGS = [CLASSES.index("door"), CLASSES.index("window")]
# Rooms in a file of `--parts`.
PART = 100
QUALITY = 95


def read_library(folder, side):
    """Class -> name -> `Shape`, of the models of a side of the split."""
    catalog = read_catalog(folder)
    return {
        label: {
            name: read_model(folder, catalog[name], label != "plant")
            for name in sides[side].split()
        }
        for label, sides in MODELS.items()
    }


def is_good(renderer, least):
    """Whether so much of what is seen is furniture, of three kinds, not near.

    `least` is a share of the picture.
    """
    labels, depths = renderer.glance()
    shares = np.bincount(labels.ravel(), minlength=len(CLASSES)) / labels.size
    furniture = shares[FIRST_FURNITURE:]
    return (
        least < furniture.sum() < 0.65
        and (furniture > 0.01).sum() >= 3
        and furniture.max() < 0.4
        and shares[OPENINGS].max() < 0.2
        and depths.min() > 0.6
    )


def try_seed(library, side, seed):
    """The columns of one room, or `None` if it is not good."""
    generator = np.random.default_rng([side, seed])
    room = new_room(generator, library)
    # Boxes are there sooner, and cover more.
    if not is_good(Renderer(room, outlines=True), 0.2):
        return None
    renderer = Renderer(room)
    if not is_good(renderer, 0.13):
        return None
    view = renderer.render(generator)
    return {
        **view._asdict(),
        "seed": seed,
        "models": np.isin(MODEL_NAMES, [*room.names]),
        "field_of_view": room.camera.field_of_view,
        "pitch": room.camera.pitch,
        "eye_height": room.camera.eye[1],
    }


def render_part(path, library, side, seed):
    """Columns of `PART` rooms from a seed on; read if they are there."""
    if not os.path.exists(path):
        rows = []
        while len(rows) < PART:
            row = try_seed(library, side, seed)
            rows += [row] if row else []
            seed += 1
        columns = {key: np.stack([row[key] for row in rows]) for key in rows[0]}
        with open(path + ".part", "wb") as file:
            np.savez(file, **columns)
        os.replace(path + ".part", path)
    with np.load(path) as stored:
        return dict(stored)


def render_side(folder, parts, side, count):
    """Columns of so many rooms of one side of the split."""
    library, seed, found = read_library(folder, side), 0, []
    for number in range(-(-count // PART)):
        path = os.path.join(parts, f"rooms_{side}_{number:03}.npz")
        found.append(render_part(path, library, side, seed))
        seed = int(found[-1]["seed"][-1]) + 1
    return {
        key: np.concatenate([part[key] for part in found])[:count]
        for key in found[0]
    }


def coded_surfaces(labels, normals):
    """Labels, and normals as points of an octahedron, `(n, 64, 64, 3)`."""
    flat = normals / np.abs(normals).sum(-1, keepdims=True)
    x, y, z = np.moveaxis(flat, -1, 0)
    # What looks away is folded over the edges.
    folded = z < 0
    x, y = (
        np.where(folded, (1 - abs(y)) * np.where(x < 0, -1, 1), x),
        np.where(folded, (1 - abs(x)) * np.where(y < 0, -1, 1), y),
    )
    coded = np.stack([x, y], axis=-1) * 127.5 + 127.5
    coded = np.rint(coded).astype("uint8")
    return np.stack([coded[..., 0], labels, coded[..., 1]], axis=-1)


def coded_depth(depth):
    """Centimetres in two bytes, `(n, 64, 64, 3)`."""
    centimetres = np.rint(depth * 100).astype("uint16")
    high, low = centimetres >> 8, centimetres & 255
    return np.stack([high, low, 0 * low], axis=-1).astype("uint8")


def build_rooms(folder, out, parts):
    """Write all files.

    Args:
        folder: string. Where `BlendSwap-CC-0.sh3f` was unpacked.
        out: string. The folder to write to.
        parts: string. A folder for what is ready.
    """
    os.makedirs(parts, exist_ok=True)
    counts = [
        sum(n for split, n in COUNTS.items() if SIDES[split] == side)
        for side in (0, 1)
    ]
    sides = [render_side(folder, parts, i, n) for i, n in enumerate(counts)]
    starts, pieces = [0, 0], {}
    for split, count in COUNTS.items():
        side = SIDES[split]
        chosen = slice(starts[side], starts[side] + count)
        pieces[split] = {key: v[chosen] for key, v in sides[side].items()}
        starts[side] += count
    columns = {
        key: np.concatenate([piece[key] for piece in pieces.values()])
        for key in sides[0]
    }
    known = len(columns["image"]) - COUNTS["unlabelled"]
    labels, normals = columns["labels"][:known], columns["normals"][:known]
    for name, pictures, quality in (
        ("rooms", columns["image"], QUALITY),
        ("rooms_surfaces", coded_surfaces(labels, normals), None),
        ("rooms_depth", coded_depth(columns["depth"][:known]), None),
    ):
        path = os.path.join(out, f"{name}.webp")
        write_sheet(path, pictures, quality)
    path = os.path.join(out, "rooms.npz")
    with open(path + ".part", "wb") as file:
        np.savez_compressed(
            file,
            seed=columns["seed"].astype("uint16"),
            models=np.packbits(columns["models"], axis=1),
            camera=np.stack([columns[key] for key in CAMERA], axis=1).astype(
                "float32"
            ),
        )
    os.replace(path + ".part", path)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Make the rooms.")
    parser.add_argument("folder", help="of the unpacked furniture")
    parser.add_argument("out", help="the folder to write to")
    parser.add_argument(
        "--parts", default="rooms_parts", help="a folder for what is ready"
    )
    arguments = parser.parse_args()
    build_rooms(arguments.folder, arguments.out, arguments.parts)
