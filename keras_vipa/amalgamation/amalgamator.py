"""What the amalgamation methods share: frozen teachers, terms, phases."""

import math
import os
import pathlib

import keras
import numpy as np
from keras import ops

from keras_vipa.utils.batches import Batches
from keras_vipa.utils.training import FiniteGuard

_NO_LABELS = (
    "An amalgamator learns from images alone. Received: images with labels. "
    "Pass an array of images, or `dataset.map(lambda images, labels: images)`."
)


class Amalgamator(keras.Model):
    """One student from several frozen teachers, without labels (abstract).

    A method has

    - `student`, `teacher_features` (a `keras.Model`, images to a dict of what
      the teachers return for them) and its adapters, from its constructor;
    - `call(inputs)`: the pairs that the current phase compares, as a
      dictionary `name -> (target, output)`;
    - `set_phase(phase)`: what the phase trains, and `finish_phase()`: what
      happens after it;
    - `needed_features()`: names of the teachers' features that the phase
      reads, and `learning_rates`, a dict for all phases.

    The loss is the sum over the pairs of their mean squared error, each term
    logged under its name. Everything else is Keras: `compile`, `fit(images)`,
    `evaluate(images)`, callbacks, `jit_compile`, mixed precision, saving.

    Args:
        teachers: list of `keras.Model`. They belong to the amalgamator from
            now on, and are frozen.
        terms: dict, phase -> list of strings. Names of the pairs that each
            phase compares.
        seed: integer. Seed of the order of the images in `fit_stages`.
        **kwargs: `name` and `dtype`, as for any `keras.Model`.
    """

    def __init__(self, teachers, terms, seed=0, **kwargs):
        super().__init__(**kwargs)
        self.seed = seed
        self.teachers = list(teachers)
        for teacher in self.teachers:
            # Toggled, since on TensorFlow a reloaded model that is already
            # marked as frozen would keep trainable layers.
            teacher.trainable = True
            teacher.trainable = False
        self.terms = {phase: list(names) for phase, names in terms.items()}
        self.term_means = {
            name: keras.metrics.Mean(name=name)
            for names in terms.values()
            for name in names
        }
        self.mean_squared_error = keras.losses.MeanSquaredError()

    @property
    def phases(self):
        """Names of the phases, in order."""
        return tuple(self.terms)

    @property
    def metrics(self):
        """Metrics of the current phase."""
        current = self.terms[self.phase]
        return [
            metric
            for metric in super().metrics
            if metric.name not in self.term_means or metric.name in current
        ]

    def set_phase(self, phase):
        """Choose what `fit` trains; `compile` has to be called after it.

        Args:
            phase: string. One of `phases`.

        Raises:
            ValueError: If there is no such phase.
        """
        if phase not in self.phases:
            raise ValueError(
                f"`phase` must be one of {self.phases}. Received: {phase}"
            )
        self.phase = phase
        self.compiled = False
        # Set by BackupAndRestore, and otherwise valid for the next `fit` too.
        self._initial_epoch = None

    def finish_phase(self):
        """Called by `fit_stages` at the end of each phase."""

    def fit(self, x=None, y=None, *args, **kwargs):
        # Refused here already, since an error inside of the training step
        # would leave the model without values on JAX.
        if y is not None:
            raise ValueError(_NO_LABELS)
        return super().fit(x, None, *args, **kwargs)

    def compute_loss(
        self, x=None, y=None, y_pred=None, sample_weight=None, training=True
    ):
        if y is not None:
            raise ValueError(_NO_LABELS)
        # Keras divides a loss by the number of replicas; a mean is not.
        strategy = getattr(self, "distribute_strategy", None)
        num_replicas = getattr(strategy, "num_replicas_in_sync", 1)
        loss = 0.0
        for name, (target, output) in y_pred.items():
            term = self.mean_squared_error(target, output)
            # Weighted by the batch's size, as Keras weights the loss.
            self.term_means[name].update_state(
                term * num_replicas, sample_weight=ops.shape(output)[0]
            )
            loss += term
        return loss

    def fit_stages(
        self,
        images,
        epochs,
        batch_size=64,
        optimizers=None,
        cache_bytes=2**30,
        backup_dir=None,
        jit_compile=False,
        callbacks=(),
        verbose="auto",
    ):
        """Run all phases one after the other.

        Args:
            images: float array of shape `(n, height, width, 3)` with values
                in [0, 1], or a `tf.data.Dataset` or `keras.utils.PyDataset`
                of batches of such images, without labels.
            epochs: dict, phase -> integer. Phases that are not named are left
                out.
            batch_size: integer. Images in a batch, if `images` is an array.
            optimizers: dict, phase -> `keras.optimizers.Optimizer`. Phases
                that are not named use Adam with a cosine decay from
                `learning_rates[phase]` to 0.
            cache_bytes: integer. If `images` is an array and what the
                teachers return for all of it takes at most this much memory,
                it is computed once instead of once an epoch. `0` turns this
                off.
            backup_dir: string or path. Folder for the state of the training;
                a call with the same arguments continues after the last
                complete epoch there. The folder may be removed at the end.
            jit_compile: boolean. Whether XLA compiles the training step.
            callbacks: list of `keras.callbacks.Callback` for every phase.
            verbose: as in `fit`.

        Returns:
            Dict, phase -> history of its `fit` (a dict of lists). Phases
            that were complete in `backup_dir` are not in it.

        Raises:
            FloatingPointError: If a loss is not finite. The weights are those
                of the last epoch in which it was; the error has the amalgamator
                as its attribute `model`.
        """
        data = self._cached(images, batch_size, cache_bytes)
        histories = {}
        for phase in [phase for phase in self.phases if phase in epochs]:
            self.set_phase(phase)
            backup = backup_dir and _Backup(self, backup_dir, phase)
            if backup and backup.load_finished():
                continue
            batches = self._batches(data, batch_size)
            optimizer = (optimizers or {}).get(phase)
            if optimizer is None:
                optimizer = self._default_optimizer(batches, epochs[phase])
            self.compile(optimizer, jit_compile=jit_compile)
            own = [_EpochSeed(self.seed, batches)]
            if backup:
                own.append(backup.callback())
            with FiniteGuard(phase) as guard:
                history = self.fit(
                    batches,
                    epochs=epochs[phase],
                    shuffle=False,
                    callbacks=[guard, *own, *callbacks],
                    verbose=verbose,
                )
            self.finish_phase()
            histories[phase] = history.history
            if backup:
                backup.save_finished()
        return histories

    def _cached(self, images, batch_size, cache_bytes):
        """Images beside the teachers' features, if they fit in memory."""
        if not hasattr(images, "shape"):
            return images
        shapes = self.teacher_features.compute_output_shape(images.shape)
        if 4 * sum(map(math.prod, shapes.values())) > cache_bytes:
            return {"images": images}
        # In blocks: one `predict` of everything takes three times the room.
        features = {
            name: np.empty(shape, "float32") for name, shape in shapes.items()
        }
        block = 16 * batch_size
        for start in range(0, len(images), block):
            part = slice(start, start + block)
            outputs = self.teacher_features.predict(
                images[part], batch_size, verbose=0
            )
            for name, output in outputs.items():
                features[name][part] = output
        return {"images": images, **features}

    def _batches(self, data, batch_size):
        """The part of the data that the current phase needs."""
        if not isinstance(data, dict):
            return data
        needed = ("images", *self.needed_features())
        if not all(name in data for name in needed):
            return Batches(data["images"], batch_size, self.seed)
        needed = {name: data[name] for name in needed}
        return Batches(needed, batch_size, self.seed)

    def _default_optimizer(self, batches, epochs):
        """Adam whose rate falls to 0 over the phase, where its end is known."""
        rate = self.learning_rates[self.phase]
        if isinstance(batches, keras.utils.PyDataset):
            steps = batches.num_batches
        else:
            steps = int(batches.cardinality())
        if steps and steps > 0:
            rate = keras.optimizers.schedules.CosineDecay(rate, steps * epochs)
        return keras.optimizers.Adam(rate)


class _EpochSeed(keras.callbacks.Callback):
    """Makes order and dropout masks of an epoch depend on its number alone.

    Keras does not save the state of its random generators.
    """

    def __init__(self, seed, batches):
        super().__init__()
        self.seed = seed
        self.batches = batches

    def on_epoch_begin(self, epoch, logs=None):
        if isinstance(self.batches, Batches):
            self.batches.set_epoch(epoch)
        generator = np.random.default_rng([self.seed, epoch])
        for variable in self.model.variables:
            if "seed_generator_state" in variable.path:
                variable.assign(generator.integers(2**31, size=2))


class _Backup:
    """Files that let `fit_stages` continue where it was interrupted."""

    def __init__(self, model, folder, phase):
        self.model = model
        self.folder = pathlib.Path(folder)
        self.unfinished = self.folder / phase
        self.finished = self.folder / f"{phase}.weights.h5"

    def callback(self):
        return keras.callbacks.BackupAndRestore(
            self.unfinished, double_checkpoint=True
        )

    def load_finished(self):
        """Load the state at the end of the phase; False if it is not there."""
        if not self.finished.exists():
            return False
        self.model.load_weights(self.finished)
        return True

    def save_finished(self):
        part = self.folder / "part.weights.h5"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.model.save_weights(part)
        os.replace(part, self.finished)
