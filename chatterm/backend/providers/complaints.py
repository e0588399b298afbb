"""What a provider says when it refuses or fails, read from any shape of body that servers send."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from chatterm.backend.providers.response_headers import span_seconds
from chatterm.backend.providers.wire_json import as_list, as_object, as_text, safe_json
from chatterm.core.clean import clean, clean_line
from chatterm.core.redact import redact

TEXT_LIMIT_BYTES = 2048
"""Longest text of a provider that enters an error, in bytes of UTF-8."""

# Some services repeat the refused key, whatever it looks like, behind these words.
_REFUSED_KEY = re.compile(r"(?:(?<=key provided: )|(?<=api key: ))\S+?(?=\.?(?:\s|$))", re.IGNORECASE)
_WAIT = re.compile(r"(?:retry|try again) (?:in|after) ((?:\d+(?:\.\d+)?(?:ms|[smhd]))+)", re.IGNORECASE)
_TITLE = re.compile(r"<title[^>]*>(.*?)</title", re.IGNORECASE | re.DOTALL)
_EVENT_DATA = re.compile(rb"^data:(.*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Complaint:
    """`text` is safe to show; `codes` are all machine-readable names in lower case.

    `status` is an HTTP status named in the body, `param` the request parameter complained about, dotted for an
    inner one; `retry_after` is in seconds; `request_id` is the provider's name for the request, where the body
    has it (Anthropic).
    """

    text: str = ""
    codes: frozenset[str] = frozenset()
    status: int | None = None
    param: str = ""
    retry_after: float | None = None
    request_id: str | None = None


def complaint_in(body: bytes) -> Complaint:
    """The complaint in a whole body: JSON, an event of a stream, a web page, plain text, or nothing."""
    body = body.strip()
    if event := _EVENT_DATA.search(body):
        body = event[1].strip()
    try:
        return complaint_of(safe_json(body))
    except ValueError:
        return Complaint(_safe(_page_or_text(body.decode("utf-8", "replace"))))


def complaint_of(value: object) -> Complaint:
    """The complaint in decoded JSON.

    OpenAI: {"error": {"message", "type", "param", "code"}}. Others send the error as a string or a list, or
    `detail`, `message` or `errors` beside it or instead of it.
    """
    if items := as_list(value):
        return complaint_of(items[0])
    outer = as_object(value)
    inner = as_object(outer.get("error"))
    metadata = as_object(inner.get("metadata"))
    faults = _faults(outer, inner)
    details = list(map(as_object, as_list(inner.get("details")) or [inner.get("details")]))
    names = [name for fields in (outer, inner, metadata, *faults, *details) for name in _names(fields)]
    names += [str(name)[:200].lower() for name in _quotas(details)]
    if metadata.get("flagged_input") is not None or metadata.get("reasons"):
        names.append("moderation")
    statuses = [int(name) for name in names if re.fullmatch("[45][0-9]{2}", name)]
    text = _safe(_text(value))
    return Complaint(
        text=text,
        codes=frozenset(names),
        status=statuses[0] if statuses else None,
        param=_safe(as_text(inner.get("param")) or as_text(outer.get("param")) or _place(faults)),
        retry_after=_wait(details, text),
        request_id=clean_line(as_text(outer.get("request_id")), 200) or None,
    )


def is_complaint(value: dict[str, object], event: str = "") -> bool:
    """Whether a frame of a stream tells an error: in its `error` field, its kind or its event name."""
    if value.get("error") or event == "error":
        return True
    return value.get("object") == "error" or value.get("type") == "error"


def _names(fields: dict[str, object]) -> Iterator[str]:
    for key in ("code", "type", "status", "status_code", "error_type", "error_code", "reason"):
        value = fields.get(key)
        if isinstance(value, str | int) and not isinstance(value, bool):
            yield str(value)[:100].lower()


def _faults(outer: dict[str, object], inner: dict[str, object]) -> list[dict[str, object]]:
    """The faults that a validating server lists, {"loc", "msg", "type"}; Mistral lists them in the message."""
    listed = (
        outer.get("detail"),
        as_object(outer.get("message")).get("detail"),
        as_object(inner.get("message")).get("detail"),
    )
    return [as_object(fault) for items in listed for fault in as_list(items)[:10]]


def _place(faults: list[dict[str, object]]) -> str:
    """The parameter of the first fault, as a dotted path."""
    places = (as_list(fault.get("loc")) for fault in faults)
    steps = next((place for place in places if place), list[object]())
    return ".".join(str(step) for step in steps[:8] if step != "body")


def _quotas(details: list[dict[str, object]]) -> Iterator[object]:
    """Google's `QuotaFailure`: which quotas were exceeded."""
    for violation in (item for detail in details for item in as_list(detail.get("violations"))[:10]):
        yield as_object(violation).get("quotaId", "")


def _wait(details: list[dict[str, object]], text: str) -> float | None:
    """Seconds to wait: Google's `RetryInfo`, or as many services write into the text."""
    delays = (as_text(detail.get("retryDelay")) for detail in details)
    named = next(filter(None, delays), "")
    told = _WAIT.search(text)
    return span_seconds(named or (told[1] if told else "")) or None


def _text(value: object, depth: int = 0) -> str:
    """The first text found where servers put it."""
    if isinstance(value, str):
        return value
    if depth > 4:
        return ""
    if items := as_list(value):
        return "; ".join(text for item in items[:3] if (text := _text(item, depth + 1)))
    fields = as_object(value)
    for key in ("error", "message", "detail", "msg", "errors", "description"):
        if text := _text(fields.get(key), depth + 1):
            metadata = as_object(fields.get("metadata"))
            reasons = ", ".join(filter(None, map(as_text, as_list(metadata.get("reasons"))[:5])))
            more = as_text(metadata.get("raw")) or reasons
            return f"{text}: {more}" if more else text
    return ""


def _page_or_text(text: str) -> str:
    if not text.startswith("<"):
        return text
    title = _TITLE.search(text)
    return f"a web page titled “{' '.join(title[1].split())}”" if title else "a web page"


def _safe(text: str) -> str:
    """Cleaned, with keys left out, at most `TEXT_LIMIT_BYTES` long."""
    # Cut before and after: cleaning and searching need not read megabytes.
    text = redact(_REFUSED_KEY.sub("[hidden]", clean(text[: 2 * TEXT_LIMIT_BYTES]))).strip()
    encoded = text.encode()
    if len(encoded) <= TEXT_LIMIT_BYTES:
        return text
    return encoded[: TEXT_LIMIT_BYTES - 3].decode(errors="ignore") + "…"
