"""The scripted server itself: other tests lean on what it answers and on what it says it saw."""

from __future__ import annotations

import asyncio
import json
import time

import pytest

from chatterm.backend.net.client import HttpClients
from chatterm.config.model import NetworkSettings
from tests.doubles.server import ScriptedServer
from tests.doubles.server_replies import Provider
from tests.net.asking import Answer, ask, ask_body, wire

PATHS: dict[Provider, str] = {"openai": "/chat/completions", "ollama": "/api/chat"}


def chat(server: ScriptedServer, provider: Provider, **limits: float):
    framing = "sse" if provider == "openai" else "ndjson"
    return wire(server.base_url(provider), path=PATHS[provider], framing=framing, provider=provider, **limits)


def text_of(answer: Answer, provider: Provider, name: str) -> str:
    values = [json.loads(data) for data in answer.data if data != b"[DONE]"]
    if provider == "ollama":
        return "".join(value["message"].get(name, "") for value in values)
    return "".join(value["choices"][0]["delta"].get(name, "") for value in values if value["choices"])


@pytest.mark.parametrize(
    ("provider", "text", "thinking"),
    [("openai", "content", "reasoning_content"), ("ollama", "content", "thinking")],
)
async def test_a_reply_in_each_wire_format(
    server: ScriptedServer, clients: HttpClients, provider: Provider, text: str, thinking: str
) -> None:
    server.reply_text("Two  words\nand é 😀", provider=provider, thinking=["hm", " ..."], usage=(3, 4))
    answer = await ask(clients, chat(server, provider))
    assert text_of(answer, provider, text) == "Two  words\nand é 😀"
    assert text_of(answer, provider, thinking) == "hm ..."
    last = json.loads(answer.data[-1 if provider == "ollama" else -2])
    if provider == "ollama":
        assert last["done"] and (last["prompt_eval_count"], last["eval_count"]) == (3, 4)
        assert last["total_duration"] == sum(
            last[f"{part}_duration"] for part in ("load", "prompt_eval", "eval")
        )
    else:
        assert last["choices"] == [] and last["usage"]["total_tokens"] == 7
        assert answer.data[-1] == b"[DONE]"


@pytest.mark.parametrize(
    ("provider", "path", "key"),
    [
        ("openai", "/models", "data"),
        ("ollama", "/api/tags", "models"),
        ("ollama", "/api/ps", "models"),
        ("ollama", "/api/show", "model_info"),
        ("ollama", "/api/version", "version"),
        ("ollama", "/nowhere", "error"),
    ],
)
async def test_what_it_answers_by_itself(
    server: ScriptedServer, clients: HttpClients, provider: Provider, path: str, key: str
) -> None:
    body = json.loads(await ask_body(clients, wire(server.base_url(provider), path=path, framing=None)))
    assert body[key]


async def test_replies_are_taken_in_turn_and_paced(server: ScriptedServer, clients: HttpClients) -> None:
    server.reply_text(["a", "b", "c"], delay_seconds=0.02, usage=None)
    server.reply_status(500, {"error": "broken"})
    answer = await ask(clients, chat(server, "openai"))
    assert answer.frames[-1].at - answer.frames[0].at > 0.05
    assert json.loads(await ask_body(clients, chat(server, "openai"))) == {"error": "broken"}
    assert (await ask(clients, chat(server, "openai"))).error is None
    sent = server.requests[0].sent_at
    assert len(sent) == 1 + len(answer.frames) + 1 and sent == sorted(sent)
    assert len(server.chats) == 3 and server.chats[0].json["messages"]


async def test_many_small_deltas_are_cheap(server: ScriptedServer, clients: HttpClients) -> None:
    server.reply_text(["x "] * 8000, provider="ollama")
    start = time.process_time()
    answer = await ask(clients, chat(server, "ollama"))
    assert answer.error is None and len(answer.frames) == 8001
    assert time.process_time() - start < 4.0  # server and client together; 0.4 s on an idle machine


def test_on_a_thread_beside_the_test() -> None:
    with ScriptedServer.in_thread(models=("one", "two")) as server:
        server.reply_text("one two three", gates={2: "go"})

        async def run() -> tuple[Answer, bytes]:
            clients = HttpClients(NetworkSettings())
            asking = asyncio.ensure_future(ask(clients, chat(server, "openai")))
            await asyncio.to_thread(server.wait_until, lambda: server.chats)
            assert not asking.done()
            server.release("go")
            answer = await asking
            models = await ask_body(clients, wire(server.base_url("openai"), path="/models", framing=None))
            await clients.aclose()
            return answer, models

        answer, models = asyncio.run(run())
        assert text_of(answer, "openai", "content") == "one two three"
        assert [model["id"] for model in json.loads(models)["data"]] == ["one", "two"]
        server.wait_until(lambda: server.connections[0].closed_at)
        with pytest.raises(TimeoutError):
            server.wait_until(lambda: len(server.requests) > 2, seconds=0.01)
