"""The prompt: where the user writes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Literal

from rich.text import Text
from textual import events
from textual.content import Content
from textual.message import Message
from textual.strip import Strip
from textual.widgets import TextArea

from chatterm.core.clean import clean, is_clean, well_formed
from chatterm.tui.commands import COMMANDS, Command
from chatterm.tui.widgets.folded_text import FoldedText
from chatterm.tui.widgets.prompt_history import PromptHistory

_EDITING_KEYS = (
    ("left", "cursor_left"),
    ("right", "cursor_right"),
    ("ctrl+left,alt+b", "cursor_word_left"),
    ("ctrl+right,alt+f", "cursor_word_right"),
    ("ctrl+a", "cursor_line_start"),
    ("ctrl+e", "cursor_line_end"),
    ("home", "cursor_line_start"),
    ("end", "cursor_line_end"),
    ("up", "cursor_up"),
    ("down", "cursor_down"),
    ("shift+up", "cursor_up(True)"),
    ("shift+down", "cursor_down(True)"),
    ("shift+left", "cursor_left(True)"),
    ("shift+right", "cursor_right(True)"),
    ("shift+home", "cursor_line_start(True)"),
    ("shift+end", "cursor_line_end(True)"),
    ("ctrl+shift+left", "cursor_word_left(True)"),
    ("ctrl+shift+right", "cursor_word_right(True)"),
    ("backspace", "delete_left"),
    ("delete", "delete_right"),
    ("ctrl+w,ctrl+backspace,alt+backspace", "delete_word_left"),
    ("alt+d,alt+delete", "delete_word_right"),
    ("ctrl+u", "delete_to_start_of_line"),
    ("ctrl+k", "delete_to_end_of_line_or_delete_line"),
    ("ctrl+x", "cut"),
    ("ctrl+v", "paste"),
    ("ctrl+underscore", "undo"),
    ("ctrl+y", "redo"),
)
_EDITS = {key: action for keys, action in _EDITING_KEYS for key in keys.split(",")}

SHARED_KEYS = frozenset({"home", "end", "shift+up", "shift+down"})
"""Keys that edit the text while there is one, and belong to the application else."""


class Composer(TextArea, inherit_bindings=False):
    """A multi-line prompt of 1 to 12 rows with the history of prompts.

    Its keys come from the commands of scope "prompt". Every key that edits no text goes on to the screen:
    Home, End, Shift+Up and Shift+Down do while the prompt is empty. A text too long to edit at ease is shown
    folded and sent whole. What it gives out is well-formed and otherwise as typed.
    """

    DEFAULT_CSS = """
    Composer {
        height: auto; min-height: 1; max-height: 12; padding: 0 1; border: none;
        background: $background; color: $foreground;
        &:focus { border: none; }
        & .text-area--cursor-line { background: $background; }
        & .text-area--placeholder { color: $chatterm-dim; }
        & .text-area--selection { background: $chatterm-selection; }
    }
    """

    class Submitted(Message):
        """The user sends `text`; "" is the send key in a blank prompt. The prompt is empty again."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class TakeBackRequested(Message):
        """The user wants the last queued message back in the prompt."""

    class QuitRequested(Message):
        """The quit key was pressed in an empty prompt."""

    def __init__(
        self,
        commands: Iterable[Command] = COMMANDS,
        *,
        enter: Literal["send", "newline"] = "send",
        placeholder: str = "Ask anything · / for commands · @ for files",
        id: str | None = None,
    ) -> None:
        super().__init__(
            id=id,
            compact=True,
            highlight_cursor_line=False,
            placeholder=Content(placeholder),
            tab_behavior="focus",
        )
        self.has_queued = False
        """Whether a queued message can be taken back; kept up to date by the screen."""
        self.key_filters: list[Callable[[str], bool]] = []
        """Asked in turn before every key of the prompt's own; true means that the key is used up."""
        self.sent: list[str] = []
        """What was sent and not handed over yet: until then it is in no other place."""
        self._enter = enter
        self._folded = FoldedText()
        self._history = PromptHistory()
        self.set_commands(commands)

    def set_commands(self, commands: Iterable[Command]) -> None:
        """Use the prompt keys of this table, and leave all other keys in it to the application."""
        keys = [(key, command) for command in commands for key in command.keys]
        self._commands = {key: command.id for key, command in keys if command.scope == "prompt"}
        self._foreign = {key for key, command in keys if command.scope == "app"} - SHARED_KEYS

    def set_history(self, prompts: Sequence[str]) -> None:
        """The earlier prompts, oldest first."""
        self._history = PromptHistory([well_formed(prompt) for prompt in prompts])

    @property
    def text(self) -> str:
        """The whole text of the prompt, well-formed, folded parts unfolded."""
        return well_formed(self._folded.unfold(self.document.text))

    @text.setter
    def text(self, value: str) -> None:
        self.load(value)

    def load(self, text: str) -> None:
        """Replace what is in the prompt by `text`, the cursor after it."""
        self._history.rewind()
        self._show(text)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing at all in the prompt."""
        return self.document.end == (0, 0)

    def insert_text(self, text: str) -> None:
        """Put text at the cursor, as if pasted."""
        start, end = self.selection
        self.replace(
            self._folded.fold(_one_kind_of_newline(text)), start, end, maintain_selection_offset=False
        )

    async def on_key(self, event: events.Key) -> None:
        """Use the keys that edit and those of the prompt's own commands; all others go their usual way."""
        if any(takes(event.key) for takes in self.key_filters):
            _use_up(event)
            return
        command = self._commands.get(event.key)
        if command is not None and self._run(command):
            _use_up(event)
        elif (edit := self._edit(event.key)) is not None:
            # Bindings would be run too late: after the text that was typed behind this key, if that came at once.
            _use_up(event)
            await self.run_action(edit)
        elif event.key.startswith("alt+"):
            # Terminals send Alt and a letter as Esc and the letter, and Textual would type the letter.
            event.prevent_default()

    def _run(self, command: str) -> bool:
        match command:
            case "send":
                if self._enter == "newline":
                    self.insert_text("\n")
                else:
                    self._send()
            case "newline":
                self.insert_text("\n")
            case "history_previous":
                return self._previous()
            case "history_next":
                return self._next()
            case "quit_empty":
                self._quit_send_or_delete()
            case _:
                return False
        return True

    def _send(self) -> None:
        if self._continues_the_line():
            return
        text = self.text
        self.clear_draft()
        if not text.strip():
            self.post_message(self.Submitted(""))
            return
        self._history.add(text)
        self.sent.append(text)
        self.post_message(self.Submitted(text))

    def hand_over(self, text: str) -> bool:
        """Whether who got `Submitted` with this text shall send it: not if it became a draft meanwhile."""
        if text and not self.sent:
            return False
        del self.sent[: bool(text)]
        return True

    def clear_draft(self) -> None:
        """Empty the prompt; the undo key brings the text back."""
        self.clear()
        self._history.rewind()

    def _continues_the_line(self) -> bool:
        row, column = self.cursor_location
        at_backslash = column > 0 and self.document[row][column - 1] == "\\" and self.selection.is_empty
        if at_backslash and self.cursor_at_end_of_line:
            self.replace("\n", (row, column - 1), (row, column), maintain_selection_offset=False)
            return True
        return False

    def _quit_send_or_delete(self) -> None:
        if self.is_empty:
            self.post_message(self.QuitRequested())
        elif self._enter == "newline":
            self._send()
        else:
            self.action_delete_right()

    def _previous(self) -> bool:
        if not self._at_edge(-1):
            return False
        if self.has_queued:  # also with a draft: who sees "Up takes it back" would else send the prompt twice
            self.post_message(self.TakeBackRequested())
            return True
        text = self._history.previous(self.text)
        if text is not None:
            self._show(text)
            self.move_cursor((0, 0))
        return True

    def _next(self) -> bool:
        if self._history.is_at_end or not self._at_edge(1):
            return False
        text = self._history.next()
        if text is not None:
            self._show(text)
        return True

    def _at_edge(self, direction: int) -> bool:
        # Wrapped rows count: the cursor walks through what is seen before it leaves the text.
        if not self.selection.is_empty:
            return False
        row = self.wrapped_document.location_to_offset(self.cursor_location).y
        return row == (0 if direction < 0 else self.wrapped_document.height - 1)

    def _show(self, text: str) -> None:
        self.load_text(self._folded.fold(_one_kind_of_newline(text)))
        self.move_cursor(self.document.end)

    def _edit(self, key: str) -> str | None:
        """How this key edits the text; None where it does not, or belongs to the application."""
        is_foreign = key in self._foreign or (key in SHARED_KEYS and self.is_empty)
        return None if is_foreign else _EDITS.get(key)

    def on_paste(self, event: events.Paste) -> None:
        """Insert what was pasted, folded if it is long."""
        event.prevent_default()
        event.stop()
        self.insert_text(event.text)
        self.focus()

    def render_line(self, y: int) -> Strip:
        """One line; Textual calls this, and would fail to wrap the placeholder where there is no width."""
        return super().render_line(y) if self.content_size.width > 0 else Strip.blank(self.size.width)

    def get_line(self, line_index: int) -> Text:
        """A line as it is drawn: what could act on the terminal is shown as a picture; Textual calls this."""
        line = self.document.get_line(line_index)
        return Text(line if is_clean(line) else clean(line).replace("\n", " "), end="", no_wrap=True)


def _use_up(event: events.Key) -> None:
    event.stop()
    event.prevent_default()


def _one_kind_of_newline(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")
