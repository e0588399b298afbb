"""OpenAI's Responses: requests, and the adapter of OpenAI itself and of every service that speaks it too.

Source: the OpenAI API reference, `POST /v1/responses`. Nothing is stored at the service (`store` is false), so
each request carries the whole conversation.

What goes back unchanged are opaque parts of the origin "openai_responses/SERVICE", each a JSON object:
- a reasoning item, an item of its own, which stands right before the text or the tool call that came of it; left
  out where nothing follows it, as services refuse that. Reasoning in plain text goes back only beside the tool
  calls that it led to.
- `{"type": "message", "phase": ...}`, which belongs to the text right before it.
- any other item (a web search, say), as it came.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256

from chatterm.backend.providers.base import (
    Blobs,
    Capabilities,
    Endpoint,
    Framing,
    Limits,
    ModelInfo,
    Variant,
    WireRequest,
)
from chatterm.backend.providers.catalog import Service
from chatterm.backend.providers.message_content import content_pieces, image_base64, plain_text
from chatterm.backend.providers.openai_chat import OpenAIChat, bearer_headers
from chatterm.backend.providers.openai_models import reasoning_of
from chatterm.backend.providers.openai_responses_decoder import OpenAIResponsesDecoder
from chatterm.backend.providers.provider_errors import response_error
from chatterm.backend.providers.request_body import finished_fields
from chatterm.backend.providers.wire_json import as_object, as_text, encode_json, safe_json
from chatterm.core.clean import clean_line
from chatterm.core.errors import ProviderError
from chatterm.core.messages import FilePart, Message, OpaquePart, Part, ToolCallPart, ToolResultPart
from chatterm.core.turn import TurnRequest

NAME = "openai_responses"

PDF = "application/pdf"

_LONGEST_ID = 64
_NO_RESULT = "The tool gave no result."

Item = dict[str, object]


@dataclass(frozen=True, slots=True)
class OpenAIResponses:
    """The adapter of one service that speaks Responses."""

    service: Service
    version: int = 1
    framing: Framing = "sse"

    @property
    def name(self) -> str:
        """The wire format and the service: what one service sealed is nothing to another."""
        return f"{NAME}/{self.service.name}"

    @property
    def capabilities(self) -> Capabilities:
        """What the service can carry."""
        return OpenAIChat(self.service).capabilities

    def variant(self, model: str) -> Variant:
        """At OpenAI a model that does not reason refuses the reasoning of one that does."""
        reasons = self.service.name != "openai" or reasoning_of(model) is not None
        return Variant(images=self.service.images, reasoning=reasons)

    def encode_message(self, message: Message, variant: Variant, blobs: Blobs) -> bytes:
        """The message as 0..n items of `input`, joined by commas; nothing for an empty reply.

        Raises `AttachmentError` for an attachment whose bytes are gone.
        """
        items = self._items(message, variant, blobs)
        return b",".join(encode_json(item) for item in items)

    def build_request(
        self, request: TurnRequest, encoded: Iterable[bytes], endpoint: Endpoint, limits: Limits
    ) -> WireRequest:
        """The request; `options` go in last and win, an option that is None takes its parameter away."""
        return WireRequest(
            method="POST",
            url=f"{endpoint.base_url.rstrip('/')}/responses",
            headers=bearer_headers(endpoint, "text/event-stream" if request.streams else "application/json"),
            body=self._body(request, b",".join(_answered(request.messages, encoded))),
            framing=self.framing if request.streams else None,
            endpoint=endpoint,
            limits=limits,
        )

    def new_decoder(self) -> OpenAIResponsesDecoder:
        """A decoder for one response."""
        return OpenAIResponsesDecoder(self.service.title, self.name)

    def parse_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
        """The error that a response with status >= 400 (or of a wrong kind) tells."""
        return response_error(self.service.title, status, headers, body)

    def models_request(self, endpoint: Endpoint, limits: Limits) -> WireRequest | None:
        """The request that lists the models, the same as for Chat Completions."""
        return OpenAIChat(self.service).models_request(endpoint, limits)

    def parse_models(self, body: bytes, provider: str) -> list[ModelInfo]:
        """The models that chat, in the service's order. Raises `ProtocolError`."""
        return OpenAIChat(self.service).parse_models(body, provider)

    # ---- the body --------------------------------------------------------------------------------

    def _body(self, request: TurnRequest, items: bytes) -> bytes:
        # Model, instructions and items come first, so that a growing conversation keeps its beginning.
        fields = finished_fields(self._fields(request), request)
        head = {"model": fields.pop("model", request.model), "instructions": fields.pop("instructions", None)}
        beginning = encode_json({name: value for name, value in head.items() if value is not None})
        own = fields.pop("input", None)
        given = b"[" + items + b"]" if own is None else encode_json(own)
        rest = encode_json(fields)
        return beginning[:-1] + b',"input":' + given + (b"," + rest[1:] if fields else b"}")

    def _fields(self, request: TurnRequest) -> dict[str, object]:
        asked, reasoning = request.parameters, reasoning_of(request.model)
        samples = reasoning is None or not reasoning.is_on(asked.effort)
        sealed = reasoning is not None or self.service.name == "xai"
        return {
            "model": request.model,
            "instructions": request.system or None,
            "stream": request.streams,
            "store": False,
            "include": ["reasoning.encrypted_content"] if sealed else None,
            "reasoning": self._reasoning(request),
            "max_output_tokens": asked.max_tokens,
            "temperature": asked.temperature if samples else None,
            "top_p": asked.top_p if samples else None,
            "text": {"format": _format(asked.schema)} if asked.schema is not None else None,
            "tools": self._tools(request) or None,
            "plugins": [{"id": "web"}] if asked.web_search and self._has_plugins else None,
        }

    def _reasoning(self, request: TurnRequest) -> dict[str, object] | None:
        effort, known = request.parameters.effort, reasoning_of(request.model)
        budget = request.parameters.thinking_tokens if self.service.name == "openrouter" else None
        fields: dict[str, object] = {} if budget is None else {"max_tokens": budget}
        if effort is not None and budget is None and (known is not None or self.service.name != "openai"):
            fields["effort"] = known.nearest(effort) if known else effort
        if known is not None and known.is_on(effort):
            fields["summary"] = "auto"
        return fields or None

    def _tools(self, request: TurnRequest) -> list[Item]:
        # Without `strict` a schema is taken for a strict one, and refused where it is none.
        tools: list[Item] = [
            {
                "type": "function",
                "name": tool.name,
                "description": tool.description,
                "parameters": tool.parameters,
                "strict": False,
            }
            for tool in request.tools
        ]
        if request.parameters.web_search and not self._has_plugins:
            tools.append({"type": "web_search"})
        return tools

    @property
    def _has_plugins(self) -> bool:
        """OpenRouter searches by a plugin, whatever the model."""
        return self.service.name == "openrouter"

    # ---- messages --------------------------------------------------------------------------------

    def _items(self, message: Message, variant: Variant, blobs: Blobs) -> list[Item]:
        if message.role == "assistant":
            return list(self._reply_items(message, variant, blobs))
        items: list[Item] = [
            {
                "type": "function_call_output",
                "call_id": _call_id(part.call_id),
                "output": part.content,
            }
            for part in message.parts
            if isinstance(part, ToolResultPart)
        ]
        content = _user_content(message, variant, blobs) if message.role == "user" else ""
        return [*items, {"role": "user", "content": content}] if content else items

    def _reply_items(self, message: Message, variant: Variant, blobs: Blobs) -> Iterator[Item]:
        held: list[Item] = []  # reasoning that waits for what came of it
        said: list[Part] = []
        calls = any(isinstance(part, ToolCallPart) for part in message.parts)

        def text(phase: str = "") -> Iterator[Item]:
            if item := _text_item(replace(message, parts=tuple(said)), blobs, phase):
                yield from held
                held.clear()
                yield item
            said.clear()

        for part in message.parts:
            if isinstance(part, ToolCallPart):
                yield from text()
                yield from held
                held.clear()
                yield _call_item(part)
            elif isinstance(part, OpaquePart):
                item = self._own(part)
                if not item:
                    continue
                yield from text(as_text(item.get("phase")) if item.get("type") == "message" else "")
                if item.get("type") == "reasoning":
                    if variant.reasoning and (item.get("encrypted_content") or calls):
                        held.append(_without_id(item))
                elif item.get("type") != "message":
                    yield from held
                    held.clear()
                    yield item
            else:
                said.append(part)
        yield from text()

    def _own(self, part: OpaquePart) -> Item:
        """What the part holds; nothing where another adapter or service is its origin."""
        if part.origin != self.name:
            return {}
        try:
            return as_object(safe_json(part.data.encode(errors="replace")))
        except ValueError:
            return {}


def _text_item(message: Message, blobs: Blobs, phase: str) -> Item | None:
    said = plain_text(message, blobs)
    if not said:
        return None
    item: Item = {
        "type": "message",
        "role": "assistant",
        "content": [{"type": "output_text", "text": said}],
    }
    return {**item, "phase": phase} if phase else item


def _call_item(call: ToolCallPart) -> Item:
    return {
        "type": "function_call",
        "call_id": _call_id(call.call_id),
        "name": re.sub(r"[^A-Za-z0-9_-]", "_", call.name)[:_LONGEST_ID] or "unnamed",
        "arguments": call.arguments or "{}",
    }


def _without_id(item: Item) -> Item:
    """Sealed reasoning stands for itself: its id names something that was never stored, and may be looked up."""
    if not item.get("encrypted_content"):
        return item
    return {name: value for name, value in item.items() if name not in ("id", "status")}


def _call_id(call_id: str) -> str:
    """The id of a call; one that is too long, as some gateways make them, in short."""
    if 0 < len(call_id) <= _LONGEST_ID:
        return call_id
    return f"call_{sha256(call_id.encode(errors='replace')).hexdigest()[:40]}"


def _user_content(message: Message, variant: Variant, blobs: Blobs) -> str | list[Item]:
    items: list[Item] = []
    run: list[Part] = []
    for part in (*message.parts, None):
        is_pdf = isinstance(part, FilePart) and part.media_type == PDF
        if part is not None and not is_pdf:
            run.append(part)
            continue
        for piece in content_pieces(replace(message, parts=tuple(run)), blobs, variant.images):
            if isinstance(piece, str):
                items.append({"type": "input_text", "text": piece})
            else:
                items.append(
                    {
                        "type": "input_image",
                        "image_url": _data_url(piece.media_type, image_base64(piece, blobs)),
                    }
                )
        run.clear()
        if isinstance(part, FilePart):
            name = clean_line(part.name) or "document.pdf"
            data = _data_url(PDF, image_base64(part, blobs))
            items.append({"type": "input_file", "filename": name, "file_data": data})
    if len(items) == 1 and "text" in items[0]:
        return as_text(items[0]["text"])
    return items


def _data_url(media_type: str, data: str) -> str:
    return f"data:{media_type};base64,{data}"


def _format(schema: Mapping[str, object]) -> Item:
    return {"type": "json_schema", "name": "reply", "schema": schema, "strict": False}


def _answered(messages: tuple[Message, ...], encoded: Iterable[bytes]) -> Iterator[bytes]:
    """The fragments, with an answer to each call that the messages right behind it leave without one.

    Such a call is left by a turn that was cut; services refuse the conversation over it.
    """
    open_calls: dict[str, None] = {}
    fragments = list(encoded)
    for number, fragment in enumerate(fragments):
        message = messages[number] if number < len(messages) else None
        if message is not None and message.role != "tool" and open_calls:
            yield b",".join(map(_no_result, open_calls))
            open_calls.clear()
        if fragment:
            yield fragment
        for part in message.parts if message is not None else ():
            if isinstance(part, ToolCallPart):
                open_calls[_call_id(part.call_id)] = None
            elif isinstance(part, ToolResultPart):
                open_calls.pop(_call_id(part.call_id), None)


def _no_result(call_id: str) -> bytes:
    return encode_json({"type": "function_call_output", "call_id": call_id, "output": _NO_RESULT})
