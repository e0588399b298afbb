"""What ask asks on a terminal before a tool runs, and what counts as an answer."""

from __future__ import annotations

import array
import asyncio
import fcntl
import os
import pty
import sys
import termios
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from chatterm.backend.tools.mcp.values import McpStartRequest
from chatterm.backend.turn_handle import TurnHandle
from chatterm.cli import consent
from chatterm.cli.consent import PAUSE_SECONDS, Questions
from chatterm.cli.outputs import TextOutput
from chatterm.cli.reply_output import Beside, print_reply
from chatterm.core.events import ConsentAsked, TurnFinished
from chatterm.core.messages import Message, ToolCallPart
from chatterm.core.tools import Access, AccessKind, Decision
from chatterm.core.turn import Turn

CALL = ToolCallPart("c1", "run_command", "{}")


@dataclass
class Heard:
    """All that was said."""

    text: str = ""
    prompted: asyncio.Event = field(default_factory=asyncio.Event)

    async def say(self, text: str) -> None:
        self.text += text
        if text.startswith("\r"):
            self.prompted.set()

    async def tell(self, message: str, hint: str = "") -> None:
        self.text += f"{message} {hint}"


class Person:
    """Somebody at a terminal: types `early` while the question is new, `late` once it may be answered."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._main, other = pty.openpty()
        self.stdin = os.fdopen(other, "r", encoding="utf-8")
        monkeypatch.setattr(sys, "stdin", self.stdin)
        monkeypatch.setattr(consent, "can_ask", lambda: True)
        self.heard = Heard()
        self.early, self.late = b"", b""
        self.paused: list[float] = []

    def questions(self, *, keeps: bool = True) -> Questions:
        return Questions(self.heard, keeps=keeps, pause=self._pause)

    async def answers(self, access: Access, *, keeps: bool = True) -> Decision:
        async def type_late() -> None:
            await self.heard.prompted.wait()
            os.write(self._main, self.late)

        typing = asyncio.create_task(type_late())
        decision = await self.questions(keeps=keeps).decide(ConsentAsked(CALL, "built-in", access))
        await typing
        return decision

    def type(self, data: bytes) -> None:
        """Type, and see it arrive."""
        os.write(self._main, data)
        count = array.array("i", [0])
        while b"\n" in data and not count[0]:
            fcntl.ioctl(self.stdin, termios.FIONREAD, count)

    def close(self) -> None:
        self.stdin.close()
        os.close(self._main)

    async def _pause(self, seconds: float) -> None:
        self.paused.append(seconds)
        if self.early:
            self.type(self.early)


@pytest.fixture
def person(monkeypatch: pytest.MonkeyPatch) -> Iterator[Person]:
    someone = Person(monkeypatch)
    yield someone
    someone.close()


@pytest.mark.parametrize(
    ("typed", "decision"),
    [
        ("y", Decision.ONCE),
        (" YES ", Decision.ONCE),
        ("c", Decision.CONVERSATION),
        ("a", Decision.ALWAYS),
        ("", Decision.DENY),
        ("n", Decision.DENY),
        ("yy", Decision.DENY),
        ("\u0443", Decision.DENY),
        ("y\x1b[C", Decision.DENY),
        ("\x04", Decision.DENY),
    ],
)
async def test_nothing_but_a_clear_yes_is_one(person: Person, typed: str, decision: Decision) -> None:
    person.late = f"{typed}\n".encode()
    assert await person.answers(Access(kind="run", target="ls")) is decision


async def test_what_is_typed_before_and_right_after_the_question_counts_for_nothing(person: Person) -> None:
    person.type(b"y\n")
    person.early, person.late = b"y\ny\ny", b"\n"
    assert await person.answers(Access(kind="run", target="ls")) is Decision.DENY
    assert person.paused == [PAUSE_SECONDS]
    assert PAUSE_SECONDS == 0.3


@pytest.mark.parametrize("typed", [b"a\n", b"c\n"])
async def test_a_lasting_yes_is_none_where_there_is_no_choice_of_it(person: Person, typed: bytes) -> None:
    person.late = typed
    assert await person.answers(Access(kind="run", target="ls", may_always=False)) is Decision.DENY
    assert "always" not in person.heard.text and "until" not in person.heard.text


async def test_always_is_not_offered_where_nothing_is_kept(person: Person) -> None:
    person.late = b"a\n"
    assert await person.answers(Access(kind="run", target="ls"), keeps=False) is Decision.DENY
    assert "always" not in person.heard.text


async def test_all_that_the_call_does_is_shown_with_nothing_hidden(person: Person) -> None:
    person.late = b"\n"
    long = " ".join(f"word{number}" for number in range(100))
    spaces = f"ls{' ' * 200}chatterm: Allow it?"
    lines = ("folder: \u202e/tmp\x1b[2J", long, spaces, "\u6f22" * 60)
    await person.answers(
        Access(kind="write", target="/tmp/\u0430.txt\nchatterm: fake", lines=lines, diff="+a\r\n-b")
    )
    first, *rows, prompt = person.heard.text.splitlines()[:-1] + person.heard.text.split("\r")[-1:]
    assert first == "chatterm: run_command (built-in) wants to write"
    assert prompt.startswith("Allow it? y once")
    shown = [row for row in rows if row]
    assert all(row.startswith("  | ") and len(row) < 80 for row in shown), shown
    whole = "".join(row[4:] for row in shown)
    for text in (
        r"/tmp/",
        r".txt\x0achatterm: fake",
        r"\u202e/tmp\x1b[2J",
        long,
        spaces,
        "\u6f22" * 60,
        r"+a\x0d",
    ):
        assert text in whole
    assert "\u0430 is Cyrillic U+0430" in whole
    assert max(row.count("\u6f22") for row in shown) <= 38


@pytest.mark.parametrize("kind", ["read", "write", "run", "fetch", "call"])
async def test_without_a_terminal_the_answer_is_no_and_how_to_allow_it(
    monkeypatch: pytest.MonkeyPatch, kind: AccessKind
) -> None:
    monkeypatch.setattr(consent, "can_ask", lambda: False)
    heard = Heard()
    asked = ConsentAsked(CALL, "built-in", Access(kind=kind, target="/a\u202e"))
    assert await Questions(heard, keeps=True).decide(asked) is Decision.DENY
    assert r"/a\u202e: nobody can be asked here. To allow it, answer a (always)" in heard.text


async def test_more_rounds_need_a_yes_of_their_own(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    rounds = Access(kind="rounds", target="25", may_always=False)
    person.late = b"y\n"
    assert await person.answers(rounds) is Decision.ONCE
    assert "called tools 25 times" in person.heard.text
    monkeypatch.setattr(consent, "can_ask", lambda: False)
    assert await person.answers(rounds) is Decision.DENY


@pytest.mark.parametrize(("typed", "may"), [(b"y\n", True), (b"\n", False), (b"a\n", False)])
async def test_a_server_is_started_for_the_first_time_after_a_yes_alone(
    person: Person, typed: bytes, may: bool
) -> None:
    request = McpStartRequest(server="files", argv=("/bin/\u202eserver",), folder="/tmp", digest="d")
    starting = asyncio.create_task(person.questions().may_start(request))
    await person.heard.prompted.wait()
    os.write(person._main, typed)  # pyright: ignore[reportPrivateUsage]  # the other end of the terminal
    assert await starting is may
    assert r"/bin/\u202eserver" in person.heard.text


async def test_letters_that_pass_for_others_are_told_wherever_they_stand(person: Person) -> None:
    person.late = b"\n"
    access = Access(kind="run", target="make", lines=("Folder: /home/\u0430nn",))
    await person.answers(access)
    assert "\u0430 is Cyrillic U+0430" in person.heard.text
    person.heard = Heard()
    request = McpStartRequest(server="web", url="https://p\u0430ypal.com/mcp", digest="d")
    starting = asyncio.create_task(person.questions().may_start(request))
    await person.heard.prompted.wait()
    os.write(person._main, b"n\n")  # pyright: ignore[reportPrivateUsage]  # the other end of the terminal
    assert await starting is False
    assert "\u0430 is Cyrillic U+0430" in person.heard.text
    assert "called before" in person.heard.text and "A yes holds as long as" in person.heard.text


async def test_no_server_is_started_where_nobody_can_be_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consent, "can_ask", lambda: False)
    heard = Heard()
    request = McpStartRequest(server="files", argv=("server",), digest="d")
    assert await Questions(heard, keeps=True).may_start(request) is False
    assert "files is not started" in heard.text and "--no-tools" in heard.text


async def test_a_question_ends_with_its_turn(person: Person, capfd: pytest.CaptureFixture[str]) -> None:
    prompt = Message(role="user", parts=())
    reply = Message(role="assistant", parts=(), parent_id=prompt.id)
    turn = Turn(conversation_id="c", prompt=prompt, reply=reply, provider="p", model="m")
    handle = TurnHandle(turn, lambda: 0.0)
    handle.emit(ConsentAsked(CALL, "built-in", Access(kind="run", target="ls")))
    output = TextOutput()
    printing = asyncio.create_task(print_reply(handle, output, Beside(output), person.questions()))
    await person.heard.prompted.wait()
    handle.finish(TurnFinished(turn))
    assert (await printing).turn is turn
    os.write(person._main, b"y\n")  # pyright: ignore[reportPrivateUsage]  # the other end of the terminal
    assert person.stdin.readline() == "y\n"  # nobody takes it any more
    assert capfd.readouterr().out == ""
