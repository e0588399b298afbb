"""Going on with a reply, as a user asks for it: by command and by key, and what is said where it cannot be done."""

from __future__ import annotations

from chatterm.core.errors import BadRequestError, ConnectionFailedError
from chatterm.core.turn import Outcome
from tests.tui.conftest import Launch, Program


async def cut_reply(program: Program, text: str) -> None:
    """A turn whose reply the network cut, or the provider refused."""
    stream = await program.ask("tell me")
    if text:
        stream.send(text=text)
    stream.fail(ConnectionFailedError("The connection broke.") if text else BadRequestError("No."))
    await program.until(lambda: program.session.running is None and program.pane.followed is None)


async def go_on(program: Program, text: str) -> None:
    stream = await program.provider.opened()
    stream.reply(text)
    await program.until(lambda: program.session.running is None and program.pane.followed is None)


async def test_the_ending_names_the_way_and_the_reply_is_one(launch: Launch) -> None:
    async with launch(size=(140, 30)) as program:
        await cut_reply(program, "The river rises")
        await program.shown("/continue goes on")
        await program.send("/continue")
        await program.shown("The river rises")  # while it is waited for
        await go_on(program, "river rises in a lake.")
        await program.shown("The river rises in a lake.")
        await program.shown("continued once")
        assert program.text.count("▌ tell me") == 1
        await program.send("/details")
        await program.shown("after 15 characters")


async def test_c_goes_on_with_the_last_reply_alone(launch: Launch) -> None:
    async with launch() as program:
        await program.turn("one", "first")
        await cut_reply(program, "The river")
        await program.pilot.press("alt+up", "c")
        await go_on(program, "The river rises.")
        assert program.session.turns[-1].reply.text == "The river rises."
        await program.pilot.press("alt+up", "g", "c")
        await program.until(lambda: "Only the last reply can be continued" in program.notices)


async def test_what_is_thought_before_the_rest_stands_before_the_text(launch: Launch) -> None:
    async with launch() as program:
        await cut_reply(program, "The river rises")
        await program.send("/continue")
        stream = await program.provider.opened()
        stream.send(thinking="Where was I?")
        stream.reply("The river rises here.")
        await program.shown("continued once")
        assert "The river rises here." in program.text
        lines = program.text.splitlines()
        thought = next(row for row, line in enumerate(lines) if "thinking" in line or "thought" in line)
        assert thought < next(row for row, line in enumerate(lines) if "The river rises here." in line)


async def test_a_complete_reply_is_continued_only_if_wanted(launch: Launch) -> None:
    async with launch() as program:
        await program.turn("tell me", "The river rises.")
        await program.send("/continue")
        await program.shown("This reply is complete")
        await program.pilot.press("escape")
        await program.gone("This reply is complete")
        assert program.session.running is None
        await program.send("/continue")
        await program.shown("This reply is complete")
        await program.pilot.press("enter")
        await go_on(program, "river rises. It falls.")
        assert program.session.turns[-1].reply.text == "The river rises. It falls."


async def test_a_reply_at_its_limit_is_continued_at_once(launch: Launch) -> None:
    async with launch(size=(140, 30)) as program:
        stream = await program.ask("tell me")
        stream.send(text="The river rises")
        stream.send(done="max_tokens")
        stream.end()
        await program.shown("/continue goes on")
        await program.send("/continue")
        await go_on(program, "river rises in a lake.")
        assert program.session.turns[-1].outcome is Outcome.COMPLETE
        assert program.session.turns[-1].reply.text == "The river rises in a lake."


async def test_where_there_is_nothing_to_go_on_with_it_says_so(launch: Launch) -> None:
    async with launch() as program:
        await program.send("/continue")
        await program.until(lambda: "There is no reply yet" in program.notices)
        program.composer.load("")  # a command that failed is in the prompt again
        await cut_reply(program, "")
        await program.send("/continue")
        await program.until(lambda: "An empty reply cannot be continued" in program.notices)
        assert "goes on" not in program.text
