"""A conversation in the Responses format: reasoning goes back sealed, and a refused parameter is left out."""

from __future__ import annotations

import json
from typing import Any

from tests.doubles.server import ScriptedServer
from tests.doubles.server_replies import Script, stream, whole
from tests.journeys.program import Home

REASONING = {
    "type": "reasoning",
    "id": "rs_1",
    "summary": [{"type": "summary_text", "text": "Hm."}],
    "encrypted_content": "gAAA",
}


def reply(text: str) -> Script:
    """A reply as a server streams it, with sealed reasoning before it."""
    message = {"type": "message", "content": [{"type": "output_text", "text": text}], "phase": "final_answer"}
    events: list[dict[str, Any]] = [
        {"type": "response.created", "response": {"id": "resp_1", "model": "gpt-5"}},
        {
            "type": "response.reasoning_summary_text.delta",
            "output_index": 0,
            "summary_index": 0,
            "delta": "Hm.",
        },
        {"type": "response.output_item.done", "output_index": 0, "item": REASONING},
        {"type": "response.output_text.delta", "output_index": 1, "delta": text},
        {"type": "response.output_item.done", "output_index": 1, "item": message},
        {"type": "response.completed", "response": {"status": "completed", "usage": {"output_tokens": 3}}},
    ]
    return stream(f"event: {one['type']}\ndata: {json.dumps(one)}\n\n".encode() for one in events)


def refusal(parameter: str) -> Script:
    error = {
        "message": "No.",
        "type": "invalid_request_error",
        "code": "unsupported_value",
        "param": parameter,
    }
    return whole({"error": error}, status=400)


def test_two_turns_in_the_responses_format(home: Home, server: ScriptedServer) -> None:
    address = server.base_url("openai")
    home.write_settings(
        f'[providers.mine]\nadapter = "openai_responses"\nbase_url = "{address}"\nmodel = "gpt-5"\n'
    )
    answers = iter([refusal("reasoning.summary"), reply("Four."), reply("Five.")])
    server.routes["/v1/responses"] = lambda _: next(answers)
    status, told, said = home.run("ask", "--provider", "mine", "2 + 2?")
    assert (status, told) == (0, "Four.\n"), said
    assert home.run("ask", "-c", "--provider", "mine", "And 1?")[:2] == (0, "Five.\n")
    refused, first, second = (seen.json for seen in server.requests if seen.path == "/v1/responses")
    assert refused["reasoning"] == {"summary": "auto"}
    assert "reasoning" not in first
    assert second["input"] == [
        {"role": "user", "content": "2 + 2?"},
        {name: value for name, value in REASONING.items() if name != "id"},
        {
            "type": "message",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "Four."}],
            "phase": "final_answer",
        },
        {"role": "user", "content": "And 1?"},
    ]
    assert [turn.text for turn in home.stored()] == ["Four.", "Five."]
