"""What a decoder of OpenAI's Responses keeps in mind while a reply comes in, and how it reads figures and failures."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Literal

from chatterm.backend.providers.complaints import Complaint
from chatterm.backend.providers.provider_errors import stream_error
from chatterm.backend.providers.wire_json import as_count, as_number, as_object, as_text
from chatterm.core.errors import ProviderError
from chatterm.core.events import CitationsReported
from chatterm.core.messages import Citation
from chatterm.core.usage import Usage

Told = Literal["text", "refusal", "summary", "reasoning", "arguments"]
"""What an item says in increments."""

_TICKS_PER_DOLLAR = 10**10
"""xAI's unit of cost."""

# Codes of a failed response that blame the request, so that the same one would fail again.
_REQUEST_FAULTS = re.compile(
    r"invalid_prompt|data_residency_mismatch|\w+_policy(_violation)?|\w*image(_\w+)?"
)


@dataclass(slots=True)
class Item:
    """An output item in the making; `number` counts the items of this response from 0."""

    number: int
    kind: str = ""
    item_id: str = ""
    call_id: str = ""
    name: str = ""
    done: bool = False
    told: set[tuple[Told, int]] = field(default_factory=set[tuple[Told, int]])

    def has_told(self, *kinds: Told) -> bool:
        """Whether anything of these kinds was told."""
        return any(kind in kinds for kind, _ in self.told)


class Paragraphs:
    """Puts a blank line between texts of one kind that follow each other from different sources."""

    def __init__(self) -> None:
        self._before: tuple[str, int, int] = ("", 0, 0)

    def text(self, source: tuple[str, int, int], text: str) -> str:
        """The text as it is shown; the source is its kind and two numbers that tell one from another."""
        before, self._before = self._before, source
        return f"\n\n{text}" if before != source and before[0] == source[0] else text

    def end(self) -> None:
        """Something else came in between."""
        self._before = ("", 0, 0)


class Sources:
    """The sources that a reply has named so far."""

    def __init__(self) -> None:
        self._found: tuple[Citation, ...] = ()

    def add(self, annotations: list[object]) -> Iterator[CitationsReported]:
        """Take in annotations, and report all sources if there is a new one among them."""
        found = self._found
        for annotation in map(as_object, annotations):
            source = as_object(annotation.get("url_citation")) or annotation
            title = as_text(source.get("title")) or as_text(source.get("filename"))
            citation = Citation(as_text(source.get("url")), title)
            if (citation.url or citation.title) and citation not in found:
                found = (*found, citation)
        if found != self._found:
            self._found = found
            yield CitationsReported(found)


def failure(title: str, complaint: Complaint) -> ProviderError:
    """The error that a failed response, or an event inside one, tells."""
    if any(_REQUEST_FAULTS.fullmatch(code) for code in complaint.codes):
        complaint = replace(complaint, codes=complaint.codes | {"invalid_request_error"})
    return stream_error(title, complaint)


def reported_usage(value: object) -> Usage:
    """The counts of a `usage` object; what is missing or senseless stays unknown."""
    usage = as_object(value)
    read, written = (
        as_object(usage.get("input_tokens_details")),
        as_object(usage.get("output_tokens_details")),
    )
    cost, ticks = as_number(usage.get("cost")), as_number(usage.get("cost_in_usd_ticks"))
    return Usage(
        input=as_count(usage.get("input_tokens")),
        output=as_count(usage.get("output_tokens")),
        cache_read=as_count(read.get("cached_tokens")),
        cache_write=as_count(read.get("cache_write_tokens")),
        reasoning=as_count(written.get("reasoning_tokens")),
        cost=ticks / _TICKS_PER_DOLLAR if cost is None and ticks is not None else cost,
    )
