"""Every way in which an answer can go wrong, on real sockets."""

from __future__ import annotations

import asyncio
import gzip
import itertools
import zlib
from dataclasses import replace

import pytest

from chatterm.backend.net.client import HttpClients
from chatterm.core.errors import (
    ConnectionFailedError,
    ProtocolError,
    RequestTimeoutError,
    StaleConnectionError,
)
from tests.doubles import server_replies as replies
from tests.doubles.server import ScriptedServer
from tests.doubles.server_replies import Close, Hang, Pause, Reset, Send, WaitFor
from tests.net.asking import KEY, Answer, ask, ask_body, closed_port, deaf_port, wire

DELTA = b'data: {"n": 1}\n\n'
STREAM_HEAD = Send(replies.head("text/event-stream"))


def stream(*frames: bytes) -> list[replies.Step]:
    return [STREAM_HEAD, *(Send(replies.chunk(frame)) for frame in frames)]


def url(server: ScriptedServer) -> str:
    return server.base_url("openai")


def check(answer: Answer, kind: type[Exception], *parts: str, frames: int = 0) -> None:
    assert type(answer.error) is kind, answer.error
    assert len(answer.frames) == frames
    for part in parts:
        assert part in str(answer.error)
    assert KEY not in str(answer.error) and "canary" not in str(answer.error)


# ---- no connection ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("provider", "is_local", "hint"),
    [("ollama", True, "ollama serve"), ("llamacpp", True, "Is it running"), ("openai", False, "base_url")],
)
async def test_refused(clients: HttpClients, provider: str, is_local: bool, hint: str) -> None:
    port = closed_port()
    request = wire(f"http://127.0.0.1:{port}", provider=provider, is_local=is_local)
    answer = await ask(clients, request)
    check(answer, ConnectionFailedError, f"cannot connect to 127.0.0.1:{port} (refused)", hint)
    assert isinstance(answer.error, ConnectionFailedError) and answer.error.retryable
    assert answer.stage_names == ["resolving", "connecting"]


async def test_connecting_takes_too_long(clients: HttpClients) -> None:
    with deaf_port() as port:
        answer = await ask(clients, wire(f"http://127.0.0.1:{port}", connect_seconds=0.1))
    check(answer, RequestTimeoutError, f"cannot connect to 127.0.0.1:{port}: no answer within 0.1 s")


# ---- no answer --------------------------------------------------------------------------------


async def test_headers_never_come(server: ScriptedServer, clients: HttpClients) -> None:
    server.reply(Hang())
    answer = await ask(clients, wire(url(server), first_event_seconds=0.1))
    check(answer, RequestTimeoutError, "no event within 0.1 s", "first_event_seconds")
    assert answer.stage_names == ["resolving", "connecting", "sending", "waiting"]
    await server.until(lambda: server.requests[0].closed_at)


async def test_nobody_accepts(clients: HttpClients) -> None:
    async with ScriptedServer(accepts=False) as server:
        answer = await ask(clients, wire(url(server), first_event_seconds=0.1))
    check(answer, RequestTimeoutError, "no event within 0.1 s")


async def test_the_first_event_never_comes(server: ScriptedServer, clients: HttpClients) -> None:
    server.reply(STREAM_HEAD, Hang())
    answer = await ask(clients, wire(url(server), first_event_seconds=0.1))
    check(answer, RequestTimeoutError, "no event within 0.1 s")
    await server.until(lambda: server.requests[0].closed_at)


async def test_a_server_that_takes_nothing(clients: HttpClients) -> None:
    async with ScriptedServer(accepts=False) as server:
        request = wire(url(server), write_seconds=0.1)
        large = replace(request, body=bytes(64 << 20))
        answer = await ask(clients, large)
    check(answer, RequestTimeoutError, "took no data for 0.1 s", "write_seconds")
    assert answer.stage_names[-1] == "sending"


async def test_closed_without_an_answer(server: ScriptedServer, clients: HttpClients) -> None:
    server.reply(Close())
    answer = await ask(clients, wire(url(server)))
    check(answer, ConnectionFailedError, "closed the connection without an answer")


# ---- silence in the middle --------------------------------------------------------------------


async def test_stall(server: ScriptedServer, clients: HttpClients) -> None:
    server.reply(*stream(DELTA, DELTA), Hang())
    answer = await ask(clients, wire(url(server), event_gap_seconds=0.1))
    check(answer, RequestTimeoutError, "no whole event for 0.1 s", "event_gap_seconds", frames=2)
    await server.until(lambda: server.requests[0].closed_at)


async def test_a_trickle_of_bytes_is_no_progress(server: ScriptedServer, clients: HttpClients) -> None:
    trickle = itertools.chain.from_iterable(
        (Pause(0.01), Send(replies.chunk(b"data: x"))) for _ in itertools.count()
    )
    server.reply_script(itertools.chain(stream(DELTA), trickle))
    answer = await ask(clients, wire(url(server), event_gap_seconds=0.15))
    check(answer, RequestTimeoutError, "no whole event for 0.15 s", frames=1)
    assert len(server.requests[0].sent_at) > 4


@pytest.mark.parametrize("sign", [b": still here\n\n", b'event: ping\ndata: {"type": "ping"}\n\n'])
async def test_keep_alives_hold_a_reply_only_so_long(
    server: ScriptedServer, clients: HttpClients, sign: bytes
) -> None:
    signs = itertools.chain.from_iterable((Pause(0.01), Send(replies.chunk(sign))) for _ in itertools.count())
    server.reply_script(itertools.chain(stream(DELTA), signs))
    answer = await ask(clients, wire(url(server), event_gap_seconds=0.2, comments_only_seconds=0.4))
    assert type(answer.error) is RequestTimeoutError
    assert "nothing but keep-alive comments for 0.4 s" in answer.error.message
    request = server.requests[0]
    await server.until(lambda: request.closed_at)
    assert request.closed_at and request.closed_at - request.sent_at[1] > 0.35


async def test_comments_bridge_the_wait_for_the_first_event(
    server: ScriptedServer, clients: HttpClients
) -> None:
    comments = [step for _ in range(30) for step in (Pause(0.01), Send(replies.chunk(b": wait\n\n")))]
    server.reply(*stream(), *comments, Send(replies.chunk(DELTA)), Send(replies.LAST_CHUNK))
    answer = await ask(clients, wire(url(server), first_event_seconds=0.2))
    assert answer.error is None and len(answer.frames) == 1


# ---- the end comes early ----------------------------------------------------------------------


@pytest.mark.parametrize("end", [Reset(), Close()])
async def test_cut_in_the_middle(server: ScriptedServer, clients: HttpClients, end: replies.Step) -> None:
    server.reply(*stream(DELTA, b'data: {"half'), WaitFor("read"), end)
    answer = Answer()
    asking = asyncio.ensure_future(ask(clients, wire(url(server)), answer))
    await answer.arrived.wait()
    server.release("read")
    await asking
    check(answer, ConnectionFailedError, "broke off in the middle of the reply", frames=1)


async def test_a_clean_end_without_a_marker_just_ends(server: ScriptedServer, clients: HttpClients) -> None:
    server.reply(*stream(DELTA, b'data: {"half'), Send(replies.LAST_CHUNK))
    answer = await ask(clients, wire(url(server)))
    assert answer.error is None and len(answer.frames) == 1


async def test_an_end_marked_by_closing(server: ScriptedServer, clients: HttpClients) -> None:
    server.reply(Send(b"HTTP/1.1 200 OK\r\n\r\n" + DELTA + b"data: [DONE]"), Close())
    answer = await ask(clients, wire(url(server)))
    assert answer.error is None and answer.data == [b'{"n": 1}', b"[DONE]"]


# ---- too much ---------------------------------------------------------------------------------


async def test_an_event_that_is_too_large(server: ScriptedServer, clients: HttpClients) -> None:
    endless = (Send(replies.chunk(b"x" * 65536)) for _ in itertools.count())
    server.reply_script(itertools.chain(stream(DELTA, b"data: "), endless))
    answer = await ask(clients, wire(url(server), event_bytes=1 << 20))
    check(answer, ProtocolError, "larger than 1,048,576 bytes", frames=1)
    await server.until(lambda: server.requests[0].closed_at)


async def test_a_reply_that_never_ends(server: ScriptedServer, clients: HttpClients) -> None:
    endless = (Send(replies.chunk(DELTA * 100)) for _ in itertools.count())
    server.reply_script(itertools.chain(stream(), endless))
    answer = await ask(clients, wire(url(server), reply_bytes=1 << 20))
    assert type(answer.error) is ProtocolError and "larger than 1,048,576 bytes" in answer.error.message
    assert (1 << 20) - 200 * len(DELTA) < len(answer.frames) * len(DELTA) <= 1 << 20
    await server.until(lambda: server.requests[0].closed_at)


# ---- coded bodies -----------------------------------------------------------------------------


def coded(data: bytes, coding: str, status: int = 200) -> list[replies.Step]:
    return [
        Send(
            replies.head(
                "text/event-stream", status=status, length=len(data), headers={"Content_Encoding": coding}
            )
            + data
        )
    ]


@pytest.mark.parametrize(
    ("coding", "data"),
    [
        ("gzip", gzip.compress(DELTA * 3)),
        ("x-gzip", gzip.compress(DELTA) + gzip.compress(DELTA * 2)),
        ("deflate", zlib.compress(DELTA * 3)),
        ("identity", DELTA * 3),
    ],
    ids=["gzip", "gzip in two members", "deflate", "identity"],
)
async def test_coded_although_not_asked_for(
    server: ScriptedServer, clients: HttpClients, coding: str, data: bytes
) -> None:
    server.reply(*coded(data, coding))
    answer = await ask(clients, wire(url(server)))
    assert answer.error is None and len(answer.frames) == 3
    assert server.requests[0].headers["accept-encoding"] == "identity"


@pytest.mark.parametrize(
    ("coding", "data", "message"),
    [
        ("br", b"\x8b\x02\x80", "in the coding 'br'"),
        ("zstd", b"(\xb5/\xfd", "in the coding 'zstd'"),
        ("gzip", DELTA, "not compressed as it says"),
        ("gzip", gzip.compress(b": comment")[:-4], "in the middle of its compressed data"),
    ],
    ids=["brotli", "zstd", "not coded at all", "cut"],
)
async def test_codings_that_cannot_be_read(
    server: ScriptedServer, clients: HttpClients, coding: str, data: bytes, message: str
) -> None:
    server.reply(*coded(data, coding))
    check(await ask(clients, wire(url(server))), ProtocolError, message)


async def test_a_bomb_is_stopped_at_the_limit(server: ScriptedServer, clients: HttpClients) -> None:
    bomb = gzip.compress(bytes(64 << 20), 1)
    assert len(bomb) < 1 << 20
    server.reply(*coded(bomb, "gzip"))
    answer = await ask(clients, wire(url(server), event_bytes=1 << 30, reply_bytes=1 << 20))
    check(answer, ProtocolError, "larger than 1,048,576 bytes")


# ---- not what was asked for -------------------------------------------------------------------


async def test_a_stream_under_another_name(server: ScriptedServer, clients: HttpClients) -> None:
    for kind in ("text/plain", "application/json", "text/html"):
        server.reply(Send(replies.head(kind)), Send(replies.chunk(DELTA)), Send(replies.LAST_CHUNK))
        assert (await ask(clients, wire(url(server)))).data == [b'{"n": 1}']


@pytest.mark.parametrize("framing", ["sse", "ndjson"])
@pytest.mark.parametrize("kind", ["application/json", "text/event-stream"])
@pytest.mark.parametrize("document", [b'{\n "a": [1]\n}\n', b'\n\n {"a": [1]}', b'\xef\xbb\xbf{"a": [1]}'])
async def test_a_document_in_place_of_a_stream_is_one_frame(
    server: ScriptedServer, clients: HttpClients, framing: replies.Any, kind: str, document: bytes
) -> None:
    pieces = [Send(replies.chunk(document[i : i + 1])) for i in range(len(document))]
    server.reply(Send(replies.head(kind)), *pieces, Send(replies.LAST_CHUNK))
    answer = await ask(clients, wire(url(server), framing=framing))
    assert answer.error is None
    assert answer.data == [document.removeprefix(b"\xef\xbb\xbf").strip()]


async def test_a_document_that_is_too_large(server: ScriptedServer, clients: HttpClients) -> None:
    server.reply(*replies.whole({"a": "x" * 5000}))
    answer = await ask(clients, wire(url(server), event_bytes=2000))
    check(answer, ProtocolError, "larger than 2,000 bytes")


@pytest.mark.parametrize("framing", ["sse", "ndjson", None])
async def test_a_web_page(server: ScriptedServer, clients: HttpClients, framing: replies.Any) -> None:
    page = "\n<!DOCTYPE html><html><head><title>Sign in\n to \x1b]52;Wi-Fi\u202e</title></head></html>"
    server.reply(*replies.whole(page))
    with pytest.raises(ProtocolError) as caught:
        async with clients.open_stream(wire(url(server), framing=framing), lambda *_: None) as stream:
            if framing is None:
                await stream.body()
            else:
                await anext(aiter(stream.frames()))
    assert "answered with a web page, not the API (its title: 'Sign in to ␛]52;Wi-Fi�')" in str(caught.value)
    assert not caught.value.retryable and "login page" in caught.value.hint


async def test_a_web_page_that_shows_the_key(server: ScriptedServer, clients: HttpClients) -> None:
    server.reply(*replies.whole(f"<html><title>Bad key {KEY}</title></html>"))
    check(await ask(clients, wire(url(server))), ProtocolError, "a web page, not the API")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_told_and_not_followed(
    server: ScriptedServer, clients: HttpClients, status: int
) -> None:
    async with ScriptedServer() as other:
        target = f"http://user:secret@127.0.0.1:{other.port}/v2/chat?key={KEY}#part"
        server.reply_status(status, "moved", Location=target)
        answer = await ask(clients, wire(url(server)))
        check(answer, ProtocolError, f"to http://127.0.0.1:{other.port}/v2/chat", "base_url")
        assert "secret" not in str(answer.error)
        assert other.connections == [] and len(server.requests) == 1


async def test_a_redirect_on_the_same_host_and_one_to_nowhere(
    server: ScriptedServer, clients: HttpClients
) -> None:
    server.reply_status(307, "", Location="/v1/chat/completions")
    check(await ask(clients, wire(url(server))), ProtocolError, "move the request to /v1/chat/completions")
    server.reply_status(304, "")
    check(await ask(clients, wire(url(server))), ProtocolError, "move the request to ?")
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    "junk",
    [
        b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
        b"HTTP/1.1 two hundred\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nbroken header\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: %s\r\n" % (i, b"y" * 100) for i in range(2000)) + b"\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
    ],
)
async def test_bytes_that_are_not_http(server: ScriptedServer, clients: HttpClients, junk: bytes) -> None:
    server.reply(Send(junk), Hang())
    answer = await ask(clients, wire(url(server)))
    check(answer, ProtocolError, "something that is not HTTP")
    assert isinstance(answer.error, ProtocolError) and answer.error.retryable
    await server.until(lambda: server.requests[0].closed_at)


async def test_a_flood_of_provisional_answers(server: ScriptedServer, clients: HttpClients) -> None:
    server.reply_script(Send(b"HTTP/1.1 103 Early Hints\r\n\r\n") for _ in itertools.count())
    answer = await ask(clients, wire(url(server), first_event_seconds=0.1))
    check(answer, RequestTimeoutError, "no event within 0.1 s")


async def test_bytes_after_the_reply_are_not_taken_for_the_next_one(
    server: ScriptedServer, clients: HttpClients
) -> None:
    extra = b'HTTP/1.1 200 OK\r\nContent-Length: 21\r\n\r\ndata: {"forged": 1}\n\n'
    server.reply(*stream(DELTA), Send(replies.LAST_CHUNK + extra))
    server.reply(*stream(DELTA), Send(replies.LAST_CHUNK))
    assert (await ask(clients, wire(url(server)))).data == [b'{"n": 1}']
    check(await ask(clients, wire(url(server))), StaleConnectionError, "answered before it was asked")
    third = await ask(clients, wire(url(server)))
    assert third.error is None and server.requests[2].connection == 1


# ---- errors with a status ---------------------------------------------------------------------


async def test_an_error_body_is_read_up_to_its_limit(server: ScriptedServer, clients: HttpClients) -> None:
    server.reply_status(500, {"error": "x" * 5000})
    assert len(await ask_body(clients, wire(url(server), error_body_bytes=1000))) == 1000
    server.reply(*coded(gzip.compress(b'{"error": 1}'), "gzip", status=429))
    assert await ask_body(clients, wire(url(server))) == b'{"error": 1}'


async def test_an_error_body_that_breaks_off_is_what_came(
    server: ScriptedServer, clients: HttpClients
) -> None:
    server.reply(Send(replies.head("application/json", status=503, length=100) + b'{"error"'), Close())
    assert await ask_body(clients, wire(url(server))) == b'{"error"'


async def test_headers_are_found_in_any_case(server: ScriptedServer, clients: HttpClients) -> None:
    server.reply_status(429, {"error": "slow down"}, Retry_After="2", X_Request_Id="r-1")
    async with clients.open_stream(wire(url(server)), lambda *_: None) as stream:
        assert stream.status == 429
        assert stream.headers.get("retry-after") == stream.headers["Retry-After"] == "2"
        assert await stream.body() == b'{"error": "slow down"}'


async def test_a_whole_body_has_a_limit(server: ScriptedServer, clients: HttpClients) -> None:
    server.reply(*replies.whole({"data": "x" * 5000}))
    with pytest.raises(ProtocolError, match="larger than 1,000 bytes"):
        await ask_body(clients, wire(url(server), framing=None, event_bytes=1000))


# ---- kept connections that are gone -----------------------------------------------------------


async def test_a_kept_connection_closed_between_turns_is_replaced(
    server: ScriptedServer, clients: HttpClients
) -> None:
    server.reply(*stream(DELTA), Send(replies.LAST_CHUNK), Close())
    await ask(clients, wire(url(server)))
    await server.until(lambda: server.connections[0].closed_at)
    answer = await ask(clients, wire(url(server)))
    assert answer.error is None and [request.connection for request in server.requests] == [0, 1]


@pytest.mark.parametrize("end", [Reset(), Close()])
async def test_a_kept_connection_closed_at_the_next_request_is_told_apart(
    server: ScriptedServer, clients: HttpClients, end: replies.Step
) -> None:
    server.reply(*stream(DELTA), Send(replies.LAST_CHUNK))
    server.reply(end)
    assert (await ask(clients, wire(url(server)))).error is None
    answer = await ask(clients, wire(url(server)))
    check(answer, StaleConnectionError, "had closed the connection that was kept open")
    assert answer.stage_names == ["sending", "waiting"]
    assert (await ask(clients, wire(url(server)))).error is None


async def test_a_kept_connection_that_answers_junk_is_not_stale(
    server: ScriptedServer, clients: HttpClients
) -> None:
    server.reply(*stream(DELTA), Send(replies.LAST_CHUNK))
    server.reply(Send(b"HTTP/1.1 2"), Close())
    await ask(clients, wire(url(server)))
    check(await ask(clients, wire(url(server))), ProtocolError, "not HTTP")
