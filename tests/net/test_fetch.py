"""Pages for models over real sockets: who is connected to, what is sent, and what ends a fetch."""

from __future__ import annotations

import asyncio
import gzip
import logging
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import trustme

from chatterm.backend.net.addresses import is_public
from chatterm.backend.net.fetch import PageFetcher
from chatterm.core.errors import ToolDeniedError, ToolError
from chatterm.core.web import WebAddress, WebPage
from tests.doubles import server_replies as replies
from tests.doubles.server import ScriptedServer
from tests.doubles.server_replies import Close, Hang, Reset, Script, Send

HOST = "page.example"


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    async with ScriptedServer() as server:
        yield server


class Names:
    """A name service: gives the answers in turn, the last one for ever, and keeps what it was asked."""

    def __init__(self, *answers: list[str]) -> None:
        self.asked: list[str] = []
        self._answers = list(answers)

    def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


def here(address: str) -> bool:
    """Public, for a test: the address that its server listens at, and what is public anyway."""
    return address == "127.0.0.1" or is_public(address)


def fetcher(names: Callable[[str, int], list[str]] | None = None, most_bytes: int = 1_000_000) -> PageFetcher:
    return PageFetcher(look_up=names or Names(["127.0.0.1"]), is_allowed=here, most_bytes=most_bytes)


async def get(
    server: ScriptedServer, script: Script | None = None, *, path: str = "/", by: PageFetcher | None = None
) -> WebPage:
    if script is not None:
        server.routes["/"] = lambda _: script
    by = by or fetcher()
    return await by.fetch(by.read(f"http://{HOST}:{server.port}{path}"))


def moved(location: str, status: int = 302) -> Script:
    return replies.whole("", status=status, headers={"Location": location})


# ---- who is connected to -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answers",
    [
        ["10.0.0.1"],
        ["127.0.0.2"],
        ["127.0.0.1", "10.0.0.1"],
        ["::1", "127.0.0.1"],
        ["169.254.169.254"],
        ["::ffff:127.0.0.2"],
    ],
)
async def test_a_host_with_a_private_address_is_not_connected_to(
    server: ScriptedServer, answers: list[str]
) -> None:
    with pytest.raises(ToolDeniedError) as caught:
        await get(server, replies.whole("secret"), by=fetcher(Names(answers)))
    assert str(caught.value).startswith("page.example is not a public host")
    assert server.connections == []


async def test_the_usual_check_refuses_this_machine(server: ScriptedServer) -> None:
    with pytest.raises(ToolDeniedError):
        await get(server, replies.whole("secret"), by=PageFetcher(look_up=Names(["127.0.0.1"])))
    assert server.connections == []


async def test_a_name_is_looked_up_once_and_its_checked_address_is_used(server: ScriptedServer) -> None:
    names = Names(["127.0.0.1"], ["10.0.0.1"])
    page = await get(server, replies.whole("hello"), by=fetcher(names))
    assert page.body == b"hello" and names.asked == [HOST]
    assert server.requests[0].headers["host"] == f"{HOST}:{server.port}"


async def test_a_name_that_changes_its_address_at_a_redirect_is_checked_again(server: ScriptedServer) -> None:
    names = Names(["127.0.0.1"], ["10.0.0.1"])
    server.routes["/"] = lambda _: replies.whole(
        "", status=302, headers={"Location": "/on", "Connection": "close"}
    )
    with pytest.raises(ToolDeniedError):
        await get(server, by=fetcher(names))
    assert names.asked == [HOST, HOST] and [seen.path for seen in server.requests] == ["/"]


async def test_no_proxy_is_used_and_the_error_says_so(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with ScriptedServer() as proxy:
        for variable in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(variable, proxy.url)
        assert (await get(server, replies.whole("hello"))).body == b"hello"
        by = fetcher(Names(["127.0.0.1"]))
        with pytest.raises(ToolError) as caught:
            await by.fetch(by.read(f"http://{HOST}:1/"))
        assert proxy.connections == []
    assert "The proxy of http_proxy is not used" in str(caught.value)


# ---- what is sent --------------------------------------------------------------------------------


async def test_nothing_is_sent_but_the_question(server: ScriptedServer) -> None:
    cookie = {"Set-Cookie": "a=b", "Location": "/2"}
    server.routes["/"] = lambda _: replies.whole("", status=302, headers=cookie)
    server.routes["/2"] = lambda _: replies.whole("done")
    assert (await get(server)).body == b"done"
    for seen in server.requests:
        assert (seen.method, seen.body) == ("GET", b"")
        assert set(seen.headers) == {"host", "user-agent", "accept", "accept-encoding"}


async def test_nothing_of_an_address_is_logged(
    server: ScriptedServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server.routes["/?secret=1"] = lambda _: replies.whole("hello")
    assert (await get(server, path="/?secret=1")).body == b"hello"
    assert "secret" not in caplog.text


# ---- redirects -----------------------------------------------------------------------------------


async def test_three_redirects_are_followed_and_not_a_fourth(server: ScriptedServer) -> None:
    server.routes.update({f"/{n}": lambda _, n=n: moved(f"/{n + 1}") for n in range(9)})
    server.routes["/3"] = lambda _: replies.whole("hello")
    page = await get(server, path="/0")
    assert page.body == b"hello" and page.address.target == "/3"
    server.requests.clear()
    with pytest.raises(ToolError) as caught:
        await get(server, path="/4")
    assert "more than 3 times" in str(caught.value) and len(server.requests) == 4


@pytest.mark.parametrize(
    "location",
    ["http://other.example/a", "//other.example/a", "http://page.example/", "https://page.example/"],
)
async def test_another_host_or_port_is_told_and_not_asked(server: ScriptedServer, location: str) -> None:
    names = Names(["127.0.0.1"])
    page = await get(server, moved(location), by=fetcher(names))
    assert page.moved_to.endswith(location.partition("//")[2]) and names.asked == [HOST] and page.body == b""


@pytest.mark.parametrize(
    "location",
    [
        *(
            "file:///etc/passwd",
            "http://127.0.0.1/",
            "http://localhost/",
            "http://[::1]/",
            "http://169.254.169.254/",
        ),
        *(
            "http://0x7f.1/",
            "http://user@page.example/",
            "javascript:1",
            "http://[",
            "http://page.example:0/",
            "http:\\\\x/",
        ),
    ],
)
async def test_a_redirect_to_what_is_never_fetched(server: ScriptedServer, location: str) -> None:
    with pytest.raises(ToolDeniedError) as caught:
        await get(server, moved(location))
    assert "redirects to something that is not fetched" in str(caught.value) and len(server.requests) == 1


# ---- TLS -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def tls(authority: trustme.CA, host: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(host).configure_cert(context)
    return context


async def test_tls_is_checked_against_the_name_and_never_left(
    authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    by = fetcher()
    async with ScriptedServer(tls=tls(authority, HOST)) as server:
        server.routes["/"] = lambda _: replies.whole("hello")
        server.routes["/down"] = lambda _: moved(f"http://{HOST}:{server.port}/")
        page = await by.fetch(by.read(f"https://{HOST}:{server.port}/"))
        assert page.body == b"hello"
        with pytest.raises(ToolDeniedError) as caught:
            await by.fetch(by.read(f"https://{HOST}:{server.port}/down"))
        assert "from https to http" in str(caught.value)
        with pytest.raises(ToolError) as caught:
            await by.fetch(by.read(f"https://other.example:{server.port}/"))
        assert "The certificate of other.example" in str(caught.value)
        assert [seen.path for seen in server.requests] == ["/", "/down"]


async def test_a_certificate_nobody_vouches_for(authority: trustme.CA) -> None:
    async with ScriptedServer(tls=tls(authority, HOST)) as server:
        by = fetcher()
        with pytest.raises(ToolError) as caught:
            await by.fetch(by.read(f"https://{HOST}:{server.port}/"))
        assert "cannot be trusted" in str(caught.value) and server.requests == []


async def test_a_file_of_certificates_that_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere.pem")
    by = fetcher()
    with pytest.raises(ToolError) as caught:
        await by.fetch(by.read(f"https://{HOST}/"))
    assert "SSL_CERT_FILE" in str(caught.value)


# ---- bodies --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "is_text"),
    [
        *(
            (kind, True)
            for kind in ("text/html; charset=latin-1", "text/plain", "Text/CSV", "application/json")
        ),
        *(
            (kind, True)
            for kind in ("application/ld+json", "application/xhtml+xml", "image/svg+xml", "application/xml")
        ),
        *(
            (kind, False)
            for kind in (
                "application/pdf",
                "image/png",
                "application/octet-stream",
                "video/mp4",
                "application/zip",
            )
        ),
    ],
)
async def test_what_counts_as_text(server: ScriptedServer, kind: str, is_text: bool) -> None:
    page = await get(server, replies.whole(b"body", content_type=kind))
    assert (page.is_text, page.body, page.bytes) == (is_text, b"body" if is_text else b"", 4)
    assert page.media_type == kind.partition(";")[0].lower()
    assert page.charset == ("latin-1" if "latin" in kind else "")


async def test_a_body_without_a_type(server: ScriptedServer) -> None:
    bare = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
    assert (await get(server, [Send(bare + b"hello")])).body == b"hello"
    assert not (await get(server, [Send(bare + b"he\0lo")])).is_text


async def test_an_endless_body_is_cut(server: ScriptedServer) -> None:
    def endless() -> Script:
        yield Send(replies.head("text/plain"))
        while True:
            yield Send(replies.chunk(b"x" * 10_000))

    page = await get(server, endless(), by=fetcher(most_bytes=50_000))
    assert page.is_cut and len(page.body) == 50_000 and page.bytes is None
    await server.until(lambda: server.connections[0].closed_at)


async def test_a_compressed_bomb_is_cut(server: ScriptedServer) -> None:
    bomb = gzip.compress(bytes(20_000_000), 6)
    assert len(bomb) < 30_000
    zipped = replies.whole(bomb, content_type="text/plain", headers={"Content-Encoding": "gzip"})
    page = await get(server, zipped)
    assert page.is_cut and len(page.body) == 1_000_000


async def test_a_compressed_body(server: ScriptedServer) -> None:
    zipped = replies.whole(
        gzip.compress(b"hello"), content_type="text/plain", headers={"Content-Encoding": "gzip"}
    )
    assert (await get(server, zipped)).body == b"hello"


@pytest.mark.parametrize(
    ("body", "coding"),
    [(b"hello", "gzip"), (b"hello", "br"), (gzip.compress(b"hello" * 99, mtime=0)[:-9], "gzip")],
)
async def test_a_body_that_is_not_coded_as_it_says(server: ScriptedServer, body: bytes, coding: str) -> None:
    with pytest.raises(ToolError) as caught:
        await get(
            server, replies.whole(body, content_type="text/plain", headers={"Content-Encoding": coding})
        )
    assert f"{HOST}:{server.port}" in str(caught.value)


@pytest.mark.parametrize(
    "script",
    [
        [Close()],
        [Reset()],
        [Send(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"), Close()],
        [Send(replies.head("text/plain", length=10) + b"half"), Close()],
        [Send(replies.head("text/plain") + b"zz\r\n"), Close()],
        [Send(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 60_000), Close()],
        [Send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello"), Close()],
    ],
)
async def test_an_answer_that_breaks_off_or_is_none(server: ScriptedServer, script: Script) -> None:
    with pytest.raises(ToolError) as caught:
        await get(server, script)
    assert str(caught.value).isprintable() and f"{HOST}:{server.port}" in str(caught.value)


async def test_a_host_that_is_not_there() -> None:
    def nobody(host: str, port: int) -> list[str]:
        import socket

        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    by = fetcher(nobody)
    with pytest.raises(ToolError) as caught:
        await by.fetch(by.read("https://nowhere.example/"))
    assert str(caught.value) == "Cannot reach nowhere.example: no such host."


async def test_a_stop_closes_the_connection_at_once(server: ScriptedServer) -> None:
    task = asyncio.create_task(get(server, [Send(replies.head("text/plain")), Hang()]))
    await server.until(lambda: server.requests)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await server.until(lambda: server.connections[0].closed_at)


@pytest.mark.parametrize(
    ("url", "location", "asked"),
    [
        (
            "http://page.example/a",
            "https://page.example/a",
            ["http://page.example/a", "https://page.example/a"],
        ),
        ("http://page.example/a", "https://www.page.example/a", ["http://page.example/a"]),
        ("http://page.example/a", "https://page.example:8443/a", ["http://page.example/a"]),
        ("http://page.example:8080/a", "https://page.example/a", ["http://page.example:8080/a"]),
        ("https://page.example:8443/a", "https://page.example/a", ["https://page.example:8443/a"]),
    ],
)
async def test_only_the_usual_step_up_to_https_leaves_an_origin(
    monkeypatch: pytest.MonkeyPatch, url: str, location: str, asked: list[str]
) -> None:
    seen: list[str] = []

    async def answer(_: object, __: object, address: WebAddress) -> WebPage:
        seen.append(address.url)
        return WebPage(address=address, status=301, moved_to=location if len(seen) == 1 else "")

    monkeypatch.setattr(PageFetcher, "_ask", answer)
    by = fetcher()
    page = await by.fetch(by.read(url))
    assert seen == asked and page.moved_to == ("" if len(asked) == 2 else location)
