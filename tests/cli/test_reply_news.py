"""What ask tells on stderr beside the reply, while it comes."""

from __future__ import annotations

from typing import cast

import pytest

from chatterm.backend.turn_handle import TurnHandle
from chatterm.cli.consent import Questions
from chatterm.cli.outputs import TextOutput
from chatterm.cli.reply_output import Beside, print_reply
from chatterm.core.events import ContextFitted, FellBack, GoneOn, TurnEvent, TurnFinished
from chatterm.core.messages import Message
from chatterm.core.turn import Turn


class Told:
    """A turn of which only what happened beside its reply is known."""

    def __init__(self, *events: TurnEvent) -> None:
        prompt = Message(role="user", parts=())
        reply = Message(role="assistant", parts=(), parent_id=prompt.id)
        turn = Turn(conversation_id="c", prompt=prompt, reply=reply, provider="p", model="m")
        self._batches = [[*events, TurnFinished(turn)]]

    async def batch(self) -> list[TurnEvent]:
        return self._batches.pop()


async def test_each_is_a_sentence_of_its_own(capfd: pytest.CaptureFixture[str]) -> None:
    told = Told(
        FellBack("box", "gone", "box", "beta", "there is no model gone"),
        FellBack("box", "beta", "box", "last", "It is busy."),
        GoneOn("the connection broke off"),
        ContextFitted(100, 100, 1, False, None),
        ContextFitted(100, 100, 1200, False, None),
    )
    output = TextOutput()
    beside = Beside(output)
    await print_reply(cast("TurnHandle", told), output, beside, Questions(beside, keeps=True))
    assert capfd.readouterr().err.splitlines() == [
        "chatterm: gone: there is no model gone. box/beta is asked.",
        "chatterm: beta: It is busy. box/last is asked.",
        "chatterm: the connection broke off. The reply is continued.",
        "chatterm: 1 earlier turn was left out: the model's context is full.",
        "chatterm: 1,200 earlier turns were left out: the model's context is full.",
    ]
