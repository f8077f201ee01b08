"""How everything here is trained: phases, each a weighted sum of terms."""

import math

import keras
from keras import ops

from keras_vipa.training.arguments import check_data
from keras_vipa.training.arguments import check_options
from keras_vipa.training.arguments import check_stages
from keras_vipa.training.arguments import check_weights
from keras_vipa.training.backup import PhaseBackup
from keras_vipa.training.batches import Batches
from keras_vipa.training.batches import in_blocks
from keras_vipa.training.callbacks import Clock
from keras_vipa.training.callbacks import EpochSeed
from keras_vipa.training.callbacks import FiniteGuard
from keras_vipa.training.callbacks import Progress
from keras_vipa.training.callbacks import TimedRate
from keras_vipa.utils import checks


class PhasedModel(keras.Model):
    """A model that is trained in phases, each with its own loss (abstract).

    A method writes

    - `call(inputs)`: what its terms compare, in any structure;
    - `loss_terms(inputs, outputs)`: dict, name -> values `(batch,)` or `(batch,
      ...)`, or a scalar, for all terms of the current phase. The loss is the
      weighted sum of their means. With labels, which not every method has,
      it is `loss_terms(inputs, outputs, labels)`;
    - `set_phase(phase)`: what the phase trains, and what it builds from what
      the phases before have trained; `finish_phase()`: what happens after
      it. What a phase decides for the next ones has to be a variable, since a
      training that is resumed does not run the phase again;
    - `feature_names()` and `frozen_features(inputs)`: what the phase reads
      that training does not change, such as what a teacher returns;
    - `learning_rates`: dict, phase -> float.

    Everything else is Keras: `compile`, `fit`, `evaluate`, callbacks,
    `jit_compile`, mixed precision, `tf.distribute`, saving. A method whose
    update is more than a gradient of the loss overrides `train_step`; a
    second optimizer that is an attribute is saved and resumed with the model,
    if each optimizer is built for its own variables: that of the constructor
    there, that of `compile` in `default_optimizer`.

    Args:
        phases: dict, phase -> dict, term -> float. The weight of each term in
            each phase, in the order of the training.
        seed: integer. Seed of what is random in `fit_stages`.
        **kwargs: `name` and `dtype`, as for any `keras.Model`.

    Example:

    ```python
    class Twins(PhasedModel):
        learning_rates = {"both": 1e-3}

        def __init__(self):
            super().__init__({"both": {"likeness": 1.0, "size": 0.1}})
            self.one, self.other = keras.layers.Dense(8), keras.layers.Dense(8)
            self.set_phase("both")

        def call(self, inputs):
            return self.one(inputs["left"]), self.other(inputs["right"])

        def loss_terms(self, inputs, outputs):
            one, other = outputs
            return {
                "likeness": ops.mean((one - other) ** 2, axis=-1),
                "size": (ops.mean(one**2) - 1.0) ** 2,
            }

    Twins().fit_stages({"left": left, "right": right}, {"both": 10})
    ```
    """

    learning_rates = {}
    cache_bytes = 2**30
    backup_seconds = 0

    def __init__(self, phases, seed=0, **kwargs):
        check_weights(phases)
        checks.integer("seed", seed, 0)
        super().__init__(**kwargs)
        self.phases = {phase: dict(terms) for phase, terms in phases.items()}
        self.seed = seed
        self.term_means = {
            name: keras.metrics.Mean(name=name)
            for terms in phases.values()
            for name in terms
        }
        self.mean_loss = MeanLoss()

    @property
    def metrics(self):
        """Metrics of the current phase."""
        current = self.phases[self.phase]
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
        self.phase = checks.choice("phase", phase, tuple(self.phases))
        self.compiled = False
        # Set by BackupAndRestore, and otherwise valid for the next `fit` too.
        self._initial_epoch = None

    def finish_phase(self):
        """Called by `fit_stages` at the end of each phase."""

    def feature_names(self):
        """Names of the frozen features that the current phase reads."""
        return ()

    def frozen_features(self, inputs):
        """Dict of at least `feature_names()`, of a dict of inputs."""
        return {}

    def with_features(self, inputs):
        """Inputs as a dict with the frozen features of the phase.

        Args:
            inputs: tensor, which gets the name `"images"`, or dict of tensors.
                Features that are in it already are not computed again.

        Returns:
            A dict of tensors.
        """
        if not isinstance(inputs, dict):
            inputs = {"images": inputs}
        if all(name in inputs for name in self.feature_names()):
            return inputs
        features = self.frozen_features(inputs)
        return {
            **inputs,
            **{
                name: ops.stop_gradient(features[name])
                for name in self.feature_names()
            },
        }

    def loss_terms(self, inputs, outputs):
        raise NotImplementedError

    def compute_loss(
        self, x=None, y=None, y_pred=None, sample_weight=None, training=True
    ):
        labels = () if y is None else (y,)
        terms = self.loss_terms(x, y_pred, *labels)
        weights = self.phases[self.phase]
        if set(terms) != set(weights):
            raise ValueError(
                f"`loss_terms` must return {sorted(weights)} in phase "
                f"{self.phase!r}. Received: {sorted(terms)}"
            )
        count = ops.shape(keras.tree.flatten(x)[0])[0]
        loss = 0.0
        for name, values in terms.items():
            if len(values.shape) == 0:
                # Weighted by the batch's size, as Keras weights the loss.
                self.term_means[name].update_state(values, count)
                loss += weights[name] * self.mean_loss(values[None])
                continue
            if sample_weight is not None:
                values = mean_of_each(values)
            self.term_means[name].update_state(values, sample_weight)
            loss += weights[name] * self.mean_loss(values, sample_weight)
        return loss

    def fit_stages(
        self,
        data,
        epochs,
        batch_size=64,
        labels=None,
        optimizers=None,
        cache_bytes=None,
        cache_dtype="float32",
        minutes=None,
        backup_dir=None,
        jit_compile=None,
        callbacks=(),
        validation_data=None,
        verbose="auto",
    ):
        """Run all phases one after the other.

        Args:
            data: array, or dict of arrays of one length, of inputs; or a
                `keras.utils.PyDataset` or `tf.data.Dataset` of batches of
                them. A `set_epoch` that it has is called before each epoch.
            epochs: dict, phase -> integer. Phases that are not named, or have
                0, are left out, but not all.
            batch_size: integer. Examples in a batch, if `data` is arrays.
            labels: array, or dict of arrays, if `data` is arrays and the
                method has labels.
            optimizers: dict, phase -> `keras.optimizers.Optimizer`. Phases
                that are not named use `default_optimizer`. With `use_ema`,
                the averages are the result of a phase, and what callbacks see
                at the end of an epoch.
            cache_bytes: integer. If `data` is arrays and the frozen features
                of a phase take at most this much memory for all of it, they
                are computed once instead of once an epoch. `0` turns this off.
                Defaults to the attribute `cache_bytes`, mostly a gigabyte.
                Features that are in `data` are not computed at all.
            cache_dtype: string. Type of the features that are kept.
            minutes: float. When the training is to end, counted from this
                call: the rate follows the clock then, epoch by epoch, and
                `epochs` are what no phase goes beyond.
            backup_dir: string or path. Folder for the state of the training;
                a call with the same arguments continues after the last
                complete epoch there. The folder may be removed at the end.
                The attribute `backup_seconds` is the least time between two
                backups; 0 for one an epoch.
            jit_compile: boolean, or `"auto"`, as in `compile`. Whether XLA
                compiles the training step. Defaults to `None`: on JAX only,
                which runs a step that is not compiled one operation after
                the other.
            callbacks: list of `keras.callbacks.Callback` for every phase.
            validation_data: as `data`, or a tuple of that and labels. What is
                evaluated after each epoch, for callbacks such as
                `keras.callbacks.EarlyStopping`.
            verbose: `0` for silence; by default a bar a phase in a terminal,
                and some lines in a file.

        Returns:
            Dict, phase -> history of its `fit` (a dict of lists). Phases
            that were complete in `backup_dir` are not in it.

        Raises:
            ValueError: If there is no such phase, if an argument is not what
                it should be, or if what is in `backup_dir` is damaged.
            FloatingPointError: If a loss is not finite. The weights are those
                of the last epoch in which it was; the error has the model as
                its attribute `model`.
        """
        cache_bytes = self.cache_bytes if cache_bytes is None else cache_bytes
        options = batch_size, cache_bytes, cache_dtype
        check_stages(self.phases, epochs, optimizers)
        check_options(*options, minutes, backup_dir, jit_compile, callbacks)
        check_data(data, labels, validation_data)
        clock = minutes and Clock(minutes)
        if jit_compile is None:
            jit_compile = keras.config.backend() == "jax"
        histories = {}
        for phase in [phase for phase in self.phases if epochs.get(phase)]:
            self.set_phase(phase)
            backup = backup_dir and PhaseBackup(self, backup_dir, phase)
            if backup and backup.load_finished():
                continue
            batches = self.phase_batches(data, labels, *options)
            steps = 0 if clock else _number_of_batches(batches) * epochs[phase]
            optimizer = (optimizers or {}).get(phase)
            optimizer = optimizer or self.default_optimizer(steps)
            self.compile(optimizer, jit_compile=jit_compile)
            own = self._callbacks(batches, optimizer, clock, backup, verbose)
            with FiniteGuard(phase) as guard:
                histories[phase] = self.fit(
                    batches,
                    epochs=epochs[phase],
                    shuffle=False,
                    validation_data=self._validation(validation_data, *options),
                    validation_batch_size=batch_size,
                    callbacks=[guard, *own, *callbacks],
                    verbose=0,
                ).history
            self.finish_phase()
            if backup:
                backup.save_finished()
        return histories

    def _callbacks(self, batches, optimizer, clock, backup, verbose):
        """What `fit` needs around it in this phase, in this order."""
        callbacks = [EpochSeed(self.seed, batches)]
        if clock:
            callbacks.append(TimedRate(clock, self.learning_rates[self.phase]))
        if backup:
            # Before averages are put in the place of the weights.
            callbacks.append(backup.callback())
        if getattr(optimizer, "use_ema", False):
            callbacks.append(keras.callbacks.SwapEMAWeights(True))
        if verbose:
            callbacks.append(Progress(self.phase))
        return callbacks

    def make_train_function(self, force=False):
        # An optimizer that makes its variables within a step has TensorFlow
        # trace the step twice. Layers that are not built yet get theirs there.
        built = self.built and all(layer.built for layer in self.layers)
        if built and not self.optimizer.built:
            self.optimizer.build(self.trainable_variables)
        return super().make_train_function(force)

    def default_optimizer(self, steps, factor=1.0):
        """Adam, whose rate falls from `learning_rates[phase]` to 0.

        Args:
            steps: integer. Steps of the phase; 0 or `None` for a constant
                rate.
            factor: float. Of the rate.

        Returns:
            A `keras.optimizers.Optimizer`.
        """
        rate = factor * self.learning_rates[self.phase]
        if steps:
            rate = keras.optimizers.schedules.CosineDecay(rate, steps)
        return keras.optimizers.Adam(rate)

    def _validation(self, data, *options):
        """Validation data of `fit`: all examples, with frozen features."""
        if data is None:
            return None
        data, labels = data if isinstance(data, tuple) else (data, None)
        batches = self.phase_batches(data, labels, *options)
        return getattr(batches, "parts", batches)

    def phase_batches(self, data, labels, batch_size, cache_bytes, cache_dtype):
        """What `fit` gets in this phase, for the arguments of `fit_stages`."""
        if not (hasattr(data, "shape") or isinstance(data, dict)):
            return data
        data = self.cached(data, batch_size, cache_bytes, cache_dtype)
        return Batches(data, batch_size, self.seed, labels)

    def cached(
        self, data, batch_size=64, cache_bytes=None, cache_dtype="float32"
    ):
        """Arrays with the frozen features of the phase, if there is room.

        Args:
            data: array, or dict of arrays of one length.
            batch_size: integer. Examples that they are computed from at once.
            cache_bytes: integer, and
            cache_dtype: string, as of `fit_stages`.

        Returns:
            A dict of arrays; or the data, if there is nothing to be added.
        """
        cache_bytes = self.cache_bytes if cache_bytes is None else cache_bytes
        inputs = data if isinstance(data, dict) else {"images": data}
        if not cache_bytes or set(self.feature_names()) <= set(inputs):
            return data
        if self._bytes_of_features(inputs) > cache_bytes:
            return data
        reader = FeatureReader(self)
        features = in_blocks(
            lambda part: reader.predict(part, batch_size, verbose=0),
            inputs,
            16 * batch_size,
            cache_dtype,
        )
        return {**inputs, **features}

    def _bytes_of_features(self, inputs):
        """Memory of the frozen features of all inputs, as float32."""
        count = len(keras.tree.flatten(inputs)[0])
        one = keras.tree.map_structure(
            lambda array: ops.convert_to_tensor(array[:1]), inputs
        )
        features = self.frozen_features(one)
        sizes = [math.prod(features[n].shape) for n in self.feature_names()]
        return 4 * count * sum(sizes)


class FeatureReader(keras.Model):
    """The frozen features of a method as a model, for its `predict`."""

    def __init__(self, method):
        super().__init__()
        self.method = method
        self.built = True

    def call(self, inputs):
        features = self.method.frozen_features(inputs)
        return {name: features[name] for name in self.method.feature_names()}


class MeanLoss(keras.losses.Loss):
    """The mean of values that are losses already; right under replicas."""

    def __call__(self, values, sample_weight=None):
        return super().__call__(ops.zeros_like(values), values, sample_weight)

    def call(self, y_true, y_pred):
        return y_pred


def mean_of_each(values):
    """Mean of each sample: `(batch, ...)` to `(batch,)`."""
    return ops.mean(values, axis=tuple(range(1, len(values.shape))))


def _number_of_batches(batches):
    """Batches in an epoch; 0 if it is not known."""
    if isinstance(batches, keras.utils.PyDataset):
        return batches.num_batches or 0
    cardinality = getattr(batches, "cardinality", lambda: 0)
    return max(0, int(cardinality()))
