"""How long DIN takes on a GPU or CPU, with XLA and without.

    KERAS_BACKEND=jax python recipes/studies/time_din.py
    KERAS_BACKEND=torch python recipes/studies/time_din.py

Medians of the transfer part at the sizes and batches asked for, and of a
training step with VGG in bfloat16: compiled by XLA on JAX, operation by
operation on PyTorch. Written to `--output`: `report.json`.
"""

import time

from keras_vipa.utils import recipe

# isort: split

import keras
import numpy as np

from keras_vipa.applications import DIN
from keras_vipa.applications import DINTrainer
from keras_vipa.applications import VGGFeatures
from keras_vipa.utils import reports


def options(add):
    """The options."""
    add("--sizes", type=int, nargs="*", default=(384, 1024))
    add("--batches", type=int, nargs="*", default=(1, 4, 16))
    add("--train", type=int, nargs="*", default=(16,), help="batches")
    add("--train-size", type=int, default=256)
    add("--rounds", type=int, default=20)


def wait_for(tensors):
    """Return when the device has computed them."""
    if keras.config.backend() == "jax":
        import jax

        return jax.block_until_ready(tensors)
    import torch

    return torch.cuda.is_available() and torch.cuda.synchronize()


def compiled(network):
    """The network as a function of its inputs, by XLA where there is one."""
    if keras.config.backend() == "jax":
        import jax

        state = [
            [variable.value for variable in group]
            for group in (
                network.trainable_variables,
                network.non_trainable_variables,
            )
        ]
        return jax.jit(lambda inputs: network.stateless_call(*state, inputs)[0])
    import torch

    return torch.no_grad()(network)


def row(part, batch, function, rounds):
    """Median of the milliseconds of a call, after one to warm up."""
    times = []
    for _ in range(rounds + 1):
        start = time.perf_counter()
        wait_for(function())
        times.append(time.perf_counter() - start)
    ms = 1000 * float(np.median(times[1:]))
    return {
        "part": part,
        "batch": batch,
        "backend": keras.config.backend(),
        "ms": round(ms, 3),
        "ms a picture": round(ms / batch, 3),
        "first call, s": round(times[0], 1),
    }


def time_transfer(model, size, batch, rounds):
    """A row for the transfer part."""
    draw = compiled(model.transfer_model(size, size))
    generator = np.random.default_rng(0)
    content = generator.random((batch, size, size, 3), "float32")
    code = np.repeat(model.photograph_code()[None], batch, axis=0)
    inputs = [keras.ops.convert_to_tensor(x) for x in (content, code)]
    return row(f"transfer {size}", batch, lambda: draw(inputs), rounds)


def time_step(model, size, batch, rounds):
    """A row for the training step."""
    trainer = DINTrainer(model, phase="stylize")
    trainer.compile(keras.optimizers.Adam(1e-5))
    generator = np.random.default_rng(0)
    images = {
        name: keras.ops.convert_to_tensor(
            generator.random((batch, size, size, 3), "float32")
        )
        for name in ("content", "style")
    }
    step = trainer.train_on_batch
    return row(f"step {size}", batch, lambda: step(images), rounds)


def main(args):
    """Measure, print, write."""
    vgg = VGGFeatures(dtype="mixed_bfloat16")
    model = DIN("mobile", "din_mobile", features=vgg)
    rows = []
    for batch in args.train:
        rows.append(time_step(model, args.train_size, batch, args.rounds))
        print(rows[-1], flush=True)
    for size in args.sizes:
        for batch in args.batches:
            rows.append(time_transfer(model, size, batch, args.rounds))
            print(rows[-1], flush=True)
    print(reports.format_table(rows))
    recipe.write_report(args, rows)


if __name__ == "__main__":
    recipe.run(main, options, seeds=None)
