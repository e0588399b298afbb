"""What chatterm sends is what the official clients send, but where it differs on purpose.

The files in requests/ are written by `tests/tools/make_request_fixtures.py`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, Literal

import pytest

from tests.providers.conversations import ADAPTERS, CONVERSATIONS, FOREIGN_ID, encoded, request_of

FOLDER = Path(__file__).parent / "requests"

ABSENT = "(absent)"
"""Stands for a field that one side does not send."""

MARK = {"type": "ephemeral"}


@dataclass(frozen=True)
class Difference:
    """`path` is a regular expression for places in a request; `holds` gets what the client and what chatterm has there.

    `kind` "cannot" is for what the provider's protocol, or the client, has no place for.
    """

    adapter: str
    path: str
    reason: str
    holds: Callable[[Any, Any], bool]
    kind: Literal["purpose", "cannot"] = "purpose"


def _only_ours(client: Any, ours: Any) -> bool:
    return client == ABSENT and ours != ABSENT


def _is_default(*values: Any) -> Callable[[Any, Any], bool]:
    return lambda client, ours: client in values and ours == ABSENT


def _written_as_blocks(client: Any, ours: Any) -> bool:
    """The one text as a block, which may hold a breakpoint of the cache."""
    return ours in (
        [{"type": "text", "text": client}],
        [{"type": "text", "text": client, "cache_control": MARK}],
    )


DIFFERENCES = (
    Difference(
        "openai_responses",
        r"body\.input\.\d+\.content",
        "Replies are items of the kind that the service sends; llama.cpp refuses a plain text here.",
        lambda client, ours: ours == [{"type": "output_text", "text": client}],
    ),
    Difference(
        "openai_responses",
        r"body\.input\.\d+\.type",
        "llama.cpp tells an item of a reply by its type, which the client may leave out.",
        lambda client, ours: (client, ours) == (ABSENT, "message"),
    ),
    Difference(
        "openai_responses",
        r"body\.input\.\d+\.id",
        "Sealed reasoning stands for itself: its id names what was never stored, and would be looked up.",
        lambda client, ours: (client, ours) == ("rs_1", ABSENT),
    ),
    Difference(
        "anthropic",
        r"headers\.anthropic-version",
        "The last version that takes temperature and top_p, from the models that know them.",
        lambda client, ours: client > ours == "2023-06-01",
    ),
    Difference(
        "anthropic",
        r"headers\.(authorization|x-api-key)",
        "That version knows a key by a header of its own.",
        lambda client, ours: {client, ours} & {ABSENT} != set() and "the-key" in f"{client} {ours}",
    ),
    Difference(
        "anthropic",
        r"body\.(messages\.\d+\.content|system)",
        "A block can be cached and joined with its neighbours; the service takes a text for one block.",
        _written_as_blocks,
    ),
    Difference(
        "anthropic",
        r"body\.cache_control",
        "Breakpoints are set one by one, so that system prompt and tools are cached by themselves.",
        lambda client, ours: (client, ours) == (MARK, ABSENT),
    ),
    Difference(
        "anthropic",
        r"body\.(messages\.\d+\.content|tools)\.\d+\.cache_control",
        "These are the breakpoints.",
        lambda client, ours: (client, ours) == (ABSENT, MARK),
    ),
    Difference(
        "anthropic",
        r"body\.messages\.\d+\.content\.\d+\.(id|tool_use_id)",
        "Anthropic refuses the other provider's id; a digest keeps apart what becomes alike.",
        lambda client, ours: re.fullmatch(rf"{client}_[0-9a-f]{{8}}", ours) is not None,
    ),
    Difference(
        "gemini",
        r"url",
        "The address in the settings names v1beta, which has all that chatterm uses and is what proxies serve.",
        lambda client, ours: client.replace("/v1/", "/v1beta/") == ours,
    ),
    Difference(
        "gemini",
        r"body\.systemInstruction\.role",
        "A system instruction has no role; the client's types give it one, which is ignored.",
        _is_default("user"),
    ),
    Difference(
        "ollama",
        r"body\.tools",
        "An empty list asks for nothing.",
        lambda client, ours: (client, ours) == ([], ABSENT),
    ),
    Difference(
        "ollama",
        r"body\.tools\.\d+\.function\.parameters\.additionalProperties",
        "The client drops what it does not know of a schema; the server takes it whole.",
        _only_ours,
    ),
    Difference(
        "ollama",
        r"body\.messages\.\d+\.(tool_calls\.\d+\.id|tool_call_id)",
        "The server has ids of calls, the client has no field for them.",
        lambda client, ours: client == ABSENT and ours in ("call_1", "call_2", "call_3", FOREIGN_ID),
    ),
    Difference(
        "ollama",
        r"body\.messages\.\d+\.content",
        "A PDF file cannot be sent; a line says so, where the client has nothing at all.",
        lambda client, ours: re.sub(r"\[file report.pdf left out.*\]\n\n", "", ours) == client,
        "cannot",
    ),
    Difference(
        "ollama",
        r"body\.messages\.\d+\.content",
        "The client leaves an empty text out; the server takes both for none.",
        lambda client, ours: (client, ours) == (ABSENT, ""),
    ),
    Difference(
        "ollama",
        r"body\.messages\.\d+\.thinking",
        "What another model thought before its calls helps this one to go on; it is plain text here.",
        _only_ours,
    ),
    Difference(
        "mistral",
        r"body\.messages\.\d+\.(tool_calls\.\d+\.id|tool_call_id)",
        "Ids must be nine letters or digits: chatterm makes them of the ids it has.",
        lambda client, ours: re.fullmatch("[A-Za-z0-9]{9}", ours) is not None,
    ),
    Difference(
        "mistral",
        r"body\.messages\.\d+\.(prefix|tool_calls\.\d+\.index)",
        "The client writes out what is so without it.",
        _is_default(False, 0),
    ),
    Difference(
        "mistral",
        r"body\.messages\.\d+\.name",
        "The call with this id names the tool already.",
        _is_default("weather"),
    ),
    Difference(
        "mistral",
        r"body\.messages\.\d+\.content",
        "Thinking without a seal is not sent back where the service does not ask for it.",
        lambda client, ours: client[0]["type"] == "thinking" and ours is None,
    ),
)

NOT_ASKED = {
    ("openai_chat", "high effort with tools and search"): "only search models take web_search_options",
    ("openai_chat", "thinking in a tool loop"): "Chat Completions neither shows nor takes reasoning",
    ("openai_responses", "structured output"): "there is neither a seed nor a stop sequence",
    ("anthropic", "structured output"): "there is no seed, and one of temperature and top_p only",
    ("ollama", "files"): "there is no place for a PDF file",
    ("ollama", "high effort with tools and search"): "the search is no part of the chat",
    ("mistral", "high effort with tools and search"): "the search is no part of the chat",
}
"""What of a conversation the provider cannot be told, so that neither request has it."""


@cache
def fixture(adapter: str) -> dict[str, Any]:
    return json.loads((FOLDER / f"{adapter}.json").read_text(encoding="utf-8"))


def unstamped(stamp: dict[str, Any]) -> list[str]:
    """What is missing of where a fixture is from."""
    checks = {
        "sdk": re.fullmatch(r"[a-z-]+", str(stamp.get("sdk", ""))),
        "version": re.fullmatch(r"\d+(\.\w+)+", str(stamp.get("version", ""))),
        "made": re.fullmatch(r"\d{4}-\d\d-\d\d", str(stamp.get("made", ""))),
    }
    return [name for name, found in checks.items() if not found]


def camel_cased(value: Any) -> Any:
    """Gemini takes both spellings of a field; the client mixes them. A schema is not Gemini's to spell."""
    if isinstance(value, list):
        return [camel_cased(each) for each in value]
    if not isinstance(value, dict):
        return value
    own = ("args", "response", "parametersJsonSchema", "responseJsonSchema")
    spelled = {re.sub(r"_(\w)", lambda found: found[1].upper(), name): each for name, each in value.items()}
    return {name: each if name in own else camel_cased(each) for name, each in spelled.items()}


def differences(client: Any, ours: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """The innermost places at which two values differ, types included, and what is there."""
    if isinstance(client, dict) and isinstance(ours, dict):
        for name in {**client, **ours}:
            inner = f"{path}.{name}" if path else name
            yield from differences(client.get(name, ABSENT), ours.get(name, ABSENT), inner)
    elif isinstance(client, list) and isinstance(ours, list) and len(client) == len(ours):
        for number, (one, other) in enumerate(zip(client, ours, strict=True)):
            yield from differences(one, other, f"{path}.{number}")
    elif type(client) is not type(ours) or client != ours:
        yield path, client, ours


def compared(adapter: str, conversation: str) -> Iterator[tuple[str, Any, Any, list[Difference]]]:
    """Each difference, and what of the table tells why."""
    request = encoded(adapter, request_of(adapter, conversation))
    client = fixture(adapter)["requests"][conversation]
    names = {*client["headers"], "authorization", "x-api-key", "x-goog-api-key"}
    ours = {
        "url": request.url,
        "headers": {name: value for name, value in request.headers.items() if name in names},
        "body": json.loads(request.body),
    }
    if adapter == "gemini":
        client = {**client, "body": camel_cased(client["body"])}
    for path, theirs, mine in differences(client, ours):
        known = [d for d in DIFFERENCES if d.adapter == adapter and re.fullmatch(d.path, path)]
        yield path, theirs, mine, [each for each in known if each.holds(theirs, mine)]


@pytest.mark.parametrize("adapter", ADAPTERS)
@pytest.mark.parametrize("conversation", CONVERSATIONS)
def test_requests_differ_from_the_clients_on_purpose_only(adapter: str, conversation: str) -> None:
    unexplained = [found[:3] for found in compared(adapter, conversation) if not found[3]]
    assert unexplained == []


def test_every_difference_in_the_table_is_there() -> None:
    pairs = [(adapter, conversation) for adapter in ADAPTERS for conversation in CONVERSATIONS]
    used = {id(each) for pair in pairs for found in compared(*pair) for each in found[3]}
    assert [each.reason for each in DIFFERENCES if id(each) not in used] == []
    assert NOT_ASKED.keys() <= set(pairs)


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_fixtures_are_stamped_and_complete(adapter: str) -> None:
    assert unstamped(fixture(adapter)) == []
    assert date.fromisoformat(fixture(adapter)["made"])
    assert fixture(adapter)["requests"].keys() == CONVERSATIONS.keys()


def test_no_fixture_is_left_over() -> None:
    assert {path.stem for path in FOLDER.glob("*.json")} == ADAPTERS.keys()


def test_a_missing_stamp_is_noticed() -> None:
    assert unstamped({}) == ["sdk", "version", "made"]
    assert unstamped({"sdk": "openai", "version": "3", "made": "today"}) == ["version", "made"]


def test_what_differs_is_found_wherever_it_is() -> None:
    assert list(differences({"a": [1, {"b": 2}]}, {"a": [1, {"b": 2}]})) == []
    assert list(differences({"a": [1, {"b": 2}]}, {"a": [1, {"c": True}]})) == [
        ("a.1.b", 2, ABSENT),
        ("a.1.c", ABSENT, True),
    ]
    assert list(differences({"a": [1]}, {"a": []})) == [("a", [1], [])]
    assert list(differences({"a": 1}, {"a": True})) == [("a", 1, True)]
