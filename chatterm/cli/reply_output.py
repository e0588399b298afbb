"""A reply on its way to stdout, such that a reader who stands still never makes the program deaf."""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import suppress
from typing import Protocol

from chatterm.backend.daemon_thread import in_daemon_thread
from chatterm.backend.turn_handle import TurnHandle
from chatterm.cli.border import told
from chatterm.cli.outputs import Output
from chatterm.cli.reply_news import ReplyNews
from chatterm.core.events import ConsentAsked, TurnFinished
from chatterm.core.tools import Decision


class Consent(Protocol):
    """Finds out what the user decides of a tool call."""

    async def decide(self, asked: ConsentAsked) -> Decision:
        """The decision. May be cancelled."""
        ...


class Beside:
    """What goes to stderr while a reply goes to stdout, often to the same terminal."""

    def __init__(self, output: Output) -> None:
        self._output = output

    async def say(self, text: str) -> None:
        """Write the text, which must be clean, on a line of its own. One that nobody takes is lost."""
        if self._output.is_mid_line and sys.stdout.isatty() and sys.stderr.isatty():
            self._output.is_mid_line = False
            text = f"\n{text}"
        with suppress(OSError):
            await _write(sys.stderr.fileno(), text.encode(sys.stderr.encoding, "backslashreplace"))

    async def tell(self, message: str, hint: str = "") -> None:
        """Say it as `border.tell` does."""
        await self.say(f"{told(message, hint)}\n")


async def print_reply(handle: TurnHandle, output: Output, beside: Beside, consent: Consent) -> TurnFinished:
    """Write what the output makes of the turn as it comes, and ask what has to be asked. Gives the last event.

    Raises OSError where stdout takes nothing any more. May be cancelled at any time: a write that waits for its
    reader is left behind, on a thread that the exit does not wait for.
    """
    news = ReplyNews()
    while batch := await handle.batch():
        for event in batch:
            output.feed(event)
            line = news.of(event)
            if not line and not isinstance(event, ConsentAsked):
                continue
            await _write(sys.stdout.fileno(), output.take())
            if line:
                await beside.tell(line)
            if isinstance(event, ConsentAsked):
                await _decide(handle, event, consent)
        await _write(sys.stdout.fileno(), output.take())
        if isinstance(last := batch[-1], TurnFinished):
            return last
    raise RuntimeError("a turn ended without its last event")


async def _decide(handle: TurnHandle, asked: ConsentAsked, consent: Consent) -> None:
    """Answer for the user, unless the turn ends before."""
    question = asyncio.ensure_future(consent.decide(asked))
    ended = asyncio.ensure_future(handle.result())
    try:
        await asyncio.wait({question, ended}, return_when=asyncio.FIRST_COMPLETED)
        if question.done():
            handle.decide(asked.call.call_id, question.result())
    finally:
        question.cancel()
        ended.cancel()
        await asyncio.wait({question})


async def _write(file: int, data: bytes) -> None:
    # Not through sys.stdout: a write that stands still would hold its lock, on which the exit waits.
    def write() -> None:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(file, rest) :]

    if data:
        await in_daemon_thread(write, "chatterm-output")
