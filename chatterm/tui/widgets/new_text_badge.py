"""The mark that says that there is new text below what is in view."""

from __future__ import annotations

from textual.message import Message
from textual.widgets import Static


class NewTextBadge(Static):
    """Stands over the end of the transcript and takes no room; hidden until it is displayed."""

    DEFAULT_CSS = """
    NewTextBadge {
        display: none; overlay: screen; width: auto; height: 1; padding: 0 1; offset: 2 -1;
        background: $panel; color: $accent;
    }
    """

    class Chosen(Message):
        """The mark was clicked."""

    def __init__(self, key: str) -> None:
        """`key` is the one that goes to the end, as it is shown."""
        super().__init__(f"↓ new text · {key} follows", markup=False)

    def on_click(self) -> None:
        """Tell that it was clicked."""
        self.post_message(self.Chosen())
