"""Functions of the user's own as tools: all public ones of a Python file, a module or an installed package.

A function needs nothing of chatterm: type hints become the schema, the docstring the description. Two attributes
may be set on it: `pure` (True where the same arguments always bring the same result) and `timeout_seconds`.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import math
import traceback
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from chatterm.backend.daemon_thread import in_daemon_thread
from chatterm.backend.tools.arguments import MOST_ERROR_CHARACTERS, read_arguments
from chatterm.backend.tools.base import PreparedCall, TellProgress, ToolOutput
from chatterm.core.clean import clean, clean_line, well_formed
from chatterm.core.tools import Access
from chatterm.core.turn import ToolSpec

MOST_CHARACTERS = 8_000_000
"""Longest result that is kept."""

GRACE_SECONDS = 0.2
"""How long an async function that was cancelled may take to end."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionTool:
    """A function as a tool. `where` is its file, as it is shown to the user.

    A plain function runs on a thread of its own, which goes on where nobody waits for it any more. An async one is
    cancelled, and left behind where it does not end then; one that blocks although it is async holds up chatterm.
    """

    function: Callable[..., Any]
    spec: ToolSpec
    arguments: type[msgspec.Struct]
    source: str
    where: str
    is_pure: bool = False
    timeout_seconds: float | None = None

    async def prepare(self, arguments: Mapping[str, object]) -> PreparedCall:
        """See `Tool`; the function gets exactly what is shown, whatever becomes of `arguments`."""
        said = msgspec.json.encode(arguments, order="deterministic")
        values = read_arguments(self.arguments, msgspec.json.decode(said))

        async def run(tell: TellProgress) -> ToolOutput:
            return await self._output(values)

        access = Access(
            kind="call",
            target=f"{self.spec.name} {said.decode()}",
            lines=(f"{self.where}; it runs inside chatterm, with all that you may do",),
        )
        return PreparedCall(access=access, run=run)

    async def _output(self, values: msgspec.Struct) -> ToolOutput:
        given = {name: getattr(values, name) for name in values.__struct_fields__}
        given = {name: value for name, value in given.items() if value is not msgspec.UNSET}
        if inspect.iscoroutinefunction(self.function):
            return await _let_go(self._awaited(given))
        return await in_daemon_thread(lambda: self._called(given), f"tool-{self.spec.name}")

    def _called(self, given: dict[str, object]) -> ToolOutput:
        try:
            return _output_of(self.function(**given))
        except BaseException as error:  # even SystemExit ends the call and nothing else
            return self._failed(error)

    async def _awaited(self, given: dict[str, object]) -> ToolOutput:
        try:
            return _output_of(await self.function(**given))
        except BaseException as error:  # as above, but that the call itself is cancelled
            task = asyncio.current_task()
            if isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling():
                raise
            return self._failed(error)

    def _failed(self, error: BaseException) -> ToolOutput:
        logger.warning(
            "the tool %s failed:\n%s", self.spec.name, clean("".join(traceback.format_exception(error)))
        )
        return ToolOutput(
            text=well_formed(f"{type(error).__name__}: {error}"[:MOST_ERROR_CHARACTERS]), is_error=True
        )


async def _let_go(work: Coroutine[None, None, ToolOutput]) -> ToolOutput:
    """What the work comes to. Cancelled, it is waited for no longer than `GRACE_SECONDS`."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait({task})
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait({task}, timeout=GRACE_SECONDS)
    return task.result()


def attributes_of(function: Callable[..., Any]) -> tuple[bool, float | None]:
    """What is set on the function: `pure` and `timeout_seconds`. Raises `ValueError` for what cannot be meant."""
    pure, seconds = getattr(function, "pure", False), getattr(function, "timeout_seconds", None)
    if not isinstance(pure, bool):
        raise ValueError(f"its attribute pure is {clean_line(repr(pure), 40)}; set it to True or False")
    if seconds is not None and not _is_time(seconds):
        shown = clean_line(repr(seconds), 40)
        raise ValueError(f"its attribute timeout_seconds is {shown}; set it to a number above 0")
    return pure, None if seconds is None else float(seconds)


def _is_time(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < math.inf


def _output_of(value: object) -> ToolOutput:
    if isinstance(value, str):
        text = value
    elif value is None:
        text = "done, without a result"
    else:
        try:
            text = msgspec.json.encode(value).decode()
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            kind = type(value).__name__
            return ToolOutput(
                text=f"The function returned a {kind}, which is no text and no JSON: {clean_line(str(error), 200)}",
                is_error=True,
            )
    return ToolOutput(text=well_formed(text[:MOST_CHARACTERS]))
