"""Documents for the transcript's tests: entries, and what they look like."""

from __future__ import annotations

from chatterm.tui.transcript.document import Address, Document
from chatterm.tui.transcript.entries import Entry, Role, Status
from chatterm.tui.transcript.viewport import Viewport


def entry(
    number: int | str,
    text: str = "text",
    role: Role = "assistant",
    status: Status = "done",
    *,
    thinking: str = "",
    figures: str = "",
) -> Entry:
    """An entry with this id."""
    return Entry(id=str(number), role=role, text=text, status=status, thinking=thinking, figures=figures)


def document(*entries: Entry, width: int = 40) -> Document:
    """A document of these entries."""
    made = Document(width)
    made.set_entries(entries)
    return made


def addresses(made: Document) -> list[Address]:
    """Those of all lines, which are laid out for it."""
    return [
        (place, segment, number)
        for place in range(len(made))
        for segment in range(made.segments(place))
        for number in range(made.height(place, segment))
    ]


def texts(made: Document) -> list[str]:
    """All lines."""
    return [made.line(address).text.rstrip() for address in addresses(made)]


def height(made: Document, place: int) -> int:
    """The lines of an entry."""
    return sum(made.height(place, segment) for segment in range(made.segments(place)))


def in_view(viewport: Viewport) -> list[str]:
    """The lines in view."""
    return [viewport.document.line(row).text.rstrip() for row in viewport.rows]
