"""How a long conversation gets into the transcript: its end at once, the rest where it is looked at."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from chatterm.backend.past import TAIL_MESSAGES
from chatterm.tui.transcript.earlier_view import Earlier
from chatterm.tui.transcript.entries import Entry
from chatterm.tui.transcript.entry_list import Extent
from chatterm.tui.transcript.transcript import Transcript

_RUN = 2048
"""So many messages have one size in what the store tells of them before they are read."""

Prepared = tuple[list[Entry], list[Extent]]
"""What exists before the conversation is opened; making it is not measured. The store sums the sizes."""


async def prepare(messages: Iterable[tuple[str, str]]) -> Prepared:
    """The messages as they lie ready, and the sizes of those that are read when they are looked at."""
    entries = [
        Entry(id=f"message-{number}", role="user" if role == "user" else "assistant", text=text)
        for number, (role, text) in enumerate(messages)
    ]
    earlier = entries[: max(0, len(entries) - TAIL_MESSAGES)]
    extents: list[Extent] = []
    for at in range(0, len(earlier), _RUN):
        run = earlier[at : at + _RUN]
        characters = sum(entry.size for entry in run) // len(run)
        extents += [Extent(characters, characters // 80)] * len(run)
    return entries, extents


async def open_conversation(transcript: Transcript, prepared: Prepared) -> None:
    """Show them, from the end, as the program does; what this costs is what opening costs."""
    entries, extents = prepared

    async def read(place: int, count: int) -> Sequence[Entry]:
        return entries[place : place + count]

    transcript.set_entries(entries[len(extents) :], Earlier(extents, read))
