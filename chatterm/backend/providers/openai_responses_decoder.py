"""The response of OpenAI's Responses, and of the servers that speak it in their own way.

Source: the OpenAI API reference, `POST /v1/responses`, streaming events; and what xAI, DeepSeek, OpenRouter and
LM Studio send. Where they differ, what is written here accepts all of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from chatterm.backend.providers.base import Frame
from chatterm.backend.providers.complaints import complaint_of, is_complaint
from chatterm.backend.providers.json_frames import is_done, late_frame, read_frame, unknown_fields
from chatterm.backend.providers.openai_responses_state import (
    Item,
    Paragraphs,
    Sources,
    Told,
    failure,
    reported_usage,
)
from chatterm.backend.providers.provider_errors import truncation_error
from chatterm.backend.providers.tool_calls import ToolCallMerger
from chatterm.backend.providers.wire_json import (
    as_count,
    as_list,
    as_object,
    as_text,
    encode_json,
)
from chatterm.core.clean import clean_line
from chatterm.core.events import (
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
from chatterm.core.turn import StopReason
from chatterm.core.usage import Usage

MOST_ITEM_BYTES = 256 * 1024
"""Largest item of a server's own tools that is kept; an image that a model made is larger."""

_INCOMPLETE = {
    "max_output_tokens": StopReason.MAX_TOKENS,
    "max_tokens": StopReason.MAX_TOKENS,
    "content_filter": StopReason.CONTENT_FILTER,
    "model_context_window_exceeded": StopReason.CONTEXT_FULL,
}

# Events that tell on the way what the item itself tells at its end, and signs of life.
_TOLD_LATER = re.compile(
    r"response\.(content_part|reasoning_part|reasoning_summary_part)\.(added|done)"
    r"|response\.\w+_call(_\w+)?\.\w+|response\.(mcp_list_tools|compaction)\.\w+"
    r"|response\.(created|in_progress|queued)|keepalive|ping"
)

_DELTAS: dict[str, tuple[Told, str]] = {
    "response.output_text": ("text", "text"),
    "response.function_call_arguments": ("arguments", "arguments"),
    "response.reasoning_summary_text": ("summary", "text"),
    "response.reasoning_text": ("reasoning", "text"),
    "response.refusal": ("refusal", "refusal"),
}
"""Begin of an event's type -> what it is an increment of, and the field that has the whole of it at the end."""


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
        self._items: dict[int, Item] = {}
        self._latest = 0
        self._number = 0
        self._paragraphs = Paragraphs()
        self._started = self._finished = self._ended = self._refused = False
        self._sources = Sources()

    def feed(self, frame: Frame) -> Iterator[StreamEvent]:
        """Events of this frame. Raises a `ProviderError` for an error that the frame tells."""
        if is_done(frame):  # OpenRouter's, after the terminal event
            self._ended = True
            return self._finish(StopReason.OTHER)
        return late_frame(frame) if self._ended else read_frame(frame, self._read)

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
            raise failure(self._title, complaint_of(event))
        match kind:
            case "response.output_item.added":
                yield from self._begin(event)
            case "response.output_item.done":
                yield from self._item_done(self._item(event), as_object(event.get("item")))
            case "response.output_text.annotation.added":
                yield from self._sources.add([event.get("annotation")])
            case "response.completed" | "response.incomplete" | "response.failed" | "response.cancelled":
                yield from self._end(as_object(event.get("response")), phase)
            case _ if _TOLD_LATER.fullmatch(kind):
                yield from self._start(as_object(event.get("response")))
            case "":
                yield unknown_fields(event)
            case _:
                yield FrameSkipped(clean_line(f"event of unknown type {kind!r}", 200))

    # ---- items ---------------------------------------------------------------------------------

    def _item(self, event: dict[str, object]) -> Item:
        """The item of an event, the one begun last where the event names none."""
        index = as_count(event.get("output_index"))
        index = self._latest if index is None else index
        item = self._items.get(index)
        if item is None:
            item = self._items[index] = Item(self._number)
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

    def _item_done(self, item: Item, fields: dict[str, object]) -> Iterator[StreamEvent]:
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

    def _message_done(self, item: Item, fields: dict[str, object]) -> Iterator[StreamEvent]:
        told = item.has_told("text", "refusal")
        for index, part in enumerate(map(as_object, as_list(fields.get("content")))):
            kind = as_text(part.get("type"))
            if kind == "output_text":
                if not told:
                    yield from self._tell(item, "text", index, part.get("text"))
                yield from self._sources.add(as_list(part.get("annotations")))
            elif kind == "refusal":
                if not told:
                    yield from self._tell(item, "refusal", index, part.get("refusal"))
            else:
                yield FrameSkipped(clean_line(f"content of unknown type {kind!r}", 200))
        if phase := as_text(fields.get("phase")):
            yield from self._keep({"type": "message", "phase": phase})

    def _reasoning_done(self, item: Item, fields: dict[str, object]) -> Iterator[StreamEvent]:
        lists: dict[Told, list[object]] = {
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
        self._paragraphs.end()
        yield OpaqueReported(self._origin_of(self._model), data.decode())

    # ---- what is told in increments --------------------------------------------------------------

    def _tell(self, item: Item, told: Told, part: int, text: object) -> Iterator[StreamEvent]:
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
            yield ThinkingDelta(self._paragraphs.text(("thinking", item.number, part), text))
            return
        item.told.add((told, part))
        if told == "text":
            yield TextDelta(self._paragraphs.text(("text", item.number, 0), text))
        else:
            self._refused = True
            yield RefusalDelta(self._paragraphs.text(("refusal", item.number, 0), text))

    def _tell_arguments(self, item: Item, arguments: object) -> Iterator[StreamEvent]:
        item.told.add(("arguments", 0))
        yield from self._calls.feed({"index": item.number, "function": {"arguments": arguments}})

    def _name_call(self, item: Item) -> Iterator[StreamEvent]:
        self._paragraphs.end()
        fragment = {"index": item.number, "id": item.call_id, "function": {"name": item.name}}
        yield from self._calls.feed(fragment)

    def _finish_calls(self) -> Iterator[StreamEvent]:
        """Calls whose end was never told."""
        for item in self._items.values():
            if item.kind == "function_call" and not item.done:
                yield from self._name_call(item)
        yield from self._calls.finish()

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
                item = self._items[self._number] = Item(self._number)
                self._number += 1
                yield from self._item_done(item, fields)
        usage = reported_usage(response.get("usage"))
        if usage != Usage():
            yield UsageReported(usage)
        status = as_text(response.get("status"))
        if "failed" in (ending, status):
            told = response.get("error") or {"message": "it did not say why", "code": "server_error"}
            raise failure(self._title, complaint_of({"error": told}))
        if "incomplete" in (ending, status):
            reason = as_text(as_object(response.get("incomplete_details")).get("reason"))
            yield from self._finish(_INCOMPLETE.get(reason, StopReason.OTHER))
        elif ending not in ("in_progress", "queued"):  # else a reply that was never waited for
            yield from self._finish(StopReason.OTHER if ending == "cancelled" else StopReason.END_TURN)

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
