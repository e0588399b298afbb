"""The second wall: what `clean` would not let through does not reach the terminal from any widget either."""

from __future__ import annotations

from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

from chatterm.core.clean import clean, is_clean


class CleanFilter(LineFilter):
    """Replaces what could act on the terminal in every painted text; an app returns it from `get_line_filters`.

    Segments marked as control sequences are Textual's own and stay. Every replaced character keeps its place,
    so that no line becomes longer than it was measured.
    """

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The segments with safe text; the list itself when all of it is."""
        if all(segment.control or _is_safe(segment.text) for segment in segments):
            return segments
        return [
            segment if segment.control else Segment(_safe(segment.text), segment.style)
            for segment in segments
        ]


def _is_safe(text: str) -> bool:
    return is_clean(text) and "\n" not in text and "\t" not in text


def _safe(text: str) -> str:
    """The text on one line: a break inside a painted line would shift all that follows it."""
    return clean(text.replace("\r", "\u240d")).replace("\n", "\u240a").replace("\t", " ")
