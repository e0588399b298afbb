"""The first start: no key, no server, and still a conversation."""

from __future__ import annotations

from tests.doubles.terminal import CTRL_Q, ENTER
from tests.journeys.program import Home


def test_a_new_user_asks_the_guide_and_leaves(home: Home) -> None:
    with home.start() as terminal:
        terminal.wait_for("guide / manual")
        terminal.send(b"How do I use Ollama?" + ENTER)
        terminal.wait_until(lambda screen: "Ollama" in screen.partition("How do I use Ollama?")[2])
        terminal.wait_for("No model is involved")
        terminal.wait_for("complete")
        left_at = terminal.send(CTRL_Q)
        assert terminal.wait_exit() == 0
        assert terminal.exited_at is not None
        assert terminal.exited_at - left_at < 1.0
        assert terminal.left_on == []
        assert b"Traceback" not in terminal.output
    [turn] = home.stored()
    assert (turn.prompt, turn.state) == ("How do I use Ollama?", "complete")
    assert "--provider ollama" in turn.text


def test_what_was_typed_and_not_sent_is_there_at_the_next_start(home: Home) -> None:
    with home.start() as terminal:
        terminal.wait_for("guide / manual")
        terminal.send(b"half a thought")
        terminal.wait_for("half a thought")
        terminal.send(CTRL_Q)
        assert terminal.wait_exit() == 0
    with home.start() as terminal:
        terminal.wait_for("half a thought")
