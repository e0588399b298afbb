"""TLS that fails says why, points to the setting, and lets no byte of the request out."""

from __future__ import annotations

import datetime
import ssl
from pathlib import Path

import pytest
import trustme

from chatterm.backend.net.client import HttpClients
from chatterm.core.errors import ConfigError, ConnectionFailedError, RequestTimeoutError
from tests.doubles import server_replies as replies
from tests.doubles.server import ScriptedServer
from tests.doubles.server_replies import Close, Hang, Send
from tests.net.asking import KEY, ask, wire

PROTOCOL_VERSION_ALERT = b"\x15\x03\x01\x00\x02\x02\x46"
"""TLS record of a fatal alert 70 (RFC 8446, section 6.2): what a server of old versions answers."""


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> str:
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return str(path)


def tls_of(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


async def test_a_trusted_server_is_asked_and_kept(
    authority: trustme.CA, ca_file: str, clients: HttpClients
) -> None:
    async with ScriptedServer(tls=tls_of(authority.issue_cert("127.0.0.1"))) as server:
        request = wire(server.base_url("openai"), ca_file=ca_file)
        first = await ask(clients, request)
        again = await ask(clients, request)
        assert first.error is None and first.frames
        assert first.stage_names == ["resolving", "connecting", "securing", "sending", "waiting"]
        assert again.error is None and again.stage_names == ["sending", "waiting"]
        assert [seen.connection for seen in server.requests] == [0, 0]


async def test_a_stop_closes_a_secured_connection(
    authority: trustme.CA, ca_file: str, clients: HttpClients
) -> None:
    async with ScriptedServer(tls=tls_of(authority.issue_cert("127.0.0.1"))) as server:
        server.reply_text("one two three", gates={3: "never"})
        request = wire(server.base_url("openai"), ca_file=ca_file)
        async with clients.open_stream(request, lambda *_: None) as stream:
            await anext(aiter(stream.frames()))
        await server.until(lambda: server.requests[0].closed_at, 1)


async def test_an_authority_that_is_not_known(authority: trustme.CA, clients: HttpClients) -> None:
    async with ScriptedServer(tls=tls_of(authority.issue_cert("127.0.0.1"))) as server:
        answer = await ask(clients, wire(server.base_url("openai")))
        assert server.requests == []
    assert type(answer.error) is ConnectionFailedError and not answer.error.retryable
    assert "the certificate of 127.0.0.1" in answer.error.message
    assert "unable to get local issuer certificate" in answer.error.message
    assert "ca_file in [providers.openai]" in answer.error.hint


async def test_a_certificate_that_has_expired(
    authority: trustme.CA, ca_file: str, clients: HttpClients
) -> None:
    past = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    expired = authority.issue_cert("127.0.0.1", not_before=past, not_after=past + datetime.timedelta(days=1))
    async with ScriptedServer(tls=tls_of(expired)) as server:
        answer = await ask(clients, wire(server.base_url("openai"), ca_file=ca_file))
        assert server.requests == []
    assert type(answer.error) is ConnectionFailedError and "expired" in answer.error.message


async def test_a_certificate_of_another_host(
    authority: trustme.CA, ca_file: str, clients: HttpClients
) -> None:
    async with ScriptedServer(tls=tls_of(authority.issue_cert("other.example"))) as server:
        answer = await ask(clients, wire(server.base_url("openai"), ca_file=ca_file))
        assert server.requests == []
    assert type(answer.error) is ConnectionFailedError and "mismatch" in answer.error.message


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ([Send(b"HTTP/1.1 400 Bad Request\r\n\r\n"), Close()], "does not speak TLS"),
        ([Send(PROTOCOL_VERSION_ALERT), Close()], "a version of TLS that is not safe any more"),
        ([Close()], "closed the connection during the TLS handshake"),
    ],
)
async def test_a_server_without_tls_or_with_an_old_one(
    clients: HttpClients, steps: list[replies.Step], message: str
) -> None:
    async with ScriptedServer(on_connect=steps) as server:
        answer = await ask(clients, wire(f"https://127.0.0.1:{server.port}"))
        assert server.requests == []
    assert type(answer.error) is ConnectionFailedError and not answer.error.retryable
    assert message in answer.error.message and f"127.0.0.1:{server.port}" in answer.error.message
    assert KEY not in str(answer.error)


async def test_a_handshake_that_stalls(clients: HttpClients) -> None:
    async with ScriptedServer(on_connect=[Hang()]) as server:
        answer = await ask(clients, wire(f"https://127.0.0.1:{server.port}", connect_seconds=0.1))
        await server.until(lambda: server.connections[0].closed_at)
    assert type(answer.error) is RequestTimeoutError and answer.error.retryable
    assert "did not finish the TLS handshake within 0.1 s" in answer.error.message


@pytest.mark.parametrize("content", [None, "not a certificate"])
async def test_a_ca_file_that_cannot_be_used(
    clients: HttpClients, tmp_path: Path, content: str | None
) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    answer = await ask(clients, wire("https://127.0.0.1:1", ca_file=str(path)))
    assert type(answer.error) is ConfigError and answer.error.path == str(path)
    assert str(path) in answer.error.message and answer.error.key == "providers.openai.ca_file"


@pytest.mark.parametrize("content", [None, "not a certificate"])
async def test_a_variable_that_names_no_certificates(
    clients: HttpClients, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None
) -> None:
    path = tmp_path / "authorities.pem"
    if content is not None:
        path.write_text(content)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    answer = await ask(clients, wire("https://127.0.0.1:1"))
    assert type(answer.error) is ConfigError and answer.error.key == "SSL_CERT_FILE"
    assert f"SSL_CERT_FILE names {path}" in answer.error.message


@pytest.mark.parametrize("exists", [False, True])
async def test_a_variable_that_names_no_folder_with_certificates(
    clients: HttpClients, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exists: bool
) -> None:
    path = tmp_path / "authorities"
    if exists:
        path.mkdir()
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.setenv("SSL_CERT_DIR", str(path))
    answer = await ask(clients, wire("https://127.0.0.1:1"))
    assert type(answer.error) is ConfigError and answer.error.key == "SSL_CERT_DIR"
    assert f"SSL_CERT_DIR names {path}" in answer.error.message
