"""Several processes on one database, and processes that are killed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from chatterm.core.turn import Outcome
from chatterm.store.instances import Instances
from tests.store.builders import CONVERSATION, ended, new_turn, opened, texts
from tests.store.writer import chunk

RUNS = 20
SEED = 20_260_102
TURNS = 200
STARTS = 10


def start_writer(*words: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.store.writer", *map(str, words)]
    return subprocess.Popen(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


async def test_a_killed_process_loses_nothing_that_was_stored(tmp_path: Path) -> None:
    print(f"seed {SEED}")
    writer = start_writer("killed", tmp_path, SEED, RUNS)
    output, problems = writer.communicate(timeout=60)
    assert (writer.returncode, problems) == (0, "")
    for run, reported in enumerate(map(int, output.split())):
        async with opened(tmp_path / f"{run}.db") as (database, history):
            assert database.notices == ()
            assert await history.recover() == ("Write until you are killed",)
            assert await history.recover() == ()
            prompt, reply = await history.load(CONVERSATION)
            check = await database.read(lambda c: c.execute("PRAGMA integrity_check").fetchone()[0])
        assert check == "ok"
        assert prompt.message.text == "Write until you are killed"
        assert (reply.state, reply.recovered) == (Outcome.INTERRUPTED, True)
        stored = reply.message.text
        count = len(stored) // len(chunk(0))
        assert stored == "".join(map(chunk, range(count)))
        # The last chunk may have been stored without there having been time to say so.
        assert reported <= count <= reported + 1, f"run {run}"
        assert (reply.chars, reply.lines) == (len(stored), 1 if stored else 0)
    assert run == RUNS - 1


async def test_two_processes_write_at_the_same_time(path: Path) -> None:
    writers = [start_writer("turns", path, name, TURNS) for name in ("left", "right")]
    for writer in writers:
        _, problems = writer.communicate(timeout=100)
        assert (writer.returncode, problems) == (0, "")
    async with opened(path) as (_, history):
        for name in ("left", "right"):
            expected = [text for number in range(TURNS) for text in (f"{name} {number}", f"reply {number}")]
            assert await texts(history, name) == expected


async def test_many_may_start_at_the_same_moment_with_no_file_there(tmp_path: Path) -> None:
    writer = start_writer("start", tmp_path, STARTS, 6)
    output, problems = writer.communicate(timeout=60)
    assert (writer.returncode, output, problems) == (0, "", "")
    for run in range(STARTS):
        async with opened(tmp_path / f"{run}.db") as (_, history):
            assert {row.title for row in await history.conversations()} == {f"turn {n}" for n in range(6)}


async def test_a_reply_that_another_process_still_writes_is_left_alone(path: Path) -> None:
    async with opened(path) as (_, writing), opened(path) as (_, reading):
        turn = new_turn()
        await writing.begin_turn(turn)
        await writing.append_chunk(turn.reply.id, "text", "so far")
        assert await reading.recover() == ()
        reply = (await reading.load(CONVERSATION))[-1]
        assert (reply.message.text, reply.state) == ("so far", None)
        await writing.finish_turn(ended(turn))
        assert (await reading.load(CONVERSATION))[-1].state is Outcome.COMPLETE


def test_instances_know_who_is_alive(tmp_path: Path) -> None:
    folder = tmp_path / "instances"
    one, two = Instances(folder), Instances(folder)
    assert one.name != two.name
    assert one.name.startswith(f"{os.getpid()}-")
    assert one.is_alive(two.name)
    assert one.is_alive(one.name)
    assert not one.is_alive("1-never")
    two.close()
    assert not one.is_alive(two.name)
    one.clear()
    assert [file.name for file in folder.iterdir()] == [f"{one.name}.lock"]
    one.close()
    assert list(folder.iterdir()) == []


def test_what_a_killed_instance_left_is_cleared(tmp_path: Path) -> None:
    folder = tmp_path / "instances"
    code = "import os, sys; from pathlib import Path; from chatterm.store.instances import Instances; "
    code += "print(Instances(Path(sys.argv[1])).name, flush=True); os.kill(os.getpid(), 9)"
    killed = subprocess.run(
        [sys.executable, "-c", code, folder], stdout=subprocess.PIPE, text=True, check=False
    )
    name = killed.stdout.strip()
    assert (folder / f"{name}.lock").exists()
    mine = Instances(folder)
    assert not mine.is_alive(name)
    mine.clear()
    assert not (folder / f"{name}.lock").exists()
    assert mine.is_alive(mine.name)
    mine.close()
