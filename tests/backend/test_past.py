"""What was said before the turns of a session: exact, read on demand, and sent with every prompt."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import pytest

from chatterm.backend.context import context_of
from chatterm.backend.past import STEP_MESSAGES, TAIL_MESSAGES, WHOLE_MESSAGES, Past, PastTurn, read_end
from chatterm.backend.payload_cache import PayloadCache
from chatterm.backend.session import Prompt, Session
from chatterm.backend.worker import Worker
from chatterm.core.errors import StoreError
from chatterm.core.turn import Outcome, Turn
from chatterm.store.database import Database
from chatterm.store.history import History
from chatterm.store.rows import StoredMessage
from chatterm.store.turns import turns_of
from tests.doubles.provider import GatedProvider
from tests.store.builders import CONVERSATION, again, ended, new_turn, opened, say
from tests.store.long import delete_messages, make_long_file, prompt_text, reply_text
from tests.store.test_processes import start_writer

LONG = 1_500
"""Messages: more than two steps."""


class WatchedHistory(History):
    """Counts the windows that are read, and can let them fail or wait."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.windows = 0
        self.failure: StoreError | None = None
        self.reading = asyncio.Event()
        self.may_read = asyncio.Event()
        self.may_read.set()

    async def window(self, last_id: str, first: int, count: int) -> list[StoredMessage]:
        self.windows += 1
        self.reading.set()
        await self.may_read.wait()
        if self.failure is not None:
            raise self.failure
        return await super().window(last_id, first, count)


@pytest.fixture
async def history(tmp_path: Path) -> AsyncIterator[WatchedHistory]:
    make_long_file(tmp_path / "long.db", LONG)
    database = Database(tmp_path / "long.db")
    yield WatchedHistory(database)
    assert database.close(5)


async def end_of(history: History) -> tuple[tuple[Turn, ...], Past]:
    turns, past = await read_end(history, await history.find(CONVERSATION))
    assert past is not None
    return turns, past


async def all_of(history: History) -> list[Turn]:
    return same(turns_of(CONVERSATION, await history.load(CONVERSATION)))


def same(turns: Iterable[Turn]) -> list[Turn]:
    """The turns in a form in which what was read twice is equal: some of a turn is not stored."""
    return [replace(turn, id="", sent_messages=None, encoded_messages=None) for turn in turns]


def placed_same(found: Iterable[PastTurn]) -> list[tuple[int, Turn]]:
    return [(placed.position, replace(placed.turn, id="")) for placed in found]


async def say_after(history: History, parent: str, count: int) -> None:
    """Turns one after the other; quicker than `say`, which reads all before each."""
    for number in range(count):
        turn = new_turn(f"later {number}", parent=parent)
        await history.begin_turn(turn)
        await history.finish_turn(ended(turn))
        parent = turn.reply.id


async def test_the_end_and_the_past_are_the_whole(history: WatchedHistory) -> None:
    turns, past = await end_of(history)
    assert len(turns) == TAIL_MESSAGES // 2
    assert past.count == LONG - TAIL_MESSAGES
    assert sum(run.count for run in past.outline) == past.count
    assert history.windows == 0
    whole = await all_of(history)
    assert same((*await past.all(), *turns)) == whole
    assert await past.context() == context_of(whole[: past.count // 2])


@pytest.mark.parametrize(
    ("first", "count", "positions"),
    [
        (0, 1, [0]),
        (1, 1, [0]),
        (3, 2, [2, 4]),
        (4, 4, [4, 6]),
        (-5, 8, [0, 2]),
        (LONG - TAIL_MESSAGES - 2, 9, [LONG - TAIL_MESSAGES - 2]),
        (LONG - TAIL_MESSAGES, 9, []),
        (7, 0, []),
        (7, -3, []),
    ],
)
async def test_a_window_has_the_turns_that_reach_into_it(
    history: WatchedHistory, first: int, count: int, positions: list[int]
) -> None:
    _, past = await end_of(history)
    found = await past.turns(first, count)
    assert [placed.position for placed in found] == positions
    for placed in found:
        assert placed.turn.prompt.text == prompt_text(placed.position)
        assert placed.turn.reply.text == reply_text(placed.position + 1)


async def test_positions_stay_while_the_conversation_goes_on(history: WatchedHistory) -> None:
    turns, past = await end_of(history)
    before = placed_same(await past.turns(100, 20))
    at_the_end = placed_same(await past.turns(past.count - 4, 4))
    # Another program says more, and asks the first of the loaded turns again, which hides the others.
    await say(history, "More")
    repeated = again(turns[0])
    await history.begin_turn(repeated)
    await history.finish_turn(ended(repeated))
    assert len(await history.load(CONVERSATION)) == past.count + 2
    assert placed_same(await past.turns(100, 20)) == before
    assert placed_same(await past.turns(past.count - 4, 4)) == at_the_end


async def test_a_short_conversation_has_no_past(tmp_path: Path) -> None:
    make_long_file(tmp_path / "short.db", WHOLE_MESSAGES)
    async with opened(tmp_path / "short.db") as (_, history):
        turns, past = await read_end(history, await history.find(CONVERSATION))
        assert (len(turns), past) == (WHOLE_MESSAGES // 2, None)


async def withdrawn_at_the_end(history: History) -> None:
    """A turn that was stopped before it said anything, while another process went on after it."""
    turn = new_turn("Never mind", parent=(await history.load(CONVERSATION))[-1].message.id)
    await history.begin_turn(turn)
    follower = new_turn("Go on", parent=turn.reply.id)
    await history.begin_turn(follower)
    await history.finish_turn(ended(turn, outcome=Outcome.WITHDRAWN))
    await history.finish_turn(ended(follower))


async def test_a_withdrawn_turn_leaves_its_positions_empty(history: WatchedHistory) -> None:
    await withdrawn_at_the_end(history)
    shown = await history.load(CONVERSATION, 1)
    await say_after(history, shown[0].message.id, TAIL_MESSAGES // 2)
    _, past = await end_of(history)
    assert past.count == LONG + 4
    found = await past.turns(LONG - 2, 6)
    assert [placed.position for placed in found] == [LONG - 2, LONG + 2]
    assert [placed.turn.prompt.text for placed in found][1] == "Go on"


async def test_an_end_of_withdrawn_turns_alone_shows_what_is_before_them(
    history: WatchedHistory, tmp_path: Path
) -> None:
    connection = sqlite3.connect(tmp_path / "long.db", isolation_level=None)
    withdraw = "UPDATE message SET state = 'withdrawn' WHERE state NOT NULL"
    connection.execute(f"{withdraw} AND depth > ?", (LONG - 300,))
    turns, past = await read_end(history, await history.find(CONVERSATION))
    assert (len(turns), past) == ((LONG - 300) // 2, None)
    connection.execute(withdraw)
    connection.close()
    assert await read_end(history, await history.find(CONVERSATION)) == ((), None)


async def test_what_was_deleted_for_good_is_missed(history: WatchedHistory, tmp_path: Path) -> None:
    _, past = await end_of(history)
    delete_messages(tmp_path / "long.db", LONG)
    for read in (past.turns(0, 10), past.all(), past.context()):
        with pytest.raises(StoreError, match="no longer in the history"):
            await read


async def test_all_costs_as_much_more_as_there_is_more_even_where_nothing_is_alone(tmp_path: Path) -> None:
    costs: list[float] = []
    for steps in (4, 12):
        path = tmp_path / f"{steps}.db"
        make_long_file(path, steps * STEP_MESSAGES + TAIL_MESSAGES)
        double(path)
        async with opened(path) as (database, history):
            _, past = await end_of(history)
            ticks = await count_ticks(database)
            assert len(await past.all()) == steps * STEP_MESSAGES // 2
            costs.append(len(ticks) / steps)
    assert costs[1] < 1.5 * costs[0], costs


def double(path: Path) -> None:
    """A second branch beside the first one, from the root on."""
    connection = sqlite3.connect(path, isolation_level=None)
    columns = [row[1] for row in connection.execute("PRAGMA table_info(message)")]
    changed = {"id": "'x' || id", "parent_id": "'x' || parent_id"}
    chosen = ", ".join(changed.get(name, name) for name in columns)
    connection.execute(f"INSERT INTO message SELECT {chosen} FROM message ORDER BY depth")
    connection.close()


async def count_ticks(database: Database) -> list[None]:
    """One item per hundred instructions of SQLite's machine from now on."""
    ticks: list[None] = []
    await database.read(lambda connection: connection.set_progress_handler(lambda: ticks.append(None), 100))
    return ticks


# ---- opening ------------------------------------------------------------------------------------


@dataclass
class Counter:
    """A row factory that counts."""

    rows: int = 0
    bytes: int = 0

    def __call__(self, cursor: sqlite3.Cursor, values: tuple[object, ...]) -> sqlite3.Row:
        self.rows += 1
        self.bytes += sum(len(str(value)) for value in values if value is not None)
        return sqlite3.Row(cursor, values)


@pytest.mark.parametrize("messages", [10_000, 100_000])
async def test_opening_reads_few_rows_however_long_the_conversation(tmp_path: Path, messages: int) -> None:
    make_long_file(tmp_path / "long.db", messages)
    async with opened(tmp_path / "long.db") as (database, history):
        counter = Counter()
        await database.read(lambda connection: setattr(connection, "row_factory", counter))
        row = await history.last_conversation()
        assert row is not None
        turns, past = await read_end(history, row)
        assert past is not None
        assert past.count + 2 * len(turns) == messages
    assert counter.rows <= 200
    assert counter.bytes <= 2 * TAIL_MESSAGES * len(reply_text(messages))
    print(f"{messages} messages: {counter.rows} rows, {counter.bytes} bytes")


# ---- turns after a past -------------------------------------------------------------------------


def session_on(history: History) -> tuple[Session, GatedProvider]:
    async def load_blobs(digests: frozenset[str]) -> dict[str, bytes]:
        return dict.fromkeys(digests, b"")

    worker = Worker(PayloadCache(), load_blobs, time.monotonic)
    provider = GatedProvider()
    session = Session(history, worker, conversation_id=CONVERSATION)
    session.target = provider.target()
    return session, provider


async def resumed(history: History) -> tuple[Session, GatedProvider]:
    session, provider = session_on(history)
    session.turns, session.past = await read_end(history, await history.find(CONVERSATION))
    return session, provider


async def test_all_that_was_said_is_sent_and_read_once(history: WatchedHistory) -> None:
    session, provider = await resumed(history)
    assert session.earlier_count == LONG - TAIL_MESSAGES
    whole = await all_of(history)
    for number in range(3):
        handle = session.start_turn(Prompt(f"new {number}"))
        (await provider.opened()).reply(f"answer {number}")
        assert (await handle.result()).outcome is Outcome.COMPLETE
    first, second, third = (request.body.removesuffix(b'],"stream": true}') for request in provider.requests)
    expected = [message.text for message in context_of(whole)]
    assert [item["text"] for item in provider.bodies()[0]] == [*expected, "new 0"]
    assert second.startswith(first)
    assert third.startswith(second)
    assert history.windows == -(-session.earlier_count // STEP_MESSAGES)
    assert same(await session.all_turns()) == await all_of(history)


async def test_a_past_that_cannot_be_read_fails_the_turn_and_keeps_the_prompt(
    history: WatchedHistory,
) -> None:
    session, provider = await resumed(history)
    history.failure = StoreError("The history is locked by another program.", "Close it.")
    turn = await session.start_turn(Prompt("keep me")).result()
    assert (turn.outcome, turn.error) == (Outcome.FAILED, history.failure)
    assert provider.requests == []
    assert session.turns[-1] is turn
    with pytest.raises(StoreError, match="locked"):
        await session.all_turns()
    assert (await all_of(history))[-1].prompt.text == "keep me"
    history.failure = None
    handle = session.regenerate()
    assert handle is not None
    (await provider.opened()).reply("at last")
    assert (await handle.result()).outcome is Outcome.COMPLETE
    assert [item["text"] for item in provider.bodies()[0]][-1] == "keep me"
    assert len(provider.bodies()[0]) == LONG + 1


async def test_a_turn_is_stopped_while_the_past_is_read(history: WatchedHistory) -> None:
    session, provider = await resumed(history)
    before = session.turns
    history.may_read.clear()
    handle = session.start_turn(Prompt("never mind"))
    await history.reading.wait()
    assert handle.cancel()
    assert (await handle.result()).outcome is Outcome.WITHDRAWN
    assert session.turns == before
    assert provider.requests == []


async def test_another_process_says_more_while_this_one_reads(tmp_path: Path) -> None:
    path = tmp_path / "shared.db"
    make_long_file(path, 400)
    async with opened(path) as (_, history):
        turns, past = await end_of(history)
        writer = start_writer("turns", path, CONVERSATION, 20)
        rounds = 0
        while writer.poll() is None or rounds == 0:
            found = await past.turns((37 * rounds) % past.count, 30)
            for placed in found:
                assert placed.turn.prompt.text == prompt_text(placed.position)
            assert all(one.position + 2 == other.position for one, other in pairwise(found))
            rounds += 1
        _, problems = writer.communicate(timeout=60)
        assert (writer.returncode, problems) == (0, "")
        whole = await all_of(history)
        assert len(whole) == 200 + 20
        assert same((*await past.all(), *turns)) == whole[:200]
