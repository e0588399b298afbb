"""The forms in which ask writes a reply to stdout."""

from __future__ import annotations

import sys
import time
from typing import Protocol

from chatterm.cli.reply_text import ReplyText
from chatterm.cli.start_options import OutputForm
from chatterm.core.clean import StreamCleaner, clean
from chatterm.core.events import TurnEvent, TurnFinished


class Output(Protocol):
    """Turns the events of a turn into what is written. `is_mid_line`: a line of it is not at its end yet."""

    is_mid_line: bool

    def feed(self, event: TurnEvent) -> None:
        """Take in an event."""
        ...

    def take(self) -> bytes:
        """What is to be written since the last time."""
        ...


def output_for(form: OutputForm, *, only_code: bool = False) -> Output:
    """The output in this form, or of the code alone."""
    if only_code:
        return CodeOutput()
    match form:
        case OutputForm.TEXT:
            return TextOutput()
        case OutputForm.JSON:
            return ReportOutput()
        case OutputForm.JSONL:
            return LinesOutput()


class TextOutput:
    """The text as it comes: cleaned for a terminal, as it is for a pipe. A last line is ended."""

    def __init__(self) -> None:
        self.is_mid_line = False
        self._reply = ReplyText()
        self._cleaner = StreamCleaner() if sys.stdout.isatty() else None
        self._pieces: list[str] = []
        self._ends_line = True

    def feed(self, event: TurnEvent) -> None:
        """Take in an event."""
        if text := self._reply.feed(event):
            self._pieces.append(self._cleaner.feed(text) if self._cleaner else text)
            self._ends_line = text.endswith("\n")
        if isinstance(event, TurnFinished):
            self._pieces.append(self._cleaner.finish() if self._cleaner else "")
            self._pieces.append("" if self._ends_line else "\n")

    def take(self) -> bytes:
        """What is to be written since the last time."""
        text = "".join(self._pieces)
        self._pieces.clear()
        if text:
            self.is_mid_line = not text.endswith("\n")
        return text.encode(sys.stdout.encoding, "replace")


class CodeOutput:
    """The code blocks of the reply at its end, a blank line between them; `found` is whether there are any."""

    is_mid_line = False

    def __init__(self) -> None:
        self.found = False
        self._data = b""

    def feed(self, event: TurnEvent) -> None:
        """Take in an event."""
        if isinstance(event, TurnFinished):
            from chatterm.backend.export import code_blocks

            blocks = [block for block in code_blocks(event.turn.reply.text) if block.strip()]
            self.found = bool(blocks)
            text = "\n\n".join(blocks) + "\n" if blocks else ""
            text = clean(text) if sys.stdout.isatty() else text
            self._data = text.encode(sys.stdout.encoding, "replace")

    def take(self) -> bytes:
        """What is to be written since the last time."""
        data, self._data = self._data, b""
        return data


class ReportOutput:
    """One object of JSON at the end."""

    is_mid_line = False

    def __init__(self) -> None:
        self._data = b""

    def feed(self, event: TurnEvent) -> None:
        """Take in an event."""
        if isinstance(event, TurnFinished):
            from chatterm.backend.event_lines import encoded
            from chatterm.backend.event_records import turn_report

            self._data = encoded([turn_report(event)])

    def take(self) -> bytes:
        """What is to be written since the last time."""
        data, self._data = self._data, b""
        return data


class LinesOutput:
    """A line of JSON for each event."""

    is_mid_line = False

    def __init__(self) -> None:
        from chatterm.backend.event_lines import EventLines

        self._lines = EventLines(time.monotonic())

    def feed(self, event: TurnEvent) -> None:
        """Take in an event."""
        self._lines.add(event, time.monotonic())

    def take(self) -> bytes:
        """What is to be written since the last time."""
        return self._lines.take()
