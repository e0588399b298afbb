"""The points in a turn at which it is stopped: what holds it there, and what there is to keep by then."""

from __future__ import annotations

import select
import socket
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import chain, repeat
from typing import Literal

from chatterm.core.events import (
    ConsentAsked,
    FellBack,
    RetryScheduled,
    StageChanged,
    Streamed,
    TextDelta,
    ThinkingDelta,
    ToolCallStarted,
    ToolFinished,
    ToolProgress,
    TurnEvent,
)
from chatterm.core.turn import Stage
from tests.doubles import server_replies as replies
from tests.doubles.dialects import Delta, Dialect
from tests.doubles.server_replies import Hang, Pause, Script, Send, WaitFor

Place = Literal["server", "busy", "silent", "full", "nowhere"]
Shown = Literal["", "text", "thinking"]
ToolKind = Literal["", "asks", "waits", "thread", "child", "quick"]

END = "end"
"""The gate behind which a reply that is being saved ends."""


@dataclass(frozen=True, slots=True)
class StopStage:
    """A point in a turn.

    `scripts` are the answers to the requests of the turn, in order, by who speaks and the run's marker. `after` is
    what the turn tells on its way there, in order: stages, and kinds of events. `place` says who is asked: the
    scripted server, it at an address that may be left in peace after several failures, one that leaves a TLS
    handshake alone, one that takes no connections, or a name that nobody finds. `shows` is what the marker is part of.
    `tool` is what the one tool does that the model may call: ask for consent, run in the loop, in a thread or as a
    command until it is stopped, or end at once. With `holds_store` the history takes nothing more once there is
    text. `closes` is whether a connection is under way that must be closed.
    """

    name: str
    scripts: Callable[[Dialect, str], list[Script]]
    after: tuple[Stage | type, ...]
    place: Place = "server"
    shows: Shown = ""
    tool: ToolKind = ""
    is_queued_behind: bool = False
    holds_store: bool = False
    closes: bool = True

    @property
    def is_complete(self) -> bool:
        """Whether the reply is all there, and the stop too late for it."""
        return self.holds_store

    def is_next(self, passed: int, event: TurnEvent) -> bool:
        """Whether the event is what comes after the first `passed` ones of `after`."""
        wanted = self.after[passed]
        if isinstance(wanted, Stage):
            return isinstance(event, StageChanged) and event.stage is wanted
        return isinstance(event.event if isinstance(event, Streamed) else event, wanted)


def _no_scripts(dialect: Dialect, marker: str) -> list[Script]:
    return []


def _silence(dialect: Dialect, marker: str) -> list[Script]:
    return [[Hang()]]


def _headers(dialect: Dialect, marker: str) -> list[Script]:
    return [[Send(dialect.head), Hang()]]


def held(dialect: Dialect, *deltas: Delta) -> Iterator[replies.Step]:
    """A reply that stops after these increments."""
    yield Send(dialect.head)
    yield from (Send(replies.chunk(frame)) for frame in dialect.frames(deltas))
    yield Hang()


def _thinking(dialect: Dialect, marker: str) -> list[Script]:
    return [held(dialect, ("thinking", f"{marker} "))]


def _resting(dialect: Dialect, marker: str) -> list[Script]:
    return [held(dialect, ("text", f"{marker} "))]


def _arguments(dialect: Dialect, marker: str) -> list[Script]:
    return [held(dialect, ("text", f"{marker} "), ("call", '{"path": "/some'))]


def _called(dialect: Dialect, marker: str) -> list[Script]:
    """The marker, and a call of the tool."""
    deltas: list[Delta] = [("text", f"{marker} "), ("call", '{"path": "/some"}'), ("end", "")]
    frames = [replies.chunk(frame) for frame in dialect.frames(deltas)]
    return [[Send(dialect.head + b"".join(frames) + replies.LAST_CHUNK)]]


def _called_and_silent(dialect: Dialect, marker: str) -> list[Script]:
    return [*_called(dialect, marker), [Hang()]]


def _called_and_told(dialect: Dialect, marker: str) -> list[Script]:
    return [*_called(dialect, marker), held(dialect, ("text", "It says "))]


def _flowing(dialect: Dialect, marker: str) -> list[Script]:
    """The marker, then a word every 5 ms for ever."""
    words: Iterable[Delta] = chain([("text", f"{marker} ")], repeat(("text", "word ")))
    return [_paced(dialect, dialect.frames(words))]


def _paced(dialect: Dialect, frames: Iterator[bytes]) -> Iterator[replies.Step]:
    yield Send(dialect.head)
    for frame in frames:
        yield Send(replies.chunk(frame))
        yield Pause(0.005)


def _refused(dialect: Dialect, marker: str) -> list[Script]:
    return [replies.whole({"error": {"message": "busy", "type": "overloaded_error"}}, status=503)]


def _unknown_first(dialect: Dialect, marker: str) -> list[Script]:
    return [replies.whole({"error": {"message": "no such model"}}, status=404), [Hang()]]


def _ending(dialect: Dialect, marker: str) -> list[Script]:
    """A reply that ends once the history takes nothing more."""
    return [_whole(dialect, marker)]


def _whole(dialect: Dialect, marker: str) -> Iterator[replies.Step]:
    frames = list(dialect.frames([("text", f"{marker} ")]))
    rest = list(dialect.frames([("text", f"{marker} "), ("end", "")]))[len(frames) :]
    yield Send(dialect.head + b"".join(map(replies.chunk, frames)))
    yield WaitFor(f"{END}-{marker}")
    yield Send(b"".join(map(replies.chunk, rest)) + replies.LAST_CHUNK)


STAGES = (
    StopStage("resolving", _no_scripts, (Stage.RESOLVING,), place="nowhere", closes=False),
    StopStage("connecting", _no_scripts, (Stage.CONNECTING,), place="full"),
    StopStage("TLS handshake", _no_scripts, (Stage.SECURING,), place="silent"),
    StopStage("waiting for headers", _silence, (Stage.WAITING,)),
    StopStage("waiting for the first event", _headers, (Stage.WAITING,)),
    StopStage("thinking", _thinking, (ThinkingDelta,), shows="thinking"),
    StopStage("text, flowing", _flowing, (TextDelta,), shows="text"),
    StopStage("text, at rest", _resting, (TextDelta,), shows="text"),
    StopStage("tool arguments", _arguments, (ToolCallStarted,), shows="text", tool="quick"),
    StopStage("consent", _called, (ConsentAsked,), shows="text", tool="asks", closes=False),
    StopStage("tool in the loop", _called, (ToolProgress,), shows="text", tool="waits", closes=False),
    StopStage("tool in a thread", _called, (ToolProgress,), shows="text", tool="thread", closes=False),
    StopStage("tool as a command", _called, (ToolProgress,), shows="text", tool="child", closes=False),
    StopStage(
        "between rounds", _called_and_silent, (ToolFinished, Stage.WAITING), shows="text", tool="quick"
    ),
    StopStage("text after a round", _called_and_told, (ToolFinished, TextDelta), shows="text", tool="quick"),
    StopStage("back-off", _refused, (RetryScheduled,), place="busy", closes=False),
    StopStage("fallback", _unknown_first, (FellBack, Stage.WAITING)),
    StopStage("a prompt queued behind", _resting, (TextDelta,), shows="text", is_queued_behind=True),
    StopStage("saving", _ending, (TextDelta, Stage.SAVING), shows="text", holds_store=True, closes=False),
)


@contextmanager
def full_listener() -> Generator[int]:
    """A port that leaves connections unanswered, because the queue of those waiting is full."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        while True:
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(address)
            if not select.select([], [waiting], [], 0.2)[1]:
                break
        yield address[1]
