"""What goes back to Gemini as it came: thought signatures, and parts that only Gemini understands.

An opaque part of Gemini's is one JSON object:
- {"signed": [[start, end, signature], ...]} belongs to the text before it, which came in several parts:
  characters `start` to `end` were one with this signature. An empty part at the end starts where it ends.
- {"signature": "..."} belongs to the tool call right before it.
- {"part": {...}} is a whole part that stands where it came: code that was run, a search of Gemini's own.
"""

from __future__ import annotations

from collections.abc import Iterator

from chatterm.backend.providers.wire_json import as_count, as_list, as_object, as_text, encode_json, object_in
from chatterm.core.events import OpaqueReported

ORIGIN = "gemini"

STAND_IN = "skip_thought_signature_validator"
"""What Gemini takes in place of the signature of a tool call that it did not make (Gemini API, thought signatures)."""

_OF_LATER_MODELS = frozenset({"toolCall", "toolResponse"})

WirePart = dict[str, object]


def call_signature(signature: str) -> str:
    """The opaque data behind a tool call."""
    return encode_json({"signature": signature}).decode()


def raw_part(part: WirePart) -> str:
    """The opaque data of a part that goes back whole."""
    return encode_json({"part": part}).decode()


class SignedText:
    """Remembers which pieces of a run of text were signed, so that the run can be one text and still go back right.

    A signature on a thought belongs to whatever comes next: thoughts do not go back.
    """

    def __init__(self) -> None:
        self._length = 0
        self._marks: list[tuple[int, int, str]] = []
        self._held = ""

    def hold(self, signature: str) -> None:
        """The signature of a thought."""
        self._held = signature or self._held

    def take_held(self) -> str:
        """The signature of the thought before, once."""
        held, self._held = self._held, ""
        return held

    def add(self, text: str, signature: str) -> None:
        """A piece of the run, empty or not."""
        if not signature and not self._held:
            self._length += len(text)
            return
        held = self.take_held() if text or signature else ""
        end = self._length + len(text)
        if signature := signature or held:
            self._marks.append((self._length, end, signature))
        self._length = end

    def end(self) -> Iterator[OpaqueReported]:
        """At the end of the run, before something else: what must stand behind its text."""
        if not self._length:  # nothing that the marks could be in
            for *_, signature in self._marks:
                yield OpaqueReported(ORIGIN, raw_part({"text": "", "thoughtSignature": signature}))
        elif self._marks:
            yield OpaqueReported(ORIGIN, encode_json({"signed": self._marks}).decode())
        self._length, self._marks = 0, []

    def finish(self) -> Iterator[OpaqueReported]:
        """At the end of the reply."""
        self.add("", self.take_held())
        yield from self.end()


def put_back(parts: list[WirePart], data: str, signed_calls: bool) -> None:
    """Do to the parts encoded so far what the opaque `data` says; what cannot be read or placed is left out.

    Without `signed_calls`, the model's generation does not know parts of later ones.
    """
    value = object_in(data)
    last = parts[-1] if parts else {}
    if part := as_object(value.get("part")):
        if signed_calls or _OF_LATER_MODELS.isdisjoint(part):
            parts.append(part)
    elif signature := as_text(value.get("signature")):
        if "functionCall" in last:
            last["thoughtSignature"] = signature
    elif marks := list(_marks(value)):
        text = as_text(parts.pop()["text"]) if "text" in last else ""
        parts.extend(_split(text, marks))


def _marks(value: WirePart) -> Iterator[tuple[int, int, str]]:
    at = 0
    for mark in map(as_list, as_list(value.get("signed"))):
        if len(mark) == 3:
            start, end, signature = as_count(mark[0]), as_count(mark[1]), as_text(mark[2])
            if start is not None and end is not None and at <= start <= end and signature:
                at = end
                yield start, end, signature


def _split(text: str, marks: list[tuple[int, int, str]]) -> Iterator[WirePart]:
    at = 0
    for start, end, signature in marks:
        if before := text[at:start]:
            yield {"text": before}
        yield {"text": text[start:end], "thoughtSignature": signature}
        at = end
    if rest := text[at:]:
        yield {"text": rest}
