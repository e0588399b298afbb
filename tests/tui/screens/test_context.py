"""The page of what is sent, pins, summaries and warnings, as the user meets them."""

from __future__ import annotations

from dataclasses import replace

from chatterm.backend.context import ContextLimit
from chatterm.backend.conversation_context import COMPACT_PROMPT
from chatterm.tui.screens.chat import ChatScreen
from chatterm.tui.widgets.page_box import PageBox
from chatterm.tui.widgets.sidebar import MetricsSidebar
from chatterm.tui.widgets.status_line import StatusLine
from tests.tui.conftest import Launch, Program


async def limit(program: Program, tokens: int) -> None:
    target = program.session.target
    assert target is not None
    await program.session.use(replace(target, context_limit=lambda: ContextLimit(tokens, "by the settings")))


async def test_the_page_tells_limit_turns_and_what_is_left_out(launch: Launch) -> None:
    async with launch(size=(100, 40)) as program:
        await program.turn("first " * 60, "one")
        await program.turn("second", "two")
        await program.send("/context")
        await program.shown("not known, so nothing is left out")
        await program.pilot.press("escape")
        await limit(program, 100)
        await program.send("/context")
        await program.shown("100 tokens, by the settings")
        assert "left out, no room" in program.text
        assert "The oldest 1 turn does not go out with your next message." in program.text
        assert isinstance(program.app.screen, PageBox)


async def test_how_full_the_context_is_stands_in_sidebar_and_status_line(launch: Launch) -> None:
    async with launch(size=(120, 30)) as program:
        await limit(program, 1000)
        await program.turn("hello", "hi", usage=(100, 20))
        chat = program.app.chat
        assert isinstance(chat, ChatScreen)
        await program.until(lambda: "ctx" in " ".join(chat.query_one(MetricsSidebar).lines))
        assert "ctx " in chat.query_one(StatusLine).text


async def test_a_warning_comes_before_anything_is_left_out_and_only_once(launch: Launch) -> None:
    async with launch(size=(120, 30)) as program:
        await limit(program, 200)
        await program.turn("one " * 60, "1")
        assert "left out" not in program.notices
        await program.turn("two " * 100, "2 " * 60)
        await program.until(
            lambda: "The oldest turn is left out of what is sent from now on" in program.notices
        )
        assert len(program.provider.bodies()[-1]) == 3  # so far nothing was
        program.pane.notices.clear_notices()
        await program.turn("three " * 20, "3")
        assert program.provider.bodies()[-1][0]["text"].startswith("two")
        assert "left out" not in program.notices


async def test_a_pin_is_set_at_the_cursor_and_by_its_command(launch: Launch) -> None:
    async with launch(size=(100, 30)) as program:
        await program.turn("hello", "hi there")
        await program.pilot.press("alt+up", "p")
        await program.shown("pinned")
        assert program.session.turns[0].reply.pinned
        await program.pilot.press("q")
        await program.send("/pin")
        await program.until(lambda: not program.session.turns[0].reply.pinned)
        await program.gone("pinned ·")
        await program.send("/pin 7")
        await program.until(lambda: "There is no reply 7 back to pin." in program.notices)
        program.composer.load("")
        await program.send("/pin x")
        await program.until(lambda: "'x' is no number." in program.notices)


async def test_a_pin_is_there_after_the_next_start(launch: Launch) -> None:
    async with launch(size=(100, 30)) as program:
        await program.turn("hello", "hi there")
        await program.send("/pin")
        await program.shown("pinned")
        identity = program.session.conversation_id
    async with launch(size=(100, 30)) as program:
        await program.app.chat.opening.resume(await program.history.find(identity))
        await program.shown("pinned")
        assert program.session.turns[0].reply.pinned


async def test_summing_up_streams_stands_in_and_is_undone(launch: Launch) -> None:
    async with launch(size=(100, 40)) as program:
        await program.send("/compact")
        await program.until(lambda: "There is nothing to sum up yet." in program.notices)
        program.composer.load("")
        await program.turn("one", "re one")
        stream = await program.ask("/compact")
        stream.send(text="It was about")
        await program.shown("It was about")
        stream.reply(" one.")
        await program.until(lambda: program.session.running is None)
        await program.shown("/compact undo")
        await program.shown("re one")  # nothing is gone from the screen
        await program.turn("two", "re two")
        assert program.provider.bodies()[-1][0]["text"] == COMPACT_PROMPT
        await program.send("/compact undo")
        await program.until(lambda: "All that was said is sent again" in program.notices)
        await program.turn("three", "re three")
        assert program.provider.bodies()[-1][0]["text"] == "one"
        await program.send("/compact undo")
        await program.until(lambda: "No summary stands in for anything here." in program.notices)


async def test_nobody_sums_up_whose_name_means_nothing(launch: Launch) -> None:
    async with launch(size=(120, 30)) as program:
        await program.turn("one", "1")
        await program.send("/compact nowhere/x")
        await program.shown("There is no provider 'nowhere'.")
        assert len(program.provider.requests) == 1
        program.composer.load("")
        await program.send(f"/pin {'9' * 5000}")
        await program.shown("is no number")


async def test_a_summary_that_could_not_see_all_says_so(launch: Launch) -> None:
    async with launch(size=(120, 30)) as program:
        await program.turn("one " * 100, "1")
        await program.turn("two " * 60, "2")
        await limit(program, 200)
        await program.send("/compact")
        (await program.provider.opened()).reply("Two was said.")
        await program.until(lambda: "The oldest turn does not fit into the context of" in program.notices)
        assert "this summary has nothing of that" in program.notices


async def test_a_system_prompt_that_is_too_long_is_named_as_the_cause(launch: Launch) -> None:
    async with launch(size=(100, 40)) as program:
        program.session.system = "careful " * 200
        await limit(program, 100)
        await program.send("/context")
        await program.shown("The system prompt alone takes the room of the reply")


async def test_a_summary_that_is_stopped_at_once_leaves_the_prompt_alone(launch: Launch) -> None:
    async with launch(size=(100, 30)) as program:
        await program.turn("one", "re one")
        await program.ask("/compact")
        await program.pilot.press("escape")
        await program.until(lambda: "Nothing was summed up." in program.notices)
        assert program.composer.is_empty


async def test_what_is_too_long_is_refused_and_stays(launch: Launch) -> None:
    async with launch(size=(100, 30)) as program:
        await limit(program, 100)
        await program.send("word " * 300)
        await program.shown("This message takes ~")
        assert not program.provider.requests
        assert program.session.turns[-1].prompt.text.startswith("word")
