"""Make `digits.npz` from the digits of scikit-learn.

```
python recipes/build/build_digits.py keras_vipa/datasets
```
"""

# Needs scikit-learn.

import argparse
import os

import numpy as np

NUM_TRAIN = 1200


def build_digits(out):
    """Write `digits.npz`: 1,200 train pictures, then 597 test pictures.

    Args:
        out: string. The folder to write to.
    """
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    data = load_digits()
    train, test = train_test_split(
        np.arange(len(data.target)),
        train_size=NUM_TRAIN,
        stratify=data.target,
        random_state=0,
    )
    index = np.concatenate([train, test])
    path = os.path.join(out, "digits.npz")
    with open(path + ".part", "wb") as file:
        np.savez_compressed(
            file,
            levels=data.images[index].astype("uint8"),
            digit=data.target[index].astype("uint8"),
            index=index.astype("uint16"),
        )
    os.replace(path + ".part", path)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Make digits.npz.")
    parser.add_argument("out", help="the folder to write to")
    build_digits(parser.parse_args().out)
