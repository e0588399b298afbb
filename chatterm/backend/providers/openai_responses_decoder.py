"""The response of OpenAI's Responses, and of the servers that speak it in their own way.

Source: the OpenAI API reference, `POST /v1/responses`, streaming events; and what xAI, DeepSeek, OpenRouter and
LM Studio send. Where they differ, what is written here accepts all of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Literal, cast

from chatterm.backend.providers.base import Frame
from chatterm.backend.providers.complaints import Complaint, complaint_of, is_complaint
from chatterm.backend.providers.provider_errors import stream_error, truncation_error
from chatterm.backend.providers.tool_calls import ToolCallMerger
from chatterm.backend.providers.wire_json import (
    as_count,
    as_list,
    as_number,
    as_object,
    as_text,
    encode_json,
    safe_json,
)
from chatterm.core.clean import clean_line
from chatterm.core.errors import ProviderError
from chatterm.core.events import (
    CitationsReported,
    FrameSkipped,
    OpaqueReported,
    RefusalDelta,
    StreamEvent,
    StreamFinished,
    StreamStarted,
    TextDelta,
    ThinkingDelta,
    UsageReported,
)
from chatterm.core.messages import Citation
from chatterm.core.turn import StopReason
from chatterm.core.usage import Usage

MOST_ITEM_BYTES = 256 * 1024
"""Largest item of a server's own tools that is kept; an image that a model made is larger."""

_TICKS_PER_DOLLAR = 10**10
"""xAI's unit of cost."""

_INCOMPLETE = {
    "max_output_tokens": StopReason.MAX_TOKENS,
    "max_tokens": StopReason.MAX_TOKENS,
    "content_filter": StopReason.CONTENT_FILTER,
    "model_context_window_exceeded": StopReason.CONTEXT_FULL,
}

# Codes of a failed response that blame the request, so that the same one would fail again.
_REQUEST_FAULTS = re.compile(
    r"invalid_prompt|data_residency_mismatch|\w+_policy(_violation)?|\w*image(_\w+)?"
)

# Events that tell on the way what the item itself tells at its end, and signs of life.
_TOLD_LATER = re.compile(
    r"response\.(content_part|reasoning_part|reasoning_summary_part)\.(added|done)"
    r"|response\.\w+_call(_\w+)?\.\w+|response\.(mcp_list_tools|compaction)\.\w+"
    r"|response\.(created|in_progress|queued)|keepalive|ping"
)

_Told = Literal["text", "refusal", "summary", "reasoning", "arguments"]

_DELTAS: dict[str, tuple[_Told, str]] = {
    "response.output_text": ("text", "text"),
    "response.function_call_arguments": ("arguments", "arguments"),
    "response.reasoning_summary_text": ("summary", "text"),
    "response.reasoning_text": ("reasoning", "text"),
    "response.refusal": ("refusal", "refusal"),
}
"""Begin of an event's type -> what it is an increment of, and the field that has the whole of it at the end."""


@dataclass(slots=True)
class _Item:
    """An output item in the making; `number` counts the items of this response from 0."""

    number: int
    kind: str = ""
    item_id: str = ""
    call_id: str = ""
    name: str = ""
    done: bool = False
    told: set[tuple[_Told, int]] = field(default_factory=set[tuple[_Told, int]])

    def has_told(self, *kinds: _Told) -> bool:
        return any(kind in kinds for kind, _ in self.told)


class OpenAIResponsesDecoder:
    """Decodes one response, streamed or whole.

    Events belong to an item by its `output_index`: ids rotate on some gateways. What came in increments is not
    taken from the event that repeats it whole; what did not, is. `origin_of` gives, by the model's name, the
    origin of what must be sent back.
    """

    def __init__(self, title: str, origin_of: Callable[[str], str]) -> None:
        self._title = title
        self._origin_of = origin_of
        self._model = ""
        self._calls = ToolCallMerger()
        self._items: dict[int, _Item] = {}
        self._latest = 0
        self._number = 0
        self._spoken: tuple[str, int, int] = ("", 0, 0)
        self._started = self._finished = self._ended = self._refused = False
        self._citations: tuple[Citation, ...] = ()

    def feed(self, frame: Frame) -> Iterator[StreamEvent]:
        """Events of this frame. Raises a `ProviderError` for an error that the frame tells."""
        data = frame.data.strip()
        if not data:
            return
        if data.startswith(b"[DONE]"):  # OpenRouter's, after the terminal event
            self._ended = True
            yield from self._finish(StopReason.OTHER)
            return
        if self._ended:
            yield FrameSkipped("data after the end of the reply")
            return
        try:
            value = safe_json(data)
        except ValueError as error:
            yield FrameSkipped(f"not JSON: {clean_line(str(error))}")
            return
        if isinstance(value, dict):
            yield from self._read(cast("dict[str, object]", value), frame.event)
        else:
            yield FrameSkipped("not a JSON object")

    def finish(self) -> Iterator[StreamEvent]:
        """At the end of the bytes. Raises `TruncatedStreamError` when the reply was not over."""
        if self._finished:
            return
        yield from self._finish_calls()
        raise truncation_error(self._title, self._started)

    def _read(self, event: dict[str, object], name: str) -> Iterator[StreamEvent]:
        kind = as_text(event.get("type")) or name
        about, _, phase = kind.rpartition(".")
        if (delta := _DELTAS.get(about)) and phase in ("delta", "done"):
            told, whole = delta
            item = self._item(event)
            part = as_count(event.get("summary_index" if told == "summary" else "content_index")) or 0
            if phase == "delta":
                yield from self._tell(item, told, part, event.get("delta"))
            elif (told, part) not in item.told:
                yield from self._tell(item, told, part, event.get(whole))
            return
        if event.get("object") == "response" and not kind.startswith("response."):
            yield from self._end(event, as_text(event.get("status")))
            return
        if is_complaint(event, name):
            raise self._failure(complaint_of(event))
        match kind:
            case "response.output_item.added":
                yield from self._begin(event)
            case "response.output_item.done":
                yield from self._item_done(self._item(event), as_object(event.get("item")))
            case "response.output_text.annotation.added":
                yield from self._cite([event.get("annotation")])
            case "response.completed" | "response.incomplete" | "response.failed" | "response.cancelled":
                yield from self._end(as_object(event.get("response")), phase)
            case _ if _TOLD_LATER.fullmatch(kind):
                yield from self._start(as_object(event.get("response")))
            case _:
                what = f"event of unknown type {kind!r}" if kind else f"unknown fields: {', '.join(event)}"
                yield FrameSkipped(clean_line(what, 200))

    # ---- items ---------------------------------------------------------------------------------

    def _item(self, event: dict[str, object]) -> _Item:
        """The item of an event, the one begun last where the event names none."""
        index = as_count(event.get("output_index"))
        index = self._latest if index is None else index
        item = self._items.get(index)
        if item is None:
            item = self._items[index] = _Item(self._number)
            self._number += 1
        return item

    def _begin(self, event: dict[str, object]) -> Iterator[StreamEvent]:
        """An item begins. At an index that is taken by a finished one, it is another item all the same."""
        fields = as_object(event.get("item"))
        index = as_count(event.get("output_index"))
        self._latest = index if index is not None else -1 - self._number
        known = self._items.get(self._latest)
        if known is None or known.done or (known.item_id and known.item_id != fields.get("id")):
            self._items.pop(self._latest, None)
        item = self._item({"output_index": index})
        item.kind, item.item_id = as_text(fields.get("type")), as_text(fields.get("id"))
        item.call_id, item.name = as_text(fields.get("call_id")), as_text(fields.get("name"))
        if item.kind == "function_call" and item.call_id and item.name:
            yield from self._name_call(item)

    def _item_done(self, item: _Item, fields: dict[str, object]) -> Iterator[StreamEvent]:
        """The whole item: what of it was not told before, and what must be sent back."""
        if item.done:
            return
        item.done, item.kind = True, as_text(fields.get("type")) or item.kind
        match item.kind:
            case "message":
                yield from self._message_done(item, fields)
            case "function_call":
                item.call_id = item.call_id or as_text(fields.get("call_id"))
                item.name = item.name or as_text(fields.get("name"))
                yield from self._name_call(item)
                if not item.told:
                    yield from self._tell(item, "arguments", 0, fields.get("arguments"))
            case "reasoning":
                yield from self._reasoning_done(item, fields)
            case "":
                yield FrameSkipped("an output item without a type")
            case _:
                yield from self._keep(fields)

    def _message_done(self, item: _Item, fields: dict[str, object]) -> Iterator[StreamEvent]:
        told = item.has_told("text", "refusal")
        for index, part in enumerate(map(as_object, as_list(fields.get("content")))):
            kind = as_text(part.get("type"))
            if kind == "output_text":
                if not told:
                    yield from self._tell(item, "text", index, part.get("text"))
                yield from self._cite(as_list(part.get("annotations")))
            elif kind == "refusal":
                if not told:
                    yield from self._tell(item, "refusal", index, part.get("refusal"))
            else:
                yield FrameSkipped(clean_line(f"content of unknown type {kind!r}", 200))
        if phase := as_text(fields.get("phase")):
            yield from self._keep({"type": "message", "phase": phase})

    def _reasoning_done(self, item: _Item, fields: dict[str, object]) -> Iterator[StreamEvent]:
        lists: dict[_Told, list[object]] = {
            "summary": as_list(fields.get("summary")),
            "reasoning": as_list(fields.get("content")),
        }
        for kind, parts in lists.items():
            if not item.has_told("summary" if kind == "reasoning" else "reasoning", kind):
                for index, part in enumerate(map(as_object, parts)):
                    yield from self._tell(item, kind, index, part.get("text"))
        if fields.get("encrypted_content") or lists["reasoning"]:
            # OpenRouter ends it when the whole reply ends: behind what came of it.
            late = item.number < self._number - 1
            yield from self._keep({"type": "late", "item": fields} if late else fields)

    def _keep(self, fields: dict[str, object]) -> Iterator[StreamEvent]:
        """What goes back unchanged with the next request; see the adapter."""
        data = encode_json(fields)
        if len(data) > MOST_ITEM_BYTES and fields.get("type") not in ("reasoning", "late"):
            yield FrameSkipped(
                clean_line(f"{fields.get('type')} of {len(data)} bytes, too large to keep", 200)
            )
            return
        self._spoken = ("", 0, 0)
        yield OpaqueReported(self._origin_of(self._model), data.decode())

    # ---- what is told in increments --------------------------------------------------------------

    def _tell(self, item: _Item, told: _Told, part: int, text: object) -> Iterator[StreamEvent]:
        if told == "arguments":
            yield from self._tell_arguments(item, text)
            return
        if not isinstance(text, str) or not text:
            return
        if told in ("summary", "reasoning"):
            # A model that tells its reasoning and a summary of it says one thing twice: the first is shown.
            if item.has_told("reasoning" if told == "summary" else "summary"):
                return
            item.told.add((told, part))
            yield ThinkingDelta(self._separated(("thinking", item.number, part), text))
            return
        item.told.add((told, part))
        if told == "text":
            yield TextDelta(self._separated(("text", item.number, 0), text))
        else:
            self._refused = True
            yield RefusalDelta(self._separated(("refusal", item.number, 0), text))

    def _separated(self, source: tuple[str, int, int], text: str) -> str:
        """The text, after a blank line where another paragraph of the same kind came right before it."""
        before, self._spoken = self._spoken, source
        return f"\n\n{text}" if before != source and before[0] == source[0] else text

    def _tell_arguments(self, item: _Item, arguments: object) -> Iterator[StreamEvent]:
        item.told.add(("arguments", 0))
        yield from self._calls.feed({"index": item.number, "function": {"arguments": arguments}})

    def _name_call(self, item: _Item) -> Iterator[StreamEvent]:
        self._spoken = ("", 0, 0)
        fragment = {"index": item.number, "id": item.call_id, "function": {"name": item.name}}
        yield from self._calls.feed(fragment)

    def _finish_calls(self) -> Iterator[StreamEvent]:
        """Calls whose end was never told."""
        for item in self._items.values():
            if item.kind == "function_call" and not item.done:
                yield from self._name_call(item)
        yield from self._calls.finish()

    def _cite(self, annotations: list[object]) -> Iterator[StreamEvent]:
        found = self._citations
        for annotation in map(as_object, annotations):
            source = as_object(annotation.get("url_citation")) or annotation
            title = as_text(source.get("title")) or as_text(source.get("filename"))
            citation = Citation(as_text(source.get("url")), title)
            if (citation.url or citation.title) and citation not in found:
                found = (*found, citation)
        if found != self._citations:
            self._citations = found
            yield CitationsReported(found)

    # ---- beginning and end ---------------------------------------------------------------------

    def _start(self, response: dict[str, object]) -> Iterator[StreamEvent]:
        model, response_id = as_text(response.get("model")), as_text(response.get("id"))
        if not self._started and (model or response_id):
            self._started, self._model = True, model
            yield StreamStarted(model or None, response_id or None)

    def _end(self, response: dict[str, object], ending: str) -> Iterator[StreamEvent]:
        """The terminal event, or a reply that was not streamed: `ending` is its status."""
        if self._finished:
            yield FrameSkipped("another end of the reply")
            return
        yield from self._start(response)
        if not self._items:  # the reply was not streamed, or by its terminal event alone
            for fields in map(as_object, as_list(response.get("output"))):
                item = self._items[self._number] = _Item(self._number)
                self._number += 1
                yield from self._item_done(item, fields)
        usage = _reported_usage(response.get("usage"))
        if usage != Usage():
            yield UsageReported(usage)
        status = as_text(response.get("status"))
        if "failed" in (ending, status):
            told = response.get("error") or {"message": "it did not say why", "code": "server_error"}
            raise self._failure(complaint_of({"error": told}))
        if "incomplete" in (ending, status):
            reason = as_text(as_object(response.get("incomplete_details")).get("reason"))
            yield from self._finish(_INCOMPLETE.get(reason, StopReason.OTHER))
        elif ending not in ("in_progress", "queued"):  # else a reply that was never waited for
            yield from self._finish(StopReason.OTHER if ending == "cancelled" else StopReason.END_TURN)

    def _failure(self, complaint: Complaint) -> ProviderError:
        if any(_REQUEST_FAULTS.fullmatch(code) for code in complaint.codes):
            complaint = replace(complaint, codes=complaint.codes | {"invalid_request_error"})
        return stream_error(self._title, complaint)

    def _finish(self, stop: StopReason) -> Iterator[StreamEvent]:
        if self._finished:
            return
        self._finished = True
        yield from self._finish_calls()
        if stop in (StopReason.END_TURN, StopReason.OTHER):
            if self._calls.any:
                stop = StopReason.TOOL_CALLS
            elif self._refused:
                stop = StopReason.REFUSAL
        yield StreamFinished(stop)


def _reported_usage(value: object) -> Usage:
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
