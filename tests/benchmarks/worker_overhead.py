"""What the worker costs per event: from the bytes of a reply to turn events, beside a bare httpx and json loop.

Both read the same bytes from the same server, which is another process, in turn. The figures are processor time of
this whole process, the threads of the history included, for each event on the wire.
"""

from __future__ import annotations

import json
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from chatterm.backend.exchanges import Exchanges
from chatterm.backend.net.client import HttpClients
from chatterm.backend.payload_cache import PayloadCache
from chatterm.backend.providers.base import Endpoint
from chatterm.backend.retry import RetryPolicy
from chatterm.backend.session import ConversationStore, Prompt, Session
from chatterm.backend.target import Target
from chatterm.backend.wire_log.exchange_log import ExchangeLog
from chatterm.backend.worker import Worker
from chatterm.config.model import NetworkSettings
from chatterm.core.events import Streamed, TextDelta
from chatterm.core.turn import Outcome
from chatterm.store.database import Database
from chatterm.store.history import History
from tests.benchmarks.figures import Figure
from tests.benchmarks.reply_server import MODEL, WireFormat, serving, wire_formats
from tests.doubles.turn_store import MemoryTurnStore

GOAL_RATIO = 3.0
CACHE_BYTES = 1024 * 1024
"""Of what is kept of messages and of exchanges: little, so that it is full, and the memory flat, after a short time."""

NAMES = tuple(wire_formats())
PACES = ("apart", "burst", "lump")


class Engine:
    """Sessions over HTTP, as the program makes them, on one store."""

    def __init__(
        self, store: ConversationStore, clients: HttpClients, cache_bytes: int = 1024 * 1024
    ) -> None:
        async def no_blobs(digests: frozenset[str]) -> dict[str, bytes]:
            return {}

        self._store, self._clients = store, clients
        self._worker = Worker(PayloadCache(CACHE_BYTES), no_blobs, time.monotonic)
        self._exchanges = Exchanges()
        self._exchanges.log = ExchangeLog(CACHE_BYTES)

    def session(self, url: str, format: WireFormat, pace: str) -> Session:
        """A new conversation with replies of this wire format and pace, from the server at `url`."""
        found = Endpoint(
            provider="bench", base_url=f"{url}/{pace}{format.base}", api_key="key", is_local=True
        )

        async def endpoint() -> Endpoint:
            return found

        session = Session(self._store, self._worker)
        session.target = self._exchanges.around(
            Target(
                provider="bench",
                model=MODEL,
                adapter=format.adapter,
                endpoint=endpoint,
                open_stream=self._clients.open_stream,
                host="bench",
                retries=RetryPolicy(retries=0),
            )
        )
        return session


@asynccontextmanager
async def stored_engine(file: Path) -> AsyncGenerator[Engine]:
    """An engine whose history is in this file."""
    database, clients = Database(file), HttpClients(NetworkSettings())
    await database.ready()
    try:
        yield Engine(History(database), clients)
    finally:
        await clients.aclose()
        database.close(5)


async def take_turn(session: Session) -> int:
    """A whole turn, its events taken one by one; how many of them were text."""
    handle = session.start_turn(Prompt("Tell me something long."))
    texts = 0
    async for event in handle.events():
        texts += isinstance(event, Streamed) and isinstance(event.event, TextDelta)
    turn = await handle.result()
    assert turn.outcome is Outcome.COMPLETE, turn.error
    return texts


async def bare_loop(client: httpx.AsyncClient, url: str) -> int:
    """The least that reads a stream of JSON; how many events there were."""
    events = 0
    async with client.stream("POST", url, json={"model": MODEL}) as response:
        async for line in response.aiter_lines():
            data = line.removeprefix("data: ")
            if data.startswith("{"):
                json.loads(data)
                events += 1
    return events


async def measure(
    folder: Path, events: int, runs: int, names: Sequence[str] = NAMES, paces: Sequence[str] = PACES
) -> list[Figure]:
    """The ratios for each of these wire formats and paces, and the times that they are of."""
    figures: list[Figure] = []
    with serving(events) as url:
        async with stored_engine(folder / "overhead.db") as stored, httpx.AsyncClient() as client:
            clients = HttpClients(NetworkSettings())
            unstored = Engine(MemoryTurnStore(), clients)
            for name, format in ((name, wire_formats()[name]) for name in names):
                for pace in paces:
                    works = [
                        lambda at=f"{url}/{pace}{format.base}{format.path}": bare_loop(client, at),
                        lambda f=format, p=pace: take_turn(unstored.session(url, f, p)),
                        lambda f=format, p=pace: take_turn(stored.session(url, f, p)),
                    ]
                    samples: list[list[float]] = [[], [], []]
                    for run in range(runs + 1):  # the first one warms up
                        for work, taken in zip(works, samples, strict=True):
                            began = time.process_time()
                            seen = await work()
                            taken.append((time.process_time() - began) / events * 1e6)
                            assert seen >= events, (name, pace, run)
                    figures += _figures(f"{name}, {pace}", *[taken[1:] for taken in samples])
            await clients.aclose()
    return figures


def _figures(name: str, bare: list[float], unstored: list[float], stored: list[float]) -> list[Figure]:
    return [
        Figure(f"{name}: bare loop", "us", bare),
        Figure(f"{name}: worker", "us", stored),
        Figure(f"{name}: ratio, no store", "x", _over(unstored, bare), GOAL_RATIO, digits=2),
        Figure(f"{name}: ratio", "x", _over(stored, bare), GOAL_RATIO, digits=2),
    ]


def _over(ours: list[float], bare: list[float]) -> list[float]:
    return [one / other for one, other in zip(ours, bare, strict=True)]
