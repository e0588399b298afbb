"""One line over the end of the transcript, to find words in it."""

from __future__ import annotations

from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input, Static

from chatterm.tui.transcript.find_view import Tally

_ROOM_FOR_HINTS = 70


def tally_words(words: str, tally: Tally) -> str:
    """What was found of these words, in words; "" where nothing is looked for."""
    if not words:
        return ""
    if not tally.complete:
        so_far = f"{tally.total:,} so far" if tally.total else "searching"
        return f"{tally.total:,} found, not all could be read" if tally.failed else so_far
    if not tally.total:
        return "no match"
    if tally.number is None:
        return "1 match" if tally.total == 1 else f"{tally.total:,} matches"
    return f"{tally.number + 1:,} of {tally.total:,}"


class FindBar(Horizontal):
    """A line to type in, and how often that was found. It takes no room: it stands over the line above it.

    Enter and Down ask for the next match, Shift+Enter and Up for the one before; Esc closes.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "step(True)", show=False),
        # The console of Linux sends F15 for Shift+F3.
        Binding("shift+enter,up,shift+f3,f15", "step(False)", show=False),
        Binding("escape", "close", show=False),
    ]
    DEFAULT_CSS = """
    FindBar {
        overlay: screen; width: 1fr; height: 1; offset: 0 -1; padding: 0 1; background: $panel;
        & Static { width: auto; height: 1; color: $chatterm-dim; }
        & Input, & Input:focus { width: 1fr; height: 1; border: none; padding: 0; background: $panel; }
        & #found { color: $foreground; padding: 0 2 0 1; }
    }
    """

    class Changed(Message):
        """Other words are to be found."""

        def __init__(self, words: str) -> None:
            super().__init__()
            self.words: str = words

    class StepAsked(Message):
        """The next match is wanted, or the one before."""

        def __init__(self, *, forward: bool) -> None:
            super().__init__()
            self.forward: bool = forward

    class CloseAsked(Message):
        """The user is done."""

    def __init__(self, words: str, key: str) -> None:
        """`words` are there at first, and typed over; `key` is the one for the next match, as it is shown."""
        super().__init__()
        self._line: Input = Input(words, compact=True, select_on_focus=True)
        self._tally: Static = Static("", id="found", markup=False)
        self._key: str = key

    def compose(self) -> ComposeResult:
        """The line."""
        yield Static("find ", markup=False)
        yield self._line
        yield self._tally
        yield Static(f"{self._key} next · up previous · esc closes", id="keys", markup=False)

    @property
    def words(self) -> str:
        """What is typed."""
        return self._line.value

    @words.setter
    def words(self, words: str) -> None:
        self._line.value = words
        self.take_focus()

    def show_tally(self, tally: Tally) -> None:
        """Say how often the words were found."""
        self._tally.update(tally_words(self.words, tally))

    def take_focus(self) -> None:
        """Type here from now on."""
        self._line.focus()

    def on_mount(self) -> None:
        """The line takes the keys."""
        self.take_focus()

    def on_resize(self, event: events.Resize) -> None:
        """The keys are left out where there is no room for them."""
        self.query_one("#keys").display = event.size.width >= _ROOM_FOR_HINTS

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        event.stop()
        self.post_message(self.Changed(event.value))

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_step(True)

    def action_step(self, forward: bool) -> None:
        """Ask for another match."""
        self.post_message(self.StepAsked(forward=forward))

    def action_close(self) -> None:
        """Ask to be closed."""
        self.post_message(self.CloseAsked())
