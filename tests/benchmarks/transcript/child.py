"""The program that is measured, in a process of its own: `python -m tests.benchmarks.transcript.child PANE SOCKET`.

It does what it is told over the socket, a JSON object a line each way: {"do": NAME, ...} and the result. All
times are seconds of processor time of this process; `begun` is on the monotonic clock.
"""

from __future__ import annotations

import asyncio
import fcntl
import gc
import json
import os
import random
import signal
import struct
import sys
import termios
import time
from collections.abc import Callable
from typing import Any, cast

from textual import constants
from textual.app import App, ComposeResult
from textual.filter import LineFilter
from textual.widgets import Input

from chatterm.config.themes import DEFAULT_THEME, load_themes
from chatterm.tui.driver import driver_class
from chatterm.tui.line_filter import CleanFilter
from chatterm.tui.theming import textual_theme, variable_defaults
from tests.benchmarks.processes import rss_bytes
from tests.benchmarks.transcript.panes import PANES
from tests.benchmarks.transcript.texts import CHARACTERS_PER_TOKEN, HOSTILE, Reply, messages

GC_THRESHOLDS = (20_000, 20, 50)
"""As the chat screen sets them, after `gc.freeze()`."""
SHORTEST_STALL = 0.0005
"""Callbacks of the event loop that take less are not kept."""
AFTERMATH_SECONDS = 0.02
"""How long after a repaint what it costs still counts."""
TICK_SECONDS = 0.005
QUIET_CPU_SECONDS = 0.002
LINE_LIMIT = 1 << 24


class Stalls:
    """Processor seconds of the main thread in each callback of the event loop, the short ones left out."""

    def __init__(self) -> None:
        self._seconds: list[float] = []

    def watch(self) -> None:
        """From now on, in this whole process."""
        handle = cast(Any, asyncio.Handle)
        run: Callable[[Any], None] = handle._run
        clock, seconds = time.thread_time, self._seconds

        def timed(self: Any) -> None:
            begun = clock()
            run(self)
            took = clock() - begun
            if took >= SHORTEST_STALL:
                seconds.append(took)

        handle._run = timed

    def take(self) -> list[float]:
        """Those since the last call."""
        taken = self._seconds[:]
        self._seconds.clear()
        return taken


class Bench(App[None]):
    """A conversation and a line to type in, with theme, driver and second wall as in the chat screen."""

    CSS = """
    Screen { background: $background; color: $foreground; }
    #conversation { height: 1fr; }
    Input { height: 1; border: none; padding: 0; }
    Input:focus { border: none; }
    """

    def __init__(self, pane: str, address: str) -> None:
        self._palette = load_themes().find(DEFAULT_THEME)
        super().__init__(driver_class=driver_class())
        self.register_theme(textual_theme(self._palette))
        self.theme = self._palette.name
        self._wall = CleanFilter()
        self._address = address
        self._pane = PANES[pane]()
        self._pane.widget.id = "conversation"
        self._stalls = Stalls()
        self._reply = Reply("mixed", 0)
        self._prepared: Any = None
        self._streaming: asyncio.Task[dict[str, Any]] | None = None
        self._random = random.Random(0)

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return variable_defaults(self._palette)

    def get_line_filters(self) -> list[LineFilter]:
        return [*super().get_line_filters(), self._wall]

    def compose(self) -> ComposeResult:
        yield self._pane.widget
        line = Input()
        line.cursor_blink = False
        yield line

    def on_ready(self) -> None:
        self.query_one(Input).focus()
        self._stalls.watch()
        self._server = asyncio.create_task(self._serve())

    async def _serve(self) -> None:
        reader, writer = await asyncio.open_unix_connection(self._address, limit=LINE_LIMIT)
        writer.write(json.dumps({"policy": self._policy()}).encode() + b"\n")
        while line := await reader.readline():
            command = json.loads(line)
            name = command.pop("do")
            try:
                result = await getattr(self, f"do_{name}")(**command)
            except Exception as error:  # the other side reports it
                result = {"error": f"{name}: {error!r}"}
            writer.write(json.dumps(result or {}).encode() + b"\n")
            await writer.drain()
        self.exit()

    # ---- what it is told -----------------------------------------------------------------------

    async def do_prepare(self, count: int, seed: int, last_tokens: int = 0) -> None:
        """Have a conversation lie ready, with one message more of so many tokens."""
        texts = list(messages(count, seed))
        if last_tokens:
            texts.append(("assistant", Reply("mixed", seed).begin(last_tokens)))
        self._prepared = await self._pane.prepare(texts)
        del texts
        gc.collect()

    async def do_show(self) -> dict[str, Any]:
        """Open it."""
        prepared, self._prepared = self._prepared, None
        begun = time.process_time()
        await self._pane.show(prepared)
        await self._painted()
        return {"cpu": time.process_time() - begun, "stalls": self._stalls.take()}

    async def do_clear(self) -> None:
        """No messages."""
        await self._pane.show(await self._pane.prepare(()))
        await self._quiet(0.1)
        gc.collect()
        self._stalls.take()

    async def do_begin(self, shape: str, seed: int, tokens: int, limit: float) -> dict[str, Any]:
        """Begin a reply that is so many tokens long already."""
        self._reply = Reply(shape, seed)
        await self._pane.begin()
        await self._pane.write(self._reply.begin(tokens))
        shown = await self._quiet(0.3 if tokens else 0.1, limit)
        self._stalls.take()
        return {"finished": shown}

    async def do_stream(self, rate: int, tokens: int, limit: float) -> dict[str, Any]:
        """Stream so many tokens into it, and wait until all are shown."""
        text = self._reply.read(tokens)
        pieces = [text[at : at + CHARACTERS_PER_TOKEN] for at in range(0, len(text), CHARACTERS_PER_TOKEN)]
        return await self._measured(self._feed(pieces, rate), limit, 0.12 if rate <= 200 else 0.3)

    async def do_burst(self, tokens: int, last: str, limit: float) -> dict[str, Any]:
        """All at once; `last` is shown after it."""
        text = self._reply.read(tokens) + f"\n\n{last}"
        return await self._measured(self._pane.write(text), limit, 0.3)

    async def do_hostile(self, which: str, scale: float, last: str, limit: float) -> dict[str, Any]:
        """Stream one of the hostile texts in pieces of 4,000 characters, 200 a second; `last` is shown after it."""
        text = HOSTILE[which](scale) + f"\n\n{last}"
        pieces = [text[at : at + 4000] for at in range(0, len(text), 4000)]
        return await self._measured(self._feed(pieces, 200), limit, 0.2)

    async def do_end(self) -> dict[str, Any]:
        """The reply is complete; what fixing it costs."""
        return await self._measured(self._pane.end(), 10.0, 0.1)

    async def do_start(self, rate: int) -> None:
        """Stream until `stop`."""
        self._streaming = asyncio.create_task(self._endless(rate))

    async def do_stop(self) -> dict[str, Any]:
        """What the endless stream cost."""
        task, self._streaming = self._streaming, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
        return {"stalls": self._stalls.take()}

    async def do_page(self, direction: int, times: int) -> dict[str, Any]:
        """Pages, each painted before the next."""
        return {"cpu": [await self._cost(lambda: self._pane.page(direction)) for _ in range(times)]}

    async def do_jump(self, times: int) -> dict[str, Any]:
        """To places drawn by chance, as by dragging the bar."""
        widget = self._pane.widget

        def jump() -> None:
            widget.scroll_to(y=self._random.random() * widget.max_scroll_y, animate=False, immediate=True)

        return {"cpu": [await self._cost(jump) for _ in range(times)]}

    async def do_resize(self, columns: int, rows: int) -> dict[str, Any]:
        """Another size of the terminal."""
        begun = time.process_time()
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        os.kill(os.getpid(), signal.SIGWINCH)
        await self._quiet(0.1)
        if self.size.width != columns:
            raise RuntimeError(f"the width is {self.size.width}, not {columns}")
        return {"cpu": time.process_time() - begun, "stalls": self._stalls.take()}

    async def do_page_all(self, limit: float) -> dict[str, Any]:
        """From the end to the first line page by page; every eighth is painted."""
        widget, begun, pages = self._pane.widget, time.monotonic(), 0
        while widget.scroll_offset.y > 0 and time.monotonic() - begun < limit:
            self._pane.page(-1)
            pages += 1
            if pages % 8 == 0:
                await self._painted()
        return {"pages": pages, "finished": widget.scroll_offset.y <= 0}

    async def do_memory(self) -> dict[str, Any]:
        """Megabytes of this process in memory."""
        gc.collect()
        return {"rss": rss_bytes(os.getpid()) / 1e6}

    # ---- inside --------------------------------------------------------------------------------

    def _policy(self) -> str:
        """How this process runs."""
        frozen = "frozen before the start" if gc.get_freeze_count() else "not frozen"
        thresholds = ", ".join(map(str, gc.get_threshold()))
        return (
            f"{self.size.width}x{self.size.height}, TEXTUAL_FPS={constants.MAX_FPS}, GC {frozen}, thresholds "
            f"{thresholds}, {type(self._driver).__name__}, theme and line filters as in the chat screen"
        )

    async def _measured(self, work: Any, limit: float, quiet: float) -> dict[str, Any]:
        """Processor time and stalls of this work until nothing is left to do, and when it began."""
        await asyncio.sleep(0)  # so that making the text is a callback of its own
        self._stalls.take()
        begun, cpu = time.monotonic(), time.process_time()
        try:
            await asyncio.wait_for(work, limit)
            finished = await self._quiet(quiet, begun + limit - time.monotonic())
        except TimeoutError:
            finished = False
        return {
            "finished": finished,
            "begun": begun,
            "cpu": time.process_time() - cpu,
            "stalls": self._stalls.take(),
        }

    async def _feed(self, pieces: list[str], rate: int) -> None:
        """So many pieces a second; those that are late all at once, as from a socket."""
        begun, written = time.monotonic(), 0
        while written < len(pieces):
            due = min(len(pieces), int((time.monotonic() - begun) * rate) + 1)
            while written < due:
                await self._pane.write(pieces[written])
                written += 1
            await asyncio.sleep(max(TICK_SECONDS, begun + written / rate - time.monotonic()))

    async def _endless(self, rate: int) -> dict[str, Any]:
        while True:
            text = self._reply.read(rate)
            await self._feed(
                [text[at : at + CHARACTERS_PER_TOKEN] for at in range(0, len(text), CHARACTERS_PER_TOKEN)],
                rate,
            )

    async def _cost(self, act: Callable[[], None]) -> float:
        begun = time.process_time()
        act()
        await self._painted()
        await asyncio.sleep(AFTERMATH_SECONDS)
        return time.process_time() - begun

    async def _painted(self) -> None:
        painted = asyncio.Event()
        self._pane.widget.call_after_refresh(painted.set)
        await painted.wait()

    async def _quiet(self, seconds: float, limit: float = 60.0) -> bool:
        """Wait until the process has done next to nothing for so long; False when it never came to rest."""
        until = time.monotonic() + limit
        while True:
            cpu = time.process_time()
            await asyncio.sleep(seconds)
            if time.process_time() - cpu < QUIET_CPU_SECONDS:
                return True
            if time.monotonic() > until:
                return False


def main() -> None:
    """Run until the other side hangs up."""
    app = Bench(*sys.argv[1:])
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    gc.enable()
    app.run()


if __name__ == "__main__":
    main()
