"""A box that shows where a link leads before anything is opened."""

from __future__ import annotations

from typing import ClassVar, Literal

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from chatterm.core.clean import clean_line

Choice = Literal["open", "copy"]
_MOST_CHARACTERS = 8000


class LinkBox(ModalScreen[Choice | None]):
    """Shows the target; Enter answers "open", c "copy", Esc `None`."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "choose('open')", "Open"),
        Binding("c,y", "choose('copy')", "Copy"),
        Binding("escape,q", "close", "Close"),
    ]
    DEFAULT_CSS = """
    LinkBox {
        align: center middle;
        & > Vertical {
            width: 90%; max-width: 100; height: auto; max-height: 90%;
            border: round $chatterm-border; border-title-color: $accent;
            border-subtitle-color: $chatterm-dim; background: $surface; padding: 0 1;
        }
        VerticalScroll { height: auto; max-height: 100%; }
        Static { text-style: bold; }
    }
    """

    def __init__(self, target: str, *, can_open: bool) -> None:
        """The target is outside text. Where nothing can be opened, Enter is said to copy too."""
        super().__init__()
        self._target = clean_line(target, _MOST_CHARACTERS)
        self._can_open = can_open

    def compose(self) -> ComposeResult:
        """The box."""
        with Vertical() as box, VerticalScroll():
            yield Static(Content(self._target), markup=False)
        box.border_title = Content("This link leads to")
        box.border_subtitle = Content(
            "enter opens · c copies · esc closes" if self._can_open else "enter copies · esc closes"
        )

    def on_mount(self) -> None:
        """The target takes the keys, so that a long one scrolls."""
        self.query_one(VerticalScroll).focus()

    def action_choose(self, choice: Choice) -> None:
        """Answer."""
        self.dismiss(choice)

    def action_close(self) -> None:
        """Answer with nothing."""
        self.dismiss(None)
