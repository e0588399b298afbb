"""The content blocks of a reply in Anthropic's Messages API, as they stream."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from chatterm.backend.providers.anthropic_content import origin_of
from chatterm.backend.providers.tool_calls import ToolCallMerger
from chatterm.backend.providers.wire_json import as_count, as_list, as_object, as_text, encode_json, safe_json
from chatterm.core.clean import clean_line
from chatterm.core.events import (
    CitationsReported,
    FrameSkipped,
    OpaqueReported,
    StreamEvent,
    TextDelta,
    ThinkingDelta,
)
from chatterm.core.messages import Citation


@dataclass(slots=True)
class _Block:
    """The block that streams now: its fields as they began, and what came since."""

    index: object
    kind: str
    fields: dict[str, object]
    arguments: list[str] = field(default_factory=list[str])
    signature: str = ""


@dataclass(slots=True)
class _Span:
    """A text block: how long it is, and the citations that belong to it."""

    characters: int = 0
    citations: list[object] = field(default_factory=list[object])


class BlockReader:
    """Turns content blocks into events; blocks come one after the other.

    Calls of the server's own tools are held back until their results are there, unless text or the end comes
    first: without its result such a call cannot be sent back, and a stream may be cut between the two.
    """

    def __init__(self) -> None:
        self.origin = origin_of("")
        self.calls = ToolCallMerger()
        self._block: _Block | None = None
        self._spans: list[_Span] = []
        self._sources: dict[Citation, None] = {}
        self._held: list[OpaqueReported] = []
        self._unanswered: set[str] = set()

    def begin(self, index: object, fields: dict[str, object]) -> Iterator[StreamEvent]:
        """A block begins; `fields` hold all of it where it does not stream."""
        yield from self.close()
        kind = as_text(fields.get("type"))
        self._block = block = _Block(index, kind, fields)
        if kind != "text":
            yield from self._end_text()
        if kind == "text":
            self._spans.append(_Span())
            yield from self._text(as_text(fields.get("text")))
            for citation in as_list(fields.get("citations")):
                yield from self._cite(citation)
        elif kind == "thinking":
            block.signature = as_text(fields.get("signature"))
            yield from self._thinking(as_text(fields.get("thinking")))
        elif kind == "tool_use":
            yield from self.release()
            function = {"name": fields.get("name")}
            yield from self.calls.feed({"index": _key(index), "id": fields.get("id"), "function": function})

    def extend(self, index: object, delta: dict[str, object]) -> Iterator[StreamEvent]:
        """An increment of the block with this index."""
        match delta.get("type"):
            case "text_delta":
                yield from self._text(as_text(delta.get("text")))
            case "thinking_delta":
                yield from self._thinking(as_text(delta.get("thinking")))
            case "citations_delta":
                yield from self._cite(delta.get("citation"))
            case other:
                block = self._block if self._block and self._block.index == index else None
                if block is None or block.kind == "text":
                    yield FrameSkipped(clean_line(f"a part of unknown type {other!r} of a block", 200))
                elif other == "signature_delta":
                    block.signature = as_text(delta.get("signature"))
                elif other == "input_json_delta":
                    block.arguments.append(as_text(delta.get("partial_json")))
                    if block.kind == "tool_use":
                        function = {"arguments": delta.get("partial_json")}
                        yield from self.calls.feed({"index": _key(index), "function": function})
                else:
                    _grow(block.fields, delta)

    def close(self) -> Iterator[StreamEvent]:
        """The block is whole."""
        block, self._block = self._block, None
        if block is None or block.kind == "text":
            return
        if block.kind == "thinking":
            if block.signature:
                yield self._opaque({"type": "thinking", "signature": block.signature})
        elif block.kind == "tool_use":
            if block.fields.get("input") and not "".join(block.arguments):
                function = {"arguments": block.fields["input"]}
                yield from self.calls.feed({"index": _key(block.index), "function": function})
            if as_object(caller := block.fields.get("caller")).get("type", "direct") != "direct":
                yield self._opaque({"type": "tool_use", "caller": caller})
        elif block.kind:
            yield from self._keep(block)
        else:
            yield FrameSkipped("a content block without a type")

    def finish(self) -> Iterator[StreamEvent]:
        """The reply is whole."""
        yield from self.close()
        yield from self._end_text()
        yield from self.release()
        yield from self.calls.finish()

    def release(self) -> Iterator[StreamEvent]:
        """What was held back."""
        held, self._held, self._unanswered = self._held, [], set()
        yield from held

    def _text(self, text: str) -> Iterator[StreamEvent]:
        if not text:
            return
        if self._held:
            yield from self.release()
        if not self._spans:
            self._spans.append(_Span())
        self._spans[-1].characters += len(text)
        yield TextDelta(text)

    def _thinking(self, text: str) -> Iterator[StreamEvent]:
        if text:
            if self._held:
                yield from self.release()
            yield ThinkingDelta(text)

    def _cite(self, value: object) -> Iterator[StreamEvent]:
        fields = as_object(value)
        if not fields:
            yield FrameSkipped("a citation that is no object")
            return
        if not self._spans:
            self._spans.append(_Span())
        self._spans[-1].citations.append(fields)
        source = _source(fields)
        if source not in self._sources and (source.url or source.title):
            self._sources[source] = None
            yield CitationsReported(tuple(self._sources))

    def _end_text(self) -> Iterator[StreamEvent]:
        """The text blocks since the last other one make one part; which citations are whose goes after it."""
        spans, self._spans = self._spans, []
        if any(span.citations for span in spans):
            blocks = [{"characters": span.characters, "citations": span.citations} for span in spans]
            yield self._opaque({"type": "text", "blocks": blocks})

    def _keep(self, block: _Block) -> Iterator[StreamEvent]:
        fields = block.fields
        if arguments := "".join(block.arguments):
            fields = {**fields, "input": _input(arguments)}
        whole = self._opaque(fields)
        if block.kind.endswith("_tool_use"):
            self._unanswered.add(as_text(fields.get("id")))
            self._held.append(whole)
            return
        if self._held:
            self._held.append(whole)
            self._unanswered.discard(as_text(fields.get("tool_use_id")))
            if not self._unanswered:
                yield from self.release()
            return
        yield whole

    def _opaque(self, fields: dict[str, object]) -> OpaqueReported:
        return OpaqueReported(self.origin, encode_json(fields).decode())


def _key(index: object) -> int:
    return as_count(index) or 0


def _input(arguments: str) -> object:
    try:
        return safe_json(arguments.encode(errors="replace"))
    except ValueError:
        return {}


def _grow(fields: dict[str, object], delta: dict[str, object]) -> None:
    """A block of a kind that is only kept (`compaction`, and what comes later): texts grow, the rest is replaced."""
    for name, value in delta.items():
        before = fields.get(name)
        if name != "type":
            fields[name] = before + value if isinstance(before, str) and isinstance(value, str) else value


def _source(fields: dict[str, object]) -> Citation:
    """Web and search results have an address, documents a title and perhaps a page."""
    address = as_text(fields.get("url")) or as_text(fields.get("source"))
    title = as_text(fields.get("title")) or as_text(fields.get("document_title"))
    if not address and not title and (number := as_count(fields.get("document_index"))) is not None:
        title = f"Document {number + 1}"
    page = as_count(fields.get("start_page_number"))
    return Citation(address, f"{title}, page {page}" if title and page else title)
