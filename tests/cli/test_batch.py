"""`chatterm batch` against a server: what it asks, what it writes, and with which status it ends."""

from __future__ import annotations

import asyncio
import io
import json
import os
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from chatterm.backend.remembered_models import LAST_MODEL
from chatterm.cli.app import run
from chatterm.store.database import Database
from chatterm.store.state import StateStore
from tests.doubles import server_replies as replies
from tests.doubles.server import ScriptedServer, SeenRequest

Batch = Callable[..., int]


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer.in_thread() as running:
        yield running


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the program runs."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def batch(folder: Path, server: ScriptedServer) -> Batch:
    """Runs the command over these lines; the status."""

    def run_batch(lines: list[object], *arguments: str, output: str = "out.jsonl") -> int:
        text = "".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines)
        (folder / "in.jsonl").write_text(text)
        where = ["--base-url", server.base_url("openai"), "-m", "scripted-model", "-o", output]
        return run(["batch", "in.jsonl", *where, *arguments])

    return run_batch


def written(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "out.jsonl").read_text().splitlines()]


def echo(request: SeenRequest, delay_seconds: float = 0.0) -> replies.Script:
    """The server says the prompt again."""
    words = request.json["messages"][-1]["content"]
    frames = replies.text_frames(f"re: {words}", provider="openai")
    return replies.stream(frames, delay_seconds=delay_seconds)


def prompts(count: int) -> list[object]:
    return [{"id": f"n{number}", "prompt": f"prompt {number}"} for number in range(count)]


CHAT = "/v1/chat/completions"


def test_each_line_has_its_reply_with_all_that_is_known_of_it(
    batch: Batch, folder: Path, server: ScriptedServer
) -> None:
    server.routes[CHAT] = echo
    line = {"id": "a", "prompt": "hi", "system": "be brief", "options": {"temperature": 0.5}}
    assert batch([line], "--set", "seed=7") == 0
    body = server.chats[0].json
    assert [message["content"] for message in body["messages"]] == ["be brief", "hi"]
    assert (body["temperature"], body["seed"]) == (0.5, 7)
    (found,) = written(folder)
    assert found["timings"].pop("ttft_seconds") > 0
    assert found["timings"]["total_seconds"] >= found["timings"]["first_text_seconds"] > 0
    del found["timings"]
    assert found == {
        "id": "a",
        "line": 1,
        "outcome": "complete",
        "reply": "re: hi",
        "stop_reason": "end_turn",
        "provider": "custom",
        "model": "scripted-model",
        "usage": {"input": 11, "output": 7, "cache_read": None, "cache_write": None, "reasoning": None},
        "cost_dollars": 0.0,
        "cost_is_estimate": False,
        "attempts": 1,
        "error": None,
    }


def test_a_conversation_goes_out_whole(batch: Batch, server: ScriptedServer) -> None:
    roles = ["system", "user", "assistant", "user"]
    assert batch([{"messages": [{"role": role, "content": f"from {role}"} for role in roles]}]) == 0
    messages = server.chats[0].json["messages"]
    assert [(each["role"], each["content"]) for each in messages] == [(r, f"from {r}") for r in roles]


def test_files_are_looked_for_beside_the_input(batch: Batch, folder: Path, server: ScriptedServer) -> None:
    (folder / "note.txt").write_text("what is noted")
    assert batch([{"prompt": "sum up", "files": ["note.txt"]}]) == 0
    assert b"what is noted" in server.chats[0].body


def test_so_many_at_a_time_and_no_more(batch: Batch, folder: Path, server: ScriptedServer) -> None:
    server.routes[CHAT] = lambda request: echo(request, delay_seconds=0.005)
    assert batch(prompts(12), "-j", "3") == 0
    assert {(line["id"], line["reply"]) for line in written(folder)} == {
        (f"n{number}", f"re: prompt {number}") for number in range(12)
    }
    spans = [(chat.arrived_at, chat.finished_at or 0.0) for chat in server.chats]
    at_once = [sum(begin <= other[0] < end for begin, end in spans) for other in spans]
    assert max(at_once) == 3


def test_bad_lines_are_told_before_anything_is_sent(
    batch: Batch, folder: Path, server: ScriptedServer, capfd: pytest.CaptureFixture[str]
) -> None:
    lines = ['"good"', "{", {"prompt": "x", "files": ["gone"]}]
    assert batch(lines) == 2
    told = capfd.readouterr().err
    assert "2 lines cannot be asked" in told
    assert "line 2: is no JSON" in told
    assert "line 3: there is no file 'gone'" in told
    assert "--skip-bad" in told
    assert server.chats == []
    assert not (folder / "out.jsonl").exists()
    assert batch(lines, "--skip-bad") == 0
    assert [line["id"] for line in written(folder)] == [1]


def test_what_failed_is_written_and_asked_again_by_the_same_command(
    batch: Batch, folder: Path, server: ScriptedServer, capfd: pytest.CaptureFixture[str]
) -> None:
    server.reply_status(400, {"error": {"message": "no such thing"}})
    assert batch(prompts(2), "-j", "1") == 4
    first, second = written(folder)
    assert (first["outcome"], first["error"]["kind"], first["reply"]) == ("failed", "BadRequest", "")
    assert "no such thing" in first["error"]["message"]
    assert second["outcome"] == "complete"
    assert "1 of 2 lines have their reply, 1 failed." in capfd.readouterr().err
    assert batch(prompts(2)) == 0
    assert sorted(line["id"] for line in written(folder)) == ["n0", "n1"]
    assert len(server.chats) == 3
    assert batch(prompts(2)) == 0
    assert len(server.chats) == 3


def test_a_changed_input_is_refused(
    batch: Batch, server: ScriptedServer, capfd: pytest.CaptureFixture[str]
) -> None:
    assert batch(prompts(1)) == 0
    assert batch(prompts(2)) == 5
    assert "The input is not the one that out.jsonl was begun with." in capfd.readouterr().err
    assert len(server.chats) == 1


def test_a_key_that_is_refused_ends_the_run(
    batch: Batch, folder: Path, server: ScriptedServer, capfd: pytest.CaptureFixture[str]
) -> None:
    server.routes[CHAT] = lambda _: replies.whole({"error": {"message": "bad key"}}, status=401)
    assert batch(prompts(20), "-j", "2") == 4
    assert len(server.chats) <= 2
    assert written(folder) == []
    told = capfd.readouterr().err
    assert "custom/scripted-model is not asked any more" in told
    assert "20 were not asked" in told


def test_who_asks_for_fewer_requests_is_left_in_peace(
    batch: Batch, folder: Path, server: ScriptedServer
) -> None:
    first = iter([True])

    def answer(request: SeenRequest) -> replies.Script:
        if next(first, False):
            return replies.whole({"error": "slow down"}, status=429, headers={"Retry-After": "0.4"})
        return echo(request, delay_seconds=0.01)

    server.routes[CHAT] = answer
    assert batch(prompts(5), "-j", "2") == 0
    refused = server.chats[0].arrived_at
    begun_later = [chat.arrived_at - refused for chat in server.chats[2:]]
    assert len(begun_later) == 4
    assert min(begun_later) >= 0.4
    assert sorted(line["attempts"] for line in written(folder)) == [1, 1, 1, 1, 2]


PRICED = """
[providers.priced]
adapter = "openai_chat"
base_url = "{url}"
[providers.priced.models.scripted-model]
price_input = 0.0
price_output = 100000.0
"""


def test_a_limit_of_cost_ends_the_run_and_a_higher_one_goes_on(
    folder: Path, server: ScriptedServer, capfd: pytest.CaptureFixture[str]
) -> None:
    home = Path(os.environ["CHATTERM_HOME"])
    home.mkdir(mode=0o700, exist_ok=True)
    (home / "config.toml").write_text(PRICED.format(url=server.base_url("openai")))
    (folder / "in.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in prompts(9)))
    words = ["batch", "in.jsonl", "-m", "priced/scripted-model", "-o", "out.jsonl", "-j", "2"]
    assert run([*words, "--max-cost", "2"]) == 3  # 0.7 dollars a line
    assert "No more lines are begun: ~$2.10 of the $2.00" in capfd.readouterr().err
    found = written(folder)
    assert [line["cost_dollars"] for line in found] == [pytest.approx(0.7)] * 3
    assert all(line["cost_is_estimate"] for line in found)
    assert run([*words, "--max-cost", "10"]) == 0
    assert sorted(line["line"] for line in written(folder)) == list(range(1, 10))
    assert len(server.chats) == 9


def test_the_limit_of_the_day_ends_the_run(
    folder: Path, server: ScriptedServer, capfd: pytest.CaptureFixture[str]
) -> None:
    home = Path(os.environ["CHATTERM_HOME"])
    home.mkdir(mode=0o700, exist_ok=True)
    settings = PRICED.format(url=server.base_url("openai")) + "[budget]\nday_dollars = 1.0\n"
    (home / "config.toml").write_text(settings)
    (folder / "in.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in prompts(9)))
    status = run(["batch", "in.jsonl", "-m", "priced/scripted-model", "-o", "out.jsonl", "-j", "1"])
    assert status == 3
    assert len(server.chats) == 2
    assert "for today are spent" in capfd.readouterr().err
    assert len(written(folder)) == 2


@pytest.mark.parametrize("limit", ["max-cost", "day"])
def test_a_line_is_not_asked_again_once_all_is_spent(
    folder: Path, server: ScriptedServer, capfd: pytest.CaptureFixture[str], limit: str
) -> None:
    home = Path(os.environ["CHATTERM_HOME"])
    home.mkdir(mode=0o700, exist_ok=True)
    settings = PRICED.format(url=server.base_url("openai")) + "[network]\nretry_first_seconds = 0.0\n"
    settings += "[budget]\nday_dollars = 0.5\n" if limit == "day" else ""
    (home / "config.toml").write_text(settings)
    server.reply_script(replies.stream([replies.openai_usage(11, 7)]))  # which costs, and then breaks off
    (folder / "in.jsonl").write_text('"one"\n"two"\n')
    words = ["batch", "in.jsonl", "-m", "priced/scripted-model", "-o", "out.jsonl", "-j", "1"]
    words += ["--max-cost", "0.5"] if limit == "max-cost" else []
    assert run(words) == 4  # the one that was asked failed
    assert len(server.chats) == 1
    [line] = written(folder)
    assert (line["outcome"], line["error"]["kind"]) == ("failed", "BudgetReached")
    assert "$0.70 of the $0.50" in line["error"]["message"]
    assert "$0.70 of the $0.50" in capfd.readouterr().err


def test_a_limit_of_cost_needs_prices(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (folder / "in.jsonl").write_text('"x"\n')
    status = run(["batch", "in.jsonl", "--base-url", "https://h.invalid/v1", "-m", "m", "--max-cost", "1"])
    assert status == 5
    assert "The price of custom/m is not known" in capfd.readouterr().err


def test_a_limit_of_cost_needs_no_price_of_what_is_free(
    folder: Path, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (folder / "in.jsonl").write_text('"x"\n')
    words = ["batch", "in.jsonl", "-o", "out.jsonl", "--max-cost", "1"]
    here = ["--base-url", server.base_url("openai"), "-m", "scripted-model"]
    monkeypatch.setenv("OPENAI_API_KEY", "sk-somebody-may-charge-for-it")
    assert run([*words, "--provider", "openai", *here]) == 5
    assert "is not known" in capfd.readouterr().err
    assert run([*words, *here]) == 0
    (folder / "in.jsonl").write_text('"keys"\n')
    assert run(["batch", "in.jsonl", "-o", "guide.jsonl", "--max-cost", "1", "-m", "guide/manual"]) == 0
    assert json.loads((folder / "guide.jsonl").read_text())["cost_dollars"] == 0.0


def test_to_stdout_in_order(batch: Batch, server: ScriptedServer, capfd: pytest.CaptureFixture[str]) -> None:
    waits = iter([0.03, 0.0, 0.0, 0.0])
    server.routes[CHAT] = lambda request: echo(request, delay_seconds=next(waits))
    assert batch(prompts(4), "--in-order", "-j", "4", output="-") == 0
    lines = capfd.readouterr().out.splitlines()
    assert [json.loads(line)["line"] for line in lines] == [1, 2, 3, 4]


def test_an_output_that_is_whole_is_put_in_order_too(
    batch: Batch, folder: Path, server: ScriptedServer
) -> None:
    server.routes[CHAT] = lambda request: echo(
        request, delay_seconds=0.05 * (request.json["messages"][-1]["content"] == "prompt 0")
    )
    assert batch(prompts(2), "-j", "2") == 0
    assert [line["line"] for line in written(folder)] == [2, 1]
    assert batch(prompts(2), "--in-order") == 0
    assert [line["line"] for line in written(folder)] == [1, 2]
    assert len(server.chats) == 2


def test_from_stdin(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b'"piped"\n')))
    assert run(["batch", "-", "--base-url", server.base_url("openai"), "-m", "scripted-model"]) == 0
    assert json.loads(capfd.readouterr().out)["outcome"] == "complete"


def test_conversations_are_kept_where_that_is_asked_for(batch: Batch) -> None:
    database = Path(os.environ["CHATTERM_HOME"]) / "data" / "chatterm.db"
    roles = ["user", "assistant", "user"]
    line = {"messages": [{"role": role, "content": f"from {role}"} for role in roles]}

    def kept() -> list[tuple[str, int]]:
        with closing(sqlite3.connect(database)) as connection:
            return connection.execute(
                "SELECT role, count(*) FROM message GROUP BY role ORDER BY 1"
            ).fetchall()

    assert batch([line]) == 0
    assert kept() == []
    assert batch([line], "--save", output="other.jsonl") == 0
    assert kept() == [("assistant", 2), ("user", 2)]


def test_every_request_is_recorded_as_one_of_a_batch(batch: Batch) -> None:
    assert batch(prompts(3)) == 0
    log = Path(os.environ["CHATTERM_HOME"]) / "state" / "performance.jsonl"
    records = [json.loads(line) for line in log.read_text().splitlines()]
    assert [(record["operation"], record["success"]) for record in records] == [("batch", True)] * 3


@pytest.mark.parametrize(
    "arguments",
    [
        ["--cancel"],
        ["--cheap"],
        ["--cheap", "-o", "x", "--save"],
        ["--max-cost", "0"],
        ["--max-cost", "nan"],
        ["-j", "0"],
    ],
)
def test_options_that_mean_nothing_together_are_refused(arguments: list[str]) -> None:
    assert run(["batch", "in.jsonl", *arguments]) == 2


@pytest.mark.parametrize("data", ["", "\n \n"])
def test_an_input_without_lines_is_told(folder: Path, capfd: pytest.CaptureFixture[str], data: str) -> None:
    (folder / "in.jsonl").write_text(data)
    assert run(["batch", "in.jsonl"]) == 5
    assert "in.jsonl has no lines" in capfd.readouterr().err
    assert run(["batch", "missing.jsonl"]) == 2


@pytest.mark.parametrize(
    "lines", ['"x"\n{"prompt":"y","model":"other"}\n', '{"prompt":"y","model":"other"}\n"x"\n']
)
def test_without_a_name_the_model_used_last_is_asked_where_it_was(
    folder: Path, server: ScriptedServer, lines: str
) -> None:
    file = Path(os.environ["CHATTERM_HOME"]) / "data" / "chatterm.db"

    async def remember() -> None:
        database = Database(file)
        await database.ready()
        await StateStore(database).put(LAST_MODEL, ["custom", "scripted-model", server.base_url("openai")])
        database.close(within_seconds=1.0)

    asyncio.run(remember())
    (folder / "in.jsonl").write_text(lines)
    assert run(["batch", "in.jsonl", "-o", "out.jsonl"]) == 0
    assert sorted(line["model"] for line in written(folder)) == ["other", "scripted-model"]
    assert len(server.chats) == 2
