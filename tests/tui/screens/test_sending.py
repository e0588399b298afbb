"""Sending, waiting, queueing, stopping: what becomes of a prompt, and that none is lost."""

from __future__ import annotations

import asyncio
from pathlib import Path

from textual import events

from chatterm.backend.session import Prompt
from chatterm.config.model import InterfaceSettings, Settings
from chatterm.core.errors import ConnectionFailedError
from chatterm.core.events import TurnFinished
from chatterm.core.turn import Outcome
from chatterm.store.turns import turns_of
from tests.tui.conftest import PLAIN, Launch


async def test_prompt_and_waiting_line_are_there_before_any_answer(launch: Launch) -> None:
    async with launch() as program:
        program.provider.opening.clear()
        await program.send("hello there")
        assert program.provider.streams == []
        await program.shown("▌ hello there")
        await program.shown("connecting to model")
        program.provider.opening.set()
        stream = await program.provider.opened()
        await program.shown("waiting for test-model")
        stream.reply("Hi.")
        await program.shown("Hi.")
        await program.gone("waiting for")


async def test_typing_goes_on_and_a_second_prompt_waits_its_turn(launch: Launch) -> None:
    async with launch() as program:
        stream = await program.ask("first")
        await program.send("second")
        await program.shown("▌ second")
        await program.shown("queued")
        assert [prompt.text for prompt in program.session.queued] == ["second"]
        stream.reply("one")
        second = await program.provider.opened()
        await program.gone("queued")
        second.reply("two")
        await program.shown("two")
        assert [message["text"] for message in program.provider.bodies()[-1]] == ["first", "one", "second"]


async def test_queued_prompt_is_taken_back_with_up(launch: Launch) -> None:
    async with launch() as program:
        stream = await program.ask("first")
        await program.send("second")
        await program.shown("queued")
        await program.pilot.press("up")
        await program.gone("queued")
        assert program.composer.text == "second"
        stream.reply("one")
        await program.until(lambda: program.session.running is None)
        assert len(program.provider.requests) == 1


async def test_stop_before_the_reply_brings_the_prompt_back_above_what_was_typed(launch: Launch) -> None:
    async with launch() as program:
        program.provider.opening.clear()
        await program.send("first")
        await program.type("a new thought")
        await program.pilot.press("escape")
        await program.until(lambda: program.session.running is None)
        await program.shown("Your prompt is back")
        assert program.composer.text == "first\na new thought"
        assert program.session.turns == ()


async def test_stop_keeps_what_was_shown_on_screen_and_in_the_store(launch: Launch) -> None:
    async with launch() as program:
        stream = await program.begun("count", "one two")
        await program.pilot.press("escape")
        await program.pilot.press("escape")
        await program.shown("stopped")
        await program.until(stream.closed.is_set)
        stored = turns_of("", await program.history.load(program.session.conversation_id))
        assert (stored[0].outcome, stored[0].reply.text) == (Outcome.CANCELLED, "one two")


async def test_ctrl_c_stops_then_clears_then_quits(launch: Launch) -> None:
    async with launch() as program:
        await program.begun("count", "one")
        await program.type("draft")
        await program.pilot.press("ctrl+c")
        await program.shown("stopped")
        assert program.composer.text == "draft"
        await program.pilot.press("ctrl+c")
        assert program.composer.text == ""
        await program.pilot.press("ctrl+c")
        await program.shown("Press ^c again to quit.")
        await program.pilot.press("ctrl+c")
        await program.until(lambda: program.app.return_code == 0)


async def test_after_a_stop_an_empty_enter_sends_what_waits(launch: Launch) -> None:
    async with launch() as program:
        await program.begun("first", "one")
        await program.send("second")
        await program.pilot.press("escape")
        await program.shown("▌ held · enter on the empty prompt sends it, up takes it back")
        assert "queued" not in program.text
        await program.pilot.press("enter")
        (await program.provider.opened()).reply("two")
        await program.shown("two")
        await program.gone("held")


async def test_a_later_prompt_does_not_overtake_those_held_after_a_stop(launch: Launch) -> None:
    async with launch() as program:
        await program.begun("first", "one")
        await program.send("second")
        await program.send("third")
        await program.pilot.press("escape")
        await program.shown("held")
        await program.send("fourth")
        for reply in ("two", "three", "four"):
            (await program.provider.opened()).reply(reply)
        await program.shown("four")
        prompts = [turn.prompt.text for turn in program.session.turns]
        assert prompts == ["first", "second", "third", "fourth"]


async def test_where_enter_makes_new_lines_held_prompts_go_before_the_next(launch: Launch) -> None:
    settings = Settings(provider=PLAIN, interface=InterfaceSettings(enter="newline"))
    async with launch(settings=settings) as program:
        await program.type("first")
        await program.pilot.press("ctrl+d")
        (await program.provider.opened()).send(text="one")
        await program.shown("one")
        await program.type("second")
        await program.pilot.press("ctrl+d", "escape")
        await program.shown("held · goes before your next message, up takes it back")
        await program.type("third")
        await program.pilot.press("ctrl+d")
        (await program.provider.opened()).reply("two")
        await program.shown("two")
        assert program.session.turns[1].prompt.text == "second"


async def test_failed_turn_says_why_and_how_to_go_on(launch: Launch) -> None:
    async with launch() as program:
        program.provider.open_errors = [ConnectionFailedError("Cannot connect to [box]:1.", "Is it running?")]
        await program.send("hello")
        await program.shown("failed · Cannot connect to [box]:1. Is it running? · alt+r asks again")
        await program.pilot.press("alt+r")
        (await program.provider.opened()).reply("here now")
        await program.shown("here now")
        assert "failed" not in program.text


async def test_prompt_with_a_file_that_cannot_be_sent_comes_back(
    launch: Launch, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data.bin").write_bytes(b"\0\1\2")
    async with launch() as program:
        await program.send("read @data.bin please")
        await program.shown("neither text nor an image")
        assert program.composer.text == "read @data.bin please"
        assert program.provider.requests == []


async def test_file_is_attached_and_a_missing_one_is_named(
    launch: Launch, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes.txt").write_text("the notes")
    async with launch() as program:
        (await program.ask("read @notes.txt and @gone.txt, @alice")).reply("ok")
        await program.shown("▌ notes.txt")
        await program.shown("No file of this name, sent as text: @gone.txt")
        assert "@alice" not in program.notices


async def test_alt_and_a_letter_is_a_command_and_types_nothing(launch: Launch) -> None:
    """Terminals send Alt+E as Esc and e, which Textual reports as a key with the character e."""
    async with launch() as program:
        await program.turn("first", "one")
        for key in ("e", "q"):
            program.app.post_message(events.Key(f"alt+{key}", key))
            await program.pilot.pause()
        assert program.composer.text == "first"
        assert program.pane.editing


async def test_edited_prompt_takes_the_place_of_the_last_turn(launch: Launch) -> None:
    async with launch() as program:
        await program.turn("frist", "one")
        await program.pilot.press("alt+e")
        await program.shown("in place of your last message")
        program.composer.load("")
        (await program.ask("first")).reply("two")
        await program.shown("two")
        await program.gone("in place of your last message")
        assert "frist" not in program.text
        assert [message["text"] for message in program.provider.bodies()[-1]] == ["first"]


async def test_ctrl_c_leaves_the_edit(launch: Launch) -> None:
    async with launch() as program:
        await program.turn("first", "one")
        await program.pilot.press("alt+e", "ctrl+c")
        assert not program.pane.editing
        await program.turn("second", "two")
        assert len(program.session.turns) == 2


async def test_regenerate_by_another_model(launch: Launch) -> None:
    async with launch() as program:
        await program.turn("first", "one")
        await program.send("/retry plain/other-model")
        (await program.provider.opened()).reply("two")
        await program.shown("plain / other-model")
        await program.shown("two")
        assert [turn.model for turn in program.session.turns] == ["other-model"]


async def test_regenerate_by_a_model_of_nobody_asks_nobody(launch: Launch) -> None:
    async with launch() as program:
        await program.turn("first", "one")
        await program.send("/retry")
        (await program.provider.opened()).reply("two")
        await program.shown("two")
        program.session.target = None
        await program.send("/retry some-model")
        await program.shown("No provider is chosen for 'some-model'")
        assert len(program.provider.requests) == 2


async def test_long_prompt_is_folded_and_sent_whole(launch: Launch) -> None:
    long = "word " * 10_000
    async with launch() as program:
        await program.type(long)
        await program.shown("50,000 characters")
        await program.pilot.press("enter")
        (await program.provider.opened()).reply("ok")
        assert program.provider.bodies()[0][0]["text"] == long


async def test_a_regeneration_that_fails_leaves_the_reply_that_was_there(launch: Launch) -> None:
    async with launch() as program:
        await program.turn("first", "the good reply")
        program.provider.open_errors = [ConnectionFailedError("Cannot connect to box:1.", "Is it running?")]
        await program.pilot.press("alt+r")
        await program.shown("Cannot connect to box:1. Is it running? What was there before is back.")
        assert "the good reply" in program.text
        assert program.composer.text == ""


async def test_an_edit_that_fails_comes_back_to_be_sent_again(launch: Launch) -> None:
    async with launch() as program:
        await program.turn("frist", "the good reply")
        await program.pilot.press("alt+e")
        program.composer.load("")
        program.provider.open_errors = [ConnectionFailedError("Cannot connect to box:1.", "Is it running?")]
        await program.send("first")
        await program.shown("Cannot connect to box:1.")
        await program.until(lambda: program.composer.text == "first")
        assert program.pane.editing
        assert "the good reply" in program.text


async def test_a_prompt_does_not_overtake_one_whose_files_are_read(
    launch: Launch, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes.txt").write_text("the notes")
    async with launch() as program:
        program.pane.submit("one @notes.txt")
        program.pane.submit("two")
        (await program.provider.opened()).reply("first reply")
        (await program.provider.opened()).reply("second reply")
        await program.shown("second reply")
        assert [turn.prompt.text for turn in program.session.turns] == ["one @notes.txt", "two"]


async def test_what_lands_as_a_reply_ends_is_queued_and_sent(launch: Launch) -> None:
    async with launch() as program:
        stream = await program.ask("first")
        running = program.session.running
        assert running is not None
        finish = running.finish

        def finish_as_the_user_sends(event: TurnFinished) -> None:
            finish(event)
            program.session.running = None
            program.pane.send(Prompt("second"))

        running.finish = finish_as_the_user_sends
        stream.reply("one")
        (await program.provider.opened()).reply("two")
        await program.shown("two")
        assert [turn.prompt.text for turn in program.session.turns] == ["first", "second"]


async def test_a_draft_comes_back_after_an_edit(launch: Launch) -> None:
    async with launch() as program:
        await program.turn("first", "one")
        await program.type("important draft")
        await program.pilot.press("alt+e")
        assert program.composer.text == "first"
        await program.pilot.press("ctrl+c")
        assert program.composer.text == "important draft"
        await program.pilot.press("alt+e")
        await program.pilot.press("enter")
        (await program.provider.opened()).reply("two")
        await program.shown("two")
        assert program.composer.text == "important draft"


async def test_a_stored_prompt_is_no_draft_any_more(launch: Launch) -> None:
    async with launch() as program:
        await program.type("hello")
        await program.app.chat.started.value.keep_draft(program.session, "hello")
        await program.pilot.press("enter")
        stream = await program.provider.opened()
        await program.shown("waiting for test-model")
        async with asyncio.timeout(5):
            while await program.state.draft("new"):
                await program.pilot.pause()
        stream.reply("done")
        await program.shown("done")
