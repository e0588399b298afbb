"""A long entry in parts that are cut into segments when somebody looks at them; others are one part."""

from __future__ import annotations

from typing import NamedTuple

from chatterm.tui.transcript.entries import Entry
from chatterm.tui.transcript.segments import (
    SEGMENT_CHARACTERS,
    SEGMENT_ROWS,
    Format,
    References,
    Segment,
    beneath,
    contents_of_entry,
    contents_of_text,
    grouped,
)
from chatterm.tui.transcript.stretches import Stretch, cut_markdown, cut_plain, defining, is_long

_ROOM = 2400
"""Characters that stand beneath a text, at most."""


class Part(NamedTuple):
    """Some consecutive contents of an entry, and in how many segments they are shown.

    `section` is the number of the section that it is in; None where the part is all of the entry.
    """

    section: int | None
    stretch: Stretch
    slots: int
    characters: int
    breaks: int
    is_last: bool = True

    def estimate(self, width: int) -> int:
        """A guess at the number of lines."""
        return self.breaks + self.characters // max(width, 1) + 1


WHOLE = Part(None, Stretch(0, 0), 0, 0, 0)
"""An entry that is cut at once."""


def parts_of(entry: Entry, form: Format) -> list[Part]:
    """The parts of an entry; one, of which nothing is known, where it is not long."""
    texts = [section.text for section in entry.sections] if entry.role == "assistant" else [entry.text]
    whole = [at for at, section in enumerate(entry.sections) if section.kind in ("tool", "note")]
    if not any([is_long(text) for at, text in enumerate(texts) if at not in whole]):
        return [WHOLE]
    parts: list[Part] = []
    for number, text in enumerate(texts):
        stretches = [Stretch(0, 0)]
        if number in whole:
            is_shown = entry.sections[number].kind == "note" or form.is_open(entry.id, number)
            stretches = [Stretch(0, len(text) if is_shown else 0)]
        elif entry.role == "assistant" and entry.sections[number].kind == "text":
            stretches = cut_markdown(text)
        elif entry.role != "assistant" or form.is_open(entry.id, number):
            stretches = cut_plain(text)
        for at, stretch in enumerate(stretches):
            size, breaks = stretch.end - stretch.begin, text.count("\n", stretch.begin, stretch.end)
            slots = 2 + (size + _ROOM) // SEGMENT_CHARACTERS + (2 * breaks + 8) // SEGMENT_ROWS
            is_last = number == len(texts) - 1 and at == len(stretches) - 1
            parts.append(Part(number, stretch, slots, size, breaks, is_last))
    return parts


def segments_of(entry: Entry, part: Part, form: Format, references: References) -> list[Segment]:
    """The segments of a part; `references` are added to where it is all of the entry.

    Where it has fewer than it has room for, the others show nothing: in the last part the first of them.
    """
    if part.section is None:
        return list(grouped(contents_of_entry(entry, form, references)))
    contents = list(contents_of_text(entry, part.section, form, {}, part.stretch))
    segments = list(grouped([*contents, *(beneath(entry) if part.is_last else ())]))
    if len(segments) > part.slots:
        over = segments[part.slots - 1 :]
        held = tuple(content for segment in over for content in segment.contents)
        joined = Segment(held, sum(each.size for each in over), sum(each.rows for each in over))
        return [*segments[: part.slots - 1], joined]
    empty = [Segment((), 0, 0)] * (part.slots - len(segments))
    return [*empty, *segments] if part.is_last else [*segments, *empty]


def references_of(entry: Entry) -> References:
    """The definitions of links in a long entry."""
    from chatterm.tui.transcript.scan import scan

    references: References = {}
    for section in entry.sections:
        for text in defining(section.text) if section.kind == "text" else ():
            for label, target in scan(text).references.items():
                references.setdefault(label, target)
    return references
