"""OpenAI's Batch API: a file of requests is uploaded, a batch is made of it, and its results are files again.

Source: OpenAI's API reference, "Files" (`POST /v1/files`, `GET /v1/files/{id}/content`) and "Batch" (`/v1/batches`,
the request input and output objects), and the guide "Batch API": one model in each file, up to 50,000 requests,
results for half the price within 24 hours; what failed is in a file of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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
    as_number,
    as_object,
    as_text,
    encode_json,
)
from chatterm.core.clean import clean_line
from chatterm.core.errors import BadRequestError, RequestTimeoutError

TITLE = "OpenAI"
JOB = "chatterm_job"
"""The name in a batch's metadata under which it has ours."""

_OVER = ("completed", "failed", "expired", "cancelled")
_PAGE = 100


@dataclass(frozen=True, slots=True)
class OpenAIBatches:
    """See `BatchFormat`."""

    most_requests: int = 50_000
    most_bytes: int = 90_000_000
    price_share: float = 0.5

    def entry(self, custom_id: str, wire: WireRequest) -> bytes:
        """One line of the file."""
        head = {"custom_id": custom_id, "method": "POST", "url": _path(wire)}
        return encode_json(head)[:-1] + b',"body":' + wire.body + b"}"

    def upload(self, entries: Sequence[bytes], name: str, like: WireRequest) -> WireRequest:
        """The file as a form (RFC 7578); its boundary is nowhere inside: it holds the random name of the job."""
        boundary = f"chatterm-{name}"
        purpose = f'--{boundary}\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n'
        file = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}.jsonl"\r\n'
            "Content-Type: application/jsonl\r\n\r\n"
        )
        body = b"".join(
            ((purpose + file).encode(), b"\n".join(entries), f"\n\r\n--{boundary}--\r\n".encode())
        )
        return post(f"{_base(like)}/files", body, like, f"multipart/form-data; boundary={boundary}")

    def uploaded(self, body: bytes) -> str:
        """The id of the file."""
        return checked_id(answer(body).get("id"))

    def submit(self, entries: Sequence[bytes], file_id: str, name: str, like: WireRequest) -> WireRequest:
        """The batch of a file."""
        fields = {
            "input_file_id": file_id,
            "endpoint": _path(like),
            "completion_window": "24h",
            "metadata": {JOB: name},
        }
        return post(f"{_base(like)}/batches", encode_json(fields), like)

    def status(self, batch_id: str, like: WireRequest) -> WireRequest:
        """How far it is."""
        return get(f"{_base(like)}/batches/{checked_id(batch_id)}", like)

    def cancel(self, batch_id: str, like: WireRequest) -> WireRequest:
        """To begin no more of it; what is done stays."""
        return post(f"{_base(like)}/batches/{checked_id(batch_id)}/cancel", b"", like)

    def read(self, body: bytes) -> RemoteBatch:
        """A batch object."""
        return _batch(answer(body))

    def listing(self, after: str | None, like: WireRequest) -> WireRequest:
        """A page of the account's batches."""
        more = f"&after={checked_id(after)}" if after else ""
        return get(f"{_base(like)}/batches?limit={_PAGE}{more}", like)

    def read_list(self, body: bytes) -> Listed:
        """The page."""
        found = answer(body)
        batches = tuple(_batch(as_object(each)) for each in as_list(found.get("data")))
        return Listed(batches, batches[-1].id if batches and found.get("has_more") is True else None)

    def results(self, batch: RemoteBatch, like: WireRequest) -> list[WireRequest]:
        """The file of what was answered, and that of what failed, as far as there are such."""
        return [
            get_lines(f"{_base(like)}/files/{checked_id(each)}/content", like) for each in batch.result_files
        ]

    def read_result(self, line: bytes, adapter: ProviderAdapter) -> RemoteResult:
        """A line of either file."""
        custom_id, value = result_line(line)
        response = as_object(value.get("response"))
        status, body = as_count(response.get("status_code")), encode_json(response.get("body"))
        if status is not None and status < 400:
            return RemoteResult(custom_id=custom_id, body=body)
        if status is not None:
            return RemoteResult(custom_id=custom_id, error=adapter.parse_error(status, {}, body))
        error = as_object(value.get("error"))
        told = clean_line(as_text(error.get("message")), 400)
        match as_text(error.get("code")):
            case "batch_expired":
                late = RequestTimeoutError(
                    told or "The batch expired before this request was begun.", "Run again.", retryable=True
                )
                return RemoteResult(custom_id=custom_id, error=late)
            case "batch_cancelled":
                gone = BadRequestError(told or "The batch was cancelled before this request was begun.")
                return RemoteResult(custom_id=custom_id, error=gone, is_cancelled=True)
            case _:
                return RemoteResult(custom_id=custom_id, error=stream_error(TITLE, complaint_of(value)))


def _batch(value: dict[str, object]) -> RemoteBatch:
    status, counts = as_text(value.get("status")), as_object(value.get("request_counts"))
    completed, failed = as_count(counts.get("completed")), as_count(counts.get("failed"))
    files = [value.get("output_file_id"), value.get("error_file_id")]
    faults = [
        clean_line(as_text(as_object(each).get("message")), 200)
        for each in as_list(as_object(value.get("errors")).get("data"))
    ]
    problem = "; ".join(dict.fromkeys(filter(None, faults[:5]))) or "no reason is told"
    return RemoteBatch(
        id=checked_id(value.get("id")),
        is_over=status in _OVER,
        total=as_count(counts.get("total")),
        done=None if completed is None else completed + (failed or 0),
        created_at=as_number(value.get("created_at")),
        expires_at=as_number(value.get("expires_at")),
        problem=problem if status == "failed" else "",
        input_file=as_text(value.get("input_file_id")),
        result_files=tuple(checked_id(each) for each in files if each is not None),
    )


def _base(like: WireRequest) -> str:
    return like.endpoint.base_url.rstrip("/")


def _path(wire: WireRequest) -> str:
    """The endpoint as a batch names it."""
    return "/v1" + wire.url.removeprefix(_base(wire)).partition("?")[0]
