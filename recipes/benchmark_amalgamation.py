"""What layer-wise amalgamation costs, measured against its floor.

    python recipes/benchmark_amalgamation.py

The networks have random weights and the images are noise, which changes
nothing about the cost. Times belong to the machine; the results are ratios of
two things timed in turns within one run.

The floor is what a step cannot do without, each part measured alone: the
teachers' forward, plus plain Keras training (`compile("adam", "mse")`) of the
same layers on ready inputs and fixed targets. These layers are all
auto-encoders, or the student's layers one by one, or the student; in phase
"joint" that is the student's forward, backward and update. With the teachers'
features cached the floor is the plain training alone.

Measured are

1. a training step of each phase, uncached and cached, with and without XLA,
   and one of `keras.distillation.Distiller` for the same student: with one
   teacher of all classes, and with our teachers side by side in one model,
   which is the work of phase "joint";
2. how a step grows with the number of teachers (the student grows too);
3. how an epoch of every phase grows with the number of images, by `fit` with
   its input pipeline, what the cache costs, and when it has paid;
4. the peak memory of `fit_stages`, in a process for each row.

Written to `--output`: `benchmark.csv`, `report.json` and `benchmark.png`.
"""

import argparse
import collections
import csv
import itertools
import math
import os
import pathlib
import subprocess
import sys
import time

import keras
import numpy as np

from keras_vipa.amalgamation import LayerwiseAmalgamator
from keras_vipa.applications import SmallConvNet
from keras_vipa.utils import reports
from keras_vipa.utils.batches import Batches

SHAPE, CLASSES = (32, 32, 3), 5
NETWORK = {"filters": (32, 64, 64), "units": 128, "strides": 2}
TINY = {"filters": (4,), "units": 8, "strides": 4}
SMOKE = {"teachers": [2, 3], "images": [16, 32], "batch": 8}
SMOKE.update(rounds=1, steps=1)
MEMORY = ("built", "uncached", "cached", "uncached, XLA")


def parse():
    """The options."""
    parser = argparse.ArgumentParser(
        prog="benchmark_amalgamation.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--teachers", type=int, nargs="+", default=[2, 4, 8])
    add("--images", type=int, nargs="+", default=[500, 1000, 2000, 4000])
    add("--batch", type=int, default=64, help="images in a batch")
    add("--rounds", type=int, default=10, help="the fastest one counts")
    add("--steps", type=int, default=5, help="of each variant in a round")
    add("--output", default="results/benchmark_amalgamation", metavar="FOLDER")
    add("--smoke", action="store_true", help="one round of tiny networks")
    add("--memory-of", choices=MEMORY, help=argparse.SUPPRESS)
    return parser


def network(args, classes):
    """A classifier with random weights."""
    return SmallConvNet(SHAPE, classes, **(TINY if args.smoke else NETWORK))


def build(args, teachers, images):
    """An amalgamator, and random images."""
    models = [network(args, CLASSES) for _ in range(teachers)]
    x = np.random.default_rng(0).random((images, *SHAPE), "float32")
    return LayerwiseAmalgamator(models), x


# Timed are the functions that `fit` and `predict` compile, called on a batch
# that is a tensor already: `fit` would add its pipeline and callbacks, and
# `train_on_batch` a conversion of all results. The first calls, which trace
# and compile, do not count.


def training(model, jit, batch, loss=None):
    """Function that runs one training step."""
    model.compile("adam", loss, jit_compile=jit)
    model.make_train_function(force=True)
    step, batches = model.train_function, itertools.repeat(batch)
    return warm(lambda: step(batches))


def forward(model, jit, images):
    """Function that returns a model's outputs."""
    model.compile(jit_compile=jit)
    model.make_predict_function(force=True)
    step = model.predict_function
    return warm(lambda: step([(images,)]))


def warm(run):
    """The function, traced and compiled."""
    for _ in range(2):
        run()
    return run


def variants(args, teachers, jit):
    """What is timed for one number of teachers: key -> function."""
    amalgamator, x = build(args, teachers, args.batch)
    images = keras.ops.convert_to_tensor(x)
    source, runs = amalgamator.teacher_features, {}
    features = source(images)
    for phase in amalgamator.phases:
        amalgamator.set_phase(phase)
        names = amalgamator.needed_features()
        teacher = {name: source.output[name] for name in names}
        ready = {"images": images, **{name: features[name] for name in names}}
        inputs = {k: keras.Input(value.shape[1:]) for k, value in ready.items()}
        pairs = amalgamator.call(inputs, training=True)
        outputs = {name: output for name, (_, output) in pairs.items()}
        plain = keras.Model(list(inputs.values()), outputs)
        pairs = amalgamator.call(ready)
        targets = {name: target for name, (target, _) in pairs.items()}
        batch, key = (list(ready.values()), targets), (phase, teachers, jit)
        teacher = keras.Model(source.input, teacher)
        runs[*key, "teachers"] = forward(teacher, jit, images)
        runs[*key, "uncached"] = training(amalgamator, jit, (images,))
        runs[*key, "plain"] = training(plain, jit, batch, "mse")
        runs[*key, "cached"] = training(amalgamator, jit, (ready,))
    if teachers == args.teachers[0]:
        one = network(args, teachers * CLASSES)
        together = keras.Model(source.input, source.output["logits"])
        named = {"Distiller, 1 teacher": one, "Distiller, together": together}
        for name, teacher in named.items():
            key, student = (name, teachers, jit), amalgamator.student
            batch = images, teacher(images)
            loss = keras.losses.MeanSquaredError()
            loss = keras.distillation.LogitsDistillation(1.0, loss)
            distiller = keras.distillation.Distiller(
                teacher, student, loss, student_loss_weight=0.0
            )
            runs[*key, "teachers"] = forward(teacher, jit, images)
            runs[*key, "uncached"] = training(distiller, jit, (images,), "mse")
            runs[*key, "plain"] = training(student, jit, batch, "mse")
    return runs


def step_rows(args):
    """Time all variants in turns; a row for each kind of step."""
    runs = variants(args, args.teachers[0], True)
    for teachers in args.teachers:
        print(f"Compiling the steps with {teachers} teachers", flush=True)
        runs.update(variants(args, teachers, False))
    best = dict.fromkeys(runs, math.inf)
    for number in range(args.rounds):
        print(f"Steps, round {number + 1} of {args.rounds}", flush=True)
        for key, run in runs.items():
            run()
            start = time.perf_counter()
            results = [run() for _ in range(args.steps)]
            # Waits for the device.
            keras.ops.convert_to_numpy(keras.tree.flatten(results)[-1])
            spent = 1000 * (time.perf_counter() - start) / args.steps
            best[key] = min(best[key], spent)
    rows = []
    for key, spent in best.items():
        if key[-1] in ("uncached", "cached"):
            floor = best[*key[:-1], "plain"]
            if key[-1] == "uncached":
                floor += best[*key[:-1], "teachers"]
            row = dict(zip(("step", "teachers", "XLA", "features"), key))
            rows.append({**row, "ms": spent, "floor_ms": floor})
            rows[-1]["step / floor"] = spent / floor
    return rows


def image_rows(args):
    """Seconds of one epoch of every phase, for each number of images."""
    uncached, x = build(args, args.teachers[0], max(args.images))
    cached, _ = build(args, args.teachers[0], 1)
    source = cached.teacher_features
    features = source.predict(x, args.batch, verbose=0)
    best = collections.defaultdict(lambda: math.inf)
    times = []
    watch = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda *_: times.append(-time.perf_counter()),
        on_epoch_end=lambda *_: times.append(time.perf_counter()),
    )
    for phase in cached.phases:
        print(f"Epochs of phase {phase}", flush=True)
        for model in (cached, uncached):
            model.set_phase(phase)
            model.compile("adam")
        # The first round traces.
        for _ in range(2 + args.rounds // 5):
            for n, model in itertools.product(args.images, (cached, uncached)):
                data = {"images": x[:n]}
                for name in cached.needed_features() if model is cached else ():
                    data[name] = features[name][:n]
                batches = Batches(data if model is cached else x[:n], args.batch)
                model.fit(batches, shuffle=False, verbose=0, callbacks=[watch])
                key = n, phase, model is cached
                best[key] = min(best[key], times.pop() + times.pop())
    rows = []
    for n in args.images:
        # As in `fit_stages`, where the function is traced first.
        source.predict_function = None
        start = time.perf_counter()
        source.predict(x[:n], args.batch, verbose=0)
        row = {"images": n, "filling the cache": time.perf_counter() - start}
        for name, kind in (("uncached", False), ("cached", True)):
            row[name] = sum(best[n, phase, kind] for phase in cached.phases)
        rows.append(row)
    return rows
