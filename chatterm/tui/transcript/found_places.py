"""Where the matches of an entry are shown, and which match is shown where."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from chatterm.tui.transcript.document import Address, Document
from chatterm.tui.transcript.entries import Entry
from chatterm.tui.transcript.find import Needle, RowText, row_text
from chatterm.tui.transcript.lines import Line
from chatterm.tui.transcript.pieces import Piece
from chatterm.tui.transcript.segments import Card, Content, Format, foot
from chatterm.tui.transcript.selection import Mark
from chatterm.tui.transcript.spots import Spot, spot_of

_ABOUT = ("fold", "spinner")
_HIDDEN = "\0"  # is in no clean text
_UNSEEN = re.compile(rf"\]\([^()\s]*\)|{_HIDDEN}[^{_HIDDEN}]*{_HIDDEN}")


class Shown(NamedTuple):
    """Where a match is shown in an entry: the segment, and the spots before and after it.

    The two are the same where it is not shown: then they are near to it.
    """

    segment: int
    start: Spot
    end: Spot


def searched_text(entry: Entry, form: Format) -> str:
    """The text of an entry in which words are looked for."""
    if entry.role != "assistant":
        return entry.text
    sections = enumerate(entry.sections)
    return "\n\n".join(
        [each.text for at, each in sections if not each.is_folded or form.is_open(entry.id, at)]
    )


def text_of(document: Document, place: int) -> str:
    """The text of an entry in which words are looked for; of a live one its text so far, without thinking."""
    entry, live = document.entries[place], document.live
    assert entry is not None
    if live is not None and live.entry.id == entry.id:
        return live.text
    return searched_text(entry, document.form)


def place_of(document: Document, place: int, number: int, count: int, needle: Needle) -> Shown:
    """Where the match with this number, of so many in the entry, is shown; one segment is laid out for it."""
    while (shown := _place_of(document, place, number, count, needle)) is None:
        pass
    return shown


def _place_of(document: Document, place: int, number: int, count: int, needle: Needle) -> Shown | None:
    """As `place_of`; None where something had to be cut for it that was not cut before."""
    sources = _sources(document, place, needle)
    counts = [source.count(needle.folded) for source in sources]
    if (total := sum(counts)) == 0:  # it goes over the edge of a piece
        down = _fraction(needle.fold(text_of(document, place)), number, needle)
        _, segment, line = document.find(document.heights.start(place) + int(document.heights[place] * down))
        return _line_in(document, place, segment, line)
    segment, inside = 0, number if total == count else number * total // count
    while inside >= counts[segment]:
        inside -= counts[segment]
        segment += 1
    was_cut = document.is_live(place) or document.body(place).is_cut(segment)
    document.height(place, segment)
    if not was_cut:
        return None
    if shown := list(_shown_in(document, place, segment, needle)):
        seen = _are_seen(sources[segment], needle)
        before, all_seen = sum(seen[:inside]), sum(seen)
        at = before if all_seen == len(shown) else before * len(shown) // max(all_seen, 1)
        return shown[min(at, len(shown) - 1)]
    down = _fraction(sources[segment], inside, needle)
    return _line_in(document, place, segment, int(document.height(place, segment) * down))


def number_from(document: Document, mark: Mark, count: int, needle: Needle) -> int:
    """The number of the first match of an entry, of so many, that is shown at the mark or after it."""
    place, segment, spot = mark
    sources = _sources(document, place, needle)
    counts = [source.count(needle.folded) for source in sources]
    segment = min(segment, len(counts) - 1)
    document.height(place, segment)
    shown = list(_shown_in(document, place, segment, needle))
    seen = [at for at, is_seen in enumerate(_are_seen(sources[segment], needle)) if is_seen]
    passed = sum(each.start < spot for each in shown)
    if shown and len(shown) != len(seen):
        passed = passed * len(seen) // len(shown)
    inside = seen[passed] if passed < len(seen) else counts[segment]
    total, number = sum(counts), sum(counts[:segment]) + inside
    return number if total == count else -(-number * count // max(total, 1))


def found_in_row(
    document: Document, address: Address, needle: Needle
) -> tuple[RowText, list[tuple[int, int]]]:
    """The row that a line is in, and where in its text the matches are."""
    place, segment, number = address
    lines = document.lines(place, segment)
    row = row_text(lines, number)
    if _is_about(document, place, segment, lines, row):
        return row, []
    return row, needle.all_in(row.text)


def _shown_in(document: Document, place: int, segment: int, needle: Needle) -> Iterator[Shown]:
    lines = document.lines(place, segment)
    for row in _rows_in(document, place, segment):
        begin = spot_of(lines, row.first)
        for start, end in needle.all_in(row.text):
            yield Shown(segment, begin._replace(char=start), begin._replace(char=end))


def _rows_in(document: Document, place: int, segment: int) -> Iterator[RowText]:
    """The rows of a segment that are searched."""
    lines, number = document.lines(place, segment), 0
    while number < len(lines):
        row = row_text(lines, number)
        if not _is_about(document, place, segment, lines, row):
            yield row
        number = row.stop


def _is_about(document: Document, place: int, segment: int, lines: list[Line], row: RowText) -> bool:
    """Whether a row tells about an entry: the head of a fold, attachments, how it ended, its figures."""
    spans = lines[row.first].spans
    if spans and spans[0].look.name in _ABOUT:
        return True
    entry = document.entries[place]
    if entry is None or segment < document.segments(place) - 1:
        return entry is None
    below = sum(line.join is None for line in lines[row.stop :])
    return below < _rows_below(entry)


def _rows_below(entry: Entry) -> int:
    """How many rows are beneath the text of an entry, the blank one included."""
    if entry.role == "assistant":
        return sum(1 for _ in foot(entry)) + 1
    return 1 + (entry.role == "user" and bool(entry.label))


def _sources(document: Document, place: int, needle: Needle) -> list[str]:
    """The source of each segment of an entry, folded; of the open one of a live entry, what it shows."""
    entry, live = document.entries[place], document.live
    assert entry is not None
    if live is not None and live.entry.id == entry.id:
        closed = [_source(segment.contents) for segment in live.closed]
        rows = [row.text for row in _rows_in(document, place, len(closed))]
        return [needle.fold(each) for each in (*closed, "\n".join(rows))]
    left, sources = _rows_below(entry), list[str]()
    for known in reversed(document.body(place).known()):
        if isinstance(known, str):
            sources.append(needle.fold(known))
            continue
        dropped = min(left, len(known.contents))
        left -= dropped
        sources.append(needle.fold(_source(known.contents[: len(known.contents) - dropped])))
    return sources[::-1]


def _source(contents: Sequence[Content]) -> str:
    parts: list[str] = []
    for content in contents:
        if isinstance(content, Piece):
            opening = f"\n{_HIDDEN}{content.opening}{_HIDDEN}" if content.opening else ""
            parts += (opening, "" if content.continues else "\n", content.source)
        elif isinstance(content, Card):
            parts.append(_source(content.rows))
        elif not content.spans or content.spans[0].look.name not in _ABOUT:
            parts += (
                "\n" if content.join is None else content.join,
                "".join([span.text for span in content.spans]),
            )
    return "".join(parts)


def _are_seen(folded: str, needle: Needle) -> list[bool]:
    """For each match in the source of a segment, whether it is shown: not where a link leads, nor what opens a
    code block."""
    hidden = [found.span() for found in _UNSEEN.finditer(folded)]
    seen: list[bool] = []
    at = folded.find(needle.folded)
    while at >= 0:
        seen.append(not any(start < at + len(needle.folded) and at < end for start, end in hidden))
        at = folded.find(needle.folded, at + len(needle.folded))
    return seen


def _fraction(folded: str, number: int, needle: Needle) -> float:
    """How far down in the text the match with this number is, from 0 to 1."""
    at = folded.find(needle.folded)
    for _ in range(number):
        at = folded.find(needle.folded, at + len(needle.folded))
    return max(at, 0) / max(len(folded), 1)


def _line_in(document: Document, place: int, segment: int, number: int) -> Shown:
    document.height(place, segment)
    lines = document.lines(place, segment)
    spot = spot_of(lines, min(number, len(lines) - 1))
    return Shown(segment, spot, spot)
