"""Bracketed paste taken out of the key stream before it is parsed character by character."""

from __future__ import annotations

import io
from collections.abc import Iterator

from textual import events
from textual._xterm_parser import BRACKETED_PASTE_END, BRACKETED_PASTE_START, XTermParser
from textual.message import Message


class PasteReader:
    """Feeds a Textual key parser and answers with its messages, pastes handled apart.

    The parser spends about a microsecond on each character, which for a paste of 10 MB is ten seconds of
    work beside the screen; here a paste costs a search. Markers may be split between reads anywhere.
    """

    def __init__(self, parser: XTermParser) -> None:
        self._parser = parser
        self._paste: io.StringIO | None = None
        self._tail = ""

    def feed(self, text: str) -> Iterator[Message]:
        """The messages that `text`, the next piece of input, completes."""
        while text:
            marker = BRACKETED_PASTE_START if self._paste is None else BRACKETED_PASTE_END
            window = self._tail + text
            found = window.find(marker)
            if found < 0:
                self._tail = window[-(len(marker) - 1) :]
                yield from self._take(text)
                return
            cut = found + len(marker) - len(self._tail)
            self._tail = ""
            yield from self._take(text[:cut])
            text = text[cut:]
            yield from self._switch()

    def tick(self) -> Iterator[Message]:
        """The messages that the time passed completes: a lone Esc."""
        yield from self._parser.tick()

    def _take(self, text: str) -> Iterator[Message]:
        if self._paste is None:
            yield from self._parser.feed(text)
        else:
            self._paste.write(text)

    def _switch(self) -> Iterator[Message]:
        if self._paste is None:
            self._paste = io.StringIO(newline="")
            return
        pasted = self._paste.getvalue().removesuffix(BRACKETED_PASTE_END)
        self._paste = None
        # The parser saw the start marker and must see the end; the empty paste it makes of them is dropped.
        for message in self._parser.feed(BRACKETED_PASTE_END):
            if not isinstance(message, events.Paste):
                yield message
        # NUL is what some terminals add for keys held down while pasting; Textual drops it too.
        yield events.Paste(pasted.replace("\x00", ""))
