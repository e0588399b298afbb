"""A session on a gated provider and a history in memory."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from chatterm.backend.guide.provider import GuideService
from chatterm.backend.models import ModelLists
from chatterm.backend.net.client import HttpClients
from chatterm.backend.payload_cache import PayloadCache
from chatterm.backend.provider_keys import ProviderKeys
from chatterm.backend.session import Session
from chatterm.backend.targets import Targets
from chatterm.backend.turn_handle import TurnHandle
from chatterm.backend.worker import Worker
from chatterm.config.load import load_settings
from chatterm.config.model import NetworkSettings
from chatterm.core.events import Streamed
from chatterm.store.database import Database
from chatterm.store.state import StateStore
from tests.doubles.provider import GatedProvider
from tests.doubles.turn_store import MemoryTurnStore


@dataclass
class Bench:
    """A session and the two ends that the test holds."""

    session: Session
    provider: GatedProvider
    store: MemoryTurnStore


@pytest.fixture
async def bench() -> Bench:
    store, provider = MemoryTurnStore(), GatedProvider()

    async def load_blobs(digests: frozenset[str]) -> dict[str, bytes]:
        return {digest: f"bytes of {digest}".encode() for digest in digests}

    session = Session(store, Worker(PayloadCache(), load_blobs, time.monotonic))
    await session.use(provider.target())
    return Bench(session, provider, store)


async def streamed(handle: TurnHandle, kind: type[object] = object) -> None:
    """Returns when the first stream event of this kind is there."""
    async for event in handle.events():
        if isinstance(event, Streamed) and isinstance(event.event, kind):
            return
    pytest.fail("The turn ended without one.")


MakeTargets = Callable[..., Targets]
MakeLists = Callable[[Targets], ModelLists]


@pytest.fixture
async def make_targets(tmp_path: Path) -> AsyncIterator[MakeTargets]:
    """Targets by the text of a settings file and an environment."""
    made: list[HttpClients] = []

    def make(text: str = "", **environ: str) -> Targets:
        file = tmp_path / "config.toml"
        file.write_text(text)
        loaded = load_settings(file, environ)
        made.append(HttpClients(NetworkSettings()))
        return Targets(
            settings=loaded.settings,
            keys=ProviderKeys(loaded.settings, environ),
            http_stream=made[-1].open_stream,
            guide_stream=GuideService(0).open_stream,
            refused=loaded.refused,
        )

    yield make
    for clients in made:
        await clients.aclose()


@pytest.fixture
def make_lists(tmp_path: Path) -> Iterator[MakeLists]:
    """Model lists of some targets, all on one store."""
    database = Database(tmp_path / "models.db")
    yield lambda found: ModelLists(found, StateStore(database))
    assert database.close(5)
