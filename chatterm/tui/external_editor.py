"""The prompt in the user's own editor."""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from textual.app import SuspendNotSupported

from chatterm.core.errors import ChattermError

if TYPE_CHECKING:
    from chatterm.tui.front import Front

FALLBACKS = ("nano", "vi", "notepad")


def editor_command(environ: Mapping[str, str]) -> list[str]:
    """The words of $VISUAL or $EDITOR, else an editor that is there. Raises `ChattermError` without one."""
    for variable in ("VISUAL", "EDITOR"):
        if text := environ.get(variable, "").strip():
            try:
                return shlex.split(text)
            except ValueError:
                raise ChattermError(f"{variable} cannot be read: {text!r}.", "Set it to a command.") from None
    for name in FALLBACKS:
        if found := shutil.which(name):
            return [found]
    raise ChattermError("No editor was found.", "Set EDITOR to the one you use.")


async def edit_text(app: Front, text: str) -> str:
    """The text as the user leaves it in the editor; a reply that streams goes on meanwhile.

    The file lies in a private folder and is removed afterwards. Raises `ChattermError`, the text then stays.
    """
    command = editor_command(os.environ)
    with tempfile.TemporaryDirectory(prefix="chatterm-") as folder:
        path = Path(folder) / "prompt.md"
        path.write_text(text, encoding="utf-8")
        path.chmod(0o600)
        try:
            # In a batch nothing is painted, so a reply that comes in does not write over the editor.
            with app.suspend(), app.batch_update():
                app.lends_terminal = True
                process = await asyncio.create_subprocess_exec(*command, str(path))
                status = await process.wait()
        except (OSError, SuspendNotSupported) as error:
            reason = getattr(error, "strerror", None) or "the terminal cannot be handed over"
            raise ChattermError(f"{command[0]} did not start: {reason}.", "Set EDITOR to another.") from None
        finally:
            for _ in range(3):  # in which the loop takes a Ctrl+C that came just before
                await asyncio.sleep(0)
            app.lends_terminal = False
        if status != 0:
            raise ChattermError(f"{command[0]} ended with status {status}.", "The prompt is as it was.")
        return path.read_text(encoding="utf-8", errors="replace").rstrip("\n")
