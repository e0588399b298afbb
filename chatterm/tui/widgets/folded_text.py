"""Long texts in the prompt, shown as one short mark each."""

from __future__ import annotations

import re

FOLD_CHARACTERS = 20_000
"""Longer texts are folded: wrapping more than this makes typing slow."""

_MARK = re.compile(r"⟦text \d+: [\d,]+ characters, [\d,]+ lines?⟧")


class FoldedText:
    """Keeps long texts aside and puts marks in their place; `unfold` brings them back."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}

    def fold(self, text: str) -> str:
        """The text itself, or a mark for it when it is long."""
        if len(text) <= FOLD_CHARACTERS:
            return text
        lines = text.count("\n") + (not text.endswith("\n"))
        plural = "" if lines == 1 else "s"
        mark = f"⟦text {len(self._texts) + 1}: {len(text):,} characters, {lines:,} line{plural}⟧"
        self._texts[mark] = text
        return mark

    def unfold(self, text: str) -> str:
        """The text with every mark of ours replaced by what it stands for."""
        if not self._texts:
            return text
        return _MARK.sub(lambda match: self._texts.get(match[0], match[0]), text)
