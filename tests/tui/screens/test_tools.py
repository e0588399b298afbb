"""Tool calls on the whole program: cards, consent, and what is left of them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable

import pytest

from chatterm.backend.tools.mcp.values import McpStartRequest
from chatterm.config.model import Settings
from chatterm.core.events import ConsentAsked
from chatterm.core.messages import ToolCallPart
from chatterm.core.tools import Access, ToolOutcome
from chatterm.tui.consent_text import consent_question
from chatterm.tui.tool_cards import finished_card
from chatterm.tui.widgets.consent_box import QUIET_SECONDS, ConsentBox
from tests.doubles.tools import Gate, PlainTool, toolbox_of
from tests.tui.conftest import PLAIN, Launch, Program


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys count at once."""
    monkeypatch.setattr("chatterm.tui.widgets.consent_box.QUIET_SECONDS", 0.0)


async def called(program: Program, *calls: tuple[str, str], prompt: str = "look"):
    """A prompt that the model answers with these calls."""
    stream = await program.begun(prompt, "Let me look.")
    for number, (name, arguments) in enumerate(calls):
        stream.send(call=[f"{name}-{number}", name, arguments])
    stream.send(done="tool_calls")
    stream.end()
    return stream


def box(program: Program) -> ConsentBox | None:
    return program.pane.widgets.consents.box


async def asked(program: Program) -> ConsentBox:
    await program.until(lambda: box(program) is not None and "or enter no" in program.text)
    found = box(program)
    assert found is not None
    return found


async def test_calls_run_side_by_side_and_look_the_same_when_they_are_read_again(launch: Launch) -> None:
    gate = Gate()
    async with launch(size=(100, 30)) as program:
        program.session.toolbox = toolbox_of(PlainTool("slow", gate), PlainTool("quick"))
        await called(program, ("slow", '{"path": "nginx.conf"}'), ("quick", "{}"))
        await program.shown("✔ ")
        await gate.running.wait()
        await program.shown("▸ slow nginx.conf")
        await program.shown("running a tool")
        await program.until(lambda: re.search(r"running \d+\.\d s", program.text))
        gate.open.set()
        (await program.provider.opened()).reply("All is well.")
        await program.until(lambda: program.session.running is None)
        await program.shown("All is well.")
        await program.until(
            lambda: re.search(r"2 tools in \d+\.\d+ s", program.text) and "running" not in program.text
        )
        live = program.text.splitlines()
        program.pane.refresh_entries()
        await program.pilot.pause()
        assert program.text.splitlines()[:20] == live[:20]


async def test_yes_runs_it_and_no_does_not(launch: Launch, quick: None) -> None:
    async with launch() as program:
        tool = PlainTool("delete", harmless=False)
        program.session.toolbox = toolbox_of(tool)
        await called(program, ("delete", '{"path": "a"}'))
        await asked(program)
        assert "delete (built-in) wants to be called with" in program.text
        assert "waiting for your answer" in program.text and "waiting for you" in program.text
        await program.pilot.press("y")
        (await program.provider.opened()).reply("done")
        await program.until(lambda: program.session.running is None)
        assert tool.runs == 1 and box(program) is None
        assert program.app.focused is program.composer
        for key in ("n", "escape", "enter"):
            await called(program, ("delete", '{"path": "b"}'), prompt=f"again {key}")
            await asked(program)
            await program.pilot.press(key)
            (await program.provider.opened()).reply(f"as you like {key}")
            await program.until(lambda: program.session.running is None)
            assert tool.runs == 1 and "✘ denied" in program.text


async def test_what_is_typed_while_a_question_comes_stays_in_the_prompt(
    launch: Launch, monkeypatch: pytest.MonkeyPatch
) -> None:
    # so long that no machine is too slow for it
    monkeypatch.setattr("chatterm.tui.widgets.consent_box.QUIET_SECONDS", 60.0)
    async with launch() as program:
        tool = PlainTool("delete", harmless=False)
        program.session.toolbox = toolbox_of(tool)
        await called(program, ("delete", "{}"))
        await program.type("I want ")
        await asked(program)
        await program.pilot.press("y", "a", "c")
        assert program.composer.text == "I want yac" and tool.runs == 0 and box(program) is not None
        assert QUIET_SECONDS == 0.3


async def test_ctrl_c_stops_the_turn_and_the_question_goes(launch: Launch) -> None:
    async with launch() as program:
        tool = PlainTool("delete", harmless=False)
        program.session.toolbox = toolbox_of(tool)
        await called(program, ("delete", "{}"))
        await asked(program)
        await program.pilot.press("ctrl+c")
        await program.until(lambda: program.session.running is None)
        await program.until(lambda: box(program) is None)
        assert tool.runs == 0
        assert program.session.turns[-1].tool_runs[0].outcome is ToolOutcome.CANCELLED
        await program.shown("stopped")


@pytest.mark.parametrize("press", [lambda program: program.pilot.press("enter")])
async def test_a_card_opens_to_arguments_and_result(
    launch: Launch, press: Callable[[Program], object]
) -> None:
    async with launch() as program:
        program.session.toolbox = toolbox_of(PlainTool("look_up"))
        await called(program, ("look_up", '{"path": "x\\u202ey"}'))
        (await program.provider.opened()).reply("Found.")
        await program.until(lambda: program.session.running is None)
        await program.pilot.press("ctrl+t")
        await program.shown('"path": "x\\u202ey"')
        assert "done {'path'" in program.text


async def test_a_question_ends_the_walk_and_none_begins_before_it_is_answered(
    launch: Launch, quick: None
) -> None:
    async with launch() as program:
        tool = PlainTool("delete", harmless=False)
        program.session.toolbox = toolbox_of(tool)
        await program.turn("hello", "Hello.")
        stream = await program.begun("look", "Let me look.")
        await program.pilot.press("alt+up")
        assert program.pane.transcript.walking
        stream.send(call=["delete-0", "delete", "{}"])
        stream.send(done="tool_calls")
        stream.end()
        await asked(program)
        # y copies on a walk: it must not be read as one where it is a yes
        assert not program.pane.transcript.walking and "y copy" not in program.text
        await program.pilot.press("alt+up")
        await program.until(lambda: "A question waits" in program.notices)
        assert not program.pane.transcript.walking
        await program.pilot.press("n")
        (await program.provider.opened()).reply("as you like")
        await program.until(lambda: program.session.running is None)
        assert tool.runs == 0
        await program.pilot.press("alt+up")
        assert program.pane.transcript.walking


def test_a_call_whose_outcome_nobody_recorded_is_not_said_to_have_done_nothing() -> None:
    call = ToolCallPart(call_id="a", name="run_command", arguments='{"argv": ["rm", "a"]}')
    assert finished_card(call, None, None).state == "no result"


def test_a_search_is_named_by_what_it_looks_for() -> None:
    call = ToolCallPart(call_id="a", name="search_files", arguments='{"path": ".", "pattern": "TODO"}')
    assert finished_card(call, None, None).head == "search_files TODO"


def test_a_question_says_the_target_once_and_the_diff_without_its_head() -> None:
    call = ToolCallPart(call_id="a", name="write_file", arguments="{}")
    access = Access(
        kind="write", target="/p/x\u202ey", diff="--- /dev/null\n+++ x\ufffdy\n@@ -0,0 +1,1 @@\n+--- a\n"
    )
    rows = [
        row.text for row in consent_question(ConsentAsked(call=call, access=access, source="built-in")).rows
    ]
    assert rows[1:4] == ["/p/x\\u202ey", "@@ -0,0 +1,1 @@", "+--- a"]
    assert "every later change of this file" in rows[-1] and sum("/p/x" in row for row in rows) == 1


@pytest.mark.parametrize("save", [True, False])
async def test_a_lasting_answer_says_how_long_it_lasts(launch: Launch, save: bool) -> None:
    request = McpStartRequest(server="files", argv=("server",), digest="1")
    async with launch(size=(100, 30), settings=Settings(provider=PLAIN, save=save)) as program:
        program.session.toolbox = toolbox_of(PlainTool("delete", harmless=False))
        start = asyncio.ensure_future(program.pane.widgets.consents.may_start(request))
        await program.shown(
            "as long as the settings say exactly" if save else "A yes holds until chatterm ends."
        )
        start.cancel()
        await called(program, ("delete", "{}"))
        await asked(program)
        await program.shown("a always" if save else "a until exit")
        await program.pilot.press("ctrl+c")
        await program.until(lambda: program.session.running is None and box(program) is None)


async def test_nothing_that_completes_the_prompt_lies_over_a_question(
    launch: Launch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chatterm.tui.widgets.consent_box.QUIET_SECONDS", 60.0)
    async with launch() as program:
        program.session.toolbox = toolbox_of(PlainTool("delete", harmless=False))
        stream = await program.begun("look", "Let me look.")
        await program.type("/")
        assert program.pane.widgets.completion.is_open
        stream.send(call=["delete-0", "delete", "{}"])
        stream.send(done="tool_calls")
        stream.end()
        await asked(program)
        await program.shown("y once")
        await program.pilot.press("m")  # for the prompt
        assert program.composer.text == "/m"
        await program.shown("y once")
        await program.pilot.press("ctrl+c")
        await program.until(lambda: program.session.running is None and box(program) is None)
        assert program.pane.widgets.completion.visible
