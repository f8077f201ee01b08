"""Write the LiteRT files of DIN, and check each against Keras.

    python recipes/build/export_din.py --output saved_models

The style part turns a picture of `--style-size` into a code; the transfer part
draws a picture with a code, for each of `--sizes` and, as `any`, for every size
that is a multiple of 4. Both take RGB in [0, 1] as float32, in all precisions;
codes cross as one tensor. Int8 is calibrated on `--content` and `--style`, or
on the pictures of the package. Printed: bytes, and the largest and mean
absolute difference to Keras on four of these pictures; for the style part,
whose codes are of no scale that one could judge, also the mean difference that
it makes to drawings in [0, 1].
"""

import itertools

from keras_vipa.utils import recipe

# isort: split

import numpy as np

from keras_vipa import export
from keras_vipa.applications import DIN
from keras_vipa.datasets import read_pictures
from keras_vipa.utils import reports
from keras_vipa.utils.images import fit_picture

# Of the photographs for the file that takes any size.
ANY_SIZE = 256


def options(add):
    """The options."""
    add("--weights", metavar="WEIGHTS", default="din_mobile")
    add("--variant", default="mobile")
    add("--sizes", nargs="*", type=int, default=(256, 384, 512))
    add(
        "--precisions",
        nargs="+",
        choices=export.PRECISIONS,
        default=export.PRECISIONS,
    )
    add("--content", metavar="FOLDER", help="photographs to calibrate on")
    add("--style", metavar="FOLDER", help="paintings to calibrate on")
    add("--style-size", type=int, default=256)
    add("--samples", type=int, default=60, help="pictures to calibrate on")


def read(folder, kind, size, count):
    """Float images `(n, size, size, 3)` of a folder or of the package."""
    pictures = list(read_pictures(folder, kind).values())[:count]
    return np.stack([fit_picture(p, size) for p in pictures]) / np.float32(255)


def model_outputs(network, samples):
    """What Keras computes, one sample at a time."""
    given = list(samples.values())
    given = given if len(given) > 1 else given[0]
    return network.predict(given, batch_size=1, verbose=0)


def sizes_of(difference):
    """The largest and the mean one, as text."""
    sizes = np.abs(difference)
    return {"largest": f"{sizes.max():.2g}", "mean": f"{sizes.mean():.2g}"}


def main(args):
    """Export all files."""
    model = DIN(args.variant, weights=args.weights)
    styles = read(args.style, "paintings", args.style_size, args.samples)
    codes = np.asarray(model.style_code(styles))
    photograph = read(args.content, "photographs", ANY_SIZE, 1)[0]
    size = args.style_size
    jobs = [("style", size, model.style_model(size, size), {"style": styles})]
    for size in (*args.sizes, None):
        photographs = read(
            args.content, "photographs", size or ANY_SIZE, args.samples
        )
        chosen = itertools.islice(itertools.cycle(codes), len(photographs))
        samples = {"content": photographs, "code": np.stack(list(chosen))}
        transfer = model.transfer_model(size, size)
        jobs.append(("transfer", size or "any", transfer, samples))
    rows = []
    for part, size, network, samples in jobs:
        few = {key: value[:4] for key, value in samples.items()}
        expected = model_outputs(network, few)
        if part == "style":
            right = [model.transfer(photograph, code) for code in expected]
        for precision in args.precisions:
            name = f"din_{args.variant}_{part}_{size}_{precision}.tflite"
            path = export.to_litert(
                network,
                args.output / name,
                precision,
                samples,
                keep_float=DIN.KEEP_FLOAT[part],
            )
            result = export.run_litert(path, few)
            row = {"file": name, "bytes": path.stat().st_size}
            row |= sizes_of(result - expected)
            row["drawing"] = ""
            if part == "style":
                drawn = [model.transfer(photograph, code) for code in result]
                row["drawing"] = sizes_of(np.subtract(drawn, right))["mean"]
            rows.append(row)
            print(rows[-1], flush=True)
    print(reports.format_table(rows))


if __name__ == "__main__":
    recipe.run(main, options, seeds=None)
