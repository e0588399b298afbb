"""Search in many names as they are typed."""

from __future__ import annotations

import re
from collections.abc import Sequence


class FuzzyIndex:
    """Names to be searched. A word matches a name that has its letters in order; all words must match."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = [name.lower().replace("\n", " ") for name in names]
        self._joined = "\n".join(self._names)
        self._starts = [0]
        for name in self._names:
            self._starts.append(self._starts[-1] + len(name) + 1)

    def search(self, query: str) -> list[int]:
        """Indexes of the names that match, the best first; all of them, in their order, for a blank query.

        Better is: the whole name, its beginning, the beginning of a word in it, any place in it, letters
        apart; then the shorter name; then the earlier one.
        """
        words = query.lower().split()
        if not words:
            return list(range(len(self._names)))
        # Whole numbers sort several times faster than tuples; the index is in their last digits.
        most = len(self._names)
        keys = [
            (self._rank(index, words) * 10_000 + min(len(self._names[index]), 9_999)) * most + index
            for index in self._matching(words)
        ]
        return [key % most for key in sorted(keys)]

    def _matching(self, words: list[str]) -> list[int]:
        # One pass of the regular expression engine over all names: possessive parts never look back, so
        # that a name costs its length whatever the query is.
        pattern = "^" + "".join(f"(?={_in_order(word)})" for word in words)
        positions = (match.start() for match in re.finditer(pattern, self._joined, re.MULTILINE))
        found: list[int] = []
        at = 0
        for position in positions:
            while self._starts[at] < position:
                at += 1
            if at < len(self._names):
                found.append(at)
        return found

    def _rank(self, index: int, words: list[str]) -> int:
        name = self._names[index]
        return _place(name, words[0]) if len(words) == 1 else sum(_place(name, word) for word in words)


def _in_order(word: str) -> str:
    return "".join(f"[^{re.escape(letter)}\\n]*+{re.escape(letter)}" for letter in word)


def _place(name: str, word: str) -> int:
    at = name.find(word)
    if at < 0:
        return 30
    if at == 0:
        return 0 if len(word) == len(name) else 1
    if not name[at - 1].isalnum():
        return 5
    return 10
