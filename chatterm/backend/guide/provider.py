"""The built-in guide as a provider inside the process: takes a request, streams an answer from the manual."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import msgspec

from chatterm.backend.providers.base import Frame, FrameStream, OnStage, WireRequest
from chatterm.backend.providers.guide import MODEL, Asked, Line, Models, Question
from chatterm.core.turn import Stage, StopReason

if TYPE_CHECKING:
    from chatterm.backend.guide.answers import GuideAnswers

_WORD = re.compile(r"\s*\S+\s*")


class GuideService:
    """Answers questions about chatterm; `open_stream` is an `OpenStream`.

    `words_per_second` is the pace of an answer; 0 sends it at once. `clock` gives monotonic seconds.
    """

    def __init__(
        self,
        words_per_second: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._words_per_second = words_per_second
        self._clock, self._sleep = clock, sleep
        self._answers: GuideAnswers | None = None

    @asynccontextmanager
    async def open_stream(self, request: WireRequest, on_stage: OnStage) -> AsyncGenerator[FrameStream]:
        """Answer a request of `GuideAdapter`: a question, or the list of models."""
        on_stage(Stage.WAITING, self._clock())
        if request.method == "GET":
            yield self._whole(200, msgspec.json.encode(Models((MODEL,))))
            return
        question = msgspec.json.decode(request.body, type=Question)
        if question.model != MODEL:
            yield self._whole(404, question.model.encode())
            return
        yield GuideStream(200, self._clock(), b"", self._frames(question))

    def _whole(self, status: int, body: bytes) -> GuideStream:
        return GuideStream(status, self._clock(), body, self._body_frame(body))

    async def _body_frame(self, body: bytes) -> AsyncIterator[Frame]:
        yield Frame(self._clock(), body)

    async def _frames(self, question: Question) -> AsyncIterator[Frame]:
        """The answer word by word. Each word has its time counted from the first, so that the pace holds."""
        *before, asked = question.messages or (Asked(""),)
        if self._answers is None:
            from chatterm.backend.guide.answers import GuideAnswers  # not before the first question

            self._answers = GuideAnswers()
        text = self._answers.answer(asked.text, before[-1].text if before else "", asked.attachments)
        pace = self._words_per_second
        words: list[str] = _WORD.findall(text) if pace > 0 else [text]
        began = self._clock()
        for number, word in enumerate(words):
            if number and (wait := began + number / pace - self._clock()) > 0:
                await self._sleep(wait)
            yield self._frame(Line(delta=word))
        yield self._frame(Line(done=StopReason.END_TURN))

    def _frame(self, line: Line) -> Frame:
        return Frame(self._clock(), msgspec.json.encode(line))


class GuideStream:
    """An open response of the guide."""

    def __init__(self, status: int, headers_at: float, body: bytes, frames: AsyncIterator[Frame]) -> None:
        self._status, self._headers_at, self._body, self._frames = status, headers_at, body, frames

    @property
    def status(self) -> int:
        """200, or 404 for a model that the guide does not have."""
        return self._status

    @property
    def headers(self) -> Mapping[str, str]:
        """None: nothing was sent."""
        return {}

    @property
    def headers_at(self) -> float:
        """Monotonic time at which the answer began."""
        return self._headers_at

    def frames(self) -> AsyncIterator[Frame]:
        """The lines of the answer, at their pace."""
        return self._frames

    async def body(self) -> bytes:
        """The list of models, or the name of the model that is not there."""
        return self._body
