import itertools

import keras
import numpy as np
import pytest
from test_case import TestCase

from keras_vipa.layers import CascadeToneDecoder

PAD, START, END = 0, 1, 2
TOKENS = np.array([[1, 3, 4, 5], [1, 5, 3, 3], [1, 4, 4, 3]])


def array(x):
    return keras.ops.convert_to_numpy(x)


def sources(seed=0):
    """Two encoded sequences, of seven and five steps, and which are there."""
    generator = np.random.default_rng(seed)
    memory = [
        generator.normal(size=(3, steps, width)).astype("float32")
        for steps, width in ((7, 4), (5, 6))
    ]
    return memory, [np.arange(7) < np.array([[7], [4], [2]]), None]


def states(seed=1):
    generator = np.random.default_rng(seed)
    return [generator.normal(size=(3, 5)).astype("float32") for _ in range(2)]


def decoder(feeding=False, **options):
    return CascadeToneDecoder(
        6, 2, units=5, embedding=3, feeding=feeding, seed=1, **options
    )


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def gru(layer, x, h):
    kernel, recurrent, (bias, other) = (array(w) for w in layer.weights)
    new, old = x @ kernel + bias, h @ recurrent + other
    (xz, xr, xh), (hz, hr, hh) = (np.split(a, 3, axis=-1) for a in (new, old))
    z, r = sigmoid(xz + hz), sigmoid(xr + hr)
    return z * h + (1 - z) * np.tanh(xh + r * hh)


def context(layer, number, h, values, mask):
    """Of one source, and its weights."""
    query, bias = (array(w) for w in layer.queries[number].weights)
    key, scale = (
        array(layer.keys[number].kernel),
        layer.attentions[number].scale,
    )
    inner = np.tanh((h @ query + bias)[:, None] + values @ key)
    scores = inner @ array(scale)
    if mask is not None:
        scores = np.where(mask, scores, -np.inf)
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    weights = weights / weights.sum(axis=1, keepdims=True)
    return (weights[..., None] * values).sum(axis=1), weights


def restated(layer, tokens, memory, masks, h):
    """Logits and weights, a step after the other."""
    h, logits, weights = list(h), [], []
    contexts = [np.zeros((3, values.shape[-1])) for values in memory]
    for column in tokens.T:
        x = array(layer.table.embeddings)[column]
        if layer.feeding:
            x = np.concatenate([x, *contexts], axis=-1)
        for number, one in enumerate(layer.recurrent):
            h[number] = x = gru(one, x, h[number])
        found = [
            context(layer, number, x, *pair)
            for number, pair in enumerate(zip(memory, masks))
        ]
        contexts = [c for c, _ in found]
        weights.append([w for _, w in found])
        x = np.concatenate([x, *contexts], axis=-1)
        kernel, bias = (array(w) for w in layer.hidden.weights)
        x = np.maximum(x @ kernel + bias, 0)
        kernel, bias = (array(w) for w in layer.output_layer.weights)
        logits.append(x @ kernel + bias)
    weights = [np.stack(part, axis=1) for part in zip(*weights)]
    return np.stack(logits, axis=1), weights


def likelihoods(layer, row, said):
    """Logs of the probabilities of sequences of tokens, for one row."""
    (memory, masks), state = sources(2), states(3)
    many = [row] * len(said)
    rows = np.array([(*tokens, 0, 0)[:3] for tokens in said])
    before = np.insert(rows[:, :-1], 0, START, axis=1)
    memory = [values[many] for values in memory]
    state = [h[many] for h in state]
    logits = array(layer(before, memory, [masks[0][many], None], state))
    likely = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
    each = np.take_along_axis(likely, rows[..., None], axis=2)[..., 0]
    return [sum(e[: len(tokens)]) for e, tokens in zip(each, said)]


@pytest.mark.parametrize("feeding", [False, True])
class TestFormula(TestCase):
    def test_against_numpy(self, feeding):
        layer, (memory, masks), state = decoder(feeding), sources(), states()
        found = layer(TOKENS, memory, masks, state)
        logits, weights = restated(layer, TOKENS, memory, masks, state)
        self.assert_all_close(found, logits.astype("float32"))
        found = layer.follow(TOKENS, memory, masks, state)["attention"]
        self.assert_all_close(found, [w.astype("float32") for w in weights])

    def test_steps(self, feeding):
        """One after the other they are the whole."""
        layer, (memory, masks), state = decoder(feeding), sources(), states()
        whole = array(layer(TOKENS, memory, masks, state))
        weights = layer.follow(TOKENS, memory, masks, state)["attention"]
        known = layer.remember(memory, masks)
        carry = layer.first(known, state)
        for place, column in enumerate(TOKENS.T):
            logits, carry, seen = layer.step(column, carry, known)
            self.assert_all_close(logits, whole[:, place])
            expected = [array(w)[:, place] for w in weights]
            self.assert_all_close(seen, expected)

    def test_what_is_not_there_changes_nothing(self, feeding):
        layer, (memory, masks), state = decoder(feeding), sources(), states()
        found = array(layer(TOKENS, memory, masks, state))
        other = [memory[0].copy(), memory[1]]
        other[0][~masks[0]] = 9.0
        self.assert_all_close(layer(TOKENS, other, masks, state), found)
        seen = array(layer.follow(TOKENS, memory, masks, state)["attention"][0])
        assert (seen[1, :, 4:] == 0).all() and (seen[1, :, :4] > 0).all()

    def test_what_comes_later_changes_nothing(self, feeding):
        layer, (memory, masks) = decoder(feeding), sources()
        found = array(layer(TOKENS, memory, masks))
        other = TOKENS.copy()
        other[:, 3] = 3
        changed = array(layer(other, memory, masks))
        self.assert_all_close(changed[:, :3], found[:, :3])
        assert np.abs(changed[0, 3] - found[0, 3]).max() > 1e-4

    def test_greedy(self, feeding):
        """The best token of each step, as many as there may be."""
        layer, (memory, masks), state = decoder(feeding), sources(), states()
        found = layer.greedy(memory, masks, state, length=5)
        rows = [[START], [START], [START]]
        for _ in range(5):
            logits = array(layer(np.array(rows), memory, masks, state))[:, -1]
            logits[:, [PAD, START]] = -np.inf
            for row, best in zip(rows, logits.argmax(axis=-1)):
                row.append(PAD if row[-1] in (END, PAD) else int(best))
        expected = np.array(rows)[:, 1:]
        np.testing.assert_array_equal(array(found["tokens"]), expected)
        before = np.array(rows)[:, :-1]
        expected = layer(before, memory, masks, state)
        self.assert_all_close(found["logits"], expected)
        assert [w.shape for w in found["attention"]] == [(3, 5, 7), (3, 5, 5)]

    @pytest.mark.parametrize("penalty", [0.0, 1.0])
    def test_beam_that_follows_all(self, feeding, penalty):
        """It finds what is best of everything that could be said."""
        layer, (memory, masks), state = decoder(feeding), sources(2), states(3)
        found = layer.beam(memory, masks, state, 3, 40, penalty)
        said = [
            tokens
            for size in (1, 2, 3)
            for tokens in itertools.product((END, 3, 4, 5), repeat=size)
            if END not in tokens[:-1] and (size == 3 or tokens[-1] == END)
        ]
        assert len(said) == 1 + 3 + 36
        for row in range(3):
            scores = {
                tokens: likely / ((5 + len(tokens)) / 6) ** penalty
                for tokens, likely in zip(said, likelihoods(layer, row, said))
            }
            ranked = sorted(scores, key=scores.get, reverse=True)
            expected = [(*tokens, 0, 0)[:3] for tokens in ranked[:10]]
            best = array(found["tokens"])[row, :10]
            np.testing.assert_array_equal(best, expected)
            self.assert_all_close(
                array(found["scores"])[row, :10],
                np.array([scores[t] for t in ranked[:10]], "float32"),
            )

    def test_a_batch_is_its_rows(self, feeding):
        layer, (memory, masks), state = decoder(feeding), sources(), states()
        whole = layer.beam(memory, masks, state, length=6, width=3)
        for row in range(3):
            mine = slice(row, row + 1)
            alone = layer.beam(
                [values[mine] for values in memory],
                [masks[0][mine], None],
                [h[mine] for h in state],
                length=6,
                width=3,
            )
            for key, value in alone.items():
                self.assert_all_close(value, array(whole[key])[mine])


class TestSampling(TestCase):
    def test_parts(self):
        """None of the decoder's own tokens, all of them, or some."""
        layer, (memory, masks), state = decoder(), sources(), states()
        first = layer(TOKENS, memory, masks, state)
        own = np.concatenate(
            [TOKENS[:, :1], array(first).argmax(axis=-1)[:, :-1]], axis=1
        )
        assert (own != TOKENS).any()
        for part, tokens in ((0.0, TOKENS), (1.0, own)):
            found = layer(TOKENS, memory, masks, state, sampling=part)
            expected = array(layer(tokens, memory, masks, state))
            self.assert_all_close(found, expected)
        replaced = [
            (array(layer._mixed(TOKENS, own + 100, 0.3)) >= 100).mean()
            for _ in range(200)
        ]
        # Of the first tokens none is.
        assert abs(np.mean(replaced) - 0.3 * 3 / 4) < 0.03


class TestSizes(TestCase):
    @pytest.mark.parametrize(
        ("vocabulary", "count", "millions"),
        [(371, 1, 4.6), (8, 2, 5.0), (1779, 3, 7.6)],
    )
    def test_of_the_paper(self, vocabulary, count, millions):
        layer = CascadeToneDecoder(vocabulary, count)
        layer.build((None, None), [(None, None, 512)] * count)
        assert round(layer.count_params() / 1e6, 1) == millions


class TestLifeCycle(TestCase):
    @pytest.mark.parametrize("feeding", [False, True])
    def test_saved_and_trained(self, feeding, tmp_path):
        """Within a model; with feeding, whose loop is harder, with XLA."""
        tokens = keras.Input((4,), dtype="int32")
        video = keras.Input((7, 4))
        layer = CascadeToneDecoder(6, units=5, feeding=feeding, dropout=0.1)
        model = keras.Model([tokens, video], layer(tokens, [video]))
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(
            "adam", loss, jit_compile=feeding, run_eagerly=not feeding
        )
        inputs = [TOKENS, sources()[0][0]]
        before = [array(w).copy() for w in model.weights]
        model.train_on_batch(inputs, np.full((3, 4), 3))
        moved = [
            np.abs(array(w) - old).max() > 0
            for w, old in zip(model.weights, before)
        ]
        assert sum(moved) == len(model.trainable_weights)
        model.save(tmp_path / "model.keras")
        again = keras.saving.load_model(tmp_path / "model.keras")
        expected = model.predict(inputs, verbose=0)
        self.assert_all_close(again.predict(inputs, verbose=0), expected)

    def test_seed(self):
        memory, masks = sources()
        one, same = decoder(), decoder()
        expected = array(one(TOKENS, memory, masks))
        self.assert_all_close(same(TOKENS, memory, masks), expected)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"vocabulary": 3}, "`vocabulary` must be"),
            ({"sources": 0}, "`sources` must be"),
            ({"units": 1.5}, "`units` must be"),
            ({"depth": 0}, "`depth` must be"),
            ({"dropout": -1}, "`dropout` must be"),
        ],
    )
    def test_arguments(self, options, message):
        with pytest.raises(ValueError, match=message):
            CascadeToneDecoder(**{"vocabulary": 6, **options})

    def test_sources(self):
        with pytest.raises(ValueError, match="`memory` must be 2 tensors"):
            decoder().remember(sources()[0][:1])
