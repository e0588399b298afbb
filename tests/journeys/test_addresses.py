"""An address given once: the conversation stays with it, and the next start finds it."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing

import pytest

from tests.doubles.server import ScriptedServer
from tests.doubles.terminal import CTRL_L, CTRL_Q, ENTER, Terminal
from tests.journeys.program import Home


def say(terminal: Terminal, server: ScriptedServer, reply: str) -> None:
    """One turn, then leave."""
    terminal.wait_for("custom / scripted-model")
    server.reply_text(reply)
    terminal.send(b"question" + ENTER)
    terminal.wait_for(reply)
    terminal.wait_for("complete")
    terminal.send(CTRL_Q)
    assert terminal.wait_exit() == 0


@pytest.fixture
def held(home: Home, server: ScriptedServer) -> Home:
    """A user with one conversation, at an address that only the command line named."""
    with home.start("--base-url", server.base_url("openai"), "-m", "scripted-model") as terminal:
        say(terminal, server, "First answer.")
    return home


def test_a_continued_conversation_and_the_next_start_are_at_the_same_address(
    held: Home, server: ScriptedServer
) -> None:
    with held.start("-c") as terminal:
        terminal.wait_for("First answer.")
        say(terminal, server, "Second answer.")
    with held.start() as terminal:
        say(terminal, server, "A new conversation.")
    assert [len(chat.json["messages"]) for chat in server.chats] == [1, 3, 1]


@pytest.mark.parametrize(
    ("arguments", "model"), [((), "scripted-model"), (("-m", "other-model"), "other-model")]
)
def test_ask_goes_on_at_the_same_address(
    held: Home, server: ScriptedServer, arguments: tuple[str, ...], model: str
) -> None:
    server.reply_text("Second answer.")
    assert held.run("ask", "-c", *arguments, "question") == (0, "Second answer.\n", "")
    assert (server.chats[-1].json["model"], len(server.chats[-1].json["messages"])) == (model, 3)


def test_another_model_of_the_conversation_is_asked_at_the_same_address(
    held: Home, server: ScriptedServer
) -> None:
    with held.start("-c", "-m", "other-model") as terminal:
        terminal.wait_for("custom / other-model")
        terminal.send(b"/model third-model" + ENTER)
        terminal.wait_for("custom / third-model")
        server.reply_text("Third.")
        terminal.send(b"question" + ENTER)
        terminal.wait_for("Third.")
    assert server.chats[-1].json["model"] == "third-model"


def test_the_models_of_a_continued_conversation_are_listed_from_the_same_address(
    held: Home, server: ScriptedServer
) -> None:
    with held.start("-c") as terminal:
        terminal.wait_for("First answer.")
        terminal.wait_for("custom / scripted-model")
        terminal.send(CTRL_L)
        terminal.wait_for("2 models")
        terminal.send(b"llam")
        terminal.wait_until(lambda screen: "llama3" in screen and "manual" not in screen)
        terminal.send(ENTER)
        terminal.wait_for("custom / llama3")
        server.reply_text("Another.")
        terminal.send(b"question" + ENTER)
        terminal.wait_for("Another.")
    assert server.chats[-1].json["model"] == "llama3"


def test_ask_takes_the_guide_for_no_last_model(home: Home, server: ScriptedServer) -> None:
    assert home.run("ask", "question")[0] == 0
    with closing(sqlite3.connect(home.path / "data" / "chatterm.db")) as connection, connection:
        value = json.dumps(["guide", "manual"])  # as an earlier version left it
        connection.execute("INSERT INTO state (key, value) VALUES ('last_model', ?)", (value,))
    server.reply_text("From Ollama.", provider="ollama")
    assert home.run("ask", "question", OLLAMA_HOST=server.url) == (0, "From Ollama.\n", "")
