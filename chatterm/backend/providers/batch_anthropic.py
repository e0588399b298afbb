"""Anthropic's Message Batches: the requests go with the batch itself, and the results are one list of lines.

Source: Anthropic's API reference, "Message Batches" (`/v1/messages/batches`), and the guide "Batch processing": up to
100,000 requests or 256 MB, results for half the price within 24 hours, kept for 29 days.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from chatterm.backend.providers.base import ProviderAdapter, WireRequest
from chatterm.backend.providers.batch_formats import (
    Listed,
    RemoteBatch,
    RemoteResult,
    answer,
    checked_id,
    get,
    get_lines,
    post,
    result_line,
)
from chatterm.backend.providers.complaints import complaint_of
from chatterm.backend.providers.provider_errors import stream_error
from chatterm.backend.providers.wire_json import (
    as_count,
    as_list,
    as_object,
    as_text,
    encode_json,
    joined_body,
)
from chatterm.core.errors import BadRequestError, RequestTimeoutError

TITLE = "Anthropic"
_COUNTS = ("processing", "succeeded", "errored", "canceled", "expired")
_PAGE = 100


@dataclass(frozen=True, slots=True)
class AnthropicBatches:
    """See `BatchFormat`. The address of the results that a batch names is not used: it is made here, for our host."""

    most_requests: int = 100_000
    most_bytes: int = 200_000_000
    price_share: float = 0.5

    def entry(self, custom_id: str, wire: WireRequest) -> bytes:
        """One of `requests`."""
        return b'{"custom_id":' + encode_json(custom_id) + b',"params":' + wire.body + b"}"

    def upload(self, entries: Sequence[bytes], name: str, like: WireRequest) -> None:
        """Nothing is brought before."""
        return

    def uploaded(self, body: bytes) -> str:
        """Nothing was."""
        return ""

    def submit(self, entries: Sequence[bytes], file_id: str, name: str, like: WireRequest) -> WireRequest:
        """The batch with all its requests."""
        return post(_url(like, ""), joined_body(b'{"requests":[', entries, b"]}"), like)

    def status(self, batch_id: str, like: WireRequest) -> WireRequest:
        """How far it is."""
        return get(_url(like, f"/{checked_id(batch_id)}"), like)

    def cancel(self, batch_id: str, like: WireRequest) -> WireRequest:
        """To begin no more of it; what is done stays."""
        return post(_url(like, f"/{checked_id(batch_id)}/cancel"), b"", like)

    def read(self, body: bytes) -> RemoteBatch:
        """A batch object."""
        return _batch(answer(body))

    def listing(self, after: str | None, like: WireRequest) -> WireRequest:
        """A page of the workspace's batches."""
        more = f"&after_id={checked_id(after)}" if after else ""
        return get(_url(like, f"?limit={_PAGE}{more}"), like)

    def read_list(self, body: bytes) -> Listed:
        """The page."""
        found = answer(body)
        batches = tuple(_batch(as_object(each)) for each in as_list(found.get("data")))
        return Listed(batches, batches[-1].id if batches and found.get("has_more") is True else None)

    def results(self, batch: RemoteBatch, like: WireRequest) -> list[WireRequest]:
        """The list of all results."""
        return [get_lines(_url(like, f"/{checked_id(batch.id)}/results"), like)]

    def read_result(self, line: bytes, adapter: ProviderAdapter) -> RemoteResult:
        """A line of the list."""
        custom_id, value = result_line(line)
        result = as_object(value.get("result"))
        match as_text(result.get("type")):
            case "succeeded":
                return RemoteResult(custom_id=custom_id, body=encode_json(result.get("message")))
            case "expired":
                late = RequestTimeoutError(
                    "The batch expired before this request was begun.", "Run again.", retryable=True
                )
                return RemoteResult(custom_id=custom_id, error=late)
            case "canceled":
                gone = BadRequestError("The batch was cancelled before this request was begun.")
                return RemoteResult(custom_id=custom_id, error=gone, is_cancelled=True)
            case _:
                failure = stream_error(TITLE, complaint_of(as_object(result.get("error"))))
                return RemoteResult(custom_id=custom_id, error=failure)


def _batch(value: dict[str, object]) -> RemoteBatch:
    counts = {name: as_count(as_object(value.get("request_counts")).get(name)) for name in _COUNTS}
    known = [count for count in counts.values() if count is not None]
    waiting = counts["processing"]
    return RemoteBatch(
        id=checked_id(value.get("id")),
        is_over=value.get("processing_status") == "ended",
        total=sum(known) if known else None,
        done=sum(known) - waiting if waiting is not None else None,
        created_at=_moment(value.get("created_at")),
        expires_at=_moment(value.get("expires_at")),
    )


def _moment(value: object) -> float | None:
    try:
        return datetime.fromisoformat(as_text(value)).timestamp()
    except (ValueError, OverflowError):
        return None


def _url(like: WireRequest, path: str) -> str:
    return f"{like.endpoint.base_url.rstrip('/').removesuffix('/v1')}/v1/messages/batches{path}"
