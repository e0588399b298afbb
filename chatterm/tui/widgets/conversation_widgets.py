"""The widgets of a conversation and how they stand together; what they do is told by the class below this one."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical

from chatterm.config.model import InterfaceSettings
from chatterm.tui.bindings import key_name
from chatterm.tui.commands import Command
from chatterm.tui.transcript.transcript import Transcript
from chatterm.tui.widgets.completion import CompletionList
from chatterm.tui.widgets.composer import SHARED_KEYS, Composer
from chatterm.tui.widgets.new_text_badge import NewTextBadge
from chatterm.tui.widgets.notices import Notices


class ConversationWidgets(Vertical):
    """Transcript, notices, completion and prompt in a column."""

    DEFAULT_CSS = "ConversationWidgets { width: 1fr; height: 1fr; }"

    def __init__(self, commands: tuple[Command, ...], interface: InterfaceSettings) -> None:
        super().__init__()
        self._commands = commands
        self._interface = interface

    def compose(self) -> ComposeResult:
        interface = self._interface
        yield Transcript(reading_width=interface.reading_width, frames_per_second=interface.frames_per_second)
        yield NewTextBadge(key_name(self._commands, "bottom", but_not=SHARED_KEYS))
        yield Notices()
        yield CompletionList(self._commands)
        yield Composer(self._commands, enter=interface.enter)

    @property
    def transcript(self) -> Transcript:
        """The transcript of the session."""
        return self.query_one(Transcript)

    @property
    def composer(self) -> Composer:
        """The prompt."""
        return self.query_one(Composer)

    @property
    def completion(self) -> CompletionList:
        """What can be completed in the prompt."""
        return self.query_one(CompletionList)

    @property
    def notices(self) -> Notices:
        """Where short messages are shown."""
        return self.query_one(Notices)

    @on(Transcript.FollowingChanged)
    def _following_changed(self, event: Transcript.FollowingChanged) -> None:
        self.query_one(NewTextBadge).display &= not event.following

    @on(Transcript.ReadFailed)
    def _read_failed(self, event: Transcript.ReadFailed) -> None:
        self.notices.show_error(event.error)

    @on(Transcript.NewTextBelow)
    def _new_text_below(self) -> None:
        self.query_one(NewTextBadge).display = True
