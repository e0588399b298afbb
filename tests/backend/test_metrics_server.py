"""The metrics server answers nobody but who knows the token, from this machine, by its own name."""

from __future__ import annotations

import asyncio
import itertools
import json
import socket
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from chatterm.backend.reporting import metrics_server
from chatterm.backend.reporting.metrics_server import HEADER_BYTES, MOST_CONNECTIONS, Figures, MetricsServer
from chatterm.core.errors import StoreError
from tests.doubles.patience import soon

TOKEN = "tOkEn-0123456789_0123456789-0123456789abcde"
PATHS = {"/health": 200, "/metrics": 200, "/metrics/performance?last_n=5": 200, "/": 404, "/metrics/": 404}


class Asked:
    """The figures of a test, and which were asked for."""

    def __init__(self) -> None:
        self.turns: list[int] = []
        self.failure: Exception | None = None

    async def performance(self, last_n: int) -> bytes:
        self.turns.append(last_n)
        if self.failure is not None:
            raise self.failure
        return json.dumps({"turns": last_n}).encode()

    async def prometheus(self) -> bytes:
        return b"chatterm_requests_total{} 1\n"


@pytest.fixture
def asked() -> Asked:
    return Asked()


@pytest.fixture
async def server(asked: Asked) -> AsyncIterator[MetricsServer]:
    made = MetricsServer(Figures(asked.performance, asked.prometheus), TOKEN)
    await made.start(0)
    yield made
    await made.aclose()


async def raw(server: MetricsServer, request: bytes, host: str = "127.0.0.1") -> tuple[int, str, str]:
    """Status, header lines in lower case and body of what is answered; 0 for nothing."""
    reader, writer = await asyncio.open_connection(host, server.port)
    try:
        writer.write(request)
        answer = await soon(reader.read(), "did not close the connection")
    except ConnectionError:
        return 0, "", ""
    finally:
        writer.close()
    head, _, body = answer.decode().partition("\r\n\r\n")
    return (int(head.split()[1]), head.lower(), body) if head else (0, "", "")


def request_of(path: str, *fields: str, method: str = "GET") -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", *fields, "", ""]).encode()


HOSTS = {
    "127.0.0.1:{port}": True,
    "localhost:{port}": True,
    "127.0.0.1": False,
    "evil.example:{port}": False,
}
TOKENS = {f"Bearer {TOKEN}": True, "Bearer wrong": False, "": False}
MATRIX = list(itertools.product(HOSTS, TOKENS, PATHS))


def test_the_matrix_has_sixty_requests() -> None:
    assert len(MATRIX) == 60


@pytest.mark.parametrize(("host", "authorization", "path"), MATRIX)
async def test_host_token_and_path(server: MetricsServer, host: str, authorization: str, path: str) -> None:
    fields = [f"Host: {host.format(port=server.port)}"]
    fields += [f"Authorization: {authorization}"] if authorization else []
    status, head, body = await raw(server, request_of(path, *fields))
    expected = 403 if not HOSTS[host] else 401 if not TOKENS[authorization] else PATHS[path]
    assert status == expected
    assert ("turns" in body or "requests" in body or '"ok"' in body) == (expected == 200)
    assert "access-control" not in head
    assert "x-content-type-options: nosniff" in head and "frame-ancestors 'none'" in head
    assert ("www-authenticate: bearer" in head) == (expected == 401)


async def test_a_token_is_compared_in_a_time_that_tells_nothing(
    server: MetricsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared = list[tuple[bytes, bytes]]()
    monkeypatch.setattr(
        metrics_server.hmac, "compare_digest", lambda *both: compared.append(both) or both[0] == both[1]
    )
    fields = (f"Host: localhost:{server.port}", "Authorization: Bearer tOk")
    assert (await raw(server, request_of("/health", *fields)))[0] == 401
    assert compared == [(b"tOk", TOKEN.encode())]


def own(server: MetricsServer) -> tuple[str, str]:
    return f"Host: 127.0.0.1:{server.port}", f"Authorization: Bearer {TOKEN}"


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1.evil.example:{port}",
        "localhost.:{port}",
        "127.0.0.1:{port}.evil",
        "127.0.0.1:1",
        "0.0.0.0:{port}",
        "evil@127.0.0.1:{port}",
        "",
    ],
)
async def test_a_name_that_only_looks_like_ours(server: MetricsServer, host: str) -> None:
    fields = (f"Host: {host.format(port=server.port)}", own(server)[1])
    assert (await raw(server, request_of("/health", *fields)))[0] == 403


@pytest.mark.parametrize(
    "authorization",
    [
        f"bearer {TOKEN}",
        f"BEARER {TOKEN}",
    ],
)
async def test_the_scheme_is_in_any_case(server: MetricsServer, authorization: str) -> None:
    fields = (own(server)[0], f"Authorization: {authorization}")
    assert (await raw(server, request_of("/health", *fields)))[0] == 200


@pytest.mark.parametrize(
    "authorization",
    [
        f"Bearer {TOKEN}x",
        f"Bearer {TOKEN[:-1]}",
        f"Bearer  {TOKEN}",
        f"Bearer {TOKEN.lower()}",
        f"Basic {TOKEN}",
        TOKEN,
        "Bearer ",
        "Bearer",
    ],
)
async def test_what_is_no_token(server: MetricsServer, authorization: str) -> None:
    fields = (own(server)[0], f"Authorization: {authorization}")
    assert (await raw(server, request_of("/health", *fields)))[0] == 401
    assert (await raw(server, request_of(f"/health?token={TOKEN}", own(server)[0])))[0] == 401


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "HEAD", "PATCH"])
async def test_nothing_but_get(server: MetricsServer, method: str) -> None:
    status, head, _ = await raw(server, request_of("/health", *own(server), method=method))
    assert status == 405 and "allow: get" in head


@pytest.mark.parametrize(
    "fields",
    [
        ["Origin: http://evil.example"],
        ["Origin: null"],
        ["Origin: http://127.0.0.1"],
    ],
)
async def test_a_page_in_a_browser_gets_nothing(server: MetricsServer, fields: list[str]) -> None:
    assert (await raw(server, request_of("/metrics", *own(server), *fields)))[0] == 403


@pytest.mark.parametrize(
    "lines",
    [
        ["GET http://127.0.0.1/health HTTP/1.1"],
        ["GET /health HTTP/2.0"],
        ["GET /health"],
        ["GET  /health HTTP/1.1"],
        ["get /health HTTP/1.1"],
        ["GET /he alth HTTP/1.1"],
        ["\x16\x03\x01"],
        ["GET /health HTTP/1.1", "Content-Length: 5"],
        ["GET /health HTTP/1.1", "Transfer-Encoding: chunked"],
        ["GET /health HTTP/1.1", " folded: line"],
        ["GET /health HTTP/1.1", "No-Colon"],
        ["GET /health HTTP/1.1", "Space : before"],
        ["GET /health HTTP/1.1", "Control: a\x00b"],
        ["GET /health HTTP/1.1", "Bare: a\nInjected: b"],
        ["GET /health HTTP/1.1", "Twice: a", "twice: b"],
        ["GET /health HTTP/1.1", *(f"X-{number}: a" for number in range(70))],
    ],
)
async def test_what_is_no_plain_request(server: MetricsServer, lines: list[str]) -> None:
    text = "\r\n".join([lines[0], *own(server), *lines[1:], "", ""])
    assert (await raw(server, text.encode("latin-1")))[0] == 400


async def test_two_hosts_or_two_tokens_are_none(server: MetricsServer) -> None:
    host, token = own(server)
    assert (await raw(server, request_of("/health", host, token, "Host: evil.example")))[0] == 400
    assert (await raw(server, request_of("/health", host, "Authorization: Bearer x", token)))[0] == 400


@pytest.mark.parametrize(
    "path", ["//metrics", "/./metrics", "/metrics/../metrics", "/%6detrics", "/METRICS", "/x"]
)
async def test_a_path_is_taken_as_it_is_written(server: MetricsServer, path: str) -> None:
    assert (await raw(server, request_of(path, *own(server))))[0] == 404


@pytest.mark.parametrize(
    ("query", "turns"),
    [("", 100), ("?last_n=1", 1), ("?last_n=1000000", 1_000_000)],
)
async def test_how_many_turns(server: MetricsServer, asked: Asked, query: str, turns: int) -> None:
    status, head, body = await raw(server, request_of(f"/metrics/performance{query}", *own(server)))
    assert (status, json.loads(body), asked.turns) == (200, {"turns": turns}, [turns])
    assert "content-type: application/json" in head and f"content-length: {len(body)}" in head


@pytest.mark.parametrize(
    "query",
    [
        *(
            "?last_n=0",
            "?last_n=-1",
            "?last_n=+5",
            "?last_n=1e3",
            "?last_n=1_0",
            "?last_n=",
            "?last_n=9999999",
        ),
        *(
            "?other=1",
            "?last_n=5&last_n=6",
            "?last_n=%D9%A1",
            "?last_n",
            "?=",
            "?last_n=99999999999999999999",
        ),
    ],
)
async def test_a_query_that_cannot_be_meant(server: MetricsServer, asked: Asked, query: str) -> None:
    status, _, body = await raw(server, request_of(f"/metrics/performance{query}", *own(server)))
    assert status == 400 and "last_n" in body and asked.turns == []


async def test_figures_that_cannot_be_had(server: MetricsServer, asked: Asked) -> None:
    asked.failure = StoreError("The history is damaged.", "Look at it.")
    status, _, body = await raw(server, request_of("/metrics/performance", *own(server)))
    assert (status, body) == (503, "The history is damaged. Look at it.\n")
    asked.failure = ValueError("a secret of ours")
    status, _, body = await raw(server, request_of("/metrics/performance", *own(server)))
    assert (status, body) == (500, "Internal Server Error\n")


async def test_a_header_without_an_end_is_cut_off(server: MetricsServer) -> None:
    flood = request_of("/health", *own(server))[:-2] + b"X: " + b"a" * (4 * HEADER_BYTES)
    assert (await raw(server, flood))[0] in (0, 431)  # 0: the rest of it met a closed connection


async def test_who_sends_nothing_is_not_waited_for(
    server: MetricsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics_server, "READ_SECONDS", 0.05)
    assert (await raw(server, b"GET /health HTTP/1.1\r\n"))[0] == 408


async def test_a_seventeenth_connection_is_turned_away(server: MetricsServer) -> None:
    idle = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(MOST_CONNECTIONS)]
    try:
        assert (await raw(server, request_of("/health", *own(server))))[0] in (0, 503)
        idle.pop()[1].close()
        for _ in range(100):
            if (await raw(server, request_of("/health", *own(server))))[0] == 200:
                return
        pytest.fail("a connection that was closed still counts")
    finally:
        for _, writer in idle:
            writer.close()


async def test_it_listens_on_this_machine_alone(server: MetricsServer) -> None:
    assert (await raw(server, request_of("/health", *own(server))))[0] == 200
    if socket.has_ipv6 and len(server._servers) > 1:
        fields = (f"Host: [::1]:{server.port}", own(server)[1])
        assert (await raw(server, request_of("/health", *fields), "::1"))[0] == 200
    listening = {each.getsockname()[0] for made in server._servers for each in made.sockets}
    assert listening <= {"127.0.0.1", "::1"}


async def test_a_port_that_is_taken_is_an_error(server: MetricsServer, asked: Asked) -> None:
    other = MetricsServer(Figures(asked.performance, asked.prometheus), TOKEN)
    with pytest.raises(OSError, match="address already in use"):
        await other.start(server.port)


async def test_a_connection_that_is_open_at_the_end_is_closed_without_a_word(
    server: MetricsServer,
) -> None:
    complaints: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, complaint: complaints.append(complaint))
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"GET /health HTTP/1.1\r\n")
    assert (await raw(server, request_of("/health", *own(server))))[0] == 200, "both are at work by now"
    await server.aclose()
    with suppress(ConnectionError):
        assert await soon(reader.read(), "did not close the connection") == b""
    writer.close()
    assert complaints == []
