"""`chatterm bench` as people and CI use it."""

from __future__ import annotations

import json
from pathlib import Path

from tests.doubles.server import ScriptedServer
from tests.doubles.terminal import CTRL_C
from tests.journeys.program import Ended, Home


def bench(home: Home, server: ScriptedServer, *words: str, **variables: str) -> Ended:
    at = ("--base-url", server.base_url("openai"), "-m", "scripted-model")
    return home.run("bench", *at, "-c", "2", "--warmup", "0", *words, **variables)


def test_the_result_is_a_table_a_file_and_a_status(
    home: Home, server: ScriptedServer, tmp_path: Path
) -> None:
    old = tmp_path / "old.json"
    goals = ("--target", "ttft_p95=60", "--target", "errors=0")
    status, output, errors = bench(home, server, "-n", "3", "--out", str(old), *goals)
    assert (status, errors) == (0, "")
    assert "custom/scripted-model at 127.0.0.1" in output
    assert "3 requests, 2 at a time" in output and "3 complete" in output
    assert "target ttft_p95 <= 60.0 s: met" in output
    assert "\x1b" not in output

    saved = json.loads(old.read_text())
    assert saved["targets"][0]["ttft"]["count"] == 3
    assert [goal["is_met"] for goal in saved["goals"]] == [True, True]

    again = ("--also", "other", "--against", str(old), "--target", "ttft_p50=0.000001")
    status, output, errors = bench(home, server, "-n", "2", *again)
    assert status == 1
    assert "missed" in output
    assert "times custom/scripted-model\n  custom/other\n" in output
    assert "times old.json of 20" in output
    assert "The result is saved as" in errors
    assert len(list((home.path / "state" / "bench").iterdir())) == 1
    assert home.stored() == []
    assert len({chat.json["messages"][-1]["content"] for chat in server.chats}) == 3


def test_ctrl_c_gives_what_there_is(home: Home, server: ScriptedServer) -> None:
    server.reply_text("one two")
    server.reply_text("one two")
    server.reply_text("one two three", gates={2: "never"})
    at = ("--base-url", server.base_url("openai"), "-m", "scripted-model")
    with home.start("bench", *at, "-c", "1", "-n", "5", "--warmup", "1") as terminal:
        terminal.wait_for("1 complete · 1 running")
        assert "Ctrl+C stops" in terminal.text
        terminal.send(CTRL_C)
        assert terminal.wait_exit() == 130
        assert "2 requests, 1 at a time" in terminal.text
        assert "1 complete, 1 stopped" in terminal.text
        assert "Stopped early" in terminal.text
        assert "Ctrl+C stops" not in terminal.text
    assert len(server.chats) == 3


def test_nothing_is_kept_of_a_run_that_asked_nothing(home: Home, server: ScriptedServer) -> None:
    at = ("--base-url", server.base_url("openai"), "-m", "scripted-model")
    server.reply_text("one two", gates={0: "never"})
    with home.start("bench", *at, "-c", "1", "-n", "5", "--warmup", "1") as terminal:
        server.wait_until(lambda: server.chats)
        terminal.send(CTRL_C)
        assert terminal.wait_exit() == 130
        assert "The result is saved" not in terminal.text
    assert not (home.path / "state" / "bench").exists()


def test_a_provider_that_answers_nothing_is_told_with_its_status(home: Home, server: ScriptedServer) -> None:
    for _ in range(2):
        server.reply_status(401, {"error": {"message": "no such key"}})
    status, output, errors = bench(home, server, "-n", "2", "--no-save")
    assert status == 4
    assert "failed (authentication failed" in output
    assert "401" in errors or "key" in errors
    assert not (home.path / "state" / "bench").exists()


def test_a_run_without_a_measured_reply_is_incomplete(home: Home, server: ScriptedServer) -> None:
    at = server.base_url("openai")
    home.write_settings(f'[providers.mine]\nbase_url = "{at}"\napi_key_env = "MINE_KEY"\n')
    words = ("-m", "mine/scripted-model", "-n", "3", "--max-cost", "1", "--no-save")
    status, output, _ = home.run("bench", *words, MINE_KEY="key")
    assert status == 3
    assert "ended early: nobody tells what it costs" in output
    assert len(server.chats) == 1
