"""Train the encoders of `SceneEncoders`, one a task, independently.

    python recipes/build/train_scene_encoders.py --seeds 0 1 2
    python recipes/rank_transferability.py --seeds 0 1 2 \
        --encoders results/train_scene_encoders

Each encoder has a small decoder of its own, which is then dropped; Adam with a
rate that falls from 0.002 to 0, batches of 64, mean square error, and for
classes cross-entropy. About three minutes a seed on two cores.

Written to `--output`, for each seed: `seed_0.weights.h5`, and losses in
`report.json`. What comes with the package is seed 0, in 16 bits.
"""

from keras_vipa.utils import recipe

# isort: split
import keras
from keras import layers

from keras_vipa import datasets
from keras_vipa.applications import SceneEncoders
from keras_vipa.utils import files

CLASSES = ("shape", "color", "bgori", "bgcol")


def options(add):
    """The options."""
    add("--scenes", type=int, default=4000, help="to train on")
    add("--epochs", type=int, default=10)
    add("--tasks", nargs="+", help="train these alone")


def decoder(targets):
    """Layers from features `(4, 4, 16)` to what a task says."""
    if targets.ndim == 2:
        return [
            layers.Flatten(),
            layers.Dense(64, activation="relu"),
            layers.Dense(targets.shape[-1]),
        ]
    up = {"strides": 2, "padding": "same"}
    return [
        layers.Conv2DTranspose(32, 4, activation="relu", **up),
        layers.Conv2DTranspose(16, 4, activation="relu", **up),
        layers.Conv2DTranspose(targets.shape[-1], 4, **up),
    ]


def train(world, epochs, seed=0, tasks=None):
    """Train encoders on scenes; returns `SceneEncoders`, and task -> loss."""
    model = SceneEncoders()
    losses = {}
    for number, task in enumerate(tasks or model.output):
        keras.utils.set_random_seed(1000 * seed + number)
        inputs, targets = datasets.scene_task(world, task, seed)
        encoder = keras.models.clone_model(model.get_layer(task))
        network = keras.Sequential([encoder, *decoder(targets)])
        loss = "mean_squared_error"
        if task in CLASSES:
            loss = keras.losses.CategoricalCrossentropy(from_logits=True)
        steps = epochs * -(-len(inputs) // 64)
        rate = keras.optimizers.schedules.CosineDecay(2e-3, steps)
        network.compile(keras.optimizers.Adam(rate), loss, jit_compile=False)
        history = network.fit(inputs, targets, 64, epochs, verbose=0)
        model.get_layer(task).set_weights(encoder.get_weights())
        losses[task] = history.history["loss"][-1]
        print(f"  {task:12s} loss {losses[task]:.4f}", flush=True)
    return model, losses


def main(args):
    """Train and write a set for each seed."""
    rows = []
    for seed in args.seeds:
        world = datasets.scenes(args.scenes, seed=100 + seed)
        model, losses = train(world, args.epochs, seed, args.tasks)
        path = args.output / f"seed_{seed}.weights.h5"
        with files.written_beside(path) as part:
            model.save_weights(part)
        rows.append({"seed": seed, **losses})
    recipe.write_report(args, rows)


if __name__ == "__main__":
    recipe.run(
        main, options, smoke={"scenes": 64, "epochs": 1, "tasks": ["depth"]}
    )
