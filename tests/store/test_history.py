"""What a conversation is after turns were begun, grown, finished, repeated, withdrawn and deleted."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from datetime import UTC, timedelta
from pathlib import Path

import pytest

from chatterm.core.errors import OpenElsewhereError, RateLimitedError, StoreError
from chatterm.core.messages import (
    Citation,
    CitationsPart,
    FilePart,
    ImagePart,
    OpaquePart,
    RefusalPart,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolResultPart,
)
from chatterm.core.timings import ServerTimings, Timings
from chatterm.core.turn import Outcome, StopReason
from chatterm.core.usage import Usage
from chatterm.store.database import Database
from chatterm.store.history import UNDO_TIME, History
from chatterm.store.turns import turns_of
from tests.store.builders import CONVERSATION, FixedClock, again, ended, new_turn, opened, say, texts

EVERY_PART = (
    TextPart('text "quoted"\n\tand 😀'),
    ThinkingPart("why"),
    ThinkingPart(""),
    OpaquePart("anthropic", '{"signature": "abc"}'),
    ImagePart("image/png", "ab" * 32, "a.png"),
    FilePart("a.txt", "text/plain", "cd" * 32),
    ToolCallPart("call-1", "search", '{"q": 1e400}'),
    ToolResultPart("call-1", "found", is_error=True),
    CitationsPart((Citation("https://example.org/", "Title"), Citation("https://example.net/"))),
    RefusalPart("no"),
)


async def test_a_turn_comes_back_as_it_was_also_from_another_process(path: Path) -> None:
    turn = ended(new_turn("What is this?"), *EVERY_PART)
    turn = replace(
        turn,
        prompt=replace(turn.prompt, parts=EVERY_PART, provider_data={"id": "x"}),
        reply=replace(turn.reply, provider_data={"response": "r-1"}),
        system="Be brief.",
        options={"temperature": 0.2, "stop": ["a"], "nested": {"on": True}},
        stop_reason=StopReason.MAX_TOKENS,
        usage=Usage(input=12, output=0, reasoning=None, cost=0.0125),
        timings=Timings(sent=1.5, first_delta=2.25, server=ServerTimings(load_seconds=0.125)),
        attempts=3,
        skipped_frames=2,
        close_seconds=0.01,
        request_id="req_1",
    )
    async with opened(path) as (_, history):
        await history.begin_turn(turn)
        await history.finish_turn(turn)
    async with opened(path) as (_, history):
        prompt, reply = await history.load(CONVERSATION)
        (conversation,) = await history.conversations()
    assert (prompt.message, reply.message) == (turn.prompt, turn.reply)
    assert prompt.state is None
    assert reply.state is Outcome.COMPLETE
    assert (reply.provider, reply.model, reply.options) == ("ollama", "llama3", turn.options)
    assert (reply.usage, reply.timings) == (turn.usage, turn.timings)
    assert (reply.stop_reason, reply.attempts) == (StopReason.MAX_TOKENS, 3)
    assert (reply.chars, reply.lines) == (len(turn.reply.text), 4)
    assert not reply.recovered
    assert reply.created_at.tzinfo is UTC
    assert (conversation.title, conversation.message_count, conversation.system) == (
        'text "quoted"',
        2,
        "Be brief.",
    )
    (restored,) = turns_of(CONVERSATION, [prompt, reply])
    assert restored == replace(turn, id=restored.id, system=None)


async def test_an_error_comes_back_with_its_kind_and_next_step(history: History) -> None:
    turn = replace(ended(new_turn(), outcome=Outcome.FAILED), error=RateLimitedError("Too many.", "Wait."))
    await history.begin_turn(turn)
    await history.finish_turn(turn)
    (restored,) = turns_of(CONVERSATION, await history.load(CONVERSATION))
    assert isinstance(restored.error, RateLimitedError)
    assert (restored.error.message, restored.error.hint) == ("Too many.", "Wait.")


async def test_chunks_are_seen_while_streaming_and_replaced_at_the_end(
    history: History, database: Database
) -> None:
    turn = new_turn()
    await history.begin_turn(turn)
    for kind, text in (("thinking", "hm"), ("text", "one "), ("text", "two"), ("refusal", "no")):
        await history.append_chunk(turn.reply.id, kind, text)
    reply = (await history.load(CONVERSATION))[-1]
    assert reply.message.parts == (ThinkingPart("hm"), TextPart("one two"), RefusalPart("no"))
    assert reply.state is None
    await history.finish_turn(ended(turn, TextPart("one two"), outcome=Outcome.CANCELLED))
    reply = (await history.load(CONVERSATION))[-1]
    assert (reply.message.parts, reply.state) == ((TextPart("one two"),), Outcome.CANCELLED)
    left = await database.read(lambda c: c.execute("SELECT count(*) FROM chunk").fetchone()[0])
    assert left == 0


async def test_where_a_turn_was_routed_is_kept(history: History) -> None:
    told = "routed to perplexity/sonar because it asks about recent events"
    turn = replace(new_turn(), routed=told)
    await history.begin_turn(turn)
    await history.finish_turn(ended(turn, TextPart("Much.")))
    (kept,) = turns_of(CONVERSATION, await history.load(CONVERSATION))
    assert kept.routed == told


async def test_chunks_asked_for_in_one_tick_keep_their_order_before_the_end(history: History) -> None:
    turn = new_turn()
    await history.begin_turn(turn)
    writes = [history.append_chunk(turn.reply.id, "text", f"{number} ") for number in range(50)]
    loaded = history.load(CONVERSATION)
    assert (await loaded)[-1].message.text == "".join(f"{number} " for number in range(50))
    assert [await write for write in writes] == [None] * 50


async def test_a_chunk_of_no_reply_fails_in_its_future(history: History) -> None:
    with pytest.raises(StoreError, match=r"chatterm\.db"):
        await history.append_chunk("nothing", "text", "lost")


async def test_a_repeated_reply_takes_the_place_of_the_first(history: History) -> None:
    first = await say(history, "Tell me")
    second = again(first)
    await history.begin_turn(second)
    await history.finish_turn(ended(second, TextPart("Other.")))
    assert await texts(history) == ["Tell me", "Other."]
    assert (await history.load(CONVERSATION))[0].message.id == first.prompt.id


async def test_an_edited_prompt_is_a_new_branch_with_its_own_title(history: History) -> None:
    edited = new_turn("First", replaces=await say(history, "Frist"))
    await history.begin_turn(edited)
    await history.finish_turn(ended(edited))
    assert await texts(history) == ["First", "Hi."]
    (conversation,) = await history.conversations()
    assert (conversation.title, conversation.message_count) == ("First", 2)


async def test_a_withdrawn_turn_leaves_what_was_shown_before(history: History, database: Database) -> None:
    first = await say(history, "One")
    edited = new_turn("Edited", replaces=first)
    for withdrawn in (new_turn("Two", parent=first.reply.id), again(first), edited):
        await history.begin_turn(withdrawn)
        await history.finish_turn(ended(withdrawn, TextPart(""), outcome=Outcome.WITHDRAWN))
        assert await texts(history) == ["One", "Hi."]
    kept = await database.read(
        lambda c: c.execute("SELECT count(*) FROM message WHERE state = 'withdrawn'").fetchone()[0]
    )
    assert kept == 3


async def test_a_reply_whose_replacement_failed_without_a_word_is_shown_again(history: History) -> None:
    first = await say(history, "One")
    for failed in (again(first), new_turn("Edited", replaces=first)):
        await history.begin_turn(failed)
        assert await texts(history) != ["One", "Hi."]
        await history.finish_turn(replace(failed, outcome=Outcome.FAILED))
        assert await texts(history) == ["One", "Hi."]


async def test_a_failed_turn_stays_where_it_took_no_place_or_said_something(history: History) -> None:
    first = await say(history, "One")
    failed = new_turn("Two", parent=first.reply.id)
    await history.begin_turn(failed)
    await history.finish_turn(replace(failed, outcome=Outcome.FAILED))
    assert await texts(history) == ["One", "Hi.", "Two", ""]
    repeated = again(failed)
    await history.begin_turn(repeated)
    await history.finish_turn(ended(repeated, TextPart("Half"), outcome=Outcome.FAILED))
    assert await texts(history) == ["One", "Hi.", "Two", "Half"]


async def test_two_processes_in_one_conversation_do_not_hide_each_others_turns(path: Path) -> None:
    async with opened(path) as (_, here), opened(path) as (_, there):
        first = await say(here, "One")
        two, three = (new_turn(text, parent=first.reply.id) for text in ("Two", "Three"))
        await here.begin_turn(two)
        await there.begin_turn(three)
        await there.finish_turn(ended(three, TextPart("3")))
        await here.finish_turn(ended(two, TextPart("2")))
        four = new_turn("Four", parent=two.reply.id)
        await here.begin_turn(four)
        await here.finish_turn(ended(four, TextPart("4")))
        for history in (here, there):
            assert await texts(history) == ["One", "Hi.", "Two", "2", "Three", "3", "Four", "4"]


async def test_two_processes_may_both_begin_a_conversation(path: Path) -> None:
    async with opened(path) as (_, here), opened(path) as (_, there):
        for history, text in ((here, "One"), (there, "Two")):
            turn = new_turn(text)
            await history.begin_turn(turn)
            await history.finish_turn(ended(turn))
        assert await texts(here) == ["One", "Hi.", "Two", "Hi."]
        assert (await here.conversations())[0].title == "One"


async def test_a_turn_withdrawn_before_that_of_another_process_is_not_shown(path: Path) -> None:
    async with opened(path) as (_, here), opened(path) as (_, there):
        first = await say(here, "One")
        typo, two = (new_turn(text, parent=first.reply.id) for text in ("Typo", "Two"))
        await here.begin_turn(typo)
        await there.begin_turn(two)
        await there.finish_turn(ended(two))
        await here.finish_turn(replace(typo, outcome=Outcome.WITHDRAWN))
        shown = turns_of(CONVERSATION, await here.load(CONVERSATION))
        assert [turn.prompt.text for turn in shown] == ["One", "Two"]


async def test_an_edit_takes_the_place_it_was_made_for_whatever_another_process_added(path: Path) -> None:
    async with opened(path) as (_, here), opened(path) as (_, there):
        first = await say(here, "One")
        await say(there, "Two")
        edited = new_turn("Edited", replaces=first)
        await here.begin_turn(edited)
        await here.finish_turn(ended(edited))
        assert await texts(there) == ["Edited", "Hi."]


async def test_a_turn_after_a_withdrawn_one_whose_end_was_not_stored_does_not_follow_it(
    history: History,
) -> None:
    first = await say(history, "One")
    await history.begin_turn(new_turn("Typo", parent=first.reply.id))
    turn = new_turn("Two", parent=first.reply.id)
    await history.begin_turn(turn)
    await history.finish_turn(ended(turn))
    assert await texts(history) == ["One", "Hi.", "Two", "Hi."]


async def test_a_conversation_is_listed_from_its_first_kept_turn_on(history: History) -> None:
    await history.set_model(CONVERSATION, "openai", "gpt")
    await history.set_system(CONVERSATION, "x")
    withdrawn = new_turn("Typo")
    await history.begin_turn(withdrawn)
    await history.finish_turn(ended(withdrawn, outcome=Outcome.WITHDRAWN))
    assert await history.conversations() == []
    assert await history.last_conversation() is None
    assert await history.load(CONVERSATION) == []
    await say(history, "Right")
    assert [row.title for row in await history.conversations()] == ["Right"]


async def test_a_turn_whose_beginning_was_not_stored_is_stored_whole_at_its_end(history: History) -> None:
    await say(history, "One")
    turn = new_turn("Two", parent=(await history.load(CONVERSATION))[-1].message.id)
    await history.finish_turn(ended(turn, TextPart("Late.")))
    assert await texts(history) == ["One", "Hi.", "Two", "Late."]


async def test_a_turn_after_one_that_was_never_stored_continues_what_is_shown(history: History) -> None:
    await say(history, "One")
    turn = new_turn("Three", parent="of the turn that was lost")
    await history.begin_turn(turn)
    await history.finish_turn(ended(turn))
    assert await texts(history) == ["One", "Hi.", "Three", "Hi."]


@pytest.mark.parametrize(
    ("prompt", "title"),
    [("\n\n  first \nsecond", "first"), ("x" * 100, "x" * 80), ("", ""), ("a\u2028b", "a")],
)
async def test_the_title_is_the_first_line_of_the_first_prompt(
    history: History, prompt: str, title: str
) -> None:
    await say(history, prompt)
    await say(history, "later")
    assert (await history.conversations())[0].title == title


async def test_a_title_of_its_own_stays(history: History) -> None:
    first = await say(history, "One")
    before = (await history.conversations())[0].updated_at
    await history.rename(CONVERSATION, "  Mine\nnot this")
    assert (await history.conversations())[0].updated_at == before
    await history.begin_turn(again(first))
    assert (await history.conversations())[0].title == "Mine"
    with pytest.raises(StoreError, match="blank"):
        await history.rename(CONVERSATION, " \n ")
    with pytest.raises(StoreError, match="nowhere"):
        await history.rename("nowhere", "x")


async def test_conversations_come_newest_first_and_are_found_by_part_of_the_title(history: History) -> None:
    for number, title in enumerate(("Grüße aus Köln", "100% sure", "under_score", "plain")):
        await say(history, title, conversation=f"{number:016x}")
    await say(history, "again", conversation=f"{0:016x}")
    shown = [row.title for row in await history.conversations()]
    assert shown == ["Grüße aus Köln", "plain", "under_score", "100% sure"]
    assert [row.title for row in await history.conversations(2)] == shown[:2]
    last = await history.last_conversation()
    assert last is not None
    assert last.title == shown[0]
    for part, found in (("KÖLN", 1), ("grüsse", 1), ("%", 1), ("_", 1), ("\\", 0), ("'", 0), ("a", 2)):
        assert len(await history.conversations(filter=part)) == found, part


async def test_a_conversation_is_found_by_the_beginning_of_its_id(history: History) -> None:
    for conversation in ("abc1000000000000", "abc2000000000000"):
        await say(history, "x", conversation=conversation)
    assert (await history.find(" ABC1 ")).id == "abc1000000000000"
    with pytest.raises(StoreError, match="'abc'") as several:
        await history.find("abc")
    assert "abc1000000000000" in several.value.hint
    for nothing in ("", "abd", "%", "\ud800", "\0"):
        with pytest.raises(StoreError, match="No conversation"):
            await history.find(nothing)


async def test_system_and_model_of_a_conversation_change(history: History) -> None:
    await say(history, "x")
    await history.set_system(CONVERSATION, "Be kind.")
    await history.set_model(CONVERSATION, "openai", "gpt")
    found = await history.find(CONVERSATION)
    assert (found.system, found.provider, found.model) == ("Be kind.", "openai", "gpt")


async def test_deleting_is_undone_within_a_day_and_final_after(history: History, clock: FixedClock) -> None:
    await say(history, "x")
    await history.delete(CONVERSATION)
    assert await history.conversations() == []
    with pytest.raises(StoreError):
        await history.find(CONVERSATION)
    assert await history.purge_deleted() == 0
    await history.undelete(CONVERSATION)
    assert await texts(history) == ["x", "Hi."]
    await history.delete(CONVERSATION)
    clock.now += UNDO_TIME + timedelta(seconds=1)
    assert await history.purge_deleted() == 1
    assert await texts(history) == []
    for change in (history.delete, history.undelete):
        with pytest.raises(StoreError, match=CONVERSATION):
            await change(CONVERSATION)


async def test_a_turn_in_a_deleted_conversation_brings_it_back(history: History) -> None:
    await say(history, "One")
    await history.delete(CONVERSATION)
    await say(history, "Two")
    assert len(await history.conversations()) == 1


async def test_attachments_are_stored_once_and_go_with_their_last_message(
    history: History, clock: FixedClock
) -> None:
    used, unused = [await history.put_blob("text/plain", data) for data in (b"used", b"\x00\xff" * 9999)]
    assert await history.put_blob("text/plain", b"used") == used
    assert await history.blob(unused) == b"\x00\xff" * 9999
    turn = new_turn()
    turn = replace(turn, prompt=replace(turn.prompt, parts=(FilePart("a", "text/plain", used),)))
    await history.begin_turn(turn)
    await history.purge_deleted()
    assert await history.blob(unused), "put there a moment ago, for a prompt that is not sent yet"
    clock.now += UNDO_TIME + timedelta(minutes=1)
    await history.purge_deleted()
    assert await history.blob(used) == b"used"
    with pytest.raises(StoreError, match=unused[:12]):
        await history.blob(unused)
    await history.delete(CONVERSATION)
    clock.now += UNDO_TIME + timedelta(minutes=1)
    await history.purge_deleted()
    with pytest.raises(StoreError):
        await history.blob(used)


async def test_whatever_a_text_or_a_number_holds_it_is_stored(history: History) -> None:
    turn = new_turn("nul \0 half \ud83d pair \ud83d\ude00", conversation_id="\0\ud800")
    turn = replace(turn, options={"a\udfff": "\0", "n": 2**70}, system="\udc00", model="m\0")
    await history.begin_turn(turn)
    await history.append_chunk(turn.reply.id, "text", "\0\udfff")
    turn = replace(
        ended(turn, TextPart("\ud83d"), ThinkingPart("\0"), OpaquePart("x", "\udfff")),
        usage=Usage(input=2**63, output=-(2**80)),
        error=StoreError("\ud800", "\0"),
    )
    await history.finish_turn(turn)
    prompt, reply = await history.load("\0\ud800")
    assert prompt.message.text == "nul \u2400 half \ufffd pair 😀"
    assert reply.message.parts == (TextPart("\ufffd"), ThinkingPart("\u2400"), OpaquePart("x", "\ufffd"))
    assert reply.options == {"a\ufffd": "\u2400", "n": 2**63 - 1}
    assert reply.usage == Usage(input=2**63 - 1, output=-(2**63))
    assert reply.error_message == "\ufffd"


async def test_a_part_of_a_newer_version_is_told_and_kept(history: History, database: Database) -> None:
    await say(history, "x")
    parts = '[{"type":"text","text":"a","new":1},{"type":"hologram","rays":[1,2]}]'
    await database.write(
        lambda c: c.execute(
            "UPDATE message SET parts = ?, stop_reason = 'bored' WHERE state NOT NULL", (parts,)
        )
    )
    reply = (await history.load(CONVERSATION))[-1]
    assert reply.message.parts[0] == TextPart("a")
    assert "hologram" in reply.message.text
    assert reply.unknown_parts == ('{"type":"hologram","rays":[1,2]}',)
    assert reply.stop_reason is StopReason.OTHER
    stored = await database.read(
        lambda c: c.execute("SELECT parts FROM message WHERE state NOT NULL").fetchone()[0]
    )
    assert stored == parts


async def test_a_long_conversation_is_loaded_whole(history: History, database: Database) -> None:
    def grow(connection: sqlite3.Connection) -> None:
        for number in range(1, 3001):
            database_row = (f"m{number}", f"m{number - 1}" if number > 1 else None, number)
            connection.execute(
                "INSERT INTO message (id, conversation_id, parent_id, depth, role, parts, chars, lines, created_at)"
                f" VALUES (?, '{CONVERSATION}', ?, ?, 'user', '[]', 0, 0, 0)",
                database_row,
            )
        connection.execute("UPDATE conversation SET head_id = 'm3000'")

    await say(history, "x")
    await database.write(grow)
    loaded = await history.load(CONVERSATION)
    assert [stored.message.id for stored in loaded] == [f"m{number}" for number in range(1, 3001)]
    assert (await history.find(CONVERSATION)).message_count == 3000


async def test_turns_are_made_of_pairs_only(history: History) -> None:
    await say(history, "One")
    await say(history, "Two")
    stored = await history.load(CONVERSATION)
    assert [turn.prompt.text for turn in turns_of(CONVERSATION, stored)] == ["One", "Two"]
    assert [turn.prompt.text for turn in turns_of(CONVERSATION, stored[1:])] == ["Two"]
    assert turns_of(CONVERSATION, [stored[0], stored[3]]) == ()


async def test_a_conversation_is_open_in_one_program_at_a_time(path: Path) -> None:
    async with opened(path) as (_, first), opened(path) as (_, second):
        await say(first, "One")
        assert await first.claim(CONVERSATION)
        assert not await second.claim(CONVERSATION)
        with pytest.raises(OpenElsewhereError):
            await second.begin_turn(new_turn("Two"))
        with pytest.raises(OpenElsewhereError):  # stopped before it could begin
            await second.finish_turn(ended(new_turn("Two")))
        assert await texts(first) == ["One", "Hi."]
        await second.set_model(CONVERSATION, "other", "other")
        assert (await first.find(CONVERSATION)).provider != "other"
        assert await first.claim("another conversation")
        with pytest.raises(OpenElsewhereError):  # what it shows may be old by now
            await second.begin_turn(new_turn("Two"))
        assert await second.claim(CONVERSATION)
        await say(second, "Two")
        assert await texts(first) == ["One", "Hi.", "Two", "Hi."]
        assert not await first.claim(CONVERSATION)
    async with opened(path) as (_, third):
        assert await third.claim(CONVERSATION)
