"""Make the embedded garments from Fashion-MNIST.

```
apt-get download dataset-fashion-mnist
dpkg -x dataset-fashion-mnist_*.deb fashion
python recipes/build/build_garments.py \
    fashion/usr/share/datasets/fashion-mnist keras_vipa/datasets
```

Writes `garments.webp` (a sheet, without loss of what is written) and
`garments.npz` (class and original place of each picture). The lowest bit of
each level is left out, which saves a seventh of the bytes.
"""

import argparse
import gzip
import os

import numpy as np
from sheets import write_sheet

from keras_vipa.datasets.garments import COUNTS

# What a split is drawn from.
PARTS = {"train": "train", "validation": "train", "test": "t10k"}
SEED = 0


def read_part(folder, part):
    """Images `(n, 28, 28)` and classes `(n,)`, both uint8."""
    found = []
    for kind, offset in (("images-idx3", 16), ("labels-idx1", 8)):
        with gzip.open(f"{folder}/{part}-{kind}-ubyte.gz") as file:
            found.append(np.frombuffer(file.read(), "uint8", offset=offset))
    return found[0].reshape(-1, 28, 28), found[1]


def choose(images, garment, counts, generator):
    """Places of so many pictures a class for each count, all different."""
    _, first = np.unique(
        images.reshape(len(images), -1), axis=0, return_index=True
    )
    chosen = [[] for _ in counts]
    for index in range(10):
        places = np.sort(first[garment[first] == index])
        places = generator.permutation(places)
        for part, count in zip(chosen, counts):
            part.append(places[: count // 10])
            places = places[count // 10 :]
    return [generator.permutation(np.concatenate(part)) for part in chosen]


def build_garments(folder, out):
    """Write both files.

    Args:
        folder: string. The folder of the four files of Fashion-MNIST.
        out: string. The folder to write to.
    """
    generator = np.random.default_rng(SEED)
    images, garment, index = [], [], []
    for part in ("train", "t10k"):
        counts = [n for split, n in COUNTS.items() if PARTS[split] == part]
        pictures, classes = read_part(folder, part)
        pictures = pictures & 254
        for places in choose(pictures, classes, counts, generator):
            images.append(pictures[places])
            garment.append(classes[places])
            index.append(places.astype("uint16"))
    grey = np.concatenate(images)[..., np.newaxis]
    write_sheet(os.path.join(out, "garments.webp"), np.repeat(grey, 3, axis=-1))
    path = os.path.join(out, "garments.npz")
    with open(path + ".part", "wb") as file:
        np.savez_compressed(
            file, garment=np.concatenate(garment), index=np.concatenate(index)
        )
    os.replace(path + ".part", path)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Make the garments.")
    parser.add_argument("folder", help="of the four files of Fashion-MNIST")
    parser.add_argument("out", help="the folder to write to")
    arguments = parser.parse_args()
    build_garments(arguments.folder, arguments.out)
