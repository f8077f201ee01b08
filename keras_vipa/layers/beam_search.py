"""Search for likely sequences, several at once."""

import numpy as np
from keras import ops

NEVER = np.float32(-1e9)


def beam_search(step, carry, special, length, width, penalty=0.0, sizes=None):
    """Search for the likeliest sequences, in a beam that is `width` wide.

    Args:
        step: callable, the last tokens `(rows * width,)`, and carry, to logits
            `(rows * width, vocabulary)` and the next carry.
        carry: list of tensors `(rows * width, ...)`.
        special: tuple of three integers: what fills a row, what is before the
            first token, and what ends a sequence.
        length: integer. Most tokens, with the end.
        width: integer. Sequences that are followed at once.
        penalty: float. Sequences `y` are ranked by `log P(y) / ((5 + |y|) /
            6)^penalty`.
        sizes: integer tensor `(rows,)`. Tokens before the end, where that is
            known.

    Returns:
        Dict of tensors, the best first: `"tokens"`, int32 `(rows, width,
        length)`, and `"scores"`, `(rows, width)`.
    """
    pad, start, end = special
    rows = ops.shape(carry[0])[0] // width
    shape = (rows, width)
    # At first, one of equal sequences is enough.
    alone = np.where(np.arange(width) == 0, np.float32(0), NEVER)
    begin = [
        carry,
        ops.full(shape, start, "int32"),
        ops.zeros(shape, "int32"),
        ops.zeros(shape, "float32") + alone,
        ops.zeros(shape, "int32"),
    ]
    offsets = width * ops.arange(rows)[:, None]

    def search(carried, _):
        carry, tokens, _, total, counts = carried
        logits, carry = step(ops.reshape(tokens, (-1,)), carry)
        words = logits.shape[-1]
        logits = ops.reshape(logits, (*shape, words))
        over = (tokens == end) | (tokens == pad)
        is_last = None if sizes is None else counts >= sizes[:, None]
        likely = likelihoods(logits, special, over, is_last)
        counts = counts + ops.cast(~over, "int32")
        total = total[:, :, None] + likely
        ranks = total / _lengths(counts, penalty)[:, :, None]
        _, best = ops.top_k(ops.reshape(ranks, (rows, -1)), width)
        parents = best // words
        total = ops.reshape(total, (rows, -1))
        chosen = ops.reshape(parents + offsets, (-1,))
        after = [
            [ops.take(part, chosen, axis=0) for part in carry],
            ops.cast(best % words, "int32"),
            ops.cast(parents, "int32"),
            ops.take_along_axis(total, best, axis=1),
            ops.take_along_axis(counts, parents, axis=1),
        ]
        return after, after

    last, steps = ops.scan(search, begin, None, length)
    _, tokens, parents, _, _ = steps
    scores = last[3] / _lengths(last[4], penalty)
    return {"tokens": _followed(tokens, parents), "scores": scores}


def likelihoods(logits, special, over, is_last=None):
    """Logs of probabilities: of filling behind the end, and else not.

    Where it is known which token is the last one, it is the end, and no other
    is.

    Args:
        logits: tensor `(rows, width, vocabulary)`.
        special: tuple of three integers.
        over: boolean tensor `(rows, width)`.
        is_last: boolean tensor `(rows, width)`.

    Returns:
        A float32 tensor `(rows, width, vocabulary)`.
    """
    pad, start, end = special
    token = np.arange(logits.shape[-1])

    def only(allowed):
        return np.where(allowed, np.float32(0), NEVER)

    likely = ops.log_softmax(ops.cast(logits, "float32"))
    likely = likely + only((token != pad) & (token != start))
    if is_last is not None:
        likely = likely + ops.where(
            is_last[:, :, None], only(token == end), only(token != end)
        )
    return ops.where(over[:, :, None], only(token == pad), likely)


def _lengths(sizes, penalty):
    return ((5.0 + ops.cast(sizes, "float32")) / 6.0) ** penalty


def _followed(tokens, parents):
    """The tokens of each sequence, from those of all steps.

    Args:
        tokens: integer tensor `(length, batch, width)`.
        parents: integer tensor of the same shape: which sequence of the step
            before each one goes on from.

    Returns:
        Integer tensor `(batch, width, length)`.
    """
    length, _, width = tokens.shape
    place = ops.zeros_like(tokens[0]) + ops.arange(width)
    found = []
    for number in reversed(range(length)):
        found.insert(0, ops.take_along_axis(tokens[number], place, axis=1))
        place = ops.take_along_axis(parents[number], place, axis=1)
    return ops.stack(found, axis=-1)
