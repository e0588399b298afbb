"""The guide's own small wire format, so that answers from the manual take the same way as those of a model.

Request: `{"model": "manual", "messages": [{"text": ..., "attachments": [names]}, ...]}`, the user's messages only.
Response, one JSON object per line: `{"delta": text}` any number of times, then `{"done": stop reason}`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from chatterm.backend.providers.base import (
    Blobs,
    Capabilities,
    Endpoint,
    Frame,
    Framing,
    Limits,
    ModelInfo,
    Variant,
    WireRequest,
)
from chatterm.core.clean import clean_line, well_formed
from chatterm.core.errors import (
    ModelNotFoundError,
    ProtocolError,
    ProviderError,
    ServerError,
    TruncatedStreamError,
)
from chatterm.core.events import StreamEvent, StreamFinished, TextDelta
from chatterm.core.messages import FilePart, ImagePart, Message
from chatterm.core.turn import StopReason, TurnRequest

PROVIDER = "guide"
MODEL = "manual"


class Asked(msgspec.Struct, frozen=True):
    """One message of the user: its text, and the names of the files that went with it."""

    text: str
    attachments: tuple[str, ...] = ()


class Question(msgspec.Struct, frozen=True):
    """The body of a request."""

    model: str
    messages: tuple[Asked, ...]


class Line(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of a response: an increment of text, or the end."""

    delta: str | None = None
    done: StopReason | None = None


class Models(msgspec.Struct, frozen=True):
    """The answer to a request for the list of models."""

    models: tuple[str, ...]


class GuideAdapter:
    """The wire format of the guide; nothing leaves the process."""

    name: str = PROVIDER
    version: int = 1
    capabilities: Capabilities = Capabilities(images=False, lists_models=True, needs_key=False)
    framing: Framing = "ndjson"

    def variant(self, model: str) -> Variant:
        """The same for every model: there is one."""
        return Variant(images=False)

    def takes_prefill(self, model: str) -> bool:
        """The guide answers the last question again, from the beginning."""
        return True

    def encode_message(self, message: Message, variant: Variant, blobs: Blobs) -> bytes:
        """A message of the user as JSON; nothing for other roles, which the guide does not read."""
        if message.role != "user":
            return b""
        names = tuple(
            well_formed(part.name) for part in message.parts if isinstance(part, FilePart | ImagePart)
        )
        return msgspec.json.encode(Asked(well_formed(message.text), names))

    def build_request(
        self, request: TurnRequest, encoded: Iterable[bytes], endpoint: Endpoint, limits: Limits
    ) -> WireRequest:
        """The question with those before it. System prompt and parameters mean nothing to the guide."""
        model = msgspec.json.encode(well_formed(request.model))
        items = b",".join(fragment for fragment in encoded if fragment)
        return WireRequest(
            method="POST",
            url=f"{endpoint.base_url}/answer",
            headers={},
            body=b'{"model":' + model + b',"messages":[' + items + b"]}",
            framing=self.framing,
            endpoint=endpoint,
            limits=limits,
        )

    def new_decoder(self) -> GuideDecoder:
        """A decoder for one response."""
        return GuideDecoder()

    def parse_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
        """404 is a model that the guide does not have; the body names it."""
        text = clean_line(body.decode("utf-8", "replace"))
        if status == 404:
            return ModelNotFoundError(
                f"The guide has no model {text!r}.",
                f"Its one model is {MODEL}.",
                provider=PROVIDER,
                model=text,
                status=status,
            )
        return ServerError(f"The guide failed: {text}.", provider=PROVIDER, status=status)

    def models_request(self, endpoint: Endpoint, limits: Limits) -> WireRequest:
        """Asks for the list of models."""
        return WireRequest(
            method="GET", url=f"{endpoint.base_url}/models", headers={}, endpoint=endpoint, limits=limits
        )

    def parse_models(self, body: bytes, provider: str) -> list[ModelInfo]:
        """The models of the guide. Raises `ProtocolError`."""
        try:
            models = msgspec.json.decode(body, type=Models).models
        except msgspec.MsgspecError as error:
            raise ProtocolError(f"The guide's list of models cannot be read: {error}.") from None
        return [ModelInfo(provider=provider, id=name, images=False, thinking=False) for name in models]


class GuideDecoder:
    """Reads one response of the guide."""

    def __init__(self) -> None:
        self._done = False

    def feed(self, frame: Frame) -> Iterable[StreamEvent]:
        """The event of one line. Raises `ProtocolError` for a line that is none of this format."""
        try:
            line = msgspec.json.decode(frame.data, type=Line)
        except msgspec.MsgspecError as error:
            raise ProtocolError(f"The guide sent a line that cannot be read: {error}.") from None
        if line.delta is not None:
            yield TextDelta(line.delta)
        if line.done is not None:
            self._done = True
            yield StreamFinished(line.done)

    def finish(self) -> Iterable[StreamEvent]:
        """Nothing. Raises `TruncatedStreamError` when the end of the answer was not seen."""
        if not self._done:
            raise TruncatedStreamError("The guide's answer ended before its end.", "Ask again.")
        return ()
