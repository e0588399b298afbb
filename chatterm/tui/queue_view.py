"""The prompts that wait, as entries after everything else in the transcript."""

from __future__ import annotations

from collections.abc import Iterable

from chatterm.backend.session import Prompt
from chatterm.tui.transcript.transcript import Transcript
from chatterm.tui.turn_text import queued_entry


class QueueView:
    """Keeps the entries of waiting prompts in step with the queue."""

    def __init__(self) -> None:
        self._shown: list[str] = []

    def forget(self) -> None:
        """The transcript was filled anew, so that nothing of the queue is in it."""
        self._shown.clear()

    def show(self, transcript: Transcript, prompts: Iterable[Prompt]) -> None:
        """Show these prompts in place of those shown before."""
        for entry_id in self._shown:
            transcript.remove_entry(entry_id)
        entries = [queued_entry(number, prompt) for number, prompt in enumerate(prompts)]
        for entry in entries:
            transcript.append(entry)
        self._shown = [entry.id for entry in entries]
