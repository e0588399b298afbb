"""Lines of a text that hold a word or match a regular expression, in bounded time."""

from __future__ import annotations

import os
import selectors
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import IO, Protocol

from chatterm.backend.tools.stopping import Stop
from chatterm.core.clean import clean_line
from chatterm.core.errors import InvalidCallError, ToolError

_ANSWER_SECONDS = 5.0
"""How long a text may take by the clock, on a machine that does much else; its own limit is one of processor time."""

_LOOK_SECONDS = 0.02


class LineSearch(Protocol):
    """Finds lines in one text after the other."""

    def lines(self, text: str, stop: Stop) -> list[int]:
        """The numbers, from 0, of the lines that match. Raises `ToolError` if that takes too long."""
        ...

    def close(self) -> None:
        """End what was started for it."""
        ...


class WordSearch:
    """Finds lines that hold a text as it is."""

    def __init__(self, word: str) -> None:
        self._word = word

    def lines(self, text: str, stop: Stop) -> list[int]:
        """The numbers, from 0, of the lines that hold it."""
        if self._word not in text:
            return []
        return [number for number, line in enumerate(text.split("\n")) if self._word in line]

    def close(self) -> None:
        """Nothing was started."""


class PatternSearch:
    """Finds lines that match a regular expression, in a process of its own that is ended when it takes too long."""

    def __init__(self, pattern: str, stop: Stop) -> None:
        program = str(Path(__file__).with_name("pattern_program.py"))
        try:
            self.process = subprocess.Popen(
                [sys.executable, "-I", "-S", program],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={},
                start_new_session=True,
            )
        except OSError as error:
            raise ToolError(
                f"Regular expressions cannot be searched for here: {error.strerror}. Leave regex out."
            ) from None
        try:
            answer = self._ask(pattern, stop)
        except ToolError:
            self.close()
            raise
        if answer != "ok":
            self.close()
            raise InvalidCallError(
                f"The regular expression is wrong: {clean_line(answer.removeprefix('bad '))}."
            )

    def lines(self, text: str, stop: Stop) -> list[int]:
        """The numbers, from 0, of the lines that match."""
        return [int(number) for number in self._ask(text, stop).split()]

    def close(self) -> None:
        """End the process; it leaves nothing behind."""
        self.process.kill()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with suppress(OSError):  # bytes that it will not take any more
                    pipe.close()
        self.process.wait()

    def _ask(self, text: str, stop: Stop) -> str:
        data = text.encode("utf-8", "replace")
        writer, reader = self.process.stdin, self.process.stdout
        assert writer is not None
        assert reader is not None
        try:
            writer.write(len(data).to_bytes(4, "big") + data)
            writer.flush()
        except OSError:
            raise _too_long() from None
        return self._answer(reader, stop)

    def _answer(self, reader: IO[bytes], stop: Stop) -> str:
        answer = bytearray()
        ends = time.monotonic() + _ANSWER_SECONDS
        with selectors.DefaultSelector() as selector:
            selector.register(reader, selectors.EVENT_READ)
            while not answer.endswith(b"\n"):
                if stop.is_asked or time.monotonic() > ends:
                    self.close()
                    stop.check()
                    raise _too_long()
                if selector.select(_LOOK_SECONDS):
                    piece = os.read(reader.fileno(), 65536)
                    if not piece:
                        raise _too_long()
                    answer += piece
        return answer.decode("utf-8", "replace").strip()


def _too_long() -> ToolError:
    return ToolError(
        "The regular expression takes too long. Use a simpler one, or search for a text without regex."
    )
