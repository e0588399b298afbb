"""Lines to coloured segments."""

from __future__ import annotations

from collections.abc import Mapping

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style

from chatterm.tui.transcript.inline import Look
from chatterm.tui.transcript.layout import Line


class Palette:
    """The styles of looks by name, and what lies over selected text; one of them for one theme."""

    def __init__(self, styles: Mapping[str, Style], selection: Style) -> None:
        self._styles: dict[Look, Style] = {Look(name): style for name, style in styles.items()}
        self._selection: Style = selection

    def style(self, look: Look) -> Style:
        """The style of a look, whose name must be in the palette."""
        style = self._styles.get(look)
        if style is None:
            plain = self._styles[Look(look.name)]
            over = Style(bold=look.bold or None, italic=look.italic or None, strike=look.strike or None)
            style = self._styles[look] = plain + over
        return style

    def paint(
        self, line: Line, filled: int, width: int, selected: tuple[int, int] | None = None
    ) -> list[Segment]:
        """The line as segments of at least `width` cells; its own fill goes up to the column `filled`.

        `selected` is a range of its characters; the second is -1 for all the rest.
        """
        segments = [Segment(text, self.style(look)) for text, look in line.spans]
        if selected is not None:
            start, end = selected
            segments = self._select(segments, max(start, line.lead), end if end >= 0 else len(line.text))
        used = sum(cell_len(segment.text) for segment in segments)
        for column, fill in ((filled, line.fill), (width, "text")):
            if used < column:
                segments.append(Segment(" " * (column - used), self.style(Look(fill))))
                used = column
        return segments

    def _select(self, segments: list[Segment], start: int, end: int) -> list[Segment]:
        parts: list[Segment] = []
        at = 0
        for text, style, _ in segments:
            first, last = max(start - at, 0), max(end - at, 0)
            under = (style or Style.null()) + self._selection
            for piece, look in ((text[:first], style), (text[first:last], under)):
                if piece:
                    parts.append(Segment(piece, look))
            if rest := text[max(first, last) :]:
                parts.append(Segment(rest, style))
            at += len(text)
        return parts
