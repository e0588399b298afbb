"""Connections made before they are needed: one handshake, taken once, and never left open."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme

from chatterm.backend.net import spares
from chatterm.backend.net.client import HttpClients
from chatterm.backend.providers.base import WireRequest
from chatterm.config.model import NetworkSettings
from tests.doubles.server import ScriptedServer
from tests.net.asking import ask, closed_port, deaf_port, wire


@dataclass
class Place:
    """A server, and a request to it."""

    server: ScriptedServer
    request: WireRequest

    async def warm(self, clients: HttpClients) -> None:
        await clients.warm(self.request.endpoint, 2.0)


@pytest.fixture(params=["plain", "tls"])
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    """With and without TLS."""
    context, ca_file = None, None
    if request.param == "tls":
        authority = trustme.CA()
        context, ca_file = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), str(tmp_path / "ca.pem")
        authority.issue_cert("127.0.0.1").configure_cert(context)
        authority.cert_pem.write_to_path(ca_file)
    async with ScriptedServer(tls=context) as server:
        yield Place(server, wire(server.base_url("openai"), ca_file=ca_file))


async def test_the_first_request_finds_its_connection_made(place: Place, clients: HttpClients) -> None:
    await place.warm(clients)
    assert len(place.server.connections) == 1 and place.server.requests == []
    first = await ask(clients, place.request)
    assert first.error is None and first.stage_names == ["sending", "waiting"]
    again = await ask(clients, place.request)
    assert again.error is None and again.stage_names == ["sending", "waiting"]
    assert [seen.connection for seen in place.server.requests] == [0, 0]


async def test_one_connection_however_often_it_is_asked_for(place: Place, clients: HttpClients) -> None:
    await asyncio.gather(*(place.warm(clients) for _ in range(5)))
    await place.warm(clients)
    assert len(place.server.connections) == 1


async def test_a_kept_connection_is_as_good(place: Place, clients: HttpClients) -> None:
    await ask(clients, place.request)
    await place.warm(clients)
    assert len(place.server.connections) == 1


async def test_a_request_waits_for_the_one_in_the_making(place: Place, clients: HttpClients) -> None:
    warming = asyncio.ensure_future(place.warm(clients))
    await asyncio.sleep(0)
    answer = await ask(clients, place.request)
    await warming
    assert answer.error is None and len(place.server.connections) == 1


async def test_a_second_request_at_the_same_time_gets_one_of_its_own(
    place: Place, clients: HttpClients
) -> None:
    await place.warm(clients)
    answers = await asyncio.gather(ask(clients, place.request), ask(clients, place.request))
    assert [answer.error for answer in answers] == [None, None]
    assert len(place.server.connections) == 2


async def test_a_spare_that_the_server_closed_is_not_used(place: Place, clients: HttpClients) -> None:
    await place.warm(clients)
    place.server.drop_connections()
    await place.server.until(lambda: place.server.connections[0].closed_at)
    await asyncio.sleep(0.05)  # the close is on its way to this side
    answer = await ask(clients, place.request)
    assert answer.error is None and [seen.connection for seen in place.server.requests] == [1]


async def test_a_spare_that_nobody_takes_is_closed(
    place: Place, clients: HttpClients, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spares, "SPARE_SECONDS", 0.05)
    await place.warm(clients)
    await place.server.until(lambda: place.server.connections[0].closed_at, 2)
    assert (await ask(clients, place.request)).error is None


async def test_closing_closes_spares_and_what_is_in_the_making(place: Place) -> None:
    clients = HttpClients(NetworkSettings())
    await place.warm(clients)
    await clients.aclose()
    await place.server.until(lambda: place.server.connections[0].closed_at, 2)
    with deaf_port() as port:
        request = wire(f"http://127.0.0.1:{port}/v1")
        warming = asyncio.ensure_future(clients.warm(request.endpoint, 30.0))
        await asyncio.sleep(0.05)
        await clients.aclose()
        async with asyncio.timeout(1):
            await asyncio.gather(warming, return_exceptions=True)


async def test_what_cannot_be_reached_is_left_to_the_request_to_tell(clients: HttpClients) -> None:
    nobody = wire(f"http://127.0.0.1:{closed_port()}/v1")
    await clients.warm(nobody.endpoint, 2.0)
    assert (await ask(clients, nobody)).error is not None
    with deaf_port() as port:
        async with asyncio.timeout(1):
            await clients.warm(wire(f"http://127.0.0.1:{port}/v1").endpoint, 0.05)


async def test_a_server_that_is_not_trusted_gets_no_spare(tmp_path: Path, clients: HttpClients) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    async with ScriptedServer(tls=context) as server:
        request = wire(server.base_url("openai"))
        await clients.warm(request.endpoint, 2.0)
        answer = await ask(clients, request)
        assert answer.error is not None and server.requests == []


async def test_a_stop_while_a_spare_is_taken_closes_it(place: Place, clients: HttpClients) -> None:
    for steps in range(12):
        await place.warm(clients)
        asking = asyncio.ensure_future(ask(clients, place.request))
        for _ in range(steps):
            await asyncio.sleep(0)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
    await clients.aclose()
    await place.server.until(lambda: all(seen.closed_at for seen in place.server.connections), 1)
