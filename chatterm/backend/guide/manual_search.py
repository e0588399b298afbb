"""Finds the sections of the manual that answer a question, by the words they share.

Ranking is BM25 (Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", 2009), a word
of a heading counting several times. Nothing is random: the same question always finds the same sections.
"""

from __future__ import annotations

import difflib
import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from chatterm.backend.guide.manual_pages import Page, Section
from chatterm.backend.guide.manual_words import near_meanings, words_of

K1 = 1.2
B = 0.5
HEADING_WEIGHT = 4
TITLE_WEIGHT = 1
NEAR_WEIGHT = 0.45
"""What a word of like meaning counts for, against the word itself."""
MISSPELT_WEIGHT = 0.7
PREVIOUS_WEIGHT = 0.4
"""What the words of the question before count for."""
QUESTION_WORDS = 48
"""More words than this of a long question are not looked at."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A section found. `coverage` is the share of the question that it has, by the weight of words, 0 to 1."""

    section: Section
    score: float
    coverage: float


class ManualIndex:
    """The sections of some pages, indexed. Building it takes milliseconds."""

    def __init__(self, pages: Sequence[Page]) -> None:
        self._sections = [section for page in pages for section in page.sections]
        self._counts = [_weighted_counts(page, section) for page in pages for section in page.sections]
        self._lengths = [sum(counts.values()) for counts in self._counts]
        self._mean_length = sum(self._lengths) / max(1, len(self._lengths))
        self._holding: dict[str, list[int]] = {}
        for number, counts in enumerate(self._counts):
            for word in counts:
                self._holding.setdefault(word, []).append(number)
        self._near = near_meanings()

    def search(self, question: str, previous: str = "", limit: int = 4) -> list[Hit]:
        """The best sections, the best first; none when no word of the question is in the manual.

        `previous` is the question before, for a question that only makes sense after it.
        """
        wanted = {word: 1.0 for word in words_of(question)[:QUESTION_WORDS]}
        for word in words_of(previous)[:QUESTION_WORDS]:
            wanted.setdefault(word, PREVIOUS_WEIGHT)
        scores: defaultdict[int, float] = defaultdict(float)
        covered: defaultdict[int, float] = defaultdict(float)
        total = 0.0
        for word, weight in wanted.items():
            gains = self._gains(word)
            rarity = self._rarity(word)
            total += weight * rarity
            for number, (gain, share) in gains.items():
                scores[number] += weight * gain
                covered[number] += weight * rarity * share
        ranked = sorted(scores, key=lambda number: (-scores[number], number))
        return [
            Hit(self._sections[number], scores[number], covered[number] / total) for number in ranked[:limit]
        ]

    def _gains(self, word: str) -> Mapping[int, tuple[float, float]]:
        """By section: what the word adds to its score, and how well it is matched there, 0 to 1."""
        gains: dict[int, tuple[float, float]] = {}
        for alternative, weight in self._alternatives(word):
            rarity = min(self._rarity(word), self._rarity(alternative))
            for number in self._holding.get(alternative, ()):
                count = self._counts[number][alternative]
                norm = K1 * (1 - B + B * self._lengths[number] / self._mean_length)
                gain = weight * rarity * count * (K1 + 1) / (count + norm)
                gains[number] = max(gains.get(number, (0.0, 0.0)), (gain, weight))
        return gains

    def _alternatives(self, word: str) -> Iterator[tuple[str, float]]:
        yield word, 1.0
        near = self._near.get(word, ())
        for other in near:
            yield other, NEAR_WEIGHT
        if word not in self._holding and not near and len(word) > 3:
            for other in difflib.get_close_matches(word, self._holding, n=1, cutoff=0.8):
                yield other, MISSPELT_WEIGHT

    def _rarity(self, word: str) -> float:
        """Inverse document frequency; a word that is nowhere is the rarest."""
        holding = len(self._holding.get(word, ()))
        return math.log(1 + (len(self._sections) - holding + 0.5) / (holding + 0.5))


def _weighted_counts(page: Page, section: Section) -> Counter[str]:
    counts = Counter(words_of(section.text))
    for text, weight in ((section.heading, HEADING_WEIGHT), (page.title, TITLE_WEIGHT)):
        for word in words_of(text):
            counts[word] += weight
    return counts
