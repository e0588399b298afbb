"""`chatterm batch --cheap` against doubles of the providers' batch interfaces."""

from __future__ import annotations

import json
import os
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from chatterm.backend.batch import remote, submit
from chatterm.backend.batch.journal import Journal
from chatterm.backend.target import Target, read_whole
from chatterm.cli.app import run
from tests.doubles.batch_server import BatchServer, anthropic_result, openai_result

SETTINGS = """
[providers.{provider}]
base_url = "{url}"
[providers.{provider}.models.scripted-model]
price_input = 1000.0
price_output = 2000.0
"""
PROVIDERS = ("openai", "anthropic")
LINES = [{"id": f"n{number}", "prompt": f"prompt {number}"} for number in range(3)]


@pytest.fixture
def server() -> Iterator[BatchServer]:
    with BatchServer.in_thread() as running:
        yield running


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is waited for longer than a moment."""
    monkeypatch.setattr(remote, "FIRST_POLL_SECONDS", 0.001)
    monkeypatch.setattr(remote, "LONGEST_POLL_SECONDS", 0.001)
    monkeypatch.setattr(submit, "RETRY_SECONDS", 0.001)
    monkeypatch.setattr(submit, "LIST_SECONDS", 0.001)


Cheap = Callable[..., int]


@pytest.fixture
def cheap(tmp_path: Path, server: BatchServer, monkeypatch: pytest.MonkeyPatch) -> Cheap:
    """Runs the command for a provider; the status."""
    monkeypatch.chdir(tmp_path)
    home = Path(os.environ["CHATTERM_HOME"])
    home.mkdir(mode=0o700)
    addresses = {"openai": f"{server.url}/v1", "anthropic": server.url}
    settings = [SETTINGS.format(provider=name, url=url) for name, url in addresses.items()]
    (home / "config.toml").write_text("".join(settings))
    (tmp_path / "in.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in LINES))

    def run_cheap(provider: str, *arguments: str, output: str = "out.jsonl") -> int:
        model = f"{provider}/scripted-model"
        return run(["batch", "in.jsonl", "-m", model, "-o", output, "--cheap", *arguments])

    return run_cheap


def written(name: str = "out.jsonl") -> dict[str, dict[str, Any]]:
    """The lines of the output by their ids, each of which is there once."""
    lines = [json.loads(line) for line in Path(name).read_text().splitlines()]
    assert len({line["id"] for line in lines}) == len(lines)
    return {line["id"]: line for line in lines}


@pytest.mark.parametrize("provider", PROVIDERS)
def test_lines_are_given_in_once_and_come_back_by_their_ids(
    cheap: Cheap, server: BatchServer, provider: str
) -> None:
    assert cheap(provider, "--set", "temperature=0.5", "--system", "be brief") == 0
    (given,) = server.batches
    assert len(given.requests) == 3
    for body in given.requests.values():
        assert body["model"] == "scripted-model"
        assert body["temperature"] == 0.5
        assert not body.get("stream")
        assert "be brief" in json.dumps(body)
    found = written()
    assert {key: line["reply"] for key, line in found.items()} == {
        f"n{number}": f"re: prompt {number}" for number in range(3)
    }
    line = found["n0"]
    assert (line["outcome"], line["stop_reason"], line["provider"]) == ("complete", "end_turn", provider)
    assert (line["usage"]["input"], line["usage"]["output"]) == (11, 7)
    assert line["cost_dollars"] == pytest.approx((11 * 1000 + 7 * 2000) / 1_000_000 / 2)
    assert line["cost_is_estimate"]
    assert line["timings"] == {"ttft_seconds": None, "first_text_seconds": None, "total_seconds": None}
    assert cheap(provider) == 0
    assert len(server.batches) == 1
    assert server.chats == []


def test_a_limit_on_a_conversation_is_not_one_on_all_batches(cheap: Cheap, server: BatchServer) -> None:
    with (Path(os.environ["CHATTERM_HOME"]) / "config.toml").open("a") as settings:
        settings.write("[budget]\nconversation_dollars = 0.001\n")
    assert [cheap("openai", output=f"out{number}.jsonl") for number in range(2)] == [0, 0]
    assert len(server.batches) == 2


@pytest.mark.parametrize("provider", PROVIDERS)
def test_every_line_is_recorded(cheap: Cheap, provider: str) -> None:
    assert cheap(provider) == 0
    log = Path(os.environ["CHATTERM_HOME"]) / "state" / "performance.jsonl"
    records = [json.loads(line) for line in log.read_text().splitlines()]
    assert [record["operation"] for record in records] == ["batch"] * 3
    assert {record.get("latency_seconds") for record in records} == {None}


FAILURES: dict[str, dict[str, Any]] = {
    "openai": {
        "response": {"status_code": 400, "body": {"error": {"message": "too rude", "code": "bad"}}},
        "error": None,
    },
    "anthropic": {
        "type": "errored",
        "error": {"type": "error", "error": {"type": "invalid_request_error", "message": "too rude"}},
    },
}


@pytest.mark.parametrize("provider", PROVIDERS)
def test_what_fails_fails_alone_and_is_given_in_again(
    cheap: Cheap, server: BatchServer, provider: str
) -> None:
    usual = {"openai": openai_result, "anthropic": anthropic_result}[provider]
    server.result = lambda body: FAILURES[provider] if "prompt 1" in json.dumps(body) else usual(body)
    assert cheap(provider) == 4
    found = written()
    assert [found[f"n{number}"]["outcome"] for number in range(3)] == ["complete", "failed", "complete"]
    assert found["n1"]["error"]["kind"] == "BadRequest"
    assert "too rude" in found["n1"]["error"]["message"]
    server.result = None
    assert cheap(provider) == 0
    assert [len(given.requests) for given in server.batches] == [3, 1]
    assert {line["outcome"] for line in written().values()} == {"complete"}


@pytest.mark.parametrize("provider", PROVIDERS)
def test_what_expired_and_what_is_missing_is_told_of(
    cheap: Cheap, server: BatchServer, provider: str
) -> None:
    server.is_expired = True
    server.tells_of = lambda custom_id: not custom_id.endswith("-2")
    assert cheap(provider) == 4
    found = written()
    assert [found[f"n{number}"]["error"]["kind"] for number in range(3)] == [
        "RequestTimeout",
        "Protocol",
        "RequestTimeout",
    ]
    server.is_expired, server.tells_of = False, lambda custom_id: True
    assert cheap(provider) == 0
    assert [len(given.requests) for given in server.batches] == [3, 3]


def test_a_batch_that_is_not_taken_is_told_with_the_reason(cheap: Cheap, server: BatchServer) -> None:
    server.failure = "the model does not do batches"
    assert cheap("openai") == 4
    assert {line["error"]["message"].rpartition(": ")[2] for line in written().values()} == {
        "the model does not do batches."
    }


@pytest.mark.parametrize("provider", PROVIDERS)
def test_cancelled_lines_are_asked_again_later(
    cheap: Cheap, server: BatchServer, monkeypatch: pytest.MonkeyPatch, provider: str
) -> None:
    server.looks_needed = 10**9
    with monkeypatch.context() as patch:
        patch.setattr(remote.RemoteRun, "_look", killed)
        with pytest.raises(Killed):
            cheap(provider)
    words = ["batch", "in.jsonl", "-m", f"{provider}/scripted-model", "-o", "out.jsonl"]
    assert run(words) == 5  # they would be paid for twice
    assert cheap(provider, "--cancel") == 4
    assert [given.is_cancelled for given in server.batches] == [True]
    assert {line["outcome"] for line in written().values()} == {"cancelled"}
    server.looks_needed = 0
    assert cheap(provider) == 0
    assert [len(given.requests) for given in server.batches] == [3, 3]


def test_who_has_no_batches_is_told_before_anything_is_sent(
    cheap: Cheap, server: BatchServer, capfd: pytest.CaptureFixture[str]
) -> None:
    assert cheap("ollama") == 5
    assert "ollama has no batch interface" in capfd.readouterr().err
    assert server.requests == []


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_lost_answer_does_not_make_two_batches(cheap: Cheap, server: BatchServer, provider: str) -> None:
    server.loses_answers = 1
    assert cheap(provider) == 0
    assert server.loses_answers == 0
    assert len(server.batches) == 1
    assert {line["outcome"] for line in written().values()} == {"complete"}


class Killed(BaseException):
    """Stands for the end of the process: nothing catches it."""


async def killed(*_: object) -> None:
    raise Killed


class Killer:
    """Ends the program before the n-th step, a request or an entry of the journal: so after the one before, too."""

    def __init__(self, at: int) -> None:
        self.at, self.steps = at, 0

    def step(self) -> None:
        self.steps += 1
        if self.steps == self.at:
            raise Killed


@pytest.mark.parametrize("provider", PROVIDERS)
def test_ended_at_any_step_nothing_is_given_in_twice(
    cheap: Cheap, server: BatchServer, monkeypatch: pytest.MonkeyPatch, provider: str
) -> None:
    note: Callable[..., Awaitable[None]] = Journal.note
    killer = Killer(0)

    async def ending_read(target: Target, request: Any) -> bytes:
        killer.step()
        return await read_whole(target, request)

    async def ending_note(*arguments: Any, **changes: Any) -> None:
        killer.step()
        await note(*arguments, **changes)

    monkeypatch.setattr(submit, "read_whole", ending_read)
    monkeypatch.setattr(Journal, "note", ending_note)
    for at in range(1, 100):
        killer.at, killer.steps = at, 0
        before, output = len(server.batches), f"out{at}.jsonl"
        try:
            status = cheap(provider, output=output)
        except Killed:
            killer.at = 0
            assert cheap(provider, output=output) == 0
        else:
            assert status == 0
            break
        assert len(server.batches) == before + 1
        assert {line["outcome"] for line in written(output).values()} == {"complete"}
        assert len(written(output)) == 3
    else:
        pytest.fail("it never came to its end")
    assert at > 5
