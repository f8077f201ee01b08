"""What somebody asks for in words, as conditions on items."""

import re

import numpy as np

# Words that ask for nothing.
FILLERS = set("a an the some any with in of my please one item garment".split())


class Request:
    """Conditions on the items of an outfit, by their category.

    Args:
        request: string, phrases between commas or "and", each of which names a
            category and what its item is to be, as in `"a red top, plain
            trousers"`; or dict, category -> dict, attribute -> value; or
            `None`, for no condition.
        categories: string array `(items,)`.
        labels: dict, attribute -> string array `(items,)`.

    Raises:
        ValueError: If a word is not known, a phrase names no category or more
            than one, or no item is as it says.
    """

    def __init__(self, request, categories, labels):
        self.categories = np.asarray(categories)
        self.labels = labels
        self.allowed = {}
        if isinstance(request, str):
            for phrase in re.split(r",|;|\band\b|&|\+", request):
                if words := self._words(phrase):
                    self._add(phrase.strip(), self._read(words))
        elif isinstance(request, dict):
            for category, wanted in request.items():
                pairs = [("category", category), *dict(wanted).items()]
                for attribute, value in pairs:
                    self._check(attribute, value)
                self._add(str(wanted), pairs)
        elif request is not None:
            raise ValueError(
                "`request` must be words or a dict. Received: "
                f"request={request!r}"
            )

    def items(self, category):
        """Which items of a category are as asked for, integer array."""
        of_category = self.categories == category
        allowed = self.allowed.get(category, of_category)
        return np.flatnonzero(of_category & allowed)

    def _values(self, attribute):
        if attribute == "category":
            return self.categories
        return np.asarray(self.labels[attribute])

    def _check(self, attribute, value):
        known = ["category", *self.labels]
        if attribute not in known:
            raise ValueError(
                f"Nothing is known of {attribute!r}. Known are: "
                f"{', '.join(known)}"
            )
        values = np.unique(self._values(attribute))
        if value not in values:
            raise ValueError(
                f"No item is {value!r}. Known of {attribute} are: "
                f"{', '.join(values)}"
            )

    def _words(self, phrase):
        words = re.findall(r"[\w-]+", phrase.lower())
        return [word for word in words if word not in FILLERS]

    def _vocabulary(self):
        """Stems of all values -> their attributes and values."""
        found = {}
        # Of equal words, categories come last and win.
        for attribute in [*self.labels, "category"]:
            for value in np.unique(self._values(attribute)):
                key = tuple(stem(w) for w in re.findall(r"[\w]+", value))
                found[key] = attribute, str(value)
        return found

    def _read(self, words):
        """Attributes and values of a phrase; the longest names first."""
        vocabulary, found, place = self._vocabulary(), [], 0
        words = [part for word in words for part in word.split("-")]
        longest = max(map(len, vocabulary))
        while place < len(words):
            for size in range(longest, 0, -1):
                key = tuple(map(stem, words[place : place + size]))
                if len(key) == size and key in vocabulary:
                    found.append(vocabulary[key])
                    place += size
                    break
            else:
                names = ", ".join(sorted(v for _, v in vocabulary.values()))
                raise ValueError(
                    f"Nothing is called {words[place]!r}. Known are: {names}"
                )
        return found

    def _add(self, phrase, pairs):
        """Let the items of one category be as a phrase says."""
        fits = np.ones(len(self.categories), bool)
        for number, (attribute, value) in enumerate(pairs):
            more = fits & (self._values(attribute) == value)
            if not more.any():
                before = " and ".join(value for _, value in pairs[:number])
                raise ValueError(
                    f"No item is {value!r} as well as {before!r}. "
                    f"Received: {phrase!r}"
                )
            fits = more
        found = np.unique(self.categories[fits])
        if len(found) > 1:
            raise ValueError(
                f"{phrase!r} must say of which item that is to be, one of "
                f"{', '.join(np.unique(self.categories))}"
            )
        category = str(found[0])
        before = self.allowed.get(category)
        if before is not None and not (before & fits).any():
            raise ValueError(
                f"No {category} can be {phrase!r} and all else that is asked "
                "of it"
            )
        self.allowed[category] = fits if before is None else before & fits


def stem(word):
    """A word without endings: stripes, striped and stripe are one.

    Example:

    >>> [stem(word) for word in ("stripes", "striped", "dotted", "dots")]
    ['strip', 'strip', 'dot', 'dot']
    """
    word = word.lower()
    for ending in ("es", "ed", "s", "e"):
        if len(word) > len(ending) + 2 and word.endswith(ending):
            word = word[: -len(ending)]
            break
    return word[:-1] if len(word) > 2 and word[-1] == word[-2] else word
