"""How a long conversation gets into the transcript: the one place to change when it reads from the store."""

from __future__ import annotations

from collections.abc import Iterable

from chatterm.tui.transcript.entries import Entry
from chatterm.tui.transcript.transcript import Transcript

Prepared = list[Entry]
"""What exists before the conversation is opened; making it is not measured."""


async def prepare(messages: Iterable[tuple[str, str]]) -> Prepared:
    """The messages as they lie ready."""
    return [
        Entry(id=f"message-{number}", role="user" if role == "user" else "assistant", text=text)
        for number, (role, text) in enumerate(messages)
    ]


async def open_conversation(transcript: Transcript, prepared: Prepared) -> None:
    """Show them, from the end; what this costs is what opening costs."""
    transcript.set_entries(prepared)
