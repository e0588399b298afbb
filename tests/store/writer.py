"""Processes that write to a database, for tests that kill them or let them compete.

`writer.py turns PATH NAME COUNT`: that many whole turns in the conversation NAME.
`writer.py killed FOLDER SEED RUNS`: in each run a child writes chunks to FOLDER/RUN.db and is killed with
SIGKILL at a moment drawn from the seed; prints how many chunks each child had reported as stored.
`writer.py start FOLDER RUNS COUNT`: in each run COUNT children open FOLDER/RUN.db, which is not there yet, at
the same moment and say one turn each; prints whatever their databases had to tell the user.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
import time
from pathlib import Path

from tests.store.builders import new_turn, opened, say

CHUNK_BYTES = 700


def chunk(number: int) -> str:
    """The text of the numbered chunk."""
    return f"[{number:06d}]".ljust(CHUNK_BYTES, "x")


async def write_turns(path: Path, conversation: str, count: int) -> None:
    """Whole turns, one after the other."""
    async with opened(path) as (_, history):
        for number in range(count):
            await say(history, f"{conversation} {number}", f"reply {number}", conversation)


async def write_chunks(path: Path, told: int) -> None:
    """Chunks until killed; one byte goes to `told` for the prompt and for each chunk that is stored."""
    async with opened(path) as (_, history):
        turn = new_turn("Write until you are killed")
        await history.begin_turn(turn)
        os.write(told, b".")
        for number in range(1_000_000):
            await history.append_chunk(turn.reply.id, "text", chunk(number))
            os.write(told, b".")


def kill_one(path: Path, chance: random.Random) -> int:
    """Start a child, kill it, and return how many chunks it had reported."""
    listen, told = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(listen)
        asyncio.run(write_chunks(path, told))
        os._exit(1)
    os.close(told)
    reported, wanted = 0, chance.randint(1, 120)
    while reported < wanted:
        reported += len(os.read(listen, 1))
    time.sleep(chance.random() * 0.003)  # the moment of death, not a wait for something
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    while more := os.read(listen, 4096):
        reported += len(more)
    os.close(listen)
    return reported - 1


async def open_and_say(path: Path, number: int) -> None:
    """One turn; prints the notices."""
    async with opened(path) as (database, history):
        print(*database.notices, sep="\n", end="", flush=True)
        await say(history, f"turn {number}", conversation=str(number))


def start_together(path: Path, count: int) -> None:
    """Children that wait for a pipe to close, so that all begin at once."""
    gate, starter = os.pipe()
    children: list[int] = []
    for number in range(count):
        child = os.fork()
        if child == 0:
            os.close(starter)
            os.read(gate, 1)
            asyncio.run(open_and_say(path, number))
            os._exit(0)
        children.append(child)
    os.close(starter)
    os.close(gate)
    if any(os.waitpid(child, 0)[1] for child in children):
        sys.exit("a child failed")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["turns", place, conversation, count]:
            asyncio.run(write_turns(Path(place), conversation, int(count)))
        case ["killed", place, seed, runs]:
            seeded = random.Random(int(seed))
            for run in range(int(runs)):
                print(kill_one(Path(place) / f"{run}.db", seeded), flush=True)
        case ["start", place, runs, count]:
            for run in range(int(runs)):
                start_together(Path(place) / f"{run}.db", int(count))
        case other:
            sys.exit(f"{other}: see the text at the top of this file")
