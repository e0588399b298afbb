"""What a provider says when it refuses or fails, read from any shape of body that servers send."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from chatterm.backend.providers.wire_json import as_list, as_object, as_text, safe_json
from chatterm.core.clean import clean
from chatterm.core.redact import redact

TEXT_LIMIT_BYTES = 2048
"""Longest text of a provider that enters an error, in bytes of UTF-8."""

# Some services repeat the refused key, whatever it looks like, behind these words.
_REFUSED_KEY = re.compile(r"(?<=key provided: )\S+?(?=\.?(?:\s|$))", re.IGNORECASE)
_TITLE = re.compile(r"<title[^>]*>(.*?)</title", re.IGNORECASE | re.DOTALL)
_EVENT_DATA = re.compile(rb"^data:(.*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Complaint:
    """`text` is safe to show; `codes` are all machine-readable names in lower case.

    `status` is an HTTP status named in the body, `param` the request parameter complained about.
    """

    text: str = ""
    codes: frozenset[str] = frozenset()
    status: int | None = None
    param: str = ""


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
    names = [*_names(outer), *_names(inner), *_names(as_object(inner.get("metadata")))]
    statuses = [int(name) for name in names if re.fullmatch("[45][0-9]{2}", name)]
    return Complaint(
        text=_safe(_text(value)),
        codes=frozenset(names),
        status=statuses[0] if statuses else None,
        param=_safe(as_text(inner.get("param")) or as_text(outer.get("param"))),
    )


def is_complaint(value: dict[str, object], event: str = "") -> bool:
    """Whether a frame of a stream tells an error: in its `error` field, its kind or its event name."""
    return bool(value.get("error")) or "error" in (value.get("object"), value.get("type"), event)


def _names(fields: dict[str, object]) -> Iterator[str]:
    for key in ("code", "type", "status", "status_code", "error_type"):
        value = fields.get(key)
        if isinstance(value, str | int) and not isinstance(value, bool):
            yield str(value)[:100].lower()


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
            raw = as_object(fields.get("metadata")).get("raw")
            return f"{text}: {raw}" if isinstance(raw, str) and raw else text
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
