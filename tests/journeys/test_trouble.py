"""Bad settings, bad servers, bad terminals: one clear line that names the thing and the next step."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import closing

import pytest

from tests.doubles.server import ScriptedServer
from tests.doubles.terminal import CTRL_Q, ENTER, UP, Terminal
from tests.journeys.program import Home


def joined(terminal: Terminal) -> str:
    """The rows of the conversation as one line, so that wrapping does not matter."""
    return " ".join(" ".join(line.split("▏")[0].strip(" ▌") for line in terminal.lines).split())


def leave(terminal: Terminal) -> None:
    terminal.send(CTRL_Q)
    assert terminal.wait_exit() == 0
    assert terminal.left_on == []
    assert b"Traceback" not in terminal.output


# ---- settings ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ("provider = [", ("Invalid value", "the file was left as it is")),
        ('[interface]\ntheme = "no-such-theme"\n', ("no-such-theme",)),
        ("no_such_key = 1\n", ("no_such_key",)),
        ('provider = "no-such-provider"\n', ("no-such-provider",)),
        ('[keys]\nno_such_command = "f9"\n', ("no_such_command",)),
    ],
    ids=["bad-toml", "theme", "key", "provider", "command"],
)
def test_bad_settings_start_with_a_notice(home: Home, toml: str, words: tuple[str, ...]) -> None:
    home.write_settings(toml)
    with home.start() as terminal:
        terminal.wait_until(lambda _: all(word in joined(terminal) for word in words), what=f"{words}")
        terminal.send(b"still here")
        terminal.wait_for("still here")
        leave(terminal)


@pytest.mark.parametrize(
    ("arguments", "words", "status"),
    [
        (("--provider", "no-such-provider"), ("no-such-provider",), 5),
        (("--theme", "no-such-theme"), ("no-such-theme",), 5),
        (("--no-such-option",), ("--no-such-option", "--help"), 2),
        (("--base-url", "ftp://127.0.0.1"), ("base_url", "ftp", "http://"), 5),
    ],
    ids=["provider", "theme", "option", "base-url"],
)
def test_bad_options_are_told_before_the_screen_opens(
    home: Home, arguments: tuple[str, ...], words: tuple[str, ...], status: int
) -> None:
    with home.start(*arguments) as terminal:
        assert terminal.wait_exit() == status
        for word in words:
            assert word in terminal.text
        assert b"\x1b[?1004h" not in terminal.output, "Textual has not begun"
        assert terminal.left_on == []
        assert b"Traceback" not in terminal.output


def test_without_a_terminal_there_is_one_line_and_a_way_out(home: Home) -> None:
    status, output, errors = home.run()
    assert (status, output) == (5, "")
    assert errors == (
        "chatterm: The chat screen needs a terminal.\nIn a pipe or a script use: chatterm ask PROMPT\n"
    )


# ---- servers ----------------------------------------------------------------------------------


def unauthorized(server: ScriptedServer) -> None:
    server.reply_status(401, {"error": {"message": "Incorrect API key", "code": "invalid_api_key"}})


def no_such_model(server: ScriptedServer) -> None:
    server.reply_status(404, {"error": {"message": "The model does not exist", "code": "model_not_found"}})


def brackets(server: ScriptedServer) -> None:
    server.reply_status(400, {"error": {"message": "unexpected [/INST] in the prompt", "type": "bad"}})


def web_page(server: ScriptedServer) -> None:
    for _ in range(3):  # it is asked twice more
        server.reply_status(502, "<html><body><h1>Bad Gateway</h1></body></html>", **{"Retry-After": "0"})


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (unauthorized, ("401", "Incorrect API key", "key")),
        (no_such_model, ("404", "scripted-model:", "Pick another model")),
        (brackets, ("400", "unexpected [/INST] in the prompt")),
        (web_page, ("502",)),
    ],
    ids=["401", "404", "400", "502"],
)
def test_what_a_server_refuses_is_said_in_one_line(
    home: Home,
    server: ScriptedServer,
    openai: Terminal,
    answer: Callable[[ScriptedServer], None],
    words: tuple[str, ...],
) -> None:
    answer(server)
    openai.send(b"my careful prompt" + ENTER)
    openai.wait_for("failed ·")  # what failed before the last try is in the sidebar
    openai.wait_until(lambda _: all(word in joined(openai) for word in words), what=f"{words}")
    assert "my careful prompt" in joined(openai)
    assert home.stored()[0].prompt == "my careful prompt"
    # Asked again, it is the same prompt, and the conversation goes on.
    server.reply_text("now it works")
    openai.send(b"\x1br")
    openai.wait_for("now it works")
    assert server.chats[-1].json["messages"][-1]["content"] == "my careful prompt"
    leave(openai)


def test_a_refused_connection_names_the_host(home: Home) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
    with home.start("--base-url", f"http://127.0.0.1:{port}/v1", "-m", "some-model") as terminal:
        terminal.wait_for("/ some-model")
        terminal.send(b"my careful prompt" + ENTER)
        terminal.wait_for("failed")
        terminal.wait_until(lambda _: f"127.0.0.1:{port}" in joined(terminal))
        assert "my careful prompt" in joined(terminal)
        terminal.send(UP)  # the last prompt, to be sent again
        terminal.wait_until(lambda screen: screen.count("my careful prompt") >= 2)
        leave(terminal)


def test_a_refused_ollama_says_how_to_start_it(home: Home) -> None:
    with home.start("--provider", "ollama", "--model", "llama3") as terminal:
        terminal.wait_for("/ llama3")
        terminal.send(b"Hi" + ENTER)
        terminal.wait_for("failed")
        terminal.wait_until(lambda _: "ollama serve" in joined(terminal))
        leave(terminal)


def test_an_empty_reply_says_so(home: Home, server: ScriptedServer, openai: Terminal) -> None:
    server.reply_text("", usage=(3, 0))
    openai.send(b"question" + ENTER)
    openai.wait_for("answered with nothing")
    assert [(turn.text, turn.state) for turn in home.stored()] == [("", "complete")]
    leave(openai)


# ---- terminals --------------------------------------------------------------------------------


def test_a_tiny_terminal_works(home: Home, server: ScriptedServer) -> None:
    server.reply_text("a short answer")
    arguments = ("--base-url", server.base_url("openai"), "-m", "scripted-model")
    with home.start(*arguments, columns=20, rows=5) as terminal:
        terminal.wait_for("Ask")
        terminal.send(b"question")
        terminal.wait_for("question")
        terminal.send(ENTER)
        server.wait_until(lambda: server.chats)
        server.wait_until(lambda: server.chats[0].finished_at)
        terminal.resize(80, 24)
        terminal.wait_for("a short answer")
        leave(terminal)


def test_a_storm_of_sizes_loses_nothing(home: Home, server: ScriptedServer, openai: Terminal) -> None:
    words = [f"word{number:03} " for number in range(300)]
    server.reply_text(words, gates={250: "rest"})
    openai.send(b"question" + ENTER)
    openai.wait_for("word248")
    for number in range(60):
        openai.resize(*((1, 1), (20, 5), (300, 100), (7, 40), (120, 2), (80, 24))[number % 6])
    server.release("rest")
    openai.resize(100, 30)
    openai.wait_for("word299")
    openai.wait_for("complete")
    assert home.stored()[0].text == "".join(words)
    leave(openai)
