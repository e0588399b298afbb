"""What goes out to Anthropic: fields by model, blocks, breakpoints of the prompt cache, histories from elsewhere."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatterm.backend.providers.anthropic import Anthropic
from chatterm.backend.providers.base import Endpoint, Limits, WireRequest
from chatterm.core.errors import AttachmentError
from chatterm.core.messages import (
    Citation,
    CitationsPart,
    FilePart,
    ImagePart,
    Message,
    OpaquePart,
    Part,
    RefusalPart,
    Role,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolResultPart,
)
from chatterm.core.turn import Parameters, ToolSpec, TurnRequest
from tests.providers.conversations import said, wire_request

WIRE = Anthropic()
BLOBS = {"11": b"\x89PNG", "22": b"first line\n", "33": b"%PDF-1.7"}
WEATHER = ToolSpec(name="weather", description="Tells the weather.", parameters={"type": "object"})
MARK = {"type": "ephemeral"}
OLD, BETWEEN, NEW, BOUND = (
    "claude-sonnet-4-5-20250929",
    "claude-opus-4-6",
    "claude-opus-5",
    "claude-fable-5-2",
)


def text(words: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": words, **more}


def user(*blocks: dict[str, Any]) -> dict[str, Any]:
    return {"role": "user", "content": list(blocks)}


def reply(*blocks: dict[str, Any]) -> dict[str, Any]:
    return {"role": "assistant", "content": list(blocks)}


def call(call_id: str = "toolu_1", arguments: str = '{"city": "Rome"}') -> ToolCallPart:
    return ToolCallPart(call_id, "weather", arguments)


def called(call_id: str = "toolu_1", **arguments: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": call_id, "name": "weather", "input": arguments or {"city": "Rome"}}


def result(call_id: str = "toolu_1", content: str = "Sunny.", **more: Any) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": call_id, "content": content, **more}


def signature(word: str) -> OpaquePart:
    return OpaquePart("anthropic", json.dumps({"type": "thinking", "signature": word}))


def own(**block: Any) -> OpaquePart:
    return OpaquePart("anthropic", json.dumps(block))


def build(*messages: Message, model: str = OLD, base_url: str = "https://h", **fields: Any) -> WireRequest:
    request = TurnRequest(model=model, messages=messages, **fields)
    return wire_request(
        WIRE, request, Endpoint(provider="anthropic", base_url=base_url, api_key="the-key"), BLOBS
    )


def sent(*messages: Message, **fields: Any) -> dict[str, Any]:
    return json.loads(build(*messages, **fields).body)


def sent_messages(*messages: Message, **fields: Any) -> list[dict[str, Any]]:
    """Without breakpoints, which have tests of their own."""
    return sent(*messages, **{"options": {"cache_control": False}, **fields})["messages"]


def asked(model: str, **parameters: Any) -> dict[str, Any]:
    body = sent(said("user", "Hi"), model=model, parameters=Parameters(**parameters))
    return {name: value for name, value in body.items() if name not in ("model", "messages", "stream")}


def test_a_conversation() -> None:
    request = build(
        said("user", "Hi"),
        said("assistant", "Hello."),
        said("user", "Bye"),
        system="Be short.",
        model=NEW,
    )
    assert request.body == (
        b'{"model":"claude-opus-5","messages":['
        b'{"role":"user","content":[{"type":"text","text":"Hi","cache_control":{"type":"ephemeral"}}]},'
        b'{"role":"assistant","content":[{"type":"text","text":"Hello."}]},'
        b'{"role":"user","content":[{"type":"text","text":"Bye","cache_control":{"type":"ephemeral"}}]}],'
        b'"max_tokens":64000,'
        b'"system":[{"type":"text","text":"Be short.","cache_control":{"type":"ephemeral"}}],"stream":true}'
    )
    assert (request.method, request.url, request.framing) == ("POST", "https://h/v1/messages", "sse")
    assert request.headers["x-api-key"] == "the-key"
    assert request.headers["anthropic-version"] == "2023-06-01"
    assert "authorization" not in request.headers
    assert "the-key" not in repr(request)


@pytest.mark.parametrize("address", ["https://h", "https://h/", "https://h/v1", "https://h/v1/"])
def test_the_address_with_and_without_the_version(address: str) -> None:
    assert build(said("user", "Hi"), base_url=address).url == "https://h/v1/messages"


def test_who_asks() -> None:
    def headers(key: str | None, **more: str) -> dict[str, str]:
        endpoint = Endpoint(provider="anthropic", base_url="https://h", api_key=key, headers=more)
        return dict(WIRE.models_request(endpoint, Limits()).headers)

    assert headers("sk-ant-oat01-x")["authorization"] == "Bearer sk-ant-oat01-x"
    assert "x-api-key" not in headers("sk-ant-oat01-x")
    assert not {"x-api-key", "authorization"} & headers(None).keys()
    assert headers("k", **{"Anthropic-Version": "2026-10-21"})["anthropic-version"] == "2026-10-21"


def test_a_reply_that_does_not_stream() -> None:
    request = build(said("user", "Hi"), streams=False)
    assert request.framing is None
    assert "stream" not in json.loads(request.body)
    assert build(said("user", "Hi"), options={"stream": False}).framing is None


@pytest.mark.parametrize(
    ("model", "most"),
    [
        ("claude-sonnet-5-5", 64_000),
        ("claude-haiku-4-5", 64_000),
        ("claude-opus-4-1-20250805", 32_000),
        ("claude-opus-4-20250514", 32_000),
        ("claude-3-7-sonnet-latest", 64_000),
        ("claude-3-5-haiku-20241022", 8192),
        ("claude-3-opus-20240229", 4096),
        ("anthropic.claude-opus-4-6-v1", 64_000),
        ("claude-opus-4-1@20250805", 32_000),
        ("another-maker-4", 8192),
    ],
)
def test_how_long_a_reply_may_be(model: str, most: int) -> None:
    assert asked(model)["max_tokens"] == most
    assert asked(model, max_tokens=9)["max_tokens"] == 9
    assert sent(said("user", "Hi"), model=model, max_output_tokens=77)["max_tokens"] == 77


def test_sampling_goes_to_models_that_take_it() -> None:
    both = {"temperature": 0.5, "top_p": 0.9, "seed": 1}
    assert asked("claude-sonnet-4-0", **both) == {"max_tokens": 32_000, "temperature": 0.5, "top_p": 0.9}
    assert asked(OLD, **both) == {"max_tokens": 64_000, "temperature": 0.5}
    assert asked(OLD, top_p=0.9)["top_p"] == 0.9
    for model in (NEW, BOUND, "claude-opus-4-7", "claude-opus-4-8", "claude-mythos-preview", "claude-next"):
        assert asked(model, **both) == {"max_tokens": 64_000}
    # Thinking and sampling exclude each other.
    assert "temperature" not in asked(OLD, temperature=0.5, effort="low")
    assert asked(OLD, temperature=0.5, effort="none")["temperature"] == 0.5


@pytest.mark.parametrize(
    ("effort", "budget", "adaptive", "newest", "bound"),
    [
        ("none", None, None, None, "low"),
        ("minimal", 1024, "low", "low", "low"),
        ("low", 2048, "low", "low", "low"),
        ("medium", 8192, "medium", "medium", "medium"),
        ("high", 16_384, "high", "high", "high"),
        ("xhigh", 24_576, "high", "xhigh", "xhigh"),
        ("max", 32_000, "max", "max", "max"),
    ],
)
def test_effort(
    effort: str, budget: int | None, adaptive: str | None, newest: str | None, bound: str | None
) -> None:
    thinking = {"type": "enabled", "budget_tokens": budget} if budget else None
    assert asked(OLD, effort=effort).get("thinking") == thinking
    for model, level in ((BETWEEN, adaptive), (NEW, newest), (BOUND, bound)):
        fields = asked(model, effort=effort)
        if level is None:
            assert fields == {"max_tokens": 64_000, "thinking": {"type": "disabled"}}
        else:
            assert fields["thinking"] == {"type": "adaptive", "display": "summarized"}
            assert fields["output_config"] == {"effort": level}
    assert "thinking" not in asked("claude-3-5-sonnet-20241022", effort=effort)


def test_tokens_of_thinking() -> None:
    assert asked(OLD, thinking_tokens=5000)["thinking"]["budget_tokens"] == 5000
    assert asked(OLD, thinking_tokens=1)["thinking"]["budget_tokens"] == 1024
    assert "thinking" not in asked(OLD, thinking_tokens=0)
    assert asked(NEW, thinking_tokens=5000)["output_config"] == {"effort": "medium"}
    assert asked(NEW, thinking_tokens=90_000)["output_config"] == {"effort": "max"}
    assert asked(NEW, thinking_tokens=0)["thinking"] == {"type": "disabled"}


def test_thinking_is_less_than_all() -> None:
    """`max_tokens` counts thinking too, so the reply keeps its length and the sum stays within the model's."""
    fields = asked(OLD, thinking_tokens=5000, max_tokens=1000)
    assert (fields["max_tokens"], fields["thinking"]["budget_tokens"]) == (6000, 5000)
    parameters = Parameters(thinking_tokens=5000, max_tokens=1000)
    body = sent(said("user", "Hi"), parameters=parameters, max_output_tokens=4000)
    assert (body["max_tokens"], body["thinking"]["budget_tokens"]) == (4000, 3999)
    body = sent(said("user", "Hi"), parameters=parameters, max_output_tokens=1000)
    assert body["max_tokens"] == 1000
    assert "thinking" not in body


def test_other_parameters() -> None:
    schema: dict[str, Any] = {"type": "object", "properties": {}}
    fields = asked(NEW, stop=("END", " \n"), schema=schema, effort="low", web_search=True)
    assert fields["stop_sequences"] == ["END"]
    assert fields["output_config"] == {"effort": "low", "format": {"type": "json_schema", "schema": schema}}
    search = {"type": "web_search_20250305", "name": "web_search", "cache_control": MARK}
    assert fields["tools"] == [search]
    assert "tool_choice" not in fields
    assert asked(OLD, schema=schema)["output_config"]["format"]["schema"] == schema


def test_options_win_and_refused_parameters_stay_out() -> None:
    body = sent(
        said("user", "Hi"),
        parameters=Parameters(temperature=0.1, effort=None),
        options={
            "temperature": 0.7,
            "top_k": 5,
            "model": "other",
            "stream": None,
            "metadata": {"user_id": "u"},
        },
    )
    assert (body["temperature"], body["top_k"], body["model"]) == (0.7, 5, "other")
    assert "stream" not in body
    parameters = Parameters(effort="low", schema={})
    body = sent(
        said("user", "Hi"), model=NEW, parameters=parameters, refused=frozenset({"output_config.effort"})
    )
    assert body["output_config"].keys() == {"format"}


def test_tools() -> None:
    body = sent(said("user", "Hi"), tools=(WEATHER,), options={"tool_choice": {"type": "any"}})
    described = {"name": "weather", "description": "Tells the weather.", "input_schema": {"type": "object"}}
    assert body["tools"] == [{**described, "cache_control": MARK}]
    assert body["tool_choice"] == {"type": "any"}


def test_calls_without_tools_name_them() -> None:
    """A request with calls in it is refused where it describes no tools."""
    history = (
        said("user", "Hi"),
        said("assistant", call()),
        said("tool", ToolResultPart("toolu_1", "1")),
    )
    body = sent(*history, said("assistant", "Done."), said("user", "Thanks"))
    assert [tool["name"] for tool in body["tools"]] == ["weather"]
    assert body["tool_choice"] == {"type": "none"}


def _marks(value: Any) -> int:
    if isinstance(value, list):
        return sum(map(_marks, cast("list[Any]", value)))
    if isinstance(value, dict):
        fields = cast("dict[str, Any]", value)
        return ("cache_control" in fields) + sum(map(_marks, fields.values()))
    return 0


def test_breakpoints() -> None:
    turns = [said(role, "…") for _ in range(5) for role in ("user", "assistant")]
    body = sent(*turns, said("user", "Hi"), system="Be short.", tools=(WEATHER,))
    assert _marks(body) == 4
    marked = [n for n, item in enumerate(body["messages"]) if _marks(item)]
    assert marked == [8, 10]
    assert "cache_control" in body["messages"][10]["content"][-1]
    hour = {"type": "ephemeral", "ttl": "1h"}
    body = sent(said("user", "Hi"), options={"cache_control": hour})
    assert body["messages"][0]["content"][0]["cache_control"] == hour
    assert "cache_control" not in body


@pytest.mark.parametrize(
    "fields",
    [
        {"options": {"cache_control": False}},
        {"options": {"cache_control": None}},
        {"refused": frozenset({"cache_control"})},
        {"refused": frozenset({"messages.0.content.0.cache_control"})},
    ],
)
def test_no_breakpoints(fields: dict[str, Any]) -> None:
    assert not _marks(sent(said("user", "Hi"), system="Be short.", tools=(WEATHER,), **fields))


def test_each_request_begins_as_the_one_before() -> None:
    """But for the breakpoints, which move: so the prompt cache finds what it has."""
    turns = [said(role, f"{n}") for n in range(4) for role in ("user", "assistant")]
    bodies = [
        build(*turns[:length], options={"cache_control": False}).body.partition(b'],"max_tokens"')[0]
        for length in (1, 3, 5, 7)
    ]
    for before, after in pairwise(bodies):
        assert after.startswith(before)


def test_attachments() -> None:
    parts = ImagePart("image/png", "11", "a.png"), FilePart("b.pdf", "application/pdf", "33"), "Look."
    image = {"type": "base64", "media_type": "image/png", "data": "iVBORw=="}
    document = {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0xLjc="}
    assert sent_messages(said("user", *parts)) == [
        user({"type": "image", "source": image}, {"type": "document", "source": document}, text("Look."))
    ]
    (item,) = sent_messages(said("user", "See:", FilePart("n.txt", "text/plain", "22")))
    assert item == user(text("See:\n\n--- File: n.txt ---\nfirst line\n--- End of n.txt ---"))
    with pytest.raises(AttachmentError, match=r"gone\.png"):
        sent(said("user", ImagePart("image/png", "99", "gone.png")))


def test_a_tool_loop_with_signed_thinking() -> None:
    signed = said("assistant", ThinkingPart("Hm."), signature("s=="), "Let me see.", call())
    history = said("user", "Hi"), signed, said("tool", ToolResultPart("toolu_1", "Sunny."))
    assert sent_messages(*history, tools=(WEATHER,))[1:] == [
        reply({"type": "thinking", "thinking": "Hm.", "signature": "s=="}, text("Let me see."), called()),
        user(result()),
    ]
    assert "thinking" in sent(*history, tools=(WEATHER,), parameters=Parameters(effort="low"))


def test_thinking_that_cannot_go_back() -> None:
    foreign = said("assistant", ThinkingPart("Hm."), OpaquePart("openai", '{"type":"thinking"}'), call())
    history = said("user", "Hi"), foreign, said("tool", ToolResultPart("toolu_1", "Sunny."))
    assert sent_messages(*history)[1] == reply(called())
    # Thinking by a budget must be there from the beginning of a tool loop; by effort it need not.
    assert "thinking" not in sent(*history, parameters=Parameters(effort="low"))
    assert "thinking" in sent(*history, model=NEW, parameters=Parameters(effort="low"))


def test_no_claude_reads_the_signature_of_another_maker() -> None:
    other = OpaquePart("anthropic-compatible", '{"type":"thinking","signature":"s"}')
    history = (
        said("user", "Hi"),
        said("assistant", ThinkingPart("Hm."), other, "Yes."),
        said("user", "?"),
    )
    assert sent_messages(*history)[1] == reply(text("Yes."))
    thinking = {"type": "thinking", "thinking": "Hm.", "signature": "s"}
    assert sent_messages(*history, model="another-maker-4")[1] == reply(thinking, text("Yes."))


def test_opaque_blocks_go_back_in_their_places() -> None:
    use: dict[str, Any] = {
        "type": "server_tool_use",
        "id": "srvtoolu_1",
        "name": "web_search",
        "input": {"query": "x"},
    }
    found: dict[str, Any] = {
        "type": "web_search_tool_result",
        "tool_use_id": "srvtoolu_1",
        "content": [{"encrypted_content": "e"}],
    }
    hidden = {"type": "redacted_thinking", "data": "abc"}
    cited = own(
        type="text",
        blocks=[{"characters": 3, "citations": []}, {"characters": 4, "citations": [{"url": "u"}]}],
    )
    parts = (
        own(**hidden),
        signature("empty"),
        own(**use),
        own(**found),
        "So, yes.",
        cited,
        CitationsPart((Citation("u"),)),
    )
    history = said("user", "Hi"), said("assistant", *parts), said("user", "?")
    empty = {"type": "thinking", "thinking": "", "signature": "empty"}
    # The text was changed since: its citations are gone.
    assert sent_messages(*history)[1] == reply(hidden, empty, use, found, text("So, yes."))
    history = said("user", "Hi"), said("assistant", "So yes.", cited), said("user", "?")
    assert sent_messages(*history)[1] == reply(text("So "), text("yes.", citations=[{"url": "u"}]))


def test_white_space_between_citations_stays() -> None:
    spans = [{"characters": n, "citations": [{"url": str(n)}] if n == 2 else []} for n in (1, 2, 1, 2, 1)]
    history = said("user", "Hi"), said("assistant", "\nab\ncd\n", own(type="text", blocks=spans))
    blocks = sent_messages(*history, said("user", "?"))[1]["content"]
    assert "".join(block["text"] for block in blocks) == "\nab\ncd\n"
    assert all(block["text"].strip() for block in blocks)
    assert [block["citations"] for block in blocks] == [[{"url": "2"}]] * 2


def test_a_call_of_the_servers_own_tool_without_its_result() -> None:
    use: dict[str, Any] = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}}
    found: dict[str, Any] = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []}
    paused = said("user", "Hi"), said("assistant", "Let me see.", own(**use))
    # To be continued, it goes back as it is.
    assert sent_messages(*paused)[1] == reply(text("Let me see."), use)
    assert sent_messages(*paused, said("assistant", own(**found), "So."), said("user", "?"))[1] == reply(
        text("Let me see."), use, found, text("So.")
    )
    assert sent_messages(*paused, said("user", "?"))[1] == reply(text("Let me see."))


def test_roles_alternate() -> None:
    conversation = sent_messages(
        said("assistant", "I was here."),
        said("user", "A"),
        said("user", "B"),
        said("assistant", "C"),
        said("assistant", " "),
        said("assistant", "D"),
        said("user", "E"),
    )
    assert [item["role"] for item in conversation] == ["user", "assistant", "user", "assistant", "user"]
    assert conversation[2] == user(text("A"), text("B"))
    assert conversation[3] == reply(text("C"), text("D"))


def test_all_results_of_a_round_come_first_in_one_message() -> None:
    conversation = sent_messages(
        said("user", "Hi"),
        said("assistant", call("a"), call("b")),
        said("user", "Hurry."),
        said("tool", ToolResultPart("a", "1")),
        said("tool", ToolResultPart("b", "", is_error=True)),
    )
    assert conversation[2] == user(
        result("a", "1"), result("b", "The tool failed.", is_error=True), text("Hurry.")
    )


def test_a_call_without_a_result_and_a_result_without_a_call() -> None:
    conversation = sent_messages(
        said("tool", ToolResultPart("gone", "0")),
        said("user", "Hi"),
        said("assistant", call("a"), call("b")),
        said("tool", ToolResultPart("b", "1"), ToolResultPart("c", "2")),
        said("user", "So?"),
    )
    missing = result("a", "There is no result: the tool was not run.", is_error=True)
    assert conversation == [
        user(text("Hi")),
        reply(called("a"), called("b")),
        user(missing, result("b", "1"), text("So?")),
    ]
    assert sent_messages(said("user", "Hi"), said("assistant", call("a")))[2] == user(missing)


def test_ids_of_other_services() -> None:
    """Letters that are not allowed, none at all, and the same id in two rounds."""
    odd = "functions.weather:0"
    conversation = sent_messages(
        said("user", "Hi"),
        said("assistant", call(odd)),
        said("tool", ToolResultPart(odd, "1")),
        said("assistant", call(odd)),
        said("tool", ToolResultPart(odd, "2")),
        said("assistant", ToolCallPart("", "a b", "no JSON")),
        said("tool", ToolResultPart("", "3")),
    )
    calls = [block for item in conversation for block in item["content"] if block["type"] == "tool_use"]
    results = [block for item in conversation for block in item["content"] if block["type"] == "tool_result"]
    assert [block["id"] for block in calls] == [block["tool_use_id"] for block in results]
    assert len({block["id"] for block in calls}) == 3
    assert all(block["id"].replace("_", "").isalnum() for block in calls)
    assert calls[-1]["name"] == "a_b"
    assert calls[-1]["input"] == {"arguments": "no JSON"}
    assert [block["content"] for block in results] == ["1", "2", "3"]


def test_what_a_reply_must_not_end_in() -> None:
    assert sent_messages(said("user", "Hi"), said("assistant", "Well, \n"))[1] == reply(text("Well,"))
    thought = said("assistant", ThinkingPart("Hm."), signature("s"))
    assert sent_messages(said("user", "Hi"), thought, said("user", "?")) == [user(text("Hi"), text("?"))]
    # In the midst of a conversation white space stays as it is.
    history = said("user", "Hi"), said("assistant", "Well, \n"), said("user", "?")
    assert sent_messages(*history)[1] == reply(text("Well, \n"))


def test_nothing_empty_is_sent() -> None:
    body = sent(said("user", " "), said("user", "Hi"), said("assistant", "", "\n"), system=" \n")
    assert [item["content"] for item in body["messages"]] == [[text("Hi", cache_control=MARK)]]
    assert "system" not in body
    empty = said("tool", ToolResultPart("toolu_1", " "))
    block = sent_messages(said("user", "Hi"), said("assistant", call()), empty)[2]["content"][0]
    assert block == {"type": "tool_result", "tool_use_id": "toolu_1"}


def test_prefill() -> None:
    assert WIRE.takes_prefill(OLD)
    assert WIRE.takes_prefill("claude-3-5-haiku-20241022")
    assert not any(map(WIRE.takes_prefill, (BETWEEN, NEW, BOUND, "claude-opus-4-7", "claude-sonnet-5")))


_TEXT = st.text(max_size=4) | st.sampled_from([" ", "\ud800", "a\u2028"])
_IDS = st.sampled_from(["a", "b", "c.d", "", "é"])


def _signed(word: str) -> str:
    return json.dumps({"type": "thinking", "signature": word})


def _search(call_id: str) -> str:
    return json.dumps({"type": "server_tool_use", "id": call_id, "name": "web_search", "input": {}})


def _found(call_id: str) -> str:
    return json.dumps({"type": "web_search_tool_result", "tool_use_id": call_id, "content": []})


def _message(role: Role, parts: list[Part]) -> Message:
    return said(role, *parts)


_ODD = [
    '{"type":"tool_use","caller":{"type":"code_execution_20250825","tool_id":"x"}}',
    '{"type":"text","blocks":[{"characters":1},7]}',
    "[",
    "null",
    '{"type":3}',
]
_OWN = st.one_of(
    st.builds(_signed, _TEXT), st.builds(_search, _IDS), st.builds(_found, _IDS), st.sampled_from(_ODD)
)
_PARTS = st.one_of(
    st.builds(TextPart, _TEXT),
    st.builds(ThinkingPart, _TEXT),
    st.builds(RefusalPart, _TEXT),
    st.builds(ToolCallPart, _IDS, _TEXT, st.sampled_from(["", "{}", "[1]", '{"a":1e999}', "{"])),
    st.builds(ToolResultPart, _IDS, _TEXT, st.booleans()),
    st.builds(OpaquePart, st.sampled_from(["anthropic", "gemini"]), _OWN),
)
_ROLES: st.SearchStrategy[Role] = st.sampled_from(["user", "assistant", "tool"])
_MESSAGES = st.builds(_message, _ROLES, st.lists(_PARTS, max_size=5))


@given(st.lists(_MESSAGES, max_size=7))
def test_any_history_is_one_that_anthropic_takes(history: list[Message]) -> None:
    conversation = sent_messages(*history, said("user", "So?"))
    roles = [item["role"] for item in conversation]
    assert roles == [("user", "assistant")[n % 2] for n in range(len(roles))]
    assert roles[-1] == "user"
    seen: set[str] = set()
    waiting: list[str] = []
    for item in conversation:
        blocks = item["content"]
        assert blocks
        assert all(block["text"].strip() for block in blocks if block["type"] == "text")
        results = [block["tool_use_id"] for block in blocks if block["type"] == "tool_result"]
        assert results == waiting
        assert all(block["type"] == "tool_result" for block in blocks[: len(results)])
        waiting = [block["id"] for block in blocks if block["type"] == "tool_use"]
        assert not seen & set(waiting)
        seen |= set(waiting)
        if item["role"] == "assistant":
            assert blocks[-1]["type"] not in ("thinking", "redacted_thinking")
            answered = {block["tool_use_id"] for block in blocks if "tool_use_id" in block}
            assert all(block["id"] in answered for block in blocks if block["type"] == "server_tool_use")
