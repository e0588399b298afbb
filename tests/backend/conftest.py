"""A session on a gated provider and a history in memory."""

from __future__ import annotations

import time
from dataclasses import dataclass

import pytest

from chatterm.backend.payload_cache import PayloadCache
from chatterm.backend.session import Session
from chatterm.backend.worker import Worker
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
