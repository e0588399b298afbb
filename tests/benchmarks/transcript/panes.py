"""What is measured: the transcript, Textual's own Markdown widgets, and no conversation at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol

from textual.containers import VerticalScroll
from textual.widget import Widget
from textual.widgets import Markdown, Static
from textual.widgets.markdown import MarkdownStream

from chatterm.tui.transcript.entries import Entry
from chatterm.tui.transcript.transcript import Transcript
from tests.benchmarks.transcript.opening import open_conversation, prepare


class Pane(Protocol):
    """A conversation with one reply that may be growing."""

    @property
    def widget(self) -> Widget:
        """What shows it."""
        ...

    async def prepare(self, messages: Iterable[tuple[str, str]]) -> Any:
        """What `show` takes; its cost does not count."""
        ...

    async def show(self, prepared: Any) -> None:
        """Show these messages and no others, from the end."""
        ...

    async def begin(self) -> None:
        """Begin an empty reply."""
        ...

    async def write(self, text: str) -> None:
        """Add to it."""
        ...

    async def end(self) -> None:
        """The reply is complete."""
        ...

    def page(self, direction: int) -> None:
        """Scroll a page up (-1) or down (1)."""
        ...


class TranscriptPane:
    """Ours."""

    def __init__(self) -> None:
        self.widget = Transcript()
        self._replies = 0
        self._texts: list[str] = []

    async def prepare(self, messages: Iterable[tuple[str, str]]) -> Any:
        return await prepare(messages)

    async def show(self, prepared: Any) -> None:
        await open_conversation(self.widget, prepared)

    async def begin(self) -> None:
        self._replies += 1
        self._texts.clear()
        self.widget.begin_live(self._entry("live"))

    async def write(self, text: str) -> None:
        self._texts.append(text)
        self.widget.write(text)

    async def end(self) -> None:
        self.widget.end_live(self._entry("done"))

    def page(self, direction: int) -> None:
        if direction < 0:
            self.widget.page_up()
        else:
            self.widget.page_down()

    def _entry(self, status: Any) -> Entry:
        return Entry(id=f"live-{self._replies}", role="assistant", text="".join(self._texts), status=status)


class StockPane:
    """A Markdown widget per message, and a MarkdownStream for the one that grows."""

    def __init__(self) -> None:
        self.widget = VerticalScroll()
        self._stream: MarkdownStream | None = None

    async def prepare(self, messages: Iterable[tuple[str, str]]) -> Any:
        return [text for _, text in messages]

    async def show(self, prepared: Any) -> None:
        await self.widget.remove_children()
        await self.widget.mount_all([Markdown(text) for text in prepared])
        self.widget.anchor()

    async def begin(self) -> None:
        markdown = Markdown()
        await self.widget.mount(markdown)
        self.widget.anchor()
        self._stream = Markdown.get_stream(markdown)

    async def write(self, text: str) -> None:
        assert self._stream is not None
        await self._stream.write(text)

    async def end(self) -> None:
        assert self._stream is not None
        await self._stream.stop()

    def page(self, direction: int) -> None:
        if direction < 0:
            self.widget.scroll_page_up(animate=False)
        else:
            self.widget.scroll_page_down(animate=False)


class NoPane:
    """Nothing but the line to type in."""

    def __init__(self) -> None:
        self.widget = Static()

    async def prepare(self, messages: Iterable[tuple[str, str]]) -> Any:
        return None

    async def show(self, prepared: Any) -> None:
        pass

    async def begin(self) -> None:
        pass

    async def write(self, text: str) -> None:
        pass

    async def end(self) -> None:
        pass

    def page(self, direction: int) -> None:
        pass


PANES: dict[str, Callable[[], Pane]] = {"chatterm": TranscriptPane, "stock": StockPane, "bare": NoPane}
"""By the name of what is measured."""
