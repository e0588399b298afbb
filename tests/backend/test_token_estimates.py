"""Estimates of tokens: by the rule, and after what providers report."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from itertools import permutations
from typing import Any, cast

import pytest

from chatterm.backend.token_estimates import (
    CALL_TOKENS,
    IMAGE_TOKENS,
    MESSAGE_TOKENS,
    UNKNOWN_FILE_TOKENS,
    Correction,
    Observation,
    fitted,
    fixed_tokens,
    message_tokens,
    text_tokens,
)
from chatterm.backend.token_meter import TOKEN_ESTIMATES, TokenMeter
from chatterm.core.errors import StoreError
from chatterm.core.messages import (
    FilePart,
    ImagePart,
    Message,
    OpaquePart,
    Part,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolResultPart,
)
from chatterm.core.turn import ToolSpec
from tests.backend.recorded_requests import PROSE as PROSE_SENT
from tests.backend.recorded_requests import WITH_TOOLS, Recorded
from tests.cpu_time import in_proportion, within
from tests.providers.replay import SHARED_FOLDER

needs_recordings = pytest.mark.skipif(
    not SHARED_FOLDER.is_dir(),
    reason=f"no recordings in {SHARED_FOLDER}; CHATTERM_RECORDINGS names another folder",
)

PROSE = "The zone holds one state for each key, and requests beyond the rate are delayed. "


def user(*parts: Part) -> Message:
    return Message(role="user", parts=parts)


def said(text: str) -> Message:
    return user(TextPart(text))


def test_texts_of_all_kinds_count_about_what_tokenizers_make_of_them() -> None:
    assert text_tokens("") == 0
    assert 14 <= text_tokens(PROSE) <= 20  # 17 by most
    assert 4 <= text_tokens("1234567890") <= 5
    assert 5 <= text_tokens("你好，世界！") <= 7
    assert text_tokens("{};" * 10) > 15
    assert text_tokens("\ud800 lone") > 0  # what UTF-8 has no form for breaks nothing


def test_each_part_counts_by_its_rule() -> None:
    files = {"t": PROSE.encode(), "p": b"\0" * 50_000}
    assert message_tokens(user(), {}) == MESSAGE_TOKENS
    assert message_tokens(user(ImagePart("image/png", "x")), {}) == MESSAGE_TOKENS + IMAGE_TOKENS
    text = message_tokens(user(FilePart("a.txt", "text/plain", "t")), files)
    assert text_tokens(PROSE) < text - MESSAGE_TOKENS < text_tokens(PROSE) + 5
    assert message_tokens(user(FilePart("a.pdf", "application/pdf", "p")), files) == MESSAGE_TOKENS + 2000
    gone = message_tokens(user(FilePart("a.txt", "text/plain", "gone")), files)
    assert gone == MESSAGE_TOKENS + UNKNOWN_FILE_TOKENS
    call = message_tokens(user(ToolCallPart("1", "look", '{"a":1}')), {})
    result = message_tokens(user(ToolResultPart("1", "found")), {})
    assert call > MESSAGE_TOKENS + CALL_TOKENS < result
    assert message_tokens(user(ThinkingPart("long " * 100)), {}) == MESSAGE_TOKENS
    assert message_tokens(user(OpaquePart("x", "A" * 60)), {}) == MESSAGE_TOKENS + 10


def test_system_prompt_and_tools_go_with_every_request() -> None:
    assert fixed_tokens(None, ()) == 0
    tool = ToolSpec(name="look", description="Look it up.", parameters={"type": "object"})
    assert fixed_tokens(PROSE, (tool,)) > fixed_tokens(PROSE, ()) == text_tokens(PROSE)


@pytest.mark.parametrize("factor", [0.6, 1.0, 1.7])
@pytest.mark.parametrize("overhead", [0, 12, 60])
@pytest.mark.parametrize("tools", [False, True])
def test_a_growing_conversation_is_met_after_three_turns(factor: float, overhead: int, tools: bool) -> None:
    def reported(counted: float) -> int:
        return round(overhead + factor * counted)

    sizes = [40.0, 300.0, 700.0, 1200.0, 2500.0, 2600.0, 9000.0]
    for known in range(3, len(sizes)):
        seen = [Observation(size, reported(size)) for size in sizes[:known]]
        off = fitted(seen, tools=tools).request(sizes[known]) / reported(sizes[known]) - 1
        assert -0.05 <= off <= 0.10, (known, off)


def test_nothing_reported_leaves_the_usual_and_nonsense_stays_within_bounds() -> None:
    usual = fitted((), tools=False)
    assert (round(usual.overhead, 6), round(usual.factor, 6)) == (8, 1)
    wild = [Observation(0.0, 1), Observation(10.0, 10**9), Observation(1e9, 1)]
    for tools in (False, True):
        found = fitted(wild, tools=tools)
        assert found.overhead >= 0 and 0.3 <= found.factor <= 4


# ---- recordings ----------------------------------------------------------------------------

ADDED_BY_THE_SERVICE = ("server-tools", "citations", "compound", "image")
"""Requests into which the service puts what nobody sent: pages that it searched, results of its own tools."""

TOOLS_APART = ("gpt-4o", "gpt-5.4")
"""Only toy requests of these are recorded, whose tools are nearly all there is, each time others: OpenAI counts
a tool's schema as a shorter text than it is sent as. The estimates are too high then, never too low."""


def _parts(value: Any) -> Iterator[Part]:
    match value:
        case str():
            yield TextPart(value)
        case list():
            for item in cast("list[Any]", value):
                yield from _parts(item)
        case {"thoughtSignature": str() as data, **rest} | {"signature": str() as data, **rest}:
            yield OpaquePart("recorded", data)
            yield from _parts(rest)
        case (
            {"type": "tool_use", "name": name, "input": given}
            | {"functionCall": {"name": name, "args": given}}
            | {"type": "function", "function": {"name": name, "arguments": given}}
        ):
            yield ToolCallPart("", name, given if isinstance(given, str) else json.dumps(given))
        case {"type": "tool_result", "content": given} | {"functionResponse": {"response": given}}:
            yield ToolResultPart("", given if isinstance(given, str) else json.dumps(given))
        case dict():
            fields = cast("dict[str, Any]", value)
            for key in ("reasoning_content", "content", "parts", "text", "tool_calls"):
                yield from _parts(fields.get(key))
        case _:
            pass


def _counted(body: Any) -> tuple[float, bool]:
    """A recorded request by the rule, and whether it has tools."""
    sent: Any = body.get("messages") or body.get("contents")
    total = 0.0
    for item in sent:
        parts = tuple(_parts(item))
        if item.get("role") == "tool":
            parts = (ToolResultPart("", "".join(each.text for each in parts if isinstance(each, TextPart))),)
        total += message_tokens(user(*parts), {})
    tools: Any = body.get("tools") or ()
    specs = [ToolSpec(name="", description="", parameters=tool) for tool in tools]
    system = body.get("system") or body.get("systemInstruction")
    text = "".join(part.text for part in _parts(system) if isinstance(part, TextPart))
    return total + fixed_tokens(text, specs), bool(tools)


def _recorded() -> dict[tuple[str, bool], list[Observation]]:
    found: dict[tuple[str, bool], list[Observation]] = {}
    for path in sorted(SHARED_FOLDER.glob("*/*.json")):
        recorded: Any = json.loads(path.read_text())
        request: Any = recorded["request"]
        expected: Any = recorded.get("expected") or {}
        usage: Any = expected.get("usage") or {}
        is_other = recorded["api"] not in ("openai-chat", "anthropic-messages", "gemini-generate-content")
        if (
            is_other
            or recorded["kind"] == "synthetic"
            or any(word in path.name for word in ADDED_BY_THE_SERVICE)
        ):
            continue
        if request.get("body_elided") or not isinstance(request.get("body"), dict) or not usage.get("input"):
            continue
        if "googleSearch" in json.dumps(request["body"]):
            continue
        cached: int = (usage.get("cached") or 0) + (usage.get("cache_write") or 0)
        reported: int = usage["input"] + (cached if recorded["api"] == "anthropic-messages" else 0)
        counted, has_tools = _counted(request["body"])
        model = f"{path.parent.name}/{request['body'].get('model') or request['path'].split('/')[-1]}"
        found.setdefault((model, has_tools), []).append(Observation(counted, reported))
    return found


@needs_recordings
def test_recorded_models_are_met_after_three_requests() -> None:
    errors: dict[str, list[float]] = {}
    for (model, has_tools), seen in _recorded().items():
        for known in range(3, len(seen)):
            off = (
                fitted(seen[:known], tools=has_tools).request(seen[known].counted) / seen[known].reported - 1
            )
            errors.setdefault(model, []).append(off)
    apart = {model for model in errors if model.rpartition("/")[2] in TOOLS_APART}
    assert all(off >= -0.05 for each in errors.values() for off in each), errors
    held = {model: each for model, each in errors.items() if model not in apart}
    assert sum(map(len, held.values())) >= 4
    assert all(off <= 0.10 for each in held.values() for off in each), held


@needs_recordings
def test_recorded_prose_is_met_by_the_rule_alone() -> None:
    offs = [
        Correction().request(seen.counted) / seen.reported - 1
        for (_, has_tools), all_seen in _recorded().items()
        for seen in all_seen
        if not has_tools and seen.counted > 100
    ]
    assert len(offs) >= 4
    assert all(-0.05 <= off <= 0.15 for off in offs), offs


def _error(known: Sequence[Recorded], asked: Recorded) -> float:
    seen = [Observation(each.counted, each.reported) for each in known]
    return fitted(seen, tools=True).request(asked.counted) / asked.reported - 1


@pytest.mark.parametrize(
    ("model", "known"), [("claude-haiku-4-5", 3), ("deepseek-v4-flash", 2), ("gpt-oss:120b", 2)]
)
def test_whatever_three_requests_came_first_the_others_are_met(model: str, known: int) -> None:
    requests = WITH_TOOLS[model]
    errors = [
        _error(first, asked)
        for first in permutations(requests, known)
        for asked in requests
        if asked not in first
    ]
    assert len(errors) == {3: 840, 2: 6}[known]
    assert min(errors) >= -0.05, min(errors)
    assert max(errors) <= 0.10, max(errors)


@pytest.mark.parametrize("model", PROSE_SENT)
def test_long_prose_is_met_by_the_rule_alone(model: str) -> None:
    sent = PROSE_SENT[model]
    assert -0.05 <= Correction().request(sent.counted) / sent.reported - 1 <= 0.15


@needs_recordings
def test_the_sizes_that_are_kept_of_recordings_are_theirs() -> None:
    found = {
        (round(seen.counted, 6), seen.reported) for all_seen in _recorded().values() for seen in all_seen
    }
    kept = [*PROSE_SENT.values(), *(each for some in WITH_TOOLS.values() for each in some)]
    assert {(round(each.counted, 6), each.reported) for each in kept} <= found


# ---- the meter -----------------------------------------------------------------------------


class Kept:
    """The store's state in memory; it can be made to fail."""

    def __init__(self) -> None:
        self.values: dict[str, object] = {}
        self.fails = False
        self.put_done = asyncio.Event()

    async def get(self, key: str, default: dict[str, object]) -> dict[str, object]:
        return cast("dict[str, object]", self.values.get(key, default))

    async def put(self, key: str, value: object) -> None:
        if self.fails:
            self.put_done.set()
            raise StoreError("The disk is full.")
        self.values[key] = json.loads(json.dumps(value))
        self.put_done.set()


async def test_a_message_is_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def counting(message: Message, files: object) -> float:
        asked.append(message.id)
        return 1.0

    monkeypatch.setattr("chatterm.backend.token_meter.message_tokens", counting)
    meter, messages = TokenMeter(), [said("one"), said("two")]
    assert await meter.count(messages) == [1.0, 1.0]
    messages.append(said("three"))
    assert len(await meter.count(messages)) == 3
    assert asked == [message.id for message in messages]


async def test_attached_texts_are_read_to_be_counted() -> None:
    wanted: list[frozenset[str]] = []

    async def load(digests: frozenset[str]) -> dict[str, bytes]:
        wanted.append(digests)
        return dict.fromkeys(digests, PROSE.encode() * 10)

    message = user(FilePart("a.txt", "text/plain", "d1"), ImagePart("image/png", "d2"))
    (tokens,) = await TokenMeter(load_files=load).count([message])
    assert wanted == [frozenset({"d1"})]  # a picture is not read for it
    assert tokens > 10 * text_tokens(PROSE) + IMAGE_TOKENS


async def test_what_a_model_reports_is_kept_from_one_start_to_the_next() -> None:
    kept = Kept()
    meter = TokenMeter(kept)
    for counted in (100.0, 300.0, 900.0, *range(1000, 1010)):
        meter.learn("p", "m", [said("x")], counted, round(20 + 1.5 * counted), tools=False)
    await kept.put_done.wait()
    later = TokenMeter(kept)
    assert later.correction("p", "m", tools=False) == fitted((), tools=False)
    await later.read()
    assert later.correction("p", "m", tools=False) == meter.correction("p", "m", tools=False)
    assert later.correction("p", "m", tools=False).factor > 1.3
    assert later.correction("p", "other", tools=False) == fitted((), tools=False)
    assert later.correction("p", "m", tools=True) == fitted((), tools=True)


@pytest.mark.parametrize("value", ["x", None, [], [[1]], [["a", 2]], [[1, 0]], [[-1, 5]], {"a": 1}])
async def test_what_was_kept_and_makes_no_sense_is_passed_over(value: object) -> None:
    kept = Kept()
    kept.values[TOKEN_ESTIMATES] = {"p/m": value, "p/good": [[10, 40]]}
    meter = TokenMeter(kept)
    await meter.read()
    assert meter.correction("p", "m", tools=False) == fitted((), tools=False)
    assert meter.correction("p", "good", tools=False) != fitted((), tools=False)


async def test_pictures_teach_nothing_and_a_full_disk_stops_nothing() -> None:
    kept = Kept()
    kept.fails = True
    meter = TokenMeter(kept)
    meter.learn("p", "m", [user(ImagePart("image/png", "x"))], 1000, 300, tools=False)
    meter.learn("p", "m", [said("x")], 10, None, tools=False)
    assert meter.correction("p", "m", tools=False) == fitted((), tools=False)
    meter.learn("p", "m", [said("x")], 10, 40, tools=False)
    await kept.put_done.wait()
    assert meter.correction("p", "m", tools=False) != fitted((), tools=False)


def test_counting_takes_time_in_proportion_and_little_of_it() -> None:
    text = PROSE * 2500
    assert in_proportion(lambda: text_tokens(text), lambda: text_tokens(text * 4)) is None
    messages = [said(PROSE * 6) for _ in range(1000)]
    assert within(0.1, lambda: [message_tokens(message, {}) for message in messages]) is None


async def test_ten_thousand_messages_leave_the_loop_free() -> None:
    meter, messages = TokenMeter(), [said(PROSE * 6) for _ in range(10_000)]
    beats = 0

    async def beat() -> None:
        nonlocal beats
        while True:
            beats += 1
            await asyncio.sleep(0)

    beating = asyncio.ensure_future(beat())
    await meter.count(messages)
    beating.cancel()
    assert beats > 3  # it went on while they were counted
    cached = asyncio.ensure_future(meter.count(messages))
    assert await cached
