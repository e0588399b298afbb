"""A box that asks whether to do something unusual."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static


class QuestionBox(ModalScreen[bool]):
    """Shows a question; Enter answers True, Esc False."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,y", "answer(True)", "Yes"),
        Binding("escape,n,q", "answer(False)", "No"),
    ]
    DEFAULT_CSS = """
    QuestionBox {
        align: center middle;
        & > VerticalScroll {
            width: 90%; max-width: 70; height: auto; max-height: 90%;
            border: round $chatterm-border; border-title-color: $accent;
            border-subtitle-color: $chatterm-dim; background: $surface; padding: 0 1;
        }
    }
    """

    def __init__(self, title: str, question: str) -> None:
        super().__init__()
        self._title, self._question = title, question

    def compose(self) -> ComposeResult:
        """The box."""
        with VerticalScroll() as box:
            yield Static(Content(self._question), markup=False)
        box.border_title = Content(self._title)
        box.border_subtitle = Content("enter does it · esc leaves it")

    def on_mount(self) -> None:
        """The box takes the keys."""
        self.query_one(VerticalScroll).focus()

    def action_answer(self, answer: bool) -> None:
        """Answer."""
        self.dismiss(answer)
