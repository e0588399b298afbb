"""Copying, and the truth about it: a notice says what was done and never more."""

from __future__ import annotations

import asyncio
import base64
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from chatterm.core.clean import well_formed
from chatterm.core.errors import ChattermError

# xterm reads at most this much of an OSC 52 sequence, in base64 characters; others take more, some less.
OSC52_LIMIT = 74_994
_TOOL_SECONDS = 2.0
_SCREEN_CHUNK = 700


@dataclass(frozen=True, slots=True)
class Copied:
    """What became of a copy. `method` is a program, "OSC 52" or "file"; `path` is set for a file."""

    method: str
    characters: int
    path: Path | None = None

    @property
    def message(self) -> str:
        """One line for the user."""
        if self.path is not None:
            return f"No clipboard takes {self.characters:,} characters here; saved to {self.path}"
        # A terminal does not answer OSC 52, so it is not known whether it allows copying.
        verb = "sent to the terminal by OSC 52" if self.method == "OSC 52" else f"copied by {self.method}"
        return f"{verb} · {self.characters:,} characters"


class Clipboard:
    """Copies to wherever the user can paste from, best proof first.

    A clipboard program of a local display tells whether it worked; OSC 52 reaches the user's terminal also
    over ssh but gives no answer; what is too long for it goes to a private file. `write` sends text to the
    terminal without changing it.
    """

    def __init__(
        self, write: Callable[[str], None], environ: Mapping[str, str], folder: Path | None = None
    ) -> None:
        self._write = write
        self._environ = environ
        self._folder = folder

    async def copy(self, text: str) -> Copied:
        """Copy `text`; raises ChattermError when it could not even be saved to a file."""
        text = well_formed(text)
        for command in self._tools():
            if await _run(command, text, self._environ):
                return Copied(Path(command[0]).name, len(text))
        sequence = self._sequence(text)
        if sequence is not None:
            self._write(sequence)
            return Copied("OSC 52", len(text))
        return Copied("file", len(text), await asyncio.to_thread(self._save, text))

    def _tools(self) -> list[list[str]]:
        # Over ssh a display of this machine is not where the user sits.
        if any(self._environ.get(name) for name in ("SSH_CONNECTION", "SSH_TTY", "SSH_CLIENT")):
            return []
        candidates: list[list[str]] = []
        if sys.platform == "darwin":
            candidates.append(["pbcopy"])
        if self._environ.get("WAYLAND_DISPLAY"):
            candidates.append(["wl-copy"])
        if self._environ.get("DISPLAY"):
            candidates += [["xclip", "-selection", "clipboard"], ["xsel", "--clipboard", "--input"]]
        path = self._environ.get("PATH", os.defpath)
        found = [(shutil.which(command[0], path=path), command[1:]) for command in candidates]
        return [[program, *arguments] for program, arguments in found if program]

    def _sequence(self, text: str) -> str | None:
        payload = base64.b64encode(text.encode()).decode("ascii")
        if len(payload) > OSC52_LIMIT or self._environ.get("TERM", "") in ("", "dumb", "linux"):
            return None
        sequence = f"\x1b]52;c;{payload}\x07"
        if self._environ.get("TMUX"):
            # Passed through to the terminal where tmux allows that; the plain one is for tmux itself.
            return sequence + "\x1bPtmux;" + sequence.replace("\x1b", "\x1b\x1b") + "\x1b\\"
        if self._environ.get("STY"):
            # GNU screen passes device control strings on, but only short ones.
            parts = [sequence[at : at + _SCREEN_CHUNK] for at in range(0, len(sequence), _SCREEN_CHUNK)]
            return "".join(f"\x1bP{part}\x1b\\" for part in parts)
        return sequence

    def _save(self, text: str) -> Path:
        try:
            handle, name = tempfile.mkstemp(prefix="chatterm-copy-", suffix=".txt", dir=self._folder)
            with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
                file.write(text)
        except OSError as error:
            folder = self._folder or tempfile.gettempdir()
            raise ChattermError(
                f"Nothing was copied: no file can be written in {folder} ({error.strerror}).",
                "/export writes the conversation where you choose.",
            ) from error
        return Path(name)


async def _run(command: list[str], text: str, environ: Mapping[str, str]) -> bool:
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            # The programs stay in the background to serve the clipboard; an inherited pipe would never end.
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
            env=dict(environ),
        )
    except OSError:
        return False
    try:
        await asyncio.wait_for(process.communicate(text.encode()), _TOOL_SECONDS)
    except (TimeoutError, BrokenPipeError, ConnectionResetError):
        if process.returncode is None:
            process.kill()
        await process.wait()
        return False
    return process.returncode == 0
