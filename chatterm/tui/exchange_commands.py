"""Commands about what goes over the wire: shown, copied as curl, recorded, answered from the cache."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from chatterm.backend.daemon_thread import in_daemon_thread
from chatterm.backend.wire_log.curl_command import curl_command
from chatterm.backend.wire_log.raw_page import raw_page
from chatterm.core.clean import clean_line
from chatterm.core.errors import ChattermError, ConfigError
from chatterm.tui.typed_number import number_back
from chatterm.tui.widgets.page_box import PageBox

if TYPE_CHECKING:
    from chatterm.backend.exchanges import Exchanges
    from chatterm.backend.wire_log.exchange_lines import Exchange
    from chatterm.backend.wire_log.recording import Recording
    from chatterm.tui.screens.chat import ChatScreen


class ExchangeCommands:
    """Each `do_ID` does the command of that id; `argument` is what was typed after its slash word."""

    def __init__(self, screen: ChatScreen, exchanges: Exchanges) -> None:
        self._screen = screen
        self._exchanges = exchanges
        self._loop = asyncio.get_running_loop()
        if exchanges.recording is not None:
            exchanges.recording.on_problem = self._recording_failed

    async def do_raw(self, argument: str) -> None:
        """Show request and response of the last turn, or of the one that many back."""
        exchanges = self._of_turn(argument, "/raw")
        page = await in_daemon_thread(partial(raw_page, exchanges), "chatterm-raw")
        copy = self._screen.started.value.copy
        title = f"Request and response: {exchanges[-1].request.model}"
        self._screen.front.push_screen(PageBox(title, page, lambda text: self._screen.told(copy(text))))

    async def do_curl(self, argument: str) -> None:
        """Copy the request of the last turn, or of the one that many back, as a curl command."""
        exchanges = self._of_turn(argument, "/curl")
        await self._screen.started.value.copy(curl_command(exchanges[-1].request))

    async def do_record(self, argument: str) -> None:
        """Write what follows to a new file, or stop that; without a word, say what is written."""
        notices, current = self._screen.pane.notices, self._exchanges.recording
        if not argument:
            where = f"to {clean_line(str(current.path))}, {_counted(current.count)}" if current else ""
            notices.show(
                f"Recording {where}. /record off ends it."
                if current
                else "Nothing is recorded. /record FILE begins."
            )
        elif argument == "off":
            ended = await asyncio.to_thread(self._exchanges.stop_recording)
            if ended is None:
                raise ConfigError("Nothing is recorded.", "/record FILE begins a recording.")
            name = clean_line(str(ended.path))
            notices.show(f"Recorded {_counted(ended.count)} to {name} · chatterm --replay plays it")
        else:
            recording = await asyncio.to_thread(self._record, argument)
            name = clean_line(str(recording.path))
            notices.show(f"Recording to {name}, without keys. /record off ends it.")

    async def do_cache(self, argument: str) -> None:
        """Turn the cache on or off, or forget what it keeps; without a word, say what it does."""
        notices, cache = self._screen.pane.notices, self._exchanges.cache
        if cache.files is None:
            raise ConfigError(
                "There is no response cache here: nothing may be stored.", "Start without --no-save."
            )
        if argument not in ("", "on", "off", "clear"):
            raise ConfigError(f"{argument!r} is nothing that /cache does.", "/cache on, off or clear.")
        if argument == "clear":
            notices.show(f"Forgot {_replies(await cache.files.clear())}.")
            return
        cache.is_on = argument == "on" if argument else cache.is_on
        count, size = await cache.files.size()
        state = "on" if cache.is_on else "off"
        notices.show(f"The response cache is {state}; it keeps {_replies(count)}, {size / 1e6:,.1f} MB.")

    def _of_turn(self, argument: str, command: str) -> list[Exchange]:
        """What was sent for the last turn, or the one that many back. Raises `ChattermError` for none."""
        number = number_back(argument, f"{command} 2 is for the last turn but one.")
        turns = self._screen.pane.session.turns
        if not turns:
            raise ChattermError("There is no message yet.", "Send one; then its request can be shown.")
        if not 1 <= number <= len(turns):
            raise ChattermError(f"There is no turn {number} back.", f"There are {len(turns)} so far.")
        exchanges = self._exchanges.log.of_turn(turns[-number].id)
        if not exchanges:
            raise ChattermError(
                "The request of this turn is not kept: only the last ones since the start are.",
                "/retry asks it again.",
            )
        return exchanges

    def _record(self, name: str) -> Recording:
        return self._exchanges.record(Path(name).expanduser().absolute(), self._recording_failed)

    def _recording_failed(self, problem: str) -> None:
        """Called on the writer's thread."""
        self._loop.call_soon_threadsafe(self._screen.conversation.notices.show, problem, "warning")


def _counted(count: int) -> str:
    return "1 request" if count == 1 else f"{count:,} requests"


def _replies(count: int) -> str:
    return "1 reply" if count == 1 else f"{count:,} replies"
