"""OpenRouter's `reasoning_details`: put together from a stream, kept, and sent back unmodified.

They are one opaque part for each reply, behind all other parts, and belong to the reply as a whole; the data is
their list. Signatures and encrypted reasoning are of use only to models of one maker, which the origin names.
"""

from __future__ import annotations

from collections.abc import Iterator

from chatterm.backend.providers.wire_json import as_list, as_object, encode_json, safe_json
from chatterm.core.events import OpaqueReported
from chatterm.core.messages import Message, OpaquePart

_GROWING = ("text", "summary", "data")


class DetailsMerger:
    """Joins the fragments of a stream."""

    def __init__(self) -> None:
        self._details: list[_Detail] = []

    def feed(self, fragments: object) -> None:
        """Take in the `reasoning_details` of one chunk, of whatever kind they are."""
        for fragment in map(as_object, as_list(fragments)):
            last = self._details[-1] if self._details else None
            # Fragments of one detail follow each other: they have its index and type.
            if last is None or not last.continues(fragment):
                last = next((detail for detail in self._details if detail.is_at(fragment)), None)
            if last is None:
                last = _Detail(fragment)
                self._details.append(last)
            last.add(fragment)

    def finish(self, origin: str) -> Iterator[OpaqueReported]:
        """At the end of the reply: all details, unless there is nothing in them."""
        details = [detail.whole() for detail in self._details]
        if any(detail.get(name) for detail in details for name in (*_GROWING, "signature")):
            yield OpaqueReported(origin, encode_json(details).decode())


class _Detail:
    """One detail in the making."""

    def __init__(self, first: dict[str, object]) -> None:
        self._place = (repr(first.get("index")), repr(first.get("type")))
        self._numbered = first.get("index") is not None
        self._fields: dict[str, object] = {}
        self._texts: dict[str, list[str]] = {}

    def continues(self, fragment: dict[str, object]) -> bool:
        """Whether the fragment belongs to this detail, if this one is the last."""
        same = self._place == (repr(fragment.get("index")), repr(fragment.get("type")))
        return same and (self._numbered or "data" not in fragment)

    def is_at(self, fragment: dict[str, object]) -> bool:
        """Whether the fragment names the place of this detail."""
        return self._numbered and self.continues(fragment)

    def add(self, fragment: dict[str, object]) -> None:
        for name, value in fragment.items():
            if name in _GROWING and isinstance(value, str):
                self._fields.setdefault(name, "")
                self._texts.setdefault(name, []).append(value)
            elif value or name not in self._fields:
                self._fields[name] = value

    def whole(self) -> dict[str, object]:
        return {**self._fields, **{name: "".join(texts) for name, texts in self._texts.items()}}


def origin_of(service: str, model: str) -> str:
    """The origin of opaque parts by the models of one maker: "openrouter/anthropic"."""
    return f"{service}/{model.lstrip('~').partition('/')[0]}"


def readable_details(message: Message, origin: str) -> list[object]:
    """The details of the message that a model can read whose own are of this origin; none of others."""
    for part in message.parts:
        if isinstance(part, OpaquePart) and _reads(origin, part.origin):
            try:
                return as_list(safe_json(part.data.encode(errors="replace")))
            except ValueError:
                continue
    return []


def _reads(origin: str, found: str) -> bool:
    """ "openrouter/openrouter" passes the request on to a model of any maker."""
    service, _, maker = origin.partition("/")
    return found == origin or (maker == service and found.startswith(f"{service}/"))
