"""The engine is closed in bounded time, whatever hangs."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from chatterm.backend.net.client import HttpClients
from chatterm.cli.start_options import StartOptions
from chatterm.cli.start_settings import read_settings
from chatterm.cli.wiring import CLOSE_SECONDS, Engine, build_engine


class HangingClients(HttpClients):
    """Connections that never close."""

    async def aclose(self) -> None:
        await asyncio.Event().wait()


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    environ = {"CHATTERM_HOME": str(tmp_path)}
    logger = logging.getLogger("chatterm")
    before = (list(logger.handlers), logger.propagate)
    yield build_engine(*read_settings(StartOptions(), environ), environ)
    logger.handlers, logger.propagate = before


async def test_connections_and_a_store_that_hang_are_left_after_one_limit(engine: Engine) -> None:
    gate = threading.Event()
    hanging = engine.database.read(lambda _: gate.wait(10))
    clients = HangingClients(engine.loaded.settings.network)
    began_at = time.monotonic()
    await replace(engine, clients=clients).aclose()
    assert time.monotonic() - began_at < CLOSE_SECONDS + 0.2
    assert not engine.database.close(10), "nobody waits again at the end of the program"
    assert time.monotonic() - began_at < CLOSE_SECONDS + 0.2
    gate.set()
    assert await hanging


async def test_the_store_is_closed_although_connections_hang(engine: Engine) -> None:
    clients = HangingClients(engine.loaded.settings.network)
    await engine.prepare()
    await replace(engine, clients=clients).aclose()
    assert engine.database.close(0)
