"""Opening, resuming, renaming and deleting conversations, and the drafts that belong to them."""

from __future__ import annotations

from pathlib import Path

import pytest

from chatterm.core.turn import Outcome
from chatterm.store.history import UNDO_TIME, History, utc_now
from chatterm.store.turns import turns_of
from chatterm.tui.services import Start
from tests.tui.conftest import Launch


@pytest.mark.parametrize("begin", [Start(continue_last=True), Start(resume="ID")])
async def test_conversation_is_there_at_the_next_start(launch: Launch, begin: Start) -> None:
    async with launch() as program:
        await program.turn("what is up", "the sky")
        conversation = program.session.conversation_id
    if begin.resume:
        begin = Start(resume=conversation[:20])
    async with launch(begin=begin) as program:
        await program.shown("the sky")
        assert program.text.splitlines()[0].split() == [
            "chatterm",
            "what",
            "is",
            "up",
            "plain",
            "/",
            "test-model",
        ]
        await program.turn("and down", "the earth")
        assert [message["text"] for message in program.provider.bodies()[0]] == [
            "what is up",
            "the sky",
            "and down",
        ]


async def test_continue_with_nothing_and_resume_of_nothing_say_so(launch: Launch) -> None:
    async with launch(begin=Start(continue_last=True)) as program:
        await program.shown("There is no conversation to continue yet.")
    async with launch(begin=Start(resume="nope")) as program:
        await program.until(lambda: "nope" in program.notices)
        await program.turn("still usable", "yes")


async def test_prompt_sent_before_the_start_is_over_waits_and_is_sent(launch: Launch) -> None:
    async with launch() as program:
        await program.turn("first", "one")
    async with launch(begin=Start(continue_last=True), ready=False) as program:
        conversation = program.app.chat.conversation
        conversation.composer.insert_text("second")
        await program.pilot.press("enter")
        conversation.composer.load("typed on")
        (await program.provider.opened()).reply("two")
        await program.shown("two")
        assert program.composer.text == "typed on"
        assert [message["text"] for message in program.provider.bodies()[0]] == ["first", "one", "second"]


async def test_new_conversation_keeps_the_model_and_the_old_draft(launch: Launch) -> None:
    async with launch() as program:
        await program.turn("first", "one")
        first = program.session.conversation_id
        await program.type("half a thought")
        await program.pilot.press("ctrl+n")
        await program.gone("one")
        assert program.composer.text == ""
        await program.shown("plain / test-model")
        await program.type("a fresh one")
        await program.pilot.press("ctrl+s")
        await program.shown("Conversations")
        await program.shown("2 messages")
        await program.pilot.press("enter")
        await program.until(lambda: program.session.conversation_id == first)
        await program.until(lambda: program.composer.text == "half a thought")
        await program.pilot.press("ctrl+n")
        await program.until(lambda: program.composer.text == "a fresh one")


async def test_new_on_an_empty_conversation_keeps_what_is_typed(launch: Launch) -> None:
    async with launch() as program:
        await program.type("a thought")
        await program.pilot.press("ctrl+n")
        assert program.composer.text == "a thought"


@pytest.mark.parametrize("key", ["ctrl+n", "ctrl+s"])
async def test_leaving_a_streaming_conversation_is_refused_with_a_notice(launch: Launch, key: str) -> None:
    async with launch() as program:
        await program.turn("first", "one")
        await program.pilot.press("ctrl+n")
        stream = await program.begun("second", "still coming")
        await program.pilot.press(key)
        if key == "ctrl+s":
            await program.until(lambda: program.text.count("2 messages") == 2)
            await program.pilot.press("down", "enter")
        await program.shown("A reply is still coming in. esc stops it first.")
        stream.reply(" and done")
        await program.shown("still coming and done")


async def test_draft_and_waiting_prompts_are_there_after_the_end(launch: Launch) -> None:
    async with launch() as program:
        await program.begun("first", "part of it")
        await program.send("second")
        await program.type("third")
        await program.pilot.press("ctrl+q")
        await program.until(lambda: program.app.return_code == 0)
    async with launch(begin=Start(continue_last=True)) as program:
        assert program.composer.text == "second\nthird"
        await program.shown("interrupted")
        await program.shown("part of it")


async def test_draft_is_stored_soon_after_typing(launch: Launch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chatterm.tui.screens.chat.DRAFT_SECONDS", 0.0)
    async with launch() as program:
        await program.type("unsent")

        stored = ""
        while not stored:
            await program.pilot.pause()
            stored = await program.state.draft("new")
        assert stored == "unsent"
        await program.pilot.press("ctrl+u")
        await program.turn("sent", "one")
        assert await program.state.draft("new") == ""


async def test_rename_in_the_list_shows_in_the_header(launch: Launch) -> None:
    async with launch() as program:
        await program.turn("first", "one")
        await program.pilot.press("ctrl+s")
        await program.shown("2 messages")
        await program.pilot.press("f2", "ctrl+u", *"Better", "enter")
        await program.shown("Renamed to 'Better'")
        await program.pilot.press("escape")
        await program.until(lambda: "Better" in program.text.splitlines()[0])


async def test_deleting_the_conversation_on_screen_leaves_an_empty_one(launch: Launch) -> None:
    async with launch() as program:
        await program.turn("first", "one")
        first = program.session.conversation_id
        await program.pilot.press("ctrl+s")
        await program.shown("2 messages")
        await program.pilot.press("delete")
        await program.shown("^z brings back")
        assert program.session.conversation_id != first
        await program.pilot.press("ctrl+z")
        await program.shown("is back")
        await program.pilot.press("enter")
        await program.until(lambda: program.session.conversation_id == first)
        await program.shown("one")


async def test_conversation_with_a_running_reply_is_not_deleted(launch: Launch) -> None:
    async with launch() as program:
        await program.turn("first", "one")
        stream = await program.ask("second")
        await program.pilot.press("ctrl+s")
        await program.shown("4 messages")
        await program.pilot.press("delete")
        await program.shown("A reply is still coming in here.")
        stream.reply("two")
        await program.until(lambda: program.session.running is None)
        assert len(program.session.turns) == 2


async def test_search_filters_the_list_by_title(launch: Launch) -> None:
    async with launch() as program:
        await program.turn("about cats", "one")
        await program.pilot.press("ctrl+n")
        await program.turn("about dogs", "two")
        await program.send("/search cats")
        await program.shown("2 messages")
        assert program.text.count("2 messages") == 1
        assert program.app.screen.row_list.rows[0].text == "about cats"


async def test_kept_model_that_is_gone_leaves_the_choice_to_the_user(launch: Launch) -> None:
    async with launch() as program:
        await program.turn("first", "one")
        await program.history.set_model(program.session.conversation_id, "gone", "model")
    async with launch(begin=Start(continue_last=True)) as program:
        await program.shown("no model")
        assert "gone" in program.notices
        await program.send("second")
        await program.shown("No model is chosen yet. ^l chooses one, then this is sent.")
        await program.send("/model plain/test-model")
        (await program.provider.opened()).reply("two")
        await program.shown("two")


async def test_reply_cut_by_a_kill_is_shown_as_interrupted(launch: Launch, new_user: Path) -> None:
    async with launch() as program:
        await program.begun("first", "kept text")
        await program.pilot.press("ctrl+q")
        await program.until(lambda: program.app.return_code == 0)
        conversation = program.session.conversation_id
    async with launch(begin=Start(resume=conversation)) as program:
        await program.shown("kept text")
        stored = turns_of("", await program.history.load(conversation))
        assert stored[0].outcome is Outcome.INTERRUPTED


async def test_deleting_for_good_reaches_the_prompts_that_were_sent(launch: Launch) -> None:
    async with launch() as program:
        await program.turn("a secret", "kept")
        secret = program.session.conversation_id
        await program.pilot.press("ctrl+n")
        await program.turn("no secret", "kept too")
        assert await program.state.prompts() == ["a secret", "no secret"]
        await program.history.delete(secret)
        later = History(program.database, lambda: utc_now() + 2 * UNDO_TIME)
        assert await later.purge_deleted() == 1
        assert await program.state.prompts() == ["no secret"]


async def test_a_deleted_conversation_can_be_had_back_after_the_list_was_closed(launch: Launch) -> None:
    async with launch() as program:
        await program.turn("keep me", "one")
        await program.send("/new")
        await program.until(lambda: not program.session.turns)
        await program.pilot.press("ctrl+s")
        await program.shown("keep me")
        await program.pilot.press("delete")
        await program.shown("Deleted")
        await program.pilot.press("escape", "ctrl+s")
        await program.shown("No conversation is saved yet")
        await program.pilot.press("ctrl+z")
        await program.shown("keep me")
        assert [row.title for row in await program.history.conversations()] == ["keep me"]
