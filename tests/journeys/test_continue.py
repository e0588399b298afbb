"""A reply that was cut is gone on with, whatever cut it: the two pieces read as one that never was."""

from __future__ import annotations

import signal
from itertools import islice

import pytest

from tests.doubles import server_replies as replies
from tests.doubles.server import ScriptedServer
from tests.doubles.server_replies import Reset
from tests.doubles.terminal import CTRL_Q, ENTER, ESC, Terminal
from tests.journeys.program import Home

WHOLE = "The river rises in a lake and runs, after five hundred kilometres, to the sea."
BEFORE = "The river rises in a lake and runs, after five "
REST = "after five hundred kilometres, to the sea."


def start_reply(server: ScriptedServer, terminal: Terminal) -> None:
    """Have half a reply on the screen, and the server silent."""
    server.reply_text([BEFORE, "hundred"], gates={2: "never"})
    terminal.send(b"tell me" + ENTER)
    terminal.wait_for("after five")
    terminal.wait_for("no text for")  # long after it was stored


def test_a_killed_program_goes_on_with_its_reply_after_the_next_start(
    home: Home, server: ScriptedServer, openai: Terminal
) -> None:
    start_reply(server, openai)
    assert [turn.text for turn in home.stored()] == [BEFORE]
    openai.signal(signal.SIGKILL)
    openai.wait_exit()
    with home.start("-c") as again:
        again.wait_for("goes on")
        server.reply_text([REST, " Never."], gates={2: "never"})
        again.send(b"/continue" + ENTER)
        again.wait_for("to the sea.")
        again.wait_for("no text for")
        home.wait_stored(lambda turns: turns[-1].text == WHOLE)
        again.signal(signal.SIGKILL)  # and again in the middle of what is added
        again.wait_exit()
    with home.start("-c") as last:
        last.wait_for("to the sea.")
        last.wait_for("continued once")
        last.send(CTRL_Q)
        last.wait_exit()
    cut, joined = home.stored()
    assert (cut.text, cut.state) == (BEFORE, "interrupted")
    assert (joined.text, joined.state) == (WHOLE, "interrupted")
    first, reply, ask = server.chats[-1].json["messages"]
    assert (first["content"], reply["content"]) == ("tell me", BEFORE.rstrip())
    assert "Continue exactly where this stops" in ask["content"]
    assert {turn.prompt for turn in home.stored()} == {"tell me"}


def test_a_stopped_reply_goes_on_to_its_end(home: Home, server: ScriptedServer, openai: Terminal) -> None:
    start_reply(server, openai)
    openai.send(ESC)
    openai.wait_for("goes on")
    server.reply_text(REST)
    openai.send(b"/continue" + ENTER)
    openai.wait_for("continued once")
    assert [turn.text for turn in home.stored()] == [BEFORE, WHOLE]
    openai.send(b"/continue" + ENTER)
    openai.wait_for("This reply is complete")
    openai.send(ESC)
    openai.wait_until(lambda screen: "This reply is complete" not in screen)
    openai.send(b"/details" + ENTER)
    openai.wait_for("Continued")
    openai.wait_for("said again and taken away: stopped")


def test_stopped_before_anything_is_added_the_reply_is_as_it_was(
    home: Home, server: ScriptedServer, openai: Terminal
) -> None:
    start_reply(server, openai)
    openai.send(ESC)
    openai.wait_for("goes on")
    server.reply_text("never", gates={0: "never"})
    openai.send(b"/continue" + ENTER)
    server.wait_until(lambda: len(server.chats) == 2)
    openai.send(ESC)
    openai.wait_for("What was there before is back.")
    openai.wait_for("after five")
    assert home.stored()[-1].state == "withdrawn"


@pytest.mark.parametrize("is_set", [True, False])
def test_a_reply_that_the_network_cut_goes_on_by_itself_where_that_is_set(
    home: Home, server: ScriptedServer, is_set: bool
) -> None:
    home.write_settings(f"[network]\ncontinue_once = {str(is_set).lower()}\n")
    with home.start("--base-url", server.base_url("openai"), "-m", "scripted-model") as program:
        program.wait_for("/ scripted-model")
        frames = islice(replies.text_frames([BEFORE], provider="openai"), 2)
        server.reply_script([*replies.stream(frames, ends=False), Reset()])
        server.reply_text(REST)
        program.send(b"tell me" + ENTER)
        program.wait_for("continued once" if is_set else "goes on")
        [turn] = home.stored()
        assert (turn.text, turn.state) == ((WHOLE, "complete") if is_set else (BEFORE, "interrupted"))
