"""The request of a prompt, made and not sent."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import cast

from chatterm.backend.exchanges import Exchanges
from chatterm.backend.performance import Performance
from chatterm.backend.providers.base import Endpoint, FrameStream, OnStage, WireRequest
from chatterm.backend.recorder import Recorder
from chatterm.backend.session import Prompt, Session
from chatterm.backend.targets import Targets
from chatterm.backend.turn_handle import TurnHandle
from chatterm.backend.unkept import UnkeptHistory
from chatterm.backend.wire_log.curl_command import curl_command
from chatterm.backend.worker import TurnJob, Worker
from chatterm.core.errors import AuthenticationError, BadRequestError, InternalError
from chatterm.core.messages import Message
from chatterm.core.turn import Turn

NO_KEY = "no-key-is-set"
"""Stands for a key that is not there: in the command it is a variable like any other."""


class UnsentWorker(Worker):
    """Runs turns by the worker `inner`, of which the history is told nothing."""

    def __init__(self, inner: Worker) -> None:
        vars(self).update(vars(inner))  # as it was built, with all that it knows
        self.performance = Performance()  # nothing is sent, so nothing is measured

    async def run(self, job: TurnJob, handle: TurnHandle, recorder: Recorder) -> Turn:
        """As `Worker.run`."""
        return await super().run(job, handle, Recorder(UnkeptHistory()))


async def unsent_request(targets: Targets, session: Session, prompt: Prompt) -> str:
    """The request as a curl command; nothing is sent. Raises `ChattermError`.

    The session's worker is an `UnsentWorker`, its model is chosen.
    """
    chosen = session.target
    if chosen is None:
        raise RuntimeError("a session has its model before its request is made")
    if session.router is not None:
        # Asked here: later it would put a target that sends in the place of the one that does not.
        message = Message(role="user", parts=prompt.parts())
        message, chosen, _ = session.router.choose(message, chosen, None)
        session.router, prompt = None, Prompt(message.text, prompt.attachments)

    async def endpoint() -> Endpoint:
        try:
            return await chosen.endpoint()
        except AuthenticationError:
            section = targets.settings.providers.get(chosen.provider)
            return Endpoint(
                provider=chosen.provider,
                base_url=targets.address(chosen.provider),
                api_key=NO_KEY,
                headers=section.headers if section is not None else dict[str, str](),
            )

    exchanges = Exchanges()
    variable = next(iter(targets.keys.variables(chosen.provider)), "")
    target = replace(chosen, endpoint=endpoint, open_stream=_send_nothing, fallbacks=None)
    session.target = exchanges.around(target, variable)
    turn = await session.start_turn(prompt).result()
    made = exchanges.log.of_turn(turn.id)
    if not made:
        raise turn.error or InternalError("No request was made.")
    return curl_command(made[0].request)


@asynccontextmanager
async def _send_nothing(request: WireRequest, on_stage: OnStage) -> AsyncGenerator[FrameStream]:
    raise BadRequestError("The request was made and not sent.")
    yield cast("FrameStream", None)
