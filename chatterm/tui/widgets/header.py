"""The top row: the program, the conversation, the model."""

from __future__ import annotations

from textual.content import Content
from textual.widget import Widget

from chatterm.core.clean import clean_line


class HeaderBar(Widget):
    """`chatterm`, the title of the conversation, and `provider / model` at the right; the title gives way."""

    DEFAULT_CSS = """
    HeaderBar { height: 1; padding: 0 1; background: $panel; color: $foreground; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._title = ""
        self._model = ""
        self._note = ""

    def show_title(self, title: str) -> None:
        """Show the title of the conversation, which may be any text."""
        self._title = clean_line(title)
        self.refresh()

    def show_model(self, provider: str, model: str) -> None:
        """Show who answers; `model` may be empty while none is chosen."""
        self._model = clean_line(f"{provider} / {model}" if model else provider, 80)
        self.refresh()

    def show_note(self, note: str) -> None:
        """Show a word or two before the model, "" for none."""
        self._note = note
        self.refresh()

    def render(self) -> Content:
        """The row; Textual calls this."""
        width = self.size.width
        name = Content.styled("chatterm", "bold $accent")
        right = f"{self._note} · {self._model}" if self._note and self._model else self._model
        model = Content.styled(right, "$chatterm-dim").truncate(max(0, width - 10), ellipsis=True)
        room = width - name.cell_length - model.cell_length - 5
        title = Content(self._title).truncate(max(0, room), ellipsis=True) if room > 0 else Content("")
        gap = max(1, width - name.cell_length - title.cell_length - model.cell_length - 3)
        return Content.assemble(name, "   ", title, " " * gap, model)
