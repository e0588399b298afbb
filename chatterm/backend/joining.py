"""The seam between a reply that was cut and what goes on with it: takes away what the model says again. Pure.

The rule. What is sent of the reply ends before the white space at its end, so that white space comes again, and
is taken once. Of text, the longest end of the reply that the continuation begins with is taken away, if it is

- at least `CLEAR_CHARACTERS` long; or, where the model was asked to begin with the last words again, a beginning
  of a word and at least `WORD_CHARACTERS` long, or these words as a whole; and
- nothing that repeats itself anyway, unless it was asked for: rows of dashes or equal lines are left as they come.

Its limits: what is shorter stays, so that "bana" and "na" is a banana, and a model that says less than that again,
or says it otherwise, is heard twice; what the continuation adds to rows of equal lines is kept, also where it
was said before. Between two words that come without white space none is put: nobody knows whether it is missing.
"""

from __future__ import annotations

LONGEST_CHARACTERS = 200
"""Up to so much is compared, and held back."""

CLEAR_CHARACTERS = 12
WORD_CHARACTERS = 4

HOLD_SECONDS = 0.3
ASKED_HOLD_SECONDS = 2.0
"""How long text is held back at most; longer where a repetition was asked for, which shows nothing new."""


class Joint:
    """One seam. `feed` takes the text of the continuation in order, and returns what of it is to be shown.

    `before` is the text of the reply so far; `again` are its last words, if the model was asked to begin with
    them, else "". `repeated` counts the characters that were taken away.
    """

    def __init__(self, before: str, again: str = "") -> None:
        core = before.rstrip()
        self._white = before[len(core) :]
        self._core = core[-3 * LONGEST_CHARACTERS :]
        self._again = again
        lengths = range(min(LONGEST_CHARACTERS, len(core)), 0, -1)
        self._ends = [self._core[-length:] for length in lengths if self._is_clear(length)]
        self._held = ""
        self.hold_seconds = ASKED_HOLD_SECONDS if again else HOLD_SECONDS
        self.is_over = False
        self.repeated = 0

    @property
    def is_holding(self) -> bool:
        """Whether text waits for what follows it."""
        return bool(self._held)

    def feed(self, text: str) -> str:
        """What may be shown now."""
        if self.is_over:
            return text
        self._held += text
        return "" if not self._held or self._may_still_grow() else self.release()

    def release(self) -> str:
        """What is held, by what is known now: time is up, or nothing more comes. Nothing is held any more."""
        held, self._held = self._held, ""
        if self.is_over or not held:
            return held
        self.is_over = True
        rest = held[self._overlap(held) :]
        rest = rest[self._white_overlap(rest) :]
        self.repeated = len(held) - len(rest)
        return rest

    def _is_clear(self, length: int) -> bool:
        """Whether an end of this length is enough to be taken for a repetition."""
        if length >= CLEAR_CHARACTERS:
            return True
        is_word = length == len(self._core) or self._core[-length - 1].isspace()
        is_enough = length >= WORD_CHARACTERS or length >= len(self._again)
        return bool(self._again) and is_word and is_enough

    def _repeats_anyway(self, end: str) -> bool:
        """Whether the reply says it twice already, or it is a shorter text again and again."""
        if self._core[: -len(end)].rstrip().endswith(end.strip()):
            return True
        return any(end[period:] == end[:-period] for period in range(1, len(end) // 2 + 1))

    def _may_still_grow(self) -> bool:
        held = self._held
        if len(held) >= 2 * LONGEST_CHARACTERS:
            return False
        if any(len(end) > len(held) and end.startswith(held) for end in self._ends):
            return True
        rest = held[self._overlap(held) :]
        return not rest.strip() and len(rest) < len(self._white) and self._white.startswith(rest)

    def _overlap(self, held: str) -> int:
        """How much of its beginning was said before."""
        said = (end for end in self._ends if held.startswith(end))
        return len(next((end for end in said if end == self._again or not self._repeats_anyway(end)), ""))

    def _white_overlap(self, rest: str) -> int:
        """How much of the white space is there already: all that came, or all that the reply ended in."""
        came = rest[: len(rest) - len(rest.lstrip())]
        if came.startswith(self._white):
            return len(self._white)
        return len(came) if self._white.startswith(came) else 0
