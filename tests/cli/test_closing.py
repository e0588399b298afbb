"""The engine is closed in bounded time, whatever hangs."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path

import pytest

from chatterm.backend.net.client import HttpClients
from chatterm.backend.provider_keys import ProviderKeys
from chatterm.backend.session import Prompt
from chatterm.cli.start_options import StartOptions
from chatterm.cli.start_settings import read_settings
from chatterm.cli.tool_wiring import ToolService
from chatterm.cli.wiring import CLOSE_SECONDS, Engine, build_engine
from chatterm.config.model import ProviderSettings
from chatterm.core.turn import Outcome


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
    assert time.monotonic() - began_at < 1.9 * CLOSE_SECONDS
    assert not engine.database.close(10), "nobody waits again at the end of the program"
    assert time.monotonic() - began_at < 1.9 * CLOSE_SECONDS
    gate.set()
    assert await hanging


async def test_what_tools_leave_to_store_is_stored_although_they_were_slow_to_end(engine: Engine) -> None:
    asked: list[asyncio.Future[bool]] = []

    class SlowTools(ToolService):
        async def aclose(self) -> None:
            await asyncio.sleep(1.2 * CLOSE_SECONDS)
            pause = threading.Event()
            asked.append(asyncio.ensure_future(engine.database.read(lambda _: pause.wait(0.05))))
            await asyncio.sleep(0)

    tools = SlowTools(**{each.name: getattr(engine.tools, each.name) for each in fields(engine.tools)})
    await replace(engine, tools=tools).aclose()
    assert engine.database.close(0)
    assert not await asked[0]


async def test_the_store_is_closed_although_connections_hang(engine: Engine) -> None:
    clients = HangingClients(engine.loaded.settings.network)
    await engine.prepare()
    await replace(engine, clients=clients).aclose()
    assert engine.database.close(0)


async def test_a_command_for_a_key_that_hangs_ends_with_the_program(engine: Engine, tmp_path: Path) -> None:
    note = tmp_path / "command"
    hanging = ProviderSettings(
        base_url="http://127.0.0.1:9/v1", key_cmd=("sh", "-c", f"sleep 60 & echo $! > {note}; wait")
    )
    settings = replace(engine.loaded.settings, providers={"mine": hanging})
    keys = ProviderKeys(settings, os.environ)
    engine = replace(engine, targets=replace(engine.targets, settings=settings, keys=keys))
    session = engine.new_session(None, (), None)
    await session.use(engine.targets.resolve("mine", "m"))
    handle = session.start_turn(Prompt("question"))
    until = time.monotonic() + 5
    while not (note.exists() and note.read_text().strip()):
        assert time.monotonic() < until
        await asyncio.sleep(0.01)
    assert handle.cancel()
    assert (await asyncio.wait_for(handle.result(), 1)).outcome is Outcome.WITHDRAWN
    await engine.aclose()
    while is_running(int(note.read_text())):
        assert time.monotonic() < until
        await asyncio.sleep(0.01)


def is_running(child: int) -> bool:
    """Whether it runs still; a zombie, where nobody reaps the children of the dead, does not."""
    state = Path(f"/proc/{child}/stat")
    return state.exists() and state.read_text().rpartition(")")[2].split()[0] != "Z"
