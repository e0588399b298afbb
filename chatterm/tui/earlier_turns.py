"""What was said before the turns of a session, for the transcript to read when it is looked at."""

from __future__ import annotations

from collections.abc import Sequence

from chatterm.backend.past import Past
from chatterm.tui.transcript.earlier_view import Earlier
from chatterm.tui.transcript.entries import Entry
from chatterm.tui.transcript.entry_list import Extent
from chatterm.tui.turn_text import entries_of


def earlier_entries(past: Past | None, again_key: str) -> Earlier | None:
    """The entries of the past, two for each turn; None where there is no past."""
    if past is None:
        return None

    async def read(first: int, count: int) -> Sequence[Entry]:
        found: dict[int, Entry] = {}
        for placed in await past.turns(first, count):
            found |= enumerate(entries_of(placed.turn, again_key), placed.position)
        # A turn that was withdrawn has its places, and nothing to show in them.
        return [found.get(place) or _nothing(place) for place in range(first, first + count)]

    extents: list[Extent] = []
    for run in past.outline:
        extents += [Extent(run.chars // run.count, run.lines // run.count)] * run.count
    return Earlier(extents, read)


def _nothing(place: int) -> Entry:
    return Entry(id=f"nothing-{place}", role="notice")
