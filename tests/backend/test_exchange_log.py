"""What was sent and what came back: kept within a bound, shown whole but for keys, and copied for a shell."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
from dataclasses import replace

import pytest

from chatterm.backend.exchanges import Exchanges
from chatterm.backend.providers import registry
from chatterm.backend.providers.base import Endpoint
from chatterm.backend.wire_log.curl_command import curl_command
from chatterm.backend.wire_log.exchange_lines import Bytes, FrameLine, RequestLine
from chatterm.backend.wire_log.exchange_log import ExchangeLog
from chatterm.backend.wire_log.raw_page import MOST_FRAMES, raw_page
from chatterm.core.clean import is_clean
from chatterm.core.errors import ChattermError, ConnectionFailedError
from tests.doubles.server import ScriptedServer
from tests.doubles.wire import HEADER, KEY, SECRETS, Reply, Wire, ask, session_over, target_of

CHAT = registry.adapter("openai_chat")
SSE = [
    b'data: {"choices":[{"delta":{"content":"one"}}]}\n\n',
    b'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n',
]


def line(number: int, body: str = "", **changes: object) -> RequestLine:
    made = RequestLine(
        exchange=number,
        at="",
        provider="p",
        model="m",
        adapter="a",
        base_url="",
        method="POST",
        url="https://wire.example/v1",
        headers={},
        body=Bytes(text=body),
    )
    return RequestLine(**{name: getattr(made, name) for name in made.__struct_fields__} | changes)


def test_the_oldest_goes_first_and_the_bound_holds() -> None:
    log = ExchangeLog(most_bytes=3_000)
    for number in range(10):
        log.take(line(number, "x" * 700), f"turn {number}")
        assert log.size_bytes <= 3_000
    assert [number for number in range(10) if log.of_turn(f"turn {number}")] == [7, 8, 9]


def test_of_one_that_is_too_large_later_frames_are_left_out_and_counted() -> None:
    log = ExchangeLog(most_bytes=3_000)
    log.take(line(1), "turn")
    for number in range(20):
        log.take(FrameLine(exchange=1, seconds=number, data=Bytes(text="x" * 300)), "turn")
    (kept,) = log.of_turn("turn")
    assert (len(kept.frames), kept.left_out) == (5, 15)
    assert "15 more were too many to keep" in raw_page([kept])


async def test_the_page_has_everything_but_keys() -> None:
    exchanges = Exchanges()
    told = f'data: {{"choices":[{{"delta":{{"content":"{KEY} ``` {HEADER}"}}}}]}}\n\n'.encode()
    reply = Reply([told, *SSE], headers={"x-request-id": "req_1", "set-cookie": "session=secret"})
    session = await session_over(target_of(Wire(reply), CHAT), exchanges)
    turn = await ask(session, "what is \x1b[31m `this`?")
    page = raw_page(exchanges.log.of_turn(turn.id))
    for words in ("POST https://wire.example/v1/chat/completions", "Bearer [key]", '"model": "test-model"'):
        assert words in page
    assert "x-request-id: req_1" in page and "finish_reason" in page and "came to its end" in page
    assert re.search(r"^ +\d+\.\d{3}  \{\"choices\"", page, re.MULTILINE)
    assert not [secret for secret in (*SECRETS, "session=secret") if secret in page]
    assert is_clean(page)


async def test_every_try_of_a_turn_is_on_the_page() -> None:
    exchanges = Exchanges()
    lost = ConnectionFailedError(f"lost {KEY}", retryable=True)
    wire = Wire(Reply([], error=lost), Reply(SSE))
    target = target_of(wire, CHAT)
    target = replace(target, retries=replace(target.retries, retries=1, first_seconds=0.0))
    turn = await ask(await session_over(target, exchanges))
    page = raw_page(exchanges.log.of_turn(turn.id))
    assert "Request 1 of 2" in page and "Request 2 of 2" in page
    assert "The request failed" in page and KEY not in page


def test_many_frames_are_shown_from_both_ends() -> None:
    log = ExchangeLog()
    log.take(line(1), "turn")
    for number in range(MOST_FRAMES + 50):
        log.take(FrameLine(exchange=1, seconds=number, data=Bytes(text=f"frame-{number}.")), "turn")
    page = raw_page(log.of_turn("turn"))
    assert "frame-0." in page and f"frame-{MOST_FRAMES + 49}." in page and "… 50 more" in page


# ---- curl ------------------------------------------------------------------------------------

AWKWARD = [
    'it\'s "quoted" $HOME `id` \\ $(id) !x',
    "line\nbreak\ttab",
    "'; echo gone; '",
    "grüße \u202e \x9b 日本 😀",
    "@file",
    "-d x",
    "BODY\nBODY",
]


@pytest.fixture(scope="module")
def server():
    with ScriptedServer.in_thread(models=("scripted-model",)) as running:
        yield running


def _in_shell(command: str, environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["sh"], input=command, env=environ, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("text", [*AWKWARD, "x" * 300_000 + "'"], ids=lambda text: text[:12])
async def test_the_command_sends_the_same_request(text: str, server: ScriptedServer) -> None:
    exchanges, wire = Exchanges(), Wire(Reply(SSE))
    endpoint = Endpoint(
        provider="wire",
        base_url=server.base_url("openai"),
        api_key=KEY,
        headers={"X-Gateway": HEADER, "X-Title": "it's $shown"},
    )

    async def find() -> Endpoint:
        return endpoint

    target = replace(target_of(wire, CHAT), endpoint=find)
    turn = await ask(await session_over(target, exchanges), text)
    command = curl_command(exchanges.log.of_turn(turn.id)[0].request)
    assert not [secret for secret in SECRETS if secret in command]
    assert is_clean(command)
    count = len(server.chats)
    server.reply_text("answered")
    environ = {"PATH": os.environ["PATH"], "WIRE_API_KEY": KEY, "HEADER_X_GATEWAY": HEADER}
    done = await asyncio.to_thread(_in_shell, command, environ)
    assert (done.returncode, done.stderr) == (0, "")
    assert "answered" in done.stdout
    sent, made = server.chats[count], wire.requests[0]
    assert sent.json == json.loads(made.body)
    assert {name.lower(): value for name, value in sent.headers.items()}.items() >= {
        **{name.lower(): value for name, value in made.headers.items() if name.lower() != "content-length"}
    }.items()


def test_a_request_without_a_body_has_none() -> None:
    command = curl_command(line(1, method="GET"))
    assert command == "curl -sS -N -X GET https://wire.example/v1"


def test_a_request_that_never_leaves_the_program_is_no_command() -> None:
    with pytest.raises(ChattermError, match="m answers inside chatterm"):
        curl_command(line(1, url="/answer"))
