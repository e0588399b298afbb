"""A server and clients for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from chatterm.backend.net.client import HttpClients
from chatterm.config.model import NetworkSettings
from tests.doubles.server import ScriptedServer


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    """A scripted server in the test's loop."""
    async with ScriptedServer() as server:
        yield server


@pytest.fixture
async def clients() -> AsyncIterator[HttpClients]:
    """Clients with the default settings."""
    clients = HttpClients(NetworkSettings())
    yield clients
    await clients.aclose()
