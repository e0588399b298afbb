"""Proxies from the environment: honoured, never for this machine, and named when they fail."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
import trustme

from chatterm.backend.net.client import HttpClients
from chatterm.backend.net.proxies import proxy_for
from chatterm.core.errors import ConfigError, ConnectionFailedError, RequestTimeoutError
from chatterm.core.turn import Stage
from tests.doubles import server_replies as replies
from tests.doubles.server import ScriptedServer
from tests.doubles.server_replies import Hang, Send, WaitFor
from tests.net.asking import KEY, Answer, ask, closed_port, wire

PROXY = "http://proxy.example:3128"


@pytest.mark.parametrize(
    ("base_url", "environment", "url"),
    [
        ("https://api.example/v1", {}, None),
        ("https://api.example/v1", {"HTTPS_PROXY": PROXY}, PROXY),
        ("https://api.example/v1", {"https_proxy": PROXY, "HTTPS_PROXY": "http://other:1"}, PROXY),
        ("https://api.example/v1", {"HTTP_PROXY": PROXY}, None),
        ("http://api.example/v1", {"HTTP_PROXY": PROXY}, PROXY),
        ("https://api.example/v1", {"ALL_PROXY": PROXY}, PROXY),
        ("https://api.example/v1", {"HTTPS_PROXY": "proxy.example:3128"}, PROXY),
        ("https://api.example/v1", {"HTTPS_PROXY": "http://proxy.example"}, "http://proxy.example:80"),
        ("https://api.example/v1", {"HTTPS_PROXY": "https://[2001:db8::1]"}, "https://[2001:db8::1]:443"),
        ("https://api.example/v1", {"HTTPS_PROXY": "  "}, None),
        ("https://api.example/v1", {"HTTPS_PROXY": PROXY, "NO_PROXY": "api.example"}, None),
        ("https://api.example/v1", {"HTTPS_PROXY": PROXY, "no_proxy": "a.b, .example"}, None),
        ("https://api.example/v1", {"HTTPS_PROXY": PROXY, "NO_PROXY": "*"}, None),
        ("https://api.example/v1", {"HTTPS_PROXY": PROXY, "NO_PROXY": "*.example"}, None),
        ("https://api.example/v1", {"HTTPS_PROXY": PROXY, "NO_PROXY": "pi.example"}, PROXY),
        ("https://api.example:8443", {"HTTPS_PROXY": PROXY, "NO_PROXY": "api.example:443"}, PROXY),
        ("https://api.example:8443", {"HTTPS_PROXY": PROXY, "NO_PROXY": "api.example:8443"}, None),
        ("https://10.1.2.3", {"HTTPS_PROXY": PROXY, "NO_PROXY": "10.0.0.0/8"}, None),
        ("https://11.1.2.3", {"HTTPS_PROXY": PROXY, "NO_PROXY": "10.0.0.0/8,junk/99"}, PROXY),
        ("https://[2001:db8::5]:80", {"HTTPS_PROXY": PROXY, "NO_PROXY": "[2001:db8::5]:80"}, None),
        ("https://[2001:db8::5]", {"HTTPS_PROXY": PROXY, "NO_PROXY": "2001:db8::5,[::1]:junk"}, None),
        *(
            (f"http://{near}:11434", {"HTTP_PROXY": PROXY, "ALL_PROXY": "socks5://x"}, None)
            for near in ("127.0.0.1", "127.9.9.9", "localhost", "LOCALHOST.", "[::1]", "gpu.local", "0.0.0.0")
        ),
    ],
)
def test_the_proxy_for_an_address(base_url: str, environment: dict[str, str], url: str | None) -> None:
    proxy = proxy_for(base_url, environment)
    assert (proxy.url if proxy else None) == url


@pytest.mark.parametrize(
    "value", ["socks5://127.0.0.1:1080", "junk://proxy", "http://", "http://proxy:port", "http://[::1", "://"]
)
@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
def test_a_variable_that_names_no_proxy(variable: str, value: str) -> None:
    with pytest.raises(ConfigError) as caught:
        proxy_for("https://api.example/v1", {variable: value})
    assert variable in caught.value.message and caught.value.key == variable
    assert "api.example to NO_PROXY" in caught.value.hint


def test_user_and_password_of_a_proxy_do_not_show() -> None:
    proxy = proxy_for("https://api.example", {"HTTPS_PROXY": "http://me:s%40cret@proxy.example:3128"})
    assert proxy is not None and (proxy.user, proxy.password) == ("me", "s@cret")
    assert "cret" not in repr(proxy) and proxy.url == PROXY
    with pytest.raises(ConfigError) as caught:
        proxy_for("https://api.example", {"HTTPS_PROXY": "socks5://me:secret@proxy.example"})
    assert "secret" not in str(caught.value)


async def test_a_malformed_variable_is_told_to_the_user(
    clients: HttpClients, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:1")
    answer = await ask(clients, wire("https://api.example", is_local=False))
    assert type(answer.error) is ConfigError and "ALL_PROXY names a proxy of the kind 'socks5'" in str(
        answer.error
    )


async def test_this_machine_is_never_asked_through_a_proxy(
    server: ScriptedServer, clients: HttpClients, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with ScriptedServer() as proxy:
        for variable in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(variable, proxy.url)
        answer = await ask(clients, wire(server.base_url("openai"), is_local=False))
        assert answer.error is None and server.requests and proxy.connections == []


async def test_plain_http_goes_through_the_proxy(
    clients: HttpClients, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with ScriptedServer() as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url.replace("//", "//me:secret@"))
        target = "http://api.example/v1/chat/completions"
        proxy.routes[target] = proxy.routes["/v1/chat/completions"]
        answer = await ask(clients, wire("http://api.example/v1", is_local=False))
        assert answer.error is None and answer.frames
        assert [seen.path for seen in proxy.requests] == [target]
        assert proxy.requests[0].headers["proxy-authorization"].startswith("Basic ")


async def test_a_proxy_that_is_not_there(clients: HttpClients, monkeypatch: pytest.MonkeyPatch) -> None:
    port = closed_port()
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
    answer = await ask(clients, wire("https://api.example", is_local=False))
    assert type(answer.error) is ConnectionFailedError
    assert f"cannot connect to the proxy 127.0.0.1:{port} (refused)" in answer.error.message
    assert "api.example to NO_PROXY" in answer.error.hint


@pytest.mark.parametrize(("status", "hint"), [(407, "user and password"), (503, "NO_PROXY")])
async def test_a_proxy_that_refuses(
    clients: HttpClients, monkeypatch: pytest.MonkeyPatch, status: int, hint: str
) -> None:
    async with ScriptedServer() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        proxy.routes["api.example:443"] = lambda _: replies.whole(f"no {KEY}", status=status)
        answer = await ask(clients, wire("https://api.example", is_local=False))
        assert [seen.method for seen in proxy.requests] == ["CONNECT"]
        assert "authorization" not in proxy.requests[0].headers
    assert type(answer.error) is ConnectionFailedError and hint in answer.error.hint
    assert f"refused the way to api.example with status {status}" in answer.error.message


async def test_the_stages_of_a_tunnel(clients: HttpClients, monkeypatch: pytest.MonkeyPatch) -> None:
    async with ScriptedServer() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        proxy.routes["api.example:443"] = lambda _: [Send(b"HTTP/1.1 200 OK\r\n\r\n"), Hang()]
        answer = await ask(clients, wire("https://api.example", is_local=False, connect_seconds=0.1))
    assert type(answer.error) is RequestTimeoutError and "TLS handshake" in answer.error.message
    assert answer.stage_names == ["resolving", "connecting", "securing"]


async def test_a_tunnel_of_a_secured_proxy_that_leads_to_no_tls(
    clients: HttpClients, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    async with ScriptedServer(tls=context) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        proxy.routes["api.example:443"] = lambda _: [
            Send(b"HTTP/1.1 200 OK\r\n\r\n"),
            WaitFor("securing"),
            Send(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
            Hang(),
        ]
        answer, request = (
            Answer(),
            wire("https://api.example", is_local=False, ca_file=str(tmp_path / "ca.pem")),
        )

        def enter(stage: Stage, at: float) -> None:
            answer.stages.append((stage, at))
            if answer.stage_names.count("securing") == 2:
                proxy.release("securing")

        with pytest.raises(ConnectionFailedError, match="does not speak TLS"):
            async with clients.open_stream(request, enter):
                pass
    assert caplog.records == []
