"""What is known of an entry that was looked at: its segments, as far as it is cut, and their heights."""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate

from chatterm.tui.transcript.entries import Entry
from chatterm.tui.transcript.parts import WHOLE, Part, parts_of, references_of, segments_of
from chatterm.tui.transcript.segments import Format, References, Segment


class Body:
    """An entry cut into segments: at once, or where it is long part by part.

    `heights` are those of all segments: estimates but for those in `exact`. `references` are the link definitions.
    """

    def __init__(self, entry: Entry, form: Format) -> None:
        self.exact: set[int] = set()
        self.references: References = {}
        self.heights: list[int] = []
        self._entry: Entry = entry
        self._form: Format = form
        self._parts: list[Part] = parts_of(entry, form)
        self._begins: list[int] = [0]
        self._cut: dict[int, list[Segment]] = {}
        self._is_kept: bool = False
        if self.is_long:
            self.references = references_of(entry)
            self._begins = [0, *accumulate([part.slots for part in self._parts[:-1]])]
            for part in self._parts:
                self.heights += [part.estimate(form.width), *[0] * (part.slots - 1)]
        else:
            self.heights = [segment.estimate(form.width) for segment in self._part(0)]

    @classmethod
    def live(cls, entry: Entry, form: Format, heights: list[int]) -> Body:
        """That of an entry which grows: only heights are known."""
        body = cls.__new__(cls)
        body.exact, body.references, body.heights = set(), {}, heights
        body._entry, body._form, body._parts, body._begins = entry, form, [WHOLE], [0]
        body._cut, body._is_kept = {}, True
        return body

    def end(self, entry: Entry, segments: list[Segment], references: References) -> None:
        """The entry grows no longer, and has these segments."""
        self._entry, self._cut, self.references = entry, {0: segments}, references
        del self.heights[len(segments) :]
        # Cut anew, a long one would have other segments than those that somebody is looking at.
        self._is_kept = len(parts_of(entry, self._form)) > 1

    @property
    def is_long(self) -> bool:
        """Whether it is cut part by part."""
        return self._parts[0] is not WHOLE

    @property
    def has_segments(self) -> bool:
        """Whether all segments are cut."""
        return len(self._cut) == len(self._parts)

    def forget(self) -> None:
        """Gives up the segments; they are cut anew when they are looked at."""
        if not self._is_kept:
            self._cut.clear()

    def lay(self, form: Format) -> None:
        """Estimates all heights for another width; what is not cut is measured by its size."""
        self._form = form
        self.exact.clear()
        for number, part in enumerate(self._parts):
            begin, segments = self._begins[number], self._cut.get(number)
            if segments is not None:
                heights = [segment.estimate(form.width) for segment in segments]
            else:
                heights = [part.estimate(form.width), *[0] * (part.slots - 1)]
            self.heights[begin : begin + len(heights)] = heights

    # ---- segments ---------------------------------------------------------------------------

    def segment(self, number: int) -> Segment:
        """The segment with this number. Raises `IndexError`."""
        part = self._number(number)
        return self._part(part)[number - self._begins[part]]

    def is_cut(self, segment: int) -> bool:
        """Whether the part that the segment is in is cut."""
        return self._number(segment) in self._cut

    def uncut(self, segment: int) -> tuple[str, int] | None:
        """The source of the part that begins with the segment, and the segment after it, where it is not cut.

        None too for the last part, and for one that begins or ends within a line.
        """
        number = self._number(segment)
        if number in self._cut or self._begins[number] != segment or number + 1 >= len(self._parts):
            return None
        part, after = self._parts[number], self._parts[number + 1]
        is_text = self._entry.role == "assistant" and self._entry.sections[part.section or 0].kind == "text"
        if not is_text or part.stretch.in_line or after.stretch.in_line:
            return None
        return self._source(part), self._begins[number + 1]

    def known(self) -> list[Segment | str]:
        """All segments; of a part that is not cut, its source for the first of them and "" for the others."""
        known: list[Segment | str] = []
        for number, part in enumerate(self._parts):
            segments = self._cut.get(number)
            known += [self._source(part), *[""] * (part.slots - 1)] if segments is None else segments
        return known

    def may_have_folds(self, segment: int) -> bool:
        """Whether the head of a fold may be in the segment."""
        number = self._number(segment)
        part = self._parts[number]
        if part.section is not None and self._entry.sections[part.section].kind == "text":
            return False
        return self._begins[number] == self.begin_of(part.section) and self.segment(segment).has_folds

    def find(self, line: int) -> tuple[int, int]:
        """The segment that a line is in, and the line in that; the last line for one past the end."""
        if self.is_long:
            self.segment(self._at(line)[0])
        return self._at(line)

    def section_at(self, segment: int) -> tuple[int | None, int]:
        """The section that a segment is in, and how many segments of it come before; None where all is one."""
        section = self._parts[self._number(segment)].section
        return section, segment - self.begin_of(section)

    def begin_of(self, section: int | None) -> int:
        """The first segment of a section."""
        return next(at for part, at in zip(self._parts, self._begins, strict=True) if part.section == section)

    def _at(self, line: int) -> tuple[int, int]:
        for segment, height in enumerate(self.heights):
            if line < height:
                return segment, line
            line -= height
        return len(self.heights) - 1, max(self.heights[-1] - 1, 0)

    def _number(self, segment: int) -> int:
        return bisect_right(self._begins, segment) - 1

    def _source(self, part: Part) -> str:
        entry, section = self._entry, part.section or 0
        text = entry.sections[section].text if entry.role == "assistant" else entry.text
        begin, end = part.stretch.begin, part.stretch.end
        after_blank = text[max(0, begin - 200) : begin].rstrip(" \t").endswith("\n\n")
        return "\n" * after_blank + text[begin:end]

    def _part(self, number: int) -> list[Segment]:
        if (segments := self._cut.get(number)) is not None:
            return segments
        part = self._parts[number]
        segments = self._cut[number] = segments_of(self._entry, part, self._form, self.references)
        begin = self._begins[number]
        end = begin + part.slots
        if part.slots and not any(at in self.exact for at in range(begin, end)):
            self.heights[begin:end] = [segment.estimate(self._form.width) for segment in segments]
        return segments
