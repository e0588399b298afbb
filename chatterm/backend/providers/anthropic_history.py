"""The messages of a request to Anthropic, joined from their encoded fragments.

Roles alternate, the first message is the user's, each tool call is answered in the message after it, and a
reply that is to be continued does not end in white space: whatever else a conversation went through (another
provider, a stopped tool, trimming) is mended here, and only then are its bytes read again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from chatterm.backend.providers.anthropic_content import THINKING, Block, wire_id, without_last_thinking
from chatterm.backend.providers.tool_history import kinds_of, takes_turns
from chatterm.backend.providers.wire_json import as_list, as_object, as_text, encode_json, safe_json
from chatterm.core.messages import Message, OpaquePart, ToolCallPart, ToolResultPart

_CACHED_TURNS = 2
_RESULT = b'{"type":"tool_result"'


@dataclass(slots=True)
class _Run:
    """Neighbours of one role: their blocks, encoded and joined by commas, and the ids of calls or of results."""

    role: str
    contents: list[bytes] = field(default_factory=list[bytes])
    ids: list[str] = field(default_factory=list[str])


def encoded_message(role: str, blocks: list[Block]) -> bytes:
    """One item of `messages`; nothing without blocks."""
    return (
        encode_json({"role": "assistant" if role == "assistant" else "user", "content": blocks})
        if blocks
        else b""
    )


def joined_messages(
    messages: tuple[Message, ...], fragments: Iterable[bytes], cache_control: bytes
) -> list[bytes]:
    """The items of `messages`, in pieces to be joined by commas: one may be megabytes.

    The last two messages of the user end in a breakpoint of the prompt cache where `cache_control` is not empty.
    """
    encoded = list(fragments)
    if _is_plain(messages, encoded):
        return _marked(encoded, cache_control)
    runs = _runs(messages, encoded)
    if not _is_sound(runs):
        runs = _mended([(run.role, _blocks(run)) for run in runs])
    users = [run for run in runs if run.role == "user"]
    for run in users:  # results go first; the sort keeps all other order
        run.contents.sort(key=lambda content: not content.startswith(_RESULT))
    if cache_control:
        for run in users[-_CACHED_TURNS:]:
            run.contents[-1] = run.contents[-1][:-1] + b',"cache_control":' + cache_control + b"}"
    return [_prefix(run.role) + b",".join(run.contents) + b"]}" for run in runs]


def _is_plain(messages: tuple[Message, ...], fragments: list[bytes]) -> bool:
    """Whether nothing has to be mended: the user and the model in turns, the user first and last, and no tools."""
    return (
        len(messages) % 2 == 1
        and all(fragments)
        and takes_turns(messages)
        and kinds_of(messages).isdisjoint((ToolCallPart, ToolResultPart, OpaquePart))
    )


def _marked(fragments: list[bytes], cache_control: bytes) -> list[bytes]:
    """Such messages with the breakpoints in the last two of the user, without copying them."""
    items = list(fragments)
    if cache_control:
        for number in range(max(0, len(items) - 2 * _CACHED_TURNS + 1), len(items), 2):
            items[number] = fragments[number][:-3] + b',"cache_control":' + cache_control + b"}]}"
    return items


def _prefix(role: str) -> bytes:
    return b'{"role":"' + role.encode() + b'","content":['


def _runs(messages: Iterable[Message], fragments: Iterable[bytes]) -> list[_Run]:
    runs: list[_Run] = []
    for message, fragment in zip(messages, fragments, strict=True):
        if not fragment:
            continue
        role = "assistant" if message.role == "assistant" else "user"
        if not runs or runs[-1].role != role:
            runs.append(_Run(role))
        runs[-1].contents.append(fragment[len(_prefix(role)) : -2])
        kind = ToolCallPart if role == "assistant" else ToolResultPart
        runs[-1].ids += [wire_id(part.call_id) for part in message.parts if isinstance(part, kind)]
    return runs


def _is_sound(runs: list[_Run]) -> bool:
    seen: set[str] = set()
    called: set[str] = set()
    for position, run in enumerate(runs):
        ids = set(run.ids)
        if len(ids) < len(run.ids) or run.role != ("assistant" if position % 2 else "user"):
            return False
        if run.role == "user":
            if ids != called:
                return False
        else:
            if ids & seen or any(b"_tool_use" in content and _open_calls(run) for content in run.contents):
                return False
            seen |= ids
            called = ids
    return not runs or runs[-1].role == "user"


def _open_calls(run: _Run) -> set[str]:
    return _unanswered(_blocks(run))


def _unanswered(blocks: list[Block]) -> set[str]:
    """Ids of calls of the server's own tools without their result."""
    answered = {tool for block in blocks if (tool := as_text(block.get("tool_use_id")))}
    return {
        as_text(block.get("id")) for block in blocks if as_text(block["type"]).endswith("_tool_use")
    } - answered


def _blocks(run: _Run) -> list[Block]:
    return [as_object(block) for block in as_list(safe_json(b"[" + b",".join(run.contents) + b"]"))]


def _mended(runs: list[tuple[str, list[Block]]]) -> list[_Run]:
    mended: list[tuple[str, list[Block]]] = []
    seen: set[str] = set()
    called: dict[str, str] = {}
    for position, (role, blocks) in enumerate(runs):
        if role == "user":
            blocks, called = _answers(blocks, called), {}
        else:
            if position < len(runs) - 1:
                lost = _unanswered(blocks)
                blocks = [b for b in blocks if as_text(b.get("id")) not in lost or b["type"] == "tool_use"]
            blocks, called = _calls(blocks, seen)
            blocks = without_last_thinking(blocks)
        if mended and mended[-1][0] == role:
            mended[-1][1].extend(blocks)
        elif blocks:
            mended.append((role, blocks))
    if called:
        mended.append(("user", _answers([], called)))
    elif mended and mended[-1][0] == "assistant" and not _ended(mended[-1][1]):
        mended.pop()
    if mended and mended[0][0] == "assistant":
        mended.insert(0, ("user", [{"type": "text", "text": "(Earlier messages are left out.)"}]))
    return [_Run(role, [encode_json(block) for block in blocks]) for role, blocks in mended]


def _calls(blocks: list[Block], seen: set[str]) -> tuple[list[Block], dict[str, str]]:
    """The blocks with ids that no call before has, and which id became which."""
    kept: list[Block] = []
    called: dict[str, str] = {}
    for block in blocks:
        if block["type"] == "tool_use":
            given = as_text(block["id"])
            if given in called:
                continue
            called[given] = given if given not in seen else f"{given}_{len(seen)}"
            seen.add(called[given])
            block = {**block, "id": called[given]}
        kept.append(block)
    return kept, called


def _answers(blocks: list[Block], called: dict[str, str]) -> list[Block]:
    """The user's blocks, a result for each call first, in the order of the calls; results of no call are gone."""
    results = {as_text(block["tool_use_id"]): block for block in blocks if block["type"] == "tool_result"}
    missing: Block = {
        "type": "tool_result",
        "content": "There is no result: the tool was not run.",
        "is_error": True,
    }
    answers = [{**results.get(given, missing), "tool_use_id": sent} for given, sent in called.items()]
    return [*answers, *(block for block in blocks if block["type"] != "tool_result")]


def _ended(blocks: list[Block]) -> bool:
    """Take away what the last reply must not end in; whether anything is left."""
    while blocks:
        last = blocks[-1]
        if last["type"] == "text" and (text := as_text(last["text"]).rstrip()):
            blocks[-1] = {**last, "text": text}
            return True
        if last["type"] != "text" and last["type"] not in THINKING:
            return True
        blocks.pop()
    return False
