"""Pictures of tool calls and of the question before one; made anew as the others are."""

from __future__ import annotations

import pytest

from chatterm.core.events import ConsentAsked
from chatterm.core.messages import ToolCallPart, ToolResultPart
from chatterm.core.tools import Access, ToolOutcome, ToolRun
from chatterm.tui.consent_text import consent_question
from chatterm.tui.tool_cards import LiveCall, finished_card, round_note
from chatterm.tui.tool_pages import tools_page
from chatterm.tui.transcript.entries import Entry, Section
from chatterm.tui.widgets.page_box import PageBox
from tests.tui.snapshots.test_snapshots import (
    LARGE,
    SMALL,
    clock,
    named,
    picture,
    pytestmark,
    start,
    taken,
)

__all__ = ["clock", "picture", "pytestmark", "start"]

ARGUMENTS = '{"path": "nginx.conf", "note": "x\\u202ey"}'
DIFF = """\
--- nginx.conf
+++ nginx.conf
@@ -1,3 +1,4 @@
 http {
-  limit_req zone=one;
+  limit_req zone=one burst=5;
+  # \u202ehidden
 }
"""
ACCESSES = {
    "argv": Access(
        kind="run", target='{"argv":["echo","' + "a long argument " * 120 + '"]}', lines=("folder: /work",)
    ),
    "diff": Access(kind="write", target="/home/me/nginx.c\u043enf", lines=("2 lines come, 1 go",), diff=DIFF),
}


def run(call_id: str, outcome: ToolOutcome = ToolOutcome.OK, **more: object) -> ToolRun:
    values: dict[str, object] = {"began": 0.0, "seconds": 0.34, "bytes": 12, **more}
    return ToolRun(call_id=call_id, name="read_file", round=0, outcome=outcome, **values)  # pyright: ignore[reportArgumentType]  # a table of fields


def cards() -> Entry:
    calls = [ToolCallPart(name, "read_file", ARGUMENTS) for name in "abcd"]
    runs = [
        run("a"),
        run("b", ToolOutcome.FAILED, seconds=1.2),
        run("c", ToolOutcome.DENIED, began=None, seconds=None),
        run("d", same_as="a", began=None, seconds=None, source="mcp:files"),
    ]
    shown = [
        finished_card(call, each, ToolResultPart(call.call_id, "first\n\x1b[2Jsecond"))
        for call, each in zip(calls, runs, strict=True)
    ]
    running = LiveCall(ToolCallPart("e", "run_command", '{"argv": ["make", "test"]}'), is_whole=True)
    running.started, running.progress = 100.0, "12 of 40 passed"
    note = round_note(runs)
    assert note is not None
    sections = (
        Section("text", "Let me look."),
        *shown,
        note,
        running.section(102.1),
        Section("text", "Done."),
    )
    return Entry(id="cards", role="assistant", sections=sections)


@pytest.mark.parametrize("shown", ["folded", "open"])
async def test_cards(start, picture, shown) -> None:
    async with start(size=(80, 40) if shown == "open" else SMALL) as program:
        program.pane.transcript.append(cards())
        if shown == "open":
            program.pane.transcript.toggle_thinking()
        await program.shown("Done.")
        assert await taken(program) == picture


@pytest.mark.parametrize("size", [SMALL, LARGE], ids=named)
@pytest.mark.parametrize("kind", ACCESSES)
async def test_question(start, picture, size, kind) -> None:
    async with start(size=size) as program:
        program.pane.transcript.append(cards())
        asked = ConsentAsked(ToolCallPart("a", "run_command", "{}"), "built-in", ACCESSES[kind])
        program.pane.widgets.consents.ask("a", consent_question(asked), print)
        await program.shown("or enter no")
        assert await taken(program) == picture


async def test_tools_page(start, picture) -> None:
    from chatterm.backend.tools.approval import Rule
    from chatterm.backend.tools.registry import KnownTool

    known = [
        KnownTool(name="read_file", source="built-in", description="Read a text file.", is_on=True),
        KnownTool(name="files__list", source="mcp:files", problem="another tool has its name"),
    ]
    rules = [Rule(tool="read_file", source="built-in", kind="read", target="/home/me/[b]x.txt", pin="")]
    async with start() as program:
        program.app.push_screen(
            PageBox("Tools", tools_page(known, rules, [], ["There is no tool 'x'."]), print)
        )
        await program.shown("Allowed without asking")
        assert await taken(program) == picture
