"""The widgets of a conversation and how they stand together; what they do is told by the class below this one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Vertical

from chatterm.config.model import Settings
from chatterm.tui.bindings import key_name
from chatterm.tui.commands import Command
from chatterm.tui.consents import Consents
from chatterm.tui.transcript.entries import Entry
from chatterm.tui.transcript.transcript import Transcript
from chatterm.tui.widgets.completion import CompletionList
from chatterm.tui.widgets.composer import SHARED_KEYS, Composer
from chatterm.tui.widgets.new_text_badge import NewTextBadge
from chatterm.tui.widgets.notices import Notices

if TYPE_CHECKING:
    from chatterm.tui.widgets.consent_box import ConsentBox
    from chatterm.tui.widgets.find_bar import FindBar


class ConversationWidgets(Vertical):
    """Transcript, notices, completion and prompt in a column."""

    DEFAULT_CSS = """
    ConversationWidgets { width: 1fr; height: 1fr; }
    ConversationWidgets.-finding NewTextBadge { offset: 2 -2; }
    """

    def __init__(self, commands: tuple[Command, ...], settings: Settings) -> None:
        super().__init__()
        self._commands = commands
        self._interface = settings.interface
        self._find_bar: FindBar | None = None
        self._last_found: str = ""
        self.consents = Consents(self, keeps=settings.save)
        """What the user is asked before tools run."""

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

    def hold(self, entry_id: str, text: str) -> None:
        """Show a prompt that cannot be sent yet."""
        self.transcript.append(Entry(id=entry_id, role="user", text=text, label="queued", status="queued"))

    @on(Transcript.FollowingChanged)
    def _following_changed(self, event: Transcript.FollowingChanged) -> None:
        self.query_one(NewTextBadge).display &= not event.following

    @on(Transcript.ReadFailed)
    def _read_failed(self, event: Transcript.ReadFailed) -> None:
        self.notices.show_error(event.error)

    @on(Transcript.NewTextBelow)
    def _new_text_below(self) -> None:
        self.query_one(NewTextBadge).display = True

    @on(NewTextBadge.Chosen)
    def _badge_chosen(self) -> None:
        self.transcript.scroll_to_end()

    def on_resize(self) -> None:
        """A question has as much room as there is."""
        self.consents.fit()

    def on_consent_box_typed(self, event: ConsentBox.Typed) -> None:
        """Text came to a question that was meant for the prompt."""
        self.composer.insert_text(event.text)

    @on(Composer.Changed)
    def _typed(self) -> None:
        self.transcript.stop_walking()

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Who clicks into the prompt wants to type there."""
        if event.widget is self.composer:
            self.transcript.stop_walking()

    # ---- finding ----------------------------------------------------------------------------

    async def find(self, words: str = "") -> None:
        """Open the line to find words in, with the last ones if none are given; if it is open, find the next."""
        bar = self._find_bar
        if bar is not None and not words:
            bar.take_focus()
            self.transcript.find_next()
            return
        self.transcript.stop_walking()
        if bar is None:
            # Imported on use: the screen is there before anything that it does not show.
            from chatterm.tui.widgets.find_bar import FindBar

            bar = self._find_bar = FindBar(words or self._last_found, key_name(self._commands, "find"))
            self.add_class("-finding")
            await self.mount(bar, after=self.query_one(NewTextBadge))
        else:
            bar.words = words
        self.transcript.find(bar.words, goes=bool(words))

    def stop_finding(self) -> bool:
        """Close the line to find words in; the view stays. Whether it was open."""
        bar, self._find_bar = self._find_bar, None
        if bar is None:
            return False
        self._last_found = bar.words
        self.transcript.find("")
        self.remove_class("-finding")
        self.composer.focus()
        bar.remove()
        return True

    def on_find_bar_changed(self, event: FindBar.Changed) -> None:
        """Look for what is typed."""
        if self._find_bar is not None:
            self.transcript.find(event.words)
            self._show_tally()

    def on_find_bar_step_asked(self, event: FindBar.StepAsked) -> None:
        """Go to another match."""
        self.transcript.find_next(forward=event.forward)

    def on_find_bar_close_asked(self) -> None:
        """Back to the prompt."""
        self.stop_finding()

    @on(Transcript.FoundChanged)
    def _show_tally(self) -> None:
        if self._find_bar is not None:
            self._find_bar.show_tally(self.transcript.tally)
