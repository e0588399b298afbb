"""A reply on its way to stdout, such that a reader who stands still never makes the program deaf."""

from __future__ import annotations

import os
import sys

from chatterm.backend.daemon_thread import in_daemon_thread
from chatterm.backend.turn_handle import TurnHandle
from chatterm.cli.border import tell
from chatterm.core.clean import StreamCleaner, clean_line
from chatterm.core.events import (
    ContextFitted,
    FellBack,
    GoneOn,
    ParameterRefused,
    RefusalDelta,
    RetryScheduled,
    Streamed,
    TextDelta,
    TurnEvent,
    TurnFinished,
)


async def print_reply(handle: TurnHandle) -> TurnFinished:
    """Print the text as it comes: cleaned for a terminal, as it is for a pipe. Gives the turn's last event.

    Raises OSError where stdout takes nothing any more. May be cancelled at any time: a write that waits for its
    reader is left behind, on a thread that the exit does not wait for.
    """
    cleaner = StreamCleaner() if sys.stdout.isatty() else None
    ends_line = True
    while batch := await handle.batch():
        for event in batch:
            if news := _news_of(event):
                tell(news, "")
        if text := "".join(map(_text_of, batch)):
            ends_line = text.endswith("\n")
            await _write(cleaner.feed(text) if cleaner else text)
        if isinstance(last := batch[-1], TurnFinished):
            await _write((cleaner.finish() if cleaner else "") + ("" if ends_line else "\n"))
            return last
    raise RuntimeError("a turn ended without its last event")


def _news_of(event: TurnEvent) -> str:
    """What is told beside the reply, on stderr: another try, another model, a parameter left out."""
    match event:
        case RetryScheduled(attempt=attempt, most=most, delay_seconds=delay, cause=cause):
            return clean_line(f"{cause} Again in {delay:.0f} s ({attempt} of {most}).", 400)
        case FellBack(model=model, to_provider=provider, to_model=other, why=why):
            return clean_line(f"{model}: {_ended(why)} {provider}/{other} is asked.", 400)
        case ContextFitted(left_out=count) if count:
            turns = "1 earlier turn was" if count == 1 else f"{count:,} earlier turns were"
            return f"{turns} left out: the model's context is full."
        case GoneOn(why):
            return clean_line(f"{_ended(why)} The reply is continued.", 300)
        case ParameterRefused(name, model):
            return clean_line(f"{model} does not take {name}; asked again without it.", 200)
        case _:
            return ""


def _ended(sentence: str) -> str:
    """What a server says often ends without a full stop; the next sentence must still be one."""
    return sentence if sentence.endswith((".", "?", "!", "…")) else f"{sentence}."


def _text_of(event: TurnEvent) -> str:
    match event:
        case Streamed(event=TextDelta(text) | RefusalDelta(text)):
            return text
        case _:
            return ""


async def _write(text: str) -> None:
    data = text.encode(sys.stdout.encoding, "replace")
    # Not through sys.stdout: a write that stands still would hold its lock, on which the exit waits.
    file = sys.stdout.fileno()

    def write() -> None:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(file, rest) :]

    if data:
        await in_daemon_thread(write, "chatterm-output")
