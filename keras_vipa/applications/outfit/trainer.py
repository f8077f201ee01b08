"""How a `PartitionedEmbedding` is trained: encoders against predictors."""

import itertools

import keras
import numpy as np
from keras import layers
from keras import ops

from keras_vipa.applications.outfit.independence import Classifiers
from keras_vipa.applications.outfit.independence import Predictors
from keras_vipa.applications.outfit.independence import capped_gain
from keras_vipa.applications.outfit.independence import cross_entropy
from keras_vipa.applications.outfit.independence import dependence
from keras_vipa.layers.partitioned_embedding import KERNEL
from keras_vipa.layers.partitioned_embedding import STRIDE
from keras_vipa.layers.partitioned_embedding import PartitionedEmbedding
from keras_vipa.training import PhasedModel
from keras_vipa.training.phased_model import mean_of_each
from keras_vipa.utils import checks

OPPONENTS = ("predictors", "classifiers", "distance")


@keras.saving.register_keras_serializable(package="keras_vipa")
class PartitionTrainer(PhasedModel):
    """Trains a `PartitionedEmbedding` so that each part means one attribute.

    With the parts `R = [r_1; ...; r_n; r_rest]` of image `x`, the terms are

    ```
    reconstruction  L_ae   = mean (decoder(R) - x)^2
    attributes      L_attr = sum_k cross-entropy of attribute k, read by A_k
                             from r_k alone
    independence    L_enc  = -sum_k min(e_k, 1)
                    e_k    = mean (P_k(R without r_k) - r_k)^2
    ```

    where the `r_k` of the last line are standardised over the batch, and the
    loss of encoders, decoder and `A_k` is `L_ae + alpha L_attr + beta L_enc`.
    The predictors `P_k` have a loss and an optimizer of their own, `L_pred =
    sum_k e_k`: for each batch they take `steps` steps, then all others one.
    They need several: one does not keep up with the encoders, and what they do
    not find is then not removed (`steps=1`).

    The phases are `"warm_up"`, without the last term, and `"separate"`. Each
    image has its labels: `fit_stages(images, epochs, labels={"color": ...})`.

    Args:
        embedding: `PartitionedEmbedding`.
        attributes: dict, name of a part -> integer, how many classes its
            attribute has. Parts that are not named are for all the rest.
        size: tuple `(height, width)` of the images, multiples of 8.
        alpha: float (2: of a re-implementation of others).
        beta: float (our choice; 0.7 there).
        steps: integer. Steps of the opponents for each of the encoders.
        opponents: string. `"predictors"`; `"classifiers"`, which read each
            attribute from each part that is not its own, in place of them;
            `"distance"`: nobody, but the distance correlation of all pairs of
            parts.
        hidden: tuple of integers. Units of the opponents' hidden layers
            (256, 128: of a re-implementation).
        learning_rate: float. Of Adam, of all but the opponents; it falls to 0
            as a cosine.
        opponent_rate: float. Of Adam, of the opponents.
        phase: string. What `fit` trains at first; `fit_stages` sets it.
        seed: integer. Seed of the initial weights, and of the order of images.
        **kwargs: `name` and `dtype`, as for any `keras.Model`.

    Call arguments:
        inputs: images `(batch, height, width, 3)` in [0, 1].
        training: boolean.

    Returns:
        Dict: `parts`, dict of tensors `(batch, numbers)`; `images`, decoded
        from all of them; `logits`, dict of tensors `(batch, classes)`.

    Raises:
        ValueError: If an argument is not as above; in `fit_stages`, if a label
            is missing, has one value only, or one that is no class; and on
            backends other than TensorFlow and JAX.

    Example:

    ```python
    items = keras_vipa.datasets.wardrobe()
    names = ("color", "shape", "pattern")
    embedding = keras_vipa.layers.PartitionedEmbedding(
        {name: 16 for name in (*names, "rest")}
    )
    trainer = PartitionTrainer(
        embedding, {name: items.num_classes(name) for name in names}
    )
    labels = {name: items.y(name) for name in names}
    epochs = {"warm_up": 2, "separate": 10}
    trainer.fit_stages(items.array(), epochs, labels=labels)
    ```

    Differences from the paper (its text could not be read beyond the first
    page: that there are an auto-encoder, attributes and an adversarial module
    is the paper's, the form that of a re-implementation of others):

    1. `P_k` does not see `r_k`; there, it does, and has nothing to learn.
    2. Parts are standardised before the game, and the gain of the encoders is
       capped at what knowing nothing costs (ours).
    3. Several steps of the predictors, the warm-up, and both rates are ours.
    4. Attributes are classes, read by one dense layer.
    5. The decoder ends in a sigmoid, of transposed convolutions from an
       eighth of the size on.
    """

    def __init__(
        self,
        embedding,
        attributes,
        size=(32, 32),
        alpha=2.0,
        beta=3.0,
        steps=3,
        opponents="predictors",
        hidden=(256, 128),
        learning_rate=1e-3,
        opponent_rate=2e-3,
        phase="warm_up",
        seed=0,
        **kwargs,
    ):
        if not isinstance(embedding, PartitionedEmbedding):
            rule = "`embedding` must be a `PartitionedEmbedding`"
            checks.fail(rule, "embedding", embedding)
        weights = {
            "reconstruction": 1.0,
            "attributes": checks.number("alpha", alpha),
        }
        beta = checks.number("beta", beta)
        super().__init__(
            {"warm_up": weights, "separate": {**weights, "independence": beta}},
            seed,
            **kwargs,
        )
        self.embedding = embedding
        self.attributes = _checked_attributes(attributes, embedding)
        self.size = checks.sizes("size", size, 2)
        if any(side % 8 for side in self.size):
            checks.fail("`size` must be multiples of 8", "size", size)
        self.alpha, self.beta = float(alpha), beta
        self.steps = checks.integer("steps", steps)
        self.kind = checks.choice("opponents", opponents, OPPONENTS)
        self.hidden = checks.sizes("hidden", hidden)
        self.learning_rate = checks.number("learning_rate", learning_rate)
        self.opponent_rate = checks.number("opponent_rate", opponent_rate)
        self.learning_rates = dict.fromkeys(self.phases, self.learning_rate)
        self._add_layers()
        self._add_opponents()
        self.set_phase(phase)

    def _add_layers(self):
        """The decoder and the attribute nets."""
        seeds = itertools.count(1000 * self.seed + 300)

        def kernel():
            return keras.initializers.GlorotUniform(next(seeds))

        def larger(channels, activation):
            return layers.Conv2DTranspose(
                channels,
                KERNEL,
                STRIDE,
                "same",
                activation=activation,
                kernel_initializer=kernel(),
                dtype=self.dtype_policy,
            )

        height, width = (side // 8 for side in self.size)
        count = height * width * 64
        self.decoder = keras.Sequential(
            [
                keras.Input((sum(self.embedding.parts.values()),)),
                layers.Dense(
                    count,
                    "relu",
                    kernel_initializer=kernel(),
                    dtype=self.dtype_policy,
                ),
                layers.Reshape((height, width, 64)),
                larger(48, "relu"),
                larger(32, "relu"),
                larger(3, "sigmoid"),
            ],
            name="decoder",
        )
        self.attribute_nets = {
            name: layers.Dense(
                classes, kernel_initializer=kernel(), dtype=self.dtype_policy
            )
            for name, classes in self.attributes.items()
        }
        self.embedding.build((None, *self.size, 3))
        for name, net in self.attribute_nets.items():
            net.build((None, self.embedding.parts[name]))

    def _add_opponents(self):
        """The opponents and their optimizer; Keras trains neither."""
        sizes, self.opponents = self.embedding.parts, None
        if self.kind == "predictors":
            self.opponents = Predictors(sizes, self.hidden, self.seed)
        elif self.kind == "classifiers":
            self.opponents = Classifiers(
                sizes, self.attributes, self.hidden, self.seed
            )
        self.opponent_optimizer = None
        if self.opponents:
            self.opponents.trainable = False
            self.opponent_optimizer = keras.optimizers.Adam(self.opponent_rate)
            self.opponent_optimizer.build(self.opponents.weights)
        self.built = True

    @property
    def non_trainable_variables(self):
        """With those of the second optimizer, which are state on JAX."""
        own = super().non_trainable_variables
        optimizer = self.opponent_optimizer
        return own + (optimizer.variables if optimizer else [])

    def fit_stages(self, data, epochs, *args, labels=None, **kwargs):
        if hasattr(data, "shape"):
            self._check_labels(labels)
        return super().fit_stages(data, epochs, *args, labels=labels, **kwargs)

    def _check_labels(self, labels):
        if not isinstance(labels, dict) or set(labels) != set(self.attributes):
            rule = f"`labels` must be a dict of {sorted(self.attributes)}"
            checks.fail(rule, "labels", labels)
        for name, classes in self.attributes.items():
            values = checks.array(
                name,
                labels[name],
                f"Labels of {name!r} must be integers, one an image",
                ndim=1,
                kinds="iu",
            )
            if values.min() < -1 or values.max() >= classes:
                raise ValueError(
                    f"Labels of {name!r} must be from 0 to {classes - 1}, or "
                    "-1 where they are not known. Received: from "
                    f"{values.min()} to {values.max()}"
                )
            if len(np.unique(values[values >= 0])) < 2:
                raise ValueError(
                    f"Labels of {name!r} must have at least two values. "
                    f"Received: {np.unique(values).tolist()}"
                )

    def call(self, inputs, training=None):
        parts = self.embedding(inputs, training=training)
        return {
            "parts": parts,
            "images": self.decode(parts),
            "logits": {k: a(parts[k]) for k, a in self.attribute_nets.items()},
        }

    def decode(self, parts):
        """Images of parts.

        Args:
            parts: dict, name of each part -> tensor `(batch, numbers)`.

        Returns:
            A tensor `(batch, height, width, 3)` in [0, 1].
        """
        names = self.embedding.parts
        return self.decoder(ops.concatenate([parts[k] for k in names], -1))

    def swap(self, images, donors, part):
        """Images with one part of others, decoded.

        Args:
            images: tensor `(batch, height, width, 3)` in [0, 1].
            donors: tensor of the same shape.
            part: string. Name of the part.

        Returns:
            A tensor `(batch, height, width, 3)` in [0, 1].

        Raises:
            ValueError: If there is no such part.
        """
        checks.choice("part", part, tuple(self.embedding.parts))
        parts = self.embedding(images, training=False)
        other = self.embedding(donors, training=False)
        return self.decode({**parts, part: other[part]})

    def loss_terms(self, inputs, outputs, labels):
        images = ops.cast(outputs["images"], "float32")
        terms = {
            "reconstruction": mean_of_each(ops.square(images - inputs)),
            "attributes": sum(
                cross_entropy(labels[name], logits)
                for name, logits in outputs["logits"].items()
            ),
        }
        if self.phase == "separate":
            terms["independence"] = self._independence(outputs, labels)
        return terms

    def _independence(self, outputs, labels):
        """What the encoders lose by parts that depend on one another."""
        parts = outputs["parts"]
        if not self.opponents:
            return dependence(parts)
        return -capped_gain(self.opponents.errors(parts, labels))

    def opponents_loss(self, parts, labels):
        """`L_pred`, the sum of the errors of the opponents."""
        errors = self.opponents.errors(parts, labels)
        return self.mean_loss(sum(errors.values())[None])

    def train_step(self, *arguments):
        """Several steps of the opponents, if there are any, then one of Keras.

        All the opponents' steps see the parts that encoders have now.
        """
        plays = self.phase == "separate" and self.opponents
        step = {
            "tensorflow": self._step_of_tensorflow,
            "jax": self._step_of_jax,
        }
        backend = keras.config.backend()
        if plays and backend not in step:
            raise ValueError(
                "Opponents are trained on TensorFlow and JAX only. Received: "
                f"backend={backend!r}"
            )
        step = step[backend] if plays else super().train_step
        return step(*arguments)

    def _parts_now(self, inputs, state=()):
        """Parts as in training; what normalization keeps does not change."""
        with keras.StatelessScope(state):
            return self.embedding(inputs, training=True)

    def _step_of_tensorflow(self, data):
        import tensorflow as tf

        inputs, labels, _ = keras.utils.unpack_x_y_sample_weight(data)
        parts = self._parts_now(inputs)
        variables = self.opponents.weights
        values = [variable.value for variable in variables]
        for _ in range(self.steps):
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(values)
                loss = self.opponents_loss(parts, labels)
            gradients = tape.gradient(loss, values)
            self.opponent_optimizer.apply(gradients, variables)
        return super().train_step(data)

    def _step_of_jax(self, state, data):
        import jax

        inputs, labels, _ = keras.utils.unpack_x_y_sample_weight(data)
        trainable, others, *more = state
        mine = self.non_trainable_variables
        now = [*zip(self.trainable_variables, trainable), *zip(mine, others)]
        parts = self._parts_now(inputs, now)
        value_of = {id(variable): value for variable, value in now}
        optimizer, opponents = self.opponent_optimizer, self.opponents.weights
        values, slots = (
            [value_of[id(variable)] for variable in variables]
            for variables in (opponents, optimizer.variables)
        )

        def loss_of(values):
            with keras.StatelessScope([*zip(opponents, values)]):
                return self.opponents_loss(parts, labels)

        for _ in range(self.steps):
            gradients = jax.grad(loss_of)(values)
            values, slots = optimizer.stateless_apply(slots, gradients, values)
        pairs = zip([*opponents, *optimizer.variables], [*values, *slots])
        value_of.update({id(variable): value for variable, value in pairs})
        others = [value_of[id(variable)] for variable in mine]
        return super().train_step((trainable, others, *more), data)

    def get_config(self):
        return {
            **super().get_config(),
            "embedding": keras.saving.serialize_keras_object(self.embedding),
            "attributes": self.attributes,
            "size": self.size,
            "alpha": self.alpha,
            "beta": self.beta,
            "steps": self.steps,
            "opponents": self.kind,
            "hidden": self.hidden,
            "learning_rate": self.learning_rate,
            "opponent_rate": self.opponent_rate,
            "phase": self.phase,
            "seed": self.seed,
        }

    @classmethod
    def from_config(cls, config):
        embedding = keras.saving.deserialize_keras_object(config["embedding"])
        return cls(**{**config, "embedding": embedding})


def _checked_attributes(attributes, embedding):
    if not isinstance(attributes, dict) or not attributes:
        rule = "`attributes` must be a dict of names of parts and classes"
        checks.fail(rule, "attributes", attributes)
    for name, classes in attributes.items():
        checks.choice("attributes", name, tuple(embedding.parts))
        checks.integer(f"attributes['{name}']", classes, 2)
    return {name: int(classes) for name, classes in attributes.items()}
