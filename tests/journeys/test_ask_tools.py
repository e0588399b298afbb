"""`chatterm ask` with tools: what is asked on a terminal, what is denied in a pipe, and its forms of output."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.doubles.server import ScriptedServer
from tests.doubles.terminal import CTRL_C
from tests.doubles.tool_replies import SPEAKERS, Call, Reply
from tests.journeys.program import Home, asking

CHAT = SPEAKERS["openai_chat"]
SAID, ANSWER = "Let me look.", "That is it."


@pytest.fixture
def work(home: Home, tmp_path: Path) -> Path:
    """The folder that tools work in, with a file for them."""
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "notes.txt").write_text("what the notes say")
    home.write_settings(f'[tools]\nenabled = ["read_file", "calculator"]\nroot = "{folder}"\n')
    return folder


def call_tools(server: ScriptedServer, gate: str = "") -> None:
    """Answer with two calls, one of which needs consent, and then with text."""
    calls = (
        Call("c1", "read_file", '{"path": "notes.txt"}'),
        Call("c2", "calculator", '{"expression": "6*7"}'),
    )
    server.reply_script(CHAT.script(Reply(SAID, calls)))
    server.reply_text(ANSWER, gates={0: gate} if gate else None)


def results(server: ScriptedServer) -> str:
    """What the model was told."""
    return str([each["content"] for each in server.chats[-1].json["messages"] if each["role"] == "tool"])


@pytest.mark.parametrize(("answer", "is_read"), [(b"y\r", True), (b"\r", False)])
def test_a_terminal_is_asked_and_what_was_typed_before_is_no_answer(
    home: Home, server: ScriptedServer, work: Path, answer: bytes, is_read: bool
) -> None:
    call_tools(server)
    with home.start(*asking(server, "question")) as terminal:
        terminal.send(b"y\ry\ry")  # before there is a question
        terminal.wait_for("read_file (built-in) wants to read")
        terminal.wait_for("Allow it?")
        assert f"{work}/notes.txt" in terminal.text.replace("\n  | ", "")  # a long path goes over the line
        terminal.send(answer)
        assert terminal.wait_exit() == 0
        assert f"read_file notes.txt: {'ok' if is_read else 'not allowed'}" in terminal.text
        assert ANSWER in terminal.text
        assert terminal.left_on == []
    assert ("what the notes say" in results(server)) is is_read


def test_always_is_kept_and_holds_in_a_pipe(home: Home, server: ScriptedServer, work: Path) -> None:
    call_tools(server)
    with home.start(*asking(server, "question")) as terminal:
        terminal.wait_for("Allow it?")
        terminal.send(b"a\r")
        assert terminal.wait_exit() == 0
    call_tools(server)
    status, output, errors = home.run(*asking(server, "question"))
    assert (status, output) == (0, f"{SAID}\n\n{ANSWER}\n")
    assert "read_file notes.txt: ok, " in errors and "calculator 6*7: ok, " in errors
    assert "what the notes say" in results(server)


def test_ctrl_c_at_the_question_stops_the_reply(home: Home, server: ScriptedServer, work: Path) -> None:
    call_tools(server)
    with home.start(*asking(server, "question")) as terminal:
        terminal.wait_for("Allow it?")
        terminal.send(CTRL_C)
        assert terminal.wait_exit() == 130
        assert terminal.left_on == []
    assert [(turn.text, turn.state) for turn in home.stored()] == [(SAID, "cancelled")]
    assert len(server.chats) == 1


def test_in_a_pipe_what_needs_consent_is_denied_and_it_is_told_how_to_allow_it(
    home: Home, server: ScriptedServer, work: Path
) -> None:
    call_tools(server)
    status, output, errors = home.run(*asking(server, "question"))
    assert (status, output) == (0, f"{SAID}\n\n{ANSWER}\n")
    assert (
        f"may not read {work}/notes.txt: nobody can be asked here. To allow it, answer a (always)" in errors
    )
    assert "calculator 6*7: ok, " in errors
    assert "what the notes say" not in results(server)


def test_one_object_of_json_or_a_line_for_each_event(home: Home, server: ScriptedServer, work: Path) -> None:
    call_tools(server)
    status, output, _ = home.run(*asking(server, "--output", "json", "question"))
    report = json.loads(output)
    assert (status, output.count("\n"), report["outcome"]) == (0, 1, "complete")
    assert report["text"] == f"{SAID}\n\n{ANSWER}"
    assert [(run["name"], run["outcome"]) for run in report["tool_runs"]] == [
        ("read_file", "denied"),
        ("calculator", "ok"),
    ]
    call_tools(server)
    status, output, _ = home.run(*asking(server, "--output", "jsonl", "question"))
    events = [json.loads(line) for line in output.splitlines()]
    names = [event["event"] for event in events]
    assert (status, names[0], names[-1]) == (0, "turn_started", "turn_finished")
    assert {"text_delta", "tool_requested", "consent_asked", "tool_started", "tool_finished"} <= set(names)
    assert events[-1]["turn"]["text"] == report["text"]


def test_a_failed_request_is_an_object_too(home: Home, server: ScriptedServer) -> None:
    server.reply_status(404, {"error": {"message": "no such model", "type": "invalid_request_error"}})
    status, output, errors = home.run(*asking(server, "--output", "json", "question"))
    report = json.loads(output)
    assert (status, report["outcome"], report["text"]) == (4, "failed", "")
    assert report["error"]["status"] == 404
    assert "no such model" in report["error"]["message"] and "no such model" in errors


def test_only_the_code(home: Home, server: ScriptedServer) -> None:
    server.reply_text("Do this:\n```sh\nls -l\n```\nand be happy.")
    assert home.run(*asking(server, "-x", "question")) == (0, "ls -l\n", "")
    server.reply_text("There is nothing to do.")
    status, output, errors = home.run(*asking(server, "-x", "question"))
    assert (status, output) == (3, "")
    assert "no code block" in errors


def test_no_tool_is_offered_where_none_is_wanted(home: Home, server: ScriptedServer, work: Path) -> None:
    assert home.run(*asking(server, "--no-tools", "question"))[0] == 0
    assert "tools" not in server.chats[-1].json
    assert home.run(*asking(server, "question"))[0] == 0
    assert len(server.chats[-1].json["tools"]) == 2


def test_a_call_that_nobody_runs_is_no_answer(home: Home, server: ScriptedServer, work: Path) -> None:
    server.reply_script(CHAT.script(Reply(SAID, (Call("c1", "read_file", '{"path": "notes.txt"}'),))))
    status, output, errors = home.run(*asking(server, "--no-tools", "question"))
    assert (status, output.strip()) == (3, SAID)
    assert "the model called read_file" in errors


PRICES = """[budget]
conversation_dollars = 1.0
[providers.mine]
base_url = "{url}"
[providers.mine.models.scripted-model]
price_input = 0.0
price_output = 100000.0
"""


def test_a_limit_on_spending_ends_the_rounds_of_a_question(
    home: Home, server: ScriptedServer, tmp_path: Path
) -> None:
    prices = PRICES.format(url=server.base_url("openai"))
    home.write_settings(f'[tools]\nenabled = ["calculator"]\n{prices}')
    for number in range(3):  # 7 tokens out, $0.70
        call = Call(f"c{number}", "calculator", '{"expression": "6*7"}')
        server.reply_script(CHAT.script(Reply(SAID, (call,))))
    ended = home.run("ask", "-m", "mine/scripted-model", "question")
    assert len(server.chats) == 2
    assert (ended.status, ended.output.count(SAID)) == (3, 2)
    assert "The budget is used up: ~$1.40 of the $1.00 for this conversation are spent." in ended.errors
    assert [row.state for row in home.stored()] == ["interrupted"]
