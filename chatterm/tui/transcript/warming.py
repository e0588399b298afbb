"""Loads what the first reply needs, so that its first words do not wait for it."""

from __future__ import annotations

import time

from chatterm.tui.transcript.entries import Entry
from chatterm.tui.transcript.segments import Format, entry_segments, lay_out

LANGUAGES = ("python", "bash", "json", "javascript")
"""Lexers that are loaded at once; each other one when the first code in its language comes."""
_PAUSE_SECONDS = 0.02
_SAMPLE = "**a** `b` [c](https://example.org)\n\n- d\n\n| e |\n|---|\n| f |\n\n```\ng\n```\n"


def warm_up() -> None:
    """Imports the parser of Markdown and the usual lexers: about 200 ms, for a thread of its own."""
    form = Format(80)
    segments, references = entry_segments(Entry(id="sample", role="assistant", text=_SAMPLE), form)
    for segment in segments:
        lay_out(segment.contents, form, references)
    from chatterm.tui.transcript.highlight import warm

    for language in LANGUAGES:
        time.sleep(_PAUSE_SECONDS)  # the event loop comes first
        warm((language,))
