"""Parts of a branch are exactly those of the whole, whatever lies beside it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatterm.core.turn import Outcome
from chatterm.store import branch
from chatterm.store.connection import open_database
from chatterm.store.migrations import MIGRATIONS, migrate, schema_version
from chatterm.store.rows import OutlineRun
from tests.store.builders import CONVERSATION, again, ended, new_turn, opened, say, texts
from tests.store.long import prompt_text, reply_text, write_conversation

BEFORE_BY_DEPTH = MIGRATIONS[: next(n for n, step in enumerate(MIGRATIONS) if "message_by_depth" in step[0])]

# Each number begins a turn after the reply of that number (0: at the root), or, where negative, is one more
# reply to the prompt of that number; numbers wrap around what there is.
Trees = st.lists(st.integers(-40, 40), min_size=1, max_size=40)


class Tree:
    """A conversation of prompts and replies in which any may have several children."""

    def __init__(self, steps: list[int]) -> None:
        self.parents: dict[str, str | None] = {}
        self.prompts: list[str] = []
        self.replies: list[str] = []
        for step in steps:
            if step < 0 and self.prompts:
                prompt = self.prompts[step % len(self.prompts)]
            else:
                place = step % (len(self.replies) + 1)
                prompt = self._add("p", self.replies[place - 1] if place else None)
                self.prompts.append(prompt)
            self.replies.append(self._add("r", prompt))

    def _add(self, kind: str, parent: str | None) -> str:
        name = f"{kind}{len(self.parents)}"
        self.parents[name] = parent
        return name

    def path(self, last: str) -> list[str]:
        found, name = list[str](), last
        while name is not None:
            found.append(name)
            name = self.parents[name]
        return found[::-1]

    def store(self, connection: sqlite3.Connection, head: str) -> None:
        connection.execute("DELETE FROM conversation")
        connection.execute(
            "INSERT INTO conversation (id, title, created_at, updated_at, provider, model, head_id)"
            " VALUES (?, '', 0, 0, '', '', ?)",
            (CONVERSATION, head),
        )
        connection.executemany(
            "INSERT INTO message (id, conversation_id, parent_id, depth, role, parts, chars, lines, created_at)"
            " VALUES (?, ?, ?, ?, ?, '[]', 10, 2, 0)",
            [
                (name, CONVERSATION, parent, len(self.path(name)), "user" if name[0] == "p" else "assistant")
                for name, parent in self.parents.items()
            ],
        )


@pytest.fixture(scope="module")
def memory() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA foreign_keys=ON")
    migrate(connection)
    yield connection
    connection.close()


@given(steps=Trees, data=st.data())
def test_a_part_is_that_of_the_whole(memory: sqlite3.Connection, steps: list[int], data: Any) -> None:
    tree = Tree(steps)
    head, last = (data.draw(st.sampled_from(tree.replies)) for _ in range(2))
    tree.store(memory, head)
    whole = branch.end(memory, CONVERSATION, None)
    assert [stored.message.id for stored in whole] == tree.path(head)
    assert [stored.position for stored in whole] == list(range(len(whole)))
    count = data.draw(st.integers(0, len(whole) + 2))
    assert branch.end(memory, CONVERSATION, count) == whole[max(0, len(whole) - count) :]
    expected = tree.path(last)
    first, count = (data.draw(st.integers(0, len(expected) + 2)) for _ in range(2))
    found = branch.part(memory, last, first, count)
    assert [stored.message.id for stored in found] == expected[first : first + count]
    assert [stored.position for stored in found] == list(range(len(expected)))[first : first + count]


@given(steps=Trees, data=st.data())
def test_an_outline_measures_as_many_messages_as_were_asked_for(
    memory: sqlite3.Connection, steps: list[int], data: Any
) -> None:
    tree = Tree(steps)
    head = data.draw(st.sampled_from(tree.replies))
    tree.store(memory, head)
    count = data.draw(st.integers(1, len(tree.path(head))))
    assert branch.outline(memory, CONVERSATION, count) == (OutlineRun(count, 10 * count, 2 * count),)


def test_what_is_not_stored_has_nothing(memory: sqlite3.Connection) -> None:
    assert branch.end(memory, "nowhere", 10) == []
    assert branch.part(memory, "nothing", 0, 10) == []
    assert branch.outline(memory, "nowhere", 0) == ()


def test_an_outline_is_exact_where_there_is_one_branch(memory: sqlite3.Connection) -> None:
    memory.execute("DELETE FROM conversation")
    write_conversation(memory, 2 * branch.RUN_MESSAGES + 10)
    runs = branch.outline(memory, CONVERSATION, 2 * branch.RUN_MESSAGES + 4)
    assert [run.count for run in runs] == [branch.RUN_MESSAGES, branch.RUN_MESSAGES, 4]
    first = 2 * branch.RUN_MESSAGES
    spoken = [prompt_text(first), reply_text(first + 1), prompt_text(first + 2), reply_text(first + 3)]
    assert (runs[2].chars, runs[2].lines) == (sum(map(len, spoken)), 2 * (1 + 3))


def test_no_text_is_read_for_an_outline(memory: sqlite3.Connection) -> None:
    plans = list[str]()

    def explain(statement: str) -> None:
        if statement.startswith("SELECT"):
            rows = memory.execute(f"EXPLAIN QUERY PLAN {statement}").fetchall()
            plans.extend(row["detail"] for row in rows)

    memory.set_trace_callback(explain)
    try:
        branch.outline(memory, CONVERSATION, 10)
    finally:
        memory.set_trace_callback(None)
    assert plans
    assert all("USING COVERING INDEX message_by_depth" in plan for plan in plans)


def steps_of(connection: sqlite3.Connection, work: Callable[[], object]) -> int:
    """How many hundreds of instructions of its machine SQLite does for the work."""
    count = 0

    def tick() -> None:
        nonlocal count
        count += 1

    connection.set_progress_handler(tick, 100)
    try:
        work()
    finally:
        connection.set_progress_handler(None, 0)
    return count


def test_a_part_costs_the_same_wherever_it_is(memory: sqlite3.Connection) -> None:
    memory.execute("DELETE FROM conversation")
    write_conversation(memory, 10_000)
    costs = [
        steps_of(memory, lambda first=first: branch.part(memory, "m9999", first, 50))
        for first in (0, 100, 5_000, 9_950)
    ]
    assert max(costs) < 2 * min(costs), costs


async def test_replies_beside_each_other_and_one_that_streams(path: Path) -> None:
    async with opened(path) as (_, history):
        first = await say(history, "One", "1")
        repeated = again(first)
        await history.begin_turn(repeated)
        await history.finish_turn(ended(repeated))
        last = new_turn("Two", parent=repeated.reply.id)
        await history.begin_turn(last)
        await history.append_chunk(last.reply.id, "text", "so far")
        shown = await history.load(CONVERSATION, 3)
        assert [stored.message.text for stored in shown] == ["Hi.", "Two", "so far"]
        assert [stored.state for stored in shown] == [Outcome.COMPLETE, None, None]
        assert await history.window(last.reply.id, 1, 3) == shown
        old = await history.window(first.reply.id, 0, 9)
        assert [stored.message.text for stored in old] == ["One", "1"]


async def test_a_file_of_the_first_schema_gets_its_index(path: Path) -> None:
    path.parent.mkdir(parents=True)
    connection = sqlite3.connect(path, isolation_level=None)
    migrate(connection, BEFORE_BY_DEPTH)
    write_conversation(connection, 1_000)
    connection.close()
    database = open_database(path)
    assert database.notices == ()
    assert schema_version(database.connection) == len(MIGRATIONS)
    names = {row["name"] for row in database.connection.execute("SELECT name FROM sqlite_master")}
    assert "message_by_depth" in names
    assert "message_by_conversation" not in names
    database.close()
    assert len(list(path.parent.glob(f"{path.name}.schema-{len(BEFORE_BY_DEPTH)}-*"))) == 1
    async with opened(path) as (_, history):
        spoken = await texts(history)
        assert len(spoken) == 1_000
        window = await history.window("m999", 500, 2)
        assert [stored.message.text for stored in window] == spoken[500:502]
        assert spoken[500:502] == [prompt_text(500), reply_text(501)]
        assert sum(run.count for run in await history.outline(CONVERSATION, 1_000)) == 1_000
