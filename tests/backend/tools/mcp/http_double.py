"""An MCP server behind an address, on raw sockets: what it answers is the choice of the test."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

OFFERS = {"tools": {}}
TOOL = {"name": "echo", "inputSchema": {"type": "object", "properties": {"text": {"type": "string"}}}}


@dataclass
class Request:
    method: str
    headers: dict[str, str]
    body: dict[str, Any]


def reply(
    body: object, *, status: str = "200 OK", kind: str = "application/json", headers: str = ""
) -> bytes:
    """A whole HTTP answer."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(data)}\r\n{headers}\r\n"
    return head.encode() + data


def result_of(request: Request) -> bytes:
    """What a server answers that behaves."""
    method, number = request.body.get("method"), request.body.get("id")
    if request.method != "POST":
        return reply(b"", status="405 Method Not Allowed")
    if number is None:
        return reply(b"", status="202 Accepted")
    results: dict[object, object] = {
        "initialize": {
            "protocolVersion": "2025-06-18",
            "capabilities": OFFERS,
            "serverInfo": {"name": "double", "version": "2"},
        },
        "tools/list": {"tools": [TOOL]},
        "tools/call": {"content": [{"type": "text", "text": "over HTTP"}]},
        "ping": {},
    }
    message = {"jsonrpc": "2.0", "id": number, "result": results.get(method, {})}
    if method == "initialize":
        return reply(message, headers="Mcp-Session-Id: one\r\n")
    if method == "tools/call":
        return reply(
            b"event: message\ndata: " + json.dumps(message).encode() + b"\n\n", kind="text/event-stream"
        )
    return reply(message)


@dataclass
class HttpDouble:
    """`answer` makes the answer to each request; `requests` are those that came."""

    answer: Callable[[Request], bytes] = result_of
    requests: list[Request] = field(default_factory=list[Request])
    url: str = ""

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                headers: dict[str, str] = {}
                while (header := (await reader.readline()).decode().strip()) != "":
                    name, _, value = header.partition(":")
                    headers[name.lower()] = value.strip()
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                request = Request(line.decode().split()[0], headers, json.loads(body) if body else {})
                self.requests.append(request)
                writer.write(self.answer(request))
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def http_double() -> AsyncIterator[HttpDouble]:
    """A server on this machine, on a port of its own."""
    double = HttpDouble()
    server = await asyncio.start_server(double.handle, "127.0.0.1", 0)
    double.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/mcp"
    try:
        yield double
    finally:
        server.close()
