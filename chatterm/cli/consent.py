"""Asks on the terminal what a tool may do, and says no where nobody can be asked.

The answer is a line: the terminal stays as it is, so that Ctrl+C, Ctrl+Z and a crash need no care. What was typed
before the question, or too soon after it for anybody to have read it, is thrown away.
"""

from __future__ import annotations

import asyncio
import os
import sys
import termios
import unicodedata
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

from chatterm.core.clean import clean_line, visible
from chatterm.core.events import ConsentAsked
from chatterm.core.lookalikes import look_alikes
from chatterm.core.tools import Access, Decision

if TYPE_CHECKING:
    from chatterm.backend.tools.mcp.values import McpStartRequest

PAUSE_SECONDS = 0.3
"""How long after a question was shown whatever is typed is no answer to it."""

USUAL_COLUMNS = 80
_GUTTER = "  | "
_WORDS = {"read": "read", "write": "write", "run": "run", "fetch": "fetch from", "call": "call"}
_YES = {"y": Decision.ONCE, "yes": Decision.ONCE}
_CONVERSATION = {"c": Decision.CONVERSATION}
_ALWAYS = {"a": Decision.ALWAYS, "always": Decision.ALWAYS}


class Voice(Protocol):
    """The way to stderr; see `Beside`."""

    async def say(self, text: str) -> None: ...
    async def tell(self, message: str, hint: str = "") -> None: ...


class Questions:
    """Asks one question at a time. `keeps` is whether a lasting answer outlives the program, `pause` sleeps."""

    def __init__(
        self, voice: Voice, *, keeps: bool, pause: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._voice, self._keeps, self._pause = voice, keeps, pause
        self._one_at_a_time = asyncio.Lock()

    async def decide(self, asked: ConsentAsked) -> Decision:
        """What the user says to the call; no where that is not a clear yes."""
        access = asked.access
        if not can_ask():
            await self._voice.tell(self._refusal(asked))
            return Decision.DENY
        if access.kind == "rounds":
            title = f"The model called tools {visible(access.target)} times."
            answer = await self._ask([title], "Go on? y yes, Enter no: ")
            return _YES.get(answer, Decision.DENY)
        answers, choices = dict(_YES), ["y once"]
        if access.may_always:
            answers |= _CONVERSATION
            choices.append("c until this reply ends")
        if access.may_always and self._keeps:
            answers |= _ALWAYS
            choices.append("a always")
        rows = [f"{_tool(asked)} wants to {_WORDS[access.kind]}", *_rows(access)]
        if access.lasting:
            which = "c and a also allow" if self._keeps else "c also allows"
            rows += _in_rows([f"{which} {access.lasting}."])
        answer = await self._ask(rows, f"Allow it? {', '.join(choices)}, Enter no: ")
        return answers.get(answer, Decision.DENY)

    async def may_start(self, request: McpStartRequest) -> bool:
        """Whether the server, which was not started before, may be started."""
        name = clean_line(request.server, 64)
        if not can_ask():
            await self._voice.tell(
                f"The server {name} is not started: it never was, and nobody can be asked here.",
                "Start chatterm in a terminal once and allow it, or ask with --no-tools.",
            )
            return False
        did = "called before; it would be at this address" if request.url else "started before; it would be"
        rows = [f"The server {name} was not {did}", *_in_rows(request.lines())]
        rows += _in_rows(look_alikes(request.url, *request.argv, request.folder))
        if self._keeps:
            rows += _in_rows(["A yes holds as long as the settings say exactly this."])
        return await self._ask(rows, f"{'Call' if request.url else 'Start'} it? y yes, Enter no: ") in _YES

    def _refusal(self, asked: ConsentAsked) -> str:
        access = asked.access
        if access.kind == "rounds":
            return (
                f"The model called tools {clean_line(access.target)} times and is stopped, as nobody can be "
                "asked here; rounds under [tools] in the settings says after how many."
            )
        what = f"{_tool(asked)} may not {_WORDS[access.kind]} {clean_line(visible(access.target), 300)}"
        lasts = access.may_always and self._keeps
        how = "answer a (always) to it in a terminal once" if lasts else "ask in a terminal"
        return f"{what}: nobody can be asked here. To allow it, {how}."

    async def _ask(self, rows: Sequence[str], prompt: str) -> str:
        """The line that is typed, in lower case; "" for none."""
        async with self._one_at_a_time:
            await self._voice.say("\n".join([f"chatterm: {rows[0]}", *rows[1:]]) + "\n")
            await self._pause(PAUSE_SECONDS)
            try:
                file = sys.stdin.fileno()
                termios.tcflush(file, termios.TCIFLUSH)
                # What was typed too soon stands at the beginning of the line.
                await self._voice.say(f"\r{prompt}")
                return (await _line_from(file)).strip().casefold()
            except termios.error:  # the terminal went away
                return ""
            except asyncio.CancelledError:
                await self._voice.say("\n")
                raise


def can_ask() -> bool:
    """Whether a person sits at stdin and stderr, and the program is not in the background of their shell."""
    if sys.stdin is None or not sys.stdin.isatty() or not sys.stderr.isatty():
        return False
    try:
        return os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    except OSError:
        return False


def _tool(asked: ConsentAsked) -> str:
    source = f" ({clean_line(asked.source, 64)})" if asked.source else ""
    return f"{clean_line(visible(asked.call.name), 64)}{source}"


def _rows(access: Access) -> Iterator[str]:
    """All that the call would do, and nothing that could be taken for a line of chatterm's own."""
    yield from _in_rows([access.target])
    yield from _in_rows(look_alikes(access.target, *access.lines))
    yield from _in_rows(access.lines)
    if access.diff:
        yield from _in_rows(access.diff.split("\n"))


def _in_rows(lines: Sequence[str]) -> Iterator[str]:
    """Each line behind the gutter in as many rows as it needs: the terminal breaks none of them."""
    try:
        columns = os.get_terminal_size(sys.stderr.fileno()).columns or USUAL_COLUMNS
    except OSError:
        columns = USUAL_COLUMNS
    room = max(10, columns - len(_GUTTER) - 1)
    for line in lines:
        row, used = "", 0
        for character in visible(line, keep="\t").expandtabs(4):
            width = 2 if unicodedata.east_asian_width(character) in "WF" else 1
            if used + width > room:
                yield _GUTTER + row
                row, used = "", 0
            row, used = row + character, used + width
        yield _GUTTER + row


async def _line_from(file: int) -> str:
    """The next line of the terminal; what there is of it where the terminal goes away. May be cancelled."""
    loop, data = asyncio.get_running_loop(), bytearray()
    line: asyncio.Future[str] = loop.create_future()

    def read() -> None:
        try:
            piece = os.read(file, 4096)
        except OSError:
            piece = b""
        data.extend(piece)
        if not line.done() and (not piece or b"\n" in data):
            line.set_result(bytes(data).partition(b"\n")[0].decode(errors="replace"))

    loop.add_reader(file, read)
    try:
        return await line
    finally:
        loop.remove_reader(file)
