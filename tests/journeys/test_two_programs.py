"""Two programs in one conversation: the first goes on with it, the second reads, until the first has left."""

from __future__ import annotations

from tests.doubles.server import ScriptedServer
from tests.doubles.terminal import CTRL_N, CTRL_Q, ENTER, Terminal
from tests.journeys.program import Home

ELSEWHERE = "open in another chatterm"


def turn(terminal: Terminal, server: ScriptedServer, prompt: bytes, reply: str) -> None:
    server.reply_text(reply)
    terminal.send(prompt + ENTER)
    terminal.wait_for(reply)
    terminal.wait_for("complete")


def refuse(terminal: Terminal, prompt: bytes) -> None:
    """What is sent comes back into the prompt, with the reason."""
    terminal.send(prompt + ENTER)
    terminal.wait_for("Your prompt is back.")
    terminal.wait_for(prompt.decode())


def test_the_second_reads_until_the_first_has_left(home: Home, server: ScriptedServer) -> None:
    arguments = ("--base-url", server.base_url("openai"), "-m", "scripted-model")
    with home.start(*arguments) as first:
        first.wait_for("/ scripted-model")
        turn(first, server, b"one", "Answer one.")
        with home.start("-c") as second:
            second.wait_for("Answer one.")
            second.wait_for(ELSEWHERE)
            refuse(second, b"from the second")
            assert len(server.chats) == 1
            turn(first, server, b"two", "Answer two.")
            first.send(CTRL_N)
            first.wait_until(lambda screen: "Answer two." not in screen)
            refuse(second, b"")
            second.send(CTRL_Q)
            second.wait_exit()
        with home.start("-c") as third:
            third.wait_for("Answer two.")
            third.wait_for("from the second")
            turn(third, server, b"", "Answer three.")
            assert ELSEWHERE not in third.text
    assert [(turn.prompt, turn.text) for turn in home.stored()] == [
        ("one", "Answer one."),
        ("two", "Answer two."),
        ("from the second", "Answer three."),
    ]
    assert len(server.chats[-1].json["messages"]) == 5


def test_a_killed_program_has_nothing_open(home: Home, server: ScriptedServer) -> None:
    with home.start("--base-url", server.base_url("openai"), "-m", "scripted-model") as first:
        first.wait_for("/ scripted-model")
        turn(first, server, b"one", "Answer one.")
    with home.start("-c") as second:
        second.wait_for("Answer one.")
        turn(second, server, b"two", "Answer two.")


def test_ask_says_that_the_conversation_is_open(home: Home, server: ScriptedServer) -> None:
    with home.start("--base-url", server.base_url("openai"), "-m", "scripted-model") as first:
        first.wait_for("/ scripted-model")
        turn(first, server, b"one", "Answer one.")
        status, output, errors = home.run("ask", "-c", "two")
    assert (status, output) == (5, "")
    assert f"chatterm: The conversation 'one' is {ELSEWHERE}." in errors
    assert len(server.chats) == 1
