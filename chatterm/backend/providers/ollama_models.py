"""Fetching and deleting models of an Ollama: requests, and the progress that it tells.

Source: the Ollama API documentation, `POST /api/pull` and `DELETE /api/delete`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from chatterm.backend.providers.base import Endpoint, Limits, WireRequest
from chatterm.backend.providers.ollama_decoder import TITLE
from chatterm.backend.providers.request_headers import LINES, bearer, json_headers
from chatterm.backend.providers.wire_json import as_count, as_object, as_text, encode_json, safe_json
from chatterm.core.clean import clean_line
from chatterm.core.errors import ModelNotFoundError, ProtocolError, ProviderError, ServerError

QUIET_SECONDS = 900.0
"""How long nothing may come: checking what was fetched takes minutes without a word, for large models."""

_PROGRESS_BYTES = 1024**3

_UNKNOWN = ("file does not exist", "not found", "manifest unknown")


@dataclass(frozen=True, slots=True)
class PullProgress:
    """What Ollama does: `status` is its own word, cleaned; the bytes are of the layer under way, None for none.

    `is_done` with the last one.
    """

    status: str
    completed_bytes: int | None = None
    total_bytes: int | None = None
    is_done: bool = False

    @property
    def percent(self) -> int | None:
        """How much of the layer is there, 0 to 100."""
        if self.completed_bytes is None or not self.total_bytes:
            return None
        return min(100, 100 * self.completed_bytes // self.total_bytes)


def pull_request(model: str, endpoint: Endpoint, limits: Limits) -> WireRequest:
    """The request that has the server fetch the model; it answers line by line."""
    patient = replace(
        limits,
        first_event_seconds=QUIET_SECONDS,
        event_gap_seconds=QUIET_SECONDS,
        reply_bytes=_PROGRESS_BYTES,
    )
    body = encode_json({"model": model, "stream": True})
    return replace(_request("POST", "/api/pull", body, endpoint, patient), framing="ndjson")


def delete_request(model: str, endpoint: Endpoint, limits: Limits) -> WireRequest:
    """The request that deletes the model."""
    return _request("DELETE", "/api/delete", encode_json({"model": model}), endpoint, limits)


def read_progress(line: bytes, model: str) -> PullProgress:
    """One line of the answer to `pull_request`.

    Raises `ModelNotFoundError` for a name that the library does not have, `ServerError` for what else went wrong.
    """
    try:
        fields = as_object(safe_json(line))
    except ValueError as error:
        raise ProtocolError(f"{TITLE} sent a line that is no JSON: {clean_line(str(error), 200)}.") from None
    if "error" in fields:
        raise _failed(clean_line(as_text(fields["error"]), 500), model)
    status = clean_line(as_text(fields.get("status")), 200)
    completed, total = as_count(fields.get("completed")), as_count(fields.get("total"))
    return PullProgress(
        status, completed if completed is not None or not total else 0, total, status == "success"
    )


def _failed(said: str, model: str) -> ProviderError:
    name = clean_line(model, 80)
    if any(words in said for words in _UNKNOWN):
        return ModelNotFoundError(
            f"{TITLE}'s library has no model {name!r}.",
            "Names are as on ollama.com, such as llama3.2 or qwen3:8b.",
            provider="ollama",
            model=model,
        )
    return ServerError(
        f"{TITLE} could not fetch {name!r}: {said or 'it did not say why'}.",
        "What is there already is kept; pulling again goes on from there.",
        provider="ollama",
        model=model,
    )


def _request(
    method: Literal["POST", "DELETE"], path: str, body: bytes, endpoint: Endpoint, limits: Limits
) -> WireRequest:
    return WireRequest(
        method=method,
        url=endpoint.base_url.rstrip("/") + path,
        headers=json_headers(endpoint, LINES, bearer(endpoint)),
        body=body,
        endpoint=endpoint,
        limits=limits,
    )
