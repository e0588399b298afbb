"""Two boxes over the screen: one to read a text, one to type a line."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from chatterm.core.clean import clean, clean_line, well_formed


class TextBox(ModalScreen[None]):
    """Shows a text that scrolls: a help page, the list of keys. Esc, q or Enter closes it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,enter", "close", "Close"),
        Binding("j,down", "move(1)", "Down"),
        Binding("k,up", "move(-1)", "Up"),
    ]
    DEFAULT_CSS = """
    TextBox {
        align: center middle;
        & > Vertical {
            width: 90%; max-width: 100; height: auto; max-height: 90%;
            border: round $chatterm-border; background: $surface; padding: 0 1;
        }
        VerticalScroll { height: auto; max-height: 100%; }
    }
    """

    def __init__(self, title: str, text: str | Content) -> None:
        """A `str` is outside text and cleaned; a `Content` is taken as it is."""
        super().__init__()
        self._heading = clean_line(title)
        self._text = Content(clean(text)) if isinstance(text, str) else text

    def compose(self) -> ComposeResult:
        """The box."""
        with Vertical() as box, VerticalScroll():
            yield Static(self._text, markup=False)
        box.border_title = Content(self._heading)
        box.border_subtitle = Content("esc closes")

    def on_mount(self) -> None:
        """The text takes the keys."""
        self.query_one(VerticalScroll).focus()

    def action_close(self) -> None:
        """Back to the screen below."""
        self.dismiss(None)

    def action_move(self, lines: int) -> None:
        """Scroll by lines."""
        self.query_one(VerticalScroll).scroll_relative(y=lines, animate=False)


class InputBox(ModalScreen[str | None]):
    """Asks for one line; Enter answers with it, Esc with `None`."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "cancel", "Cancel")]
    DEFAULT_CSS = """
    InputBox {
        align: center middle;
        & > Vertical {
            width: 80%; max-width: 80; height: auto;
            border: round $chatterm-border; background: $surface; padding: 0 1;
        }
        Input { background: $surface; }
    }
    """

    def __init__(self, title: str, value: str = "") -> None:
        super().__init__()
        self._heading = clean_line(title)
        self._value = clean_line(value, 1000)

    def compose(self) -> ComposeResult:
        """The box."""
        with Vertical() as box:
            yield Input(self._value, select_on_focus=False, compact=True)
        box.border_title = Content(self._heading)
        box.border_subtitle = Content("enter accepts · esc cancels")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Answer with the line."""
        event.stop()
        self.dismiss(well_formed(event.value))

    def action_cancel(self) -> None:
        """Answer with nothing."""
        self.dismiss(None)
