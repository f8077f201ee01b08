"""Tokens of a stage of CSSMCM, and their numbers."""

import numpy as np

from keras_vipa.utils import checks

# What is read, one after the other.
STAGES = ("pinyin", "tones", "characters")
PAD, START, END = SPECIAL = 0, 1, 2


class Vocabulary:
    """Tokens by number: 0 to 2 are special, then come those of a list.

    Args:
        tokens: list of different strings.
        name: string. What they are, for errors.

    Attributes:
        tokens: list of strings.

    Raises:
        ValueError: If the tokens are not different strings.

    Example:

    >>> tones = Vocabulary(["1", "2", "3", "4", "5"], "tones")
    >>> len(tones), tones.encode([["3"], ["3", "1"]]).tolist()
    (8, [[5, 0], [5, 3]])
    >>> tones.decode([[5, 3, 2, 0]])
    [['3', '1']]
    """

    def __init__(self, tokens, name):
        is_list = isinstance(tokens, list | tuple)
        if not is_list or not all(isinstance(t, str) and t for t in tokens):
            rule = f"Tokens of {name} must be a list of strings"
            checks.fail(rule, name, tokens)
        if len(set(tokens)) < len(tokens):
            checks.fail(f"Tokens of {name} must differ", name, tokens)
        self.tokens, self.name = list(tokens), name
        self._numbers = {t: n for n, t in enumerate(tokens, len(SPECIAL))}

    def __len__(self):
        """Return the count, with the special ones."""
        return len(self.tokens) + len(SPECIAL)

    def encode(self, rows, length=None):
        """Numbers of rows of tokens.

        Args:
            rows: list of strings, or of lists of strings.
            length: integer. Of the result. Defaults to that of the longest.

        Returns:
            Int32 array `(n, length)`, filled with 0.

        Raises:
            ValueError: If a token is not known, or a row longer.
        """
        longest = max(map(len, rows), default=0)
        length = longest if length is None else length
        if longest > length:
            raise ValueError(
                f"There must be at most {length} {self.name}. Received: "
                f"{longest}"
            )
        unknown = sorted({t for row in rows for t in row} - set(self.tokens))
        if unknown:
            raise ValueError(
                f"These {self.name} are not known: {' '.join(unknown[:10])}"
            )
        found = np.full((len(rows), length), PAD, "int32")
        for numbers, row in zip(found, rows):
            numbers[: len(row)] = [self._numbers[token] for token in row]
        return found

    def decode(self, numbers):
        """Lists of tokens, up to the end, of an integer array `(n, length)`."""
        found = []
        for row in np.asarray(numbers).tolist():
            row = row[: row.index(END)] if END in row else row
            kept = [n for n in row if n >= len(SPECIAL)]
            found.append([self.tokens[n - len(SPECIAL)] for n in kept])
        return found
