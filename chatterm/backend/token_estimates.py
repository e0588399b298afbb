"""How many tokens texts and messages probably are: a count by rule, corrected by what the provider reported. Pure.

The rule counts a text the way tokenizers mostly cut it: letters in long pieces, digits and signs in short ones,
other scripts nearly one by one. What a provider adds of its own (templates, tool instructions) and how its
tokenizer differs is learnt from the input tokens that it reported for what was sent: see `fitted`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import msgspec

from chatterm.core.messages import (
    CitationsPart,
    FilePart,
    ImagePart,
    Message,
    OpaquePart,
    Part,
    RefusalPart,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolResultPart,
)
from chatterm.core.turn import ToolSpec

IMAGE_TOKENS = 1000.0
"""A picture: hosted models take 250 to 1,600 for one, by its size; its size is not looked at."""
FILE_BYTES_PER_TOKEN = 25.0
"""A file that is no text, such as a PDF: about 2,000 tokens for a page of 50 kB."""
UNKNOWN_FILE_TOKENS = 1000.0
MESSAGE_TOKENS = 4.0
"""What stands around every message: its role, its beginning and its end."""
CALL_TOKENS = 25.0
"""What stands around a tool call, and around its result: ids, names of fields, the form that the model writes."""
OPAQUE_CHARACTERS_PER_TOKEN = 6.0
"""Sealed reasoning, in base64, counts as the reasoning that is in it."""

LETTER_TOKENS, DIGIT_TOKENS, SIGN_TOKENS, NEWLINE_TOKENS = 0.238, 0.455, 0.65, 0.3

MARGIN = 1.038
"""Estimates are this much higher than the likeliest number: too few tokens cut a reply, too many cost a turn."""

PIECE_BYTES = 32_768

MOST_OBSERVED = 8
"""So many requests are remembered of a model; each counts four fifths of the next."""

_OLDER_COUNTS = 0.8
_NOISE = 0.03
_USUAL_OVERHEAD = 8.0
_OVERHEAD_SPREAD, _OVERHEAD_SPREAD_WITH_TOOLS = 30.0, 400.0
_FACTOR_SPREAD = 0.25
_LEAST_FACTOR, _MOST_FACTOR = 0.3, 4.0


@dataclass(frozen=True, slots=True)
class Observation:
    """A request that was answered: `counted` by the rule here, and `reported` by the provider, both in tokens."""

    counted: float
    reported: int


@dataclass(frozen=True, slots=True)
class Correction:
    """What makes tokens by the rule those of a model: `overhead` for each request, and a factor for the rest."""

    overhead: float = _USUAL_OVERHEAD
    factor: float = 1.0

    def request(self, counted: float) -> int:
        """The tokens of a whole request."""
        return round(MARGIN * (self.overhead + self.factor * counted))

    def part(self, counted: float) -> int:
        """The tokens that a message, or several, add to a request."""
        return round(MARGIN * self.factor * counted)


def text_tokens(text: str) -> float:
    """The tokens of a text by the rule: 0 for "", and some 60 ms of work for a million characters."""
    data, weights, bytes_seen = text.encode("utf-8", "replace"), _weights(), Counter[int]()
    # Piece by piece, so that other threads get their turn in between.
    for first in range(0, len(data), PIECE_BYTES):
        bytes_seen.update(data[first : first + PIECE_BYTES])
    return sum(weights[byte] * count for byte, count in bytes_seen.items())


def message_tokens(message: Message, files: Mapping[str, bytes]) -> float:
    """The tokens of a message by the rule; `files` has the bytes of attached files by their sha256."""
    return MESSAGE_TOKENS + sum(_part_tokens(part, files) for part in message.parts)


def fixed_tokens(system: str | None, tools: Iterable[ToolSpec]) -> float:
    """The tokens of what goes with every request: the system prompt and the tools."""
    specs = ([tool.name, tool.description, tool.parameters] for tool in tools)
    written = (msgspec.json.encode(spec, enc_hook=str).decode() for spec in specs)
    return text_tokens(system or "") + sum(map(text_tokens, written))


def fitted(observed: Sequence[Observation], *, tools: bool) -> Correction:
    """The correction that fits what a model reported, the oldest first; the usual one where nothing is known.

    The likeliest by least squares of the relative errors, with a leaning to the usual correction that the first
    observations overcome. With tools providers add up to several hundred tokens of their own, without hardly any.
    """
    spread = _OVERHEAD_SPREAD_WITH_TOOLS if tools else _OVERHEAD_SPREAD
    ones, squares, mixed = 1 / spread**2, 1 / _FACTOR_SPREAD**2, 0.0
    right_ones, right_squares = _USUAL_OVERHEAD / spread**2, 1 / _FACTOR_SPREAD**2
    for age, seen in enumerate(reversed(observed)):
        weight = _OLDER_COUNTS**age / (_NOISE * max(1, seen.reported)) ** 2
        ones += weight
        squares += weight * seen.counted**2
        mixed += weight * seen.counted
        right_ones += weight * seen.reported
        right_squares += weight * seen.counted * seen.reported
    determinant = ones * squares - mixed**2
    overhead = (right_ones * squares - right_squares * mixed) / determinant
    factor = (right_squares * ones - right_ones * mixed) / determinant
    if overhead < 0:
        overhead, factor = 0.0, right_squares / squares
    return Correction(overhead, min(max(factor, _LEAST_FACTOR), _MOST_FACTOR))


@lru_cache(maxsize=1)
def _weights() -> tuple[float, ...]:
    """Tokens for each byte: blanks belong to the word after them, and a first byte stands for its whole character."""
    weights = [0.0] * 256
    for code in range(33, 127):
        weights[code] = (
            LETTER_TOKENS if chr(code).isalpha() else DIGIT_TOKENS if chr(code).isdigit() else SIGN_TOKENS
        )
    weights[ord("\n")] = NEWLINE_TOKENS
    for first, stop, tokens in ((0xC0, 0xE0, 0.5), (0xE0, 0xF0, 0.9), (0xF0, 0xF8, 2.0)):
        weights[first:stop] = [tokens] * (stop - first)
    return tuple(weights)


def _part_tokens(part: Part, files: Mapping[str, bytes]) -> float:
    tokens = 0.0
    match part:
        case TextPart(text) | RefusalPart(text):
            tokens = text_tokens(text)
        case ToolCallPart(name=name, arguments=arguments):
            tokens = CALL_TOKENS + text_tokens(name) + text_tokens(arguments)
        case ToolResultPart(content=content):
            tokens = CALL_TOKENS + text_tokens(content)
        case ImagePart():
            tokens = IMAGE_TOKENS
        case FilePart():
            tokens = _file_tokens(part, files.get(part.sha256))
        case OpaquePart(data=data):
            tokens = len(data) / OPAQUE_CHARACTERS_PER_TOKEN
        case ThinkingPart() | CitationsPart():
            pass  # stays here: what of it goes back is in opaque parts
    return tokens


def _file_tokens(part: FilePart, data: bytes | None) -> float:
    if data is None:
        return UNKNOWN_FILE_TOKENS
    if not part.media_type.startswith("text/"):
        return len(data) / FILE_BYTES_PER_TOKEN
    return text_tokens(part.name) + text_tokens(data.decode("utf-8", "replace"))
