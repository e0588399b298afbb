"""What a provider's batch interface is: many requests given at once, done within a day, at a lower price.

A format does no I/O and keeps no state: it makes `WireRequest`s, and reads what comes back.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from chatterm.backend.providers.base import Endpoint, Limits, ProviderAdapter, WireRequest
from chatterm.backend.providers.wire_json import as_object, as_text, object_in, safe_json
from chatterm.core.clean import clean_line
from chatterm.core.errors import ProtocolError, ProviderError

RESULT_BYTES = 2 * 1024 * 1024 * 1024
"""The most that the results of one batch may have together; each of them is bounded as every reply is."""

_ID = re.compile(r"[A-Za-z0-9_.-]{1,200}")


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteBatch:
    """A batch as its provider tells of it.

    `done` of `total` requests are over, None where it does not say; `created_at` and `expires_at` are seconds since
    1970. `problem` is why none of it was done, "" where that is not so. `input_file` is what it was made of.
    """

    id: str
    is_over: bool
    total: int | None = None
    done: int | None = None
    created_at: float | None = None
    expires_at: float | None = None
    problem: str = ""
    input_file: str = ""
    result_files: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteResult:
    """What came of one request: the whole body of a response, or why there is none.

    `is_cancelled` for one that was called off before it was begun.
    """

    custom_id: str
    body: bytes = b""
    error: ProviderError | None = None
    is_cancelled: bool = False


@dataclass(frozen=True, slots=True)
class Listed:
    """A page of a list of batches, newest first; `after` asks for the next one, None for none."""

    batches: tuple[RemoteBatch, ...]
    after: str | None


class BatchFormat(Protocol):
    """One provider's batch interface."""

    @property
    def most_requests(self) -> int: ...
    @property
    def most_bytes(self) -> int: ...
    @property
    def price_share(self) -> float:
        """What a request costs here, as a share of the usual price."""
        ...

    def entry(self, custom_id: str, wire: WireRequest) -> bytes:
        """The request as it stands in a batch; the `wire` one does not stream."""
        ...

    def upload(self, entries: Sequence[bytes], name: str, like: WireRequest) -> WireRequest | None:
        """The request that brings the entries there; None where they go with the batch itself."""
        ...

    def uploaded(self, body: bytes) -> str:
        """The id of what was brought. Raises `ProtocolError`."""
        ...

    def submit(self, entries: Sequence[bytes], file_id: str, name: str, like: WireRequest) -> WireRequest:
        """The request that begins the batch. `like` is one of its requests as it would be sent alone."""
        ...

    def status(self, batch_id: str, like: WireRequest) -> WireRequest: ...
    def cancel(self, batch_id: str, like: WireRequest) -> WireRequest: ...
    def read(self, body: bytes) -> RemoteBatch:
        """The answer to `submit`, `status` and `cancel`. Raises `ProtocolError`."""
        ...

    def listing(self, after: str | None, like: WireRequest) -> WireRequest: ...
    def read_list(self, body: bytes) -> Listed: ...
    def results(self, batch: RemoteBatch, like: WireRequest) -> list[WireRequest]:
        """The requests that give the results, a line each."""
        ...

    def read_result(self, line: bytes, adapter: ProviderAdapter) -> RemoteResult:
        """One line of the results. Raises `ProtocolError` for one that is none."""
        ...


def asking(adapter: ProviderAdapter, endpoint: Endpoint, limits: Limits) -> WireRequest:
    """A request with the headers that let one in. Raises `ProtocolError` where the adapter makes none."""
    request = adapter.models_request(endpoint, limits)
    if request is None:
        raise ProtocolError(f"{endpoint.host} has no list of models, so nothing can be asked of its batches.")
    return request


def get(url: str, like: WireRequest) -> WireRequest:
    """A request for what is at the address, with the headers of another one."""
    headers = {name: value for name, value in like.headers.items() if name != "content-type"}
    headers["accept"] = "application/json"
    return replace(like, method="GET", url=url, headers=headers, body=b"", framing=None)


def get_lines(url: str, like: WireRequest) -> WireRequest:
    """The same for a body of lines, however long it is."""
    request = get(url, like)
    headers = {**request.headers, "accept": "*/*"}
    limits = replace(like.limits, reply_bytes=RESULT_BYTES)
    return replace(request, headers=headers, framing="ndjson", limits=limits)


def post(url: str, body: bytes, like: WireRequest, kind: str = "application/json") -> WireRequest:
    """A request that brings this body."""
    headers = {**get(url, like).headers, "content-type": kind}
    return replace(like, method="POST", url=url, headers=headers, body=body, framing=None)


def checked_id(value: object) -> str:
    """The value if it can be an id within an address. Raises `ProtocolError`."""
    if isinstance(value, str) and _ID.fullmatch(value) and value.strip("."):
        return value
    raise ProtocolError("The provider named a batch or a file in a way that cannot be asked for.")


def answer(body: bytes) -> dict[str, object]:
    """The JSON object that was answered. Raises `ProtocolError` for anything else."""
    found = object_in(body)
    if not found:
        raise ProtocolError(
            "The provider's answer about a batch is no JSON object.", "Run the same command again."
        )
    return found


def result_line(line: bytes) -> tuple[str, dict[str, object]]:
    """A line of results: the name of its request, and all that it says. Raises `ProtocolError`."""
    try:
        value = as_object(safe_json(line))
    except ValueError as error:
        raise ProtocolError(f"A result of a batch is no JSON ({clean_line(str(error), 80)}).") from None
    custom_id = as_text(value.get("custom_id"))
    if not custom_id:
        raise ProtocolError("A result of a batch says not of which request.")
    return custom_id, value
