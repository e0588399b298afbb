"""The prompts that wait, as entries after everything else in the transcript."""

from __future__ import annotations

from collections.abc import Iterable

from chatterm.backend.session import Prompt
from chatterm.config.model import InterfaceSettings
from chatterm.tui.bindings import key_name
from chatterm.tui.commands import Command
from chatterm.tui.transcript.transcript import Transcript
from chatterm.tui.turn_text import queued_entry


class QueueView:
    """Keeps the entries of waiting prompts in step with the queue."""

    def __init__(self, commands: tuple[Command, ...], interface: InterfaceSettings) -> None:
        self._shown: list[str] = []
        back = f"{key_name(commands, 'history_previous')} takes it back"
        sends = f"{key_name(commands, 'send')} on the empty prompt sends it"
        if interface.enter == "newline":
            sends = "goes before your next message"
        self._queued, self._held = f"queued · {back}", f"held · {sends}, {back}"

    def forget(self) -> None:
        """The transcript was filled anew, so that nothing of the queue is in it."""
        self._shown.clear()

    def show(self, transcript: Transcript, prompts: Iterable[Prompt], *, held: bool = False) -> None:
        """Show these prompts in place of those shown before. `held`: they wait for the user, and for no reply."""
        for entry_id in self._shown:
            transcript.remove_entry(entry_id)
        state = self._held if held else self._queued
        entries = [queued_entry(number, prompt, state) for number, prompt in enumerate(prompts)]
        for entry in entries:
            transcript.append(entry)
        self._shown = [entry.id for entry in entries]
