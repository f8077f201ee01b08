"""A decoder with attention to several sources, greedy and with a beam."""

import itertools

import keras
import numpy as np
from keras import layers
from keras import ops

from keras_vipa.layers.beam_search import beam_search
from keras_vipa.utils import checks

ARGUMENTS = (
    "vocabulary sources units embedding depth feeding dropout special seed"
).split()


@keras.saving.register_keras_serializable(package="keras_vipa")
class CascadeToneDecoder(layers.Layer):
    """Sequence of tokens from any number of encoded sequences.

    The decoder of each stage of CSSMCM. With the embedding `E`, what encoder
    `k` says of its step `t`, `m_kt`, and one additive attention a source:

        h_i  = GRU(h_i-1, E y_i-1)                            `depth` layers
        a_ik = softmax_t(v_k . tanh(W_k h_i + b_k + U_k m_kt))
        c_ik = sum_t a_ikt m_kt
        P(y_i | y_<i, m) = softmax(W2 relu(W1 [h_i, c_i1, c_i2, ...]))

    `U_k m_kt` is computed once a sequence.

    Args:
        vocabulary: integer. Tokens, with the three special ones.
        sources: integer. Encoded sequences.
        units: integer. Of each GRU, of each attention, and of the layer before
            the last.
        embedding: integer. Size of `E y`. Defaults to `units`.
        depth: integer. GRU layers.
        feeding: boolean. Whether the GRU gets the contexts of the step before,
            too: `h_i = GRU(h_i-1, [E y_i-1, c_i-1,1, ...])`.
        dropout: float. Of embeddings, and of the inputs of `W1` and `W2`, in
            training.
        special: tuple of three integers: what fills a row, what is before the
            first token, and what ends a sequence.
        seed: integer. Seed of the initial weights, and of the dropout.
        **kwargs: arguments of `keras.layers.Layer`.

    Call arguments:
        tokens: integer tensor `(batch, length)`: for each output the token
            before it, so the first of a row is that of the start.
        memory: list of tensors `(batch, steps, channels)`, a source each.
        masks: list of boolean tensors `(batch, steps)`, the steps of a source
            that are there; an item, or all, may be `None`.
        state: list of `depth` tensors `(batch, units)`, the first `h`. Defaults
            to zeros.
        sampling: float, or scalar tensor. Scheduled sampling: the part of
            tokens, after the first of a row, in place of which the decoder's
            own are taken, as it says them where all are true. Defaults to
            `None`: 0.
        training: boolean. Whether to drop out.

    Returns:
        Tensor of logits `(batch, length, vocabulary)`.

    Raises:
        ValueError: If an argument is not as above.

    Example:

    >>> decoder = keras_vipa.layers.CascadeToneDecoder(6, units=4)
    >>> video = np.random.rand(2, 9, 5).astype("float32")
    >>> tuple(decoder(np.array([[1, 3, 4], [1, 5, 3]]), [video]).shape)
    (2, 3, 6)
    >>> tuple(decoder.greedy([video], length=7)["tokens"].shape)
    (2, 7)

    Reference:
        Zhao, Xu, Song. "A Cascade Sequence-to-Sequence Model for Chinese
        Mandarin Lip Reading". MM Asia 2019. https://arxiv.org/abs/1908.04917.
        As we understand it: the text was not at hand beyond its first page.
        Beam search: ours. Feeding: Luong, Pham, Manning, 2015.
    """

    def __init__(
        self,
        vocabulary,
        sources=1,
        units=512,
        embedding=None,
        depth=2,
        feeding=False,
        dropout=0.0,
        special=(0, 1, 2),
        seed=0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        embedding = units if embedding is None else embedding
        for name, value, least in (
            ("vocabulary", vocabulary, 4),
            ("sources", sources, 1),
            ("units", units, 1),
            ("embedding", embedding, 1),
            ("depth", depth, 1),
            ("seed", seed, 0),
        ):
            checks.integer(name, value, least)
        self.dropout = checks.number("dropout", dropout, 0.0, 1.0)
        if not isinstance(feeding, bool):
            checks.fail("`feeding` must be a boolean", "feeding", feeding)
        is_tuple = isinstance(special, list | tuple) and len(special) == 3
        if not is_tuple or not all(checks.is_integer(n, 0) for n in special):
            rule = "`special` must be three integers from 0 on"
            checks.fail(rule, "special", special)
        self.vocabulary, self.sources, self.units = vocabulary, sources, units
        self.embedding, self.depth = embedding, depth
        self.feeding, self.seed = feeding, seed
        self.special = tuple(special)
        self.pad, self.start, self.end = self.special
        self._add_layers()

    def _add_layers(self):
        glorot = keras.initializers.GlorotUniform
        seeds = itertools.count(1000 * self.seed)

        def dense(width, **options):
            kernel = glorot(next(seeds))
            more = {"kernel_initializer": kernel, "dtype": self.dtype_policy}
            return layers.Dense(width, **more, **options)

        self.table = layers.Embedding(
            self.vocabulary,
            self.embedding,
            keras.initializers.RandomUniform(seed=next(seeds)),
            dtype=self.dtype_policy,
        )
        self.recurrent = [
            layers.GRU(
                self.units,
                kernel_initializer=glorot(next(seeds)),
                recurrent_initializer=keras.initializers.Orthogonal(
                    seed=next(seeds)
                ),
                return_sequences=True,
                dtype=self.dtype_policy,
            )
            for _ in range(self.depth)
        ]
        self.queries = [dense(self.units) for _ in range(self.sources)]
        self.keys = [
            dense(self.units, use_bias=False) for _ in range(self.sources)
        ]
        self.attentions = [
            layers.AdditiveAttention(seed=next(seeds), dtype=self.dtype_policy)
            for _ in range(self.sources)
        ]
        self.hidden = dense(self.units, activation="relu")
        self.output_layer = dense(self.vocabulary)
        self.draws = keras.random.SeedGenerator(next(seeds))
        self.drop = layers.Dropout(
            self.dropout, seed=next(seeds), dtype=self.dtype_policy
        )

    def build(self, tokens_shape, memory_shape, **others):
        batch = tokens_shape[0]
        self.channels = channels = [shape[-1] for shape in memory_shape]
        width = self.embedding + self.feeding * sum(channels)
        self.table.build((batch, None))
        for layer in self.recurrent:
            layer.build((batch, None, width))
            width = self.units
        h = (batch, None, self.units)
        for number, shape in enumerate(memory_shape):
            self.queries[number].build(h)
            self.keys[number].build(shape)
            attention = self.attentions[number]
            attention.build([h, shape, (*shape[:-1], self.units)])
            # Keras has no seed for it.
            first = keras.initializers.GlorotUniform(1000 * self.seed + number)
            attention.scale.assign(first(attention.scale.shape))
        width = self.units + sum(channels)
        self.hidden.build((batch, None, width))
        self.output_layer.build(h)
        self.built = True

    def call(
        self,
        tokens,
        memory,
        masks=None,
        state=None,
        sampling=None,
        training=None,
    ):
        memory = self.remember(memory, masks)
        state = self.first(memory, state)
        if sampling is not None:
            said = ops.argmax(self._logits(tokens, memory, state, False), -1)
            tokens = self._mixed(tokens, said, sampling)
        return self._logits(tokens, memory, state, training)

    def _mixed(self, tokens, said, part):
        """Tokens, some of which are what is said before them."""
        said = ops.cast(said[:, :-1], tokens.dtype)
        drawn = keras.random.uniform(ops.shape(said), seed=self.draws)
        said = ops.where(drawn < part, said, tokens[:, 1:])
        return ops.concatenate([tokens[:, :1], said], axis=1)

    def remember(self, memory, masks=None):
        """What attention needs of the sources, computed once a sequence.

        Args:
            memory: list of tensors, and
            masks: list, as in `call`.

        Returns:
            List of tuples `(values, keys, mask)`, a source each.
        """
        masks = [None] * self.sources if masks is None else masks
        if not len(memory) == len(masks) == self.sources:
            rule = f"`memory` must be {self.sources} tensors, one a source"
            checks.fail(rule, "len(memory)", len(memory))
        if not self.built:
            self.build((None, None), [values.shape for values in memory])
        return [
            (values, project(values), mask)
            for values, project, mask in zip(memory, self.keys, masks)
        ]

    def first(self, memory, state=None):
        """What goes from step to step, before the first one.

        Args:
            memory: as of `remember`.
            state: list of tensors, as in `call`.

        Returns:
            List of tensors: `h` of each layer and, with `feeding`, `c` of each
            source.
        """
        batch = ops.shape(memory[0][0])[0]
        zeros = ops.zeros((batch, self.units), self.compute_dtype)
        carry = [zeros] * self.depth if state is None else list(state)
        if self.feeding:
            carry += [
                ops.zeros((batch, values.shape[-1]), self.compute_dtype)
                for values, _, _ in memory
            ]
        return carry

    def carry_sizes(self):
        """Channels of each tensor of `first`, once the layer is built."""
        contexts = self.channels if self.feeding else []
        return [self.units] * self.depth + list(contexts)

    def step(self, tokens, carry, memory):
        """One step.

        Args:
            tokens: integer tensor `(batch,)`, the last of each row.
            carry: as of `first`, or of the step before.
            memory: as of `remember`.

        Returns:
            Logits `(batch, vocabulary)`, the next `carry`, and a list of
            tensors `(batch, steps)`, the weights of each source.
        """
        carry = self._next(self.table(tokens), carry, memory)
        h = carry[self.depth - 1]
        contexts, weights = self._attend_once(h, memory)
        return self._head(h, contexts, False), carry, weights

    def _next(self, x, carry, memory):
        """What goes on after a step with the embedding `x`."""
        states, contexts = carry[: self.depth], carry[self.depth :]
        x, after = ops.concatenate([x, *contexts], axis=-1), []
        for layer, h in zip(self.recurrent, states):
            x, _ = layer.cell(x, [h])
            after.append(x)
        if self.feeding:
            contexts, _ = self._attend_once(x, memory)
            after += contexts
        return after

    def _attend(self, h, memory):
        """Contexts and weights of all sources for `(batch, length, units)`."""
        return self._attended([query(h) for query in self.queries], memory)

    def _attend_once(self, h, memory):
        """The same for `(batch, units)`, in a form XLA has a gradient of."""
        asked = [ops.expand_dims(query(h), 1) for query in self.queries]
        contexts, weights = self._attended(asked, memory)
        return [c[:, 0] for c in contexts], [w[:, 0] for w in weights]

    def _attended(self, asked, memory):
        found = [
            attend(
                [query, values, keys],
                mask=[None, mask],
                return_attention_scores=True,
            )
            for query, attend, (values, keys, mask) in zip(
                asked, self.attentions, memory
            )
        ]
        return [list(part) for part in zip(*found)]

    def _head(self, h, contexts, training):
        x = ops.concatenate([h, *contexts], axis=-1)
        x = self.hidden(self.drop(x, training=training))
        return self.output_layer(self.drop(x, training=training))

    def _logits(self, tokens, memory, carry, training):
        """Logits of all steps, whose tokens are known."""
        found = self._through(tokens, memory, carry, training)
        return self._head(*found, training)

    def _through(self, tokens, memory, carry, training):
        """`h` of the last layer, and the contexts, of all steps."""
        h = self.drop(self.table(tokens), training=training)
        if self.feeding:
            h, *contexts = self._run(h, carry, memory)
            return h, contexts
        for layer, state in zip(self.recurrent, carry):
            h = layer(h, initial_state=state)
        return h, self._attend(h, memory)[0]

    def follow(self, tokens, memory, masks=None, state=None):
        """Logits and weights of all steps, whose tokens are known.

        Args:
            tokens: integer tensor `(batch, length)`, as in `call`.
            memory: list of tensors, and
            masks: list, and
            state: list, as in `call`.

        Returns:
            Dict of tensors: `"logits"`, `(batch, length, vocabulary)`, and
            `"attention"`, a list of `(batch, length, steps)`, a source each.
        """
        memory = self.remember(memory, masks)
        carry = self.first(memory, state)
        h, contexts = self._through(tokens, memory, carry, False)
        return {
            "logits": self._head(h, contexts, False),
            "attention": self._attend(h, memory)[1],
        }

    def _run(self, x, carry, memory):
        """`h` of the last layer and contexts, one step after the other."""
        loop = layers.RNN(_Steps(self, memory, carry), return_sequences=True)
        found = loop(x, initial_state=carry)
        sizes = [part.shape[-1] for part in carry[self.depth - 1 :]]
        return ops.split(found, np.cumsum(sizes)[:-1].tolist(), axis=-1)

    def greedy(self, memory, masks=None, state=None, length=30):
        """The likeliest token, one after the other.

        Args:
            memory: list of tensors, and
            masks: list, and
            state: list, as in `call`.
            length: integer. Most tokens, with the end.

        Returns:
            Dict of tensors: `"tokens"`, int32 `(batch, length)`, filled behind
            the end; `"logits"`, `(batch, length, vocabulary)`; `"attention"`,
            a list of `(batch, length, steps)`.
        """
        found = self.beam(memory, masks, state, length, width=1)
        tokens = found["tokens"][:, 0]
        known = self.follow(self.before(tokens), memory, masks, state)
        return {"tokens": tokens, **known}

    def before(self, tokens):
        """The token before each of some, as `call` takes them."""
        start = ops.full_like(tokens[:, :1], self.start)
        return ops.concatenate([start, tokens[:, :-1]], axis=1)

    def beam(
        self,
        memory,
        masks=None,
        state=None,
        length=30,
        width=4,
        penalty=0.0,
        sizes=None,
    ):
        """The likeliest sequences that a search with a beam finds.

        Args:
            memory: list of tensors, and
            masks: list, and
            state: list, as in `call`.
            length: integer. Most tokens, with the end.
            width: integer. Sequences that are followed at once.
            penalty: float. Sequences `y` are ranked by `log P(y) / ((5 + |y|) /
                6)^penalty`; 0 prefers short ones.
            sizes: integer tensor `(batch,)`. Tokens before the end, less than
                `length`, where that is known.

        Returns:
            Dict of tensors, the best first: `"tokens"`, int32 `(batch, width,
            length)`, filled behind the end; `"scores"`, `(batch, width)`, by
            which they are ranked.
        """
        memory = [
            tuple(x if x is None else ops.repeat(x, width, axis=0) for x in one)
            for one in self.remember(memory, masks)
        ]
        if state is not None:
            state = [ops.repeat(h, width, axis=0) for h in state]

        def step(tokens, carry):
            return self.step(tokens, carry, memory)[:2]

        carry = self.first(memory, state)
        return beam_search(
            step, carry, self.special, length, width, penalty, sizes
        )

    def compute_output_shape(self, tokens_shape, memory_shape=None):
        return (*tokens_shape, self.vocabulary)

    def get_config(self):
        own = {name: getattr(self, name) for name in ARGUMENTS}
        return {**super().get_config(), **own}


class _Steps(layers.Layer):
    """The steps of a decoder, whose tokens are known, as `RNN` asks for them.

    Args:
        decoder: `CascadeToneDecoder`.
        memory: as of `remember`.
        carry: as of `first`.
    """

    def __init__(self, decoder, memory, carry):
        super().__init__(dtype=decoder.dtype_policy)
        self.decoder, self.memory = decoder, memory
        self.state_size = [part.shape[-1] for part in carry]
        self.output_size = sum(self.state_size[decoder.depth - 1 :])

    def call(self, inputs, states):
        after = self.decoder._next(inputs, list(states), self.memory)
        found = ops.concatenate(after[self.decoder.depth - 1 :], axis=-1)
        return found, after
