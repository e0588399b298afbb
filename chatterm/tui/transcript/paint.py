"""Lines to coloured strips."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from chatterm.tui.transcript.lines import Line
from chatterm.tui.transcript.looks import Look, Span

KEPT_STRIPS = 512
"""Painted lines that are kept: several screens of them."""


class Overlay(NamedTuple):
    """A style over the characters of a line from `start` up to `end`."""

    start: int
    end: int
    style: Style


class Palette:
    """The styles of looks by name; one of them for one theme."""

    def __init__(self, styles: Mapping[str, Style]) -> None:
        self._styles: dict[Look, Style] = {Look(name): style for name, style in styles.items()}
        self._strips: dict[tuple[int, Span, int, int], tuple[Line, Strip]] = {}

    def style(self, look: Look) -> Style:
        """The style of a look, whose name must be in the palette."""
        style = self._styles.get(look)
        if style is None:
            plain = self._styles[Look(look.name)]
            over = Style(bold=look.bold or None, italic=look.italic or None, strike=look.strike or None)
            style = self._styles[look] = plain + over
        return style

    def strip(
        self, gutter: Span, line: Line, filled: int, width: int, overlays: Sequence[Overlay] = ()
    ) -> Strip:
        """Gutter and line in `width` cells; the line's own fill goes up to the column `filled`.

        A line that was painted so before gives the same strip: Textual keeps with it what it sent to the terminal.
        """
        if overlays:
            return self._paint(gutter, line, filled, width, overlays)
        key = id(line), gutter, filled, width
        held = self._strips.get(key)
        if held is None:
            if len(self._strips) >= KEPT_STRIPS:
                self._strips.clear()
            # The line is held too, so that no other gets its identity.
            held = self._strips[key] = line, self._paint(gutter, line, filled, width, ())
        return held[1]

    def _paint(self, gutter: Span, line: Line, filled: int, width: int, overlays: Sequence[Overlay]) -> Strip:
        styles = self._styles
        segments = [Segment(text, styles.get(look) or self.style(look)) for text, look, _ in line.spans]
        for overlay in overlays:
            segments = _laid_over(segments, overlay)
        segments.insert(0, Segment(gutter.text, self.style(gutter.look)))
        used = 0
        for text, _, _ in segments:
            used += len(text) if text.isascii() else cell_len(text)
        if used < filled and line.fill != "text":
            segments.append(Segment(" " * (filled - used), self.style(Look(line.fill))))
            used = filled
        if used < width:
            segments.append(Segment(" " * (width - used), self.style(Look("text"))))
        return Strip(segments, max(used, width)).crop(0, width)


def _laid_over(segments: list[Segment], overlay: Overlay) -> list[Segment]:
    parts: list[Segment] = []
    at = 0
    for text, style, _ in segments:
        first, last = max(overlay.start - at, 0), max(overlay.end - at, 0)
        under = (style or Style.null()) + overlay.style
        for piece, look in ((text[:first], style), (text[first:last], under)):
            if piece:
                parts.append(Segment(piece, look))
        if rest := text[max(first, last) :]:
            parts.append(Segment(rest, style))
        at += len(text)
    return parts
