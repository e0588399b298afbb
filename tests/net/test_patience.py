"""A limit on many waits with one timer, and a reply that comes faster than it is read."""

from __future__ import annotations

import asyncio
import time

import pytest

from chatterm.backend.net.client import HttpClients
from chatterm.backend.net.patience import Patience
from chatterm.backend.providers.base import Endpoint, WireRequest
from chatterm.core.turn import Stage
from tests.doubles.server import ScriptedServer
from tests.doubles.server_replies import LAST_CHUNK, Send, chunk, head

FAR = 3600.0


async def never() -> None:
    """Wait for what does not come."""
    await asyncio.Event().wait()


async def test_a_wait_ends_with_the_deadline_and_the_task_goes_on() -> None:
    patience = Patience(lambda: began)
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        await patience.wait(never())
    task = asyncio.current_task()
    assert task is not None and task.cancelling() == 0
    await asyncio.sleep(0)


async def test_a_deadline_that_comes_nearer_counts_from_the_next_wait_on() -> None:
    deadline = time.monotonic() + FAR
    patience = Patience(lambda: deadline)
    assert await patience.wait(asyncio.sleep(0, "first")) == "first"
    deadline = time.monotonic()
    async with asyncio.timeout(5):
        with pytest.raises(TimeoutError):
            await patience.wait(never())


async def test_a_deadline_that_moved_on_is_waited_for() -> None:
    deadlines = [time.monotonic()]
    patience = Patience(lambda: deadlines.pop() if deadlines else time.monotonic() + FAR)
    assert await patience.wait(asyncio.sleep(0.02, "late")) == "late"
    patience.close()


async def test_a_cancellation_by_somebody_else_stays_one() -> None:
    patience = Patience(lambda: time.monotonic() + FAR)
    task = asyncio.create_task(patience.wait(never()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    patience.close()


async def test_a_cancellation_after_a_deadline_that_passed_is_one_too() -> None:
    deadline = time.monotonic()
    patience = Patience(lambda: deadline)
    with pytest.raises(TimeoutError):
        await patience.wait(never())
    deadline += FAR
    task = asyncio.create_task(patience.wait(never()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    patience.close()


async def test_the_loop_comes_to_other_work_while_a_reply_is_there_already(
    server: ScriptedServer, clients: HttpClients
) -> None:
    """One read brings up to 64 KB, here 6,500 events, and none of them has to be waited for."""
    server.reply(Send(head("text/event-stream")), Send(chunk(b"data: {}\n\n" * 20_000)), Send(LAST_CHUNK))
    taken, at_once, before = 0, 0, 0

    async def do_other_work() -> None:
        nonlocal at_once, before
        while True:
            at_once, before = max(at_once, taken - before), taken
            await asyncio.sleep(0)

    other = asyncio.create_task(do_other_work())
    request = WireRequest(
        method="POST",
        url=f"{server.url}/v1/chat/completions",
        headers={},
        body=b"{}",
        framing="sse",
        endpoint=Endpoint(provider="mine", base_url=f"{server.url}/v1"),
    )
    async with clients.open_stream(request, _unwatched) as stream:
        async for _ in stream.frames():
            taken += 1
    await asyncio.sleep(0)
    other.cancel()
    assert taken == 20_000
    assert 0 < at_once < 2000


def _unwatched(stage: Stage, at: float) -> None:
    """Nobody looks on."""
