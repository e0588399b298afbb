"""A small HTTP server for figures, on loopback only, that answers nobody without the token.

It speaks as little HTTP as it can: GET without a body, one request for each connection, no redirects, no CORS.
Whatever else comes is refused.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import parse_qsl

from chatterm.core.errors import ChattermError

logger = logging.getLogger(__name__)

HOST = "127.0.0.1"
HOST_6 = "::1"
MOST_CONNECTIONS = 16
HEADER_BYTES = 8 * 1024
MOST_HEADERS = 64
READ_SECONDS = 5.0
"""How long a client may take to send its request."""
WRITE_SECONDS = 5.0
"""How long it may take to take the answer."""
LAST_N = 100
MOST_LAST_N = 1_000_000

JSON = "application/json"
PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"
PLAIN = "text/plain; charset=utf-8"

_HEADERS = (
    "Connection: close\r\n"
    "Cache-Control: no-store\r\n"
    "X-Content-Type-Options: nosniff\r\n"
    "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n"
    "Cross-Origin-Resource-Policy: same-origin\r\n"
    "Referrer-Policy: no-referrer\r\n"
)
# RFC 9112, section 3 and 5; a target in origin form and header fields without any leniency.
_REQUEST_LINE = re.compile(rb"([A-Z]{1,16}) (/[!-~]*) HTTP/1\.[01]")
_FIELD = re.compile(rb"([A-Za-z0-9!#$%&'*+.^_`|~-]+):[ \t]*([\t -~]*)")


@dataclass(frozen=True, slots=True)
class Figures:
    """Where the answers come from. Both raise `ChattermError`; neither blocks the loop.

    `performance` gives the statistics of the last so many turns as JSON, `prometheus` all in the text format.
    """

    performance: Callable[[int], Awaitable[bytes]]
    prometheus: Callable[[], Awaitable[bytes]]


@dataclass(frozen=True, slots=True)
class _Answer:
    status: HTTPStatus
    body: bytes = b""
    kind: str = PLAIN
    headers: str = ""

    def data(self) -> bytes:
        body = self.body or f"{self.status.phrase}\n".encode()
        head = (
            f"HTTP/1.1 {self.status.value} {self.status.phrase}\r\n{_HEADERS}{self.headers}"
            f"Content-Type: {self.kind}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body


class MetricsServer:
    """Answers GET of /health, /metrics and /metrics/performance to who sends the token."""

    def __init__(self, figures: Figures, token: str) -> None:
        self._figures, self._token = figures, token.encode()
        self._servers: list[asyncio.Server] = []
        self._hosts: frozenset[bytes] = frozenset()
        self._open: set[asyncio.Task[None]] = set()
        self.port = 0

    async def start(self, port: int) -> None:
        """Listen on this port of loopback, 0 for a free one. Raises `OSError`."""
        first = await asyncio.start_server(self._serve, HOST, port, limit=HEADER_BYTES)
        self.port = first.sockets[0].getsockname()[1]
        self._servers = [first]
        with suppress(OSError):  # a machine without IPv6, or whose port is taken there
            self._servers.append(
                await asyncio.start_server(self._serve, HOST_6, self.port, limit=HEADER_BYTES)
            )
        names = (HOST, "localhost", f"[{HOST_6}]")
        self._hosts = frozenset(f"{name}:{self.port}".encode() for name in names)

    async def aclose(self) -> None:
        """Listen no more, and close what is open."""
        for server in self._servers:
            server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        try:
            if len(self._open) >= MOST_CONNECTIONS:
                writer.write(_Answer(HTTPStatus.SERVICE_UNAVAILABLE).data())
                return
            self._open.add(task)
            answer = await self._read_and_answer(reader)
            if answer is not None:
                writer.write(answer.data())
                async with asyncio.timeout(WRITE_SECONDS):
                    await writer.drain()
        except (OSError, TimeoutError, asyncio.CancelledError):
            writer.transport.abort()  # only `aclose` cancels it, and asyncio would print the error
        finally:
            self._open.discard(task)
            writer.close()

    async def _read_and_answer(self, reader: asyncio.StreamReader) -> _Answer | None:
        """The answer to the request that comes; None to a client that is gone again."""
        try:
            async with asyncio.timeout(READ_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
        except TimeoutError:
            return _Answer(HTTPStatus.REQUEST_TIMEOUT)
        except asyncio.LimitOverrunError:
            return _Answer(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        except asyncio.IncompleteReadError:
            return None
        try:
            return await self._answer(head)
        except ChattermError as error:
            return _Answer(HTTPStatus.SERVICE_UNAVAILABLE, f"{error}\n".encode())
        except Exception:  # the border: a request must not end the server
            logger.exception("a request for figures failed")
            return _Answer(HTTPStatus.INTERNAL_SERVER_ERROR)

    async def _answer(self, head: bytes) -> _Answer:
        line, *rest = head[:-4].split(b"\r\n")
        request, fields = _REQUEST_LINE.fullmatch(line), _fields(rest)
        if request is None or fields is None or len(head) > HEADER_BYTES:
            return _Answer(HTTPStatus.BAD_REQUEST)
        # Another name that leads here is how a web page would reach it (DNS rebinding), and has no business to.
        if fields.get(b"host", b"").lower() not in self._hosts or b"origin" in fields:
            return _Answer(HTTPStatus.FORBIDDEN)
        if request[1] != b"GET":
            return _Answer(HTTPStatus.METHOD_NOT_ALLOWED, headers="Allow: GET\r\n")
        if b"transfer-encoding" in fields or fields.get(b"content-length", b"0") != b"0":
            return _Answer(HTTPStatus.BAD_REQUEST)
        if not self._is_let_in(fields.get(b"authorization", b"")):
            return _Answer(HTTPStatus.UNAUTHORIZED, headers='WWW-Authenticate: Bearer realm="chatterm"\r\n')
        path, _, query = request[2].partition(b"?")
        return await self._page(path, query.decode("ascii"))

    def _is_let_in(self, authorization: bytes) -> bool:
        scheme, _, token = authorization.partition(b" ")
        return hmac.compare_digest(token, self._token) and scheme.lower() == b"bearer"

    async def _page(self, path: bytes, query: str) -> _Answer:
        match path:
            case b"/health":
                return _Answer(HTTPStatus.OK, b'{"status":"ok"}\n', JSON)
            case b"/metrics":
                return _Answer(HTTPStatus.OK, await self._figures.prometheus(), PROMETHEUS)
            case b"/metrics/performance":
                last_n = _last_n(query)
                if last_n is None:
                    told = f"last_n is a number from 1 to {MOST_LAST_N}; nothing else can be asked for.\n"
                    return _Answer(HTTPStatus.BAD_REQUEST, told.encode())
                return _Answer(HTTPStatus.OK, await self._figures.performance(last_n), JSON)
            case _:
                return _Answer(HTTPStatus.NOT_FOUND)


def _fields(lines: list[bytes]) -> Mapping[bytes, bytes] | None:
    """The header fields by their names in lower case; None where one is malformed or comes twice, or are too many."""
    fields: dict[bytes, bytes] = {}
    for line in lines:
        field = _FIELD.fullmatch(line)
        if field is None or field[1].lower() in fields:
            return None
        fields[field[1].lower()] = field[2].rstrip()
    return fields if len(fields) <= MOST_HEADERS else None


def _last_n(query: str) -> int | None:
    """How many turns a query asks for; None for one that cannot be meant."""
    if not query:
        return LAST_N
    try:
        asked = dict(parse_qsl(query, keep_blank_values=True, strict_parsing=True, max_num_fields=1))
    except ValueError:
        return None
    text = asked.get("last_n", "")
    number = int(text) if re.fullmatch(r"[0-9]{1,7}", text) else 0
    return number if 1 <= number <= MOST_LAST_N else None
