"""A box over the prompt that asks the user before something happens; nothing but a true yes is one."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from rich.cells import chop_cells
from rich.style import Style
from textual import events
from textual.content import Content
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from chatterm.core.tools import Decision
from chatterm.tui.transcript.lines import Line
from chatterm.tui.transcript.looks import TEXT, Look, Span
from chatterm.tui.transcript.paint import Palette

QUIET_SECONDS = 0.3
"""For so long after the box came into view, and after each key that was none for it, keys decide nothing."""

_SCROLL = {"up": -1, "down": 1}
_TO_THE_END = "↓ or space shows the rest"


@dataclass(frozen=True, slots=True)
class QuestionRow:
    """One row of a question: clean text on one line, however long."""

    text: str
    look: Look = TEXT


@dataclass(frozen=True, slots=True)
class Choice:
    """An answer: its key, what it is called, what it decides."""

    key: str
    words: str
    decision: Decision


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked. Of `choices` those that deny are always open, the others once the last row was shown."""

    title: str
    rows: tuple[QuestionRow, ...]
    choices: tuple[Choice, ...]


class ConsentBox(ScrollView, can_focus=True):
    """Shows one question whole, and gives `answer` what the user decides, once. Enter and Esc are a no.

    What is typed before the box was in view, or within 0.3 s after, was meant for the prompt: text goes there, and
    no other key does anything. `clock` and `typed_at` (when a key was typed, by the same clock) are for tests.
    """

    DEFAULT_CSS = """
    ConsentBox {
        height: 5; padding: 0 1; border: heavy $warning; background: $surface;
        border-title-color: $warning; border-title-style: bold; border-subtitle-color: $warning;
        overflow-x: hidden; overflow-y: auto; scrollbar-size-vertical: 1;
        &:focus { border: heavy $warning; }
    }
    """

    class Typed(Message):
        """Text came that was meant for the prompt."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    def __init__(
        self,
        question: Question,
        answer: Callable[[Decision], object],
        palette: Callable[[], Palette],
        *,
        clock: Callable[[], float] = time.monotonic,
        typed_at: Callable[[events.Event], float] = lambda event: event.time,
    ) -> None:
        super().__init__()
        self._question, self._answer, self._palette = question, answer, palette
        self._clock, self._typed_at = clock, typed_at
        self.shown_lines: list[tuple[str, Look]] = []
        """All lines of the question at this width, also those out of view."""
        self._quiet_until: float | None = None  # None: not in view yet
        self._stack = 0
        self._seen_to_end = False
        self._decided = False
        self.border_title = Content(question.title)

    # ---- showing -----------------------------------------------------------------------------

    def on_mount(self) -> None:
        """The box takes the keys."""
        self._stack = self.screen.stack_updates
        self.focus(scroll_visible=False)
        self._show_choices()

    def on_blur(self) -> None:
        """As long as the question is open its keys are the box's."""
        self.call_later(self._take_focus)

    def fit(self, size: Size) -> None:
        """Take no more than half of the room, of which `size` is all."""
        width = max(4, size.width - 5)  # border, padding, scroll bar
        self.shown_lines = [
            (part, row.look) for row in self._question.rows for part in _folded(row.text, width)
        ]
        self.styles.height = max(4, min(len(self.shown_lines) + 2, size.height // 2))
        self.virtual_size = Size(width, len(self.shown_lines))
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """One line of the question."""
        number = y + self.scroll_offset.y
        if self._quiet_until is None:
            self._quiet_until = self._clock() + QUIET_SECONDS
        if number >= len(self.shown_lines) - 1 and self.shown_lines and not self._seen_to_end:
            self._seen_to_end = True
            self.call_later(self._show_choices)
        text, look = self.shown_lines[number] if number < len(self.shown_lines) else ("", TEXT)
        palette, width = self._palette(), self.size.width
        strip = palette.strip(Span("", TEXT), Line((Span(text, look),)), 0, width)
        return strip.apply_style(Style(bgcolor=self.rich_style.bgcolor))

    def _show_choices(self) -> None:
        words = [
            f"{each.key} {each.words}"
            for each in self._question.choices
            if self._seen_to_end or each.decision is Decision.DENY
        ]
        rest = [] if self._seen_to_end else [_TO_THE_END]
        self.border_subtitle = Content(" · ".join([*words, *rest]))

    def _take_focus(self) -> None:
        if self.is_attached and not self._decided and self.screen.focused is not self:
            self.focus(scroll_visible=False)

    # ---- keys --------------------------------------------------------------------------------

    def on_key(self, event: events.Key) -> None:
        """Decide, scroll, or pass on."""
        own = event.key in ("enter", "escape", "tab", "shift+tab", "space", "home", "end")
        own = own or event.key in _SCROLL or event.key in ("pageup", "pagedown")
        if not own and not event.is_printable:
            return  # the application's
        event.stop()
        event.prevent_default()
        if not self._is_quiet(event):
            self._not_for_us(event)
        elif event.key in ("enter", "escape"):
            self._decide(Decision.DENY)
        elif own:
            self._scroll(event.key)
        elif (choice := self._choice(event.character)) is None:
            self._not_for_us(event)
        elif choice.decision is Decision.DENY or self._seen_to_end:
            self._decide(choice.decision)
        else:
            self._scroll("space")

    def on_paste(self, event: events.Paste) -> None:
        """Whatever was pasted is no answer."""
        event.stop()
        self._hold()
        self.post_message(self.Typed(event.text))

    def _is_quiet(self, event: events.Key) -> bool:
        """Whether the key can be meant for the box."""
        if self._stack != self.screen.stack_updates:  # another box lay over this one until now
            self._stack = self.screen.stack_updates
            self._hold()
        until = self._quiet_until
        return until is not None and min(self._clock(), self._typed_at(event)) >= until

    def _hold(self) -> None:
        if self._quiet_until is not None:
            self._quiet_until = self._clock() + QUIET_SECONDS

    def _not_for_us(self, event: events.Key) -> None:
        self._hold()
        if event.is_printable and event.character is not None:
            self.post_message(self.Typed(event.character))

    def _choice(self, character: str | None) -> Choice | None:
        return next((each for each in self._question.choices if each.key == character), None)

    def _scroll(self, key: str) -> None:
        page = max(1, self.size.height - 1)
        if key in ("home", "end"):
            (self.scroll_home if key == "home" else self.scroll_end)(animate=False)
            return
        lines = {"pageup": -page, "pagedown": page, "space": page}.get(key, _SCROLL.get(key, 0))
        self.scroll_relative(y=lines, animate=False)

    def _decide(self, decision: Decision) -> None:
        if not self._decided:
            self._decided = True
            self._answer(decision)


def _folded(text: str, width: int) -> list[str]:
    """The whole text in lines that fit, broken where they are full."""
    if text.isascii():
        return [text[at : at + width] for at in range(0, len(text), width)] or [""]
    return chop_cells(text, width) or [""]
