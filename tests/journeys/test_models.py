"""The model picker with a live server, and a switch inside a conversation."""

from __future__ import annotations

from tests.doubles.server import ScriptedServer
from tests.doubles.terminal import CTRL_L, CTRL_Q, ENTER, ESC, Terminal
from tests.journeys.program import Home


def test_models_are_listed_live_and_switched_inside_a_conversation(
    server: ScriptedServer, openai: Terminal
) -> None:
    server.reply_text("the first reply")
    openai.send(b"first question" + ENTER)
    openai.wait_for("the first reply")
    openai.wait_for("complete")
    openai.send(CTRL_L)
    openai.wait_for("2 models")
    openai.send(b"llam")
    openai.wait_until(lambda screen: "llama3" in screen and "manual" not in screen)
    openai.send(ENTER)
    openai.wait_for("custom / llama3")
    server.reply_text("the second reply")
    openai.send(b"second question" + ENTER)
    openai.wait_for("the second reply")
    assert [chat.json["model"] for chat in server.chats] == ["scripted-model", "llama3"]
    assert len(server.chats[1].json["messages"]) == 3


def test_the_picker_works_offline_with_what_was_listed_before(home: Home) -> None:
    with ScriptedServer.in_thread(models=("model-one", "model-two")) as server:
        arguments = ("--base-url", server.base_url("openai"), "-m", "model-one")
        with home.start(*arguments) as terminal:
            terminal.wait_for("/ model-one")
            terminal.send(CTRL_L)
            terminal.wait_for("2 models")
            terminal.send(ESC)
            terminal.wait_for("Ask anything")
            terminal.send(CTRL_Q)
            assert terminal.wait_exit() == 0
    with home.start(*arguments) as terminal:
        terminal.wait_for("/ model-one")
        terminal.send(CTRL_L)
        terminal.wait_for("model-two")
        terminal.send(ESC)
        terminal.wait_for("Ask anything")
